/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/cleanup.h"
#include "lib/core/network.h"
#include "lib/core/network_pair.h"
#include "tests/unit/unit.h"

#define NODES 3
#define NETS  5

/* A cluster as the lab's: clu (corosync), mig, pub (gateway by choice), mgt (corosync), mig in v6.
 */
struct world {
	struct vmha_iface ifaces[NODES][NETS];
	struct vmha_reach reaches[NODES][NODES * NETS];
	struct vmha_network_node nodes[NODES];
	struct vmha_network_settings settings;
	struct vmha_network_numbers numbers;
	struct vmha_network_input in;
	struct vmha_networks nets;
};

enum { CLU, MIG, PUB, MGT, MIG6 };

static const char *const names[NODES] = { "node1", "node2", "node3" };

static void iface_fill(struct vmha_iface *f, int node, int net)
{
	static const char *const cards[NETS] = { "clu", "mig", "vmbr0", "mgt", "mig" };

	*f = (struct vmha_iface){ .prefix = net == MIG6 ? 64 : 24,
				  .speed_mbps = 10000,
				  .up = true,
				  .cluster = net == CLU || net == MGT };
	(void)snprintf(f->ifname, sizeof(f->ifname), "%s", cards[net]);
	if (net == MIG6) {
		(void)snprintf(f->address, sizeof(f->address), "fd00:71:2::%d", node + 1);
	} else {
		(void)snprintf(f->address, sizeof(f->address), "10.71.%d.%d", net + 1, node + 1);
	}
}

static void world_make(struct world *w)
{
	int node;
	int net;
	int peer;

	*w = (struct world){ 0 };
	for (node = 0; node < NODES; node++) {
		struct vmha_network_node *n = &w->nodes[node];

		for (net = 0; net < NETS; net++) {
			iface_fill(&w->ifaces[node][net], node, net);
		}
		*n = (struct vmha_network_node){ .id = (uint32_t)node + 1,
						 .name = names[node],
						 .member = true,
						 .known = true,
						 .ifaces = w->ifaces[node],
						 .ifaces_count = NETS,
						 .reaches = w->reaches[node] };
		for (peer = 0; peer < NODES; peer++) {
			for (net = 0; peer != node && net < NETS; net++) {
				struct vmha_reach *r = &w->reaches[node][n->reaches_count++];
				struct vmha_iface f;

				iface_fill(&f, peer, net);
				memcpy(r->address, f.address, sizeof(r->address));
				r->ok = true;
			}
		}
	}
	w->in = (struct vmha_network_input){ .nodes = w->nodes,
					     .nodes_count = NODES,
					     .settings = &w->settings,
					     .numbers = &w->numbers };
	(void)vmha_network_numbers_learn(&w->numbers, w->ifaces[0], NETS);
}

static void derive(struct world *w)
{
	vmha_networks_free(&w->nets);
	CHECK_INT(vmha_networks_derive(&w->in, &w->nets), 0);
}

static void set(struct world *w, const char *name, const char *value)
{
	CHECK_INT(vmha_network_settings_take(&w->settings, name, value, NULL), 0);
}

static struct vmha_reach *reach(struct world *w, int node, const char *address)
{
	size_t i;

	for (i = 0; i < w->nodes[node].reaches_count; i++) {
		if (strcmp(w->reaches[node][i].address, address) == 0) {
			return &w->reaches[node][i];
		}
	}
	unit_fail("that address is called", __FILE__, __LINE__);
}

/* Names of the ways from node @from to node @to, "!" behind those that do not answer. */
static const char *order(struct world *w, uint32_t from, uint32_t to)
{
	static char text[512];
	vmha_autopaths struct vmha_network_paths p = { 0 };
	size_t i;
	int r = vmha_network_order(&w->in, from, to, &p, NULL);

	if (r < 0) {
		(void)snprintf(text, sizeof(text), "%s", strerror(-r));
		return text;
	}
	text[0] = '\0';
	for (i = 0; i < p.count; i++) {
		const size_t len = strlen(text);

		(void)snprintf(text + len, sizeof(text) - len, "%s%s%s", i ? " " : "",
			       strrchr(p.items[i].name, ' ') ? strrchr(p.items[i].name, ' ') + 1
							     : p.items[i].name,
			       p.items[i].reachable ? "" : "!");
	}
	return text;
}

