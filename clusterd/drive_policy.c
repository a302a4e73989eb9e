/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The pure part of drive_facts.h. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "clusterd/drive_facts.h"

void drive_facts_clear(struct drive_facts *f)
{
	free(f->items);
	free(f->scores);
	memset(f, 0, sizeof(*f));
}

const struct drive_fact *drive_facts_find(const struct drive_facts *f, const char *vm)
{
	size_t i;

	for (i = 0; i < f->count; i++) {
		if (strcmp(f->items[i].vm, vm) == 0) {
			return &f->items[i];
		}
	}
	return NULL;
}

static int fact_order(const void *a, const void *b)
{
	const struct drive_fact *x = a;
	const struct drive_fact *y = b;

	if (x->priority != y->priority) {
		return x->priority > y->priority ? -1 : 1;
	}
	return strcmp(x->vm, y->vm);
}

/* "stop failed on n1: no space left": Pacemaker's reason, with the agent's words where it has any
 */
static void blocked_why(struct drive_fact *f, const struct vmha_pcmk_failure *failure)
{
	const char *said = "";

	if (!failure) {
		(void)snprintf(f->why, sizeof(f->why), "Pacemaker has blocked it");
		return;
	}
	said = *failure->reason ? failure->reason : failure->result;
	(void)snprintf(f->why, sizeof(f->why), "Pacemaker has blocked it: %s failed on %s%s%s",
		       failure->op, failure->node, *said ? ": " : "", said);
}

static void fact_place(struct drive_fact *f, const struct vmha_pcmk_resource *x, bool maintenance,
		       const char *node)
{
	size_t i;

	for (i = 0; x && i < x->nodes_count; i++) {
		f->here = f->here || strcmp(x->nodes[i], node) == 0;
	}
	if (!x || x->nodes_count == 0) {
		return;
	}
	if (x->nodes_count == 1) {
		(void)snprintf(f->place, sizeof(f->place), "%s", x->nodes[0]);
	}
	f->migrating = strcmp(x->state, "Migrating") == 0;
	f->stuck = maintenance || (!x->managed && !x->blocked);
	f->blocked = x->blocked;
	if (f->stuck) {
		(void)snprintf(f->why, sizeof(f->why), "%s",
			       maintenance ? "the cluster is in maintenance mode"
					   : "it is unmanaged");
	}
	f->steady = x->nodes_count == 1 && strcmp(x->state, "Started") == 0 && !*x->pending &&
		    x->managed && !x->blocked && !x->failed;
}

int drive_facts_roles(struct drive_facts *f, const struct vmha_pcmk_primitives *roles)
{
	struct drive_fact *items = calloc(roles->count + 1, sizeof(*items));
	size_t i;

	if (!items) {
		return -ENOMEM;
	}
	for (i = 0; i < roles->count; i++) {
		const struct vmha_pcmk_primitive *p = &roles->items[i];

		(void)snprintf(items[i].vm, sizeof(items[i].vm), "%s", p->id);
		(void)snprintf(items[i].volume, sizeof(items[i].volume), "%s", p->volume);
		items[i].priority = p->priority;
		items[i].mode = VMHA_MODE_live;
		(void)vmha_mig_mode_parse(p->mode, &items[i].mode);
	}
	qsort(items, roles->count, sizeof(*items), fact_order);
	drive_facts_clear(f);
	f->items = items;
	f->count = roles->count;
	return 0;
}

/* Every volume that is used anywhere is joined there: until then no role can come. */
static bool volumes_joined(const struct vmha_pcmk_state *state, const char *node)
{
	size_t i;

	for (i = 0; i < state->resources_count; i++) {
		const struct vmha_pcmk_resource *x = &state->resources[i];

		if (strcmp(x->agent, "ocf:vmha:csv") == 0 && strcmp(x->state, "Started") == 0 &&
		    x->nodes_count > 0 &&
		    !vmha_pcmk_runs_on(state, *x->clone ? x->clone : x->id, node)) {
			return false;
		}
	}
	return true;
}

