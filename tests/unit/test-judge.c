/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <string.h>

#include "tests/fault/judge.h"
#include "tests/unit/unit.h"

#define MS 1000000ULL

static struct run_mark marks[4][64];
static struct lease_mark leases[8];
static struct disk_mark disks[64];

/* A process that uses a fifth of a processor from @from to @to, after a start-up of 1 ms. */
static void runs(struct witness_trace *t, uint64_t host_id, int64_t from, int64_t to)
{
	size_t i = t->process_count++;
	struct witness_process *p = &t->processes[i];
	uint64_t ran_ns = MS;

	*p = (struct witness_process){ .host_id = host_id,
				       .last_ms = t->end_ms,
				       .marks = marks[i] };
	p->marks[p->count++] = (struct run_mark){ .at_ms = 0, .ran_ns = ran_ns };
	for (int64_t at = from; at <= to; at += 100) {
		ran_ns += 20 * MS;
		p->marks[p->count++] = (struct run_mark){ .at_ms = at, .ran_ns = ran_ns };
	}
}

static struct judgement judged(const struct witness_trace *t)
{
	struct judgement j;

	judge_trace(t, &j);
	return j;
}

static void handover_is_clean(void)
{
	struct witness_trace t = { .end_ms = 4000 };

	runs(&t, 1, 100, 2000);
	runs(&t, 2, 2100, 4000);
	struct judgement j = judged(&t);

	CHECK(judge_is_clean(&j));
	CHECK_INT(j.runners, 2);
	CHECK_INT(j.processes_max, 2);
}

static void paused_process_is_no_runner(void)
{
	struct witness_trace t = { .end_ms = 4000 };

	runs(&t, 1, 100, 4000);
	runs(&t, 2, 1, 0);
	struct judgement j = judged(&t);

	CHECK(judge_is_clean(&j));
	CHECK_INT(j.runners, 1);
}

static void overlap_is_found(void)
{
	struct witness_trace t = { .end_ms = 4000 };

	runs(&t, 1, 100, 2500);
	runs(&t, 2, 2000, 4000);
	struct judgement j = judged(&t);

	CHECK(!judge_is_clean(&j));
	CHECK(j.overlap_ms > 200 && j.overlap_ms <= 500);
}

/* The source runs, the target runs and dies, the source goes on with old memory. */
static void return_is_found(void)
{
	struct witness_trace t = { .end_ms = 6000 };

	runs(&t, 1, 100, 1000);
	for (int64_t at = 4000; at <= 5000; at += 100) {
		struct witness_process *p = &t.processes[0];

		p->marks[p->count] =
			(struct run_mark){ .at_ms = at,
					   .ran_ns = p->marks[p->count - 1].ran_ns + 20 * MS };
		p->count++;
	}
	runs(&t, 2, 2000, 3000);
	CHECK(judged(&t).overlap_ms > 0);
}

static void disk_tells(void)
{
	struct witness_trace t = { .disks = disks, .end_ms = 1000 };
	const struct disk_mark clean[] = { { 0, 7, 1 }, { 100, 7, 2 }, { 200, 8, 3 } };
	const struct disk_mark twins[] = { { 0, 7, 5 }, { 100, 7, 4 }, { 200, 7, 6 } };
	const struct disk_mark returns[] = { { 0, 7, 1 }, { 100, 8, 2 }, { 200, 7, 3 } };
	struct judgement j;

	memcpy(disks, clean, sizeof(clean));
	t.disk_count = 3;
	j = judged(&t);
	CHECK(judge_is_clean(&j));
	CHECK_INT(j.boots, 2);
	CHECK_INT(j.silence_ms, 800);
	memcpy(disks, twins, sizeof(twins));
	j = judged(&t);
	CHECK_INT(j.seq_back, 1);
	CHECK(!judge_is_clean(&j));
	memcpy(disks, returns, sizeof(returns));
	CHECK_INT(judged(&t).seq_back, 1);
}

static void time_without_lease(void)
{
	struct witness_trace t = { .leases = leases, .end_ms = 4000 };

	runs(&t, 1, 100, 4000);
	leases[0] = (struct lease_mark){ 0, 1, 5 };
	t.lease_count = 1;
	CHECK_INT(judged(&t).unleased_ms, 0);
	CHECK(judged(&t).end_leased);
	leases[1] = (struct lease_mark){ 2000, 0, 5 };
	leases[2] = (struct lease_mark){ 3000, 1, 6 };
	t.lease_count = 3;
	CHECK(judged(&t).unleased_ms >= 800 && judged(&t).unleased_ms <= 1000);
	CHECK(judged(&t).end_leased);
	t.lease_count = 2;
	CHECK(!judged(&t).end_leased);
}

static const struct unit_test tests[] = {
	UNIT_TEST(handover_is_clean), UNIT_TEST(paused_process_is_no_runner),
	UNIT_TEST(overlap_is_found),  UNIT_TEST(return_is_found),
	UNIT_TEST(disk_tells),	      UNIT_TEST(time_without_lease),
};
UNIT_MAIN(tests)
