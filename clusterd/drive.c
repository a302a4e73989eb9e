/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "clusterd/drive.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/cleanup.h"
#include "lib/base/str.h"

#define COLD_TIMEOUT	  VMHA_SPAN_S(1800) /* a guest may take long to power off */
#define COLD_QUIET_ROUNDS 10		    /* of a second */
#define FOLLOW_MS	  1500
#define IDLE_ROUND_S	  20
#define IDLE_ROUNDS_MAX	  2 /* Pacemaker idle so often and no agent: it will not come */
#define TELL_AGAIN_MS	  500

void drive_event(struct clusterd *c, enum vmha_cevent_type type, struct vmha_cevent *ret_event)
{
	memset(ret_event, 0, sizeof(*ret_event));
	ret_event->type = type;
	ret_event->from = c->self;
	ret_event->wall_ms = g_get_real_time() / 1000;
}

int drive_send(struct clusterd *c, const struct vmha_cevent *event)
{
	int r = clusterd_send(c, event);

	if (r < 0) {
		clusterd_log(VMHA_LOG_WARNING, "event=%s not sent: %s",
			     vmha_cevent_type_name(event->type), strerror(-r));
	}
	return r;
}

void drive_journal(struct clusterd *c, enum vmha_level level, const struct vmha_mig *mig,
		   const char *fmt, ...)
{
	vmha_autofree struct vmha_cevent *e = calloc(1, sizeof(*e));
	va_list ap;

	if (!e) {
		return;
	}
	drive_event(c, VMHA_CEVENT_JOURNAL, e);
	e->journal.wall_ms = e->wall_ms;
	e->journal.level = level;
	(void)snprintf(e->journal.kind, sizeof(e->journal.kind), "migration");
	(void)snprintf(e->journal.node, sizeof(e->journal.node), "%s", c->name);
	if (mig) {
		memcpy(e->journal.vm, mig->vm, sizeof(e->journal.vm));
		memcpy(e->journal.trace, mig->trace, sizeof(e->journal.trace));
		e->journal.mig = mig->id;
		(void)snprintf(e->journal.cause, sizeof(e->journal.cause), "%s",
			       vmha_mig_cause_name(mig->cause));
	}
	va_start(ap, fmt);
	(void)vsnprintf(e->journal.text, sizeof(e->journal.text), fmt, ap);
	va_end(ap);
	(void)drive_send(c, e);
}

/* --- jobs ----------------------------------------------------------------------------------- */

struct drive_job *drive_job_of(struct clusterd *c, void *data)
{
	return c->drive ? g_hash_table_lookup(c->drive->jobs, data) : NULL;
}

void *drive_job_data(const struct drive_job *job)
{
	return (void *)(uintptr_t)job->serial;
}

const char drive_vmha[] = VMHA_BINDIR "/vmha";

static void job_free(void *data)
{
	struct drive_job *job = data;

	clusterd_worker_cancel(job->worker);
	if (job->timer) {
		g_source_remove(job->timer);
	}
	drive_pcmk_forget(job->d->pcmk, drive_job_data(job));
	g_free(job);
}

void drive_job_end(struct drive_job *job)
{
	g_hash_table_remove(job->d->jobs, drive_job_data(job));
}

struct later {
	struct drive_job *job; /* its timer is removed with it */
	void (*step)(struct drive_job *job);
};

static gboolean later_run(void *data)
{
	const struct later *later = data;
	void (*step)(struct drive_job *) = later->step;
	struct drive_job *job = later->job;

	job->timer = 0;
	step(job);
	return G_SOURCE_REMOVE;
}

void drive_job_later(struct drive_job *job, unsigned int ms, void (*step)(struct drive_job *job))
{
	struct later *later = g_new0(struct later, 1);

	later->job = job;
	later->step = step;
	if (job->timer) {
		g_source_remove(job->timer);
	}
	job->timer = g_timeout_add_full(G_PRIORITY_DEFAULT, ms, later_run, later, g_free);
}

static void job_names(struct drive_job *job, const struct vmha_mig *mig)
{
	const struct vmha_cluster *s = job->d->c->cluster;
	char name[VMHA_NODE_SIZE];

	memcpy(job->vm, mig->vm, sizeof(job->vm));
	memcpy(job->volume, mig->volume, sizeof(job->volume));
	(void)snprintf(job->from, sizeof(job->from), "%s",
		       vmha_cluster_node_name(s, mig->from, name));
	(void)snprintf(job->to, sizeof(job->to), "%s", vmha_cluster_node_name(s, mig->to, name));
}

