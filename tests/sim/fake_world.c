/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdio.h>
#include <string.h>

#include "tests/sim/sim.h"

/* Fake guests, agents and Pacemaker, and what clusterd's drive does with effects. */

static struct sim_vm *vm_named(struct sim *s, const char *name)
{
	unsigned int i;

	for (i = 0; i < SIM_VMS; i++) {
		if (strcmp(s->vms[i].name, name) == 0) {
			return &s->vms[i];
		}
	}
	return NULL;
}

struct sim_task *world_task(struct sim *s, unsigned int node, unsigned int delay,
			    void (*run)(struct sim_task *task))
{
	unsigned int i;

	for (i = 0; i < SIM_TASKS_MAX; i++) {
		struct sim_task *task = &s->tasks[i];

		if (!task->used) {
			memset(task, 0, sizeof(*task));
			task->used = true;
			task->sim = s;
			task->node = node;
			task->due = s->tick + 1 + sim_random(s, delay);
			task->run = run;
			return task;
		}
	}
	sim_fail(s, "too many tasks");
	return &s->tasks[0];
}

static const struct vmha_mig *task_mig(const struct sim_task *task)
{
	return vmha_cluster_mig(task->sim->nodes[task->node].st, task->effect.mig);
}

static void say(struct sim_task *task, enum vmha_cevent_type type, bool ok,
		enum vmha_mig_result result)
{
	struct vmha_cevent e = { .type = type };

	e.mig.id = task->effect.mig;
	e.mig.ok = ok;
	e.mig.result = result;
	order_send(task->sim, task->node, &e);
}

/* --- agents --------------------------------------------------------------------------------- */

static void agent_say(struct sim *s, struct sim_vm *vm, enum vmha_cevent_type type,
		      enum vmha_mig_result result)
{
	struct vmha_cevent e = { .type = type };

	e.mig.id = vm->agent.mig;
	e.mig.agent = vm->agent.token;
	e.mig.result = result;
	e.report.state = vm->agent.state;
	e.stats = (struct vmha_mig_stats){ 1, 1, 1 };
	if (vm->agent.hears) {
		order_send(s, vm->agent.node, &e);
	}
}

void world_agent_begun(struct sim *s, struct sim_vm *vm, bool attach)
{
	struct vmha_cevent e = { .type = VMHA_CEVENT_BEGUN };

	memcpy(e.enqueue.vm, vm->name, sizeof(vm->name));
	(void)snprintf(e.enqueue.trace, sizeof(e.enqueue.trace), "t%llu",
		       (unsigned long long)++s->traces);
	e.enqueue.from = vm->agent.node;
	e.enqueue.to = vm->agent.to;
	e.enqueue.cause = VMHA_CAUSE_PACEMAKER;
	e.mig.agent = ++s->agents;
	e.mig.ok = attach;
	vm->agent.token = s->agents;
	vm->agent.hears = true;
	order_send(s, vm->agent.node, &e);
}

static void agent_exit(struct sim_vm *vm, bool failed)
{
	vm->agent.alive = false;
	vm->blocked = vm->blocked || failed;
}

static void agent_finish(struct sim *s, struct sim_vm *vm)
{
	unsigned int dice = sim_random(s, 10);

	if (dice < 7) {
		vm->node = vm->agent.to;
		vm->agent.state = VMHA_MOVE_HANDOFF;
		agent_say(s, vm, VMHA_CEVENT_AGENT_END, VMHA_RESULT_DONE);
		agent_exit(vm, false);
	} else {
		/* nobody knows; it went over or not */
		vm->node = dice == 7 ? vm->agent.to : vm->node;
		agent_say(s, vm, VMHA_CEVENT_AGENT_END, VMHA_RESULT_UNSURE);
		agent_exit(vm, true);
	}
}

