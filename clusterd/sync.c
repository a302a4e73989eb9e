/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "clusterd/clusterd.h"
#include "clusterd/group.h"
#include "lib/base/cleanup.h"
#include "lib/base/str.h"
#include "lib/port/codec.h"

#define ROUND_MS	2000 /* for one step of a round; then the missing are skipped */
#define ROUND_TRIES_MAX 10

static void round_begin(struct clusterd_group *g);
static void round_go_on(struct clusterd_group *g);

static void json_cleanup(json_t **o)
{
	json_decref(*o);
}
#define autojson __attribute__((cleanup(json_cleanup)))

/* Numbers of 64 bits do not fit into JSON's integers of jansson: as hexadecimal text. */
static json_t *hex(uint64_t value)
{
	return json_sprintf("%016llx", (unsigned long long)value);
}

static bool hex_is(const json_t *o, const char *key, uint64_t value)
{
	char text[17];
	const char *there = json_string_value(json_object_get(o, key));

	(void)snprintf(text, sizeof(text), "%016llx", (unsigned long long)value);
	return there && strcmp(text, there) == 0;
}

static uint64_t number(const json_t *o, const char *key)
{
	json_int_t value = json_integer_value(json_object_get(o, key));

	return value > 0 ? (uint64_t)value : 0;
}

/* --- the view ------------------------------------------------------------------------------- */

static int member_compare(const void *a, const void *b)
{
	const struct vmha_cpg_member *x = a;
	const struct vmha_cpg_member *y = b;

	if (x->node != y->node) {
		return x->node < y->node ? -1 : 1;
	}
	return x->pid < y->pid ? -1 : x->pid > y->pid;
}

static uint64_t view_hash(const struct vmha_cpg_member *view, size_t count)
{
	uint64_t sum = 14695981039346656037ULL; /* FNV-1a */
	char text[32];
	size_t i;
	char *p;

	for (i = 0; i < count; i++) {
		(void)snprintf(text, sizeof(text), "%u:%u;", view[i].node, view[i].pid);
		for (p = text; *p; p++) {
			sum = (sum ^ (unsigned char)*p) * 1099511628211ULL;
		}
	}
	return sum;
}

static size_t view_find(const struct clusterd_group *g, uint32_t node, uint32_t pid)
{
	size_t i;

	for (i = 0; i < g->view_count; i++) {
		if (g->view[i].node == node && g->view[i].pid == pid) {
			return i;
		}
	}
	return g->view_count;
}

static bool view_has_node(const struct clusterd_group *g, uint32_t node)
{
	size_t i;

	for (i = 0; i < g->view_count; i++) {
		if (g->view[i].node == node) {
			return true;
		}
	}
	return false;
}

static enum vmha_leave leave_of(enum vmha_cpg_reason reason)
{
	if (reason == VMHA_CPG_NODEDOWN) {
		return VMHA_LEAVE_NODEDOWN;
	}
	return reason == VMHA_CPG_LEFT ? VMHA_LEAVE_LEFT : VMHA_LEAVE_PROCDOWN;
}

static void left_add(struct clusterd_group *g, uint32_t node, enum vmha_leave leave)
{
	size_t i;

	for (i = 0; i < g->left_count; i++) {
		if (g->left[i].node == node) {
			/* the worst word counts */
			g->left[i].leave = leave == VMHA_LEAVE_NODEDOWN ? leave : g->left[i].leave;
			return;
		}
	}
	if (g->left_count < CLUSTERD_LEFT_MAX) {
		g->left[g->left_count++] = (struct clusterd_left){ .node = node, .leave = leave };
	}
}

