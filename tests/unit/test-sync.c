/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * clusterd's group over a fake corosync: five nodes that start, crash, are cut off and come back at
 * random, and messages that each node reads at its own pace.  Whoever has applied the same number
 * of events of the same epoch must have the same state; in the end all have one, and nothing that a
 * node of the majority said is lost.
 */
#include <endian.h>
#include <errno.h>
#include <glib.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "clusterd/clusterd.h"
#include "clusterd/group.h"
#include "lib/base/cleanup.h"
#include "lib/port/cmap.h"
#include "lib/port/codec.h"
#include "tests/unit/unit.h"

#define NODES 5
#define STEPS 300
#define SEEDS 100

/* --- the fake corosync ---------------------------------------------------------------------- */

enum item_kind { ITEM_MESSAGE, ITEM_MEMBERS, ITEM_QUORUM };

struct item {
	enum item_kind kind;
	uint32_t node;
	uint32_t pid;
	char *data;
	size_t len;
	size_t counts[3]; /* members, left, joined */
	struct vmha_cpg_member lists[3][NODES];
	bool quorate;
	uint64_t ring;
};

struct vmha_cpg {
	const struct vmha_cpg_hooks *hooks;
	void *owner;
};

struct vmha_quorum {
	vmha_quorum_hook hook;
	void *owner;
};

struct sim_node {
	struct clusterd c;
	struct vmha_cpg cpg;
	struct vmha_quorum quorum;
	bool up;
	uint32_t pid;
	int side; /* of the partition */
	GQueue inbox;
	char *disk; /* snapshot */
	struct clusterd_worth worth;
};

struct sim {
	struct sim_node nodes[NODES];
	uint64_t ring;
	uint32_t last_pid;
	unsigned int busy; /* node whose code runs, for the stubs */
	GHashTable *seen;  /* "epoch:view:seq" -> snapshot */
	GHashTable *sent;  /* "node:pid:epoch:number" of an event */
	int silent;	   /* a descriptor that is never readable */
};

static struct sim *sim;

static struct sim_node *node_of(const void *owner)
{
	return &sim->nodes[((const struct clusterd_group *)owner)->c->self - 1];
}

static void item_free(void *data)
{
	struct item *item = data;

	free(item->data);
	g_free(item);
}

int vmha_cpg_open(struct vmha_cpg **ret, const char *group, const struct vmha_cpg_hooks *hooks,
		  void *owner, struct vmha_err **err)
{
	struct sim_node *n = &sim->nodes[sim->busy];

	(void)group, (void)err;
	n->cpg = (struct vmha_cpg){ .hooks = hooks, .owner = owner };
	*ret = &n->cpg;
	return 0;
}

int vmha_cpg_fd(const struct vmha_cpg *cpg)
{
	(void)cpg;
	return sim->silent;
}

uint32_t vmha_cpg_self(const struct vmha_cpg *cpg)
{
	(void)cpg;
	return sim->busy + 1;
}

int vmha_cpg_dispatch(struct vmha_cpg *cpg, struct vmha_err **err)
{
	(void)cpg, (void)err;
	return 0;
}

int vmha_cpg_send(struct vmha_cpg *cpg, const void *head, size_t head_len, const void *body,
		  size_t body_len)
{
	const struct sim_node *from = node_of(cpg->owner);
	const struct clusterd_frame *frame = head;
	struct item *item;
	size_t i;

	if (be16toh(frame->kind) == CLUSTERD_FRAME_EVENT) { /* never twice to the same nodes */
		CHECK(g_hash_table_add(sim->sent,
				       g_strdup_printf("%u:%u:%" PRIx64 ":%" PRIx64, from->c.self,
						       from->pid, frame->epoch, frame->number)));
	}
	for (i = 0; i < NODES; i++) {
		struct sim_node *to = &sim->nodes[i];

		if (!to->up || to->side != from->side) {
			continue;
		}
		item = g_new0(struct item, 1);
		item->node = from->c.self;
		item->pid = from->pid;
		item->len = head_len + body_len;
		item->data = malloc(item->len);
		(void)memcpy(item->data, head, head_len);
		if (body_len) {
			(void)memcpy(item->data + head_len, body, body_len);
		}
		g_queue_push_tail(&to->inbox, item);
	}
	return 0;
}

void vmha_cpg_close(struct vmha_cpg *cpg)
{
	(void)cpg;
}

int vmha_quorum_open(struct vmha_quorum **ret, vmha_quorum_hook hook, void *owner,
		     struct vmha_err **err)
{
	struct sim_node *n = &sim->nodes[sim->busy];

	(void)err;
	n->quorum = (struct vmha_quorum){ .hook = hook, .owner = owner };
	*ret = &n->quorum;
	return 0;
}

