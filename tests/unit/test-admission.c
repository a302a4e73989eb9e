/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/core/cluster.h"
#include "tests/unit/fixture.h"
#include "tests/unit/unit.h"

/* Who is next: single cases, then laws that hold for random queues. */

#define NODES 6

static uint64_t queued(struct fixture *f, const char *vm, unsigned int from, unsigned int to,
		       int priority)
{
	uint64_t id;

	CHECK_INT(fixture_enqueue(f, vm, from, to, priority), 0);
	id = f->fx.mig;
	fixture_ok(f, VMHA_CEVENT_CHECKED, to, id, VMHA_RESULT_NONE);
	return id;
}

/* Has it begun?  (CHECKING or later) */
static bool begun(const struct fixture *f, uint64_t id)
{
	return vmha_cluster_mig(f->st, id)->slot;
}

/* Whatever it waits for comes: it ends. */
static void finish(struct fixture *f, uint64_t id)
{
	const struct vmha_mig *m = vmha_cluster_mig(f->st, id);

	if (m->phase == VMHA_MIG_CHECKING) {
		fixture_ok(f, VMHA_CEVENT_CHECKED, m->to, id, VMHA_RESULT_NONE);
	}
	fixture_ok(f, VMHA_CEVENT_HANDED, m->from, id, VMHA_RESULT_NONE);
	fixture_ok(f, VMHA_CEVENT_SETTLED, m->from, id, VMHA_RESULT_DONE);
}

static void disjoint_pairs_go_at_once(void)
{
	struct fixture f;
	uint64_t a;
	uint64_t b;
	uint64_t c;

	fixture_begin(&f, NODES);
	a = queued(&f, "a", 1, 2, 0);
	b = queued(&f, "b", 1, 3, 0);
	c = queued(&f, "c", 4, 5, 0);
	CHECK(begun(&f, a));
	CHECK(!begun(&f, b));
	CHECK(begun(&f, c));
	CHECK_INT(vmha_cluster_place(f.st, b), 1);
	CHECK_INT(vmha_cluster_place(f.st, a), 0);
	finish(&f, a);
	CHECK(begun(&f, b));
	fixture_end(&f);
}

static void priority_then_first_come(void)
{
	struct fixture f;
	uint64_t first;
	uint64_t low;
	uint64_t high;
	uint64_t later;

	fixture_begin(&f, NODES);
	first = queued(&f, "first", 1, 2, 0);
	low = queued(&f, "low", 1, 3, 0);
	high = queued(&f, "high", 1, 4, 10);
	later = queued(&f, "later", 1, 5, 0);
	CHECK_INT(vmha_cluster_place(f.st, high), 1);
	CHECK_INT(vmha_cluster_place(f.st, low), 2);
	CHECK_INT(vmha_cluster_place(f.st, later), 3);
	finish(&f, first);
	CHECK(begun(&f, high) && !begun(&f, low) && !begun(&f, later));
	finish(&f, high);
	CHECK(begun(&f, low) && !begun(&f, later));
	fixture_end(&f);
}

/* 1-2 runs; 1-3 waits for node1 and keeps its place on node3: 3-4 does not take it away. */
static void nobody_is_overtaken_for_ever(void)
{
	struct fixture f;
	uint64_t running;
	uint64_t waits;
	uint64_t eager;

	fixture_begin(&f, NODES);
	running = queued(&f, "running", 1, 2, 0);
	waits = queued(&f, "waits", 1, 3, 0);
	eager = queued(&f, "eager", 3, 4, 0);
	CHECK(!begun(&f, eager));
	finish(&f, running);
	CHECK(begun(&f, waits) && !begun(&f, eager));
	finish(&f, waits);
	CHECK(begun(&f, eager));
	fixture_end(&f);
}

static void more_slots_more_moves(void)
{
	struct fixture f;
	uint64_t a;
	uint64_t b;
	uint64_t c;

	fixture_begin(&f, NODES);
	CHECK_INT(fixture_slots(&f, "2"), 0);
	a = queued(&f, "a", 1, 2, 0);
	b = queued(&f, "b", 1, 2, 0);
	c = queued(&f, "c", 1, 3, 0);
	CHECK(begun(&f, a) && begun(&f, b) && !begun(&f, c));
	CHECK_INT(vmha_cluster_slots_used(f.st, 1), 2);
	/* raised while it waits */
	CHECK_INT(fixture_slots(&f, "3"), 0);
	CHECK(begun(&f, c));
	fixture_end(&f);
}

static void nothing_begins_without_quorum(void)
{
	struct fixture f;
	uint64_t a;
	uint64_t b;

	fixture_begin(&f, 3);
	a = queued(&f, "a", 1, 2, 0);
	b = queued(&f, "b", 1, 3, 0);
	CHECK_INT(fixture_quorum(&f, false), 0);
	finish(&f, a);
	CHECK(!begun(&f, b));
	CHECK_INT(fixture_quorum(&f, true), 0);
	CHECK(begun(&f, b));
	fixture_end(&f);
}

static void nothing_begins_towards_who_is_away(void)
{
	struct fixture f;
	uint64_t a;
	uint64_t b;

	fixture_begin(&f, 3);
	a = queued(&f, "a", 1, 2, 0);
	b = queued(&f, "b", 1, 3, 0);
	CHECK_INT(fixture_left(&f, 3, VMHA_LEAVE_PROCDOWN), 0);
	finish(&f, a);
	CHECK(!begun(&f, b));
	/* and it keeps no place: others go ahead */
	a = queued(&f, "c", 1, 2, 0);
	CHECK(begun(&f, a));
	finish(&f, a);
	CHECK_INT(fixture_join(&f, 3), 0);
	CHECK(begun(&f, b));
	fixture_end(&f);
}

