/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "clusterd/group.h"

#include <endian.h>
#include <errno.h>
#include <glib-unix.h>
#include <stdlib.h>
#include <string.h>

#include "clusterd/clusterd.h"
#include "lib/base/cleanup.h"
#include "lib/port/cmap.h"
#include "lib/port/codec.h"

#define CONNECT_MS   1000
#define APART_MAX_MS 60000
#define CLOCK_OLD_MS 60000
#define SAVE_LATER_S 5 /* for what a restart finds out anew */

const char *clusterd_phase_name(const struct clusterd_group *g)
{
	static const char *const names[] = { [CLUSTERD_OUT] = "no corosync",
					     [CLUSTERD_GATHER] = "joining",
					     [CLUSTERD_WAIT] = "joining",
					     [CLUSTERD_LIVE] = "in sync" };

	if (g->phase == CLUSTERD_OUT && g->apart_ms) {
		return "apart: cannot follow the others";
	}
	return names[g->phase];
}

void clusterd_group_garbage(struct clusterd_group *g, uint32_t node, const char *what)
{
	unsigned int suppressed;

	if (clusterd_ratelimit_pass(&g->garbage, &suppressed)) {
		clusterd_log(VMHA_LOG_WARNING,
			     "group node=%u sent %s: dropped (%u more messages like this)", node,
			     what, suppressed);
	}
}

/* --- the state ------------------------------------------------------------------------------ */

static gboolean on_changed_idle(gpointer data)
{
	struct clusterd_group *g = data;
	size_t i;

	g->changed_idle = 0;
	if (g->dirty) {
		clusterd_persist_save(g);
	}
	for (i = 0; clusterd_modules[i]; i++) {
		if (clusterd_modules[i]->changed) {
			clusterd_modules[i]->changed(g->c);
		}
	}
	return G_SOURCE_REMOVE;
}

static gboolean on_persist_timer(gpointer data)
{
	struct clusterd_group *g = data;

	g->persist_timer = 0;
	clusterd_persist_save(g);
	return G_SOURCE_REMOVE;
}

static void changed(struct clusterd_group *g, bool soon)
{
	g->c->seq = g->c->cluster->seq;
	g->c->quorate = g->live && g->c->cluster->quorate && g->quorum_known && g->quorum_here;
	if (soon) {
		g->dirty = true;
	} else if (!g->persist_timer) {
		g->persist_timer = g_timeout_add_seconds(SAVE_LATER_S, on_persist_timer, g);
	}
	if (!g->changed_idle) {
		g->changed_idle = g_idle_add_full(G_PRIORITY_DEFAULT, on_changed_idle, g, NULL);
	}
}

static bool is_transient(enum vmha_cevent_type type)
{
	return type == VMHA_CEVENT_REPORT || type == VMHA_CEVENT_REACH ||
	       type == VMHA_CEVENT_INTERFACES || type == VMHA_CEVENT_GUESTS ||
	       type == VMHA_CEVENT_VOLUME;
}

static void effects_tell(struct clusterd_group *g)
{
	struct clusterd *c = g->c;
	size_t i;
	size_t m;

	for (i = 0; i < g->effects.count; i++) {
		const struct vmha_ceffect *effect = &g->effects.items[i];

		if (effect->node && effect->node != c->self) {
			continue;
		}
		for (m = 0; clusterd_modules[m]; m++) {
			if (clusterd_modules[m]->effect) {
				clusterd_modules[m]->effect(c, effect);
			}
		}
	}
}

static void refused_tell(struct clusterd_group *g, const struct vmha_cevent *e, int r,
			 const char *why)
{
	size_t m;

	clusterd_log(e->type == VMHA_CEVENT_HELLO ? VMHA_LOG_WARNING : VMHA_LOG_DEBUG,
		     "event=%s refused: %s", vmha_cevent_type_name(e->type), why);
	for (m = 0; clusterd_modules[m]; m++) {
		if (clusterd_modules[m]->refused) {
			clusterd_modules[m]->refused(g->c, e, r, why);
		}
	}
}

