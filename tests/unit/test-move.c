/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <string.h>

#include "lib/core/move.h"
#include "tests/unit/unit.h"

struct edge {
	enum vmha_move_state from;
	enum vmha_move_event event;
	struct vmha_move_step step;
};

/* Calls @check for each legal step. @return their number */
static int each_edge(void (*check)(const struct edge *e))
{
	int legal = 0;
	int s;
	int v;

	for (s = 0; s < VMHA_MOVE_STATES_COUNT; s++) {
		for (v = 0; v < VMHA_MOVE_EVENTS_COUNT; v++) {
			struct edge e = { .from = (enum vmha_move_state)s,
					  .event = (enum vmha_move_event)v };

			if (vmha_move_step(e.from, e.event, &e.step)) {
				check(&e);
				legal++;
			}
		}
	}
	return legal;
}

static void names_round_trip(void)
{
	enum vmha_move_state got = VMHA_MOVE_QUEUED;
	int i;

	for (i = 0; i < VMHA_MOVE_STATES_COUNT; i++) {
		CHECK(vmha_move_state_parse(vmha_move_state_name((enum vmha_move_state)i), &got));
		CHECK_INT(got, i);
	}
	CHECK(!vmha_move_state_parse("", &got));
	CHECK(!vmha_move_state_parse("copying", &got));
	for (i = 0; i < VMHA_MOVE_EVENTS_COUNT; i++) {
		CHECK(*vmha_move_event_name((enum vmha_move_event)i));
	}
}

static void check_edge(const struct edge *e)
{
	enum vmha_move_state to = e->step.next;
	unsigned int effects = e->step.effects;

	/* what is over stays so */
	CHECK(!vmha_move_is_final(e->from));
	/* the owner record goes over only when the guest has */
	if (effects & VMHA_EFFECT_OWNER_TO_TARGET) {
		CHECK_INT(vmha_move_runner(to), VMHA_PARTY_TARGET);
	}
	/* nobody owns it only while nobody runs it and the lease is free */
	if (effects & VMHA_EFFECT_OWNER_NONE) {
		CHECK_INT(vmha_move_runner(to), VMHA_PARTY_NOBODY);
		CHECK_INT(vmha_move_lease(to), VMHA_PARTY_NOBODY);
	}
	/* saved memory is dropped only when the guest is known to run */
	if (effects & VMHA_EFFECT_DROP_STATE) {
		CHECK(vmha_move_is_final(to));
	}
	/* a source that goes on after the copy began has its lease, or is dead */
	if (to == VMHA_MOVE_KEPT && e->from >= VMHA_MOVE_COPYING) {
		CHECK(effects & VMHA_EFFECT_LEASE_RULE);
	}
	if (vmha_move_is_final(to)) {
		CHECK(effects & VMHA_EFFECT_REPORT);
	}
	/* nobody is sure: nothing may be given away */
	if (e->event == VMHA_EVENT_LOST) {
		CHECK_INT(to, VMHA_MOVE_UNSURE);
		CHECK(!(effects & (VMHA_EFFECT_OWNER_TO_TARGET | VMHA_EFFECT_OWNER_NONE |
				   VMHA_EFFECT_DROP_STATE)));
	}
	/* once the guest is on the target it never counts as the source's again */
	if (vmha_move_runner(e->from) == VMHA_PARTY_TARGET) {
		CHECK(vmha_move_runner(to) != VMHA_PARTY_SOURCE);
	}
}

static void laws_hold_for_every_step(void)
{
	CHECK(each_edge(check_edge) > 30);
}

static void an_illegal_step_changes_nothing(void)
{
	struct vmha_move_step step = { .next = VMHA_MOVE_SAVED, .effects = 77 };

	CHECK(!vmha_move_step(VMHA_MOVE_DONE, VMHA_EVENT_CANCELLED, &step));
	CHECK(!vmha_move_step(VMHA_MOVE_HANDOFF, VMHA_EVENT_CANCELLED, &step));
	CHECK(!vmha_move_step(VMHA_MOVE_QUEUED, VMHA_EVENT_ARRIVED, &step));
	CHECK_INT(step.next, VMHA_MOVE_SAVED);
	CHECK_INT(step.effects, 77);
}

/* From every state the end can be reached: no move hangs by design. */
static void every_state_has_a_way_to_the_end(void)
{
	int ends[VMHA_MOVE_STATES_COUNT] = { 0 };
	int round;
	int s;
	int v;

	for (round = 0; round < VMHA_MOVE_STATES_COUNT; round++) {
		for (s = 0; s < VMHA_MOVE_STATES_COUNT; s++) {
			struct vmha_move_step step;

			ends[s] |= vmha_move_is_final((enum vmha_move_state)s);
			for (v = 0; v < VMHA_MOVE_EVENTS_COUNT; v++) {
				ends[s] |= vmha_move_step((enum vmha_move_state)s,
							  (enum vmha_move_event)v, &step) &&
					   ends[step.next];
			}
		}
	}
	for (s = 0; s < VMHA_MOVE_STATES_COUNT; s++) {
		CHECK(ends[s]);
	}
}

static void a_clock_set_back_makes_a_span_unknown(void)
{
	CHECK_INT(vmha_move_span_ms(1000, 1700), 700);
	CHECK_INT(vmha_move_span_ms(1000, 1000), 0);
	CHECK_INT(vmha_move_span_ms(1000, 999), -1);
	CHECK_INT(vmha_move_span_ms(0, 999), -1); /* it has not begun */
}

static const struct unit_test tests[] = {
	UNIT_TEST(a_clock_set_back_makes_a_span_unknown),
	UNIT_TEST(names_round_trip),
	UNIT_TEST(laws_hold_for_every_step),
	UNIT_TEST(an_illegal_step_changes_nothing),
	UNIT_TEST(every_state_has_a_way_to_the_end),
};

UNIT_MAIN(tests)
