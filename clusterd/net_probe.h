/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef VMHA_CLUSTERD_NET_PROBE_H
#define VMHA_CLUSTERD_NET_PROBE_H

#include <stddef.h>
#include <stdint.h>

#include "lib/base/mono.h"
#include "lib/core/iface.h"

/*
 * Calls the peers on every network: a small UDP packet that comes back.  Every interval each
 * address is called once; where no answer comes it is called again twice, half a second apart,
 * before it counts as out of reach.
 */
struct net_probe;

/** One peer's address, and the own one in the same network. */
struct net_target {
	uint32_t node;
	char ifname[VMHA_IFNAME_SIZE];
	char local[VMHA_ADDRESS_SIZE];
	char address[VMHA_ADDRESS_SIZE];
};

/** @param changed called from the loop when net_probe_reaches() would say something else */
struct net_probe *net_probe_new(uint32_t self, void (*changed)(void *data), void *data);
void net_probe_free(struct net_probe *p); /* NULL is fine */

/** Pace and UDP port of all nodes; takes effect at once. */
void net_probe_tune(struct net_probe *p, struct vmha_span interval, uint16_t port);

/** Whom to call from now on; what is known of those that stay is kept. */
void net_probe_targets(struct net_probe *p, const struct net_target *targets, size_t count);

/** What was found. @param reaches room for VMHA_REACHES_MAX. @return how many are known */
size_t net_probe_reaches(const struct net_probe *p, struct vmha_reach *reaches);

#endif
