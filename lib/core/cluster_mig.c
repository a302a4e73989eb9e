/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <string.h>

#include "lib/core/cluster_int.h"

/*
 * One migration: its phases, what can happen in each, and what follows.  What a step needs beyond
 * the migration is in the event of the turn.
 */

/* --- steps ---------------------------------------------------------------------------------- */

static int nothing(struct cl_turn *t, struct vmha_mig *m)
{
	(void)t;
	(void)m;
	return 0;
}

static int queued_check_ok(struct cl_turn *t, struct vmha_mig *m)
{
	m->checked = true;
	m->fresh = true;
	cl_pend(t, m, VMHA_CEFFECT_NONE);
	return 0;
}

static int check_bad(struct cl_turn *t, struct vmha_mig *m)
{
	cl_because_event(t, m);
	if (m->agent) {
		cl_say_refused(t, m, m->agent, "%s", m->reason);
		return cl_settle(t, m);
	}
	return cl_end_kept(t, m);
}

static int queued_admit(struct cl_turn *t, struct vmha_mig *m)
{
	m->slot = true;
	m->attempts++;
	m->preempted = false;
	m->networks_count = 0;
	memset(m->networks, 0, sizeof(m->networks));
	memset(m->reason, 0, sizeof(m->reason));
	if (m->agent) {
		return cl_run(t, m);
	}
	if (m->fresh) {
		return cl_hand_over(t, m);
	}
	m->phase = VMHA_MIG_CHECKING;
	cl_pend(t, m, VMHA_CEFFECT_CHECK);
	return 0;
}

/* Pacemaker moves it by itself before its turn: the agent waits a little for a slot. */
static int queued_begun(struct cl_turn *t, struct vmha_mig *m)
{
	m->agent = t->ev->mig.agent;
	if (t->st->disturbance) {
		cl_say_refused(t, m, m->agent,
			       "the cluster is recovering: the move of %s goes on after it", m->vm);
		m->requeue = true;
		return cl_settle(t, m);
	}
	m->checked = t->ev->mig.ok;
	if (m->checked) {
		cl_pend(t, m, VMHA_CEFFECT_NONE);
	} else if (m->pending != VMHA_CEFFECT_CHECK) {
		cl_pend(t, m, VMHA_CEFFECT_CHECK);
	}
	return 0;
}

static int handed_begun(struct cl_turn *t, struct vmha_mig *m)
{
	m->agent = t->ev->mig.agent;
	if (m->phase == VMHA_MIG_ADMITTED) {
		m->handed = true; /* Pacemaker was faster than the answer of whom had told it */
	}
	return cl_run(t, m);
}

static int superseded(struct cl_turn *t, struct vmha_mig *m)
{
	if (!*m->reason || !vmha_cluster_can(t->st, VMHA_CAN_REASON)) {
		cl_because(m, "superseded by a move to %s", CL_NAME(t->st, t->ev->enqueue.to));
	}
	if (m->agent) {
		cl_say_refused(t, m, m->agent, "%s", m->reason);
	}
	return cl_end_kept(t, m);
}

static int admitted_begun_other(struct cl_turn *t, struct vmha_mig *m)
{
	cl_because(m, "Pacemaker moves it to %s instead", CL_NAME(t->st, t->ev->enqueue.to));
	cl_say_refused(t, m, t->ev->mig.agent, "a move of %s to %s is open (number %llu)", m->vm,
		       CL_NAME(t->st, m->to), (unsigned long long)m->id);
	return cl_settle(t, m);
}

/* The refused agent leaves a blocked role behind: it is to be healed after all that goes on. */
static int busy_begun(struct cl_turn *t, struct vmha_mig *m)
{
	cl_say_refused(t, m, t->ev->mig.agent, "a move of %s to %s is open (number %llu)", m->vm,
		       CL_NAME(t->st, m->to), (unsigned long long)m->id);
	m->again = true;
	return 0;
}

/*
 * Pacemaker's own reason for the move is still there (a node in standby), and the role was healed
 * far enough for it to try again: its agent waits for a slot as the first one did.
 */
static int ending_begun(struct cl_turn *t, struct vmha_mig *m)
{
	if (!m->requeue || m->cancel || m->again || m->pending != VMHA_CEFFECT_SETTLE) {
		return busy_begun(t, m);
	}
	(void)cl_to_queue(t, m);
	return queued_begun(t, m);
}

