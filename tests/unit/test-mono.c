/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <string.h>
#include <sys/time.h>
#include <unistd.h>

#include "lib/base/mono.h"
#include "tests/unit/unit.h"

static void now_goes_forward(void)
{
	struct vmha_mono a = vmha_mono_now();
	struct vmha_mono b = vmha_mono_now();

	CHECK(a.ns > 0);
	CHECK(vmha_mono_diff(a, b).ns >= 0);
	CHECK(vmha_mono_diff(b, a).ns <= 0);
}

static void add_and_diff(void)
{
	struct vmha_mono t = { .ns = 5 };

	CHECK_INT(vmha_mono_add(t, VMHA_SPAN_MS(2)).ns, 2000005);
	CHECK_INT(vmha_mono_diff(t, vmha_mono_add(t, VMHA_SPAN_S(3))).ns, 3000000000);
	CHECK_INT(vmha_span_ms(VMHA_SPAN_S(3)), 3000);
	CHECK_INT(vmha_span_ms((struct vmha_span){ .ns = 1999999 }), 1);
	CHECK_INT(vmha_span_ms((struct vmha_span){ .ns = -1999999 }), -1);
}

static void passed_and_left(void)
{
	struct vmha_mono now = vmha_mono_now();

	CHECK(vmha_mono_passed(now));
	CHECK(!vmha_mono_passed(vmha_mono_add(now, VMHA_SPAN_S(60))));
	CHECK_INT(vmha_mono_left_ms(now), 0);
	CHECK_INT(vmha_mono_left_ms((struct vmha_mono){ .ns = 0 }), 0);
	CHECK_INT(vmha_mono_left_ms(vmha_mono_add(now, VMHA_SPAN_S(86400LL * 365))), INT_MAX);
	/* rounded up: a poll with it never wakes before the deadline */
	CHECK(vmha_mono_left_ms(vmha_mono_add(vmha_mono_now(), VMHA_SPAN_S(60))) > 59000);
	CHECK(vmha_mono_left_ms(vmha_mono_add(vmha_mono_now(), VMHA_SPAN_S(60))) <= 60000);
}

static void readable_or_too_late(void)
{
	struct vmha_mono now = vmha_mono_now();
	int fds[2];

	CHECK_INT(pipe(fds), 0);
	CHECK_INT(vmha_mono_wait_readable(fds[0], now), -ETIMEDOUT);
	CHECK_INT(vmha_mono_wait_readable(fds[0], vmha_mono_add(now, VMHA_SPAN_MS(30))),
		  -ETIMEDOUT);
	CHECK(vmha_mono_passed(vmha_mono_add(now, VMHA_SPAN_MS(30))));
	CHECK_INT(write(fds[1], "x", 1), 1);
	CHECK_INT(vmha_mono_wait_readable(fds[0], now), 0); /* what is there is never too late */
	CHECK_INT(close(fds[1]), 0);
	CHECK_INT(close(fds[0]), 0);
}

static void on_alarm(int sig)
{
	(void)sig;
}

static void pace_survives_signals(void)
{
	struct itimerval it = { .it_interval = { .tv_usec = 3000 },
				.it_value = { .tv_usec = 3000 } };
	struct itimerval none = { 0 };
	struct sigaction sa = { .sa_handler = on_alarm };
	struct vmha_mono start;

	CHECK_INT(sigaction(SIGALRM, &sa, NULL), 0);
	CHECK_INT(setitimer(ITIMER_REAL, &it, NULL), 0);
	start = vmha_mono_now();
	vmha_mono_pace(VMHA_SPAN_MS(50));
	CHECK(vmha_span_ms(vmha_mono_diff(start, vmha_mono_now())) >= 50);
	CHECK_INT(setitimer(ITIMER_REAL, &none, NULL), 0);
	vmha_mono_pace(VMHA_SPAN_MS(-5)); /* nothing to wait for */
}

static const struct unit_test tests[] = {
	UNIT_TEST(now_goes_forward),	  UNIT_TEST(add_and_diff),
	UNIT_TEST(passed_and_left),	  UNIT_TEST(readable_or_too_late),
	UNIT_TEST(pace_survives_signals),
};

UNIT_MAIN(tests)
