/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>

#include "lib/core/renewal.h"
#include "tests/unit/unit.h"

/* io_timeout 10 is sanlock's default: what its log says with -D (src/timeouts.c, log_timeouts()) */
static void times_are_those_of_sanlock(void)
{
	static const struct vmha_lease_times rows[] = {
		{ 1, 2, 3, 6, 8, 48, 68, 68, 3, 74, 6, 75 },
		{ 2, 4, 6, 12, 16, 56, 76, 76, 5, 88, 12, 90 },
		{ 10, 20, 27, 60, 80, 120, 140, 140, 21, 200, 60, 210 },
		{ 60, 120, 160, 360, 480, 520, 540, 540, 121, 900, 360, 960 },
	};
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct vmha_lease_times *want = &rows[i];
		struct vmha_lease_times t = vmha_lease_times(want->io_timeout_s);

		CHECK_INT(t.io_timeout_s, want->io_timeout_s);
		CHECK_INT(t.renewal_s, want->renewal_s);
		CHECK_INT(t.late_s, want->late_s);
		CHECK_INT(t.warn_s, want->warn_s);
		CHECK_INT(t.fail_s, want->fail_s);
		CHECK_INT(t.kill_s, want->kill_s);
		CHECK_INT(t.watchdog_s, want->watchdog_s);
		CHECK_INT(t.host_dead_s, want->host_dead_s);
		CHECK_INT(t.join_s, want->join_s);
		CHECK_INT(t.join_max_s, want->join_max_s);
		CHECK_INT(t.acquire_free_max_s, want->acquire_free_max_s);
		CHECK_INT(t.acquire_held_max_s, want->acquire_held_max_s);
	}
}

static void samples_are_ranked(void)
{
	uint64_t samples[200];
	struct vmha_latency l;
	char text[200];
	size_t i;

	for (i = 0; i < 200; i++) {
		samples[i] = (200 - i) * 1000;
	}
	l = vmha_latency_of(samples, 200);
	CHECK_INT(l.count, 200);
	CHECK_INT(l.p50_us, 100000);
	CHECK_INT(l.p99_us, 198000);
	CHECK_INT(l.max_us, 200000);
	CHECK_STR(vmha_latency_text(&l, text, sizeof(text)),
		  "measured 200 renewals: p50 100.0 ms, p99 198.0 ms, slowest 200.0 ms");
	l = vmha_latency_of(samples, 1);
	CHECK_INT(l.p50_us, 1000);
	CHECK_INT(l.max_us, 1000);
	l = vmha_latency_of(samples, 0);
	CHECK_STR(vmha_latency_text(&l, text, sizeof(text)), "not measured");
}

static void io_timeout_fits_the_storage(void)
{
	static const struct {
		uint64_t max_us;
		unsigned int io_timeout_s;
		const char *says;
	} rows[] = {
		{ 0, 10, "slowest x 10 = 0.00 s -> io_timeout 10 s (never less" },
		{ 5000, 10, "slowest x 10 = 0.05 s -> io_timeout 10 s (never less" },
		{ 1000000, 10, "outlast 80 s" },
		{ 1000001, 11, "slowest x 10 = 10.00 s -> io_timeout 11 s" },
		{ 1500000, 15, "slowest x 10 = 15.00 s -> io_timeout 15 s" },
		{ 6000000, 60, "slowest x 10 = 60.00 s -> io_timeout 60 s" },
		{ 6000001, 60, "too slow for leases" },
		{ UINT64_MAX, 60, "too slow for leases" },
	};
	char text[300];
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct vmha_latency l = { .count = 1, .max_us = rows[i].max_us };
		struct vmha_io_choice c = vmha_io_timeout_choose(&l);

		CHECK_INT(c.io_timeout_s, rows[i].io_timeout_s);
		CHECK_HAS(vmha_io_choice_text(&c, text, sizeof(text)), rows[i].says);
	}
}

static void history_is_read(void)
{
	static const char text[] =
		"timestamp=100 read_ms=3 write_ms=1 next_timeouts=0 next_errors=0\n"
		"rubbish\n"
		"timestamp=0 read_ms=3 write_ms=1 next_timeouts=0 next_errors=0\n"
		"timestamp=120 read_ms=4 write_ms=2 next_timeouts=5 next_errors=6\n"
		"timestamp=140 read_ms=5 write_ms=3 next_timeouts=0 next_errors=0";
	struct vmha_renewal r[4] = { 0 };

	CHECK_INT(vmha_renewals_parse(text, r, 4), 3);
	CHECK_INT(r[1].at_s, 120);
	CHECK_INT(r[1].read_ms, 4);
	CHECK_INT(r[1].write_ms, 2);
	CHECK_INT(r[1].timeouts, 5);
	CHECK_INT(r[1].errors, 6);
	CHECK_INT(vmha_renewals_parse(text, r, 2), 2);
	CHECK_INT(r[0].at_s, 120); /* the last two */
	CHECK_INT(r[1].at_s, 140);
	CHECK_INT(vmha_renewals_parse("", r, 4), 0);
	CHECK_INT(vmha_renewals_parse(text, r, 0), 0);
}

