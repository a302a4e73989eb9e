/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * How did a move end, and is its role well again?
 *
 * Interleavings that this order is made for (DESIGN.md, section 4).  Left what happens, right why
 * it does no harm:
 *
 *   agent says DONE, exits        Pacemaker runs migrate_from on the target, then forgets the
 *                                 source.  A constraint removed between the two would make it
 *                                 choose again, and stop and start the guest: CLEAR waits until
 *                                 Pacemaker itself has the role on the target and nothing open.
 *   agent says DONE, and the      Pacemaker has the role on the target after a recovery, or
 *   target is lost before         nowhere: CLEAR finds trouble and settles by evidence.
 *   migrate_from
 *   agent refuses, exits          Pacemaker has not seen the exit yet when SETTLE begins: heal
 *                                 waits until its action has returned, and only then removes the
 *                                 constraint (else it would try the same again at once), looks
 *                                 for evidence, cleans up: first elsewhere, last where it runs.
 *   agent killed, libvirtd        heal aborts the job that nobody follows; in the switchover the
 *   copies on                     abort is refused by libvirt, the job ends, and the lease says
 *                                 where the guest is.
 *   this clusterd dies in SETTLE  the cluster asks again, here or a substitute: heal begun twice
 *                                 is heal done once.
 *   both nodes' clusterd settle   only the performer's word counts, the other one's is refused.
 *   (a partition ended)
 *   clusterd of the source stops, another node's ADOPT waits while Pacemaker has the action
 *   its agent copies on           under way; only when that has ended is the agent lost: SETTLE.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "clusterd/drive.h"
#include "lib/base/cleanup.h"
#include "lib/base/str.h"

#define HEAL_S		   60
#define HEAL_FIRST_S	   20 /* a tool that asks while the cluster elects may hang: tried anew */
#define HEAL_AGAIN_MS	   1000
#define STUCK_MS	   60000
#define ABLE_POLL_MS	   500
#define ABLE_AFTER_MS	   10000 /* longer than an election or a fence that works */
#define ARRIVAL_POLL_MS	   250
#define ARRIVAL_TIMEOUT_MS 300000 /* a quick move's memory is restored meanwhile */
#define ADOPT_POLL_MS	   1000
#define ADOPT_AFTER_MS	   6000	 /* an agent looks for its clusterd every 2 s */
#define ADOPT_TELL_MS	   30000 /* a stopped clusterd is no news, a long one is */

/* --- SETTLE --------------------------------------------------------------------------------- */

static void settle_again(struct drive_job *job);

/* Others need not wait for it: its places become free, a drain goes on without the role. */
static void stuck_tell(struct drive_job *job, const char *why)
{
	int64_t ms = vmha_span_ms(vmha_mono_diff(job->begun, vmha_mono_now()));

	if (!job->stuck && ms >= STUCK_MS && vmha_cluster_can(job->d->c->cluster, VMHA_CAN_STUCK)) {
		job->stuck = true;
		drive_job_tell(job, VMHA_CEVENT_SETTLED, false, VMHA_RESULT_NONE, why);
	}
}

static void settle_trouble(struct drive_job *job, const char *why)
{
	struct clusterd *c = job->d->c;

	clusterd_log(VMHA_LOG_WARNING, "mig=%llu vm=%s not well yet: %s",
		     (unsigned long long)job->mig, job->vm, why);
	if (strncmp(job->told, why, sizeof(job->told) - 1) != 0) {
		(void)snprintf(job->told, sizeof(job->told), "%s", why);
		drive_journal(c, VMHA_LEVEL_warning, vmha_cluster_mig(c->cluster, job->mig),
			      "%s is not well yet after its move: %s (tried again until it is)",
			      job->vm, why);
	}
	stuck_tell(job, why);
	drive_job_later(job, HEAL_AGAIN_MS, settle_again);
}

/* @param node "" it is stopped */
static void settled(struct drive_job *job, const char *node)
{
	char why[VMHA_REASON_SIZE] = "";
	enum vmha_mig_result result = VMHA_RESULT_LOST;

	if (strcmp(node, job->to) == 0) {
		result = VMHA_RESULT_DONE;
	} else if (strcmp(node, job->from) == 0) {
		result = VMHA_RESULT_KEPT;
	} else if (*node) {
		(void)snprintf(why, sizeof(why), "it runs on %s", node);
	} else {
		(void)snprintf(why, sizeof(why), "it runs nowhere now");
	}
	drive_job_tell(job, VMHA_CEVENT_SETTLED, true, result, why);
	drive_job_end(job);
}

