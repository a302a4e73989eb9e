/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Renewals of this node's host id: told in the journal of events when they are late and when they
 * are in time again.  Never decides anything: what is to be done about it the monitor judges.
 */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "csv/csv.h"
#include "lib/base/cleanup.h"
#include "lib/base/log.h"
#include "lib/base/proc.h"
#include "lib/core/renewal.h"
#include "lib/role/journal.h"

#define ASK	    VMHA_SPAN_S(3)
#define HISTORY_MAX 32
#define AGAIN_S	    60 /* between two tales of lateness: storage that flaps fills no journal */
#define NS_PER_S    1000000000

struct watch {
	const struct csv_params *p;
	const char *node;
	struct vmha_lease_times times;
	struct vmha_renewal_record rec; /* what was told last */
	struct vmha_renewal_view now;
	uint64_t now_s;
};

/* No call of libsanlock tells the history; its tool does, and only this host's renewals are shown
 * by it at once (the daemon's list of hosts is one renewal old). */
static size_t history_read(const struct csv_params *p, struct vmha_renewal *history)
{
	const char *const argv[] = { "sanlock", "client", "renewal", "-s", p->volume, NULL };
	vmha_autoresult struct vmha_proc_result res = { 0 };

	if (vmha_proc_check(argv, NULL, ASK, &res, NULL) < 0 || !res.output) {
		return 0;
	}
	return vmha_renewals_parse(res.output, history, HISTORY_MAX);
}

/* Time of day at a moment of the monotonic clock. */
static const char *clock_text(const struct watch *w, uint64_t at_s, char *text, size_t size)
{
	time_t t = time(NULL) + (time_t)at_s - (time_t)w->now_s;
	struct tm tm;

	if (!localtime_r(&t, &tm) || !strftime(text, size, "%H:%M:%S", &tm)) {
		(void)snprintf(text, size, "?");
	}
	return text;
}

static void tell(const struct watch *w, const char *level, const char *text)
{
	const struct vmha_journal_note note = {
		.kind = "renewal", .level = level, .node = w->node, .text = text
	};

	vmha_log(strcmp(level, "info") == 0 ? VMHA_LOG_INFO : VMHA_LOG_WARNING, "%s", text);
	vmha_journal_send(&note);
}

static void late_tell(struct watch *w)
{
	const struct vmha_renewal_view *v = &w->now;
	char more[64] = "";
	char at[16];
	char text[512];

	if (w->rec.suppressed) {
		(void)snprintf(more, sizeof(more), " (late %llu more times since the last event)",
			       (unsigned long long)w->rec.suppressed);
	}
	(void)clock_text(w, v->act_s, at, sizeof(at));
	if (v->over) {
		(void)snprintf(text, sizeof(text),
			       "volume %s on %s: a renewal came %llu s after the one before it "
			       "(due every %u s, limit %u s); without it sanlock would have ended "
			       "the VMs there at %s%s",
			       w->p->volume, w->node, (unsigned long long)v->gap_s,
			       w->times.renewal_s, w->times.fail_s, at, more);
	} else {
		(void)snprintf(text, sizeof(text),
			       "volume %s on %s: no renewal for %llu s (due every %u s, limit %u "
			       "s); sanlock ends the VMs there at %s unless one comes%s",
			       w->p->volume, w->node, (unsigned long long)v->gap_s,
			       w->times.renewal_s, w->times.fail_s, at, more);
	}
	if (!v->over && w->now_s >= v->act_s) {
		(void)snprintf(text, sizeof(text),
			       "volume %s on %s: no renewal for %llu s, the limit of %u s was over "
			       "at %s: sanlock ends the VMs there%s",
			       w->p->volume, w->node, (unsigned long long)v->gap_s, w->times.fail_s,
			       at, more);
	}
	tell(w, v->state == VMHA_RENEWAL_FAILING && !v->over ? "error" : "warning", text);
	w->rec.suppressed = 0;
	w->rec.told_s = w->now_s;
}

static void well_tell(struct watch *w)
{
	char text[512];

	(void)snprintf(text, sizeof(text),
		       "volume %s on %s: renewals are in time again (the last took %u ms)",
		       w->p->volume, w->node,
		       w->now.last_ms ? w->now.last_ms : (unsigned int)w->rec.last_ms);
	tell(w, "info", text);
}

static void compare(struct watch *w)
{
	if (w->now.state == VMHA_RENEWAL_OK) {
		if (w->rec.state != VMHA_RENEWAL_OK) {
			well_tell(w);
			w->rec.state = VMHA_RENEWAL_OK;
		}
		return;
	}
	if (w->now.state <= w->rec.state) {
		return; /* told already */
	}
	/* what gets worse is told at once */
	if (w->now.state == VMHA_RENEWAL_LATE && w->rec.told_s &&
	    w->now_s < w->rec.told_s + AGAIN_S) {
		w->rec.suppressed++;
		return;
	}
	late_tell(w);
	w->rec.state = w->now.state;
}

void csv_renewals_watch(const struct csv_params *p, const struct vmha_joined_record *joined)
{
	struct vmha_renewal history[HISTORY_MAX];
	struct watch w = { .p = p, .node = joined->node };
	size_t count = history_read(p, history);

	w.times = vmha_lease_times((unsigned int)joined->io_timeout_s);
	w.now_s = (uint64_t)(vmha_mono_now().ns / NS_PER_S);
	if (vmha_volume_load(p->volume, VMHA_VOLUME_RENEWALS, &w.rec, NULL) < 0) {
		w.rec = (struct vmha_renewal_record){ 0 };
	}
	if (!count && w.rec.last_s) { /* sanlock is silent: what it said before still counts */
		history[count++] = (struct vmha_renewal){ .at_s = w.rec.last_s };
	}
	w.now = vmha_renewals_judge(history, count, w.rec.last_s, w.now_s,
				    (unsigned int)joined->io_timeout_s);
	if (!w.now.last_s) {
		return; /* joined this moment */
	}
	compare(&w);
	if (w.now.last_s > w.rec.last_s) {
		w.rec.last_ms = w.now.last_ms;
		w.rec.max_ms = w.now.max_ms;
	}
	w.rec.last_s = w.now.last_s;
	(void)vmha_volume_store(p->volume, VMHA_VOLUME_RENEWALS, &w.rec, NULL);
}
