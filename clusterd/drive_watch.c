/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * After a node was lost or a guest crashed nothing is migrated until Pacemaker has recovered: this
 * waits for that.  Recovered is: a coordinator and no node still to be fenced, then nothing left to
 * do in the cluster, seen twice.  Pacemaker learns of a loss a moment after us, so a first look may
 * come too early.  A role that cannot be recovered does not hold the others up: then Pacemaker is
 * idle too.
 */
#include <stdio.h>
#include <string.h>

#include "clusterd/drive.h"
#include "lib/base/cleanup.h"

#define FIRST_LOOK_MS  1500
#define LOOK_MS	       500
#define LOOKS_GOOD     2
#define WATCH_LIMIT_MS 600000 /* never for ever: better slow than not at all */
#define SETTLED_S      10

struct drive_watch {
	struct clusterd *c;
	uint64_t disturbance;
	struct vmha_mono begun;
	unsigned int good;
	guint timer;
};

static gboolean watch_look(void *data);

static void watch_later(struct drive_watch *w, unsigned int ms)
{
	if (!w->timer) {
		w->timer = g_timeout_add(ms, watch_look, w);
	}
}

static void watch_over(struct drive_watch *w, const char *why)
{
	struct vmha_cevent e;

	clusterd_log(VMHA_LOG_INFO, "disturbance=%llu over after_ms=%lld: %s",
		     (unsigned long long)w->disturbance,
		     (long long)vmha_span_ms(vmha_mono_diff(w->begun, vmha_mono_now())), why);
	drive_event(w->c, VMHA_CEVENT_RELEASE, &e);
	e.disturbance = w->disturbance;
	(void)drive_send(w->c, &e);
	drive_watch_free(w->c->drive);
}

static void watch_judge(struct drive_watch *w, bool good)
{
	w->good = good ? w->good + 1 : 0;
	if (w->good >= LOOKS_GOOD) {
		watch_over(w, "nothing is left to do");
	} else if (vmha_span_ms(vmha_mono_diff(w->begun, vmha_mono_now())) > WATCH_LIMIT_MS) {
		watch_over(w, "waited long enough");
	} else {
		watch_later(w, LOOK_MS);
	}
}

/* @return the watch, unless another one has begun or it is over */
static struct drive_watch *watch_of(struct clusterd *c, void *data)
{
	struct drive_watch *w = c->drive ? c->drive->watch : NULL;

	return w && w->disturbance == (uint64_t)(uintptr_t)data ? w : NULL;
}

static void watch_settled(struct clusterd *c, int r, const char *text, const char *why, void *data)
{
	struct drive_watch *w = watch_of(c, data);

	(void)text;
	(void)why;
	if (w) {
		watch_judge(w, r == 0);
	}
}

static bool nodes_certain(const struct vmha_pcmk_state *s, const struct vmha_cluster *state)
{
	size_t i;

	for (i = 0; i < s->nodes_count; i++) {
		const struct vmha_pcmk_node *n = &s->nodes[i];
		const struct vmha_cnode *known = vmha_cluster_node_by_name(state, n->name);

		if (n->unclean || n->pending ||
		    (known && known->host == VMHA_HOST_DOWN && n->online)) {
			return false;
		}
	}
	return s->dc_present;
}

static void watch_state(struct clusterd *c, int r, const struct vmha_pcmk_state *s, const char *why,
			void *data)
{
	struct drive_watch *w = watch_of(c, data);

	(void)why;
	if (!w) {
		return;
	}
	if (r < 0 || !nodes_certain(s, c->cluster)) {
		watch_judge(w, false);
	} else {
		drive_pcmk_settled(c->drive->pcmk, SETTLED_S, watch_settled, data);
	}
}

static gboolean watch_look(void *data)
{
	struct drive_watch *w = data;

	w->timer = 0;
	drive_pcmk_state(w->c->drive->pcmk, watch_state, (void *)(uintptr_t)w->disturbance);
	return G_SOURCE_REMOVE;
}

void drive_watch_begin(struct clusterd *c, uint64_t disturbance)
{
	struct drive_watch *w = c->drive->watch;

	if (w && w->disturbance == disturbance) {
		return;
	}
	drive_watch_free(c->drive);
	w = g_new0(struct drive_watch, 1);
	w->c = c;
	w->disturbance = disturbance;
	w->begun = vmha_mono_now();
	c->drive->watch = w;
	watch_later(w, FIRST_LOOK_MS);
}

void drive_watch_free(struct clusterd_drive *d)
{
	struct drive_watch *w = vmha_steal_ptr(d->watch);

	if (w && w->timer) {
		g_source_remove(w->timer);
	}
	g_free(w);
}
