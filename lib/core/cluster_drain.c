/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <string.h>

#include "lib/base/str.h"
#include "lib/core/cluster_int.h"

/*
 * Drains.  The node that performs one looks at Pacemaker and says what it finds; here is kept how
 * far it is, which roles lived on the node, and what became of them.
 */

static struct vmha_drain_role *role_find(struct vmha_cluster *st, unsigned int node, const char *vm)
{
	unsigned int i;

	for (i = 0; i < st->roles_count; i++) {
		if (st->roles[i].node == node && strcmp(st->roles[i].vm, vm) == 0) {
			return &st->roles[i];
		}
	}
	return NULL;
}

static struct vmha_drain_role *role_new(struct vmha_cluster *st, unsigned int node, const char *vm)
{
	struct vmha_drain_role *role;

	if (st->roles_count == VMHA_CLUSTER_ROLES_MAX) {
		return NULL;
	}
	role = &st->roles[st->roles_count++];
	memset(role, 0, sizeof(*role));
	role->node = node;
	CL_COPY(role->vm, vm);
	return role;
}

static void role_forget(struct vmha_cluster *st, struct vmha_drain_role *role)
{
	size_t at = (size_t)(role - st->roles);

	st->roles_count--;
	memmove(role, role + 1, (st->roles_count - at) * sizeof(*role));
	memset(&st->roles[st->roles_count], 0, sizeof(*role));
}

void cl_drain_forget(struct vmha_cluster *st, unsigned int node)
{
	unsigned int i;

	for (i = st->roles_count; i-- > 0;) {
		if (st->roles[i].node == node) {
			role_forget(st, &st->roles[i]);
		}
	}
}

static unsigned int roles_of(const struct vmha_cluster *st, unsigned int node)
{
	unsigned int count = 0;
	unsigned int i;

	for (i = 0; i < st->roles_count; i++) {
		count += st->roles[i].node == node;
	}
	return count;
}

/* It cannot leave: said once. */
static void role_fail(struct cl_turn *t, struct vmha_drain_role *role, const char *reason)
{
	if (role->state != VMHA_DROLE_FAILED) {
		cl_node_note(t, "drain", role->node, VMHA_LEVEL_warning, "%s cannot leave %s: %s",
			     role->vm, CL_NAME(t->st, role->node), reason);
	}
	role->state = VMHA_DROLE_FAILED;
	CL_COPY(role->reason, reason);
}

/* --- states --------------------------------------------------------------------------------- */

static void say_state(struct cl_turn *t, const struct vmha_cnode *node)
{
	static const char *const words[] = {
		[VMHA_DRAIN_OPEN] = "takes roles again",
		[VMHA_DRAIN_CLOSING] = "is to be drained: it takes no roles any more",
		[VMHA_DRAIN_DRAINING] = "is being drained",
		[VMHA_DRAIN_DRAINED] = "is drained",
		[VMHA_DRAIN_INCOMPLETE] = "is not drained completely",
		[VMHA_DRAIN_RESUMING] = "is to take roles again",
		[VMHA_DRAIN_FAILBACK] = "takes roles again, its own come back",
	};
	enum vmha_level level =
		node->drain == VMHA_DRAIN_INCOMPLETE ? VMHA_LEVEL_warning : VMHA_LEVEL_info;
	bool reason = node->drain == VMHA_DRAIN_INCOMPLETE && *node->drain_reason;

	cl_node_note(t, "drain", node->id, level, "%s %s%s%s", CL_NAME(t->st, node->id),
		     words[node->drain], reason ? ": " : "", reason ? node->drain_reason : "");
}

static void state_set(struct cl_turn *t, struct vmha_cnode *node, enum vmha_drain_state state)
{
	if (node->drain == state) {
		return;
	}
	node->drain = state;
	node->drain_ms = t->st->wall_ms;
	if (state == VMHA_DRAIN_OPEN) {
		cl_drain_forget(t->st, node->id);
		node->drain_policy = VMHA_DRAIN_POLICY_role;
		node->failback = VMHA_FAILBACK_no;
		node->drain_performer = 0;
		memset(node->drain_requester, 0, sizeof(node->drain_requester));
		memset(node->drain_reason, 0, sizeof(node->drain_reason));
	}
	say_state(t, node);
}

static bool role_is_stuck(const struct vmha_cluster *st, const struct vmha_drain_role *role)
{
	const struct vmha_mig *m = vmha_cluster_mig(st, role->mig);

	return m && m->stuck && vmha_cluster_can(st, VMHA_CAN_STUCK);
}

