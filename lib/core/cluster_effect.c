/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/core/cluster_int.h"

void vmha_ceffects_clear(struct vmha_ceffects *effects)
{
	free(effects->items);
	memset(effects, 0, sizeof(*effects));
}

static int grow(struct vmha_ceffects *fx)
{
	size_t size = fx->size ? fx->size * 2 : 8;
	struct vmha_ceffect *items = realloc(fx->items, size * sizeof(*items));

	if (!items) {
		return -ENOMEM;
	}
	fx->items = items;
	fx->size = size;
	return 0;
}

struct vmha_ceffect *cl_effect(struct cl_turn *t, enum vmha_ceffect_kind kind, unsigned int node)
{
	struct vmha_ceffects *fx = t->fx;
	struct vmha_ceffect *effect;

	if (fx->count == fx->size && grow(fx) < 0) {
		fx->failed = true;
		effect = &fx->spare;
	} else {
		effect = &fx->items[fx->count++];
	}
	memset(effect, 0, sizeof(*effect));
	effect->kind = kind;
	effect->node = node;
	return effect;
}

/* --- who performs --------------------------------------------------------------------------- */

/*
 * The source, or in its place the lowest node: once the source's host is surely lost, and also
 * while only its clusterd is away: then the performer goes by what Pacemaker and the evidence say,
 * and what the source's clusterd knows better is given back when it returns.
 */
static unsigned int source_or_substitute(const struct vmha_cluster *st, const struct vmha_mig *m)
{
	if (cl_node_ready(st, m->from)) {
		return m->from;
	}
	if (!st->quorate ||
	    (!cl_node_down(st, m->from) && !vmha_cluster_can(st, VMHA_CAN_SUBSTITUTE))) {
		return 0;
	}
	return vmha_cluster_lowest(st);
}

static unsigned int performer_of(const struct vmha_cluster *st, const struct vmha_mig *m)
{
	unsigned int node = m->pending == VMHA_CEFFECT_CHECK ? m->to : m->from;

	if (m->pending == VMHA_CEFFECT_SETTLE || m->pending == VMHA_CEFFECT_CLEAR ||
	    m->pending == VMHA_CEFFECT_ADOPT || m->pending == VMHA_CEFFECT_HAND_OVER) {
		return source_or_substitute(st, m);
	}
	return cl_node_ready(st, node) ? node : 0;
}

/* The agent calls the source's clusterd, and Pacemaker's constraint is its word. */
static bool given_back(const struct vmha_cluster *st, const struct vmha_mig *m)
{
	return (m->pending == VMHA_CEFFECT_ADOPT || m->pending == VMHA_CEFFECT_HAND_OVER) &&
	       m->performer != m->from && cl_node_ready(st, m->from);
}

static void mig_emit(struct cl_turn *t, const struct vmha_mig *m)
{
	struct vmha_ceffect *effect = cl_effect(t, m->pending, m->performer);

	effect->mig = m->id;
	effect->agent = m->agent;
	CL_COPY(effect->text, m->reason);
}

static void mig_assign(struct cl_turn *t, struct vmha_mig *m)
{
	m->performer = performer_of(t->st, m);
	if (m->performer) {
		mig_emit(t, m);
	}
}

void cl_pend(struct cl_turn *t, struct vmha_mig *m, enum vmha_ceffect_kind kind)
{
	m->pending = kind;
	m->performer = 0;
	if (kind != VMHA_CEFFECT_NONE) {
		mig_assign(t, m);
	}
}

static void drain_emit(struct cl_turn *t, const struct vmha_cnode *node)
{
	cl_effect(t, VMHA_CEFFECT_DRAIN, node->drain_performer)->drain_node = node->id;
}

void cl_drain_pend(struct cl_turn *t, struct vmha_cnode *node)
{
	if (!cl_drain_works(node->drain)) {
		node->drain_performer = 0;
		return;
	}
	if (!cl_node_ready(t->st, node->drain_performer)) {
		node->drain_performer = node->ready ? node->id : vmha_cluster_lowest(t->st);
	}
	if (node->drain_performer) {
		drain_emit(t, node);
	}
}

static void watch_emit(struct cl_turn *t)
{
	cl_effect(t, VMHA_CEFFECT_WATCH, t->st->watcher)->disturbance = t->st->disturbance;
}

void cl_pending_assign(struct cl_turn *t)
{
	struct vmha_cluster *st = t->st;
	unsigned int i;

	for (i = 0; i < st->migs_count; i++) {
		struct vmha_mig *m = &st->migs[i];

		if (m->pending != VMHA_CEFFECT_NONE &&
		    (!cl_node_ready(st, m->performer) || given_back(st, m))) {
			mig_assign(t, m);
		}
	}
	for (i = 0; i < st->nodes_count; i++) {
		struct vmha_cnode *node = &st->nodes[i];

		if (cl_drain_works(node->drain) && !cl_node_ready(st, node->drain_performer)) {
			node->drain_performer = 0;
			cl_drain_pend(t, node);
		}
	}
	if (st->disturbance && !cl_node_ready(st, st->watcher)) {
		st->watcher = vmha_cluster_lowest(st);
		if (st->watcher) {
			watch_emit(t);
		}
	}
}

