/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/core/cluster.h"
#include "tests/unit/fixture.h"
#include "tests/unit/unit.h"

static void a_move_from_end_to_end(void)
{
	struct fixture f;
	const struct vmha_mig *m;
	uint64_t id;

	fixture_begin(&f, 3);
	id = fixture_enqueued(&f, "web", 1, 2);
	CHECK_INT(fixture_effect(&f, VMHA_CEFFECT_CHECK)->node, 2);
	CHECK_HAS(fixture_effect(&f, VMHA_CEFFECT_JOURNAL)->journal.text, "web");
	fixture_ok(&f, VMHA_CEVENT_CHECKED, 2, id, VMHA_RESULT_NONE);
	CHECK_INT(fixture_effect(&f, VMHA_CEFFECT_HAND_OVER)->node, 1);
	CHECK_INT(fixture_effect(&f, VMHA_CEFFECT_HAND_OVER)->mig, id);
	fixture_ok(&f, VMHA_CEVENT_HANDED, 1, id, VMHA_RESULT_NONE);
	CHECK_INT(fixture_begun(&f, "web", 1, 2), 0);
	CHECK_INT(f.fx.mig, id);
	CHECK_INT(fixture_effect(&f, VMHA_CEFFECT_GO)->agent, f.agents);
	CHECK_INT(vmha_cluster_slots_used(f.st, 1), 1);
	CHECK_INT(vmha_cluster_slots_used(f.st, 2), 1);
	CHECK_INT(vmha_cluster_slots_used(f.st, 3), 0);
	fixture_ok(&f, VMHA_CEVENT_AGENT_END, 1, id, VMHA_RESULT_DONE);
	CHECK_INT(fixture_effect(&f, VMHA_CEFFECT_CLEAR)->node, 1);
	CHECK_INT(vmha_cluster_slots_used(f.st, 1), 1);
	fixture_ok(&f, VMHA_CEVENT_SETTLED, 1, id, VMHA_RESULT_DONE);
	m = vmha_cluster_mig(f.st, id);
	CHECK_INT(m->result, VMHA_RESULT_DONE);
	CHECK_INT(m->state, VMHA_MOVE_DONE);
	CHECK(m->enqueued_ms && m->begun_ms && m->ended_ms);
	CHECK_INT(vmha_cluster_slots_used(f.st, 1), 0);
	CHECK(!vmha_cluster_mig_of(f.st, "web"));
	CHECK(vmha_cluster_mig_by_trace(f.st, "trace-web") == m);
	fixture_end(&f);
}

static void what_is_refused(void)
{
	struct fixture f;
	uint64_t id;

	fixture_begin(&f, 3);
	CHECK_INT(fixture_enqueue(&f, "../etc", 1, 2, 0), -EINVAL);
	CHECK_INT(fixture_enqueue(&f, "web", 1, 1, 0), -EINVAL);
	CHECK_INT(fixture_enqueue(&f, "web", 1, 9, 0), -EHOSTDOWN);
	id = fixture_enqueued(&f, "web", 1, 2);
	CHECK_INT(fixture_enqueue(&f, "web", 1, 3, 0), -EEXIST);
	CHECK_INT(f.fx.mig, id);
	CHECK_HAS(f.fx.error, "node2");
	CHECK_INT(fixture_mig(&f, VMHA_CEVENT_CHECKED, 3, id, true, VMHA_RESULT_NONE), -EPERM);
	CHECK_INT(fixture_mig(&f, VMHA_CEVENT_CHECKED, 9, id, true, VMHA_RESULT_NONE), -EPERM);
	CHECK_INT(fixture_mig(&f, VMHA_CEVENT_CHECKED, 2, 99, true, VMHA_RESULT_NONE), -ENOENT);
	CHECK_INT(fixture_mig(&f, VMHA_CEVENT_CANCEL, 2, 99, true, VMHA_RESULT_NONE), -ENOENT);
	CHECK_INT(fixture_mig(&f, VMHA_CEVENT_SETTLED, 1, id, true, VMHA_RESULT_SAVED), -EINVAL);
	CHECK_INT(fixture_quorum(&f, false), 0);
	CHECK_INT(fixture_enqueue(&f, "db", 1, 2, 0), -ENOLINK);
	fixture_end(&f);
}

