/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "lib/core/cluster_int.h"

/* Ways from one phase of a migration to the next, as the steps in cluster_mig.c take them. */

static void forget_oldest(struct vmha_cluster *st)
{
	unsigned int oldest = 0;
	unsigned int ended = 0;
	unsigned int i;

	for (i = 0; i < st->migs_count; i++) {
		if (cl_mig_open(&st->migs[i])) {
			continue;
		}
		if (ended++ == 0 || st->migs[i].ended_seq < st->migs[oldest].ended_seq) {
			oldest = i;
		}
	}
	if (ended > VMHA_CLUSTER_ENDED_MAX) {
		st->migs_count--;
		memmove(&st->migs[oldest], &st->migs[oldest + 1],
			(st->migs_count - oldest) * sizeof(st->migs[0]));
		memset(&st->migs[st->migs_count], 0, sizeof(st->migs[0]));
	}
}

static void say_ended(struct cl_turn *t, const struct vmha_mig *m)
{
	const char *why = *m->reason ? ": " : "";

	if (m->result == VMHA_RESULT_DONE) {
		cl_mig_note(t, m, VMHA_LEVEL_info, "%s moved from %s to %s%s%s", m->vm,
			    CL_NAME(t->st, m->from), CL_NAME(t->st, m->to), why, m->reason);
	} else if (m->result == VMHA_RESULT_KEPT) {
		cl_mig_note(t, m, VMHA_LEVEL_warning, "%s stays on %s, it does not move to %s%s%s",
			    m->vm, CL_NAME(t->st, m->from), CL_NAME(t->st, m->to), why, m->reason);
	} else {
		cl_mig_note(t, m, VMHA_LEVEL_error,
			    "%s runs neither on %s nor on %s after its move%s%s", m->vm,
			    CL_NAME(t->st, m->from), CL_NAME(t->st, m->to), why, m->reason);
	}
}

int cl_end(struct cl_turn *t, struct vmha_mig *m, enum vmha_mig_result result)
{
	m->phase = VMHA_MIG_ENDED;
	m->result = result;
	if (result == VMHA_RESULT_DONE) {
		m->state = VMHA_MOVE_DONE;
	} else if (result == VMHA_RESULT_KEPT) {
		m->state = VMHA_MOVE_KEPT;
	}
	m->slot = false;
	m->agent = 0;
	m->held = false;
	m->fresh = false;
	m->requeue = false;
	m->again = false;
	m->stuck = false;
	cl_pend(t, m, VMHA_CEFFECT_NONE);
	m->ended_ms = t->st->wall_ms;
	m->ended_seq = t->st->seq;
	say_ended(t, m);
	cl_drain_ended(t, m);
	forget_oldest(t->st);
	return 0;
}

int cl_end_kept(struct cl_turn *t, struct vmha_mig *m)
{
	return cl_end(t, m, VMHA_RESULT_KEPT);
}

void cl_because(struct vmha_mig *m, const char *fmt, ...)
{
	va_list args;

	memset(m->reason, 0, sizeof(m->reason));
	va_start(args, fmt);
	(void)vsnprintf(m->reason, sizeof(m->reason), fmt, args);
	va_end(args);
}

void cl_because_event(const struct cl_turn *t, struct vmha_mig *m)
{
	if (*t->ev->mig.reason) {
		CL_COPY(m->reason, t->ev->mig.reason);
	}
}

int cl_ending(struct cl_turn *t, struct vmha_mig *m, enum vmha_ceffect_kind kind)
{
	m->phase = VMHA_MIG_ENDING;
	m->agent = 0;
	m->held = false;
	m->fresh = false;
	cl_pend(t, m, kind);
	return 0;
}

void cl_by_volume(struct vmha_mig *m)
{
	m->mode = VMHA_MODE_quick;
	memset(m->network, 0, sizeof(m->network));
	memset(m->address, 0, sizeof(m->address));
}

int cl_settle(struct cl_turn *t, struct vmha_mig *m)
{
	return cl_ending(t, m, VMHA_CEFFECT_SETTLE);
}

int cl_stay(struct cl_turn *t, struct vmha_mig *m)
{
	if (vmha_cluster_can(t->st, VMHA_CAN_STAY)) {
		m->requeue = false;
	}
	return 0;
}

