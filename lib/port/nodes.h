/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef VMHA_PORT_NODES_H
#define VMHA_PORT_NODES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/err.h"
#include "lib/core/record.h"

/* Names of nodes by corosync node id, which is their sanlock host id: from Pacemaker's crm_node. */
struct vmha_node {
	uint64_t id;
	char name[VMHA_NODE_SIZE];
	bool member;
};

struct vmha_nodes {
	struct vmha_node *nodes;
	size_t count;
};

void vmha_nodes_free(struct vmha_nodes *nodes);
#define vmha_autonodes __attribute__((cleanup(vmha_nodes_free)))

/** @return 0; -EIO or -ETIMEDOUT when the cluster does not run here */
int vmha_nodes_read(struct vmha_nodes *ret_nodes, struct vmha_err **err);

/**
 * The name for messages.
 * @param nodes empty when they could not be read
 * @param[out] name VMHA_NODE_SIZE bytes: the name, or "host id 3 (no such node)"
 */
const char *vmha_nodes_name(const struct vmha_nodes *nodes, uint64_t id, char *name);

/** This node's id. @return 0; negative errno when the cluster does not run here */
int vmha_nodes_self(uint64_t *ret_id, struct vmha_err **err);

#endif
