/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "lib/core/stall.h"
#include "tests/unit/unit.h"

#define MIB (1024ULL * 1024)

/* One round: what is left falls from @from to nothing. @return looks at which it progressed */
static int round_run(struct vmha_stall *s, uint64_t iteration, uint64_t from, uint64_t *processed)
{
	int progressed = 0;
	uint64_t left;

	for (left = from; left >= MIB; left -= MIB) {
		*processed += MIB;
		progressed += vmha_stall_progress(s, *processed, left, iteration);
	}
	return progressed;
}

static void first_round_by_bytes(void)
{
	struct vmha_stall s = { 0 };

	CHECK(vmha_stall_progress(&s, 1, 100 * MIB, 1));
	CHECK(!vmha_stall_progress(&s, 1, 100 * MIB, 1));
	CHECK(vmha_stall_progress(&s, 2, 99 * MIB, 1));
	CHECK(!vmha_stall_progress(&s, 2, 99 * MIB, 1));
}

static void converging(void)
{
	struct vmha_stall s = { 0 };
	uint64_t processed = 0;
	uint64_t left;
	uint64_t i = 2;

	CHECK_INT(round_run(&s, 1, 128 * MIB, &processed), 128);
	for (left = 64 * MIB; left >= 4 * MIB; left /= 2) {
		CHECK_INT(round_run(&s, i++, left, &processed), left / MIB);
	}
}

/* As much is left at each round: the second tells how much, from then on it is no progress. */
static void not_converging(void)
{
	struct vmha_stall s = { 0 };
	uint64_t processed = 0;
	uint64_t i;

	CHECK_INT(round_run(&s, 1, 128 * MIB, &processed), 128);
	CHECK_INT(round_run(&s, 2, 40 * MIB, &processed), 40);
	for (i = 3; i < 20; i++) {
		CHECK_INT(round_run(&s, i, 40 * MIB, &processed), 0);
	}
	CHECK_INT(round_run(&s, 20, 39 * MIB, &processed), 0);	/* noise */
	CHECK_INT(round_run(&s, 21, 30 * MIB, &processed), 30); /* the guest was slowed down */
}

static const struct unit_test tests[] = {
	UNIT_TEST(first_round_by_bytes),
	UNIT_TEST(converging),
	UNIT_TEST(not_converging),
};
UNIT_MAIN(tests)