static const char *heal_words(const struct clusterd_worker_result *res)
{
	if (res->status == -ETIMEDOUT) {
		return "Pacemaker is busy with something else (a start or a recovery)";
	}
	return *res->errors ? res->errors : "vmha heal gave no answer";
}

static void heal_done(struct clusterd *c, const struct clusterd_worker_result *res, void *data)
{
	struct drive_job *job = drive_job_of(c, data);
	const json_t *one;
	const char *why;
	const char *node;
	json_t *list;

	if (!job) {
		return;
	}
	job->worker = NULL;
	list = json_loads(res->output, 0, NULL);
	one = json_array_get(list, 0);
	if (json_is_true(json_object_get(one, "healed"))) {
		node = json_string_value(json_object_get(one, "node"));
		settled(job, node ? node : "");
	} else {
		why = json_string_value(json_object_get(one, "problem"));
		settle_trouble(job, why ? why : heal_words(res));
	}
	json_decref(list);
}

static void heal_begin(struct drive_job *job)
{
	unsigned int limit_s = MIN(HEAL_FIRST_S << MIN(job->rounds, 4), HEAL_S);
	vmha_autofree char *limit = vmha_str_printf("%u", limit_s);
	const char *const argv[] = { "env",  "VMHA_HEAL_OWN=1", drive_vmha,  "--output", "json",
				     "heal", job->vm,		"--timeout", limit,	 NULL };
	vmha_autoerr struct vmha_err *err = NULL;

	job->rounds++;
	if (clusterd_worker_run(job->d->c, argv, NULL, VMHA_SPAN_S(limit_s + 5), heal_done,
				drive_job_data(job), &job->worker, &err) < 0) {
		settle_trouble(job, vmha_err_text(err));
	}
}

/*
 * What Pacemaker is not ready for, in words; "" it is ready.
 * @return true: nothing speaks against healing but that it takes longer: what is not certain about
 * a node that is to be fenced, heal itself finds out
 */
static bool pacemaker_lacks(int r, const struct vmha_pcmk_state *s, const char *why, char *ret_what,
			    size_t size)
{
	size_t i;

	*ret_what = '\0';
	if (r < 0) {
		(void)snprintf(ret_what, size, "Pacemaker does not answer (%s)", why);
		return false;
	}
	if (!s->dc_present || !s->quorum) {
		(void)snprintf(ret_what, size, "Pacemaker has no %s",
			       s->dc_present ? "quorum" : "coordinator (DC)");
		return false;
	}
	for (i = 0; i < s->nodes_count && !*ret_what; i++) {
		if (s->nodes[i].unclean) {
			(void)snprintf(ret_what, size,
				       "the fencing of %s, which is not confirmed (see "
				       "'stonith_admin --history %s')",
				       s->nodes[i].name, s->nodes[i].name);
		}
	}
	return true;
}

static void settle_waits(struct drive_job *job, const char *what, bool may_heal)
{
	const struct vmha_mig *mig = vmha_cluster_mig(job->d->c->cluster, job->mig);

	if (strncmp(job->waits_for, what, sizeof(job->waits_for) - 1) == 0) {
		return;
	}
	(void)snprintf(job->waits_for, sizeof(job->waits_for), "%s", what);
	clusterd_log(VMHA_LOG_WARNING, "mig=%llu vm=%s waits: %s", (unsigned long long)job->mig,
		     job->vm, what);
	drive_journal(job->d->c, VMHA_LEVEL_warning, mig, "the end of the move of %s waits: %s%s",
		      job->vm, what, may_heal ? "; it is healed by evidence meanwhile" : "");
}

