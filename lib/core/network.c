/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lib/core/network.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/addr.h"
#include "lib/core/network_pair.h"

#define METRIC_PRIVATE	   1000U
#define METRIC_PRIVATE_MAX 9999U
#define METRIC_GATEWAY	   10000U
#define METRIC_STEP	   100U

/* --- subnets ---------------------------------------------------------------------------------- */

struct subnet {
	struct vmha_addr addr;
	unsigned int prefix;
};

/* A host's own prefix (/32, /128) says nothing about who else is there. */
static int subnet_of(const struct vmha_iface *iface, struct subnet *ret)
{
	struct vmha_addr a;

	if (vmha_addr_parse(iface->address, &a) < 0 || !vmha_addr_is_global(&a) || !iface->prefix ||
	    iface->prefix >= vmha_addr_bits(&a)) {
		return -EINVAL;
	}
	ret->addr = vmha_addr_mask(&a, iface->prefix);
	ret->prefix = iface->prefix;
	return 0;
}

static int subnet_compare(const struct subnet *a, const struct subnet *b)
{
	const int r = vmha_addr_compare(&a->addr, &b->addr);

	return r ? r : (int)a->prefix - (int)b->prefix;
}

static void subnet_text(const struct subnet *s, char *text, char *key)
{
	char addr[VMHA_ADDR_TEXT_SIZE];
	size_t i;

	vmha_addr_text(&s->addr, addr);
	(void)snprintf(text, VMHA_SUBNET_SIZE, "%s/%u", addr, s->prefix);
	(void)snprintf(key, VMHA_NETWORK_KEY_SIZE, "%s_%u", addr, s->prefix);
	for (i = 0; key[i]; i++) {
		key[i] = key[i] == ':' ? '-' : key[i];
	}
}

int vmha_network_key(const struct vmha_iface *iface, char *key)
{
	char text[VMHA_SUBNET_SIZE];
	struct subnet s;

	if (subnet_of(iface, &s) < 0) {
		return -EINVAL;
	}
	subnet_text(&s, text, key);
	return 0;
}

/* --- numbers ---------------------------------------------------------------------------------- */

static size_t number_of(const struct vmha_network_numbers *n, const char *key)
{
	size_t i;

	for (i = 0; i < VMHA_NETWORKS_MAX; i++) {
		if (strcmp(n->keys[i], key) == 0) {
			return i + 1;
		}
	}
	return 0;
}

static int subnet_sort(const void *a, const void *b)
{
	return subnet_compare(a, b);
}

bool vmha_network_numbers_learn(struct vmha_network_numbers *n, const struct vmha_iface *ifaces,
				size_t count)
{
	struct subnet subnets[VMHA_IFACES_MAX] = { 0 };
	char text[VMHA_SUBNET_SIZE];
	char key[VMHA_NETWORK_KEY_SIZE];
	bool learnt = false;
	size_t found = 0;
	size_t i;

	for (i = 0; i < count && found < VMHA_IFACES_MAX; i++) {
		found += subnet_of(&ifaces[i], &subnets[found]) == 0;
	}
	qsort(subnets, found, sizeof(subnets[0]), subnet_sort);
	for (i = 0; i < found; i++) {
		size_t free_number;

		subnet_text(&subnets[i], text, key);
		if (number_of(n, key)) {
			continue;
		}
		free_number = number_of(n, "");
		if (free_number) {
			(void)snprintf(n->keys[free_number - 1], VMHA_NETWORK_KEY_SIZE, "%s", key);
			learnt = true;
		}
	}
	return learnt;
}

/* --- grouping --------------------------------------------------------------------------------- */

/* A network while it is put together. */
struct group {
	struct subnet subnet;
	struct vmha_network *net;
};

struct groups {
	struct group items[VMHA_NETWORKS_MAX];
	size_t count;
	size_t nodes; /* at most so many addresses each */
};