static void hello_send(struct clusterd_group *g)
{
	struct vmha_cevent e = { .type = VMHA_CEVENT_HELLO };
	const struct vmha_cnode *self = vmha_cluster_node(g->c->cluster, g->c->self);

	if (self && self->ready) {
		return;
	}
	(void)g_strlcpy(e.hello.name, g->c->name, sizeof(e.hello.name));
	(void)g_strlcpy(e.hello.version, PACKAGE_VERSION, sizeof(e.hello.version));
	e.hello.proto = VMHA_CLUSTER_PROTO;
	(void)clusterd_outbox_add(g, &e, true);
}

/* The name that kept this node out may be free now. */
static void forgotten(struct clusterd_group *g)
{
	hello_send(g);
	clusterd_group_pump(g);
}

void clusterd_group_apply(struct clusterd_group *g, const struct vmha_cevent *e, bool own)
{
	struct clusterd *c = g->c;
	int r = vmha_cluster_apply(c->cluster, e, &g->effects);
	size_t m;

	if (r == -ENOMEM || g->effects.failed) {
		/* The others are ahead now: only a new start brings this node back. */
		clusterd_log(VMHA_LOG_ERROR, "out of memory: giving up");
		exit(EXIT_FAILURE);
	}
	clusterd_worth_update(&g->worth, c->cluster);
	changed(g, !is_transient(e->type));
	if (r < 0) {
		if (own) {
			refused_tell(g, e, r, g->effects.error);
		}
		return;
	}
	for (m = 0; clusterd_modules[m]; m++) {
		if (clusterd_modules[m]->applied) {
			clusterd_modules[m]->applied(c, e);
		}
	}
	effects_tell(g);
	if (e->type == VMHA_CEVENT_FORGET) {
		forgotten(g);
	}
}

/* What corosync says, in front of all that waits. */
static void quorum_send(struct clusterd_group *g)
{
	struct vmha_cevent e = { .type = VMHA_CEVENT_QUORUM };
	const struct vmha_cluster *state = g->c->cluster;

	if (!g->quorum_known || !g->live ||
	    (state->ring_seq == g->quorum_ring && !state->ring_over &&
	     state->quorate == g->quorum_here)) {
		return;
	}
	e.quorum.ring_seq = g->quorum_ring;
	e.quorum.quorate = g->quorum_here;
	e.quorum.hosts_count = g->hosts_count;
	(void)memcpy(e.quorum.hosts, g->hosts, sizeof(g->hosts));
	(void)clusterd_outbox_add(g, &e, true);
}

void clusterd_group_synced(struct clusterd_group *g, bool replaced)
{
	GQueue waiting = g->outbox;
	size_t m;

	g->apart_ms = 0;
	g_queue_init(&g->outbox); /* what is said anew comes first */
	hello_send(g);
	quorum_send(g);
	clusterd_outbox_again(g, &waiting);
	changed(g, true);
	clusterd_log(VMHA_LOG_INFO, "group in sync members=%zu seq=%llu%s", g->view_count,
		     (unsigned long long)g->c->seq, replaced ? "" : " (as before)");
	for (m = 0; replaced && clusterd_modules[m]; m++) {
		if (clusterd_modules[m]->synced) {
			clusterd_modules[m]->synced(g->c);
		}
	}
	clusterd_group_pump(g);
}

/* --- receiving ------------------------------------------------------------------------------ */

/* An event that waited makes a clock look late: the highest of a while is the truest. */
static void clock_note(struct clusterd_group *g, uint32_t node, int64_t wall_ms)
{
	int64_t now_ms = g_get_real_time() / 1000;
	int64_t skew_ms = wall_ms - now_ms;
	struct clusterd_clock *clk = g->clocks;

	while (clk < g->clocks + g->clocks_count && clk->node != node) {
		clk++;
	}
	if (clk == g->clocks + g->clocks_count) {
		if (g->clocks_count == VMHA_CLUSTER_NODES_MAX) {
			return;
		}
		g->clocks_count++;
		*clk = (struct clusterd_clock){ .node = node };
	}
	if (!clk->seen_ms || skew_ms >= clk->skew_ms || now_ms - clk->seen_ms > CLOCK_OLD_MS ||
	    now_ms < clk->seen_ms) {
		clk->skew_ms = skew_ms;
		clk->seen_ms = now_ms;
	}
}

