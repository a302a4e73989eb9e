/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "lib/core/fencing.h"
#include "tests/unit/unit.h"

#define NOON  1700000000
#define HOURS 3600

/* This node is up for 10,000 s at noon; host last seen @ago_s before, up for @up_s then. */
static struct vmha_life life(int64_t record_s, uint64_t ago_s, uint64_t up_s)
{
	return (struct vmha_life){
		.record_s = record_s,
		.seen = { .live_s = 10000 - ago_s,
			  .up_s = up_s,
			  .generation = 8,
			  .io_timeout_s = 10 },
		.mono_s = 10000,
		.now_s = NOON,
	};
}

static void ends_the_life_that_it_finds(void)
{
	struct vmha_life l = life(NOON - 2 * HOURS, 150, 9000);

	CHECK(vmha_fencing_ended(NOON - 120, &l)); /* renewed last 30 s before it was fenced */
	CHECK(vmha_fencing_ended(NOON - 150, &l));
	/* sanlock looks every 20 s, and may read for 10: found a renewal of a node that was off */
	CHECK(vmha_fencing_ended(NOON - 180, &l));
	CHECK(!vmha_fencing_ended(NOON - 181, &l));
}

/* Of a peer's clock, or ours was set back. */
static void is_not_in_the_future(void)
{
	struct vmha_life l = life(NOON - 2 * HOURS, 150, 9000);

	CHECK(vmha_fencing_ended(NOON, &l));
	CHECK(!vmha_fencing_ended(NOON + 1, &l));
}

static void is_not_of_a_record_written_after_it(void)
{
	struct vmha_life l = life(NOON - 140, 150, 9000);

	CHECK(vmha_fencing_ended(NOON - 140, &l));
	CHECK(!vmha_fencing_ended(NOON - 141, &l));
}

/* A clock that is behind dates a record before a fencing that its node has survived. */
static void is_not_of_a_node_that_renewed_after_it(void)
{
	struct vmha_life l = life(NOON - 5 * HOURS, 150, 1800);

	CHECK(!vmha_fencing_ended(NOON - HOURS, &l));
	CHECK(vmha_fencing_ended(NOON - 100, &l)); /* this one ended it */
	/* far behind, or never set: the same */
	l = life(0, 150, 1800);
	CHECK(!vmha_fencing_ended(NOON - HOURS, &l));
	CHECK(!vmha_fencing_ended(NOON - 200, &l));
}

/* Back within the time in which sanlock cannot tell: it is up for less than that. */
static void is_not_of_a_node_that_booted_after_it(void)
{
	struct vmha_life l = life(0, 150, 8);

	CHECK(!vmha_fencing_ended(NOON - 159, &l));
	CHECK(vmha_fencing_ended(NOON - 158, &l));
}

/* What nobody can have: no overflow, no proof. */
static void nonsense_proves_nothing(void)
{
	struct vmha_life l = life(0, 150, 0);

	l.seen.io_timeout_s = 0;
	CHECK(!vmha_fencing_ended(0, &l));
	CHECK(!vmha_fencing_ended(-1, &l));
}

static const struct unit_test tests[] = {
	UNIT_TEST(ends_the_life_that_it_finds),
	UNIT_TEST(is_not_in_the_future),
	UNIT_TEST(is_not_of_a_record_written_after_it),
	UNIT_TEST(is_not_of_a_node_that_renewed_after_it),
	UNIT_TEST(is_not_of_a_node_that_booted_after_it),
	UNIT_TEST(nonsense_proves_nothing),
};
UNIT_MAIN(tests)