int vmha_quorum_fd(const struct vmha_quorum *q)
{
	(void)q;
	return sim->silent;
}

int vmha_quorum_dispatch(struct vmha_quorum *q, struct vmha_err **err)
{
	(void)q, (void)err;
	return 0;
}

void vmha_quorum_close(struct vmha_quorum *q)
{
	(void)q;
}

int vmha_cmap_nodes(struct vmha_cmap_node **ret_nodes, size_t *ret_count, struct vmha_err **err)
{
	struct vmha_cmap_node *nodes = calloc(NODES, sizeof(*nodes));
	unsigned int i;

	(void)err;
	for (i = 0; i < NODES; i++) {
		nodes[i].id = i + 1;
		(void)snprintf(nodes[i].name, sizeof(nodes[i].name), "n%u", i + 1);
	}
	*ret_nodes = nodes;
	*ret_count = NODES;
	return 0;
}

/* --- the rest of the daemon ----------------------------------------------------------------- */

void vmha_qblog(enum vmha_log_level level, const char *fmt, ...)
{
	va_list ap;

	if (getenv("VMHA_DEBUG") && level <= VMHA_LOG_INFO) {
		va_start(ap, fmt);
		(void)fprintf(stderr, "n%u ", sim->busy + 1);
		(void)vfprintf(stderr, fmt, ap);
		(void)fputc('\n', stderr);
		va_end(ap);
	}
}

/* Modules speak from here too, in the middle of a round. */
static void applied(struct clusterd *c, const struct vmha_cevent *e)
{
	const struct vmha_cevent answer = { .type = VMHA_CEVENT_SETTINGS };

	if (e->type == VMHA_CEVENT_JOINED) {
		(void)clusterd_send(c, &answer);
	}
}

static const struct clusterd_module module = { .name = "test", .applied = applied };
const struct clusterd_module *const clusterd_modules[] = { &module, NULL };

int clusterd_modules_start(struct clusterd *c, struct vmha_err **err)
{
	(void)err;
	c->started = true;
	return 0;
}

int clusterd_persist_load(const char *path, struct vmha_cluster **ret_state,
			  struct clusterd_worth *ret_worth, struct vmha_err **err)
{
	const struct sim_node *n = &sim->nodes[sim->busy];

	(void)path;
	if (!n->disk) {
		*ret_state = vmha_cluster_new();
		return 0;
	}
	*ret_worth = n->worth;
	ret_worth->live = false;
	CHECK_INT(vmha_codec_snapshot_parse(n->disk, strlen(n->disk), ret_state, err), 0);
	vmha_cluster_restart(*ret_state);
	return 0;
}

void clusterd_persist_save(struct clusterd_group *g)
{
	struct sim_node *n = node_of(g);

	free(n->disk);
	CHECK_INT(vmha_codec_snapshot_print(g->c->cluster, &n->disk, NULL), 0);
	n->worth = g->worth;
	g->dirty = false;
}

/* --- the simulation ------------------------------------------------------------------------- */

static void loop_run(void)
{
	while (g_main_context_iteration(NULL, FALSE)) {
	}
}

/* Same epoch, same members, same number of events: same state. */
static void state_check(const struct sim_node *n)
{
	const struct clusterd_group *g = n->c.group;
	vmha_autofree char *text = NULL;
	const char *law, *other;
	char *key;

	if (g->phase != CLUSTERD_LIVE) {
		return;
	}
	law = vmha_cluster_check(n->c.cluster);
	CHECK_STR(law ? law : "", "");
	CHECK_INT(vmha_codec_snapshot_print(n->c.cluster, &text, NULL), 0);
	key = g_strdup_printf("%llx:%llx:%llu", (unsigned long long)g->epoch,
			      (unsigned long long)g->view_hash,
			      (unsigned long long)n->c.cluster->seq);
	other = g_hash_table_lookup(sim->seen, key);
	if (other) {
		CHECK_STR(text, other);
		g_free(key);
	} else {
		(void)g_hash_table_insert(sim->seen, key, g_strdup(text));
	}
}

static void node_step(unsigned int i)
{
	struct sim_node *n = &sim->nodes[i];
	struct item *item = g_queue_pop_head(&n->inbox);

	sim->busy = i;
	if (item->kind == ITEM_MESSAGE) {
		n->cpg.hooks->deliver(n->cpg.owner, item->node, item->pid, item->data, item->len);
	} else if (item->kind == ITEM_MEMBERS) {
		n->cpg.hooks->members(n->cpg.owner, item->lists[0], item->counts[0], item->lists[1],
				      item->counts[1], item->lists[2], item->counts[2]);
	} else {
		n->quorum.hook(n->quorum.owner, item->quorate, item->ring, NULL, 0);
	}
	item_free(item);
	state_check(n);
	CHECK(n->c.group->cpg); /* it never has to begin anew */
}

