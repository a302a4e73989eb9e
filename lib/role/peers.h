/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef VMHA_ROLE_PEERS_H
#define VMHA_ROLE_PEERS_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/base/err.h"
#include "lib/core/fencing.h"

/** Nodes of the cluster as Pacemaker sees them. */
struct vmha_peer {
	uint64_t host_id; /* corosync nodeid */
	bool online;
	bool unclean; /* to be fenced, not proven off */
};

/** @return 0; -ENOENT Pacemaker knows no such node */
int vmha_peer_find(const char *node, struct vmha_peer *ret_peer, struct vmha_err **err);

/** @return true when Pacemaker knows of a successful fencing of @node that ended @life: that one is
 * over, whatever the node does now */
bool vmha_peer_fenced(const char *node, const struct vmha_life *life);

/** Name of a host id; "host id N" where Pacemaker cannot tell. @param[out] name VMHA_NODE_SIZE */
void vmha_peer_name(uint64_t host_id, char *name);

/** A node's migration address, which csv publishes. @param[out] address VMHA_NODE_SIZE
 * @return 0; -ENOENT not published */
int vmha_peer_address(const char *node, char *address, struct vmha_err **err);

#endif