/* @return NULL: that is under way already */
static struct drive_job *job_new(struct clusterd_drive *d, const struct vmha_ceffect *effect,
				 const struct vmha_mig *mig)
{
	struct drive_job *other;
	struct drive_job *job;
	GHashTableIter it;
	void *value;

	g_hash_table_iter_init(&it, d->jobs);
	while (g_hash_table_iter_next(&it, NULL, &value)) {
		other = value;
		if (other->mig != effect->mig) {
			continue;
		}
		if (other->kind == effect->kind) {
			return NULL;
		}
		g_hash_table_iter_remove(&it); /* what the cluster asks for now stands */
	}
	job = g_new0(struct drive_job, 1);
	job->d = d;
	job->serial = ++d->next_serial;
	job->mig = effect->mig;
	job->kind = effect->kind;
	job->begun = vmha_mono_now();
	job_names(job, mig);
	g_hash_table_insert(d->jobs, drive_job_data(job), job);
	return job;
}

struct told {
	struct vmha_cevent event;
	struct clusterd *c;
};

/*
 * An event that must not be lost: while this node is out of the group it waits.  After the way back
 * the cluster asks for all that is open again, which makes a late answer a repeated one: refused.
 */
static gboolean told_again(void *data)
{
	struct told *t = data;

	return clusterd_send(t->c, &t->event) == -ENOBUFS ? G_SOURCE_CONTINUE : G_SOURCE_REMOVE;
}

void drive_job_tell(struct drive_job *job, enum vmha_cevent_type type, bool ok,
		    enum vmha_mig_result result, const char *reason)
{
	struct told *t = g_new0(struct told, 1);
	struct clusterd *c = job->d->c;

	t->c = c;
	drive_event(c, type, &t->event);
	t->event.mig.id = job->mig;
	t->event.mig.ok = ok;
	t->event.mig.result = result;
	(void)snprintf(t->event.mig.reason, sizeof(t->event.mig.reason), "%s",
		       reason ? reason : "");
	clusterd_log(VMHA_LOG_INFO, "mig=%llu vm=%s %s ok=%d result=%s%s%s",
		     (unsigned long long)job->mig, job->vm, vmha_cevent_type_name(type), ok,
		     vmha_mig_result_name(result), reason && *reason ? " " : "",
		     reason ? reason : "");
	if (clusterd_send(c, &t->event) == -ENOBUFS) {
		(void)g_timeout_add_full(G_PRIORITY_DEFAULT, TELL_AGAIN_MS, told_again, t, g_free);
	} else {
		g_free(t);
	}
}

/* --- HAND_OVER ------------------------------------------------------------------------------ */

static void cold_done(struct clusterd *c, const struct clusterd_worker_result *res, void *data)
{
	struct drive_job *job = drive_job_of(c, data);
	char why[256];

	if (!job) {
		return;
	}
	job->worker = NULL;
	if (res->status == 0) {
		drive_job_tell(job, VMHA_CEVENT_SETTLED, true, VMHA_RESULT_DONE, "");
		drive_job_end(job);
		return;
	}
	(void)snprintf(why, sizeof(why), "the cold move failed: %.*s",
		       (int)strcspn(res->errors, "\n"), res->errors);
	clusterd_log(VMHA_LOG_WARNING, "mig=%llu vm=%s %s", (unsigned long long)job->mig, job->vm,
		     why);
	(void)snprintf(job->told, sizeof(job->told), "%s", why);
	drive_settle_begin(job);
}

static void cold_run(struct drive_job *job)
{
	/* each of its halves has this time */
	vmha_autofree char *limit =
		vmha_str_printf("%lld", (long long)(vmha_span_ms(COLD_TIMEOUT) / 2000));
	const char *const argv[] = { drive_vmha, "cold",      job->vm, "--to",
				     job->to,	 "--timeout", limit,   NULL };
	vmha_autoerr struct vmha_err *err = NULL;

	if (clusterd_worker_run(job->d->c, argv, NULL, COLD_TIMEOUT, cold_done, drive_job_data(job),
				&job->worker, &err) < 0) {
		drive_job_tell(job, VMHA_CEVENT_HANDED, false, VMHA_RESULT_NONE,
			       vmha_err_text(err));
		drive_job_end(job);
	}
}

