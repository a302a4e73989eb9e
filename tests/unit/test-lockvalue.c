/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <string.h>

#include "lib/core/lockvalue.h"
#include "tests/unit/unit.h"

/* The bytes are what nodes of other machines and releases read. */
static void bytes_are_these(void)
{
	const struct vmha_lockvalue v = { .node = 0x0102, .epoch = 0x030405 };
	static const unsigned char want[VMHA_LOCKVALUE_BYTES] = { 'V', 'M', 'H', 'A', 1, 0, 0,
								  0,   2,   1,	 0,   0, 0, 0,
								  0,   0,   5,	 4,   3 };
	unsigned char bytes[VMHA_LOCKVALUE_BYTES];
	struct vmha_lockvalue back = { 0 };

	memset(bytes, 0xff, sizeof(bytes));
	vmha_lockvalue_print(&v, bytes);
	CHECK(memcmp(bytes, want, sizeof(want)) == 0);
	CHECK(vmha_lockvalue_parse(bytes, &back));
	CHECK_INT(back.node, v.node);
	CHECK_INT(back.epoch, v.epoch);
}

static void what_is_none_is_refused(void)
{
	unsigned char bytes[VMHA_LOCKVALUE_BYTES] = { 0 };
	struct vmha_lockvalue v = { .node = 9, .epoch = 9 };

	CHECK(!vmha_lockvalue_parse(bytes, &v)); /* of a new lockspace */
	vmha_lockvalue_print(&v, bytes);
	bytes[4] = 2; /* of a later release */
	CHECK(!vmha_lockvalue_parse(bytes, &v));
	CHECK_INT(v.epoch, 9);
}

static const struct unit_test tests[] = {
	UNIT_TEST(bytes_are_these),
	UNIT_TEST(what_is_none_is_refused),
};

UNIT_MAIN(tests)
