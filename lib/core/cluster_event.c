/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "lib/base/str.h"
#include "lib/core/cluster_int.h"

/* Events about migrations: who may say what, then the step of the table. */

static struct vmha_mig *named(struct cl_turn *t)
{
	struct vmha_mig *m = cl_mig(t->st, t->ev->mig.id);

	if (!m) {
		(void)cl_refuse(t, -ENOENT, "there is no move %llu",
				(unsigned long long)t->ev->mig.id);
		return NULL;
	}
	t->fx->mig = m->id;
	return m;
}

/* The source, or who performs in its place. */
static bool may_say(const struct cl_turn *t, const struct vmha_mig *m, enum vmha_ceffect_kind asked)
{
	return t->ev->from == m->from || (m->pending == asked && t->ev->from == m->performer);
}

static int stranger(struct cl_turn *t, const struct vmha_mig *m)
{
	return cl_refuse(t, -EPERM, "%s has no say in move %llu of %s", CL_NAME(t->st, t->ev->from),
			 (unsigned long long)m->id, m->vm);
}

int cl_event_checked(struct cl_turn *t)
{
	struct vmha_mig *m = named(t);

	if (!m) {
		return -ENOENT;
	}
	if (m->pending != VMHA_CEFFECT_CHECK) {
		return cl_refuse(t, -EPROTO, "no check of move %llu is awaited",
				 (unsigned long long)m->id);
	}
	if (m->performer != t->ev->from) {
		return stranger(t, m);
	}
	return cl_mig_step(t, m, t->ev->mig.ok ? CL_EV_CHECK_OK : CL_EV_CHECK_BAD);
}

int cl_event_handed(struct cl_turn *t)
{
	struct vmha_mig *m = named(t);

	if (!m) {
		return -ENOENT;
	}
	if (!may_say(t, m, VMHA_CEFFECT_HAND_OVER)) {
		return stranger(t, m);
	}
	return cl_mig_step(t, m, t->ev->mig.ok ? CL_EV_HAND_OK : CL_EV_HAND_BAD);
}

int cl_event_agent(struct cl_turn *t)
{
	static const enum cl_mig_event steps[VMHA_CEVENTS_COUNT] = {
		[VMHA_CEVENT_EXPIRED] = CL_EV_EXPIRED,
		[VMHA_CEVENT_REPORT] = CL_EV_REPORT,
		[VMHA_CEVENT_ATTEMPT] = CL_EV_ATTEMPT,
		[VMHA_CEVENT_AGENT_END] = CL_EV_AGENT_END,
		[VMHA_CEVENT_AGENT_LOST] = CL_EV_AGENT_LOST,
	};
	struct vmha_mig *m = named(t);
	uint64_t agent = t->ev->mig.agent;

	if (!m) {
		return -ENOENT;
	}
	if (t->ev->type == VMHA_CEVENT_AGENT_END && m->to == t->ev->from &&
	    vmha_cluster_can(t->st, VMHA_CAN_TARGET_END)) {
		return cl_mig_step(t, m, CL_EV_TARGET_END);
	}
	if (t->ev->type == VMHA_CEVENT_AGENT_LOST ? !may_say(t, m, VMHA_CEFFECT_ADOPT)
						  : m->from != t->ev->from) {
		return stranger(t, m);
	}
	if (m->phase == VMHA_MIG_QUEUED && !m->agent) {
		return cl_refuse(t, -EPROTO, "no agent waits for move %llu",
				 (unsigned long long)m->id);
	}
	/* whichever it was, says the node after a restart: true only while none is known */
	if ((m->phase == VMHA_MIG_QUEUED || m->phase == VMHA_MIG_RUNNING) && agent != m->agent) {
		return cl_refuse(t, -ESTALE, "another agent has taken over move %llu",
				 (unsigned long long)m->id);
	}
	return cl_mig_step(t, m, steps[t->ev->type]);
}