static struct vmha_cnode *drain_node(struct cl_turn *t)
{
	struct vmha_cnode *node = cl_node(t->st, t->ev->drain.node);

	if (!node) {
		(void)cl_refuse(t, -ENOENT, "there is no node %u", t->ev->drain.node);
	}
	return node;
}

int cl_event_drain(struct cl_turn *t)
{
	const struct vmha_cdrain *d = &t->ev->drain;
	struct vmha_cnode *node = drain_node(t);
	unsigned int i;

	if (!node) {
		return -ENOENT;
	}
	if (!t->st->quorate) {
		return cl_refuse(t, -ENOLINK, "the cluster has no quorum: nothing is moved");
	}
	if (node->drain == VMHA_DRAIN_CLOSING || node->drain == VMHA_DRAIN_DRAINING ||
	    node->drain == VMHA_DRAIN_DRAINED) {
		return 0;
	}
	for (i = 0; i < t->st->roles_count; i++) {
		struct vmha_drain_role *role = &t->st->roles[i];

		if (role->node == node->id && role->state == VMHA_DROLE_FAILED &&
		    !role_is_stuck(t->st, role)) {
			role->state = VMHA_DROLE_WAITING;
		}
	}
	node->drain_policy = d->policy;
	CL_COPY(node->drain_requester, d->requester);
	memset(node->drain_reason, 0, sizeof(node->drain_reason));
	state_set(t, node, VMHA_DRAIN_CLOSING);
	cl_drain_pend(t, node);
	return 0;
}

static bool away_from(const struct cl_turn *t, const struct vmha_mig *m)
{
	return m->from == t->ev->drain.node && m->cause == VMHA_CAUSE_DRAIN;
}

int cl_event_resume(struct cl_turn *t)
{
	const struct vmha_cdrain *d = &t->ev->drain;
	struct vmha_cnode *node = drain_node(t);

	if (!node) {
		return -ENOENT;
	}
	if (!cl_drain_closed(node->drain)) {
		return cl_refuse(t, -EPROTO, "%s is not drained", CL_NAME(t->st, node->id));
	}
	node->failback = d->failback;
	CL_COPY(node->drain_requester, d->requester);
	if (node->drain == VMHA_DRAIN_RESUMING) {
		return 0;
	}
	state_set(t, node, VMHA_DRAIN_RESUMING);
	cl_mig_step_all(t, CL_EV_HOME_OPEN, away_from);
	cl_drain_pend(t, node);
	return 0;
}

/* What its performer may say; from OPEN, DRAINED and INCOMPLETE only people lead on. */
static bool may_follow(enum vmha_drain_state from, enum vmha_drain_state to)
{
	static const bool follows[VMHA_DRAIN_STATES_COUNT][VMHA_DRAIN_STATES_COUNT] = {
		[VMHA_DRAIN_CLOSING] = { [VMHA_DRAIN_DRAINING] = true,
					 [VMHA_DRAIN_DRAINED] = true,
					 [VMHA_DRAIN_INCOMPLETE] = true },
		[VMHA_DRAIN_DRAINING] = { [VMHA_DRAIN_DRAINING] = true,
					  [VMHA_DRAIN_DRAINED] = true,
					  [VMHA_DRAIN_INCOMPLETE] = true },
		[VMHA_DRAIN_RESUMING] = { [VMHA_DRAIN_FAILBACK] = true, [VMHA_DRAIN_OPEN] = true },
		[VMHA_DRAIN_FAILBACK] = { [VMHA_DRAIN_FAILBACK] = true, [VMHA_DRAIN_OPEN] = true },
	};

	return follows[from][to];
}

static int performer_only(struct cl_turn *t, const struct vmha_cnode *node)
{
	if (!node->drain_performer || node->drain_performer != t->ev->from) {
		return cl_refuse(t, -EPERM, "%s does not perform the drain of %s",
				 CL_NAME(t->st, t->ev->from), CL_NAME(t->st, node->id));
	}
	return 0;
}

int cl_event_drain_state(struct cl_turn *t)
{
	const struct vmha_cdrain *d = &t->ev->drain;
	struct vmha_cnode *node = drain_node(t);
	int r;

	if (!node) {
		return -ENOENT;
	}
	r = performer_only(t, node);
	if (r < 0) {
		return r;
	}
	if (!may_follow(node->drain, d->state)) {
		return cl_refuse(t, -EPROTO, "the drain of %s is %s: not %s",
				 CL_NAME(t->st, node->id), vmha_drain_state_name(node->drain),
				 vmha_drain_state_name(d->state));
	}
	CL_COPY(node->drain_reason, d->reason);
	state_set(t, node, d->state);
	if (node->drain == VMHA_DRAIN_FAILBACK && roles_of(t->st, node->id) == 0) {
		state_set(t, node, VMHA_DRAIN_OPEN);
	}
	if (!cl_drain_works(node->drain)) {
		node->drain_performer = 0;
	}
	return 0;
}