static void agent_step(struct sim_task *task)
{
	struct sim *s = task->sim;
	struct sim_vm *vm = &s->vms[task->vm];
	struct sim_agent *a = &vm->agent;

	if (!a->alive || a->state == VMHA_MOVE_QUEUED) {
		return;
	}
	if (a->state == VMHA_MOVE_SWITCHOVER) {
		agent_finish(s, vm);
		return;
	}
	if (a->abort || !s->nodes[a->to].host || sim_chance(s, s->quiet ? 2 : 6)) {
		agent_say(s, vm, VMHA_CEVENT_AGENT_END, VMHA_RESULT_KEPT);
		agent_exit(vm, true);
		return;
	}
	if (a->state == VMHA_MOVE_COPYING) {
		a->state = sim_chance(s, 40) ? VMHA_MOVE_SWITCHOVER : VMHA_MOVE_COPYING;
	} else {
		a->state =
			a->state == VMHA_MOVE_CONNECTING ? VMHA_MOVE_COPYING : VMHA_MOVE_CONNECTING;
	}
	agent_say(s, vm, VMHA_CEVENT_REPORT, VMHA_RESULT_NONE);
	task = world_task(s, a->node, 8, agent_step);
	task->agents = true;
	task->vm = (unsigned int)(vm - s->vms);
}

static void agent_wait_over(struct sim_task *task)
{
	struct sim_vm *vm = &task->sim->vms[task->vm];

	if (vm->agent.alive && vm->agent.token == task->effect.agent &&
	    vm->agent.state == VMHA_MOVE_QUEUED && vm->agent.mig == 0) {
		const struct vmha_mig *m =
			vmha_cluster_mig_of(task->sim->nodes[task->node].st, vm->name);

		if (m && m->agent == vm->agent.token) {
			vm->agent.mig = m->id;
			agent_say(task->sim, vm, VMHA_CEVENT_EXPIRED, VMHA_RESULT_NONE);
			vm->agent.mig = 0;
		}
		task = world_task(task->sim, task->node, 10, agent_wait_over);
		task->effect.agent = vm->agent.token;
		task->vm = (unsigned int)(vm - task->sim->vms);
	}
}

void world_agent_start(struct sim *s, struct sim_vm *vm, unsigned int to)
{
	struct sim_task *task;
	unsigned int node = vm->node;

	if (!node || node == to || vm->agent.alive || vm->blocked || !s->nodes[node].host) {
		return;
	}
	if (!s->nodes[node].clusterd) {
		vm->blocked = true; /* no clusterd: it refuses to migrate */
		return;
	}
	memset(&vm->agent, 0, sizeof(vm->agent));
	vm->agent.alive = true;
	vm->agent.node = node;
	vm->agent.to = to;
	vm->agent.state = VMHA_MOVE_QUEUED;
	world_agent_begun(s, vm, false);
	task = world_task(s, node, 30, agent_wait_over);
	task->effect.agent = vm->agent.token;
	task->vm = (unsigned int)(vm - s->vms);
}

void world_agent_kill(struct sim *s, struct sim_vm *vm)
{
	if (!vm->agent.alive) {
		return;
	}
	/* libvirt's job goes on */
	vm->job = vm->agent.state != VMHA_MOVE_QUEUED;
	vm->job_to = vm->agent.to;
	if (vm->agent.hears && !vm->agent.mig) {
		const struct vmha_mig *m =
			vmha_cluster_mig_of(s->nodes[vm->agent.node].st, vm->name);

		vm->agent.mig = m && m->agent == vm->agent.token ? m->id : 0;
	}
	if (vm->agent.mig) {
		agent_say(s, vm, VMHA_CEVENT_AGENT_LOST, VMHA_RESULT_NONE);
		agent_exit(vm, true);
	}
}

static void agent_go(struct sim *s, const struct vmha_ceffect *effect)
{
	unsigned int i;

	for (i = 0; i < SIM_VMS; i++) {
		struct sim_vm *vm = &s->vms[i];
		struct sim_task *task;

		if (!vm->agent.alive || vm->agent.token != effect->agent) {
			continue;
		}
		vm->agent.mig = effect->mig;
		if (vm->agent.state == VMHA_MOVE_QUEUED) {
			vm->agent.state = VMHA_MOVE_PREPARING;
			task = world_task(s, vm->agent.node, 5, agent_step);
			task->agents = true;
			task->vm = i;
		}
	}
}

