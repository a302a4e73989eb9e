/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef VMHA_TESTS_FIXTURE_H
#define VMHA_TESTS_FIXTURE_H

#include "lib/core/cluster.h"

/* A cluster of nodes node1 ... nodeN that are there and have quorum. */
struct fixture {
	struct vmha_cluster *st;
	struct vmha_ceffects fx;
	int64_t now_ms;
	uint64_t agents; /* tokens given out */
};

void fixture_begin(struct fixture *f, unsigned int nodes);
void fixture_end(struct fixture *f);

/** Apply, check the laws. @return of vmha_cluster_apply() */
int fixture_apply(struct fixture *f, struct vmha_cevent *event);
/** An event of no more than a type and a sender. */
int fixture_say(struct fixture *f, enum vmha_cevent_type type, unsigned int from);
int fixture_join(struct fixture *f, unsigned int node);
int fixture_left(struct fixture *f, unsigned int node, enum vmha_leave why);
/** All that are members, and @quorate. */
int fixture_quorum(struct fixture *f, bool quorate);
int fixture_enqueue(struct fixture *f, const char *vm, unsigned int from, unsigned int to,
		    int priority);
int fixture_mig(struct fixture *f, enum vmha_cevent_type type, unsigned int from, uint64_t id,
		bool ok, enum vmha_mig_result result);
/** An agent of @from calls; its token is f->agents. */
int fixture_begun(struct fixture *f, const char *vm, unsigned int from, unsigned int to);
int fixture_report(struct fixture *f, uint64_t id, enum vmha_move_state state);
/** Say slots of the cluster. */
int fixture_slots(struct fixture *f, const char *slots);
/** @return the first effect of @kind of the last event, or NULL */
const struct vmha_ceffect *fixture_effect(const struct fixture *f, enum vmha_ceffect_kind kind);
/** As fixture_mig() with a yes; must succeed. */
void fixture_ok(struct fixture *f, enum vmha_cevent_type type, unsigned int from, uint64_t id,
		enum vmha_mig_result result);
/** A move on its way; every step must succeed. @return its id */
uint64_t fixture_enqueued(struct fixture *f, const char *vm, unsigned int from, unsigned int to);
void fixture_admitted(struct fixture *f, uint64_t id, unsigned int to);
void fixture_copying(struct fixture *f, const char *vm, uint64_t id, unsigned int from,
		     unsigned int to);
void fixture_ended(struct fixture *f, uint64_t id, unsigned int from, enum vmha_mig_result result);

/** @return the migration's phase; VMHA_MIG_PHASES_COUNT: there is none */
enum vmha_mig_phase fixture_phase(const struct fixture *f, uint64_t id);

#endif