/* While Pacemaker elects or is about to fence, its tools wait in vain: not for ever, though. */
static void able_answer(struct clusterd *c, int r, const struct vmha_pcmk_state *s, const char *why,
			void *data)
{
	struct drive_job *job = drive_job_of(c, data);
	char what[sizeof(job->waits_for)];
	bool may_heal;

	if (!job) {
		return;
	}
	may_heal = pacemaker_lacks(r, s, why, what, sizeof(what));
	if (!*what) {
		job->unable_since.ns = 0;
		heal_begin(job);
		return;
	}
	if (!job->unable_since.ns) {
		job->unable_since = vmha_mono_now();
	}
	if (vmha_span_ms(vmha_mono_diff(job->unable_since, vmha_mono_now())) > ABLE_AFTER_MS) {
		settle_waits(job, what, may_heal);
		stuck_tell(job, what);
		if (may_heal) {
			heal_begin(job);
			return;
		}
	}
	drive_job_later(job, ABLE_POLL_MS, settle_again);
}

static void settle_again(struct drive_job *job)
{
	drive_pcmk_state(job->d->pcmk, able_answer, drive_job_data(job));
}

static void enabled(struct clusterd *c, int r, const char *text, const char *why, void *data)
{
	struct drive_job *job = drive_job_of(c, data);

	(void)text;
	if (!job) {
		return;
	}
	if (r < 0) {
		clusterd_log(VMHA_LOG_WARNING, "mig=%llu vm=%s is left disabled: %s",
			     (unsigned long long)job->mig, job->vm, why);
		drive_job_later(job, HEAL_AGAIN_MS, drive_settle_begin);
	} else {
		settle_again(job);
	}
}

static void disabled_look(struct clusterd *c, int r, const struct vmha_pcmk_primitives *roles,
			  const char *why, void *data)
{
	struct drive_job *job = drive_job_of(c, data);
	bool disabled = false;
	size_t i;

	(void)why;
	if (!job) {
		return;
	}
	if (r < 0) {
		drive_job_later(job, HEAL_AGAIN_MS, drive_settle_begin);
		return;
	}
	for (i = 0; i < roles->count && !disabled; i++) {
		disabled = strcmp(roles->items[i].id, job->vm) == 0 &&
			   strcmp(roles->items[i].target_role, "Stopped") == 0;
	}
	if (disabled) {
		const char *const argv[] = { "crm_resource",	   "--resource",  job->vm, "--meta",
					     "--delete-parameter", "target-role", NULL };

		drive_pcmk_tool(job->d->pcmk, argv, enabled, data);
	} else {
		settle_again(job);
	}
}

/* A cold move disables the role on its way: one that was broken off may have left it so. */
void drive_settle_begin(struct drive_job *job)
{
	const struct vmha_mig *mig = vmha_cluster_mig(job->d->c->cluster, job->mig);

	job->rounds = 0;
	if (mig && mig->mode == VMHA_MODE_cold) {
		drive_pcmk_roles(job->d->pcmk, disabled_look, drive_job_data(job));
	} else {
		settle_again(job);
	}
}

/* --- CLEAR ---------------------------------------------------------------------------------- */

static void arrival_look(struct drive_job *job);

static void cleared(struct clusterd *c, int r, const char *text, const char *why, void *data)
{
	struct drive_job *job = drive_job_of(c, data);

	(void)text;
	if (!job) {
		return;
	}
	if (r < 0) { /* the role is where it should be; only the constraint is left */
		clusterd_log(VMHA_LOG_WARNING, "mig=%llu vm=%s constraint not removed: %s",
			     (unsigned long long)job->mig, job->vm, why);
		drive_job_later(job, HEAL_AGAIN_MS, arrival_look);
		return;
	}
	drive_job_tell(job, VMHA_CEVENT_SETTLED, true, VMHA_RESULT_DONE, "");
	drive_job_end(job);
}

enum arrival { ARRIVAL_OPEN, ARRIVAL_THERE, ARRIVAL_TROUBLE };

static enum arrival arrival_of(const struct drive_job *job, const struct vmha_pcmk_state *s)
{
	const struct vmha_pcmk_resource *x = vmha_pcmk_resource_find(s, job->vm);

	if (!x || x->blocked || x->failed || !x->managed) {
		return ARRIVAL_TROUBLE;
	}
	if (*x->pending || strcmp(x->state, "Started") != 0 || x->nodes_count != 1) {
		return ARRIVAL_OPEN;
	}
	return strcmp(x->nodes[0], job->to) == 0 ? ARRIVAL_THERE : ARRIVAL_OPEN;
}

