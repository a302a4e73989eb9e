/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Guests that ended or stand still with nobody at work on them.  vmha-guest-report asks and tells
 * Pacemaker; what came of it goes to the journal, and a failure is told to all nodes, so that
 * migrations elsewhere do not hold up the recovery.
 */
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "clusterd/guests.h"
#include "clusterd/journal.h"
#include "clusterd/worker.h"
#include "lib/base/cleanup.h"
#include "lib/core/cluster.h"

#define WORD_MS	  60  /* for libvirt's word on how it ended */
#define STILL_MS  300 /* a standstill that is only a step to an end or a resume is none */
#define RETRY_MS  1000
#define TRIES_MAX 20 /* then the monitor finds it */
#define PATIENCE  VMHA_SPAN_S(60)

static const char program[] = VMHA_PKGLIBEXECDIR "/vmha-guest-report";

static gboolean on_ended(gpointer data);
static gboolean on_still(gpointer data);

static void timer_set(struct clusterd_guest *g, guint ms, GSourceFunc fn)
{
	if (g->timer) {
		g_source_remove(g->timer);
	}
	g->timer = g_timeout_add(ms, fn, g);
}

/* Handed to Pacemaker or further: its agent and its end have the word. */
static bool in_migration(const struct clusterd_guest *g)
{
	const struct vmha_mig *m = vmha_cluster_mig_of(g->c->cluster, g->name);

	return m && (m->phase == VMHA_MIG_ADMITTED || m->phase == VMHA_MIG_RUNNING ||
		     m->phase == VMHA_MIG_ENDING);
}

/* --- asking and telling Pacemaker ------------------------------------------------------------- */

/* Outlives its guest: Pacemaker's recovery removes the run record while the report still ends. */
struct report {
	struct clusterd *c;
	char vm[VMHA_NAME_SIZE];
	int64_t pid;
	const char *cause;
	char *what;
	bool still; /* worth telling whoever deals with it */
};

static void report_free(struct report *rep)
{
	g_free(rep->what);
	g_free(rep);
}

static enum vmha_guest_end end_of(const struct clusterd_guest *g)
{
	const struct clusterd_domain *d = clusterd_guest_domain(g);

	return d ? vmha_guest_end_judge(d->state == VMHA_GUEST_GONE ? d->last : d->state, d->end)
		 : vmha_guest_end_judge(VMHA_GUEST_UNKNOWN, VMHA_END_UNKNOWN);
}

static struct report *report_new(const struct clusterd_guest *g)
{
	struct report *rep = g_new0(struct report, 1);

	rep->c = g->c;
	rep->pid = g->run.pid;
	(void)g_strlcpy(rep->vm, g->name, sizeof(rep->vm));
	return rep;
}

static struct report *report_end(const struct clusterd_guest *g)
{
	struct report *rep = report_new(g);

	rep->cause = vmha_guest_end_name(end_of(g));
	rep->what = g_strdup_printf("%s on %s ended: %s", g->name, g->c->name,
				    vmha_guest_end_text(end_of(g)));
	return rep;
}

static struct report *report_still(const struct clusterd_guest *g)
{
	const struct clusterd_domain *d = clusterd_guest_domain(g);
	struct report *rep = report_new(g);

	rep->still = true;
	rep->cause = vmha_guest_state_name(g->still);
	rep->what = g_strdup_printf("%s on %s is %s%s%s%s", g->name, g->c->name,
				    vmha_guest_state_text(g->still), d && *d->detail ? " (" : "",
				    d ? d->detail : "", d && *d->detail ? ")" : "");
	return rep;
}

static void journal(const struct report *rep, enum vmha_level level, const char *text)
{
	struct vmha_cjournal j = { .wall_ms = g_get_real_time() / 1000, .level = level };

	(void)g_strlcpy(j.kind, "guest", sizeof(j.kind));
	(void)g_strlcpy(j.vm, rep->vm, sizeof(j.vm));
	(void)g_strlcpy(j.node, rep->c->name, sizeof(j.node));
	(void)g_strlcpy(j.cause, rep->cause, sizeof(j.cause));
	(void)g_strlcpy(j.text, text, sizeof(j.text));
	clusterd_journal_send(rep->c, &j);
}

/* Moves that have not come to their last step give way, so that the recovery starts at once. */
static void disturb(const struct report *rep)
{
	struct vmha_cevent *e = g_new0(struct vmha_cevent, 1);

	e->type = VMHA_CEVENT_DISTURBED;
	e->wall_ms = g_get_real_time() / 1000;
	(void)g_strlcpy(e->mig.reason, rep->what, sizeof(e->mig.reason));
	if (clusterd_send(rep->c, e) < 0) {
		clusterd_log(VMHA_LOG_WARNING, "vm=%s the other nodes are not told", rep->vm);
	}
	g_free(e);
}

static void report_again(const struct report *rep)
{
	struct clusterd_guest *g = g_hash_table_lookup(rep->c->guests->guests, rep->vm);

	if (g && g->run.pid == rep->pid && g->tries++ < TRIES_MAX) {
		g->still = VMHA_GUEST_UNKNOWN;
		timer_set(g, RETRY_MS, g->ended ? on_ended : on_still);
	}
}