/* A new DC repeats migrate_to: the newer agent counts, the older one's end does not. */
static void a_repeated_action_attaches(void)
{
	struct fixture f;
	struct vmha_cevent lost = { .type = VMHA_CEVENT_AGENT_LOST, .from = 1 };
	uint64_t id;

	fixture_begin(&f, 2);
	id = fixture_enqueued(&f, "web", 1, 2);
	fixture_copying(&f, "web", id, 1, 2);
	lost.mig.id = id;
	lost.mig.agent = f.agents;
	CHECK_INT(fixture_begun(&f, "web", 1, 2), 0);
	CHECK_INT(f.fx.mig, id);
	CHECK_INT(fixture_effect(&f, VMHA_CEFFECT_GO)->agent, f.agents);
	CHECK_INT(vmha_cluster_mig(f.st, id)->state, VMHA_MOVE_COPYING);
	CHECK_INT(fixture_apply(&f, &lost), -ESTALE);
	fixture_ended(&f, id, 1, VMHA_RESULT_DONE);
	fixture_end(&f);
}

/* ... while it is settled: refused, and settled once more since the refusal blocks the role. */
static void an_agent_amid_the_settling_settles_again(void)
{
	struct fixture f;
	uint64_t id;

	fixture_begin(&f, 2);
	id = fixture_enqueued(&f, "web", 1, 2);
	fixture_copying(&f, "web", id, 1, 2);
	fixture_ok(&f, VMHA_CEVENT_AGENT_END, 1, id, VMHA_RESULT_KEPT);
	CHECK_INT(fixture_begun(&f, "web", 1, 2), 0);
	CHECK_INT(fixture_effect(&f, VMHA_CEFFECT_REFUSE)->agent, f.agents);
	fixture_ok(&f, VMHA_CEVENT_SETTLED, 1, id, VMHA_RESULT_KEPT);
	CHECK(fixture_effect(&f, VMHA_CEFFECT_SETTLE));
	CHECK_INT(fixture_phase(&f, id), VMHA_MIG_ENDING);
	fixture_ok(&f, VMHA_CEVENT_SETTLED, 1, id, VMHA_RESULT_KEPT);
	CHECK_INT(fixture_phase(&f, id), VMHA_MIG_ENDED);
	fixture_end(&f);
}

/* ... to another node: a standby that cannot be withdrawn would block it for ever. */
static void an_agent_to_elsewhere_ends_what_is_settled(void)
{
	struct fixture f;
	uint64_t id;
	uint64_t other;

	fixture_begin(&f, 3);
	id = fixture_enqueued(&f, "web", 1, 2);
	fixture_copying(&f, "web", id, 1, 2);
	fixture_ok(&f, VMHA_CEVENT_AGENT_END, 1, id, VMHA_RESULT_KEPT);
	CHECK_INT(fixture_begun(&f, "web", 1, 3), 0);
	CHECK(!fixture_effect(&f, VMHA_CEFFECT_REFUSE));
	other = f.fx.mig;
	CHECK(other != id);
	CHECK_INT(vmha_cluster_mig(f.st, id)->result, VMHA_RESULT_KEPT);
	CHECK_INT(fixture_phase(&f, other), VMHA_MIG_QUEUED);
	/* what heal says now is late */
	CHECK_INT(fixture_mig(&f, VMHA_CEVENT_SETTLED, 1, id, true, VMHA_RESULT_KEPT), -EPROTO);
	fixture_ok(&f, VMHA_CEVENT_CHECKED, 3, other, VMHA_RESULT_NONE);
	CHECK_INT(fixture_effect(&f, VMHA_CEFFECT_GO)->agent, f.agents);
	fixture_ended(&f, other, 1, VMHA_RESULT_DONE);
	fixture_end(&f);
}

static void pacemakers_own_move_is_checked_and_goes(void)
{
	struct fixture f;
	const struct vmha_mig *m;

	fixture_begin(&f, 2);
	CHECK_INT(fixture_begun(&f, "web", 1, 2), 0);
	CHECK(!fixture_effect(&f, VMHA_CEFFECT_GO));
	CHECK_INT(fixture_effect(&f, VMHA_CEFFECT_CHECK)->node, 2);
	fixture_ok(&f, VMHA_CEVENT_CHECKED, 2, f.fx.mig, VMHA_RESULT_NONE);
	CHECK(fixture_effect(&f, VMHA_CEFFECT_GO));
	m = vmha_cluster_mig_of(f.st, "web");
	CHECK_INT(m->cause, VMHA_CAUSE_PACEMAKER);
	CHECK_INT(m->phase, VMHA_MIG_RUNNING);
	fixture_end(&f);
}