static const struct vmha_network *net_of(struct world *w, const char *name)
{
	const struct vmha_network *net = vmha_network_find(&w->nets, name);

	CHECK(net);
	return net;
}

static void defaults_without_gateway(void)
{
	static const char *const subnets[NETS] = { "10.71.1.0/24", "10.71.2.0/24", "10.71.3.0/24",
						   "10.71.4.0/24", "fd00:71:2::/64" };
	struct world w;
	uint32_t i;

	world_make(&w);
	derive(&w);
	CHECK_INT(w.nets.count, NETS);
	for (i = 0; i < NETS; i++) {
		const struct vmha_network *net = &w.nets.items[i];
		char name[VMHA_NETWORK_NAME_SIZE];

		(void)snprintf(name, sizeof(name), "Cluster Network %u", i + 1);
		CHECK_STR(net->name, name);
		CHECK_STR(net->subnet, subnets[i]);
		CHECK_INT(net->metric, 1000 + 100 * i);
		CHECK(net->autometric && !net->gateway && !net->exclude);
		CHECK_INT(net->role, VMHA_NETWORK_CLUSTER);
		CHECK_INT(net->state, VMHA_NETWORK_UP);
		CHECK_INT(net->csv, i == CLU);
		CHECK_INT(net->cluster, i == CLU || i == MGT);
		CHECK_INT(net->addresses_count, NODES);
		CHECK_STR(net->addresses[1].node_name, "node2");
	}
	CHECK_STR(w.nets.items[MIG6].key, "fd00-71-2--_64");
	CHECK_STR(order(&w, 1, 2), "2 3 5 1 4");
	vmha_networks_free(&w.nets);
}

static void gateway_and_speed_make_metric(void)
{
	struct world w;

	world_make(&w);
	w.ifaces[1][PUB].default_gateway = true; /* one node's is enough */
	w.ifaces[2][CLU].speed_mbps = 1000;	 /* the slowest card counts */
	w.ifaces[0][MIG6].speed_mbps = 0;	 /* not known: the others tell */
	derive(&w);
	CHECK_INT(net_of(&w, "10.71.3.0/24")->metric, 10000);
	CHECK_INT(net_of(&w, "10.71.3.0/24")->role, VMHA_NETWORK_CLIENT);
	CHECK_INT(net_of(&w, "10.71.2.0/24")->metric, 1000);
	CHECK_INT(net_of(&w, "10.71.4.0/24")->metric, 1100);
	CHECK_INT(net_of(&w, "fd00:71:2::/64")->metric, 1200);
	CHECK_INT(net_of(&w, "10.71.1.0_24")->metric, 1300);
	CHECK(net_of(&w, "10.71.2.0/24")->csv);
	/* without gateway first; CSV and corosync last, by metric */
	CHECK_STR(order(&w, 1, 2), "5 3 2 4 1");
	vmha_networks_free(&w.nets);
}

static void metric_by_hand_moves_nobody_else(void)
{
	struct world w;

	world_make(&w);
	set(&w, "net.10.71.2.0_24.metric", "50");
	derive(&w);
	CHECK_INT(net_of(&w, "Cluster Network 2")->metric, 50);
	CHECK(!net_of(&w, "Cluster Network 2")->autometric);
	CHECK(net_of(&w, "Cluster Network 2")->csv);
	CHECK_INT(net_of(&w, "Cluster Network 1")->metric, 1000);
	CHECK_INT(net_of(&w, "Cluster Network 3")->metric, 1200);
	CHECK_STR(order(&w, 1, 2), "3 5 2 1 4");
	w.settings = (struct vmha_network_settings){ 0 };
	derive(&w);
	CHECK_INT(net_of(&w, "Cluster Network 2")->metric, 1100);
	CHECK(net_of(&w, "Cluster Network 2")->autometric);
	vmha_networks_free(&w.nets);
}