/*
 * Pacemaker moves it elsewhere meanwhile.  It calls agents only for a role that heal has brought
 * back under its management, and an agent asks only where it has seen the guest well, with its
 * lease: this move is settled.  Refused, the agent would block the role again, and so on without
 * end.
 */
static int ending_begun_other(struct cl_turn *t, struct vmha_mig *m)
{
	bool attaches = t->ev->mig.ok; /* a job runs: it may be that of this move */

	if (!vmha_cluster_can(t->st, VMHA_CAN_SUPERSEDE) || m->pending != VMHA_CEFFECT_SETTLE ||
	    attaches || m->from != t->ev->enqueue.from) {
		return busy_begun(t, m);
	}
	return superseded(t, m);
}

static int queued_expired(struct cl_turn *t, struct vmha_mig *m)
{
	cl_say_refused(t, m, m->agent, "no slot is free: the move of %s is queued as number %llu",
		       m->vm, (unsigned long long)m->id);
	m->requeue = true;
	return cl_settle(t, m);
}

static int queued_agent_lost(struct cl_turn *t, struct vmha_mig *m)
{
	cl_because_event(t, m);
	return cl_settle(t, m);
}

static int running_report(struct cl_turn *t, struct vmha_mig *m)
{
	const struct vmha_creport *r = &t->ev->report;
	bool changed = m->state != r->state;

	m->state = r->state;
	CL_COPY(m->network, r->network);
	CL_COPY(m->address, r->address);
	m->progress = r->progress;
	if (changed) {
		cl_say_state(t, m);
	}
	return 0;
}

static int running_attempt(struct cl_turn *t, struct vmha_mig *m)
{
	const struct vmha_attempt *a = &t->ev->attempt;

	if (m->networks_count < VMHA_ATTEMPTS_MAX) {
		m->networks[m->networks_count++] = *a;
	}
	if (!a->ok) {
		cl_mig_note(t, m, VMHA_LEVEL_warning, "%s (%s) cannot carry the move of %s: %s",
			    a->network, a->address, m->vm, a->error);
	}
	return 0;
}

static int running_agent_end(struct cl_turn *t, struct vmha_mig *m)
{
	const struct vmha_creport *r = &t->ev->report;
	enum vmha_mig_result result = t->ev->mig.result;

	if (result == VMHA_RESULT_NONE || result == VMHA_RESULT_LOST) {
		return cl_refuse(t, -EINVAL, "an agent cannot end with %s",
				 vmha_mig_result_name(result));
	}
	m->agent_result = result;
	m->stats = t->ev->stats;
	if (*r->network) {
		CL_COPY(m->network, r->network);
	}
	cl_because_event(t, m);
	m->requeue = m->preempted && !m->cancel;
	if (result == VMHA_RESULT_DONE) {
		cl_say_stats(t, m);
	} else if (result == VMHA_RESULT_SAVED && vmha_cluster_can(t->st, VMHA_CAN_BY_VOLUME)) {
		cl_by_volume(m);
	}
	if (result == VMHA_RESULT_DONE || result == VMHA_RESULT_SAVED) {
		return cl_ending(t, m, VMHA_CEFFECT_CLEAR);
	}
	return cl_settle(t, m);
}

/* Of a quick move: only it knows how long the guest stood still.  It says so before Pacemaker
 * learns that the role has arrived, so before CLEAR is over. */
static int ending_target_end(struct cl_turn *t, struct vmha_mig *m)
{
	if (t->ev->mig.result != VMHA_RESULT_DONE) {
		return cl_refuse(t, -EINVAL, "the target's agent cannot end with %s",
				 vmha_mig_result_name(t->ev->mig.result));
	}
	m->stats = t->ev->stats;
	cl_say_stats(t, m);
	return 0;
}

static int running_agent_lost(struct cl_turn *t, struct vmha_mig *m)
{
	cl_because_event(t, m);
	m->requeue = m->preempted && !m->cancel;
	cl_mig_note(t, m, VMHA_LEVEL_warning, "the agent that moves %s is gone: evidence is taken",
		    m->vm);
	return cl_settle(t, m);
}

static int hand_ok(struct cl_turn *t, struct vmha_mig *m)
{
	m->handed = true;
	cl_pend(t, m, VMHA_CEFFECT_NONE);
	return 0;
}

static int hand_bad(struct cl_turn *t, struct vmha_mig *m)
{
	cl_because_event(t, m);
	return cl_settle(t, m);
}

