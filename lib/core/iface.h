/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef VMHA_CORE_IFACE_H
#define VMHA_CORE_IFACE_H

#include <stdbool.h>
#include <stdint.h>

/* What each node tells the others about its network cards and whom it reaches (DESIGN.md, section
 * 5).  Addresses are numbers as text, in inet_ntop()'s form. */
#define VMHA_IFNAME_SIZE  16
#define VMHA_ADDRESS_SIZE 46
#define VMHA_IFACES_MAX	  64  /* of one node; more are left out */
#define VMHA_REACHES_MAX  512 /* reported by one node */

/** One address of a node; a card with two addresses is there twice. */
struct vmha_iface {
	char ifname[VMHA_IFNAME_SIZE];
	char address[VMHA_ADDRESS_SIZE]; /* v4 or v6 */
	uint8_t prefix;			 /* length of the subnet's part: 0..32, 0..128 */
	uint32_t speed_mbps;		 /* 0: not known */
	bool up;			 /* administratively, and with a carrier */
	bool default_gateway;		 /* a default route leaves by this card, in this family */
	bool cluster;			 /* corosync uses the address */
};

/** What a node found when it called a peer's address; an address that is missing was not called
 * yet. */
struct vmha_reach {
	char address[VMHA_ADDRESS_SIZE];
	bool ok;
};

#endif
