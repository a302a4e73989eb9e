/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <string.h>

#include "lib/core/cluster_int.h"

/* Nodes, quorum, recovery. */

static struct vmha_cnode *node_new(struct cl_turn *t, unsigned int id)
{
	struct vmha_cluster *st = t->st;
	unsigned int at;

	if (id == 0 || st->nodes_count == VMHA_CLUSTER_NODES_MAX) {
		(void)cl_refuse(t, id ? -ENOSPC : -EINVAL, "node %u: there is no room for it", id);
		return NULL;
	}
	for (at = 0; at < st->nodes_count && st->nodes[at].id < id; at++) {
	}
	memmove(&st->nodes[at + 1], &st->nodes[at], (st->nodes_count - at) * sizeof(st->nodes[0]));
	memset(&st->nodes[at], 0, sizeof(st->nodes[0]));
	st->nodes[at].id = id;
	st->nodes_count++;
	return &st->nodes[at];
}

int cl_event_joined(struct cl_turn *t)
{
	struct vmha_cnode *node = cl_node(t->st, t->ev->from);

	if (!node) {
		node = node_new(t, t->ev->from);
		if (!node) {
			return t->ev->from ? -ENOSPC : -EINVAL;
		}
	}
	node->member = true;
	node->ready = false;
	node->host = VMHA_HOST_UP;
	return 0;
}

static bool is_source(const struct cl_turn *t, const struct vmha_mig *m)
{
	return m->from == t->ev->from;
}

static bool is_target(const struct cl_turn *t, const struct vmha_mig *m)
{
	return m->to == t->ev->from;
}

static bool any(const struct cl_turn *t, const struct vmha_mig *m)
{
	(void)t;
	(void)m;
	return true;
}

static void disturb(struct cl_turn *t, const char *what)
{
	struct vmha_cluster *st = t->st;

	cl_node_note(t, "recovery", 0, VMHA_LEVEL_warning,
		     "%s: moves wait until the cluster has recovered", what);
	st->disturbance = st->seq;
	st->watcher = 0;
	cl_mig_step_all(t, CL_EV_PREEMPT, any);
}

static void host_lost(struct cl_turn *t, struct vmha_cnode *node)
{
	struct cl_name name;
	enum vmha_host was = node->host;

	node->host = VMHA_HOST_DOWN;
	if (was != VMHA_HOST_UP) {
		return;
	}
	/* nothing lived there that would have to be recovered */
	if (node->drain == VMHA_DRAIN_DRAINED) {
		cl_node_note(t, "node", node->id, VMHA_LEVEL_info, "%s is down, it was drained",
			     vmha_cluster_node_name(t->st, node->id, name.text));
		return;
	}
	cl_node_note(t, "node", node->id, VMHA_LEVEL_error, "%s is lost",
		     vmha_cluster_node_name(t->st, node->id, name.text));
	disturb(t, "a node is lost");
}

void cl_node_silent(struct vmha_cnode *node)
{
	node->reaches_count = 0;
	memset(node->reaches, 0, sizeof(node->reaches));
	node->guests_count = 0;
	memset(node->guests, 0, sizeof(node->guests));
}

int cl_event_left(struct cl_turn *t)
{
	struct vmha_cnode *node = cl_node(t->st, t->ev->from);

	node->member = false;
	node->ready = false;
	cl_node_silent(node);
	if (t->ev->leave != VMHA_LEAVE_NODEDOWN) {
		cl_node_note(t, "node", node->id,
			     t->ev->leave == VMHA_LEAVE_LEFT ? VMHA_LEVEL_info : VMHA_LEVEL_warning,
			     "clusterd %s on %s",
			     t->ev->leave == VMHA_LEAVE_LEFT ? "stopped" : "died",
			     CL_NAME(t->st, node->id));
	}
	cl_mig_step_all(t, CL_EV_SOURCE_AWAY, is_source);
	cl_mig_step_all(t, CL_EV_TARGET_AWAY, is_target);
	if (t->ev->leave == VMHA_LEAVE_NODEDOWN) {
		/* only what is said about the membership that comes next counts */
		t->st->quorate = false;
		t->st->ring_over = true;
		host_lost(t, node);
	}
	return 0;
}

int cl_event_hello(struct cl_turn *t)
{
	struct vmha_cnode *node = cl_node(t->st, t->ev->from);
	const struct vmha_chello *hello = &t->ev->hello;
	const struct vmha_cnode *same = vmha_cluster_node_by_name(t->st, hello->name);

	if (!*hello->name || hello->proto == 0) {
		return cl_refuse(t, -EINVAL, "node %u says no name or protocol", node->id);
	}
	if (same && same != node) {
		return cl_refuse(t, -EEXIST, "nodes %u and %u are both called %s", same->id,
				 node->id, hello->name);
	}
	CL_COPY(node->name, hello->name);
	CL_COPY(node->version, hello->version);
	node->proto = hello->proto;
	if (!node->ready) {
		node->ready = true;
		cl_node_note(t, "node", node->id, VMHA_LEVEL_info, "clusterd runs on %s",
			     node->name);
	}
	cl_pending_repeat(t, node->id);
	return 0;
}

