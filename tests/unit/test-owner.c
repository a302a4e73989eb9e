/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "lib/role/owner.h"
#include "tests/unit/unit.h"

static const struct vmha_action self = { .host_id = 2, .generation = 7 };

static enum vmha_clear judge(bool takeable, uint64_t host_id, uint64_t generation,
			     unsigned int looks)
{
	const struct vmha_lease_owner owner = {
		.held = true,
		.takeable = takeable,
		.host = { .host_id = host_id, .generation = generation },
	};

	return vmha_owner_judge_lease(&self, &owner, looks);
}

static void a_free_lease_is_clear(void)
{
	const struct vmha_lease_owner owner = { .host = { .host_id = 3, .generation = 1 } };

	CHECK_INT(vmha_owner_judge_lease(&self, &owner, 0), VMHA_CLEAR_YES);
}

static void a_release_under_way_is_given_its_time(void)
{
	CHECK_INT(judge(false, 2, 7, 0), VMHA_CLEAR_WAIT);
	CHECK_INT(judge(true, 2, 7, VMHA_OWNER_LOOKS - 1), VMHA_CLEAR_WAIT);
	CHECK_INT(judge(false, 2, 7, VMHA_OWNER_LOOKS), VMHA_CLEAR_YES);
}

static void nothing_makes_a_lease_of_others_ours(void)
{
	CHECK_INT(judge(false, 3, 7, 100), VMHA_CLEAR_WAIT); /* another node */
	CHECK_INT(judge(false, 2, 6, 100), VMHA_CLEAR_WAIT); /* an earlier life of this one */
	CHECK_INT(judge(false, 2, 8, 100), VMHA_CLEAR_WAIT);
	CHECK_INT(judge(true, 3, 7, 0), VMHA_CLEAR_YES); /* its owner is dead or was released */
	CHECK_INT(judge(true, 2, 6, 0), VMHA_CLEAR_YES);
}

static void a_node_outside_of_the_lockspace_has_no_lease(void)
{
	static const struct vmha_action outside = { .generation = 0 };
	const struct vmha_lease_owner owner = { .held = true };

	CHECK_INT(vmha_owner_judge_lease(&outside, &owner, 100), VMHA_CLEAR_WAIT);
}

static void a_life_is_judged_by_its_own_generation(void)
{
	static const struct {
		uint64_t generation;
		enum vmha_host_state state;
		enum vmha_host_life want;
	} rows[] = {
		{ 7, VMHA_HOST_LIVE, VMHA_HOST_LIFE_OPEN },
		{ 7, VMHA_HOST_UNKNOWN, VMHA_HOST_LIFE_OPEN },
		{ 7, VMHA_HOST_FAIL, VMHA_HOST_LIFE_DEAD },
		{ 7, VMHA_HOST_DEAD, VMHA_HOST_LIFE_DEAD },
		{ 7, VMHA_HOST_FREE, VMHA_HOST_LIFE_OVER },
		/* joined anew */
		{ 8, VMHA_HOST_LIVE, VMHA_HOST_LIFE_OVER },
		{ 8, VMHA_HOST_DEAD, VMHA_HOST_LIFE_OVER },
		{ 8, VMHA_HOST_FREE, VMHA_HOST_LIFE_OVER },
		/* not seen yet: that an earlier life left is no proof */
		{ 6, VMHA_HOST_LIVE, VMHA_HOST_LIFE_OPEN },
		{ 6, VMHA_HOST_DEAD, VMHA_HOST_LIFE_DEAD },
		{ 6, VMHA_HOST_FREE, VMHA_HOST_LIFE_DEAD },
	};
	const struct vmha_owner_record record = { .host_id = 3, .generation = 7 };
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct vmha_host host = { .host_id = 3,
						.generation = rows[i].generation,
						.state = rows[i].state };

		CHECK_INT(vmha_owner_judge_host(&record, &host), rows[i].want);
	}
}

static const struct unit_test tests[] = {
	UNIT_TEST(a_free_lease_is_clear),
	UNIT_TEST(a_release_under_way_is_given_its_time),
	UNIT_TEST(nothing_makes_a_lease_of_others_ours),
	UNIT_TEST(a_node_outside_of_the_lockspace_has_no_lease),
	UNIT_TEST(a_life_is_judged_by_its_own_generation),
};

UNIT_MAIN(tests)
