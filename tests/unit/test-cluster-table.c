/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/core/cluster.h"
#include "tests/unit/fixture.h"
#include "tests/unit/unit.h"

/* --- every phase and every event ------------------------------------------------------------ */

/* One move, web from node1 to node2, brought to each place on its way. */
enum place {
	NEW,	 /* the target has not answered yet */
	WAITING, /* it has; no slot is free */
	CALLED,	 /* likewise, and an agent waits */
	CHECKING,
	ADMITTED,
	HANDED,
	COPYING,
	BLACKOUT, /* RUNNING, in SWITCHOVER */
	ORPHAN,	  /* RUNNING, clusterd of its source is away */
	SETTLING,
	CLEARING,
	OVER,
	PLACES_COUNT,
};

struct scene {
	struct fixture f;
	uint64_t id;	  /* of the move */
	uint64_t blocker; /* of another one, which has the only slot of node1; 0 none */
};

static void block(struct scene *s)
{
	s->blocker = fixture_enqueued(&s->f, "blocker", 1, 3);
	fixture_copying(&s->f, "blocker", s->blocker, 1, 3);
}

static void scene_queue(struct scene *s, enum place place)
{
	block(s);
	s->id = fixture_enqueued(&s->f, "web", 1, 2);
	fixture_ok(&s->f, VMHA_CEVENT_CHECKED, 2, s->id, VMHA_RESULT_NONE);
	if (place == CALLED) {
		CHECK_INT(fixture_begun(&s->f, "web", 1, 2), 0);
		fixture_ok(&s->f, VMHA_CEVENT_CHECKED, 2, s->id, VMHA_RESULT_NONE);
	} else if (place == CHECKING) {
		fixture_ended(&s->f, s->blocker, 1, VMHA_RESULT_DONE);
		s->blocker = 0;
	}
}

static void scene_run(struct scene *s, enum place place)
{
	fixture_copying(&s->f, "web", s->id, 1, 2);
	if (place == BLACKOUT) {
		CHECK_INT(fixture_report(&s->f, s->id, VMHA_MOVE_SWITCHOVER), 0);
	} else if (place == ORPHAN) {
		CHECK_INT(fixture_left(&s->f, 1, VMHA_LEAVE_PROCDOWN), 0);
	} else if (place == SETTLING) {
		fixture_ok(&s->f, VMHA_CEVENT_AGENT_END, 1, s->id, VMHA_RESULT_KEPT);
	} else if (place == CLEARING) {
		fixture_ok(&s->f, VMHA_CEVENT_AGENT_END, 1, s->id, VMHA_RESULT_DONE);
	} else if (place == OVER) {
		fixture_ended(&s->f, s->id, 1, VMHA_RESULT_DONE);
	}
}

static void scene_begin(struct scene *s, enum place place)
{
	static const enum vmha_mig_phase phases[PLACES_COUNT] = {
		[NEW] = VMHA_MIG_QUEUED,	[WAITING] = VMHA_MIG_QUEUED,
		[CALLED] = VMHA_MIG_QUEUED,	[CHECKING] = VMHA_MIG_CHECKING,
		[ADMITTED] = VMHA_MIG_ADMITTED, [HANDED] = VMHA_MIG_ADMITTED,
		[COPYING] = VMHA_MIG_RUNNING,	[BLACKOUT] = VMHA_MIG_RUNNING,
		[ORPHAN] = VMHA_MIG_RUNNING,	[SETTLING] = VMHA_MIG_ENDING,
		[CLEARING] = VMHA_MIG_ENDING,	[OVER] = VMHA_MIG_ENDED,
	};

	memset(s, 0, sizeof(*s));
	fixture_begin(&s->f, 4);
	if (place == WAITING || place == CALLED || place == CHECKING) {
		scene_queue(s, place);
	} else {
		s->id = fixture_enqueued(&s->f, "web", 1, 2);
		if (place == ADMITTED || place == HANDED) {
			fixture_admitted(&s->f, s->id, 2);
		}
		if (place == HANDED) {
			fixture_ok(&s->f, VMHA_CEVENT_HANDED, 1, s->id, VMHA_RESULT_NONE);
		} else if (place >= COPYING) {
			scene_run(s, place);
		}
	}
	CHECK_INT(fixture_phase(&s->f, s->id), phases[place]);
}