static bool quorum_lists(const struct vmha_cquorum *q, unsigned int node)
{
	unsigned int i;

	for (i = 0; i < q->hosts_count && i < VMHA_CLUSTER_NODES_MAX; i++) {
		if (q->hosts[i] == node) {
			return true;
		}
	}
	return false;
}

int cl_event_quorum(struct cl_turn *t)
{
	const struct vmha_cquorum *q = &t->ev->quorum;
	struct vmha_cluster *st = t->st;
	unsigned int i;

	if (q->ring_seq < st->ring_seq || (st->ring_over && q->ring_seq == st->ring_seq)) {
		return cl_refuse(t, -ESTALE, "quorum of an older membership");
	}
	st->ring_seq = q->ring_seq;
	st->ring_over = false;
	if (q->quorate != st->quorate) {
		st->quorate = q->quorate;
		cl_node_note(t, "quorum", 0, q->quorate ? VMHA_LEVEL_info : VMHA_LEVEL_error,
			     q->quorate ? "the cluster has quorum"
					: "the cluster has no quorum: nothing is moved");
	}
	for (i = 0; i < st->nodes_count; i++) {
		struct vmha_cnode *node = &st->nodes[i];

		if (quorum_lists(q, node->id)) {
			node->host = VMHA_HOST_UP;
		} else if (q->quorate && !node->member && node->host != VMHA_HOST_DOWN) {
			host_lost(t, node);
		}
	}
	return 0;
}

int cl_event_interfaces(struct cl_turn *t)
{
	struct vmha_cnode *node = cl_node(t->st, t->ev->from);

	if (t->ev->ifaces_count > VMHA_IFACES_MAX) {
		return cl_refuse(t, -ENOSPC, "too many addresses");
	}
	memset(node->ifaces, 0, sizeof(node->ifaces));
	if (t->ev->ifaces_count) {
		memcpy(node->ifaces, t->ev->ifaces, t->ev->ifaces_count * sizeof(node->ifaces[0]));
	}
	node->ifaces_count = (unsigned int)t->ev->ifaces_count;
	node->ifaces_known = true;
	(void)vmha_network_numbers_learn(&t->st->numbers, node->ifaces, node->ifaces_count);
	return 0;
}

int cl_event_reach(struct cl_turn *t)
{
	struct vmha_cnode *node = cl_node(t->st, t->ev->from);

	if (t->ev->reaches_count > VMHA_REACHES_MAX) {
		return cl_refuse(t, -ENOSPC, "too many addresses");
	}
	memset(node->reaches, 0, sizeof(node->reaches));
	if (t->ev->reaches_count) {
		memcpy(node->reaches, t->ev->reaches,
		       t->ev->reaches_count * sizeof(node->reaches[0]));
	}
	node->reaches_count = (unsigned int)t->ev->reaches_count;
	return 0;
}

int cl_event_guests(struct cl_turn *t)
{
	struct vmha_cnode *node = cl_node(t->st, t->ev->from);

	if (t->ev->guests_count > VMHA_CGUESTS_MAX) {
		return cl_refuse(t, -ENOSPC, "too many guests");
	}
	memset(node->guests, 0, sizeof(node->guests));
	if (t->ev->guests_count) {
		memcpy(node->guests, t->ev->guests, t->ev->guests_count * sizeof(node->guests[0]));
	}
	node->guests_count = (unsigned int)t->ev->guests_count;
	return 0;
}

int cl_event_settings(struct cl_turn *t)
{
	struct vmha_cluster *st = t->st;

	if (t->ev->settings_count > VMHA_CLUSTER_SETTINGS_MAX) {
		return cl_refuse(t, -ENOSPC, "too many settings");
	}
	memset(st->settings, 0, st->settings_count * sizeof(st->settings[0]));
	if (t->ev->settings_count) {
		memcpy(st->settings, t->ev->settings,
		       t->ev->settings_count * sizeof(st->settings[0]));
	}
	st->settings_count = (unsigned int)t->ev->settings_count;
	st->settings_seq++;
	return 0;
}

int cl_event_disturbed(struct cl_turn *t)
{
	disturb(t, *t->ev->mig.reason ? t->ev->mig.reason : "a disturbance");
	return 0;
}

