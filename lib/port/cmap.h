/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef VMHA_PORT_CMAP_H
#define VMHA_PORT_CMAP_H

#include <stddef.h>

#include "lib/base/err.h"
#include "lib/core/record.h"

#define VMHA_CMAP_LINKS_MAX 8

/** A node of corosync.conf's nodelist. */
struct vmha_cmap_node {
	unsigned int id;	   /* 0: not given */
	char name[VMHA_NODE_SIZE]; /* "" not given */
	unsigned int links_count;
	char links[VMHA_CMAP_LINKS_MAX][VMHA_NODE_SIZE]; /* addresses or host names of its rings */
};

/**
 * Read the nodelist that corosync runs with.
 * @param[out] ret_nodes caller frees; set on 0 only
 * @return 0; -ENOTCONN corosync does not run; -ENOMEM
 */
int vmha_cmap_nodes(struct vmha_cmap_node **ret_nodes, size_t *ret_count, struct vmha_err **err);

/** The cluster's name (totem.cluster_name). @param[out] name VMHA_NODE_SIZE bytes, "" when it has
 * none @return 0; -ENOTCONN corosync does not run */
int vmha_cmap_cluster_name(char *name, struct vmha_err **err);

#endif