static void pacemakers_own_move_is_refused_and_healed(void)
{
	struct fixture f;
	uint64_t id;

	fixture_begin(&f, 2);
	CHECK_INT(fixture_begun(&f, "web", 1, 2), 0);
	id = f.fx.mig;
	CHECK_INT(fixture_mig(&f, VMHA_CEVENT_CHECKED, 2, id, false, VMHA_RESULT_NONE), 0);
	CHECK(fixture_effect(&f, VMHA_CEFFECT_REFUSE));
	CHECK_INT(fixture_effect(&f, VMHA_CEFFECT_SETTLE)->node, 1);
	CHECK_INT(vmha_cluster_slots_used(f.st, 1), 0);
	fixture_ok(&f, VMHA_CEVENT_SETTLED, 1, id, VMHA_RESULT_KEPT);
	CHECK_INT(fixture_phase(&f, id), VMHA_MIG_ENDED);
	/* nowhere to ask: refused at once, healed all the same */
	CHECK_INT(fixture_left(&f, 2, VMHA_LEAVE_PROCDOWN), 0);
	CHECK_INT(fixture_begun(&f, "web", 1, 2), 0);
	CHECK_HAS(fixture_effect(&f, VMHA_CEFFECT_REFUSE)->text, "node2");
	CHECK(fixture_effect(&f, VMHA_CEFFECT_SETTLE));
	fixture_end(&f);
}

static void pacemaker_tries_again_while_its_role_is_healed(void)
{
	struct fixture f;
	uint64_t blocker;
	uint64_t id;

	fixture_begin(&f, 3);
	blocker = fixture_enqueued(&f, "blocker", 1, 3);
	fixture_copying(&f, "blocker", blocker, 1, 3);
	CHECK_INT(fixture_begun(&f, "web", 1, 2), 0);
	id = f.fx.mig;
	fixture_ok(&f, VMHA_CEVENT_CHECKED, 2, id, VMHA_RESULT_NONE);
	fixture_ok(&f, VMHA_CEVENT_EXPIRED, 1, id, VMHA_RESULT_NONE);
	CHECK(fixture_effect(&f, VMHA_CEFFECT_REFUSE) && fixture_effect(&f, VMHA_CEFFECT_SETTLE));
	/* a node in standby: as soon as it may, Pacemaker calls again */
	CHECK_INT(fixture_begun(&f, "web", 1, 2), 0);
	CHECK(!fixture_effect(&f, VMHA_CEFFECT_REFUSE));
	CHECK_INT(fixture_phase(&f, id), VMHA_MIG_QUEUED);
	CHECK_INT(vmha_cluster_mig(f.st, id)->agent, f.agents);
	CHECK_INT(fixture_mig(&f, VMHA_CEVENT_SETTLED, 1, id, true, VMHA_RESULT_KEPT), -EPROTO);
	fixture_ok(&f, VMHA_CEVENT_CHECKED, 2, id, VMHA_RESULT_NONE);
	fixture_ended(&f, blocker, 1, VMHA_RESULT_DONE);
	CHECK_INT(fixture_effect(&f, VMHA_CEFFECT_GO)->agent, f.agents);
	CHECK_INT(fixture_phase(&f, id), VMHA_MIG_RUNNING);
	fixture_end(&f);
}

static void pacemaker_calls_before_the_hand_over_is_told(void)
{
	struct fixture f;
	uint64_t id;

	fixture_begin(&f, 2);
	id = fixture_enqueued(&f, "web", 1, 2);
	fixture_admitted(&f, id, 2);
	CHECK(!vmha_cluster_mig(f.st, id)->handed);
	CHECK_INT(fixture_begun(&f, "web", 1, 2), 0);
	CHECK(vmha_cluster_mig(f.st, id)->handed); /* else its constraint were left for ever */
	fixture_ok(&f, VMHA_CEVENT_HANDED, 1, id, VMHA_RESULT_NONE);
	CHECK_INT(fixture_phase(&f, id), VMHA_MIG_RUNNING);
	fixture_end(&f);
}