int cl_event_settled(struct cl_turn *t)
{
	struct vmha_mig *m = named(t);
	enum vmha_mig_result result = t->ev->mig.result;
	bool stuck = result == VMHA_RESULT_NONE && vmha_cluster_can(t->st, VMHA_CAN_STUCK);

	if (!m) {
		return -ENOENT;
	}
	if (result != VMHA_RESULT_DONE && result != VMHA_RESULT_KEPT &&
	    result != VMHA_RESULT_LOST && !stuck) {
		return cl_refuse(t, -EINVAL, "%s settles nothing", vmha_mig_result_name(result));
	}
	if (cl_mig_open(m) &&
	    (m->phase == VMHA_MIG_ENDING ? t->ev->from != m->performer
					 : !may_say(t, m, VMHA_CEFFECT_HAND_OVER))) {
		return stranger(t, m);
	}
	return cl_mig_step(t, m, stuck ? CL_EV_UNSETTLED : CL_EV_SETTLED);
}

/* Its drain wants another target: nobody has called it off. */
static int target_given_up(struct cl_turn *t, struct vmha_mig *m)
{
	if (cl_node_ready(t->st, m->to)) {
		return cl_refuse(t, -EAGAIN, "clusterd runs on %s again", CL_NAME(t->st, m->to));
	}
	cl_because(m, "clusterd does not run on %s", CL_NAME(t->st, m->to));
	return cl_end_kept(t, m);
}

int cl_event_cancel(struct cl_turn *t)
{
	struct vmha_mig *m = named(t);

	if (!m) {
		return -ENOENT;
	}
	if (t->ev->mig.ok && vmha_cluster_can(t->st, VMHA_CAN_GIVE_UP) &&
	    m->phase == VMHA_MIG_QUEUED && !m->agent) {
		return target_given_up(t, m);
	}
	return cl_mig_step(t, m, CL_EV_CANCEL);
}

/* --- new ones ------------------------------------------------------------------------------- */

static int enqueue_valid(struct cl_turn *t)
{
	const struct vmha_cenqueue *q = &t->ev->enqueue;

	if (!vmha_str_is_name(q->vm)) {
		return cl_refuse(t, -EINVAL, "'%s' is no name of a role", q->vm);
	}
	if (*q->volume && !vmha_str_is_name(q->volume)) {
		return cl_refuse(t, -EINVAL, "'%s' is no name of a volume", q->volume);
	}
	if (!*q->trace) {
		return cl_refuse(t, -EINVAL, "a move of %s without a trace", q->vm);
	}
	if (q->from == q->to) {
		return cl_refuse(t, -EINVAL, "%s is on %s already", q->vm, CL_NAME(t->st, q->to));
	}
	return 0;
}

static struct vmha_mig *mig_new(struct cl_turn *t)
{
	const struct vmha_cenqueue *q = &t->ev->enqueue;
	struct vmha_cluster *st = t->st;
	struct vmha_mig *m;
	unsigned int open = 0;
	unsigned int i;

	for (i = 0; i < st->migs_count; i++) {
		open += cl_mig_open(&st->migs[i]);
	}
	if (open >= VMHA_CLUSTER_OPEN_MAX) {
		(void)cl_refuse(t, -ENOSPC, "%u moves are open: no more are taken", open);
		return NULL;
	}
	m = &st->migs[st->migs_count++];
	memset(m, 0, sizeof(*m));
	m->id = st->next_id++;
	CL_COPY(m->vm, q->vm);
	CL_COPY(m->volume, q->volume);
	CL_COPY(m->trace, q->trace);
	CL_COPY(m->requester, q->requester);
	m->from = q->from;
	m->to = q->to;
	m->mode = q->mode;
	m->cause = q->cause;
	m->priority = q->priority;
	m->progress.eta_ms = -1;
	m->stats = (struct vmha_mig_stats){ .total_ms = -1, .blackout_ms = -1, .bytes = -1 };
	m->enqueued_ms = st->wall_ms;
	m->held = st->disturbance != 0;
	t->fx->mig = m->id;
	return m;
}

static int places_fit(struct cl_turn *t)
{
	const struct vmha_cenqueue *q = &t->ev->enqueue;

	if (!t->st->quorate) {
		return cl_refuse(t, -ENOLINK, "the cluster has no quorum: nothing is moved");
	}
	if (!cl_node_ready(t->st, q->from)) {
		return cl_refuse(t, -EHOSTDOWN, "clusterd does not run on %s",
				 CL_NAME(t->st, q->from));
	}
	if (!cl_node_ready(t->st, q->to)) {
		return cl_refuse(t, -EHOSTDOWN, "clusterd does not run on %s",
				 CL_NAME(t->st, q->to));
	}
	if (vmha_cluster_closed(t->st, q->to)) {
		return cl_refuse(t, -EAGAIN, "%s takes no roles: it is being drained",
				 CL_NAME(t->st, q->to));
	}
	return 0;
}