void drive_facts_places(struct drive_facts *f, const struct vmha_pcmk_state *state,
			const char *node)
{
	const struct vmha_pcmk_node *n = vmha_pcmk_node_find(state, node);
	size_t i;

	for (i = 0; i < f->count; i++) {
		struct drive_fact *fact = &f->items[i];

		fact_place(fact, vmha_pcmk_resource_find(state, fact->vm), state->maintenance,
			   node);
		if (fact->blocked && !fact->stuck) {
			blocked_why(fact, vmha_pcmk_failure_find(state, fact->vm));
		}
	}
	f->node_ready = n && n->online && !n->standby && !n->maintenance && !n->pending &&
			!n->unclean && volumes_joined(state, node);
}

void drive_facts_bans(struct drive_facts *f, char *const *roles, size_t count)
{
	size_t i;
	size_t j;

	for (i = 0; i < f->count; i++) {
		for (j = 0; j < count && !f->items[i].banned; j++) {
			f->items[i].banned = strcmp(f->items[i].vm, roles[j]) == 0;
		}
	}
}

bool drive_drain_mode(enum vmha_drain_policy policy, enum vmha_mig_mode own, unsigned int tries,
		      enum vmha_mig_mode *ret_mode)
{
	enum vmha_mig_mode modes[4] = { VMHA_MODE_live, VMHA_MODE_live };
	unsigned int count = 2;

	if (policy == VMHA_DRAIN_POLICY_role) {
		modes[0] = own;
		modes[1] = own;
	}
	if (policy == VMHA_DRAIN_POLICY_quick || policy == VMHA_DRAIN_POLICY_cold) {
		modes[count++] = VMHA_MODE_quick;
	}
	if (policy == VMHA_DRAIN_POLICY_cold) {
		modes[count++] = VMHA_MODE_cold;
	}
	if (tries >= count) {
		return false;
	}
	*ret_mode = modes[tries];
	return true;
}

bool drive_drain_arrives(const struct vmha_cluster *state, unsigned int node, uint64_t seq,
			 const struct drive_fact *fact)
{
	bool open = false;
	unsigned int i;

	for (i = 0; i < state->migs_count; i++) {
		const struct vmha_mig *m = &state->migs[i];
		bool lasts;

		if (strcmp(m->vm, fact->vm) != 0) {
			continue;
		}
		open = open || m->phase != VMHA_MIG_ENDED;
		/* one that ended after the look may have brought it meanwhile */
		lasts = m->phase != VMHA_MIG_ENDED || m->ended_seq > seq;
		if (lasts && (m->to == node || (m->from == node && !*fact->place))) {
			return true;
		}
	}
	/* of a move that was not announced nobody here knows where it goes */
	return fact->migrating && !fact->here && !open;
}

bool drive_drain_target_away(const struct vmha_cluster *state, unsigned int node,
			     const struct vmha_mig *mig)
{
	const struct vmha_cnode *to = vmha_cluster_node(state, mig->to);

	return mig->phase == VMHA_MIG_QUEUED && mig->cause != VMHA_CAUSE_FAILBACK &&
	       mig->from == node && !mig->agent && !(to && to->ready) &&
	       vmha_cluster_can(state, VMHA_CAN_GIVE_UP);
}

bool drive_drain_stuck(const struct vmha_cluster *state, const struct vmha_drain_role *role)
{
	const struct vmha_mig *m = vmha_cluster_mig(state, role->mig);

	return m && m->stuck;
}

bool drive_role_recovers(const struct vmha_pcmk_resource *role)
{
	bool runs = strcmp(role->state, "Migrating") == 0 ||
		    (strcmp(role->state, "Started") == 0 && role->nodes_count == 1);
	bool well = runs && !role->failed;

	return role->managed && !role->blocked && !well &&
	       strcasecmp(role->target_role, "Stopped") != 0;
}

bool drive_window_open(int64_t window, int minute)
{
	int from = (int)(window / VMHA_DAY_MINUTES);
	int to = (int)(window % VMHA_DAY_MINUTES);

	if (window < 0) {
		return true;
	}
	return from <= to ? minute >= from && minute < to : minute >= from || minute < to;
}