static void a_recovery_comes_first(void)
{
	struct fixture f;
	struct vmha_cevent release = { .type = VMHA_CEVENT_RELEASE, .from = 1 };
	uint64_t id;
	uint64_t late;

	fixture_begin(&f, 5);
	id = fixture_enqueued(&f, "web", 1, 2);
	fixture_copying(&f, "web", id, 1, 2);
	late = fixture_enqueued(&f, "db", 3, 4);
	fixture_copying(&f, "db", late, 3, 4);
	CHECK_INT(fixture_report(&f, late, VMHA_MOVE_SWITCHOVER), 0);
	CHECK_INT(fixture_left(&f, 5, VMHA_LEAVE_NODEDOWN), 0);
	CHECK_INT(fixture_effect(&f, VMHA_CEFFECT_ABORT)->mig, id);
	CHECK(vmha_cluster_mig(f.st, id)->preempted);
	CHECK(!vmha_cluster_mig(f.st, late)->preempted);
	CHECK_INT(fixture_effect(&f, VMHA_CEFFECT_WATCH)->node, 1);
	release.disturbance = fixture_effect(&f, VMHA_CEFFECT_WATCH)->disturbance;
	CHECK_INT(fixture_quorum(&f, true), 0);
	fixture_ok(&f, VMHA_CEVENT_AGENT_END, 1, id, VMHA_RESULT_KEPT);
	fixture_ok(&f, VMHA_CEVENT_SETTLED, 1, id, VMHA_RESULT_KEPT);
	CHECK_INT(fixture_phase(&f, id), VMHA_MIG_QUEUED);
	CHECK(vmha_cluster_mig(f.st, id)->held);
	fixture_ended(&f, late, 3, VMHA_RESULT_DONE);
	release.from = 2;
	CHECK_INT(fixture_apply(&f, &release), -EPERM);
	release.from = 1;
	release.disturbance++;
	CHECK_INT(fixture_apply(&f, &release), -ESTALE);
	release.disturbance--;
	CHECK_INT(fixture_apply(&f, &release), 0);
	CHECK_INT(fixture_phase(&f, id), VMHA_MIG_CHECKING);
	fixture_end(&f);
}

/* A cancelled move that a recovery broke off does not come back. */
static void a_cancelled_move_is_not_queued_again(void)
{
	struct fixture f;
	uint64_t id;

	fixture_begin(&f, 3);
	id = fixture_enqueued(&f, "web", 1, 2);
	fixture_copying(&f, "web", id, 1, 2);
	CHECK_INT(fixture_say(&f, VMHA_CEVENT_DISTURBED, 3), 0);
	fixture_ok(&f, VMHA_CEVENT_CANCEL, 3, id, VMHA_RESULT_NONE);
	CHECK(!fixture_effect(&f, VMHA_CEFFECT_ABORT)); /* it has been told */
	fixture_ok(&f, VMHA_CEVENT_CANCEL, 3, id, VMHA_RESULT_NONE);
	fixture_ended(&f, id, 1, VMHA_RESULT_KEPT);
	CHECK_INT(vmha_cluster_mig(f.st, id)->result, VMHA_RESULT_KEPT);
	CHECK_HAS(vmha_cluster_mig(f.st, id)->reason, "cancelled");
	fixture_end(&f);
}

/* A source that is lost while its clusterd was away already. */
static void a_substitute_settles(void)
{
	struct fixture f;
	uint64_t id;

	fixture_begin(&f, 4);
	id = fixture_enqueued(&f, "web", 2, 3);
	fixture_copying(&f, "web", id, 2, 3);
	CHECK_INT(fixture_left(&f, 2, VMHA_LEAVE_PROCDOWN), 0);
	CHECK_INT(vmha_cluster_mig(f.st, id)->pending, VMHA_CEFFECT_ADOPT);
	CHECK_INT(vmha_cluster_mig(f.st, id)->performer, 1);
	CHECK_INT(fixture_quorum(&f, true), 0);
	CHECK_INT(fixture_effect(&f, VMHA_CEFFECT_SETTLE)->node, 1);
	CHECK_INT(fixture_mig(&f, VMHA_CEVENT_SETTLED, 3, id, true, VMHA_RESULT_LOST), -EPERM);
	CHECK_INT(fixture_left(&f, 1, VMHA_LEAVE_PROCDOWN), 0);
	CHECK_INT(fixture_effect(&f, VMHA_CEFFECT_SETTLE)->node, 3);
	fixture_ok(&f, VMHA_CEVENT_SETTLED, 3, id, VMHA_RESULT_LOST);
	CHECK_INT(vmha_cluster_mig(f.st, id)->result, VMHA_RESULT_LOST);
	fixture_end(&f);
}