/* Renewals at 1000, 1020, and as the row says; io_timeout 10: late after 27 s, acted on at 80 s. */
static void renewals_are_judged(void)
{
	static const struct {
		uint64_t third_s; /* 0: it did not come */
		uint64_t since_s;
		uint64_t now_s;
		enum vmha_renewal_state state;
		uint64_t gap_s;
		bool over;
		uint64_t act_s;
	} rows[] = {
		{ 1040, 0, 1050, VMHA_RENEWAL_OK, 20, false, 1120 },
		{ 0, 0, 1048, VMHA_RENEWAL_OK, 20, false, 1100 },      /* whole seconds */
		{ 0, 0, 1049, VMHA_RENEWAL_LATE, 29, false, 1100 },    /* none comes */
		{ 1049, 0, 1050, VMHA_RENEWAL_LATE, 29, true, 1100 },  /* it came */
		{ 1049, 1049, 1050, VMHA_RENEWAL_OK, 0, false, 1129 }, /* told before */
		{ 0, 1020, 1049, VMHA_RENEWAL_LATE, 29, false, 1100 },
		{ 0, 0, 1082, VMHA_RENEWAL_FAILING, 62, false, 1100 },
		{ 1085, 0, 1090, VMHA_RENEWAL_FAILING, 65, true, 1100 },
		{ 1060, 0, 1089, VMHA_RENEWAL_LATE, 29, false, 1140 }, /* what lasts comes first */
		{ 0, 0, 1010, VMHA_RENEWAL_OK, 20, false, 1100 }, /* asked before it was read */
	};
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct vmha_renewal r[3] = { { .at_s = 1000 },
					     { .at_s = 1020, .read_ms = 7, .write_ms = 2 },
					     { .at_s = rows[i].third_s, .read_ms = 4 } };
		struct vmha_renewal_view v = vmha_renewals_judge(
			r, rows[i].third_s ? 3 : 2, rows[i].since_s, rows[i].now_s, 10);

		CHECK_INT(v.state, rows[i].state);
		CHECK_INT(v.gap_s, rows[i].gap_s);
		CHECK_INT(v.over, rows[i].over);
		CHECK_INT(v.act_s, rows[i].act_s);
		if (!rows[i].since_s) {
			CHECK_INT(v.max_ms, 9);
		}
	}
}

static void no_renewal_is_no_verdict(void)
{
	struct vmha_renewal one = { .at_s = 1000 };
	struct vmha_renewal_view v = vmha_renewals_judge(&one, 0, 0, 5000, 10);

	CHECK_INT(v.state, VMHA_RENEWAL_OK);
	CHECK_INT(v.last_s, 0);
	CHECK_INT(v.act_s, 0);
	v = vmha_renewals_judge(&one, 1, 0, 1010, 10);
	CHECK_INT(v.state, VMHA_RENEWAL_OK);
	CHECK_INT(v.last_s, 1000);
}

/* As sanlock 3.8.5 prints them; host 3 has left. */
static const char HOSTS[] = "1 timestamp 2397\n    last_check=2410\n    last_live=2400\n"
			    "    last_req=0\n    owner_id=1\n    owner_generation=4\n"
			    "    timestamp=2397\n    io_timeout=10\n    owner_name=node1\n"
			    "3 timestamp 0\n    last_check=2410\n    last_live=1900\n"
			    "    last_req=0\n    owner_id=3\n    owner_generation=2\n"
			    "    timestamp=0\n    io_timeout=10\n    owner_name=node3\n";

static void what_was_seen_of_a_host(void)
{
	struct vmha_host_seen seen = { 0 };

	CHECK_INT(vmha_host_seen_parse(HOSTS, 1, &seen), 0);
	CHECK_INT(seen.live_s, 2400);
	CHECK_INT(seen.up_s, 2397);
	CHECK_INT(seen.generation, 4);
	CHECK_INT(seen.io_timeout_s, 10);
	CHECK_INT(vmha_host_seen_parse(HOSTS, 3, &seen), 0);
	CHECK_INT(seen.live_s, 1900);
	CHECK_INT(seen.up_s, 0);
}

static void what_was_not_seen_of_a_host(void)
{
	struct vmha_host_seen seen = { .live_s = 7 };

	CHECK_INT(vmha_host_seen_parse(HOSTS, 2, &seen), -ENOENT);
	CHECK_INT(vmha_host_seen_parse("", 1, &seen), -ENOENT);
	/* cut short: half an answer is none */
	CHECK_INT(vmha_host_seen_parse("1 timestamp 2397\n    last_live=2400\n", 1, &seen),
		  -ENOENT);
	CHECK_INT(vmha_host_seen_parse("error -2 (null)\n", 1, &seen), -ENOENT);
	CHECK_INT(seen.live_s, 7);
}

static const struct unit_test tests[] = {
	UNIT_TEST(times_are_those_of_sanlock),	UNIT_TEST(samples_are_ranked),
	UNIT_TEST(io_timeout_fits_the_storage), UNIT_TEST(history_is_read),
	UNIT_TEST(renewals_are_judged),		UNIT_TEST(no_renewal_is_no_verdict),
	UNIT_TEST(what_was_seen_of_a_host),	UNIT_TEST(what_was_not_seen_of_a_host),
};
UNIT_MAIN(tests)
