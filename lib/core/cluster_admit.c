/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <string.h>

#include "lib/core/cluster_int.h"

/*
 * Who is next.  The queue's order is priority, then number.  A node takes part in at most so many
 * migrations at once, as source or target.  One that finds a node full keeps its places on both
 * free for itself, so that it is not overtaken there for ever; whatever touches neither of its
 * nodes goes ahead.
 */

unsigned int vmha_cluster_slots(const struct vmha_cluster *state, unsigned int node)
{
	return (unsigned int)vmha_cluster_setting(state, node, VMHA_SETTING_MIGRATION_SLOTS);
}

unsigned int vmha_cluster_slots_used(const struct vmha_cluster *state, unsigned int node)
{
	unsigned int used = 0;
	unsigned int i;

	for (i = 0; i < state->migs_count; i++) {
		const struct vmha_mig *m = &state->migs[i];

		used += m->slot && (m->from == node || m->to == node);
	}
	return used;
}

static bool before(const struct vmha_mig *a, const struct vmha_mig *b)
{
	return a->priority != b->priority ? a->priority > b->priority : a->id < b->id;
}

/* The first of the queue behind @after (NULL: of all). */
static struct vmha_mig *next_queued(struct vmha_cluster *st, const struct vmha_mig *after)
{
	struct vmha_mig *best = NULL;
	unsigned int i;

	for (i = 0; i < st->migs_count; i++) {
		struct vmha_mig *m = &st->migs[i];

		if (m->phase == VMHA_MIG_QUEUED && (!after || before(after, m)) &&
		    (!best || before(m, best))) {
			best = m;
		}
	}
	return best;
}

unsigned int vmha_cluster_place(const struct vmha_cluster *state, uint64_t id)
{
	const struct vmha_mig *wanted = vmha_cluster_mig(state, id);
	unsigned int place = 1;
	unsigned int i;

	if (!wanted || wanted->phase != VMHA_MIG_QUEUED) {
		return 0;
	}
	for (i = 0; i < state->migs_count; i++) {
		const struct vmha_mig *m = &state->migs[i];

		place += m->phase == VMHA_MIG_QUEUED && before(m, wanted);
	}
	return place;
}

/* Nodes by their place in the state. */
struct room {
	unsigned int used[VMHA_CLUSTER_NODES_MAX];
	unsigned int slots[VMHA_CLUSTER_NODES_MAX];
	bool kept[VMHA_CLUSTER_NODES_MAX];
};

static void room_count(const struct vmha_cluster *st, struct room *room)
{
	unsigned int i;

	memset(room, 0, sizeof(*room));
	for (i = 0; i < st->nodes_count; i++) {
		room->used[i] = vmha_cluster_slots_used(st, st->nodes[i].id);
		room->slots[i] = vmha_cluster_slots(st, st->nodes[i].id);
	}
}

static unsigned int index_of(const struct vmha_cluster *st, unsigned int node)
{
	unsigned int i;

	for (i = 0; i < st->nodes_count && st->nodes[i].id != node; i++) {
	}
	return i;
}

static bool may_begin(const struct vmha_cluster *st, const struct vmha_mig *m)
{
	return m->checked && !m->held && cl_node_ready(st, m->from) && cl_node_ready(st, m->to) &&
	       !vmha_cluster_closed(st, m->to);
}

static void admit_one(struct cl_turn *t, struct vmha_mig *m, struct room *room)
{
	unsigned int from = index_of(t->st, m->from);
	unsigned int to = index_of(t->st, m->to);

	if (room->used[from] >= room->slots[from] || room->used[to] >= room->slots[to]) {
		room->kept[from] = true;
		room->kept[to] = true;
		return;
	}
	if (room->kept[from] || room->kept[to]) {
		return;
	}
	room->used[from]++;
	room->used[to]++;
	(void)cl_mig_step(t, m, CL_EV_ADMIT);
}

void cl_admit(struct cl_turn *t)
{
	struct vmha_cluster *st = t->st;
	struct vmha_mig *m = NULL;
	struct vmha_mig last;
	struct room room;
	unsigned int i;

	if (st->quorate && !st->disturbance) {
		room_count(st, &room);
		while ((m = next_queued(st, m ? &last : NULL))) {
			last = *m; /* its step changes it */
			if (may_begin(st, m)) {
				admit_one(t, m, &room);
			}
		}
	}
	for (i = 0; i < st->migs_count; i++) {
		st->migs[i].fresh = false; /* a later admission asks the target again */
	}
}