static void order_exclusion_role_and_name(void)
{
	struct world w;

	world_make(&w);
	set(&w, "migration-order", "10.71.4.0_24,fd00-71-2--_64,10.9.9.0_24");
	CHECK_STR(order(&w, 2, 3), "4 5 2 3 1");
	set(&w, "net.fd00-71-2--_64.exclude", "yes");
	CHECK_STR(order(&w, 2, 3), "4 2 3 1");
	set(&w, "net.10.71.3.0_24.role", "none");
	CHECK_STR(order(&w, 2, 3), "4 2 1");
	set(&w, "net.10.71.2.0_24.name", "Fast");
	CHECK_STR(order(&w, 2, 3), "4 Fast 1");
	derive(&w);
	CHECK_INT(net_of(&w, "Fast")->rank, 2);
	CHECK_INT(net_of(&w, "10.71.3.0/24")->rank, 0);
	CHECK(net_of(&w, "fd00:71:2::/64")->exclude);
	CHECK_INT(net_of(&w, "fd00:71:2::/64")->rank, 0);
	set(&w, "net.fd00-71-2--_64.exclude", "no");
	set(&w, "migration-order", "");
	CHECK_STR(order(&w, 2, 3), "Fast 5 1 4");
	CHECK(!vmha_network_find(&w.nets, "nonesuch"));
	vmha_networks_free(&w.nets);
}

static void a_cut_is_named(void)
{
	struct world w;
	const struct vmha_network *net;
	vmha_autopaths struct vmha_network_paths p = { 0 };

	world_make(&w);
	w.ifaces[0][MIG].up = false;
	derive(&w);
	net = net_of(&w, "10.71.2.0/24");
	CHECK_INT(net->state, VMHA_NETWORK_PARTITIONED);
	CHECK(net->addresses[0].lost && !net->addresses[1].lost && !net->addresses[2].lost);
	CHECK_INT(net_of(&w, "10.71.1.0/24")->state, VMHA_NETWORK_UP);
	CHECK_INT(vmha_network_order(&w.in, 1, 2, &p, NULL), 0);
	CHECK_INT(p.count, 4);
	CHECK_STR(p.skipped.text, "Cluster Network 2: node1's card is down");
	vmha_network_paths_free(&p);
	CHECK_INT(p.count, 0);
	CHECK_STR(order(&w, 2, 3), "2 3 5 1 4");

	/* both cards are up, and node1 hears nobody: known by one side's calls */
	w.ifaces[0][MIG].up = true;
	reach(&w, 1, "10.71.2.1")->ok = false;
	reach(&w, 0, "10.71.2.3")->ok = false;
	derive(&w);
	net = net_of(&w, "10.71.2.0/24");
	CHECK_INT(net->state, VMHA_NETWORK_PARTITIONED);
	CHECK(net->addresses[0].lost && !net->addresses[1].lost && !net->addresses[2].lost);
	CHECK_STR(order(&w, 2, 1), "3 5 1 4 2!");

	/* then nobody hears anybody */
	reach(&w, 1, "10.71.2.3")->ok = false;
	derive(&w);
	net = net_of(&w, "10.71.2.0/24");
	CHECK_INT(net->state, VMHA_NETWORK_DOWN);
	CHECK(net->addresses[0].lost && net->addresses[1].lost && net->addresses[2].lost);

	/* the CSV network is the next that is up */
	w.ifaces[0][CLU].up = w.ifaces[1][CLU].up = w.ifaces[2][CLU].up = false;
	derive(&w);
	CHECK_INT(net_of(&w, "10.71.1.0/24")->state, VMHA_NETWORK_DOWN);
	CHECK(net_of(&w, "10.71.3.0/24")->csv);
	vmha_networks_free(&w.nets);
}

static void one_report_is_enough_to_judge(void)
{
	struct world w;
	struct vmha_network_address a[2] = {
		{ .node = 1, .address = "10.71.2.1", .member = true, .up = true },
		{ .node = 2, .address = "10.71.2.2", .member = true, .up = true },
	};
	struct vmha_network net = { .role = VMHA_NETWORK_CLUSTER,
				    .addresses = a,
				    .addresses_count = 2 };

	world_make(&w);
	vmha_network_judge(&w.in, &net);
	CHECK_INT(net.state, VMHA_NETWORK_UP);
	reach(&w, 1, "10.71.2.1")->ok = false;
	vmha_network_judge(&w.in, &net);
	CHECK_INT(net.state, VMHA_NETWORK_DOWN);
	CHECK(a[0].lost && a[1].lost);
	net.role = VMHA_NETWORK_NONE; /* not probed: a report is an old one */
	vmha_network_judge(&w.in, &net);
	CHECK_INT(net.state, VMHA_NETWORK_UP);
	a[1].up = false;
	vmha_network_judge(&w.in, &net);
	CHECK_INT(net.state, VMHA_NETWORK_DOWN);
	CHECK(!a[0].lost && a[1].lost);
}