/* What happens, by one event from outside; the last are two. */
enum happening {
	CHECK_OK,
	CHECK_BAD,
	HAND_OK,
	HAND_BAD,
	BEGUN,
	BEGUN_OTHER,
	EXPIRED,
	REPORT,
	ATTEMPT,
	END_DONE,
	END_KEPT,
	END_UNSURE,
	END_SAVED,
	END_TARGET, /* the target's agent's */
	AGENT_LOST,
	SETTLED_DONE,
	SETTLED_KEPT,
	SETTLED_LOST,
	UNSETTLED,
	CANCEL,
	DISTURBED,
	SOURCE_AWAY,
	TARGET_AWAY,
	TARGET_DRAINED,
	SOURCE_DOWN,
	TARGET_DOWN,
	HAPPENINGS_COUNT,
};

static int down(struct fixture *f, unsigned int node)
{
	if (vmha_cluster_node(f->st, node)->member) {
		CHECK_INT(fixture_left(f, node, VMHA_LEAVE_NODEDOWN), 0);
	}
	return fixture_quorum(f, true);
}

static int happen_agent(struct scene *s, enum happening what)
{
	static const struct {
		enum vmha_cevent_type type;
		enum vmha_mig_result result;
	} events[HAPPENINGS_COUNT] = {
		[EXPIRED] = { VMHA_CEVENT_EXPIRED, VMHA_RESULT_NONE },
		[ATTEMPT] = { VMHA_CEVENT_ATTEMPT, VMHA_RESULT_NONE },
		[END_DONE] = { VMHA_CEVENT_AGENT_END, VMHA_RESULT_DONE },
		[END_KEPT] = { VMHA_CEVENT_AGENT_END, VMHA_RESULT_KEPT },
		[END_UNSURE] = { VMHA_CEVENT_AGENT_END, VMHA_RESULT_UNSURE },
		[END_SAVED] = { VMHA_CEVENT_AGENT_END, VMHA_RESULT_SAVED },
		[AGENT_LOST] = { VMHA_CEVENT_AGENT_LOST, VMHA_RESULT_NONE },
		[SETTLED_DONE] = { VMHA_CEVENT_SETTLED, VMHA_RESULT_DONE },
		[SETTLED_KEPT] = { VMHA_CEVENT_SETTLED, VMHA_RESULT_KEPT },
		[SETTLED_LOST] = { VMHA_CEVENT_SETTLED, VMHA_RESULT_LOST },
		[UNSETTLED] = { VMHA_CEVENT_SETTLED, VMHA_RESULT_NONE },
	};

	return fixture_mig(&s->f, events[what].type, 1, s->id, false, events[what].result);
}

static int happen_more(struct scene *s, enum happening what)
{
	struct vmha_cevent drain = { .type = VMHA_CEVENT_DRAIN, .from = 4, .drain.node = 2 };

	switch ((int)what) {
	case CANCEL:
		return fixture_mig(&s->f, VMHA_CEVENT_CANCEL, 4, s->id, false, VMHA_RESULT_NONE);
	case DISTURBED:
		return fixture_say(&s->f, VMHA_CEVENT_DISTURBED, 4);
	case SOURCE_AWAY:
		return fixture_left(&s->f, 1, VMHA_LEAVE_PROCDOWN);
	case TARGET_AWAY:
		return fixture_left(&s->f, 2, VMHA_LEAVE_LEFT);
	case TARGET_DRAINED:
		return fixture_apply(&s->f, &drain);
	case SOURCE_DOWN:
		return down(&s->f, 1);
	default:
		return down(&s->f, 2);
	}
}

