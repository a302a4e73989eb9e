/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * How single roles leave a node that is drained: with which mode, to which node, and how long what
 * is in the way may last.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "clusterd/drive_drain.h"
#include "lib/base/cleanup.h"
#include "lib/base/mono.h"
#include "lib/base/str.h"

/* Roles that are blocked are healed, and a clusterd is started again, in seconds. */
#define HELD_UP_SPAN VMHA_SPAN_S(60)
#define TARGET_SPAN  VMHA_SPAN_S(10)

/* A role that is held up by what may pass. */
struct drive_wait {
	struct vmha_mono since;
	unsigned int round; /* in which it was seen last */
};

/* @return true: it has been held up for so long */
static bool held_up(struct drive_drain *n, const char *vm, struct vmha_span span)
{
	struct drive_wait *w = g_hash_table_lookup(n->waits, vm);

	if (!w) {
		w = g_new0(struct drive_wait, 1);
		w->since = vmha_mono_now();
		g_hash_table_insert(n->waits, g_strdup(vm), w);
	}
	w->round = n->round;
	return vmha_mono_passed(vmha_mono_add(w->since, span));
}

static gboolean wait_is_over(void *key, void *value, void *data)
{
	const struct drive_wait *w = value;
	const struct drive_drain *n = data;

	(void)key;
	return w->round != n->round;
}

void drive_drain_waits_end(struct drive_drain *n)
{
	(void)g_hash_table_foreach_remove(n->waits, wait_is_over, n);
	n->round++;
}

void drive_drain_wait(struct drive_drain *n, const struct drive_fact *f, const char *why)
{
	if (held_up(n, f->vm, HELD_UP_SPAN)) {
		drive_drain_role_tell(n, f->vm, f->priority, VMHA_DROLE_FAILED, why);
	}
}

/* --- moves ---------------------------------------------------------------------------------- */

static unsigned int tries_of(const struct drive_drain *n, const char *vm)
{
	return GPOINTER_TO_UINT(g_hash_table_lookup(n->tries, vm));
}

static void tries_set(struct drive_drain *n, const char *vm, unsigned int tries)
{
	g_hash_table_insert(n->tries, g_strdup(vm), GUINT_TO_POINTER(tries));
}

void drive_drain_no_try(struct drive_drain *n, const char *vm)
{
	unsigned int tries = tries_of(n, vm);

	if (tries) {
		tries_set(n, vm, tries - 1);
	}
}

unsigned int drive_drain_moves_open(const struct drive_drain *n, enum vmha_mig_cause cause)
{
	const struct vmha_cluster *s = n->c->cluster;
	unsigned int count = 0;
	unsigned int i;

	for (i = 0; i < s->migs_count; i++) {
		const struct vmha_mig *m = &s->migs[i];

		count += m->phase != VMHA_MIG_ENDED && !m->stuck && m->cause == cause &&
			 (cause == VMHA_CAUSE_DRAIN ? m->from : m->to) == n->node;
	}
	return count;
}

static void load_add(struct drive_drain *n, unsigned int node, bool shut)
{
	const struct vmha_cnode *to = vmha_cluster_node(n->c->cluster, node);

	if (to && n->loads_count < DRIVE_LOADS_MAX) {
		n->loads[n->loads_count].node = to->name;
		n->loads[n->loads_count].shut = shut;
		n->loads[n->loads_count++].roles = 1;
	}
}

/* Nodes that cannot be asked, then roles that open moves will bring to each node. */
void drive_drain_plan(struct drive_drain *n)
{
	const struct vmha_cluster *s = n->c->cluster;
	unsigned int i;

	n->loads_count = 0;
	for (i = 0; i < s->nodes_count; i++) {
		if (!s->nodes[i].ready) {
			load_add(n, s->nodes[i].id, true);
		}
	}
	for (i = 0; i < s->migs_count; i++) {
		if (s->migs[i].phase != VMHA_MIG_ENDED) {
			load_add(n, s->migs[i].to, false);
		}
	}
}

