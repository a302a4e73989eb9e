/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/port/codec.h"
#include "tests/sim/sim.h"

/*
 * A fake total order: one list of events.  Every node applies it from its own place in it, at its
 * own pace.  A view event stands in the list like a message (virtual synchrony).  The reference
 * applies what is added at once: what a node has after the same place must be the same.
 */

#define KEEP_EVERY 64 /* places whose state is kept for comparison */

static char *snapshot(struct sim *s, const struct vmha_cluster *st)
{
	char *text = NULL;

	if (vmha_codec_snapshot_print(st, &text, NULL) < 0) {
		sim_fail(s, "a snapshot cannot be printed");
	}
	return text;
}

static struct vmha_cluster *restored(struct sim *s, const char *text)
{
	struct vmha_cluster *st = NULL;
	struct vmha_err *err = NULL;

	if (vmha_codec_snapshot_parse(text, strlen(text), &st, &err) < 0) {
		printf("not ok - seed %llu: a snapshot cannot be read: %s\n",
		       (unsigned long long)s->seed, vmha_err_text(err));
		(void)fflush(stdout);
		abort(); /* nothing can go on without it */
	}
	return st;
}

/* No slot is used beyond the limit: a node's use may only stand above it after the limit fell. */
static void slots_check(struct sim *s, const unsigned int *before)
{
	unsigned int n;

	for (n = 1; n <= SIM_NODES; n++) {
		unsigned int used = vmha_cluster_slots_used(s->reference, n);

		if (used > before[n] && used > vmha_cluster_slots(s->reference, n)) {
			sim_fail(s, "a slot is over-used");
		}
	}
}

static void add(struct sim *s, struct vmha_cevent *event)
{
	struct vmha_ceffects fx = { 0 };
	unsigned int before[SIM_NODES + 1];
	const char *law;
	unsigned int n;
	int r;

	if (s->log_count == SIM_LOG_MAX) {
		sim_fail(s, "it goes on and on");
		vmha_cevent_free(event);
		return;
	}
	for (n = 1; n <= SIM_NODES; n++) {
		before[n] = vmha_cluster_slots_used(s->reference, n);
	}
	r = vmha_cluster_apply(s->reference, event, &fx);
	sim_say(s, "%zu %s from=%u mig=%llu result=%d %s", s->log_count,
		vmha_cevent_type_name(event->type), event->from, (unsigned long long)fx.mig, r,
		fx.error);
	vmha_ceffects_clear(&fx);
	law = vmha_cluster_check(s->reference);
	if (law) {
		sim_fail(s, law);
	}
	slots_check(s, before);
	s->log[s->log_count].event = event;
	s->log[s->log_count].snapshot =
		s->log_count % KEEP_EVERY == 0 ? snapshot(s, s->reference) : NULL;
	s->log_count++;
}

static void add_view(struct sim *s, enum vmha_cevent_type type, unsigned int node,
		     enum vmha_leave why)
{
	struct vmha_cevent *event = calloc(1, sizeof(*event));

	if (!event) {
		abort();
	}
	event->type = type;
	event->from = node;
	event->leave = why;
	add(s, event);
}

void order_send(struct sim *s, unsigned int node, struct vmha_cevent *event)
{
	struct vmha_cevent *parsed = NULL;
	char *text = NULL;

	if (!s->nodes[node].clusterd) {
		return;
	}
	event->from = node;
	event->wall_ms = (int64_t)s->tick + 1;
	if (vmha_codec_event_print(event, &text, NULL) < 0 ||
	    vmha_codec_event_parse(text, strlen(text), &parsed, NULL) < 0) {
		sim_fail(s, "an event does not pass the codec");
	} else {
		add(s, parsed);
	}
	free(text);
}

static void quorum_say(struct sim *s, unsigned int node)
{
	struct vmha_cevent e = { .type = VMHA_CEVENT_QUORUM };
	unsigned int n;

	for (n = 1; n <= SIM_NODES; n++) {
		if (s->nodes[n].host) {
			e.quorum.hosts[e.quorum.hosts_count++] = n;
		}
	}
	e.quorum.ring_seq = s->ring;
	e.quorum.quorate = e.quorum.hosts_count > SIM_HOSTS / 2;
	order_send(s, node, &e);
}

