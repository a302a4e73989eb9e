/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef VMHA_CLUSTERD_NET_H
#define VMHA_CLUSTERD_NET_H

#include <jansson.h>

#include "clusterd/clusterd.h"
#include "lib/core/network.h"

/* Cluster networks (DESIGN.md, section 5), from the replicated state and what this node sees. */

/**
 * Ways for a migration: vmha_network_order() over the state as it is now.
 * @param from, to node ids
 * @return as vmha_network_order(): -EAGAIN is over within seconds, ask again
 */
int net_paths(struct clusterd *c, uint32_t from, uint32_t to, struct vmha_network_paths *ret_paths,
	      struct vmha_err **err);

/** All networks, as `networks` of the state that commands read. @return NULL: no memory */
json_t *net_json(struct clusterd *c);

#endif