static void cold_look(struct drive_job *job);

static void cold_answer(struct clusterd *c, int r, const struct vmha_pcmk_state *s, const char *why,
			void *data)
{
	struct drive_job *job = drive_job_of(c, data);
	const struct vmha_pcmk_resource *x =
		job && r == 0 ? vmha_pcmk_resource_find(s, job->vm) : NULL;
	bool started = x && strcmp(x->state, "Started") == 0 && x->nodes_count == 1;

	(void)why;
	if (!job) {
		return;
	}
	if (started && strcmp(x->nodes[0], job->to) == 0) {
		drive_job_tell(job, VMHA_CEVENT_SETTLED, true, VMHA_RESULT_DONE, "");
		drive_job_end(job);
		return;
	}
	job->rounds = started || (x && strcmp(x->state, "Stopped") == 0) ? job->rounds + 1 : 0;
	if (job->rounds < COLD_QUIET_ROUNDS) {
		drive_job_later(job, 1000, cold_look);
	} else {
		cold_run(job);
	}
}

/*
 * It was begun in an earlier life of this daemon, and its child may live on.  When nothing has
 * happened to the role for a while the child is gone: another one goes on from there.
 */
static void cold_look(struct drive_job *job)
{
	drive_pcmk_state(job->d->pcmk, cold_answer, drive_job_data(job));
}

static void cold_begin(struct drive_job *job)
{
	const struct vmha_mig *mig = vmha_cluster_mig(job->d->c->cluster, job->mig);

	if (mig && mig->handed) {
		cold_look(job);
		return;
	}
	drive_job_tell(job, VMHA_CEVENT_HANDED, true, VMHA_RESULT_NONE, "");
	cold_run(job);
}

static void hand_over_watch(struct drive_job *job);

/*
 * While Pacemaker works (a copy of another role holds every new transition up) there is nothing to
 * be said; idle, and its agent has not called: it sees another reason against the move.
 */
static void hand_over_idle(struct clusterd *c, int r, const char *text, const char *why, void *data)
{
	struct drive_job *job = drive_job_of(c, data);
	const struct vmha_mig *mig = job ? vmha_cluster_mig(c->cluster, job->mig) : NULL;

	(void)text;
	(void)why;
	if (!mig || mig->phase != VMHA_MIG_ADMITTED) {
		if (job) {
			drive_job_end(job);
		}
		return;
	}
	job->rounds += r == 0 ? 1 : 0;
	if (job->rounds < IDLE_ROUNDS_MAX) {
		drive_job_later(job, 2000, hand_over_watch);
		return;
	}
	drive_job_tell(job, VMHA_CEVENT_HANDED, false, VMHA_RESULT_NONE,
		       "Pacemaker does not move it: another constraint, or a failure of the role "
		       "before, is against it");
	drive_job_end(job);
}

static void hand_over_watch(struct drive_job *job)
{
	drive_pcmk_settled(job->d->pcmk, IDLE_ROUND_S, hand_over_idle, drive_job_data(job));
}

static void handed(struct clusterd *c, int r, const char *text, const char *why, void *data)
{
	struct drive_job *job = drive_job_of(c, data);

	(void)text;
	if (!job) {
		return;
	}
	drive_job_tell(job, VMHA_CEVENT_HANDED, r == 0, VMHA_RESULT_NONE, r == 0 ? "" : why);
	if (r < 0) {
		drive_job_end(job);
	} else {
		drive_job_later(job, 3000, hand_over_watch);
	}
}

/* @return true: another move from here is about to be handed over as well */
static bool others_follow(const struct clusterd *c, const struct drive_job *job)
{
	const struct vmha_cluster *s = c->cluster;
	bool has_slot = vmha_cluster_slots_used(s, c->self) < vmha_cluster_slots(s, c->self);
	bool queued = false;
	bool ending = false;
	unsigned int i;

	for (i = 0; i < s->migs_count; i++) {
		const struct vmha_mig *m = &s->migs[i];

		if (m->id == job->mig || m->from != c->self || m->held) {
			continue;
		}
		if (m->pending == VMHA_CEFFECT_CHECK && (m->slot || has_slot)) {
			return true;
		}
		queued = queued || m->phase == VMHA_MIG_QUEUED;
		ending = ending || m->phase == VMHA_MIG_ENDING;
	}
	return queued && ending; /* its slot is free in a moment */
}