/* @return 0; -ENOSPC a new one, and there are too many already; -ENOMEM */
static int group_get(struct groups *g, const struct subnet *s, struct group **ret_item)
{
	struct vmha_network_address *addresses;
	struct group *item;
	size_t i;

	for (i = 0; i < g->count; i++) {
		if (subnet_compare(&g->items[i].subnet, s) == 0) {
			*ret_item = &g->items[i];
			return 0;
		}
	}
	if (g->count == VMHA_NETWORKS_MAX) {
		return -ENOSPC;
	}
	item = &g->items[g->count];
	addresses = calloc(g->nodes, sizeof(*addresses));
	item->net = calloc(1, sizeof(*item->net));
	if (!addresses || !item->net) {
		free(addresses);
		free(item->net);
		return -ENOMEM;
	}
	item->subnet = *s;
	item->net->addresses = addresses;
	g->count++;
	*ret_item = item;
	return 0;
}

static void groups_free(struct groups *g)
{
	size_t i;

	for (i = 0; i < g->count; i++) {
		if (g->items[i].net) {
			free(g->items[i].net->addresses);
			free(g->items[i].net);
		}
	}
}

/* Of a node's several addresses in a subnet: corosync's, else one that is up, else the first. */
static bool better(const struct vmha_iface *iface, const struct vmha_network_address *have,
		   bool have_cluster)
{
	if (iface->cluster != have_cluster) {
		return iface->cluster;
	}
	return iface->up && !have->up;
}

/* The entry of a node in its network. @return NULL: it has none yet; nodes come one after the other
 */
static struct vmha_network_address *entry_last(const struct vmha_network *net, uint32_t node)
{
	struct vmha_network_address *a;

	if (!net->addresses_count) {
		return NULL;
	}
	a = &net->addresses[net->addresses_count - 1];
	return a->node == node ? a : NULL;
}

static void group_add(struct vmha_network *net, const struct vmha_network_node *node,
		      const struct vmha_iface *iface, bool *first_cluster)
{
	struct vmha_network_address *a = entry_last(net, node->id);

	net->gateway = net->gateway || iface->default_gateway;
	net->cluster = net->cluster || iface->cluster;
	if (iface->speed_mbps && (!net->speed_mbps || iface->speed_mbps < net->speed_mbps)) {
		net->speed_mbps = iface->speed_mbps;
	}
	if (a && !better(iface, a, *first_cluster)) {
		return;
	}
	if (!a) {
		a = &net->addresses[net->addresses_count++];
	}
	*first_cluster = iface->cluster;
	a->node = node->id;
	(void)snprintf(a->node_name, sizeof(a->node_name), "%s", node->name);
	(void)snprintf(a->ifname, sizeof(a->ifname), "%s", iface->ifname);
	(void)snprintf(a->address, sizeof(a->address), "%s", iface->address);
	a->member = node->member;
	a->up = iface->up;
}

/* An address that two members have leads to neither (each host's own NAT bridge, say). */
static bool address_is_shared(const struct vmha_network_input *in,
			      const struct vmha_network_node *node, const char *address)
{
	size_t i;
	size_t j;

	for (i = 0; i < in->nodes_count; i++) {
		const struct vmha_network_node *other = &in->nodes[i];

		for (j = 0; other != node && other->member && j < other->ifaces_count; j++) {
			if (strcmp(other->ifaces[j].address, address) == 0) {
				return true;
			}
		}
	}
	return false;
}

static int node_add(const struct vmha_network_input *in, struct groups *g,
		    const struct vmha_network_node *node)
{
	bool cluster[VMHA_NETWORKS_MAX] = { false };
	size_t i;

	for (i = 0; i < node->ifaces_count; i++) {
		struct subnet s;
		struct group *item;
		int r;

		if (subnet_of(&node->ifaces[i], &s) < 0 ||
		    (node->member && address_is_shared(in, node, node->ifaces[i].address))) {
			continue;
		}
		r = group_get(g, &s, &item);
		if (r == -ENOMEM) {
			return r;
		}
		if (r < 0) {
			continue; /* one too many; what follows may be of a network that is there */
		}
		group_add(item->net, node, &node->ifaces[i], &cluster[item - g->items]);
	}
	return 0;
}

/* --- settings, metric ------------------------------------------------------------------------- */