void clusterd_sync_members(struct clusterd_group *g, const struct vmha_cpg_member *members,
			   size_t count, const struct vmha_cpg_member *left, size_t left_count,
			   size_t joined_count)
{
	struct vmha_cevent e;
	bool calm = g->phase == CLUSTERD_LIVE && !joined_count;
	size_t i;

	(void)memcpy(g->view, members, count * sizeof(*members));
	g->view_count = count;
	qsort(g->view, count, sizeof(g->view[0]), member_compare);
	for (i = 0; i < left_count; i++) {
		clusterd_log(VMHA_LOG_INFO, "group node=%u pid=%u left reason=%s", left[i].node,
			     left[i].pid, vmha_leave_name(leave_of(left[i].reason)));
		if (!calm) {
			left_add(g, left[i].node, leave_of(left[i].reason));
		} else if (!view_has_node(g, left[i].node)) {
			e = (struct vmha_cevent){ .type = VMHA_CEVENT_LEFT,
						  .from = left[i].node,
						  .leave = leave_of(left[i].reason) };
			clusterd_group_apply(g, &e, false);
		}
	}
	if (calm) {
		/* The rest was together and is: no round.  Who was skipped follows as it did. */
		g->view_hash = view_hash(g->view, g->view_count);
		(void)memset(g->offers, 0, sizeof(g->offers));
		return;
	}
	g->round_tries = 0;
	round_begin(g);
}

/* --- rounds --------------------------------------------------------------------------------- */

static void skip_send(struct clusterd_group *g, size_t i)
{
	autojson json_t *o =
		json_pack("{s:o, s:I, s:I}", "view", hex(g->view_hash), "node",
			  (json_int_t)g->view[i].node, "pid", (json_int_t)g->view[i].pid);
	char *body = json_dumps(o, JSON_COMPACT);

	clusterd_log(VMHA_LOG_WARNING, "group node=%u pid=%u does not answer: going on without it",
		     g->view[i].node, g->view[i].pid);
	clusterd_group_control(g, CLUSTERD_FRAME_SKIP, 0, 1, body, body ? strlen(body) : 0);
}

static gboolean on_round_timer(gpointer data)
{
	struct clusterd_group *g = data;
	size_t i;

	if (++g->round_tries > ROUND_TRIES_MAX) {
		g->round_timer = 0;
		clusterd_group_stay_apart(g, "the members do not come to one state");
		return G_SOURCE_REMOVE;
	}
	if (g->phase == CLUSTERD_WAIT) {
		skip_send(g, g->authority);
		return G_SOURCE_CONTINUE;
	}
	for (i = 0; i < g->view_count; i++) {
		if (!g->offers[i].there && !g->offers[i].skipped) {
			skip_send(g, i);
		}
	}
	return G_SOURCE_CONTINUE;
}

static void timer_arm(struct clusterd_group *g)
{
	clusterd_sync_stop(g);
	g->round_timer = g_timeout_add(ROUND_MS, on_round_timer, g);
}

void clusterd_sync_stop(struct clusterd_group *g)
{
	if (g->round_timer) {
		(void)g_source_remove(g->round_timer);
		g->round_timer = 0;
	}
}

static void offer_send(struct clusterd_group *g)
{
	const struct clusterd_worth *w = &g->worth;
	autojson json_t *o =
		json_pack("{s:i, s:o, s:b, s:I, s:I, s:I}", "v", 1, "view", hex(g->view_hash),
			  "live", (int)g->live, "quorate_ring", (json_int_t)w->quorate_ring,
			  "quorate_seq", (json_int_t)w->quorate_seq, "seq", (json_int_t)w->seq);
	char *body = json_dumps(o, JSON_COMPACT);

	clusterd_group_control(g, CLUSTERD_FRAME_OFFER, 0, 1, body, body ? strlen(body) : 0);
}

/* From here on events are dropped, by everybody at the same place of the order. */
static void round_begin(struct clusterd_group *g)
{
	g->phase = CLUSTERD_GATHER;
	g->view_hash = view_hash(g->view, g->view_count);
	(void)memset(g->offers, 0, sizeof(g->offers));
	(void)g_string_truncate(g->snapshot, 0);
	g->snapshot_parts = 0;
	offer_send(g);
	timer_arm(g);
}

void clusterd_sync_offer(struct clusterd_group *g, uint32_t node, uint32_t pid, const char *body,
			 size_t len)
{
	autojson json_t *o = json_loadb(body, len, 0, NULL);
	size_t i = view_find(g, node, pid);

	if (!json_is_object(o) || !json_is_string(json_object_get(o, "view"))) {
		clusterd_group_garbage(g, node, "an offer that is none");
		return;
	}
	if (!hex_is(o, "view", g->view_hash) || i == g->view_count || g->offers[i].skipped) {
		return; /* of a round that is over, or too late */
	}
	if (g->phase != CLUSTERD_GATHER) {
		round_begin(g);
	}
	g->offers[i] = (struct clusterd_offer){
		.there = true,
		.worth = { .quorate_ring = number(o, "quorate_ring"),
			   .quorate_seq = number(o, "quorate_seq"),
			   .live = json_is_true(json_object_get(o, "live")),
			   .seq = number(o, "seq") },
	};
	round_go_on(g);
}