static void hand_over_write(struct drive_job *job)
{
	job->waits = false;
	if (job->timer) {
		g_source_remove(job->timer);
		job->timer = 0;
	}
	drive_pcmk_change(job->d->pcmk, DRIVE_PREFER, job->vm, job->to, handed,
			  drive_job_data(job));
}

static void hand_over_begin(struct drive_job *job);

/* The source's clusterd is away: its agent would be refused there.  It is given some time. */
static void hand_over_substitute(struct drive_job *job)
{
	char why[320];

	if (vmha_span_ms(vmha_mono_diff(job->begun, vmha_mono_now())) < DRIVE_SUBSTITUTE_AFTER_MS) {
		drive_job_later(job, 1000, hand_over_begin);
		return;
	}
	(void)snprintf(why, sizeof(why), "start vmha-clusterd: it does not run on %s", job->from);
	drive_job_tell(job, VMHA_CEVENT_HANDED, false, VMHA_RESULT_NONE, why);
	drive_job_end(job);
}

/*
 * Moves that Pacemaker is told of in one change begin together; one that comes a moment later waits
 * until the first has ended.  So a move waits a little for those that are about to follow, and the
 * last one takes all with it.
 */
static void hand_over_begin(struct drive_job *job)
{
	const struct vmha_mig *mig = vmha_cluster_mig(job->d->c->cluster, job->mig);
	GHashTableIter it;
	void *value;

	if (strcmp(job->from, job->d->c->name) != 0 && mig &&
	    !(mig->mode == VMHA_MODE_cold && mig->handed)) {
		hand_over_substitute(job);
		return;
	}
	if (mig && mig->mode == VMHA_MODE_cold) {
		cold_begin(job);
		return;
	}
	if (others_follow(job->d->c, job) &&
	    vmha_span_ms(vmha_mono_diff(job->begun, vmha_mono_now())) < FOLLOW_MS) {
		job->waits = true;
		drive_job_later(job, 100, hand_over_begin);
		return;
	}
	hand_over_write(job);
	g_hash_table_iter_init(&it, job->d->jobs);
	while (g_hash_table_iter_next(&it, NULL, &value)) {
		struct drive_job *other = value;

		if (other->kind == VMHA_CEFFECT_HAND_OVER && other->waits) {
			hand_over_write(other);
		}
	}
}

/* --- the module ----------------------------------------------------------------------------- */

static void job_effect(struct clusterd *c, const struct vmha_ceffect *effect)
{
	static void (*const begin[VMHA_CEFFECTS_COUNT])(struct drive_job *) = {
		[VMHA_CEFFECT_CHECK] = drive_check_begin,
		[VMHA_CEFFECT_HAND_OVER] = hand_over_begin,
		[VMHA_CEFFECT_SETTLE] = drive_settle_begin,
		[VMHA_CEFFECT_CLEAR] = drive_clear_begin,
		[VMHA_CEFFECT_ADOPT] = drive_adopt_begin,
	};
	const struct vmha_mig *mig = vmha_cluster_mig(c->cluster, effect->mig);
	struct drive_job *job = mig ? job_new(c->drive, effect, mig) : NULL;

	if (job) {
		clusterd_log(VMHA_LOG_INFO, "mig=%llu vm=%s effect=%s from=%s to=%s",
			     (unsigned long long)job->mig, job->vm,
			     vmha_ceffect_kind_name(job->kind), job->from, job->to);
		begin[job->kind](job);
	}
}

static void drain_effect(struct clusterd *c, const struct vmha_ceffect *effect)
{
	drive_drain_effect(c, effect->drain_node);
}

static void watch_effect(struct clusterd *c, const struct vmha_ceffect *effect)
{
	drive_watch_begin(c, effect->disturbance);
}

static void effect(struct clusterd *c, const struct vmha_ceffect *effect)
{
	static void (*const perform[VMHA_CEFFECTS_COUNT])(struct clusterd *,
							  const struct vmha_ceffect *) = {
		[VMHA_CEFFECT_CHECK] = job_effect,
		[VMHA_CEFFECT_HAND_OVER] = job_effect,
		[VMHA_CEFFECT_GO] = drive_agents_effect,
		[VMHA_CEFFECT_REFUSE] = drive_agents_effect,
		[VMHA_CEFFECT_ABORT] = drive_agents_effect,
		[VMHA_CEFFECT_ADOPT] = job_effect,
		[VMHA_CEFFECT_SETTLE] = job_effect,
		[VMHA_CEFFECT_CLEAR] = job_effect,
		[VMHA_CEFFECT_DRAIN] = drain_effect,
		[VMHA_CEFFECT_WATCH] = watch_effect,
	};

	if (effect->node == c->self && perform[effect->kind]) {
		perform[effect->kind](c, effect);
	}
}