static int cold_settled(struct cl_turn *t, struct vmha_mig *m)
{
	if (!m->handed) {
		return cl_refuse(t, -EPROTO, "move %llu is not handed over",
				 (unsigned long long)m->id);
	}
	cl_because_event(t, m);
	return cl_end(t, m, t->ev->mig.result);
}

static int ending_settled(struct cl_turn *t, struct vmha_mig *m)
{
	const struct vmha_cluster *st = t->st;

	if (m->again) {
		m->again = false;
		return cl_settle(t, m);
	}
	if (!*m->reason || t->ev->mig.result != VMHA_RESULT_KEPT) {
		cl_because_event(t, m);
	}
	if (m->requeue && !m->cancel && t->ev->mig.result == VMHA_RESULT_KEPT &&
	    !cl_node_down(st, m->to) && !vmha_cluster_closed(st, m->to)) {
		return cl_to_queue(t, m);
	}
	return cl_end(t, m, t->ev->mig.result);
}

static void cancelled(struct cl_turn *t, struct vmha_mig *m)
{
	m->cancel = true;
	cl_because(m, "cancelled%s%s", *t->ev->mig.reason ? ": " : "", t->ev->mig.reason);
	cl_mig_note(t, m, VMHA_LEVEL_info, "the move of %s to %s is %s", m->vm,
		    CL_NAME(t->st, m->to), m->reason);
}

static int queued_cancel(struct cl_turn *t, struct vmha_mig *m)
{
	cancelled(t, m);
	if (m->agent) {
		cl_say_refused(t, m, m->agent, "%s", m->reason);
		return cl_settle(t, m);
	}
	return cl_end_kept(t, m);
}

static int admitted_cancel(struct cl_turn *t, struct vmha_mig *m)
{
	cancelled(t, m);
	return cl_settle(t, m);
}

/* An agent that is not known to be there is told when it has been found. */
static void abort_agent(struct cl_turn *t, struct vmha_mig *m)
{
	if (m->pending != VMHA_CEFFECT_ADOPT && m->pending != VMHA_CEFFECT_ABORT) {
		cl_pend(t, m, VMHA_CEFFECT_ABORT);
	}
}

static int running_cancel(struct cl_turn *t, struct vmha_mig *m)
{
	if (m->cancel) {
		return 0;
	}
	if (!vmha_mig_may_cancel(m)) {
		return cl_refuse(t, -EBUSY, "too late: the move of %s is in %s", m->vm,
				 vmha_move_state_name(m->state));
	}
	cancelled(t, m);
	abort_agent(t, m);
	return 0;
}

static int ending_cancel(struct cl_turn *t, struct vmha_mig *m)
{
	if (m->pending == VMHA_CEFFECT_CLEAR) {
		return cl_refuse(t, -EBUSY, "too late: %s has moved", m->vm);
	}
	m->cancel = true;
	return 0;
}

static int ended_cancel(struct cl_turn *t, struct vmha_mig *m)
{
	return cl_refuse(t, -EBUSY, "the move of %s has ended: %s", m->vm,
			 vmha_mig_result_name(m->result));
}

static int queued_preempt(struct cl_turn *t, struct vmha_mig *m)
{
	if (m->agent) {
		cl_say_refused(t, m, m->agent,
			       "the cluster is recovering: the move of %s goes on after it", m->vm);
		m->requeue = true;
		return cl_settle(t, m);
	}
	m->held = true;
	return 0;
}

static void preempted(struct cl_turn *t, struct vmha_mig *m)
{
	m->preempted = true;
	cl_mig_note(t, m, VMHA_LEVEL_warning,
		    "the move of %s to %s is broken off: the cluster recovers first", m->vm,
		    CL_NAME(t->st, m->to));
}

static int checking_preempt(struct cl_turn *t, struct vmha_mig *m)
{
	preempted(t, m);
	return cl_to_queue(t, m);
}

static int admitted_preempt(struct cl_turn *t, struct vmha_mig *m)
{
	preempted(t, m);
	m->requeue = true;
	return cl_settle(t, m);
}

static int running_preempt(struct cl_turn *t, struct vmha_mig *m)
{
	if (vmha_mig_may_cancel(m) && !m->preempted) {
		preempted(t, m);
		abort_agent(t, m);
	}
	return 0;
}

static int queued_source_away(struct cl_turn *t, struct vmha_mig *m)
{
	if (m->agent) {
		cl_because(m, "clusterd stopped while the agent waited");
		return cl_settle(t, m);
	}
	return 0;
}