/* clusterd of the source is away for long while its host is up. */
static void another_node_ends_what_a_stopped_clusterd_left(void)
{
	struct fixture f;
	uint64_t id;

	fixture_begin(&f, 3);
	id = fixture_enqueued(&f, "web", 2, 3);
	fixture_copying(&f, "web", id, 2, 3);
	CHECK_INT(fixture_left(&f, 2, VMHA_LEAVE_LEFT), 0);
	CHECK_INT(fixture_effect(&f, VMHA_CEFFECT_ADOPT)->node, 1);
	/* not the word of just anybody */
	CHECK_INT(fixture_mig(&f, VMHA_CEVENT_AGENT_LOST, 3, id, false, VMHA_RESULT_NONE), -EPERM);
	fixture_ok(&f, VMHA_CEVENT_AGENT_LOST, 1, id, VMHA_RESULT_NONE);
	CHECK_INT(fixture_effect(&f, VMHA_CEFFECT_SETTLE)->node, 1);
	/* what is settled already is not begun anew */
	CHECK_INT(fixture_join(&f, 2), 0);
	CHECK(!fixture_effect(&f, VMHA_CEFFECT_SETTLE));
	CHECK_INT(fixture_mig(&f, VMHA_CEVENT_SETTLED, 2, id, true, VMHA_RESULT_KEPT), -EPERM);
	fixture_ok(&f, VMHA_CEVENT_SETTLED, 1, id, VMHA_RESULT_KEPT);
	CHECK_INT(fixture_phase(&f, id), VMHA_MIG_ENDED);
	CHECK_INT(vmha_cluster_slots_used(f.st, 2), 0);
	fixture_end(&f);
}

static void what_is_handed_over_is_called_off_by_a_substitute(void)
{
	struct fixture f;
	uint64_t id;

	fixture_begin(&f, 3);
	id = fixture_enqueued(&f, "web", 2, 3);
	fixture_ok(&f, VMHA_CEVENT_CHECKED, 3, id, VMHA_RESULT_NONE);
	CHECK_INT(fixture_left(&f, 2, VMHA_LEAVE_LEFT), 0);
	CHECK_INT(fixture_effect(&f, VMHA_CEFFECT_HAND_OVER)->node, 1);
	/* back in time: it goes on with it */
	CHECK_INT(fixture_join(&f, 2), 0);
	CHECK_INT(fixture_effect(&f, VMHA_CEFFECT_HAND_OVER)->node, 2);
	CHECK_INT(fixture_mig(&f, VMHA_CEVENT_HANDED, 1, id, false, VMHA_RESULT_NONE), -EPERM);
	CHECK_INT(fixture_left(&f, 2, VMHA_LEAVE_LEFT), 0);
	CHECK_INT(fixture_mig(&f, VMHA_CEVENT_HANDED, 1, id, false, VMHA_RESULT_NONE), 0);
	CHECK_INT(fixture_effect(&f, VMHA_CEFFECT_SETTLE)->node, 1);
	fixture_end(&f);
}

/* Its copy runs on: the source's clusterd is asked as soon as it is back. */
static void a_substitute_gives_back(void)
{
	struct fixture f;
	uint64_t id;

	fixture_begin(&f, 3);
	id = fixture_enqueued(&f, "web", 2, 3);
	fixture_copying(&f, "web", id, 2, 3);
	CHECK_INT(fixture_left(&f, 2, VMHA_LEAVE_PROCDOWN), 0);
	CHECK_INT(fixture_join(&f, 2), 0);
	CHECK_INT(fixture_effect(&f, VMHA_CEFFECT_ADOPT)->node, 2);
	CHECK_INT(fixture_mig(&f, VMHA_CEVENT_AGENT_LOST, 1, id, false, VMHA_RESULT_NONE), -EPERM);
	CHECK_INT(fixture_begun(&f, "web", 2, 3), 0);
	fixture_ended(&f, id, 2, VMHA_RESULT_DONE);
	fixture_end(&f);
}