void clusterd_sync_skip(struct clusterd_group *g, uint32_t node, const char *body, size_t len)
{
	autojson json_t *o = json_loadb(body, len, 0, NULL);
	size_t i;

	if (!json_is_object(o) || !json_is_string(json_object_get(o, "view"))) {
		clusterd_group_garbage(g, node, "a skip that is none");
		return;
	}
	i = view_find(g, (uint32_t)number(o, "node"), (uint32_t)number(o, "pid"));
	if (!hex_is(o, "view", g->view_hash) || i == g->view_count ||
	    (g->phase != CLUSTERD_GATHER && g->phase != CLUSTERD_WAIT)) {
		return;
	}
	if (g->phase == CLUSTERD_WAIT && i == g->authority) {
		g->phase = CLUSTERD_GATHER;
		(void)g_string_truncate(g->snapshot, 0);
		g->snapshot_parts = 0;
	} else if (g->offers[i].there) {
		return; /* it has answered meanwhile */
	}
	g->offers[i] = (struct clusterd_offer){ .skipped = true };
	round_go_on(g);
}

/* What the view says and the state does not know yet, as one list that all apply. */
static json_t *view_events(const struct clusterd_group *g)
{
	const struct vmha_cluster *state = g->c->cluster;
	json_t *all = json_array();
	const struct vmha_cnode *n;
	size_t i;

	for (i = 0; i < g->left_count; i++) {
		n = vmha_cluster_node(state, g->left[i].node);
		if (n && n->member) {
			(void)json_array_append_new(all,
						    json_pack("[i, s]", (int)g->left[i].node,
							      vmha_leave_name(g->left[i].leave)));
		}
	}
	for (i = 0; i < state->nodes_count; i++) {
		n = &state->nodes[i];
		if (n->member && !view_has_node(g, n->id)) {
			(void)json_array_append_new(
				all, json_pack("[i, s]", (int)n->id,
					       vmha_leave_name(VMHA_LEAVE_PROCDOWN)));
		}
	}
	for (i = 0; i < g->view_count; i++) {
		(void)json_array_append_new(all,
					    json_pack("[i, s]", (int)g->view[i].node, "JOINED"));
	}
	return all;
}

static void snapshot_send(struct clusterd_group *g)
{
	vmha_autoerr struct vmha_err *err = NULL;
	vmha_autofree char *state = NULL;
	vmha_autofree char *meta = NULL;
	vmha_autofree char *text = NULL;
	autojson json_t *o = json_pack("{s:o, s:o, s:o}", "view", hex(g->view_hash), "epoch",
				       hex(((uint64_t)g_random_int() << 32) | g_random_int()),
				       "events", view_events(g));
	size_t len;
	size_t at;
	uint32_t parts;
	uint32_t part;

	meta = json_dumps(o, JSON_COMPACT);
	if (!meta || vmha_codec_snapshot_print(g->c->cluster, &state, &err) < 0) {
		clusterd_group_stay_apart(g, vmha_err_text(err));
		return;
	}
	text = vmha_str_printf("%s\n%s", meta, state);
	len = text ? strlen(text) : 0;
	parts = (uint32_t)((len + CLUSTERD_PART_BYTES - 1) / CLUSTERD_PART_BYTES);
	for (part = 0, at = 0; part < parts; part++, at += CLUSTERD_PART_BYTES) {
		size_t size = len - at < CLUSTERD_PART_BYTES ? len - at : CLUSTERD_PART_BYTES;

		clusterd_group_control(g, CLUSTERD_FRAME_SNAPSHOT, part, parts,
				       strndup(text + at, size), size);
	}
}

