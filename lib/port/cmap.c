/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lib/port/cmap.h"

#include <corosync/cmap.h>
#include <corosync/corotypes.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "lib/base/cleanup.h"

#define NODES_MAX 64

static void get_text(cmap_handle_t map, size_t index, const char *field, char *to, size_t size)
{
	char key[CMAP_KEYNAME_MAXLEN + 1];
	vmha_autofree char *value = NULL;

	(void)snprintf(key, sizeof(key), "nodelist.node.%zu.%s", index, field);
	if (cmap_get_string(map, key, &value) == CS_OK && value) {
		(void)snprintf(to, size, "%s", value);
	}
}

/* @return false when the list has no such entry */
static bool get_node(cmap_handle_t map, size_t index, struct vmha_cmap_node *node)
{
	char key[CMAP_KEYNAME_MAXLEN + 1];
	char field[16];
	uint32_t id = 0;
	unsigned int link;

	(void)snprintf(key, sizeof(key), "nodelist.node.%zu.nodeid", index);
	(void)cmap_get_uint32(map, key, &id);
	node->id = id;
	get_text(map, index, "name", node->name, sizeof(node->name));
	for (link = 0; link < VMHA_CMAP_LINKS_MAX; link++) {
		char *to = node->links[node->links_count];

		(void)snprintf(field, sizeof(field), "ring%u_addr", link);
		get_text(map, index, field, to, sizeof(node->links[0]));
		node->links_count += *to ? 1 : 0;
	}
	return node->links_count > 0;
}

int vmha_cmap_nodes(struct vmha_cmap_node **ret_nodes, size_t *ret_count, struct vmha_err **err)
{
	struct vmha_cmap_node *nodes;
	cmap_handle_t map;
	size_t count = 0;
	cs_error_t cs = cmap_initialize(&map);

	if (cs != CS_OK) {
		return vmha_err_set(err, -ENOTCONN, "corosync: cannot read its configuration: %s",
				    cs_strerror(cs));
	}
	nodes = calloc(NODES_MAX, sizeof(*nodes));
	while (nodes && count < NODES_MAX && get_node(map, count, &nodes[count])) {
		count++;
	}
	(void)cmap_finalize(map);
	if (!nodes) {
		return vmha_err_set(err, -ENOMEM, "no memory for corosync's nodelist");
	}
	*ret_nodes = nodes;
	*ret_count = count;
	return 0;
}

int vmha_cmap_cluster_name(char *name, struct vmha_err **err)
{
	vmha_autofree char *value = NULL;
	cmap_handle_t map;
	cs_error_t cs = cmap_initialize(&map);

	if (cs != CS_OK) {
		return vmha_err_set(err, -ENOTCONN, "corosync: cannot read its configuration: %s",
				    cs_strerror(cs));
	}
	(void)cmap_get_string(map, "totem.cluster_name", &value);
	(void)cmap_finalize(map);
	(void)snprintf(name, VMHA_NODE_SIZE, "%s", value ? value : "");
	return 0;
}