/* --- laws ----------------------------------------------------------------------------------- */

static unsigned int dice(uint64_t *random, unsigned int below)
{
	*random = *random * 6364136223846793005ULL + 1442695040888963407ULL;
	return (unsigned int)(*random >> 33) % below;
}

static bool has_room(const struct vmha_cluster *st, unsigned int node)
{
	return vmha_cluster_slots_used(st, node) < vmha_cluster_slots(st, node);
}

static bool before(const struct vmha_mig *a, const struct vmha_mig *b)
{
	return a->priority != b->priority ? a->priority > b->priority : a->id < b->id;
}

static bool touch(const struct vmha_mig *a, const struct vmha_mig *b)
{
	return a->from == b->from || a->from == b->to || a->to == b->from || a->to == b->to;
}

/* Who waits has a reason: a node of its is full, or somebody before it waits for one of its nodes.
 */
static void check_waiters(const struct vmha_cluster *st)
{
	unsigned int i;
	unsigned int j;

	for (i = 0; i < st->migs_count; i++) {
		const struct vmha_mig *m = &st->migs[i];
		bool reason;

		if (m->phase != VMHA_MIG_QUEUED || !m->checked) {
			continue;
		}
		reason = !has_room(st, m->from) || !has_room(st, m->to);
		for (j = 0; j < st->migs_count && !reason; j++) {
			const struct vmha_mig *o = &st->migs[j];

			reason = o->phase == VMHA_MIG_QUEUED && before(o, m) && touch(o, m);
		}
		CHECK(reason);
	}
}

static void check_slots(const struct vmha_cluster *st)
{
	unsigned int n;

	for (n = 1; n <= NODES; n++) {
		CHECK(vmha_cluster_slots_used(st, n) <= vmha_cluster_slots(st, n));
	}
}

/* One schedule; what is begun, in its order, goes to @trail. */
static void random_queue(uint64_t seed, char *trail, size_t size)
{
	struct fixture f;
	uint64_t random = seed;
	size_t len = 0;
	int step;
	char slots[2] = { (char)('1' + seed % 3), 0 };

	fixture_begin(&f, NODES);
	CHECK_INT(fixture_slots(&f, slots), 0);
	for (step = 0; step < 120; step++) {
		unsigned int from = 1 + dice(&random, NODES);
		unsigned int to = 1 + dice(&random, NODES);
		unsigned int pick = f.st->migs_count ? dice(&random, f.st->migs_count) : 0;
		const struct vmha_mig *m = &f.st->migs[pick];
		char vm[16];

		if (step < 80 && dice(&random, 2) && from != to) {
			(void)snprintf(vm, sizeof(vm), "vm%d", step);
			(void)queued(&f, vm, from, to, (int)dice(&random, 3));
		} else if (f.st->migs_count && m->slot) {
			if (len + 8 < size) {
				len += (size_t)snprintf(trail + len, size - len, "%llu ",
							(unsigned long long)m->id);
			}
			finish(&f, m->id);
		}
		check_slots(f.st);
		check_waiters(f.st);
	}
	/* what is left ends too: each round ends all that has begun */
	for (step = 0; step < 200; step++) {
		unsigned int i;

		for (i = 0; i < f.st->migs_count && !f.st->migs[i].slot; i++) {
		}
		if (i == f.st->migs_count) {
			break;
		}
		finish(&f, f.st->migs[i].id);
		check_slots(f.st);
		check_waiters(f.st);
	}
	for (step = 0; step < (int)f.st->migs_count; step++) {
		CHECK_INT(f.st->migs[step].phase, VMHA_MIG_ENDED);
	}
	fixture_end(&f);
}

static void random_queues_obey_the_laws(void)
{
	uint64_t seed;

	for (seed = 1; seed <= 300; seed++) {
		char a[1024] = "";
		char b[1024] = "";

		random_queue(seed, a, sizeof(a));
		if (seed % 10 == 0) {
			random_queue(seed, b, sizeof(b));
			CHECK_STR(b, a);
		}
	}
}

/* The oldest of its priority begins after at most as many ends as are before it on its nodes. */
static void a_stream_of_others_does_not_starve(void)
{
	struct fixture f;
	uint64_t wide;
	uint64_t x;
	uint64_t y;
	int i;

	fixture_begin(&f, NODES);
	x = queued(&f, "x0", 1, 3, 0);
	y = queued(&f, "y0", 2, 4, 0);
	wide = queued(&f, "wide", 1, 2, 0);
	for (i = 1; i < 4 && !begun(&f, wide); i++) {
		char vm[16];

		(void)snprintf(vm, sizeof(vm), "x%d", i);
		(void)queued(&f, vm, 1, 3, 0);
		(void)snprintf(vm, sizeof(vm), "y%d", i);
		(void)queued(&f, vm, 2, 4, 0);
		finish(&f, i == 1 ? x : y);
	}
	CHECK(begun(&f, wide));
	fixture_end(&f);
}

static const struct unit_test tests[] = {
	UNIT_TEST(disjoint_pairs_go_at_once),	  UNIT_TEST(priority_then_first_come),
	UNIT_TEST(nobody_is_overtaken_for_ever),  UNIT_TEST(more_slots_more_moves),
	UNIT_TEST(nothing_begins_without_quorum), UNIT_TEST(nothing_begins_towards_who_is_away),
	UNIT_TEST(random_queues_obey_the_laws),	  UNIT_TEST(a_stream_of_others_does_not_starve),
};

UNIT_MAIN(tests)