static const struct vmha_network_setting *setting_find(const struct vmha_network_settings *s,
						       const char *key)
{
	size_t i;

	for (i = 0; s && i < s->count; i++) {
		if (strcmp(s->items[i].key, key) == 0) {
			return &s->items[i];
		}
	}
	return NULL;
}

static void settings_apply(const struct vmha_network_input *in, struct vmha_network *net)
{
	const struct vmha_network_setting *set = setting_find(in->settings, net->key);

	net->role = net->gateway ? VMHA_NETWORK_CLIENT : VMHA_NETWORK_CLUSTER;
	if (set) {
		net->role = set->role_set ? set->role : net->role;
		net->exclude = set->exclude;
		if (set->metric) {
			net->metric = set->metric;
			net->autometric = false;
		}
	}
	if (set && *set->name) {
		(void)snprintf(net->name, sizeof(net->name), "%s", set->name);
	} else {
		(void)snprintf(net->name, sizeof(net->name), "Cluster Network %u", net->number);
	}
}

/* Private before gateway; the faster link first; then by subnet. */
static int metric_sort(const void *x, const void *y)
{
	const struct group *a = x;
	const struct group *b = y;

	if (a->net->gateway != b->net->gateway) {
		return a->net->gateway ? 1 : -1;
	}
	if (a->net->speed_mbps != b->net->speed_mbps) {
		return a->net->speed_mbps > b->net->speed_mbps ? -1 : 1;
	}
	return subnet_compare(&a->subnet, &b->subnet);
}

/* Every network takes its place, also one whose metric is set by hand: so the others keep theirs.
 */
static void metrics_give(struct groups *g)
{
	unsigned int places[2] = { 0, 0 };
	size_t i;

	qsort(g->items, g->count, sizeof(g->items[0]), metric_sort);
	for (i = 0; i < g->count; i++) {
		struct vmha_network *net = g->items[i].net;
		const unsigned int place = places[net->gateway]++ * METRIC_STEP;

		net->autometric = true;
		net->metric = (net->gateway ? METRIC_GATEWAY : METRIC_PRIVATE) + place;
		if (!net->gateway && net->metric > METRIC_PRIVATE_MAX) {
			net->metric = METRIC_PRIVATE_MAX;
		}
	}
}

static int group_sort_subnet(const void *x, const void *y)
{
	const struct group *a = x;
	const struct group *b = y;

	return subnet_compare(&a->subnet, &b->subnet);
}

static void names_give(const struct vmha_network_input *in, struct groups *g)
{
	uint32_t next = 1;
	size_t i;

	qsort(g->items, g->count, sizeof(g->items[0]), group_sort_subnet);
	for (i = 0; i < g->count; i++) {
		struct vmha_network *net = g->items[i].net;
		const size_t known = in->numbers ? number_of(in->numbers, net->key) : 0;

		/* beyond those that can be remembered: only seen with a state of another release */
		net->number =
			known ? (uint32_t)known : next++ + (in->numbers ? VMHA_NETWORKS_MAX : 0);
	}
}

/* --- state, CSV, rank ------------------------------------------------------------------------- */

/* Members that are not in a network cannot take part in its traffic. */
static size_t members_missing(const struct vmha_network_input *in, const struct vmha_network *net)
{
	size_t missing = 0;
	size_t i;

	for (i = 0; i < in->nodes_count; i++) {
		missing += in->nodes[i].member;
	}
	for (i = 0; i < net->addresses_count; i++) {
		missing -= net->addresses[i].member;
	}
	return missing;
}

static bool csv_better(const struct vmha_network_input *in, const struct vmha_network *a,
		       const struct vmha_network *b)
{
	const size_t x = members_missing(in, a);
	const size_t y = members_missing(in, b);

	if (x != y) {
		return x < y;
	}
	return a->state != b->state ? a->state < b->state : a->metric < b->metric;
}

static void csv_choose(const struct vmha_network_input *in, struct groups *g)
{
	struct vmha_network *best = NULL;
	size_t i;

	for (i = 0; i < g->count; i++) { /* sorted by subnet: ties go to the lower one */
		struct vmha_network *net = g->items[i].net;

		if (net->role != VMHA_NETWORK_NONE && net->state != VMHA_NETWORK_DOWN &&
		    (!best || csv_better(in, net, best))) {
			best = net;
		}
	}
	if (best) {
		best->csv = true;
	}
}

