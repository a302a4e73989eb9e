/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lib/role/peers.h"

#include <errno.h>
#include <stdio.h>
#include <time.h>

#include "lib/base/cleanup.h"
#include "lib/base/str.h"
#include "lib/core/record.h"
#include "lib/port/nodes.h"
#include "lib/port/pcmk.h"

#define ADDRESS_ATTRIBUTE "vmha-migration-address"

int vmha_peer_find(const char *node, struct vmha_peer *ret_peer, struct vmha_err **err)
{
	vmha_autopcmk struct vmha_pcmk_state *state = NULL;
	const struct vmha_pcmk_node *n;
	int r = vmha_pcmk_state_read(&state, err);

	if (r < 0) {
		return r;
	}
	n = vmha_pcmk_node_find(state, node);
	if (!n) {
		return vmha_err_set(err, -ENOENT, "Pacemaker knows no node %s", node);
	}
	*ret_peer =
		(struct vmha_peer){ .host_id = n->id, .online = n->online, .unclean = n->unclean };
	return 0;
}

static bool fence_counts(const struct vmha_pcmk_fence *f, const char *node,
			 const struct vmha_life *life)
{
	struct tm tm = { 0 };

	return vmha_str_eq(f->target, node) && vmha_str_eq(f->status, "success") &&
	       (vmha_str_eq(f->action, "off") || vmha_str_eq(f->action, "reboot")) &&
	       strptime(f->when, "%Y-%m-%d %H:%M:%SZ", &tm) &&
	       vmha_fencing_ended((int64_t)timegm(&tm), life);
}

bool vmha_peer_fenced(const char *node, const struct vmha_life *life)
{
	vmha_autopcmk struct vmha_pcmk_state *state = NULL;
	size_t i;

	if (vmha_pcmk_state_read(&state, NULL) < 0) {
		return false;
	}
	for (i = 0; i < state->fences_count; i++) {
		if (fence_counts(&state->fences[i], node, life)) {
			return true;
		}
	}
	return false;
}

void vmha_peer_name(uint64_t host_id, char *name)
{
	vmha_autonodes struct vmha_nodes nodes = { 0 };

	(void)vmha_nodes_read(&nodes, NULL);
	(void)vmha_nodes_name(&nodes, host_id, name);
}

int vmha_peer_address(const char *node, char *address, struct vmha_err **err)
{
	vmha_autofree char *value = NULL;
	int r = vmha_pcmk_attribute_get(node, ADDRESS_ATTRIBUTE, &value, err);

	if (r < 0) {
		return r;
	}
	(void)snprintf(address, VMHA_NODE_SIZE, "%s", value);
	return 0;
}