static void event_deliver(struct clusterd_group *g, uint32_t node, uint32_t pid,
			  const struct clusterd_frame *frame, const char *body, size_t len)
{
	vmha_autoerr struct vmha_err *err = NULL;
	bool own = node == g->c->self && pid == g->pid;
	struct vmha_cevent *e = NULL;
	int r;

	if (g->phase != CLUSTERD_LIVE || be64toh(frame->epoch) != g->epoch) {
		return; /* everybody drops it here; its sender sends it again */
	}
	r = vmha_codec_event_parse(body, len, &e, &err);
	if (own) {
		clusterd_outbox_done(g, be64toh(frame->number));
	}
	if (r < 0) {
		clusterd_group_garbage(g, node, vmha_err_text(err));
		return;
	}
	e->from = node;
	if (!own && e->wall_ms > 0) {
		clock_note(g, node, e->wall_ms);
	}
	clusterd_group_apply(g, e, own);
	vmha_cevent_free(e);
}

static void on_deliver(void *owner, uint32_t node, uint32_t pid, const void *data, size_t len)
{
	struct clusterd_group *g = owner;
	struct clusterd_frame frame;
	const char *body = (const char *)data + sizeof(frame);
	size_t size = len - sizeof(frame);

	if (len < sizeof(frame)) {
		clusterd_group_garbage(g, node, "a message that is too short");
		return;
	}
	(void)memcpy(&frame, data, sizeof(frame));
	if (memcmp(frame.magic, "VMHA", 4) != 0 || be16toh(frame.version) < 1) {
		clusterd_group_garbage(g, node, "a message that is none of vmha");
		return;
	}
	if (be16toh(frame.version) > CLUSTERD_FRAME) {
		clusterd_group_garbage(g, node, "a message of a newer version");
		return;
	}
	switch (be16toh(frame.kind)) {
	case CLUSTERD_FRAME_EVENT:
		event_deliver(g, node, pid, &frame, body, size);
		break;
	case CLUSTERD_FRAME_OFFER:
		clusterd_sync_offer(g, node, pid, body, size);
		break;
	case CLUSTERD_FRAME_SKIP:
		clusterd_sync_skip(g, node, body, size);
		break;
	case CLUSTERD_FRAME_SNAPSHOT:
		clusterd_sync_snapshot(g, node, pid, be32toh(frame.part), be32toh(frame.parts),
				       body, size);
		break;
	default:
		clusterd_group_garbage(g, node, "a message of an unknown kind");
	}
}

static void on_members(void *owner, const struct vmha_cpg_member *members, size_t members_count,
		       const struct vmha_cpg_member *left, size_t left_count,
		       const struct vmha_cpg_member *joined, size_t joined_count)
{
	struct clusterd_group *g = owner;
	size_t i;

	for (i = 0; i < joined_count; i++) {
		clusterd_log(VMHA_LOG_INFO, "group node=%u pid=%u joined", joined[i].node,
			     joined[i].pid);
	}
	clusterd_sync_members(g, members, members_count, left, left_count, joined_count);
}

static void on_quorum(void *owner, bool quorate, uint64_t ring_seq, const uint32_t *hosts,
		      size_t hosts_count)
{
	struct clusterd_group *g = owner;
	size_t i;

	clusterd_log(VMHA_LOG_INFO, "quorum=%s ring=%llu hosts=%zu", quorate ? "yes" : "no",
		     (unsigned long long)ring_seq, hosts_count);
	g->quorum_known = true;
	g->quorum_here = quorate;
	g->quorum_ring = ring_seq;
	g->hosts_count = 0;
	for (i = 0; i < hosts_count && i < VMHA_CLUSTER_NODES_MAX; i++) {
		g->hosts[g->hosts_count++] = hosts[i];
	}
	if (g->cpg) {
		changed(g, false);
	}
	if (g->phase == CLUSTERD_LIVE) {
		quorum_send(g);
		clusterd_group_pump(g);
	}
}