static void who_is_off_does_not_count(void)
{
	struct world w;

	world_make(&w);
	w.nodes[2].member = false;
	w.nodes[2].reaches_count = 0;
	reach(&w, 0, "10.71.2.3")->ok = false;
	derive(&w);
	CHECK_INT(net_of(&w, "10.71.2.0/24")->state, VMHA_NETWORK_UP);
	CHECK_INT(net_of(&w, "10.71.2.0/24")->addresses_count, 3);
	CHECK(!net_of(&w, "10.71.2.0/24")->addresses[2].member);
	CHECK_STR(order(&w, 1, 3), strerror(EHOSTUNREACH));
	CHECK_STR(order(&w, 1, 4), strerror(ENOENT));
	vmha_networks_free(&w.nets);
}

static void discovery_has_to_settle(void)
{
	struct world w;

	world_make(&w);
	w.nodes[1].known = false;
	CHECK_STR(order(&w, 1, 2), strerror(EAGAIN));
	w.nodes[1].known = true;
	w.nodes[0].reaches_count = w.nodes[1].reaches_count = 0;
	CHECK_STR(order(&w, 1, 2), strerror(EAGAIN));
	derive(&w);
	CHECK_INT(w.nets.items[0].state, VMHA_NETWORK_UP); /* nothing is known against it */
	w.nodes[0].reaches_count = NETS * (NODES - 1);	   /* one side's echo proves both ways */
	CHECK_STR(order(&w, 1, 2), "2 3 5 1 4");
	CHECK_STR(order(&w, 2, 1), "2 3 5 1 4");
	w.nodes[2].reaches_count = 0;
	CHECK_STR(order(&w, 2, 3), strerror(EAGAIN));
	vmha_networks_free(&w.nets);
}

static void no_way_says_why(void)
{
	vmha_autopaths struct vmha_network_paths p = { 0 };
	vmha_autoerr struct vmha_err *err = NULL;
	struct world w;
	int net;

	world_make(&w);
	set(&w, "net.10.71.1.0_24.exclude", "yes");
	set(&w, "net.10.71.4.0_24.role", "none");
	w.ifaces[0][MIG].up = false;
	w.ifaces[1][PUB].up = false;
	w.nodes[1].ifaces_count = NETS - 1; /* no v6 */
	CHECK_INT(vmha_network_order(&w.in, 1, 2, &p, &err), -EHOSTUNREACH);
	CHECK_STR(
		vmha_err_text(err),
		"no network for a migration from node1 to node2: Cluster Network 1: excluded from "
		"migrations; Cluster Network 2: node1's card is down; Cluster Network 3: node2's "
		"card is down; Cluster Network 4: its role is none; Cluster Network 5: node2 has "
		"no address there");
	for (net = 0; net < NETS; net++) {
		w.ifaces[0][net].prefix = 32;
	}
	w.nodes[1].ifaces_count = 0;
	w.nodes[2].ifaces_count = 0;
	w.ifaces[0][MIG6].prefix = 128;
	CHECK_STR(order(&w, 1, 2), strerror(EHOSTUNREACH));
}

static void numbers_stay(void)
{
	struct world w;
	struct vmha_iface first = {
		.address = "10.5.0.1", .prefix = 16, .speed_mbps = 10000, .up = true
	};

	world_make(&w);
	CHECK(vmha_network_numbers_learn(&w.numbers, &first, 1));
	CHECK(!vmha_network_numbers_learn(&w.numbers, &first, 1));
	CHECK(!vmha_network_numbers_learn(&w.numbers, w.ifaces[2], NETS));
	CHECK_STR(w.numbers.keys[5], "10.5.0.0_16");
	w.ifaces[0][CLU] = first; /* sorts before all, and is Cluster Network 6 all the same */
	derive(&w);
	CHECK_INT(w.nets.count, NETS + 1);
	CHECK_STR(w.nets.items[0].subnet, "10.71.1.0/24");
	CHECK_STR(w.nets.items[5].name, "Cluster Network 6");
	CHECK_STR(w.nets.items[5].subnet, "10.5.0.0/16");
	CHECK_INT(w.nets.items[5].metric, 1000);
	CHECK(!w.nets.items[5].csv && w.nets.items[1].csv); /* node1 alone is there, or not there */
	vmha_networks_free(&w.nets);
	w.in.numbers = NULL;
	derive(&w);
	CHECK_STR(w.nets.items[0].subnet, "10.5.0.0/16");
	vmha_networks_free(&w.nets);
}