/* Is the round's answer due? */
static void round_go_on(struct clusterd_group *g)
{
	size_t best = g->view_count;
	size_t i;

	for (i = 0; i < g->view_count; i++) {
		if (!g->offers[i].there && !g->offers[i].skipped) {
			return;
		}
		if (g->offers[i].there &&
		    (best == g->view_count ||
		     clusterd_worth_compare(&g->offers[i].worth, &g->offers[best].worth) > 0)) {
			best = i;
		}
	}
	if (best == g->view_count) {
		return; /* all skipped: own offers are under way */
	}
	g->authority = best;
	g->phase = CLUSTERD_WAIT;
	timer_arm(g);
	clusterd_log(VMHA_LOG_INFO, "group members=%zu state of node=%u seq=%llu", g->view_count,
		     g->view[best].node, (unsigned long long)g->offers[best].worth.seq);
	if (g->view[best].node == g->c->self && g->view[best].pid == g->pid) {
		snapshot_send(g);
	}
}

/* --- the answer ----------------------------------------------------------------------------- */

static void events_apply(struct clusterd_group *g, const json_t *events)
{
	const struct vmha_cnode *n;
	const json_t *item;
	size_t i;

	json_array_foreach(events, i, item)
	{
		const char *word = json_string_value(json_array_get(item, 1));
		struct vmha_cevent e = {
			.type = VMHA_CEVENT_LEFT,
			.from = (unsigned int)json_integer_value(json_array_get(item, 0)),
		};

		if (word && !vmha_leave_parse(word, &e.leave)) {
			e.type = VMHA_CEVENT_JOINED;
			n = vmha_cluster_node(g->c->cluster, e.from);
			if (n && n->member) {
				continue;
			}
		}
		clusterd_group_apply(g, &e, false);
	}
}

/* @return 0 and whether it differs from what is here */
static int state_take(struct clusterd_group *g, const char *text, bool *ret_replaced,
		      struct vmha_err **err)
{
	struct clusterd *c = g->c;
	struct vmha_cluster *state = NULL;
	vmha_autofree char *own = NULL;
	int r = vmha_codec_snapshot_print(c->cluster, &own, err);

	if (r < 0) {
		return r;
	}
	*ret_replaced = !g->live;
	if (strcmp(own, text) == 0) {
		return 0;
	}
	r = vmha_codec_snapshot_parse(text, strlen(text), &state, err);
	if (r < 0) {
		return r;
	}
	free(c->cluster);
	c->cluster = state;
	*ret_replaced = true;
	return 0;
}

static void snapshot_take(struct clusterd_group *g)
{
	vmha_autoerr struct vmha_err *err = NULL;
	char *body = strchr(g->snapshot->str, '\n');
	autojson json_t *meta = NULL;
	const char *epoch;
	bool replaced = false;
	int r;

	if (!body) {
		return;
	}
	*body++ = '\0';
	meta = json_loads(g->snapshot->str, 0, NULL);
	epoch = json_string_value(json_object_get(meta, "epoch"));
	if (!epoch || !hex_is(meta, "view", g->view_hash)) {
		return; /* of an earlier round: the right one follows */
	}
	r = state_take(g, body, &replaced, &err);
	if (r < 0) {
		clusterd_group_stay_apart(g, vmha_err_text(err));
		return;
	}
	g->epoch = strtoull(epoch, NULL, 16);
	g->phase = CLUSTERD_LIVE;
	g->live = true;
	g->worth = g->offers[g->authority].worth;
	g->worth.live = true;
	g->left_count = 0;
	g->round_tries = 0;
	clusterd_sync_stop(g);
	g->c->synced = true;
	events_apply(g, json_object_get(meta, "events"));
	clusterd_group_synced(g, replaced);
}

void clusterd_sync_snapshot(struct clusterd_group *g, uint32_t node, uint32_t pid, uint32_t part,
			    uint32_t parts, const char *body, size_t len)
{
	if (g->phase != CLUSTERD_WAIT || view_find(g, node, pid) != g->authority) {
		return;
	}
	if (part == 0) {
		(void)g_string_truncate(g->snapshot, 0);
		g->snapshot_parts = 0;
	}
	if (part != g->snapshot_parts || g->snapshot->len + len > CLUSTERD_SNAPSHOT_MAX) {
		return;
	}
	(void)g_string_append_len(g->snapshot, body, (gssize)len);
	if (++g->snapshot_parts == parts) {
		snapshot_take(g);
		(void)g_string_truncate(g->snapshot, 0);
		g->snapshot_parts = 0;
	}
}