static void agent_told(struct sim *s, const struct vmha_ceffect *effect)
{
	unsigned int i;

	for (i = 0; i < SIM_VMS; i++) {
		struct sim_vm *vm = &s->vms[i];

		if (!vm->agent.alive || vm->agent.token != effect->agent) {
			continue;
		}
		if (effect->kind == VMHA_CEFFECT_REFUSE) {
			agent_exit(vm, true);
		} else {
			vm->agent.abort = true;
		}
	}
}

/* --- effects -------------------------------------------------------------------------------- */

static void do_check(struct sim_task *task)
{
	say(task, VMHA_CEVENT_CHECKED, sim_chance(task->sim, 90), VMHA_RESULT_NONE);
}

/* Pacemaker acts on a constraint, unless it does not. */
static void do_pacemaker(struct sim_task *task)
{
	struct sim_vm *vm = &task->sim->vms[task->vm];

	if (vm->constraint && sim_chance(task->sim, 90)) {
		world_agent_start(task->sim, vm, vm->constraint);
	}
}

/* ... as its source finds out. */
static void do_give_up(struct sim_task *task)
{
	const struct vmha_mig *m = task_mig(task);

	if (m && m->phase == VMHA_MIG_ADMITTED) {
		say(task, VMHA_CEVENT_HANDED, false, VMHA_RESULT_NONE);
	}
}

static void do_hand_over(struct sim_task *task)
{
	struct sim *s = task->sim;
	const struct vmha_mig *m = task_mig(task);
	struct sim_vm *vm = m ? vm_named(s, m->vm) : NULL;
	unsigned int index;

	if (!vm || m->phase != VMHA_MIG_ADMITTED) {
		return;
	}
	if (task->node != m->from) { /* clusterd of the source does not come back */
		say(task, VMHA_CEVENT_HANDED, false, VMHA_RESULT_NONE);
		return;
	}
	if (vm->node != m->from || vm->blocked || sim_chance(s, 5)) {
		say(task, VMHA_CEVENT_HANDED, false, VMHA_RESULT_NONE);
		return;
	}
	vm->constraint = m->to;
	index = (unsigned int)(vm - s->vms);
	say(task, VMHA_CEVENT_HANDED, true, VMHA_RESULT_NONE);
	world_task(s, task->node, 10, do_pacemaker)->vm = index;
	{
		struct sim_task *later = world_task(s, task->node, 10, do_give_up);

		later->effect = task->effect;
		later->due += 40;
	}
}

static void do_adopt(struct sim_task *task)
{
	const struct vmha_mig *m = task_mig(task);
	struct sim_vm *vm = m ? vm_named(task->sim, m->vm) : NULL;

	if (!vm || m->pending != VMHA_CEFFECT_ADOPT || m->performer != task->node) {
		return;
	}
	if (vm->agent.alive && vm->agent.node == task->node) {
		world_agent_begun(task->sim, vm, true);
	} else if (vm->agent.alive) { /* Pacemaker says that its action runs */
		world_task(task->sim, task->node, 12, do_adopt)->effect = task->effect;
	} else {
		say(task, VMHA_CEVENT_AGENT_LOST, false, VMHA_RESULT_NONE);
	}
}

/* Evidence; the job that nobody followed ends one way or the other. */
static void do_settle(struct sim_task *task)
{
	struct sim *s = task->sim;
	const struct vmha_mig *m = task_mig(task);
	struct sim_vm *vm = m ? vm_named(s, m->vm) : NULL;

	if (!vm || m->phase != VMHA_MIG_ENDING || m->performer != task->node) {
		return;
	}
	if (vm->hopeless && !s->repaired) {
		s->stuck++;
		say(task, VMHA_CEVENT_SETTLED, true, VMHA_RESULT_NONE);
		world_task(s, task->node, 20, do_settle)->effect = task->effect;
		return;
	}
	vm->constraint = 0;
	if (vm->agent.alive && !vm->agent.hears) {
		agent_exit(vm, true); /* its clusterd had forgotten it: it is stopped */
		vm->job = false;
	}
	if (vm->job && vm->node == m->from && s->nodes[vm->job_to].host && sim_chance(s, 50)) {
		vm->node = vm->job_to;
	}
	vm->job = false;
	vm->blocked = false;
	say(task, VMHA_CEVENT_SETTLED, true,
	    vm->node == m->to	  ? VMHA_RESULT_DONE
	    : vm->node == m->from ? VMHA_RESULT_KEPT
				  : VMHA_RESULT_LOST);
}

