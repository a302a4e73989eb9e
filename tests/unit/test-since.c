/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdlib.h>
#include <time.h>

#include "cli/since.h"
#include "tests/unit/unit.h"

#define NOW 1795309200000 /* 2026-11-22 01:00:00 UTC */

static int64_t since(const char *text)
{
	int64_t ms = -1;

	CHECK_INT(vmha_since_parse(text, NOW, &ms), 0);
	return ms;
}

static void durations_are_before_now(void)
{
	CHECK_INT(since("0s"), NOW);
	CHECK_INT(since("30s"), NOW - 30000);
	CHECK_INT(since("10m"), NOW - 600000);
	CHECK_INT(since("2h"), NOW - 7200000);
	CHECK_INT(since("7d"), NOW - INT64_C(604800000));
}

static void times_are_local_or_utc(void)
{
	CHECK_INT(setenv("TZ", "UTC-2", 1), 0); /* two hours east */
	tzset();
	CHECK_INT(since("03:00"), NOW);
	CHECK_INT(since("00:30Z"), NOW - 1800000);
	CHECK_INT(since("00:30:05Z"), NOW - 1795000);
	CHECK_INT(since("2026-11-22"), NOW - 3 * 3600000);
	CHECK_INT(since("2026-11-22Z"), NOW - 3600000);
	CHECK_INT(since("2026-11-21 23:00"), NOW - 4 * 3600000);
	CHECK_INT(since("2026-11-22T00:59:59Z"), NOW - 1000);
}

static void nonsense_is_refused(void)
{
	static const char *const bad[] = { "",
					   "x",
					   "10",
					   "10x",
					   "10m5",
					   "-5m",
					   "99999999d",
					   "25:00",
					   "2026-13-01",
					   "12:30 ",
					   "2026-11-22 12:30 and some more text" };
	int64_t ms = 7;
	size_t i;

	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		CHECK_INT(vmha_since_parse(bad[i], NOW, &ms), -EINVAL);
	}
	CHECK_INT(ms, 7);
}

static const struct unit_test tests[] = {
	UNIT_TEST(durations_are_before_now),
	UNIT_TEST(times_are_local_or_utc),
	UNIT_TEST(nonsense_is_refused),
};

UNIT_MAIN(tests)