static size_t side_list(int side, struct vmha_cpg_member *list)
{
	size_t count = 0;
	size_t i;

	for (i = 0; i < NODES; i++) {
		if (sim->nodes[i].up && sim->nodes[i].side == side) {
			list[count++] = (struct vmha_cpg_member){ .node = (uint32_t)i + 1,
								  .pid = sim->nodes[i].pid };
		}
	}
	return count;
}

static bool list_has(const struct vmha_cpg_member *list, size_t count, struct vmha_cpg_member m)
{
	size_t i;

	for (i = 0; i < count; i++) {
		if (list[i].node == m.node && list[i].pid == m.pid) {
			return true;
		}
	}
	return false;
}

/* Tell every node how its view changed: who left in one word, who joined one by one. */
static void views_tell(struct vmha_cpg_member before[][NODES], const size_t *before_counts)
{
	struct vmha_cpg_member now[NODES];
	size_t count;
	size_t i;
	size_t k;

	sim->ring += 4;
	for (i = 0; i < NODES; i++) {
		struct sim_node *n = &sim->nodes[i];
		struct item *item = g_new0(struct item, 1);

		if (!n->up) {
			g_free(item);
			continue;
		}
		count = side_list(n->side, now);
		item->kind = ITEM_MEMBERS;
		for (k = 0; k < before_counts[i]; k++) {
			struct vmha_cpg_member m = before[i][k];

			if (list_has(now, count, m)) {
				item->lists[0][item->counts[0]++] = m;
			} else {
				m.reason = sim->nodes[m.node - 1].up &&
							   sim->nodes[m.node - 1].side == n->side
						   ? VMHA_CPG_PROCDOWN
						   : VMHA_CPG_NODEDOWN;
				item->lists[1][item->counts[1]++] = m;
			}
		}
		if (item->counts[1]) {
			g_queue_push_tail(&n->inbox, g_memdup2(item, sizeof(*item)));
		}
		item->counts[1] = 0;
		for (k = 0; k < count; k++) {
			if (!list_has(before[i], before_counts[i], now[k])) {
				item->lists[0][item->counts[0]++] = now[k];
				item->lists[2][0] = now[k];
				item->counts[2] = 1;
				g_queue_push_tail(&n->inbox, g_memdup2(item, sizeof(*item)));
			}
		}
		item->kind = ITEM_QUORUM;
		item->quorate = count > NODES / 2;
		item->ring = sim->ring;
		g_queue_push_tail(&n->inbox, item);
	}
}

static void views_take(struct vmha_cpg_member before[][NODES], size_t *counts)
{
	size_t i;

	for (i = 0; i < NODES; i++) {
		counts[i] = sim->nodes[i].up ? side_list(sim->nodes[i].side, before[i]) : 0;
	}
}

static void node_start(unsigned int i)
{
	struct sim_node *n = &sim->nodes[i];

	sim->busy = i;
	n->c = (struct clusterd){ .self = i + 1, .state_file = "" };
	n->pid = ++sim->last_pid;
	n->up = true;
	CHECK_INT(clusterd_group_open(&n->c, NULL), 0);
	n->c.group->pid = n->pid;
	loop_run(); /* connects */
}

/* kill -9: nothing is written any more */
static void node_crash(unsigned int i)
{
	struct sim_node *n = &sim->nodes[i];

	sim->busy = i;
	n->c.group->live = false;
	clusterd_group_close(&n->c);
	g_queue_clear_full(&n->inbox, item_free);
	n->up = false;
}

static void change(GRand *rnd, bool heal)
{
	struct vmha_cpg_member before[NODES][NODES];
	size_t counts[NODES];
	unsigned int i = (unsigned int)g_rand_int_range(rnd, 0, NODES);
	int what = heal ? 9 : g_rand_int_range(rnd, 0, 6);
	size_t k;

	views_take(before, counts);
	if (what <= 1) {
		sim->nodes[i].side = g_rand_int_range(rnd, 0, 2);
	} else if (what == 2) {
		for (k = 0; k < NODES; k++) {
			sim->nodes[k].side = 0;
		}
	} else if (what == 3 && sim->nodes[i].up) {
		node_crash(i);
	} else if (what < 9 && !sim->nodes[i].up) {
		node_start(i);
	} else if (what == 9) {
		for (k = 0; k < NODES; k++) {
			sim->nodes[k].side = 0;
			if (!sim->nodes[k].up) {
				node_start((unsigned int)k);
			}
		}
	}
	for (k = 0; k < NODES; k++) {
		if (!sim->nodes[k].up) {
			counts[k] = 0;
		}
	}
	views_tell(before, counts);
}