static int checking_away(struct cl_turn *t, struct vmha_mig *m)
{
	return cl_to_queue(t, m);
}

/* Pacemaker may have called meanwhile: handing over once more finds out. */
static int admitted_source_away(struct cl_turn *t, struct vmha_mig *m)
{
	cl_pend(t, m, VMHA_CEFFECT_HAND_OVER);
	return 0;
}

static int running_source_away(struct cl_turn *t, struct vmha_mig *m)
{
	m->agent = 0;
	cl_pend(t, m, VMHA_CEFFECT_ADOPT);
	return 0;
}

static int early_source_down(struct cl_turn *t, struct vmha_mig *m)
{
	cl_because(m, "%s was lost before the move began", CL_NAME(t->st, m->from));
	return cl_end(t, m, VMHA_RESULT_LOST);
}

static int late_source_down(struct cl_turn *t, struct vmha_mig *m)
{
	cl_because(m, "%s was lost during the move", CL_NAME(t->st, m->from));
	return cl_settle(t, m);
}

static int ending_source_down(struct cl_turn *t, struct vmha_mig *m)
{
	(void)t;
	m->requeue = false;
	return 0;
}

static void target_gone(struct cl_turn *t, struct vmha_mig *m)
{
	if (cl_node_down(t->st, m->to)) {
		cl_because(m, "%s was lost", CL_NAME(t->st, m->to));
	} else {
		cl_because(m, "%s takes no roles: it is being drained", CL_NAME(t->st, m->to));
	}
}

static int queued_target_gone(struct cl_turn *t, struct vmha_mig *m)
{
	target_gone(t, m);
	if (m->agent) {
		cl_say_refused(t, m, m->agent, "%s", m->reason);
		return cl_settle(t, m);
	}
	return cl_end_kept(t, m);
}

static int admitted_target_gone(struct cl_turn *t, struct vmha_mig *m)
{
	target_gone(t, m);
	return cl_settle(t, m);
}

static int running_target_closed(struct cl_turn *t, struct vmha_mig *m)
{
	if (vmha_mig_may_cancel(m) && !m->cancel) {
		m->cancel = true;
		target_gone(t, m);
		abort_agent(t, m);
	}
	return 0;
}

static void called_off(struct cl_turn *t, struct vmha_mig *m)
{
	m->cancel = true;
	cl_because(m, "%s is not drained any more", CL_NAME(t->st, m->from));
}

static int queued_home_open(struct cl_turn *t, struct vmha_mig *m)
{
	called_off(t, m);
	if (m->agent) {
		cl_say_refused(t, m, m->agent, "%s", m->reason);
		return cl_settle(t, m);
	}
	return cl_end_kept(t, m);
}

static int admitted_home_open(struct cl_turn *t, struct vmha_mig *m)
{
	called_off(t, m);
	return cl_settle(t, m);
}

static int running_home_open(struct cl_turn *t, struct vmha_mig *m)
{
	if (vmha_mig_may_cancel(m) && !m->cancel) {
		called_off(t, m);
		abort_agent(t, m);
	}
	return 0;
}

/* --- the table ------------------------------------------------------------------------------ */

typedef int (*mig_action)(struct cl_turn *t, struct vmha_mig *m);

#define ON(phase_, event_, action_) [VMHA_MIG_##phase_][CL_EV_##event_] = (action_)