static unsigned int somebody(const struct sim *s)
{
	unsigned int n;

	for (n = 1; n <= SIM_NODES; n++) {
		if (s->nodes[n].clusterd) {
			return n;
		}
	}
	return 0;
}

/* Nobody has a live state: the latest that is on a disk begins. What nobody had got is gone. */
static void begin_from_disk(struct sim *s)
{
	unsigned int best = 0;
	unsigned int n;
	char *text;

	for (n = 1; n <= SIM_NODES; n++) {
		if (s->nodes[n].host && s->nodes[n].st &&
		    (!best || s->nodes[n].cursor > s->nodes[best].cursor)) {
			best = n;
		}
	}
	if (!best) {
		return;
	}
	sim_say(s, "begins from the disk of node %u", best);
	text = snapshot(s, s->nodes[best].st);
	free(s->reference);
	s->reference = restored(s, text);
	vmha_cluster_restart(s->reference);
	free(text);
}

static void hello_say(struct sim *s, unsigned int node)
{
	struct vmha_cevent hello = { .type = VMHA_CEVENT_HELLO };

	memcpy(hello.hello.name, "node0", sizeof("node0"));
	hello.hello.name[4] = (char)('0' + (node > SIM_HOSTS ? SIM_HOSTS : node));
	hello.hello.proto = s->nodes[node].proto;
	order_send(s, node, &hello);
}

void order_clusterd_start(struct sim *s, unsigned int node)
{
	struct sim_node *n = &s->nodes[node];
	char *text;

	if (n->clusterd || !n->host) {
		return;
	}
	if (!somebody(s)) {
		begin_from_disk(s);
	}
	n->clusterd = true;
	if (n->proto < VMHA_CLUSTER_PROTO && (s->quiet || sim_chance(s, 20))) {
		n->proto = VMHA_CLUSTER_PROTO; /* upgraded meanwhile */
	}
	add_view(s, VMHA_CEVENT_JOINED, node, VMHA_LEAVE_LEFT);
	text = snapshot(s, s->reference);
	free(n->st);
	n->st = restored(s, text);
	n->cursor = s->log_count;
	free(text);
	hello_say(s, node);
	quorum_say(s, node);
}

void order_clusterd_stop(struct sim *s, unsigned int node, enum vmha_leave why)
{
	if (!s->nodes[node].clusterd) {
		return;
	}
	s->nodes[node].clusterd = false;
	world_clusterd_lost(s, node);
	if (somebody(s)) {
		add_view(s, VMHA_CEVENT_LEFT, node, why);
	}
}

void order_host(struct sim *s, unsigned int node, bool up)
{
	unsigned int n;

	if (s->nodes[node].host == up || (up && !s->nodes[node].listed)) {
		return;
	}
	s->nodes[node].host = up;
	s->ring += 4;
	if (!up) {
		world_host_lost(s, node);
		order_clusterd_stop(s, node, VMHA_LEAVE_NODEDOWN);
	}
	for (n = 1; n <= SIM_NODES; n++) {
		quorum_say(s, n);
	}
}

void order_exchange(struct sim *s, unsigned int out, unsigned int in)
{
	if (s->nodes[out].listed) {
		order_host(s, out, false);
		s->nodes[out].listed = false;
		free(s->nodes[out].st);
		s->nodes[out].st = NULL;
		s->nodes[in].listed = true;
	}
}

static size_t listed_read(const struct sim *s, struct vmha_listed *listed)
{
	size_t count = 0;
	unsigned int n;

	for (n = 1; n <= SIM_NODES; n++) {
		if (s->nodes[n].listed) {
			listed[count].id = n;
			(void)snprintf(listed[count].name, sizeof(listed[count].name), "node%u",
				       n > SIM_HOSTS ? SIM_HOSTS : n);
			count++;
		}
	}
	return count;
}

