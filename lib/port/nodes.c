/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lib/port/nodes.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/cleanup.h"
#include "lib/base/mono.h"
#include "lib/base/proc.h"
#include "lib/base/str.h"

#define ASK_S 15

void vmha_nodes_free(struct vmha_nodes *nodes)
{
	free(nodes->nodes);
	*nodes = (struct vmha_nodes){ 0 };
}

/* "1 node1 member" */
static int line_add(struct vmha_nodes *to, char *line)
{
	struct vmha_node node = { 0 };
	struct vmha_node *bigger;
	char *save = NULL;
	const char *id = strtok_r(line, " ", &save);
	const char *name = strtok_r(NULL, " ", &save);
	const char *state = strtok_r(NULL, " ", &save);

	if (!id || !name || vmha_str_u64(id, 1, UINT32_MAX, &node.id) < 0) {
		return 0;
	}
	(void)snprintf(node.name, sizeof(node.name), "%s", name);
	node.member = state && strcmp(state, "member") == 0;
	bigger = reallocarray(to->nodes, to->count + 1, sizeof(*to->nodes));
	if (!bigger) {
		return -ENOMEM;
	}
	to->nodes = bigger;
	to->nodes[to->count++] = node;
	return 0;
}

int vmha_nodes_read(struct vmha_nodes *ret_nodes, struct vmha_err **err)
{
	static const char *const argv[] = { "crm_node", "-l", NULL };
	vmha_autoresult struct vmha_proc_result res = { 0 };
	vmha_autonodes struct vmha_nodes nodes = { 0 };
	char *save = NULL;
	char *line;
	int r = vmha_proc_check(argv, NULL, VMHA_SPAN_S(ASK_S), &res, err);

	if (r < 0) {
		(void)vmha_err_prefix(err, "cannot list the cluster's nodes");
		return r;
	}
	for (line = strtok_r(res.output, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		if (line_add(&nodes, line) < 0) {
			return vmha_err_set(err, -ENOMEM, "out of memory listing nodes");
		}
	}
	*ret_nodes = nodes;
	nodes = (struct vmha_nodes){ 0 };
	return 0;
}

const char *vmha_nodes_name(const struct vmha_nodes *nodes, uint64_t id, char *name)
{
	size_t i;

	for (i = 0; i < nodes->count; i++) {
		if (nodes->nodes[i].id == id) {
			(void)snprintf(name, VMHA_NODE_SIZE, "%s", nodes->nodes[i].name);
			return name;
		}
	}
	(void)snprintf(name, VMHA_NODE_SIZE, "host id %llu (no node of that id is known)",
		       (unsigned long long)id);
	return name;
}

int vmha_nodes_self(uint64_t *ret_id, struct vmha_err **err)
{
	static const char *const argv[] = { "crm_node", "-i", NULL };
	vmha_autoresult struct vmha_proc_result res = { 0 };
	int r = vmha_proc_check(argv, NULL, VMHA_SPAN_S(ASK_S), &res, err);

	if (r < 0) {
		(void)vmha_err_prefix(err, "cannot ask for this node's id");
		return r;
	}
	res.output[strcspn(res.output, "\r\n ")] = '\0';
	if (vmha_str_u64(res.output, 1, UINT32_MAX, ret_id) < 0) {
		return vmha_err_set(err, -EBADMSG, "crm_node -i says '%s' instead of a node id",
				    res.output);
	}
	return 0;
}