static void two_addresses_in_one_subnet(void)
{
	struct world w;

	world_make(&w);
	/* a second address on the card of clu: corosync's stands */
	(void)snprintf(w.ifaces[0][PUB].address, VMHA_ADDRESS_SIZE, "10.71.1.99");
	derive(&w);
	CHECK_STR(net_of(&w, "10.71.1.0/24")->addresses[0].address, "10.71.1.1");
	CHECK_INT(net_of(&w, "10.71.1.0/24")->addresses_count, 3);
	CHECK_INT(net_of(&w, "10.71.3.0/24")->addresses_count, 2);
	/* neither is corosync's: the one that is up */
	(void)snprintf(w.ifaces[0][PUB].address, VMHA_ADDRESS_SIZE, "10.71.2.99");
	w.ifaces[0][MIG].up = false;
	derive(&w);
	CHECK_STR(net_of(&w, "10.71.2.0/24")->addresses[0].address, "10.71.2.99");
	/* and one that node2 has too is nobody's */
	(void)snprintf(w.ifaces[1][PUB].address, VMHA_ADDRESS_SIZE, "10.71.2.99");
	derive(&w);
	CHECK_STR(net_of(&w, "10.71.2.0/24")->addresses[0].address, "10.71.2.1");
	vmha_networks_free(&w.nets);
}

/* --- laws over random clusters ---------------------------------------------------------------- */

static uint32_t dice(uint32_t *seed, uint32_t sides)
{
	*seed = *seed * 1664525U + 1013904223U;
	return (*seed >> 8) % sides;
}

static void world_shake(struct world *w, uint32_t *seed)
{
	static const char *const keys[] = { "10.71.1.0_24", "10.71.2.0_24", "10.71.3.0_24",
					    "10.71.4.0_24", "fd00-71-2--_64" };
	char name[80];
	char value[16];
	size_t i;
	int node;

	for (node = 0; node < NODES; node++) {
		w->nodes[node].member = dice(seed, 8) != 0;
		for (i = 0; i < NETS; i++) {
			struct vmha_iface *f = &w->ifaces[node][i];

			f->up = dice(seed, 6) != 0;
			f->default_gateway = dice(seed, 5) == 0;
			f->speed_mbps = dice(seed, 3) * 1000;
			f->cluster = dice(seed, 3) == 0;
		}
		for (i = 0; i < w->nodes[node].reaches_count; i++) {
			w->reaches[node][i].ok = dice(seed, 6) != 0;
		}
		w->nodes[node].ifaces_count = NETS - dice(seed, 3);
	}
	for (i = 0; i < NETS; i++) {
		(void)snprintf(value, sizeof(value), "%u", 1 + dice(seed, 5000));
		(void)snprintf(name, sizeof(name), "net.%s.metric", keys[i]);
		if (dice(seed, 3) == 0) {
			set(w, name, value);
		}
		(void)snprintf(name, sizeof(name), "net.%s.exclude", keys[i]);
		if (dice(seed, 4) == 0) {
			set(w, name, "yes");
		}
	}
	if (dice(seed, 2)) {
		set(w, "migration-order", keys[dice(seed, NETS)]);
	}
}