static void say(GRand *rnd)
{
	struct sim_node *n = &sim->nodes[g_rand_int_range(rnd, 0, NODES)];
	struct vmha_setting_pair pair = { .name = "migration-slots" };
	struct vmha_cevent e = { .type = VMHA_CEVENT_SETTINGS,
				 .settings = &pair,
				 .settings_count = 1 };

	if (n->up) {
		sim->busy = n->c.self ? n->c.self - 1 : 0;
		(void)snprintf(pair.value, sizeof(pair.value), "%d", g_rand_int_range(rnd, 1, 60));
		(void)clusterd_send(&n->c, &e);
	}
}

static bool deliver_one(GRand *rnd)
{
	unsigned int first = (unsigned int)g_rand_int_range(rnd, 0, NODES);
	unsigned int i;

	for (i = 0; i < NODES; i++) {
		struct sim_node *n = &sim->nodes[(first + i) % NODES];

		if (n->up && n->inbox.length) {
			node_step((first + i) % NODES);
			return true;
		}
	}
	return false;
}

static void all_agree(void)
{
	vmha_autofree char *first = NULL;
	size_t i;

	for (i = 0; i < NODES; i++) {
		const struct sim_node *n = &sim->nodes[i];
		vmha_autofree char *text = NULL;

		CHECK_INT(n->c.group->phase, CLUSTERD_LIVE);
		CHECK_INT(n->c.group->outbox.length, 0);
		CHECK(n->c.quorate);
		CHECK_INT(vmha_codec_snapshot_print(n->c.cluster, &text, NULL), 0);
		if (first) {
			CHECK_STR(text, first);
		} else {
			first = vmha_steal_ptr(text);
		}
	}
	for (i = 0; i < NODES; i++) {
		const struct vmha_cnode *n =
			vmha_cluster_node(sim->nodes[0].c.cluster, (unsigned int)i + 1);

		CHECK(n && n->member && n->ready);
	}
}

static void run(uint32_t seed)
{
	GRand *rnd = g_rand_new_with_seed(seed);
	unsigned int i;

	sim = g_new0(struct sim, 1);
	(void)fprintf(stderr, "seed %u\n", seed); /* VMHA_TEST_SEED=N runs that one alone */
	sim->seen = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
	sim->sent = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	sim->ring = 8;
	sim->silent = eventfd(0, EFD_CLOEXEC);
	change(rnd, true);
	for (i = 0; i < STEPS; i++) {
		int dice = g_rand_int_range(rnd, 0, 100);

		if (dice < 6) {
			change(rnd, false);
		} else if (dice < 20) {
			say(rnd);
		} else {
			(void)deliver_one(rnd);
		}
		if (dice % 8 == 0) {
			loop_run(); /* saves */
		}
	}
	change(rnd, true);
	for (i = 0; i < 100000 && deliver_one(rnd); i++) {
	}
	all_agree();
	for (i = 0; i < NODES; i++) {
		node_crash(i);
		free(sim->nodes[i].disk);
	}
	(void)close(sim->silent);
	g_hash_table_destroy(sim->seen);
	g_hash_table_destroy(sim->sent);
	g_rand_free(rnd);
	g_free(sim);
	sim = NULL;
}

static void nodes_come_to_one_state(void)
{
	const char *text = getenv("VMHA_TEST_SEED");
	const char *more = getenv("VMHA_TEST_SEEDS");
	uint32_t count = text ? 1 : more ? (uint32_t)strtoul(more, NULL, 10) : SEEDS;
	uint32_t first = text ? (uint32_t)strtoul(text, NULL, 10) : 1;
	uint32_t seed;

	for (seed = first; seed < first + count; seed++) {
		run(seed);
	}
}

static void the_quorate_side_is_worth_more(void)
{
	struct clusterd_worth majority = { .quorate_ring = 12, .quorate_seq = 50, .seq = 50 };
	struct clusterd_worth minority = { .quorate_ring = 8, .quorate_seq = 40, .seq = 900 };
	struct clusterd_worth older = { .quorate_ring = 12, .quorate_seq = 49, .seq = 60 };
	struct clusterd_worth alive = majority;

	alive.live = true;
	CHECK(clusterd_worth_compare(&majority, &minority) > 0);
	CHECK(clusterd_worth_compare(&minority, &majority) < 0);
	CHECK(clusterd_worth_compare(&majority, &older) > 0);
	CHECK(clusterd_worth_compare(&alive, &majority) > 0);
	CHECK_INT(clusterd_worth_compare(&majority, &majority), 0);
}

static const struct unit_test tests[] = {
	UNIT_TEST(the_quorate_side_is_worth_more),
	UNIT_TEST(nodes_come_to_one_state),
};

int main(int argc, char **argv)
{
	(void)g_main_context_default(); /* keeps a descriptor, of which no test is guilty */
	return unit_main(tests, sizeof(tests) / sizeof(tests[0]), argc, argv);
}