static size_t place_in_order(const struct vmha_network_settings *s, const char *key)
{
	size_t i;

	for (i = 0; s && i < s->order_count; i++) {
		if (strcmp(s->order[i], key) == 0) {
			return i;
		}
	}
	return VMHA_NETWORKS_MAX;
}

static bool before(const struct vmha_network_input *in, const struct vmha_network *a,
		   const struct vmha_network *b)
{
	const size_t x = place_in_order(in->settings, a->key);
	const size_t y = place_in_order(in->settings, b->key);
	const bool a_busy = a->csv || a->cluster;
	const bool b_busy = b->csv || b->cluster;

	if (x != y) {
		return x < y;
	}
	if (a_busy != b_busy) {
		return b_busy;
	}
	if (a->gateway != b->gateway) {
		return b->gateway;
	}
	return a->metric < b->metric;
}

/* Rank of each: 1 + how many come before it (sorted by subnet, which decides ties). */
static void ranks_give(const struct vmha_network_input *in, struct groups *g)
{
	size_t i;
	size_t j;

	for (i = 0; i < g->count; i++) {
		struct vmha_network *net = g->items[i].net;

		if (net->exclude || net->role == VMHA_NETWORK_NONE) {
			continue;
		}
		net->rank = 1;
		for (j = 0; j < g->count; j++) {
			const struct vmha_network *other = g->items[j].net;

			if (i == j || other->exclude || other->role == VMHA_NETWORK_NONE) {
				continue;
			}
			net->rank += before(in, other, net) || (j < i && !before(in, net, other));
		}
	}
}

static int number_sort(const void *x, const void *y)
{
	const struct vmha_network *a = x;
	const struct vmha_network *b = y;

	return a->number < b->number ? -1 : a->number > b->number;
}

static int groups_steal(struct groups *g, struct vmha_networks *ret)
{
	struct vmha_network *items = calloc(g->count ? g->count : 1, sizeof(*items));
	size_t i;

	if (!items) {
		return -ENOMEM;
	}
	for (i = 0; i < g->count; i++) {
		items[i] = *g->items[i].net;
		free(g->items[i].net);
		g->items[i].net = NULL;
	}
	qsort(items, g->count, sizeof(*items), number_sort);
	ret->items = items;
	ret->count = g->count;
	return 0;
}

int vmha_networks_derive(const struct vmha_network_input *in, struct vmha_networks *ret_networks)
{
	__attribute__((cleanup(groups_free))) struct groups g = { .nodes = in->nodes_count };
	size_t i;

	for (i = 0; i < in->nodes_count; i++) {
		if (node_add(in, &g, &in->nodes[i]) < 0) {
			return -ENOMEM;
		}
	}
	for (i = 0; i < g.count; i++) {
		subnet_text(&g.items[i].subnet, g.items[i].net->subnet, g.items[i].net->key);
	}
	metrics_give(&g);
	names_give(in, &g); /* and leaves them sorted by subnet */
	for (i = 0; i < g.count; i++) {
		settings_apply(in, g.items[i].net);
		vmha_network_judge(in, g.items[i].net);
	}
	csv_choose(in, &g);
	ranks_give(in, &g);
	return groups_steal(&g, ret_networks);
}

void vmha_networks_free(struct vmha_networks *n)
{
	size_t i;

	for (i = 0; i < n->count; i++) {
		free(n->items[i].addresses);
	}
	free(n->items);
	*n = (struct vmha_networks){ 0 };
}

const struct vmha_network *vmha_network_find(const struct vmha_networks *n, const char *name)
{
	size_t i;

	for (i = 0; i < n->count; i++) {
		const struct vmha_network *net = &n->items[i];

		if (strcmp(net->name, name) == 0 || strcmp(net->key, name) == 0 ||
		    strcmp(net->subnet, name) == 0) {
			return net;
		}
	}
	return NULL;
}