static int happen(struct scene *s, enum happening what)
{
	switch ((int)what) {
	case CHECK_OK:
	case CHECK_BAD:
		return fixture_mig(&s->f, VMHA_CEVENT_CHECKED, 2, s->id, what == CHECK_OK,
				   VMHA_RESULT_NONE);
	case HAND_OK:
	case HAND_BAD:
		return fixture_mig(&s->f, VMHA_CEVENT_HANDED, 1, s->id, what == HAND_OK,
				   VMHA_RESULT_NONE);
	case BEGUN:
		return fixture_begun(&s->f, "web", 1, 2);
	case BEGUN_OTHER:
		return fixture_begun(&s->f, "web", 1, 4);
	case REPORT:
		return fixture_report(&s->f, s->id, VMHA_MOVE_CONNECTING);
	case END_TARGET:
		return fixture_mig(&s->f, VMHA_CEVENT_AGENT_END, 2, s->id, false, VMHA_RESULT_DONE);
	default:
		return what < CANCEL ? happen_agent(s, what) : happen_more(s, what);
	}
}

/* Refusals, then the phases by their first letters (E ending, X ended). */
static char outcome(const struct scene *s, int r)
{
	static const char phases[] = "QCARXO?"; /* in the order of the phases */

	switch (r) {
	case 0:
		return phases[fixture_phase(&s->f, s->id)];
	case -EPROTO:
		return '.';
	case -EPERM:
		return 'p';
	case -ESTALE:
		return 's';
	case -EBUSY:
		return 'b';
	default:
		return '?';
	}
}

/*
 * The phase that follows: Q queued, C checking, A admitted, R running, X ending, O over.  What is
 * refused: '.' it has no place in this phase, p not by this node, s not by this agent, b too late.
 */
static const char *const expected[HAPPENINGS_COUNT] = {
	/* in the order of enum place */
	[CHECK_OK] = "A..A........",	 [CHECK_BAD] = "O..O........",
	[HAND_OK] = "....AARRpXX.",	 [HAND_BAD] = "....XX..pXX.",
	[BEGUN] = "QQQRRRRRpXXO",	 [BEGUN_OTHER] = "OOOOXXRRpOXO",
	[EXPIRED] = "..X...RRp...",	 [REPORT] = "......RRp...",
	[ATTEMPT] = "......RRp...",	 [END_DONE] = "......XXp...",
	[END_KEPT] = "......XXp...",	 [END_UNSURE] = "......XXp...",
	[END_SAVED] = "......XXp...",	 [AGENT_LOST] = "..X...XXp...",
	[SETTLED_DONE] = ".....O..pOO.", [SETTLED_KEPT] = ".....O..pOO.",
	[SETTLED_LOST] = ".....O..pOO.", [END_TARGET] = ".........XX.",
	[UNSETTLED] = "........pXX.",	 [CANCEL] = "OOXOXXRbRXbb",
	[DISTURBED] = "QQXQXXRRRXXO",	 [SOURCE_AWAY] = "QQXQAARRpXXO",
	[TARGET_AWAY] = "QQQQAARRRXXO",	 [TARGET_DRAINED] = "OOXOXXRRRXXO",
	[SOURCE_DOWN] = "OOXOXXXXXXXO",	 [TARGET_DOWN] = "OOXOXXRRXXXO",
};

static void every_phase_and_event(void)
{
	int what;
	int place;

	for (what = 0; what < HAPPENINGS_COUNT; what++) {
		char got[PLACES_COUNT + 1] = { 0 };

		for (place = 0; place < PLACES_COUNT; place++) {
			struct scene s;

			scene_begin(&s, (enum place)place);
			got[place] = outcome(&s, happen(&s, (enum happening)what));
			fixture_end(&s.f);
		}
		CHECK_STR(got, expected[what]);
	}
}