/* Two releases in one cluster must compute the same. */
static void nobody_substitutes_beside_an_older_release(void)
{
	struct vmha_cevent old = { .type = VMHA_CEVENT_HELLO,
				   .from = 3,
				   .hello = { .name = "node3", .proto = 1 } };
	struct fixture f;
	uint64_t id;

	fixture_begin(&f, 3);
	CHECK_INT(fixture_apply(&f, &old), 0);
	id = fixture_enqueued(&f, "web", 2, 3);
	fixture_copying(&f, "web", id, 2, 3);
	CHECK_INT(fixture_left(&f, 2, VMHA_LEAVE_LEFT), 0);
	CHECK(!fixture_effect(&f, VMHA_CEFFECT_ADOPT));
	CHECK_INT(fixture_mig(&f, VMHA_CEVENT_AGENT_LOST, 1, id, false, VMHA_RESULT_NONE), -EPERM);
	old.hello.proto = 2;
	CHECK_INT(fixture_apply(&f, &old), 0);
	CHECK_INT(fixture_effect(&f, VMHA_CEFFECT_ADOPT)->node, 1);
	fixture_end(&f);
}

static void a_minority_decides_nothing(void)
{
	struct fixture f;
	uint64_t id;

	fixture_begin(&f, 3);
	id = fixture_enqueued(&f, "web", 2, 1);
	fixture_copying(&f, "web", id, 2, 1);
	CHECK_INT(fixture_left(&f, 2, VMHA_LEAVE_NODEDOWN), 0);
	CHECK(!f.st->quorate);
	CHECK(!fixture_effect(&f, VMHA_CEFFECT_SETTLE));
	CHECK_INT(fixture_left(&f, 3, VMHA_LEAVE_NODEDOWN), 0);
	CHECK_INT(fixture_quorum(&f, false), 0);
	CHECK_INT(fixture_phase(&f, id), VMHA_MIG_RUNNING);
	fixture_end(&f);
}

/* What was said about an older membership does not count. */
static void old_quorum_is_refused(void)
{
	struct fixture f;
	struct vmha_cevent old = { .type = VMHA_CEVENT_QUORUM, .from = 1 };

	fixture_begin(&f, 3);
	old.quorum.ring_seq = f.st->ring_seq;
	old.quorum.quorate = true;
	CHECK_INT(fixture_left(&f, 3, VMHA_LEAVE_NODEDOWN), 0);
	CHECK_INT(fixture_left(&f, 2, VMHA_LEAVE_NODEDOWN), 0);
	CHECK_INT(fixture_apply(&f, &old), -ESTALE);
	CHECK(!f.st->quorate);
	/* however many were lost at once, the next membership counts */
	old.quorum.ring_seq++;
	CHECK_INT(fixture_apply(&f, &old), 0);
	CHECK(f.st->quorate);
	fixture_end(&f);
}

/* clusterd of the source restarts: it is asked again, the running copy is not disturbed. */
static void a_restarted_clusterd_adopts(void)
{
	struct fixture f;
	uint64_t id;

	fixture_begin(&f, 2);
	id = fixture_enqueued(&f, "web", 1, 2);
	fixture_copying(&f, "web", id, 1, 2);
	CHECK_INT(fixture_left(&f, 1, VMHA_LEAVE_PROCDOWN), 0);
	CHECK_INT(fixture_join(&f, 1), 0);
	CHECK_INT(fixture_effect(&f, VMHA_CEFFECT_ADOPT)->node, 1);
	CHECK_INT(fixture_begun(&f, "web", 1, 2), 0);
	CHECK_INT(vmha_cluster_mig(f.st, id)->state, VMHA_MOVE_COPYING);
	fixture_ended(&f, id, 1, VMHA_RESULT_DONE);
	fixture_end(&f);
}

static void all_restart(void)
{
	struct fixture f;
	uint64_t id;
	uint64_t queued;

	fixture_begin(&f, 3);
	id = fixture_enqueued(&f, "web", 1, 2);
	fixture_copying(&f, "web", id, 1, 2);
	queued = fixture_enqueued(&f, "db", 1, 3);
	vmha_cluster_restart(f.st);
	CHECK(!vmha_cluster_check(f.st));
	CHECK_INT(vmha_cluster_lowest(f.st), 0);
	CHECK_INT(vmha_cluster_proto(f.st), 0);
	CHECK_INT(fixture_join(&f, 2), 0);
	CHECK_INT(fixture_join(&f, 1), 0);
	CHECK(fixture_effect(&f, VMHA_CEFFECT_ADOPT));
	CHECK_INT(fixture_join(&f, 3), 0);
	CHECK_INT(fixture_effect(&f, VMHA_CEFFECT_CHECK)->mig, queued);
	CHECK_INT(fixture_quorum(&f, true), 0);
	CHECK_INT(f.st->disturbance, 0);
	CHECK_INT(fixture_mig(&f, VMHA_CEVENT_AGENT_LOST, 1, id, false, VMHA_RESULT_NONE), 0);
	fixture_ok(&f, VMHA_CEVENT_SETTLED, 1, id, VMHA_RESULT_DONE);
	CHECK_INT(vmha_cluster_lowest(f.st), 1);
	fixture_end(&f);
}

