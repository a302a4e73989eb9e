/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lib/base/mono.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <time.h>

#define NS_PER_S  1000000000
#define NS_PER_MS 1000000

struct vmha_mono vmha_mono_now(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC,
			    &ts); /* cannot fail with this clock and a valid pointer */
	return (struct vmha_mono){ .ns = (int64_t)ts.tv_sec * NS_PER_S + ts.tv_nsec };
}

struct vmha_mono vmha_mono_add(struct vmha_mono t, struct vmha_span d)
{
	return (struct vmha_mono){ .ns = t.ns + d.ns };
}

struct vmha_span vmha_mono_diff(struct vmha_mono a, struct vmha_mono b)
{
	return (struct vmha_span){ .ns = b.ns - a.ns };
}

int64_t vmha_span_ms(struct vmha_span d)
{
	return d.ns / NS_PER_MS;
}

bool vmha_mono_passed(struct vmha_mono deadline)
{
	return vmha_mono_now().ns >= deadline.ns;
}

int vmha_mono_left_ms(struct vmha_mono deadline)
{
	int64_t left = deadline.ns - vmha_mono_now().ns;

	if (left <= 0) {
		return 0;
	}
	left = (left + NS_PER_MS - 1) / NS_PER_MS;
	return left > INT_MAX ? INT_MAX : (int)left;
}

int vmha_mono_wait_readable(int fd, struct vmha_mono deadline)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	int n;

	do {
		n = poll(&p, 1, vmha_mono_left_ms(deadline));
	} while (n < 0 && errno == EINTR);
	return n > 0 ? 0 : n == 0 ? -ETIMEDOUT : -errno;
}

void vmha_mono_pace(struct vmha_span d)
{
	struct vmha_mono until = vmha_mono_add(vmha_mono_now(), d);
	struct timespec ts = { .tv_sec = until.ns / NS_PER_S, .tv_nsec = until.ns % NS_PER_S };

	while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &ts, NULL) == EINTR) {
	}
}
