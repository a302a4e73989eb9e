/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdio.h>
#include <string.h>

#include "tests/sim/sim.h"

/* A fake of what clusterd does with a drain: look at the state, do the next thing, look again. */

static void role_say(struct sim_task *task, const char *vm, enum vmha_drain_role_state state)
{
	struct vmha_cevent e = { .type = VMHA_CEVENT_DRAIN_ROLE };

	e.drain.node = task->effect.drain_node;
	e.drain.role.state = state;
	(void)snprintf(e.drain.role.vm, sizeof(e.drain.role.vm), "%s", vm);
	order_send(task->sim, task->node, &e);
}

static void state_say(struct sim_task *task, enum vmha_drain_state state)
{
	struct vmha_cevent e = { .type = VMHA_CEVENT_DRAIN_STATE };

	e.drain.node = task->effect.drain_node;
	e.drain.state = state;
	order_send(task->sim, task->node, &e);
}

static void move(struct sim_task *task, const struct vmha_drain_role *role, unsigned int from,
		 unsigned int to, enum vmha_mig_cause cause)
{
	struct vmha_cevent e = { .type = VMHA_CEVENT_ENQUEUE };

	memcpy(e.enqueue.vm, role->vm, sizeof(e.enqueue.vm));
	(void)snprintf(e.enqueue.trace, sizeof(e.enqueue.trace), "d%llu",
		       (unsigned long long)++task->sim->traces);
	e.enqueue.from = from;
	e.enqueue.to = to;
	e.enqueue.cause = cause;
	e.enqueue.priority = role->priority;
	order_send(task->sim, task->node, &e);
}

/* The target of its queued move has no clusterd: another one is wanted. */
static void target_look(struct sim_task *task, const struct vmha_cluster *st,
			const struct vmha_drain_role *role)
{
	const struct vmha_mig *m = vmha_cluster_mig(st, role->mig);
	const struct vmha_cnode *to = m ? vmha_cluster_node(st, m->to) : NULL;
	struct vmha_cevent e = { .type = VMHA_CEVENT_CANCEL };

	if (m && m->phase == VMHA_MIG_QUEUED && !m->agent && to && !to->ready) {
		task->sim->given_up++;
		e.mig.id = m->id;
		e.mig.ok = true;
		order_send(task->sim, task->node, &e);
	}
}

static unsigned int place_of(const struct sim *s, const char *vm)
{
	unsigned int i;

	for (i = 0; i < SIM_VMS; i++) {
		if (strcmp(s->vms[i].name, vm) == 0) {
			return s->vms[i].node;
		}
	}
	return 0;
}

static void closing(struct sim_task *task)
{
	struct sim *s = task->sim;
	unsigned int i;

	for (i = 0; i < SIM_VMS; i++) {
		if (s->vms[i].node == task->effect.drain_node) {
			role_say(task, s->vms[i].name, VMHA_DROLE_WAITING);
		}
	}
	state_say(task, VMHA_DRAIN_DRAINING);
}

static void draining(struct sim_task *task, const struct vmha_cluster *st)
{
	struct sim *s = task->sim;
	unsigned int node = task->effect.drain_node;
	bool left = false;
	bool failed = false;
	unsigned int i;

	for (i = 0; i < st->roles_count; i++) {
		const struct vmha_drain_role *role = &st->roles[i];

		if (role->node != node) {
			continue;
		}
		failed = failed || role->state == VMHA_DROLE_FAILED;
		if (role->state == VMHA_DROLE_MOVING) {
			left = true;
			target_look(task, st, role);
		} else if (role->state == VMHA_DROLE_WAITING) {
			left = true;
			if (place_of(s, role->vm) != node) {
				role_say(task, role->vm, VMHA_DROLE_MOVED);
			} else if (sim_chance(s, 20)) {
				role_say(task, role->vm, VMHA_DROLE_FAILED);
			} else {
				move(task, role, node, 1 + sim_random(s, SIM_NODES),
				     VMHA_CAUSE_DRAIN);
			}
		}
	}
	if (!left) {
		state_say(task, failed ? VMHA_DRAIN_INCOMPLETE : VMHA_DRAIN_DRAINED);
	}
}

static void back(struct sim_task *task, const struct vmha_cluster *st, bool opening)
{
	struct sim *s = task->sim;
	unsigned int node = task->effect.drain_node;
	unsigned int i;

	for (i = 0; i < st->roles_count; i++) {
		const struct vmha_drain_role *role = &st->roles[i];
		unsigned int at = place_of(s, role->vm);

		if (role->node != node || role->state == VMHA_DROLE_MOVING) {
			continue;
		}
		if (role->state != VMHA_DROLE_MOVED || at == node || sim_chance(s, 20)) {
			role_say(task, role->vm, VMHA_DROLE_GONE);
		} else if (!opening && at) {
			move(task, role, at, node, VMHA_CAUSE_FAILBACK);
		}
	}
	if (opening) {
		state_say(task, sim_chance(s, 70) ? VMHA_DRAIN_FAILBACK : VMHA_DRAIN_OPEN);
	}
}

static void work(struct sim_task *task)
{
	struct sim *s = task->sim;
	const struct vmha_cluster *st = s->nodes[task->node].st;
	const struct vmha_cnode *node = vmha_cluster_node(st, task->effect.drain_node);

	if (!node || node->drain_performer != task->node) {
		return;
	}
	switch ((int)node->drain) {
	case VMHA_DRAIN_CLOSING:
		closing(task);
		break;
	case VMHA_DRAIN_DRAINING:
		draining(task, st);
		break;
	default:
		back(task, st, node->drain == VMHA_DRAIN_RESUMING);
	}
	drain_effect(s, task->node, node->id);
}

void drain_effect(struct sim *s, unsigned int node, unsigned int drained)
{
	struct sim_task *task;
	unsigned int i;

	for (i = 0; i < SIM_TASKS_MAX; i++) {
		if (s->tasks[i].used && s->tasks[i].run == work && s->tasks[i].node == node &&
		    s->tasks[i].effect.drain_node == drained) {
			return;
		}
	}
	task = world_task(s, node, 20, work);
	task->effect.drain_node = drained;
	task->due += 10;
}