static void say_queued(struct cl_turn *t, const struct vmha_mig *m)
{
	cl_mig_note(t, m, VMHA_LEVEL_info, "%s is to move from %s to %s (number %llu)%s%s", m->vm,
		    CL_NAME(t->st, m->from), CL_NAME(t->st, m->to), (unsigned long long)m->id,
		    *m->requester ? ", asked by " : "", m->requester);
}

int cl_event_enqueue(struct cl_turn *t)
{
	const struct vmha_cenqueue *q = &t->ev->enqueue;
	const struct vmha_mig *open = vmha_cluster_mig_of(t->st, q->vm);
	struct vmha_mig *m;
	int r = enqueue_valid(t);

	if (r == 0) {
		r = places_fit(t);
	}
	if (r < 0) {
		return r;
	}
	if (open) {
		t->fx->mig = open->id;
		return cl_refuse(t, -EEXIST, "a move of %s to %s is open (number %llu)", q->vm,
				 CL_NAME(t->st, open->to), (unsigned long long)open->id);
	}
	m = mig_new(t);
	if (!m) {
		return -ENOSPC;
	}
	say_queued(t, m);
	cl_drain_enqueued(t, m);
	cl_pend(t, m, VMHA_CEFFECT_CHECK);
	return 0;
}

/* The agent of a move that nobody announced.  A refused one leaves a blocked role: a record of its
 * own brings it in order. */
static int begun_new(struct cl_turn *t)
{
	struct vmha_mig *m = mig_new(t);
	int r;

	if (!m) {
		return -ENOSPC;
	}
	say_queued(t, m);
	cl_drain_enqueued(t, m);
	r = places_fit(t);
	if (r < 0) {
		struct vmha_ceffect *effect = cl_effect(t, VMHA_CEFFECT_REFUSE, m->from);

		CL_COPY(m->reason, t->fx->error);
		memset(t->fx->error, 0, sizeof(t->fx->error));
		effect->mig = m->id;
		effect->agent = t->ev->mig.agent;
		CL_COPY(effect->text, m->reason);
		m->phase = VMHA_MIG_ENDING;
		m->held = false;
		cl_pend(t, m, VMHA_CEFFECT_SETTLE);
		return 0;
	}
	return cl_mig_step(t, m, CL_EV_BEGUN);
}

int cl_event_begun(struct cl_turn *t)
{
	const struct vmha_cenqueue *q = &t->ev->enqueue;
	const struct vmha_mig *open;
	struct vmha_mig *m;
	int r = enqueue_valid(t);

	if (r < 0) {
		return r;
	}
	if (q->from != t->ev->from || !t->ev->mig.agent || !cl_node(t->st, q->to)) {
		return cl_refuse(t, -EINVAL, "not an agent of %s that moves %s to a known node",
				 CL_NAME(t->st, t->ev->from), q->vm);
	}
	open = vmha_cluster_mig_of(t->st, q->vm);
	if (!open && !cl_node_ready(t->st, q->from) && vmha_cluster_can(t->st, VMHA_CAN_TAKEN_IN)) {
		/* it could perform nothing of it; waiting for its name it would wait for its own */
		return cl_refuse(t, -EHOSTDOWN, "clusterd of %s is not taken in by the others yet",
				 CL_NAME(t->st, q->from));
	}
	if (!open) {
		return begun_new(t);
	}
	m = cl_mig(t->st, open->id);
	t->fx->mig = m->id;
	if (m->from == q->from && m->to == q->to) {
		return cl_mig_step(t, m, CL_EV_BEGUN);
	}
	r = cl_mig_step(t, m, CL_EV_BEGUN_OTHER);
	if (r == 0 && !vmha_cluster_mig_of(t->st, q->vm)) {
		return begun_new(t);
	}
	return r;
}