int cl_event_drain_role(struct cl_turn *t)
{
	const struct vmha_drain_role *said = &t->ev->drain.role;
	struct vmha_cnode *node = drain_node(t);
	struct vmha_drain_role *role;
	int r;

	if (!node) {
		return -ENOENT;
	}
	r = performer_only(t, node);
	if (r < 0) {
		return r;
	}
	if (!vmha_str_is_name(said->vm) || said->state == VMHA_DROLE_MOVING) {
		return cl_refuse(t, -EINVAL, "a drain cannot say this of '%s'", said->vm);
	}
	role = role_find(t->st, node->id, said->vm);
	if (role && role->state == VMHA_DROLE_MOVING) {
		return cl_refuse(t, -EBUSY, "%s is on its way", said->vm);
	}
	if (said->state == VMHA_DROLE_GONE) {
		if (role) {
			role_forget(t->st, role);
		}
	} else {
		role = role ? role : role_new(t->st, node->id, said->vm);
		if (!role) {
			return cl_refuse(t, -ENOSPC, "too many roles are away from home");
		}
		role->priority = said->priority;
		if (said->state == VMHA_DROLE_FAILED) {
			role_fail(t, role, said->reason);
		} else {
			role->state = said->state;
			CL_COPY(role->reason, said->reason);
		}
	}
	if (node->drain == VMHA_DRAIN_FAILBACK && roles_of(t->st, node->id) == 0) {
		state_set(t, node, VMHA_DRAIN_OPEN);
	}
	return 0;
}

/* --- moves ---------------------------------------------------------------------------------- */

static unsigned int home_of(const struct vmha_mig *m)
{
	return m->cause == VMHA_CAUSE_FAILBACK ? m->to : m->from;
}

void cl_drain_enqueued(struct cl_turn *t, const struct vmha_mig *m)
{
	unsigned int home = home_of(m);
	struct vmha_drain_role *role = role_find(t->st, home, m->vm);

	if (!role && m->cause == VMHA_CAUSE_DRAIN && vmha_cluster_closed(t->st, home)) {
		role = role_new(t->st, home, m->vm);
		if (role) {
			role->priority = m->priority;
		}
	}
	if (role) {
		role->state = VMHA_DROLE_MOVING;
		role->mig = m->id;
		memset(role->reason, 0, sizeof(role->reason));
	}
}

static void role_ended(struct cl_turn *t, const struct vmha_mig *m)
{
	struct vmha_drain_role *role = role_find(t->st, home_of(m), m->vm);
	const struct vmha_cnode *home = cl_node(t->st, home_of(m));

	if (!role || !home || role->mig != m->id) {
		return;
	}
	if (m->cause == VMHA_CAUSE_FAILBACK) {
		role_forget(t->st, role);
		return;
	}
	if (m->result == VMHA_RESULT_DONE) {
		role->state = VMHA_DROLE_MOVED;
	} else if (role->state == VMHA_DROLE_MOVING || cl_drain_works(home->drain) ||
		   !vmha_cluster_can(t->st, VMHA_CAN_FAILED_ROLE)) {
		role->state = VMHA_DROLE_WAITING;
	}
	CL_COPY(role->reason, m->reason);
}

static void node_goes_on(struct cl_turn *t, unsigned int id)
{
	struct vmha_cnode *node = cl_node(t->st, id);

	if (!node) {
		return;
	}
	if (node->drain == VMHA_DRAIN_FAILBACK && roles_of(t->st, id) == 0) {
		state_set(t, node, VMHA_DRAIN_OPEN);
	} else if (cl_drain_works(node->drain)) {
		cl_drain_pend(t, node);
	}
}

void cl_drain_ended(struct cl_turn *t, const struct vmha_mig *m)
{
	role_ended(t, m);
	node_goes_on(t, m->from);
	node_goes_on(t, m->to);
}

void cl_drain_stuck(struct cl_turn *t, const struct vmha_mig *m)
{
	struct vmha_drain_role *role = role_find(t->st, home_of(m), m->vm);

	if (role && role->mig == m->id && m->cause == VMHA_CAUSE_FAILBACK) {
		role_forget(t->st, role);
	} else if (role && role->mig == m->id) {
		role_fail(t, role, t->ev->mig.reason);
	}
	node_goes_on(t, m->from);
	node_goes_on(t, m->to);
}