int cl_stuck(struct cl_turn *t, struct vmha_mig *m)
{
	if (m->stuck) {
		return 0;
	}
	m->stuck = true;
	m->slot = false;
	cl_mig_note(t, m, VMHA_LEVEL_warning,
		    "how the move of %s to %s ended cannot be settled (%s): other moves go on",
		    m->vm, CL_NAME(t->st, m->to), t->ev->mig.reason);
	cl_drain_stuck(t, m);
	return 0;
}

void cl_say_refused(struct cl_turn *t, const struct vmha_mig *m, uint64_t agent, const char *fmt,
		    ...)
{
	/* an agent that calls now may do so on another node than the one at work */
	bool calls = t->ev->type == VMHA_CEVENT_BEGUN && agent == t->ev->mig.agent;
	struct vmha_ceffect *effect =
		cl_effect(t, VMHA_CEFFECT_REFUSE, calls ? t->ev->from : m->from);
	va_list args;

	effect->mig = m->id;
	effect->agent = agent;
	va_start(args, fmt);
	(void)vsnprintf(effect->text, sizeof(effect->text), fmt, args);
	va_end(args);
}

int cl_to_queue(struct cl_turn *t, struct vmha_mig *m)
{
	m->phase = VMHA_MIG_QUEUED;
	m->slot = false;
	m->agent = 0;
	m->handed = false;
	m->requeue = false;
	m->stuck = false;
	m->agent_result = VMHA_RESULT_NONE;
	m->state = VMHA_MOVE_QUEUED;
	m->held = t->st->disturbance != 0;
	cl_pend(t, m, m->checked ? VMHA_CEFFECT_NONE : VMHA_CEFFECT_CHECK);
	cl_mig_note(t, m, VMHA_LEVEL_info, "the move of %s to %s waits in the queue again%s%s",
		    m->vm, CL_NAME(t->st, m->to), *m->reason ? ": " : "", m->reason);
	return 0;
}

int cl_hand_over(struct cl_turn *t, struct vmha_mig *m)
{
	m->phase = VMHA_MIG_ADMITTED;
	m->fresh = false;
	cl_mig_note(t, m, VMHA_LEVEL_info, "the move of %s to %s has its slot: Pacemaker is told",
		    m->vm, CL_NAME(t->st, m->to));
	cl_pend(t, m, VMHA_CEFFECT_HAND_OVER);
	return 0;
}

int cl_run(struct cl_turn *t, struct vmha_mig *m)
{
	struct vmha_ceffect *effect = cl_effect(t, VMHA_CEFFECT_GO, m->from);

	effect->mig = m->id;
	effect->agent = m->agent;
	if (m->phase != VMHA_MIG_RUNNING) {
		m->phase = VMHA_MIG_RUNNING;
		m->fresh = false;
		m->begun_ms = m->begun_ms ? m->begun_ms : t->st->wall_ms;
		m->state = VMHA_MOVE_PREPARING;
		cl_mig_note(t, m, VMHA_LEVEL_info, "the move of %s to %s begins", m->vm,
			    CL_NAME(t->st, m->to));
	}
	if ((m->cancel || m->preempted) && vmha_mig_may_cancel(m)) {
		cl_pend(t, m, VMHA_CEFFECT_ABORT);
	} else {
		cl_pend(t, m, VMHA_CEFFECT_NONE);
	}
	return 0;
}

void cl_mig_step_all(struct cl_turn *t, enum cl_mig_event event,
		     bool (*wanted)(const struct cl_turn *t, const struct vmha_mig *m))
{
	struct vmha_cluster *st = t->st;
	uint64_t last = 0;
	unsigned int i;

	/* a step may forget a migration: go by id, not by place */
	for (i = 0; i < st->migs_count; i++) {
		struct vmha_mig *m = &st->migs[i];

		if (m->id > last && cl_mig_open(m) && wanted(t, m)) {
			unsigned int before = st->migs_count;

			last = m->id;
			(void)cl_mig_step(t, m, event);
			if (st->migs_count < before) {
				i = (unsigned int)-1; /* begins again behind `last` */
			}
		}
	}
}