/* --- corosync ------------------------------------------------------------------------------- */

static gboolean on_cpg(gint fd, GIOCondition condition, gpointer data)
{
	struct clusterd_group *g = data;
	vmha_autoerr struct vmha_err *err = NULL;
	guint watch = g->cpg_watch;

	(void)fd;
	if (vmha_cpg_dispatch(g->cpg, &err) < 0 ||
	    (condition & (G_IO_HUP | G_IO_ERR | G_IO_NVAL))) {
		g->cpg_watch = 0;
		clusterd_group_reconnect(g, err ? vmha_err_text(err) : "corosync went away");
		return G_SOURCE_REMOVE;
	}
	return g->cpg_watch == watch ? G_SOURCE_CONTINUE : G_SOURCE_REMOVE;
}

static gboolean on_quorum_fd(gint fd, GIOCondition condition, gpointer data)
{
	struct clusterd_group *g = data;
	vmha_autoerr struct vmha_err *err = NULL;

	(void)fd;
	if (vmha_quorum_dispatch(g->quorum, &err) < 0 ||
	    (condition & (G_IO_HUP | G_IO_ERR | G_IO_NVAL))) {
		g->quorum_watch = 0;
		clusterd_group_reconnect(g, err ? vmha_err_text(err) : "corosync went away");
		return G_SOURCE_REMOVE;
	}
	return G_SOURCE_CONTINUE;
}

static void source_remove(guint *source)
{
	if (*source) {
		(void)g_source_remove(*source);
		*source = 0;
	}
}

static void disconnect(struct clusterd_group *g)
{
	source_remove(&g->cpg_watch);
	source_remove(&g->quorum_watch);
	source_remove(&g->send_timer);
	clusterd_sync_stop(g);
	vmha_cpg_close(g->cpg);
	g->cpg = NULL;
	vmha_quorum_close(g->quorum);
	g->quorum = NULL;
	clusterd_outbox_clear(g);
	g->phase = CLUSTERD_OUT;
	g->quorum_known = false;
	g->view_count = 0;
	g->left_count = 0;
}

static gboolean on_disconnect_idle(gpointer data);
static gboolean on_connect_timer(gpointer data);

/* Not from inside a dispatch of the connection that ends. */
static void leave(struct clusterd_group *g)
{
	g->phase = CLUSTERD_OUT;
	g->live = false;
	g->c->synced = false;
	source_remove(&g->connect_timer);
	g->connect_timer = g_timeout_add(0, on_disconnect_idle, g);
}

void clusterd_group_reconnect(struct clusterd_group *g, const char *why)
{
	if (g->phase == CLUSTERD_OUT && !g->cpg) {
		return;
	}
	clusterd_log(VMHA_LOG_ERROR, "group lost: %s; connecting again", why);
	leave(g);
}

void clusterd_group_stay_apart(struct clusterd_group *g, const char *why)
{
	if (g->phase == CLUSTERD_OUT && !g->cpg) {
		return;
	}
	g->apart_ms = g->apart_ms ? MIN(2 * g->apart_ms, APART_MAX_MS) : CONNECT_MS;
	clusterd_log(VMHA_LOG_ERROR, "group cannot be followed: %s; trying again in %u s", why,
		     g->apart_ms / 1000);
	leave(g);
}

static gboolean on_disconnect_idle(gpointer data)
{
	struct clusterd_group *g = data;

	disconnect(g);
	vmha_cluster_restart(g->c->cluster);
	changed(g, false);
	g->connect_timer =
		g_timeout_add(g->apart_ms ? g->apart_ms : CONNECT_MS, on_connect_timer, g);
	return G_SOURCE_REMOVE;
}