/* Jobs whose migration has gone on without them. */
static gboolean job_is_over(void *key, void *value, void *data)
{
	const struct drive_job *job = value;
	const struct clusterd *c = data;
	const struct vmha_mig *mig = vmha_cluster_mig(c->cluster, job->mig);

	(void)key;
	if (!mig || mig->phase == VMHA_MIG_ENDED) {
		return true;
	}
	if (mig->pending == job->kind && mig->performer != c->self) {
		return true; /* given back to the source */
	}
	if (job->kind == VMHA_CEFFECT_HAND_OVER) {
		return mig->phase != VMHA_MIG_ADMITTED;
	}
	return (job->kind == VMHA_CEFFECT_SETTLE || job->kind == VMHA_CEFFECT_CLEAR) &&
	       mig->phase != VMHA_MIG_ENDING;
}

static void changed(struct clusterd *c)
{
	(void)g_hash_table_foreach_remove(c->drive->jobs, job_is_over, c);
	drive_asks_look(c);
}

static void refused(struct clusterd *c, const struct vmha_cevent *e, int r, const char *why)
{
	drive_agents_refused(c, e, r, why);
	drive_asks_refused(c, e, r, why);
	drive_drain_refused(c, e);
}

static int start(struct clusterd *c, struct vmha_err **err)
{
	struct clusterd_drive *d = g_new0(struct clusterd_drive, 1);

	(void)err;
	d->c = c;
	d->pcmk = drive_pcmk_new(c);
	d->jobs = g_hash_table_new_full(NULL, NULL, NULL, job_free);
	/* never used again by this node: begins after all that an earlier life gave out */
	d->next_token = (uint64_t)g_get_real_time();
	drive_agents_init(d);
	drive_drain_init(d);
	drive_asks_init(d);
	drive_blocked_init(d);
	c->drive = d;
	return 0;
}

/* A cold move goes on without us: ended in its middle, it would leave the role stopped. */
static void job_leave(void *key, void *value, void *data)
{
	struct drive_job *job = value;

	(void)key;
	(void)data;
	if (job->kind == VMHA_CEFFECT_HAND_OVER) {
		job->worker = NULL;
	}
}

static void stop(struct clusterd *c)
{
	struct clusterd_drive *d = vmha_steal_ptr(c->drive);

	if (!d) {
		return;
	}
	drive_blocked_free(d);
	drive_watch_free(d);
	drive_asks_free(d);
	drive_drain_free(d);
	drive_agents_free(d);
	g_hash_table_foreach(d->jobs, job_leave, NULL);
	g_hash_table_unref(d->jobs);
	drive_pcmk_free(d->pcmk);
	g_free(d);
}

static void synced(struct clusterd *c)
{
	drive_blocked_look(c, 0);
}

static const struct clusterd_op ops[] = {
	{ .name = "migrate", .handle = drive_op_migrate, .needs_sync = true },
	{ .name = "cancel", .handle = drive_op_cancel, .needs_sync = true },
	{ .name = "drain", .handle = drive_op_drain, .needs_sync = true },
	{ .name = "resume", .handle = drive_op_resume, .needs_sync = true },
	{ .name = "precheck", .handle = drive_op_precheck, .needs_sync = true },
	{ .name = "move-begin", .handle = drive_op_begin, .needs_sync = true },
	{ .name = "move-report", .handle = drive_op_report, .needs_sync = true },
	{ .name = "move-network", .handle = drive_op_network, .needs_sync = true },
	{ .name = "move-end", .handle = drive_op_end, .needs_sync = true },
	{ 0 },
};

const struct clusterd_module clusterd_module_drive = {
	.name = "drive",
	.start = start,
	.stop = stop,
	.synced = synced,
	.applied = drive_asks_applied,
	.refused = refused,
	.effect = effect,
	.changed = changed,
	.closed = drive_agents_closed,
	.ops = ops,
};
