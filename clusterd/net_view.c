/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Networks of the replicated state, for the modules and for commands. */
#include <errno.h>

#include "clusterd/net.h"
#include "clusterd/net_view.h"
#include "lib/base/cleanup.h"
#include "lib/core/cluster.h"

int net_view_fill(const struct clusterd *c, struct net_view *view, struct vmha_err **err)
{
	const struct vmha_cluster *s = c->cluster;
	size_t i;

	if (!s) {
		return vmha_err_set(err, -EAGAIN,
				    "no migration network ready yet: vmha-clusterd has not joined "
				    "the others");
	}
	for (i = 0; i < s->nodes_count; i++) {
		const struct vmha_cnode *n = &s->nodes[i];

		view->nodes[i] = (struct vmha_network_node){ .id = n->id,
							     .name = n->name,
							     .member = n->member,
							     .known = n->ifaces_known,
							     .ifaces = n->ifaces,
							     .ifaces_count = n->ifaces_count,
							     .reaches = n->reaches,
							     .reaches_count = n->reaches_count };
	}
	view->settings.count = 0;
	view->settings.order_count = 0;
	for (i = 0; i < s->settings_count; i++) {
		const struct vmha_setting_pair *p = &s->settings[i];
		vmha_autoerr struct vmha_err *why = NULL;

		if (!*p->node && vmha_setting_is_network(p->name) &&
		    vmha_network_settings_take(&view->settings, p->name, p->value, &why) < 0) {
			clusterd_log(VMHA_LOG_DEBUG, "network=%s ignored: %s", p->name,
				     vmha_err_text(why));
		}
	}
	view->in = (struct vmha_network_input){ .nodes = view->nodes,
						.nodes_count = s->nodes_count,
						.settings = &view->settings,
						.numbers = &s->numbers };
	return 0;
}

int net_paths(struct clusterd *c, uint32_t from, uint32_t to, struct vmha_network_paths *ret_paths,
	      struct vmha_err **err)
{
	struct net_view view;
	int r = net_view_fill(c, &view, err);

	return r < 0 ? r : vmha_network_order(&view.in, from, to, ret_paths, err);
}

static json_t *addresses_json(const struct vmha_network *net)
{
	json_t *list = json_array();
	size_t i;

	for (i = 0; i < net->addresses_count; i++) {
		const struct vmha_network_address *a = &net->addresses[i];

		(void)json_array_append_new(
			list, json_pack("{s:s, s:s, s:s, s:b, s:b, s:b}", "node", a->node_name,
					"interface", a->ifname, "address", a->address, "member",
					a->member, "up", a->up, "lost", a->lost));
	}
	return list;
}

static json_t *network_json(const struct vmha_network *net)
{
	return json_pack("{s:s, s:s, s:s, s:I, s:b, s:s, s:s, s:b, s:b, s:b, s:b, s:I, s:I, s:o}",
			 "name", net->name, "key", net->key, "subnet", net->subnet, "metric",
			 (json_int_t)net->metric, "autometric", net->autometric, "role",
			 vmha_network_role_name(net->role), "state",
			 vmha_network_state_name(net->state), "csv", net->csv, "cluster",
			 net->cluster, "gateway", net->gateway, "exclude", net->exclude, "rank",
			 (json_int_t)net->rank, "speed_mbps", (json_int_t)net->speed_mbps,
			 "addresses", addresses_json(net));
}

json_t *net_json(struct clusterd *c)
{
	vmha_autonetworks struct vmha_networks nets = { 0 };
	struct net_view view;
	json_t *list;
	size_t i;

	if (net_view_fill(c, &view, NULL) < 0) {
		return json_array();
	}
	if (vmha_networks_derive(&view.in, &nets) < 0) {
		return NULL;
	}
	list = json_array();
	for (i = 0; i < nets.count; i++) {
		if (json_array_append_new(list, network_json(&nets.items[i])) < 0) {
			json_decref(list);
			return NULL;
		}
	}
	return list;
}