static void laws_of_networks(struct world *w)
{
	bool ranks[NETS + 1] = { false };
	size_t csv = 0;
	size_t used = 0;
	size_t i;
	size_t j;

	for (i = 0; i < w->nets.count; i++) {
		const struct vmha_network *net = &w->nets.items[i];
		size_t lost = 0;

		csv += net->csv;
		if (net->autometric) {
			CHECK(net->gateway ? net->metric >= 10000 : net->metric < 10000);
			CHECK(net->metric >= 1000 && net->metric % 100 == 0);
		}
		if (net->rank) {
			CHECK(net->rank <= w->nets.count && !ranks[net->rank] && !net->exclude);
			ranks[net->rank] = true;
			used++;
		}
		for (j = 0; j < net->addresses_count; j++) {
			lost += net->addresses[j].lost;
			CHECK(net->addresses[j].member || !net->addresses[j].lost);
		}
		CHECK_INT(net->state == VMHA_NETWORK_UP,
			  lost == 0 && net->state != VMHA_NETWORK_DOWN);
		for (j = 0; j < i; j++) {
			CHECK(!w->nets.items[j].autometric || !net->autometric ||
			      w->nets.items[j].metric != net->metric);
		}
	}
	CHECK(csv <= 1);
	for (i = 1; i <= used; i++) {
		CHECK(ranks[i]); /* 1..n without a hole */
	}
}

static void laws_of_order(struct world *w)
{
	vmha_autopaths struct vmha_network_paths p = { 0 };
	vmha_autoerr struct vmha_err *err = NULL;
	int r = vmha_network_order(&w->in, 1, 2, &p, &err);
	size_t i;

	CHECK(r == 0 || r == -EHOSTUNREACH || r == -EAGAIN);
	CHECK(!r == !err);
	for (i = 0; i < p.count; i++) {
		const struct vmha_network *net = net_of(w, p.items[i].name);

		CHECK(net->rank && net->metric == p.items[i].metric);
		CHECK(!i || p.items[i - 1].reachable || !p.items[i].reachable);
		if (i && p.items[i - 1].reachable == p.items[i].reachable) {
			CHECK(net_of(w, p.items[i - 1].name)->rank < net->rank);
		}
	}
}

/* The order in which the state names nodes, and their interfaces, must not matter. */
static void laws_of_sameness(struct world *w)
{
	struct vmha_network_node turned[NODES];
	struct vmha_network_input in = w->in;
	vmha_autonetworks struct vmha_networks other = { 0 };
	size_t i;

	for (i = 0; i < NODES; i++) {
		turned[i] = w->nodes[NODES - 1 - i];
	}
	in.nodes = turned;
	CHECK_INT(vmha_networks_derive(&in, &other), 0);
	CHECK_INT(other.count, w->nets.count);
	for (i = 0; i < other.count; i++) {
		CHECK_STR(other.items[i].name, w->nets.items[i].name);
		CHECK_INT(other.items[i].metric, w->nets.items[i].metric);
		CHECK_INT(other.items[i].rank, w->nets.items[i].rank);
		CHECK_INT(other.items[i].state, w->nets.items[i].state);
		CHECK_INT(other.items[i].csv, w->nets.items[i].csv);
	}
}

static void laws_hold_in_random_clusters(void)
{
	uint32_t seed = 1;
	int i;

	for (i = 0; i < 2000; i++) {
		struct world w;

		world_make(&w);
		world_shake(&w, &seed);
		derive(&w);
		laws_of_networks(&w);
		laws_of_order(&w);
		laws_of_sameness(&w);
		vmha_networks_free(&w.nets);
	}
}

static void nobody_makes_no_network(void)
{
	struct vmha_network_input in = { 0 };
	vmha_autonetworks struct vmha_networks nets = { 0 };

	CHECK_INT(vmha_networks_derive(&in, &nets), 0);
	CHECK_INT(nets.count, 0);
}

static const struct unit_test tests[] = {
	UNIT_TEST(defaults_without_gateway),
	UNIT_TEST(gateway_and_speed_make_metric),
	UNIT_TEST(metric_by_hand_moves_nobody_else),
	UNIT_TEST(order_exclusion_role_and_name),
	UNIT_TEST(a_cut_is_named),
	UNIT_TEST(one_report_is_enough_to_judge),
	UNIT_TEST(who_is_off_does_not_count),
	UNIT_TEST(discovery_has_to_settle),
	UNIT_TEST(no_way_says_why),
	UNIT_TEST(numbers_stay),
	UNIT_TEST(two_addresses_in_one_subnet),
	UNIT_TEST(laws_hold_in_random_clusters),
	UNIT_TEST(nobody_makes_no_network),
};

UNIT_MAIN(tests)