/* Who this node is: id of corosync, name of its nodelist. */
static int identify(struct clusterd_group *g, struct vmha_err **err)
{
	struct clusterd *c = g->c;
	vmha_autofree struct vmha_cmap_node *nodes = NULL;
	uint32_t self = vmha_cpg_self(g->cpg);
	size_t count = 0;
	size_t i;
	int r;

	if (c->started && c->self != self) {
		clusterd_log(VMHA_LOG_ERROR, "this node's id was %u and is %u: starting over",
			     c->self, self);
		exit(EXIT_FAILURE);
	}
	r = vmha_cmap_nodes(&nodes, &count, err);
	if (r < 0) {
		return r;
	}
	c->self = self;
	(void)g_strlcpy(c->name, g_get_host_name(), sizeof(c->name));
	for (i = 0; i < count; i++) {
		if (nodes[i].id == self && *nodes[i].name) {
			(void)g_strlcpy(c->name, nodes[i].name, sizeof(c->name));
		}
	}
	if (!c->started) {
		clusterd_log(VMHA_LOG_INFO, "node=%u name=%s", c->self, c->name);
		r = clusterd_modules_start(c, err);
		if (r < 0) {
			clusterd_log(VMHA_LOG_ERROR, "%s", vmha_err_text(*err));
			exit(EXIT_FAILURE);
		}
	}
	return 0;
}

static int connect_both(struct clusterd_group *g, struct vmha_err **err)
{
	static const struct vmha_cpg_hooks hooks = { .deliver = on_deliver, .members = on_members };
	const GIOCondition all = G_IO_IN | G_IO_HUP | G_IO_ERR | G_IO_NVAL;
	int r = vmha_quorum_open(&g->quorum, on_quorum, g, err);

	r = r < 0 ? r : vmha_cpg_open(&g->cpg, CLUSTERD_GROUP, &hooks, g, err);
	r = r < 0 ? r : identify(g, err);
	if (r < 0) {
		disconnect(g);
		return r;
	}
	g->quorum_watch = g_unix_fd_add(vmha_quorum_fd(g->quorum), all, on_quorum_fd, g);
	g->cpg_watch = g_unix_fd_add(vmha_cpg_fd(g->cpg), all, on_cpg, g);
	g->told_waiting = false;
	return 0;
}

static gboolean on_connect_timer(gpointer data)
{
	struct clusterd_group *g = data;
	vmha_autoerr struct vmha_err *err = NULL;

	if (connect_both(g, &err) == 0) {
		g->connect_timer = 0;
		return G_SOURCE_REMOVE;
	}
	if (!g->told_waiting) {
		clusterd_log(VMHA_LOG_WARNING, "waiting for corosync: %s", vmha_err_text(err));
		g->told_waiting = true;
	}
	g->connect_timer = g_timeout_add(CONNECT_MS, on_connect_timer, g);
	return G_SOURCE_REMOVE;
}

int clusterd_group_open(struct clusterd *c, struct vmha_err **err)
{
	struct clusterd_group *g = g_new0(struct clusterd_group, 1);
	int r;

	g->c = c;
	g->pid = (uint32_t)getpid();
	g_queue_init(&g->controls);
	g_queue_init(&g->outbox);
	g->snapshot = g_string_new(NULL);
	c->group = g;
	r = clusterd_persist_load(c->state_file, &c->cluster, &g->worth, err);
	if (r < 0) {
		clusterd_group_close(c);
		return r;
	}
	c->seq = c->cluster->seq;
	clusterd_log(VMHA_LOG_INFO, "state of disk seq=%llu migrations=%u",
		     (unsigned long long)c->seq, c->cluster->migs_count);
	g->connect_timer = g_timeout_add(0, on_connect_timer, g);
	return 0;
}

void clusterd_group_close(struct clusterd *c)
{
	struct clusterd_group *g = c->group;

	if (!g) {
		return;
	}
	source_remove(&g->connect_timer);
	source_remove(&g->persist_timer);
	source_remove(&g->changed_idle);
	disconnect(g);
	if (g->live) {
		clusterd_persist_save(g);
	}
	c->group = NULL;
	vmha_ceffects_clear(&g->effects);
	(void)g_string_free(g->snapshot, TRUE);
	g_free(g);
	free(c->cluster);
	c->cluster = NULL;
}