/* An agent that has waited long enough goes; its move is queued, and handed over in its turn. */
static void a_waiting_agent_is_queued(void)
{
	struct scene s;

	scene_begin(&s, CALLED);
	CHECK_INT(vmha_cluster_place(s.f.st, s.id), 1);
	CHECK_INT(happen(&s, EXPIRED), 0);
	CHECK_HAS(fixture_effect(&s.f, VMHA_CEFFECT_REFUSE)->text, "queued");
	fixture_ok(&s.f, VMHA_CEVENT_SETTLED, 1, s.id, VMHA_RESULT_KEPT);
	CHECK_INT(fixture_phase(&s.f, s.id), VMHA_MIG_QUEUED);
	CHECK_INT(vmha_cluster_place(s.f.st, s.id), 1);
	fixture_ended(&s.f, s.blocker, 1, VMHA_RESULT_DONE);
	CHECK_INT(fixture_phase(&s.f, s.id), VMHA_MIG_CHECKING);
	CHECK_INT(vmha_cluster_place(s.f.st, s.id), 0);
	fixture_copying(&s.f, "web", s.id, 1, 2);
	fixture_end(&s.f);
}

/* What it took is measured where it ends; another node's word does not count. */
static void a_quick_move_is_measured_by_its_target(void)
{
	struct vmha_cevent e = { .type = VMHA_CEVENT_AGENT_END, .from = 2 };
	struct scene s;

	scene_begin(&s, COPYING);
	fixture_ok(&s.f, VMHA_CEVENT_AGENT_END, 1, s.id, VMHA_RESULT_SAVED);
	CHECK_INT(vmha_cluster_mig(s.f.st, s.id)->mode, VMHA_MODE_quick); /* begun live */
	e.mig.id = s.id;
	e.mig.result = VMHA_RESULT_DONE;
	e.stats = (struct vmha_mig_stats){ .total_ms = 2400, .blackout_ms = 2300, .bytes = 77 };
	CHECK_INT(fixture_apply(&s.f, &e), 0);
	CHECK_INT(vmha_cluster_mig(s.f.st, s.id)->stats.total_ms, 2400);
	CHECK_INT(vmha_cluster_mig(s.f.st, s.id)->stats.blackout_ms, 2300);
	CHECK_INT(vmha_cluster_mig(s.f.st, s.id)->stats.bytes, 77);
	CHECK_HAS(fixture_effect(&s.f, VMHA_CEFFECT_JOURNAL)->journal.text, "2300 ms");
	e.mig.result = VMHA_RESULT_KEPT;
	CHECK_INT(fixture_apply(&s.f, &e), -EINVAL);
	e.from = 3;
	CHECK_INT(fixture_apply(&s.f, &e), -EPERM);
	fixture_ok(&s.f, VMHA_CEVENT_SETTLED, 1, s.id, VMHA_RESULT_DONE);
	CHECK_INT(vmha_cluster_mig(s.f.st, s.id)->stats.blackout_ms, 2300);
	fixture_end(&s.f);
}

static void what_may_be_cancelled(void)
{
	int place;

	for (place = 0; place < PLACES_COUNT; place++) {
		struct scene s;

		scene_begin(&s, (enum place)place);
		CHECK_INT(vmha_mig_may_cancel(vmha_cluster_mig(s.f.st, s.id)),
			  place < BLACKOUT || place == ORPHAN);
		fixture_end(&s.f);
	}
}

static void names_round_trip(void)
{
	enum vmha_mig_phase phase;
	enum vmha_cevent_type type;
	int i;

	for (i = 0; i < VMHA_MIG_PHASES_COUNT; i++) {
		CHECK(vmha_mig_phase_parse(vmha_mig_phase_name((enum vmha_mig_phase)i), &phase));
		CHECK_INT(phase, i);
	}
	for (i = 0; i < VMHA_CEVENTS_COUNT; i++) {
		CHECK(vmha_cevent_type_parse(vmha_cevent_type_name((enum vmha_cevent_type)i),
					     &type));
		CHECK_INT(type, i);
	}
	CHECK(!vmha_mig_phase_parse("queued", &phase));
	CHECK_STR(vmha_mig_phase_name((enum vmha_mig_phase)99), "?");
}

static const struct unit_test tests[] = {
	UNIT_TEST(every_phase_and_event),
	UNIT_TEST(a_waiting_agent_is_queued),
	UNIT_TEST(a_quick_move_is_measured_by_its_target),
	UNIT_TEST(what_may_be_cancelled),
	UNIT_TEST(names_round_trip),
};

UNIT_MAIN(tests)
