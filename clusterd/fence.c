/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What Pacemaker's fencer did, told in the journal once.  Every node with Pacemaker hears of it;
 * the lowest tells at once, and whoever has not seen it told a little later does so too.  The
 * fencer's id of the operation is its trace: of two entries of one, all nodes drop the second.
 */
#include "clusterd/fence.h"

#include <stdio.h>
#include <string.h>

#include "clusterd/clusterd.h"
#include "clusterd/journal.h"

#define STAND_IN_MS 3000
#define WAITING_MAX 64

struct clusterd_fence {
	struct clusterd *c;
	GQueue waiting; /* struct vmha_cjournal, heard of within STAND_IN_MS */
	guint timer;
};

static bool text_copy(char *buf, size_t size, const json_t *o, const char *key)
{
	const char *text = json_string_value(json_object_get(o, key));

	return text && (size_t)snprintf(buf, size, "%s", text) < size;
}

static bool note_read(const json_t *line, struct vmha_cjournal *e)
{
	bool ok = json_is_true(json_object_get(line, "ok"));
	char action[32];
	char by[VMHA_NODE_SIZE];
	char client[128];

	*e = (struct vmha_cjournal){ .wall_ms = g_get_real_time() / 1000,
				     .level = ok ? VMHA_LEVEL_warning : VMHA_LEVEL_error,
				     .kind = "fence",
				     .cause = "PACEMAKER" };
	if (!text_copy(e->node, sizeof(e->node), line, "node") ||
	    !text_copy(e->trace, sizeof(e->trace), line, "id") ||
	    !text_copy(action, sizeof(action), line, "action") ||
	    !text_copy(by, sizeof(by), line, "by") ||
	    !text_copy(client, sizeof(client), line, "client")) {
		return false;
	}
	(void)snprintf(e->text, sizeof(e->text),
		       ok ? "%.100s was fenced (%s) by %.100s, asked for by %s"
			  : "fencing of %.100s (%s) by %.100s failed, asked for by %s",
		       e->node, action, *by ? by : "nobody", *client ? client : "nobody");
	return true;
}

static gboolean on_timer(gpointer data)
{
	struct clusterd_fence *f = data;
	struct vmha_cjournal *e;

	f->timer = 0;
	while ((e = g_queue_pop_head(&f->waiting)) != NULL) {
		if (!clusterd_journal_has(f->c, e->trace)) {
			clusterd_journal_send(f->c, e);
		}
		g_free(e);
	}
	return G_SOURCE_REMOVE;
}

void clusterd_fence_note(struct clusterd *c, const json_t *line)
{
	struct clusterd_fence *f = c->fence;
	struct vmha_cjournal e;

	if (!f || !note_read(line, &e) || clusterd_journal_has(c, e.trace)) {
		return;
	}
	if (vmha_cluster_lowest(c->cluster) == c->self) {
		clusterd_journal_send(c, &e);
		return;
	}
	/* without an id nobody could tell whether it was told */
	if (!*e.trace || f->waiting.length == WAITING_MAX) {
		return;
	}
	g_queue_push_tail(&f->waiting, g_memdup2(&e, sizeof(e)));
	if (f->timer) {
		g_source_remove(f->timer);
	}
	f->timer = g_timeout_add(STAND_IN_MS, on_timer, f);
}

static int on_start(struct clusterd *c, struct vmha_err **err)
{
	(void)err;
	c->fence = g_new0(struct clusterd_fence, 1);
	c->fence->c = c;
	g_queue_init(&c->fence->waiting);
	return 0;
}

static void on_stop(struct clusterd *c)
{
	struct clusterd_fence *f = c->fence;

	if (!f) {
		return;
	}
	if (f->timer) {
		g_source_remove(f->timer);
	}
	g_queue_clear_full(&f->waiting, g_free);
	g_free(f);
	c->fence = NULL;
}

const struct clusterd_module clusterd_module_fence = {
	.name = "fence",
	.start = on_start,
	.stop = on_stop,
};
