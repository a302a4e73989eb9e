/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/unit/fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/unit.h"

int fixture_apply(struct fixture *f, struct vmha_cevent *event)
{
	const char *law;
	int r;

	event->wall_ms = event->wall_ms ? event->wall_ms : f->now_ms++;
	r = vmha_cluster_apply(f->st, event, &f->fx);
	law = vmha_cluster_check(f->st);
	if (law) {
		unit_fail(law, vmha_cevent_type_name(event->type), 0);
	}
	CHECK_INT(r < 0, *f->fx.error != '\0');
	return r;
}

int fixture_say(struct fixture *f, enum vmha_cevent_type type, unsigned int from)
{
	struct vmha_cevent e = { .type = type, .from = from };

	return fixture_apply(f, &e);
}

int fixture_join(struct fixture *f, unsigned int node)
{
	struct vmha_cevent e = { .type = VMHA_CEVENT_HELLO, .from = node };

	CHECK_INT(fixture_say(f, VMHA_CEVENT_JOINED, node), 0);
	(void)snprintf(e.hello.name, sizeof(e.hello.name), "node%u", node);
	e.hello.proto = VMHA_CLUSTER_PROTO;
	return fixture_apply(f, &e);
}

int fixture_left(struct fixture *f, unsigned int node, enum vmha_leave why)
{
	struct vmha_cevent e = { .type = VMHA_CEVENT_LEFT, .from = node, .leave = why };

	return fixture_apply(f, &e);
}

int fixture_quorum(struct fixture *f, bool quorate)
{
	struct vmha_cevent e = { .type = VMHA_CEVENT_QUORUM };
	unsigned int i;

	e.quorum.quorate = quorate;
	e.quorum.ring_seq = f->st->ring_seq + 1;
	for (i = 0; i < f->st->nodes_count; i++) {
		if (f->st->nodes[i].member) {
			e.from = f->st->nodes[i].id;
			e.quorum.hosts[e.quorum.hosts_count++] = e.from;
		}
	}
	return fixture_apply(f, &e);
}

void fixture_begin(struct fixture *f, unsigned int nodes)
{
	unsigned int i;

	memset(f, 0, sizeof(*f));
	f->st = vmha_cluster_new();
	CHECK(f->st);
	f->now_ms = 1000;
	for (i = 1; i <= nodes; i++) {
		CHECK_INT(fixture_join(f, i), 0);
	}
	CHECK_INT(fixture_quorum(f, true), 0);
}

void fixture_end(struct fixture *f)
{
	vmha_ceffects_clear(&f->fx);
	free(f->st);
	f->st = NULL;
}

static void enqueue_fill(struct vmha_cevent *e, const char *vm, unsigned int from, unsigned int to)
{
	(void)snprintf(e->enqueue.vm, sizeof(e->enqueue.vm), "%s", vm);
	(void)snprintf(e->enqueue.trace, sizeof(e->enqueue.trace), "trace-%s", vm);
	e->enqueue.from = from;
	e->enqueue.to = to;
}

int fixture_enqueue(struct fixture *f, const char *vm, unsigned int from, unsigned int to,
		    int priority)
{
	struct vmha_cevent e = { .type = VMHA_CEVENT_ENQUEUE, .from = from };

	enqueue_fill(&e, vm, from, to);
	e.enqueue.priority = priority;
	return fixture_apply(f, &e);
}

int fixture_mig(struct fixture *f, enum vmha_cevent_type type, unsigned int from, uint64_t id,
		bool ok, enum vmha_mig_result result)
{
	struct vmha_cevent e = { .type = type, .from = from };
	const struct vmha_mig *m = vmha_cluster_mig(f->st, id);

	e.mig.id = id;
	e.mig.ok = ok;
	e.mig.result = result;
	e.mig.agent = m ? m->agent : 0;
	return fixture_apply(f, &e);
}

int fixture_begun(struct fixture *f, const char *vm, unsigned int from, unsigned int to)
{
	struct vmha_cevent e = { .type = VMHA_CEVENT_BEGUN, .from = from };

	enqueue_fill(&e, vm, from, to);
	e.enqueue.cause = VMHA_CAUSE_PACEMAKER;
	e.mig.agent = ++f->agents;
	return fixture_apply(f, &e);
}

int fixture_report(struct fixture *f, uint64_t id, enum vmha_move_state state)
{
	const struct vmha_mig *m = vmha_cluster_mig(f->st, id);
	struct vmha_cevent e = { .type = VMHA_CEVENT_REPORT, .from = m ? m->from : 1 };

	e.mig.id = id;
	e.mig.agent = m ? m->agent : 0;
	e.report.state = state;
	e.report.progress.eta_ms = -1;
	return fixture_apply(f, &e);
}

int fixture_slots(struct fixture *f, const char *slots)
{
	struct vmha_setting_pair pair = { .name = "migration-slots" };
	struct vmha_cevent e = { .type = VMHA_CEVENT_SETTINGS,
				 .from = vmha_cluster_lowest(f->st),
				 .settings = &pair,
				 .settings_count = 1 };

	(void)snprintf(pair.value, sizeof(pair.value), "%s", slots);
	return fixture_apply(f, &e);
}

const struct vmha_ceffect *fixture_effect(const struct fixture *f, enum vmha_ceffect_kind kind)
{
	size_t i;

	for (i = 0; i < f->fx.count; i++) {
		if (f->fx.items[i].kind == kind) {
			return &f->fx.items[i];
		}
	}
	return NULL;
}

enum vmha_mig_phase fixture_phase(const struct fixture *f, uint64_t id)
{
	const struct vmha_mig *m = vmha_cluster_mig(f->st, id);

	return m ? m->phase : VMHA_MIG_PHASES_COUNT;
}

/* --- longer ways ---------------------------------------------------------------------------- */

void fixture_ok(struct fixture *f, enum vmha_cevent_type type, unsigned int from, uint64_t id,
		enum vmha_mig_result result)
{
	CHECK_INT(fixture_mig(f, type, from, id, true, result), 0);
}

uint64_t fixture_enqueued(struct fixture *f, const char *vm, unsigned int from, unsigned int to)
{
	CHECK_INT(fixture_enqueue(f, vm, from, to, 0), 0);
	CHECK(f->fx.mig);
	return f->fx.mig;
}

void fixture_admitted(struct fixture *f, uint64_t id, unsigned int to)
{
	fixture_ok(f, VMHA_CEVENT_CHECKED, to, id, VMHA_RESULT_NONE);
	CHECK_INT(fixture_phase(f, id), VMHA_MIG_ADMITTED);
}

void fixture_copying(struct fixture *f, const char *vm, uint64_t id, unsigned int from,
		     unsigned int to)
{
	fixture_admitted(f, id, to);
	fixture_ok(f, VMHA_CEVENT_HANDED, from, id, VMHA_RESULT_NONE);
	CHECK_INT(fixture_begun(f, vm, from, to), 0);
	CHECK(fixture_effect(f, VMHA_CEFFECT_GO));
	CHECK_INT(fixture_report(f, id, VMHA_MOVE_COPYING), 0);
	CHECK_INT(fixture_phase(f, id), VMHA_MIG_RUNNING);
}

void fixture_ended(struct fixture *f, uint64_t id, unsigned int from, enum vmha_mig_result result)
{
	fixture_ok(f, VMHA_CEVENT_AGENT_END, from, id, result);
	CHECK_INT(fixture_phase(f, id), VMHA_MIG_ENDING);
	fixture_ok(f, VMHA_CEVENT_SETTLED, from, id, result);
	CHECK_INT(fixture_phase(f, id), VMHA_MIG_ENDED);
}