void order_forget(struct sim *s)
{
	struct vmha_listed listed[SIM_NODES];
	size_t count = listed_read(s, listed);
	struct vmha_cevent e = { .type = VMHA_CEVENT_FORGET };
	unsigned int n;

	for (n = 1; n <= SIM_NODES; n++) {
		/* now and then two do it at once */
		if (s->nodes[n].clusterd &&
		    (vmha_cluster_lowest(s->nodes[n].st) == n || sim_chance(s, 10))) {
			e.node = vmha_cluster_forgettable(s->nodes[n].st, listed, count);
		} else {
			e.node = 0;
		}
		if (e.node) {
			order_send(s, n, &e);
		}
	}
}

/* A fake older release: what it drops as garbage it does not even count. */
static bool reads(const struct sim_node *n, const struct vmha_cevent *e)
{
	return n->proto >= 2 ||
	       (e->type != VMHA_CEVENT_GUESTS &&
		!(e->type == VMHA_CEVENT_REPORT && e->report.state == VMHA_MOVE_POSTCOPY));
}

static void deliver_one(struct sim *s, struct sim_node *n)
{
	const struct sim_entry *entry = &s->log[n->cursor++];
	struct vmha_ceffects fx = { 0 };
	char *text;
	size_t i;

	if (!reads(n, entry->event)) {
		s->dropped++;
	} else if (vmha_cluster_apply(n->st, entry->event, &fx) < 0 &&
		   entry->event->from == n->id && entry->event->type == VMHA_CEVENT_BEGUN) {
		world_refused(s, entry->event);
	}
	if (entry->snapshot) {
		text = snapshot(s, n->st);
		if (strcmp(text, entry->snapshot) != 0) {
			sim_say(s, "reference %s\nnode %u %s", entry->snapshot, n->id, text);
			sim_fail(s, "the nodes do not agree");
		}
		free(text);
	}
	if (entry->event->type == VMHA_CEVENT_FORGET &&
	    !(vmha_cluster_node(n->st, n->id) && vmha_cluster_node(n->st, n->id)->ready)) {
		hello_say(s, n->id);
	}
	for (i = 0; i < fx.count; i++) {
		if (fx.items[i].node == n->id) {
			world_effect(s, n->id, &fx.items[i]);
		}
	}
	vmha_ceffects_clear(&fx);
}

void order_deliver(struct sim *s, bool all)
{
	unsigned int id;

	for (id = 1; id <= SIM_NODES; id++) {
		struct sim_node *n = &s->nodes[id];
		unsigned int most = all ? SIM_LOG_MAX : sim_random(s, 6);

		while (n->clusterd && most-- > 0 && n->cursor < s->log_count && !s->failed) {
			deliver_one(s, n);
		}
	}
}

void order_compare(struct sim *s)
{
	char *want = snapshot(s, s->reference);
	unsigned int n;

	for (n = 1; n <= SIM_NODES; n++) {
		char *got = s->nodes[n].clusterd ? snapshot(s, s->nodes[n].st) : NULL;

		if (got && strcmp(got, want) != 0) {
			sim_fail(s, "the nodes do not agree at the end");
		}
		free(got);
	}
	free(want);
}

void order_begin(struct sim *s)
{
	bool mixed = sim_chance(s, 30);
	unsigned int n;

	s->reference = vmha_cluster_new();
	for (n = 1; n <= SIM_NODES; n++) {
		s->nodes[n].id = n;
		s->nodes[n].proto =
			mixed && n <= SIM_OLDER && sim_chance(s, 50) ? 1 : VMHA_CLUSTER_PROTO;
		s->nodes[n].listed = n <= SIM_HOSTS;
		s->nodes[n].host = s->nodes[n].listed;
	}
	for (n = 1; n <= SIM_NODES; n++) {
		order_clusterd_start(s, n);
	}
}

void order_end(struct sim *s)
{
	unsigned int n;
	size_t i;

	for (i = 0; i < s->log_count; i++) {
		vmha_cevent_free(s->log[i].event);
		free(s->log[i].snapshot);
	}
	for (n = 1; n <= SIM_NODES; n++) {
		free(s->nodes[n].st);
	}
	free(s->reference);
}
