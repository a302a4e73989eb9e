/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdio.h>
#include <string.h>

#include "lib/core/chores.h"
#include "tests/unit/unit.h"

static void only_a_bare_lease_is_stray(void)
{
	static const struct {
		const char *what;
		struct vmha_index_entry e;
		bool known;
		bool stray;
	} table[] = {
		{ "a bare lease", { .name = "web", .leases = 1 }, true, true },
		{ "with a directory of data",
		  { .name = "web", .leases = 1, .directory = true },
		  true,
		  true },
		{ "cluster silent", { .name = "web", .leases = 1 }, false, false },
		{ "configured", { .name = "web", .leases = 1, .configured = true }, true, false },
		{ "no lease", { .name = "web" }, true, false },
		{ "XML", { .name = "web", .leases = 1, .xml = VMHA_PART_THERE }, true, false },
		{ "XML unreadable",
		  { .name = "web", .leases = 1, .xml = VMHA_PART_DAMAGED },
		  true,
		  false },
		{ "record",
		  { .name = "web", .leases = 1, .record = VMHA_PART_DAMAGED },
		  true,
		  false },
		{ "owner", { .name = "web", .leases = 1, .owner = VMHA_PART_THERE }, true, false },
		{ "state", { .name = "web", .leases = 1, .state = VMHA_PART_THERE }, true, false },
		{ "intent",
		  { .name = "web", .leases = 1, .intent = VMHA_PART_THERE },
		  true,
		  false },
		{ "unended write", { .name = "web", .leases = 1, .unended = 1 }, true, false },
		{ "the volume's own", { .name = "volume-admin", .leases = 1 }, true, false },
		{ "the volume's own", { .name = "volume-coordinator", .leases = 1 }, true, false },
	};
	size_t i;

	for (i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		struct vmha_index index = { .configuration_known = table[i].known };

		(void)printf("# %s\n", table[i].what);
		CHECK_INT(vmha_chore_lease_is_stray(&index, &table[i].e), table[i].stray);
	}
}

static bool look(struct vmha_chore_sights *s, const char *name, int64_t now_ms)
{
	bool due = false;

	vmha_chore_sights_begin(s);
	if (name) {
		due = vmha_chore_sights_note(s, name, now_ms);
	}
	vmha_chore_sights_end(s);
	return due;
}

static void two_looks_some_minutes_apart(void)
{
	struct vmha_chore_sights s = { 0 };

	CHECK(!look(&s, "web", 1000));
	CHECK(!look(&s, "web", 1000 + VMHA_CHORE_STRAY_MS - 1));
	CHECK(look(&s, "web", 1000 + VMHA_CHORE_STRAY_MS));
	/* not stray once in between: from the beginning again */
	CHECK(!look(&s, NULL, 400000));
	CHECK(!look(&s, "web", 400001));
	CHECK(!look(&s, "web", 500000));
	CHECK(look(&s, "web", 400001 + VMHA_CHORE_STRAY_MS));
}

static void more_than_there_is_room_for(void)
{
	struct vmha_chore_sights s = { 0 };
	char name[16];
	int i;

	vmha_chore_sights_begin(&s);
	for (i = 0; i < VMHA_CHORE_SIGHTS + 5; i++) {
		(void)snprintf(name, sizeof(name), "vm%d", i);
		CHECK(!vmha_chore_sights_note(&s, name, 0));
	}
	vmha_chore_sights_end(&s);
	CHECK_INT(s.count, VMHA_CHORE_SIGHTS);
	CHECK(look(&s, "vm0", VMHA_CHORE_STRAY_MS));
	CHECK(!look(&s, "vm36", 2 * VMHA_CHORE_STRAY_MS));
}

static void memory_that_can_never_run_again(void)
{
	static const struct {
		const char *what;
		struct vmha_chore_memory m;
		enum vmha_chore_verdict want;
	} table[] = {
		{ "saved, not continued yet",
		  { .known = true, .role = true, .lver = 5, .stored = 5 },
		  VMHA_CHORE_KEEP },
		{ "the guest ran since",
		  { .known = true, .role = true, .lver = 6, .stored = 5 },
		  VMHA_CHORE_ASIDE_OLDER },
		{ "runs now: its agent sees to it",
		  { .known = true, .role = true, .held = true, .lver = 6, .stored = 5 },
		  VMHA_CHORE_KEEP },
		{ "a start is under way",
		  { .known = true, .role = true, .owned = true, .lver = 6, .stored = 5 },
		  VMHA_CHORE_KEEP },
		{ "nothing is known", { .role = true, .lver = 6, .stored = 5 }, VMHA_CHORE_KEEP },
		{ "role gone", { .known = true, .lver = 5, .stored = 5 }, VMHA_CHORE_ASIDE_GONE },
		{ "being removed",
		  { .known = true, .begun = true, .lver = 5, .stored = 5 },
		  VMHA_CHORE_KEEP },
	};
	size_t i;

	for (i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		(void)printf("# %s\n", table[i].what);
		CHECK_INT(vmha_chore_memory_judge(&table[i].m), table[i].want);
	}
}

static void space_does_not_flap(void)
{
	static const struct {
		enum vmha_chore_space before;
		unsigned int used;
		enum vmha_chore_space want;
	} table[] = {
		{ VMHA_SPACE_OK, 899, VMHA_SPACE_OK },
		{ VMHA_SPACE_OK, 900, VMHA_SPACE_LOW },
		{ VMHA_SPACE_LOW, 880, VMHA_SPACE_LOW },
		{ VMHA_SPACE_LOW, 879, VMHA_SPACE_OK },
		{ VMHA_SPACE_LOW, 949, VMHA_SPACE_LOW },
		{ VMHA_SPACE_LOW, 950, VMHA_SPACE_VERY_LOW },
		{ VMHA_SPACE_OK, 1000, VMHA_SPACE_VERY_LOW },
		{ VMHA_SPACE_VERY_LOW, 930, VMHA_SPACE_VERY_LOW },
		{ VMHA_SPACE_VERY_LOW, 929, VMHA_SPACE_LOW },
		{ VMHA_SPACE_VERY_LOW, 100, VMHA_SPACE_OK },
	};
	size_t i;

	for (i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		CHECK_INT(vmha_chore_space_judge(table[i].before, table[i].used), table[i].want);
	}
}

static void a_journal_for_each_node(void)
{
	CHECK_INT(vmha_chore_journals(3, 3), 0);
	CHECK_INT(vmha_chore_journals(8, 3), 0);
	CHECK_INT(vmha_chore_journals(3, 5), 2);
	CHECK_INT(vmha_chore_journals(0, 3), 0);
	CHECK_INT(vmha_chore_journals(3, 0), 0);
}

static const struct unit_test tests[] = {
	UNIT_TEST(only_a_bare_lease_is_stray),	UNIT_TEST(two_looks_some_minutes_apart),
	UNIT_TEST(more_than_there_is_room_for), UNIT_TEST(memory_that_can_never_run_again),
	UNIT_TEST(space_does_not_flap),		UNIT_TEST(a_journal_for_each_node),
};

UNIT_MAIN(tests)