void cl_pending_repeat(struct cl_turn *t, unsigned int node)
{
	const struct vmha_cluster *st = t->st;
	unsigned int i;

	for (i = 0; i < st->migs_count; i++) {
		if (st->migs[i].pending != VMHA_CEFFECT_NONE && st->migs[i].performer == node) {
			mig_emit(t, &st->migs[i]);
		}
	}
	for (i = 0; i < st->nodes_count; i++) {
		if (cl_drain_works(st->nodes[i].drain) && st->nodes[i].drain_performer == node) {
			drain_emit(t, &st->nodes[i]);
		}
	}
	if (st->disturbance && st->watcher == node) {
		watch_emit(t);
	}
}

/* --- the journal ---------------------------------------------------------------------------- */

static struct vmha_cjournal *note(struct cl_turn *t, const char *kind, enum vmha_level level)
{
	struct vmha_cjournal *j = &cl_effect(t, VMHA_CEFFECT_JOURNAL, 0)->journal;

	j->wall_ms = t->st->wall_ms;
	j->level = level;
	CL_COPY(j->kind, kind);
	return j;
}

void cl_mig_note(struct cl_turn *t, const struct vmha_mig *m, enum vmha_level level,
		 const char *fmt, ...)
{
	struct vmha_cjournal *j = note(t, "migration", level);
	struct cl_name name;
	va_list args;

	CL_COPY(j->vm, m->vm);
	CL_COPY(j->trace, m->trace);
	CL_COPY(j->cause, vmha_mig_cause_name(m->cause));
	CL_COPY(j->node, vmha_cluster_node_name(t->st, m->from, name.text));
	j->mig = m->id;
	va_start(args, fmt);
	(void)vsnprintf(j->text, sizeof(j->text), fmt, args);
	va_end(args);
}

void cl_node_note(struct cl_turn *t, const char *kind, unsigned int node, enum vmha_level level,
		  const char *fmt, ...)
{
	struct vmha_cjournal *j = note(t, kind, level);
	struct cl_name name;
	va_list args;

	if (node) {
		CL_COPY(j->node, vmha_cluster_node_name(t->st, node, name.text));
	}
	va_start(args, fmt);
	(void)vsnprintf(j->text, sizeof(j->text), fmt, args);
	va_end(args);
}

/* What the agent does in that state, for the journal; NULL: the end has words of its own. */
static const char *state_words(enum vmha_move_state state)
{
	static const char *const words[VMHA_MOVE_STATES_COUNT] = {
		[VMHA_MOVE_PREPARING] = "is being prepared",
		[VMHA_MOVE_CONNECTING] = "connects",
		[VMHA_MOVE_COPYING] = "copies memory",
		[VMHA_MOVE_SWITCHOVER] = "switches over: the guest stands still",
		[VMHA_MOVE_HANDOFF] = "has arrived: the guest runs there",
		[VMHA_MOVE_CLEANUP] = "cleans up",
		[VMHA_MOVE_UNSURE] = "is unsure: neither end confirms, evidence is taken",
		[VMHA_MOVE_SAVING] = "saves memory to the volume: the guest stands still",
		[VMHA_MOVE_SAVED] = "has saved memory to the volume",
		[VMHA_MOVE_POSTCOPY] = "goes on as post-copy: the guest runs there",
		[VMHA_MOVE_RESTORING] = "restores memory from the volume",
	};

	return words[state];
}

void cl_say_state(struct cl_turn *t, const struct vmha_mig *m)
{
	const char *words = state_words(m->state);
	bool over =
		*m->network && (m->state == VMHA_MOVE_CONNECTING || m->state == VMHA_MOVE_COPYING);

	if (words) {
		cl_mig_note(t, m,
			    m->state == VMHA_MOVE_UNSURE ? VMHA_LEVEL_warning : VMHA_LEVEL_info,
			    "the move of %s to %s %s%s%s", m->vm, CL_NAME(t->st, m->to), words,
			    over ? " over " : "", over ? m->network : "");
	}
}

void cl_say_stats(struct cl_turn *t, const struct vmha_mig *m)
{
	cl_mig_note(t, m, VMHA_LEVEL_info,
		    "the move of %s took %lld ms, the guest stood still for %lld ms, %lld MiB "
		    "went%s%s",
		    m->vm, (long long)m->stats.total_ms, (long long)m->stats.blackout_ms,
		    (long long)(m->stats.bytes >> 20), *m->network ? " over " : "", m->network);
}