static void do_watch(struct sim_task *task)
{
	struct vmha_cevent e = { .type = VMHA_CEVENT_RELEASE,
				 .disturbance = task->effect.disturbance };

	order_send(task->sim, task->node, &e);
}

static bool under_way(const struct sim *s, unsigned int node, const struct vmha_ceffect *effect)
{
	unsigned int i;

	for (i = 0; i < SIM_TASKS_MAX; i++) {
		const struct sim_task *task = &s->tasks[i];

		if (task->used && !task->agents && task->node == node &&
		    task->effect.kind == effect->kind && effect->kind != VMHA_CEFFECT_NONE &&
		    task->effect.mig == effect->mig && task->run != do_give_up &&
		    task->effect.disturbance == effect->disturbance) {
			return true;
		}
	}
	return false;
}

void world_effect(struct sim *s, unsigned int node, const struct vmha_ceffect *effect)
{
	static void (*const actions[VMHA_CEFFECTS_COUNT])(struct sim_task * task) = {
		[VMHA_CEFFECT_CHECK] = do_check,  [VMHA_CEFFECT_HAND_OVER] = do_hand_over,
		[VMHA_CEFFECT_ADOPT] = do_adopt,  [VMHA_CEFFECT_SETTLE] = do_settle,
		[VMHA_CEFFECT_CLEAR] = do_settle, [VMHA_CEFFECT_WATCH] = do_watch,
	};

	if (effect->kind == VMHA_CEFFECT_GO) {
		agent_go(s, effect);
	} else if (effect->kind == VMHA_CEFFECT_REFUSE || effect->kind == VMHA_CEFFECT_ABORT) {
		agent_told(s, effect);
	} else if (effect->kind == VMHA_CEFFECT_DRAIN) {
		drain_effect(s, node, effect->drain_node);
	} else if (actions[effect->kind] && !under_way(s, node, effect)) {
		world_task(s, node, effect->kind == VMHA_CEFFECT_WATCH ? 60 : 12,
			   actions[effect->kind])
			->effect = *effect;
	}
}

/* --- losses --------------------------------------------------------------------------------- */

void world_clusterd_lost(struct sim *s, unsigned int node)
{
	unsigned int i;

	for (i = 0; i < SIM_TASKS_MAX; i++) {
		if (s->tasks[i].node == node && !s->tasks[i].agents) {
			s->tasks[i].used = false;
		}
	}
	for (i = 0; i < SIM_VMS; i++) {
		struct sim_vm *vm = &s->vms[i];

		if (vm->agent.alive && vm->agent.node == node) {
			vm->agent.hears = false;
			if (vm->agent.state == VMHA_MOVE_QUEUED) {
				agent_exit(vm, true); /* it waited for an answer */
			}
		}
	}
}

/* Pacemaker starts again what was lost. */
static void recover(struct sim_task *task)
{
	struct sim *s = task->sim;
	struct sim_vm *vm = &s->vms[task->vm];
	unsigned int n = 1 + sim_random(s, SIM_NODES);
	unsigned int index = task->vm;

	if (vm->node) {
		return;
	}
	if (s->nodes[n].host) {
		vm->node = n;
	} else {
		task = world_task(s, 0, 10, recover);
		task->vm = index;
	}
}

