/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef VMHA_PORT_NETLINK_H
#define VMHA_PORT_NETLINK_H

#include <stddef.h>

#include "lib/base/err.h"
#include "lib/core/iface.h"

/* The kernel's network cards, addresses and default routes (rtnetlink). */
struct vmha_netlink;

/**
 * From now on changes are told: read the addresses after this.
 * @return 0; negative errno
 */
int vmha_netlink_open(struct vmha_netlink **ret_netlink, struct vmha_err **err);
void vmha_netlink_close(struct vmha_netlink *n); /* NULL is fine */

/** @return descriptor, readable when vmha_netlink_changed() has something to take */
int vmha_netlink_fd(const struct vmha_netlink *n);

/**
 * Take the notifications that wait; never blocks.
 * @return 1 something may have changed (also when notifications were lost); 0 nothing; negative
 * errno: the socket is broken, open another one
 */
int vmha_netlink_changed(struct vmha_netlink *n);

/**
 * This node's addresses that cluster networks may be made of: not those of loopback, of libvirt's
 * own bridges (virbr*) or of guests' taps, no second address in a subnet, none that is link-local,
 * tentative or out of date.  `cluster` is not known here: false.
 * @param[out] ifaces      VMHA_IFACES_MAX of them; by card, then address
 * @param[out] ret_count   set on 0 only
 */
int vmha_netlink_read(struct vmha_netlink *n, struct vmha_iface *ifaces, size_t *ret_count,
		      struct vmha_err **err);

#endif