/* A pair that is missing here is illegal. */
static const mig_action table[VMHA_MIG_PHASES_COUNT][CL_MIG_EVENTS_COUNT] = {
	ON(QUEUED, CHECK_OK, queued_check_ok),
	ON(QUEUED, CHECK_BAD, check_bad),
	ON(QUEUED, ADMIT, queued_admit),
	ON(QUEUED, BEGUN, queued_begun),
	ON(QUEUED, BEGUN_OTHER, superseded),
	ON(QUEUED, EXPIRED, queued_expired),
	ON(QUEUED, AGENT_LOST, queued_agent_lost),
	ON(QUEUED, CANCEL, queued_cancel),
	ON(QUEUED, PREEMPT, queued_preempt),
	ON(QUEUED, SOURCE_AWAY, queued_source_away),
	ON(QUEUED, TARGET_AWAY, nothing),
	ON(QUEUED, SOURCE_DOWN, early_source_down),
	ON(QUEUED, TARGET_DOWN, queued_target_gone),
	ON(QUEUED, TARGET_CLOSED, queued_target_gone),
	ON(QUEUED, HOME_OPEN, queued_home_open),

	ON(CHECKING, CHECK_OK, cl_hand_over),
	ON(CHECKING, CHECK_BAD, check_bad),
	ON(CHECKING, BEGUN, handed_begun),
	ON(CHECKING, BEGUN_OTHER, superseded),
	ON(CHECKING, CANCEL, queued_cancel),
	ON(CHECKING, PREEMPT, checking_preempt),
	ON(CHECKING, SOURCE_AWAY, checking_away),
	ON(CHECKING, TARGET_AWAY, checking_away),
	ON(CHECKING, SOURCE_DOWN, early_source_down),
	ON(CHECKING, TARGET_DOWN, queued_target_gone),
	ON(CHECKING, TARGET_CLOSED, queued_target_gone),
	ON(CHECKING, HOME_OPEN, queued_home_open),

	ON(ADMITTED, HAND_OK, hand_ok),
	ON(ADMITTED, HAND_BAD, hand_bad),
	ON(ADMITTED, BEGUN, handed_begun),
	ON(ADMITTED, BEGUN_OTHER, admitted_begun_other),
	ON(ADMITTED, SETTLED, cold_settled),
	ON(ADMITTED, CANCEL, admitted_cancel),
	ON(ADMITTED, PREEMPT, admitted_preempt),
	ON(ADMITTED, SOURCE_AWAY, admitted_source_away),
	ON(ADMITTED, TARGET_AWAY, nothing),
	ON(ADMITTED, SOURCE_DOWN, late_source_down),
	ON(ADMITTED, TARGET_DOWN, admitted_target_gone),
	ON(ADMITTED, TARGET_CLOSED, admitted_target_gone),
	ON(ADMITTED, HOME_OPEN, admitted_home_open),

	ON(RUNNING, HAND_OK, nothing), /* the agent was faster than the answer */
	ON(RUNNING, BEGUN, handed_begun),
	ON(RUNNING, BEGUN_OTHER, busy_begun),
	ON(RUNNING, EXPIRED, nothing), /* its slot came just then */
	ON(RUNNING, REPORT, running_report),
	ON(RUNNING, ATTEMPT, running_attempt),
	ON(RUNNING, AGENT_END, running_agent_end),
	ON(RUNNING, AGENT_LOST, running_agent_lost),
	ON(RUNNING, CANCEL, running_cancel),
	ON(RUNNING, PREEMPT, running_preempt),
	ON(RUNNING, SOURCE_AWAY, running_source_away),
	ON(RUNNING, TARGET_AWAY, nothing),
	ON(RUNNING, SOURCE_DOWN, late_source_down),
	ON(RUNNING, TARGET_DOWN, nothing), /* the agent finds out; a lost host preempts */
	ON(RUNNING, TARGET_CLOSED, running_target_closed),
	ON(RUNNING, HOME_OPEN, running_home_open),

	ON(ENDING, HAND_OK, nothing),
	ON(ENDING, HAND_BAD, nothing),
	ON(ENDING, BEGUN, ending_begun),
	ON(ENDING, BEGUN_OTHER, ending_begun_other),
	ON(ENDING, TARGET_END, ending_target_end),
	ON(ENDING, SETTLED, ending_settled),
	ON(ENDING, UNSETTLED, cl_stuck),
	ON(ENDING, CANCEL, ending_cancel),
	ON(ENDING, PREEMPT, nothing),
	ON(ENDING, SOURCE_AWAY, nothing),
	ON(ENDING, TARGET_AWAY, nothing),
	ON(ENDING, SOURCE_DOWN, ending_source_down),
	ON(ENDING, TARGET_DOWN, nothing),
	ON(ENDING, TARGET_CLOSED, nothing),
	ON(ENDING, HOME_OPEN, cl_stay),

	ON(ENDED, CANCEL, ended_cancel),
};

static const char *const event_names[] = {
#define X(name_) [CL_EV_##name_] = #name_,
	CL_MIG_EVENTS(X)
#undef X
};

int cl_mig_step(struct cl_turn *t, struct vmha_mig *m, enum cl_mig_event event)
{
	mig_action action = table[m->phase][event];

	if (!action) {
		return cl_refuse(t, -EPROTO, "move %llu of %s is %s: %s has no place there",
				 (unsigned long long)m->id, m->vm, vmha_mig_phase_name(m->phase),
				 event_names[event]);
	}
	return action(t, m);
}