void world_host_lost(struct sim *s, unsigned int node)
{
	unsigned int i;

	for (i = 0; i < SIM_TASKS_MAX; i++) {
		if (s->tasks[i].node == node) {
			s->tasks[i].used = false;
		}
	}
	for (i = 0; i < SIM_VMS; i++) {
		struct sim_vm *vm = &s->vms[i];

		if (vm->agent.alive && vm->agent.node == node) {
			vm->agent.alive = false;
		}
		if (vm->node == node) {
			vm->node = 0;
			vm->blocked = false;
			vm->job = false;
			world_task(s, 0, 30, recover)->vm = i;
		}
	}
}

/* A blocked role without a record is healed by whoever sees it first. */
static void heal(struct sim *s)
{
	unsigned int i;

	for (i = 0; i < SIM_VMS; i++) {
		struct sim_vm *vm = &s->vms[i];

		if (vm->blocked && !vm->agent.alive &&
		    !vmha_cluster_mig_of(s->reference, vm->name)) {
			vm->blocked = false;
			vm->constraint = 0;
		}
	}
}

void world_refused(struct sim *s, const struct vmha_cevent *event)
{
	unsigned int i;

	for (i = 0; i < SIM_VMS; i++) {
		if (s->vms[i].agent.alive && s->vms[i].agent.token == event->mig.agent) {
			agent_exit(&s->vms[i], true);
		}
	}
}

void world_tick(struct sim *s)
{
	unsigned int i;

	if (s->tick % 16 == 0) {
		heal(s);
	}
	for (i = 0; i < SIM_TASKS_MAX && !s->failed; i++) {
		if (s->tasks[i].used && s->tasks[i].due <= s->tick) {
			struct sim_task task = s->tasks[i];

			s->tasks[i].used = false;
			task.run(&task);
		}
	}
}

/*
 * A move that began on the node whose clusterd is away waits for it, and so do those that need its
 * places: a copy may run there.  So does a user's own move to it from a node that takes roles.
 */
static bool waits_for_dark(const struct sim *s, const struct vmha_cnode *home)
{
	const struct vmha_cluster *st = s->reference;
	unsigned int i;

	for (i = 0; i < st->migs_count; i++) {
		const struct vmha_mig *m = &st->migs[i];
		bool comes = m->cause == VMHA_CAUSE_FAILBACK && m->to == home->id;
		bool leaves = home->drain == VMHA_DRAIN_FAILBACK && m->from == home->id;

		if (m->phase != VMHA_MIG_ENDED &&
		    ((m->from == s->dark && (m->slot || comes)) || (m->to == s->dark && leaves))) {
			return true;
		}
	}
	return false;
}

const char *world_leftover_unrepaired(const struct sim *s)
{
	const struct vmha_cluster *st = s->reference;
	unsigned int i;

	for (i = 0; i < st->nodes_count; i++) {
		/* not: no clusterd, taken out, or without its name until a move of the old one ends
		 */
		if (st->nodes[i].drain_performer && st->nodes[i].ready &&
		    !waits_for_dark(s, &st->nodes[i])) {
			return "a drain waits for what nobody repairs";
		}
	}
	return st->disturbance ? "a recovery does not end" : NULL;
}

const char *world_leftover(const struct sim *s)
{
	const struct vmha_cluster *st = s->reference;
	unsigned int i;

	for (i = 0; i < st->migs_count; i++) {
		if (st->migs[i].phase != VMHA_MIG_ENDED) {
			return "a migration does not end";
		}
	}
	for (i = 0; i < SIM_VMS; i++) {
		if (s->vms[i].agent.alive) {
			return "an agent does not end";
		}
		if (s->vms[i].blocked) {
			return "a role stays blocked";
		}
	}
	if (st->nodes_count != SIM_HOSTS) {
		return "a node that was taken out is not forgotten";
	}
	for (i = 0; i < st->nodes_count; i++) {
		if (!st->nodes[i].ready) {
			return "a node does not become ready";
		}
		if (vmha_cluster_slots_used(st, st->nodes[i].id)) {
			return "a slot leaks";
		}
		if (st->nodes[i].drain_performer) {
			return "a drain does not end";
		}
	}
	return st->disturbance ? "a recovery does not end" : NULL;
}