/* ... and one of the hosts never comes back. */
static void all_restart_without_the_source(void)
{
	struct fixture f;
	uint64_t id;

	fixture_begin(&f, 3);
	id = fixture_enqueued(&f, "web", 1, 2);
	fixture_copying(&f, "web", id, 1, 2);
	vmha_cluster_restart(f.st);
	CHECK_INT(fixture_join(&f, 2), 0);
	CHECK_INT(fixture_join(&f, 3), 0);
	CHECK_INT(fixture_phase(&f, id), VMHA_MIG_RUNNING);
	CHECK_INT(fixture_quorum(&f, true), 0);
	CHECK_INT(fixture_effect(&f, VMHA_CEFFECT_SETTLE)->node, 2);
	fixture_end(&f);
}

static void ended_moves_are_forgotten(void)
{
	struct fixture f;
	uint64_t first;
	int i;

	fixture_begin(&f, 2);
	first = fixture_enqueued(&f, "web", 1, 2);
	CHECK_INT(fixture_mig(&f, VMHA_CEVENT_CHECKED, 2, first, false, VMHA_RESULT_NONE), 0);
	for (i = 0; i < VMHA_CLUSTER_ENDED_MAX; i++) {
		uint64_t id = fixture_enqueued(&f, "web", 1, 2);

		CHECK(vmha_cluster_mig(f.st, first));
		CHECK_INT(fixture_mig(&f, VMHA_CEVENT_CHECKED, 2, id, false, VMHA_RESULT_NONE), 0);
	}
	CHECK(!vmha_cluster_mig(f.st, first));
	CHECK_INT(f.st->migs_count, VMHA_CLUSTER_ENDED_MAX);
	fixture_end(&f);
}

static void the_queue_is_bounded(void)
{
	struct fixture f;
	char vm[16];
	int i;

	fixture_begin(&f, 2);
	for (i = 0; i < VMHA_CLUSTER_OPEN_MAX; i++) {
		(void)snprintf(vm, sizeof(vm), "vm%d", i);
		CHECK_INT(fixture_enqueue(&f, vm, 1, 2, 0), 0);
	}
	CHECK_INT(fixture_enqueue(&f, "more", 1, 2, 0), -ENOSPC);
	CHECK_INT(fixture_begun(&f, "more", 1, 2), -ENOSPC);
	fixture_end(&f);
}

static const struct unit_test tests[] = {
	UNIT_TEST(a_move_from_end_to_end),
	UNIT_TEST(what_is_refused),
	UNIT_TEST(a_repeated_action_attaches),
	UNIT_TEST(an_agent_amid_the_settling_settles_again),
	UNIT_TEST(an_agent_to_elsewhere_ends_what_is_settled),
	UNIT_TEST(pacemakers_own_move_is_checked_and_goes),
	UNIT_TEST(pacemakers_own_move_is_refused_and_healed),
	UNIT_TEST(pacemaker_tries_again_while_its_role_is_healed),
	UNIT_TEST(pacemaker_calls_before_the_hand_over_is_told),
	UNIT_TEST(a_recovery_comes_first),
	UNIT_TEST(a_cancelled_move_is_not_queued_again),
	UNIT_TEST(a_substitute_settles),
	UNIT_TEST(another_node_ends_what_a_stopped_clusterd_left),
	UNIT_TEST(what_is_handed_over_is_called_off_by_a_substitute),
	UNIT_TEST(a_substitute_gives_back),
	UNIT_TEST(nobody_substitutes_beside_an_older_release),
	UNIT_TEST(a_minority_decides_nothing),
	UNIT_TEST(old_quorum_is_refused),
	UNIT_TEST(a_restarted_clusterd_adopts),
	UNIT_TEST(all_restart),
	UNIT_TEST(all_restart_without_the_source),
	UNIT_TEST(ended_moves_are_forgotten),
	UNIT_TEST(the_queue_is_bounded),
};

UNIT_MAIN(tests)