static void arrival_answer(struct clusterd *c, int r, const struct vmha_pcmk_state *s,
			   const char *why, void *data)
{
	struct drive_job *job = drive_job_of(c, data);
	const struct vmha_mig *mig = job ? vmha_cluster_mig(c->cluster, job->mig) : NULL;
	int64_t ms;

	(void)why;
	if (!mig) {
		return;
	}
	switch (r == 0 ? arrival_of(job, s) : ARRIVAL_OPEN) {
	case ARRIVAL_THERE:
		if (mig->handed) {
			drive_pcmk_change(job->d->pcmk, DRIVE_UNPREFER, job->vm, "", cleared, data);
		} else { /* the administrator's own constraint stays */
			cleared(c, 0, "", NULL, data);
		}
		return;
	case ARRIVAL_TROUBLE:
		drive_settle_begin(job);
		return;
	case ARRIVAL_OPEN:
		break;
	}
	ms = vmha_span_ms(vmha_mono_diff(job->begun, vmha_mono_now()));
	if (ms > ARRIVAL_TIMEOUT_MS) {
		drive_settle_begin(job);
	} else {
		drive_job_later(job, ARRIVAL_POLL_MS, arrival_look);
	}
}

static void arrival_look(struct drive_job *job)
{
	drive_pcmk_state(job->d->pcmk, arrival_answer, drive_job_data(job));
}

void drive_clear_begin(struct drive_job *job)
{
	arrival_look(job);
}

/* --- ADOPT ---------------------------------------------------------------------------------- */

/* "Migrating", "Stopping", ...: crm_mon does not say `pending` of a migrate_to. */
static bool action_runs(const struct vmha_pcmk_resource *x)
{
	return *x->pending ||
	       (strcmp(x->state, "Started") != 0 && strcmp(x->state, "Stopped") != 0);
}

static void adopt_look(struct drive_job *job);

/* Another node's clusterd looks after the move while the source's is away. */
static void adopt_tell(struct drive_job *job, int64_t ms)
{
	const struct vmha_mig *mig = vmha_cluster_mig(job->d->c->cluster, job->mig);

	if (ms > ADOPT_TELL_MS && !*job->told && strcmp(job->from, job->d->c->name) != 0) {
		(void)snprintf(job->told, sizeof(job->told), "away");
		drive_journal(job->d->c, VMHA_LEVEL_warning, mig,
			      "vmha-clusterd does not run on %s, where an agent moves %s: start "
			      "it there; %s waits for the end of Pacemaker's action",
			      job->from, job->vm, job->d->c->name);
	}
}

static void adopt_answer(struct clusterd *c, int r, const struct vmha_pcmk_state *s,
			 const char *why, void *data)
{
	struct drive_job *job = drive_job_of(c, data);
	const struct vmha_pcmk_resource *x;
	char reason[VMHA_REASON_SIZE];
	bool ours;
	int64_t ms;

	(void)why;
	if (!job) {
		return;
	}
	x = r == 0 ? vmha_pcmk_resource_find(s, job->vm) : NULL;
	ms = vmha_span_ms(vmha_mono_diff(job->begun, vmha_mono_now()));
	ours = strcmp(job->from, c->name) == 0;
	if (r < 0 || (x && action_runs(x)) ||
	    ms < (ours ? ADOPT_AFTER_MS : DRIVE_SUBSTITUTE_AFTER_MS)) {
		/* its action runs: the agent will call, or Pacemaker ends it in time */
		adopt_tell(job, ms);
		drive_job_later(job, ADOPT_POLL_MS, adopt_look);
		return;
	}
	(void)snprintf(reason, sizeof(reason),
		       "its agent ended while vmha-clusterd did not run on %s", job->from);
	drive_job_tell(job, VMHA_CEVENT_AGENT_LOST, false, VMHA_RESULT_NONE, reason);
	drive_job_end(job);
}

static void adopt_look(struct drive_job *job)
{
	drive_pcmk_state(job->d->pcmk, adopt_answer, drive_job_data(job));
}

void drive_adopt_begin(struct drive_job *job)
{
	adopt_look(job);
}