static void reported(struct clusterd *c, const struct clusterd_worker_result *res, void *data)
{
	struct report *rep = data;
	json_t *line = json_loads(res->output, 0, NULL);
	const char *did = json_string_value(json_object_get(line, "did"));
	const char *why = json_string_value(json_object_get(line, "text"));
	char *text = g_strdup_printf("%s; %s", rep->what,
				     did && why ? why : "no report of it could be made");

	(void)c;
	clusterd_log(VMHA_LOG_WARNING, "vm=%s pid=%d %s", rep->vm, (int)rep->pid, text);
	if (!did || strcmp(did, "error") == 0) {
		clusterd_log(VMHA_LOG_WARNING, "vm=%s status=%d %s", rep->vm, res->status,
			     res->errors);
		report_again(rep);
	} else if (rep->still || strcmp(did, "nothing") != 0) {
		journal(rep, strcmp(did, "failed") == 0 ? VMHA_LEVEL_error : VMHA_LEVEL_warning,
			text);
	}
	if (did && strcmp(did, "failed") == 0) {
		disturb(rep);
	}
	g_free(text);
	json_decref(line);
	report_free(rep);
}

static void report(struct clusterd_guest *g)
{
	struct report *rep = g->ended ? report_end(g) : report_still(g);
	const char *const argv[] = {
		program,    g->name, g->run.volume, g->c->name, g->ended ? "ended" : "still",
		rep->cause, NULL
	};
	vmha_autoerr struct vmha_err *err = NULL;

	if (clusterd_worker_run(g->c, argv, NULL, PATIENCE, reported, rep, NULL, &err) < 0) {
		clusterd_log(VMHA_LOG_ERROR, "%s", vmha_err_text(err));
		report_again(rep);
		report_free(rep);
	}
}

/* --- ends ---------------------------------------------------------------------------------------
 */

static gboolean on_ended(gpointer data)
{
	struct clusterd_guest *g = data;

	g->timer = 0;
	if (!g->c->synced) { /* an open migration would not be known */
		if (g->tries++ < TRIES_MAX) {
			timer_set(g, RETRY_MS, on_ended);
		}
		return G_SOURCE_REMOVE;
	}
	g->judged = true;
	if (clusterd_guest_in_action(g->c, g->name) || in_migration(g)) {
		clusterd_log(VMHA_LOG_INFO, "vm=%s pid=%d ended while it was worked at", g->name,
			     (int)g->run.pid);
		return G_SOURCE_REMOVE;
	}
	report(g);
	return G_SOURCE_REMOVE;
}

/* Pacemaker's monitor has seen it before we could tell, and its stop has ended it: why it did is
 * for the journal. */
static void monitor_was_first(struct clusterd_guest *g, const struct clusterd_domain *d)
{
	enum vmha_guest_state state = d->state == VMHA_GUEST_GONE ? d->last : d->state;
	g_autofree char *text = NULL;
	struct report *rep;

	if (!vmha_guest_is_stuck(state) || state == g->still ||
	    !clusterd_guest_in_action(g->c, g->name)) {
		return;
	}
	g->still = state;
	rep = report_still(g);
	text = g_strdup_printf("%s; Pacemaker is at work on it", rep->what);
	journal(rep, VMHA_LEVEL_warning, text);
	report_free(rep);
}

void clusterd_guest_ended(struct clusterd_guest *g)
{
	const struct clusterd_domain *d = clusterd_guest_domain(g);
	bool told;

	if (g->judged) {
		return;
	}
	if (d) {
		monitor_was_first(g, d);
	}
	told = !g->c->guests->connected || (d && d->state == VMHA_GUEST_GONE);

	/* An action that is just ending may not have forgotten its record yet. */
	timer_set(g, told ? 1 : WORD_MS, on_ended);
}

/* --- standstills
 * ---------------------------------------------------------------------------------- */

static gboolean on_still(gpointer data)
{
	struct clusterd_guest *g = data;
	const struct clusterd_domain *d = clusterd_guest_domain(g);

	g->timer = 0;
	if (g->ended || !d || d->state == g->still) {
		return G_SOURCE_REMOVE;
	}
	if (!g->c->synced || clusterd_guest_in_action(g->c, g->name) || in_migration(g)) {
		timer_set(g, RETRY_MS, on_still); /* who works at it may end it */
		return G_SOURCE_REMOVE;
	}
	g->still = d->state;
	report(g);
	return G_SOURCE_REMOVE;
}

void clusterd_guest_changed(struct clusterd_guest *g)
{
	const struct clusterd_domain *d = clusterd_guest_domain(g);

	if (g->ended || !d) {
		return;
	}
	if (g->timer) { /* it stands still no longer, or for another reason */
		g_source_remove(g->timer);
		g->timer = 0;
	}
	if (vmha_guest_is_stuck(d->state)) {
		timer_set(g, STILL_MS, on_still);
	} else if (d->state == VMHA_GUEST_RUNNING && g->still != VMHA_GUEST_UNKNOWN) {
		struct report *rep = report_still(g);

		g_free(rep->what);
		rep->what = g_strdup_printf("%s on %s runs again", g->name, g->c->name);
		journal(rep, VMHA_LEVEL_info, rep->what);
		report_free(rep);
		g->still = VMHA_GUEST_UNKNOWN;
	}
}