void drive_drain_move(struct drive_drain *n, const struct drive_fact *f, unsigned int from,
		      unsigned int to, enum vmha_mig_mode mode, enum vmha_mig_cause cause)
{
	vmha_autofree char *trace = g_uuid_string_random();
	struct vmha_cevent e;

	drive_event(n->c, VMHA_CEVENT_ENQUEUE, &e);
	(void)snprintf(e.enqueue.vm, sizeof(e.enqueue.vm), "%s", f->vm);
	(void)snprintf(e.enqueue.volume, sizeof(e.enqueue.volume), "%s", f->volume);
	(void)snprintf(e.enqueue.trace, sizeof(e.enqueue.trace), "%s", trace);
	(void)snprintf(e.enqueue.requester, sizeof(e.enqueue.requester), "%s of %.48s",
		       cause == VMHA_CAUSE_DRAIN ? "drain" : "failback", n->name);
	e.enqueue.from = from;
	e.enqueue.to = to;
	e.enqueue.mode = mode;
	e.enqueue.cause = cause;
	e.enqueue.priority = (int)f->priority;
	if (drive_send(n->c, &e) == 0) {
		load_add(n, to, false);
		tries_set(n, f->vm, tries_of(n, f->vm) + 1);
	}
}

static int target_score(const struct drive_drain *n, const struct drive_fact *f, size_t loads_count,
			char **ret_node)
{
	return vmha_pcmk_scores_choose(n->facts.scores, f->vm, n->name, n->loads, loads_count,
				       ret_node, NULL);
}

/* Where its last move failed it goes again only when no other node may run it. */
static int target_choose(struct drive_drain *n, const struct drive_fact *f,
			 const struct vmha_drain_role *role, char **ret_node)
{
	const struct vmha_mig *last = role ? vmha_cluster_mig(n->c->cluster, role->mig) : NULL;
	const size_t count = n->loads_count;
	int r = -ENOENT;

	if (last && last->result == VMHA_RESULT_KEPT) {
		load_add(n, last->to, true);
		r = target_score(n, f, n->loads_count, ret_node);
		n->loads_count = count;
	}
	return r == -ENOENT ? target_score(n, f, count, ret_node) : r;
}

/* @return false: no clusterd could take it, for a while that may pass; or no node at all */
static bool target_found(struct drive_drain *n, const struct drive_fact *f,
			 const struct vmha_drain_role *role, const struct vmha_cnode **ret_target)
{
	vmha_autofree char *away = NULL;
	vmha_autofree char *why = NULL;
	vmha_autofree char *to = NULL;

	if (target_choose(n, f, role, &to) == 0) {
		*ret_target = vmha_cluster_node_by_name(n->c->cluster, to);
		return *ret_target != NULL;
	}
	if (target_score(n, f, 0, &away) == 0) {
		why = vmha_str_printf("vmha-clusterd does not run on %s", away);
		drive_drain_wait(n, f, why ? why : "");
		return false;
	}
	drive_drain_role_tell(n, f->vm, f->priority, VMHA_DROLE_FAILED,
			      "no other node may run it now");
	return false;
}

unsigned int drive_drain_leave(struct drive_drain *n, const struct drive_fact *f)
{
	const struct vmha_cnode *node = vmha_cluster_node(n->c->cluster, n->node);
	const struct vmha_drain_role *role = drive_drain_role(n, f->vm);
	const struct vmha_cnode *target = NULL;
	vmha_autofree char *why = NULL;
	enum vmha_mig_mode mode;

	if (!node || !drive_drain_mode(node->drain_policy, f->mode, tries_of(n, f->vm), &mode)) {
		drive_drain_role_tell(n, f->vm, f->priority, VMHA_DROLE_FAILED,
				      role && *role->reason ? role->reason
							    : "it could not be moved");
		return 0;
	}
	if (!node->ready) {
		why = vmha_str_printf("vmha-clusterd does not run on %s", n->name);
		drive_drain_wait(n, f, why ? why : "");
		return 0;
	}
	if (!target_found(n, f, role, &target)) {
		return 0;
	}
	drive_drain_move(n, f, n->node, target->id, mode, VMHA_CAUSE_DRAIN);
	return 1;
}

void drive_drain_targets_look(struct drive_drain *n)
{
	const struct vmha_cluster *s = n->c->cluster;
	unsigned int i;

	for (i = 0; i < s->migs_count; i++) {
		const struct vmha_mig *m = &s->migs[i];
		struct vmha_cevent e;

		if (!drive_drain_target_away(s, n->node, m) || !held_up(n, m->vm, TARGET_SPAN)) {
			continue;
		}
		drive_event(n->c, VMHA_CEVENT_CANCEL, &e);
		e.mig.id = m->id;
		e.mig.ok = true;
		if (drive_send(n->c, &e) == 0 && m->cause == VMHA_CAUSE_DRAIN) {
			drive_drain_no_try(n, m->vm);
		}
	}
}