int cl_event_release(struct cl_turn *t)
{
	struct vmha_cluster *st = t->st;
	unsigned int i;

	if (!st->disturbance || t->ev->disturbance != st->disturbance) {
		return cl_refuse(t, -ESTALE, "another disturbance came meanwhile, or it is over");
	}
	if (t->ev->from != st->watcher) {
		return cl_refuse(t, -EPERM, "another node waits for the end of the recovery");
	}
	st->disturbance = 0;
	st->watcher = 0;
	for (i = 0; i < st->migs_count; i++) {
		st->migs[i].held = false;
	}
	cl_node_note(t, "recovery", 0, VMHA_LEVEL_info, "the cluster has recovered: moves go on");
	return 0;
}

int cl_event_forget(struct cl_turn *t)
{
	struct vmha_cluster *st = t->st;
	struct vmha_cnode *node = cl_node(st, t->ev->node);
	size_t at;
	unsigned int i;

	if (!node) {
		return cl_refuse(t, -ENOENT, "there is no node %u", t->ev->node);
	}
	if (node->member) {
		return cl_refuse(t, -EBUSY, "clusterd runs on %s", node->name);
	}
	for (i = 0; i < st->migs_count; i++) {
		if (cl_mig_open(&st->migs[i]) &&
		    (st->migs[i].from == node->id || st->migs[i].to == node->id)) {
			return cl_refuse(t, -EBUSY, "the move of %s concerns %s", st->migs[i].vm,
					 node->name);
		}
	}
	cl_node_note(t, "node", node->id, VMHA_LEVEL_info, "%s is no node of the cluster any more",
		     CL_NAME(st, node->id));
	cl_drain_forget(st, node->id);
	at = (size_t)(node - st->nodes);
	st->nodes_count--;
	memmove(node, node + 1, (st->nodes_count - at) * sizeof(*node));
	memset(&st->nodes[st->nodes_count], 0, sizeof(*node));
	return 0;
}

static bool is_listed(const struct vmha_listed *listed, size_t count, unsigned int id)
{
	size_t i;

	for (i = 0; i < count && listed[i].id != id; i++) {
	}
	return i < count;
}

/* Somebody else has its name: another entry of it, whose clusterd is not here to say so. */
static bool name_waits(const struct vmha_cluster *state, const struct vmha_cnode *node,
		       const struct vmha_listed *listed, size_t count)
{
	const struct vmha_cnode *other;
	size_t i;

	for (i = 0; i < count; i++) {
		other = vmha_cluster_node(state, listed[i].id);
		if (*node->name && strcmp(listed[i].name, node->name) == 0 &&
		    !(other && other->member)) {
			return true;
		}
	}
	return false;
}

static bool is_concerned(const struct vmha_cluster *state, unsigned int node)
{
	unsigned int i;

	for (i = 0; i < state->migs_count; i++) {
		if (cl_mig_open(&state->migs[i]) &&
		    (state->migs[i].from == node || state->migs[i].to == node)) {
			return true;
		}
	}
	return false;
}

unsigned int vmha_cluster_forgettable(const struct vmha_cluster *state,
				      const struct vmha_listed *listed, size_t count)
{
	unsigned int found = 0;
	unsigned int i;

	if (!state->quorate || state->ring_over || state->disturbance) {
		return 0;
	}
	for (i = 0; i < state->nodes_count; i++) {
		const struct vmha_cnode *node = &state->nodes[i];

		if (is_listed(listed, count, node->id)) {
			continue;
		}
		if (node->member) {
			return 0;
		}
		if (!found && node->host == VMHA_HOST_DOWN && !is_concerned(state, node->id) &&
		    !name_waits(state, node, listed, count)) {
			found = node->id;
		}
	}
	return found;
}

/* --- what follows --------------------------------------------------------------------------- */

static bool source_down(const struct cl_turn *t, const struct vmha_mig *m)
{
	return cl_node_down(t->st, m->from) && (m->phase != VMHA_MIG_ENDING || m->requeue);
}

static bool target_down(const struct cl_turn *t, const struct vmha_mig *m)
{
	return cl_node_down(t->st, m->to) &&
	       (m->phase == VMHA_MIG_QUEUED || m->phase == VMHA_MIG_CHECKING ||
		m->phase == VMHA_MIG_ADMITTED);
}

static bool target_closed(const struct cl_turn *t, const struct vmha_mig *m)
{
	return vmha_cluster_closed(t->st, m->to) && m->phase != VMHA_MIG_ENDING;
}

void cl_hosts_follow(struct cl_turn *t)
{
	/* a minority knows nothing about the others */
	if (t->st->quorate) {
		cl_mig_step_all(t, CL_EV_SOURCE_DOWN, source_down);
		cl_mig_step_all(t, CL_EV_TARGET_DOWN, target_down);
	}
	cl_mig_step_all(t, CL_EV_TARGET_CLOSED, target_closed);
}
