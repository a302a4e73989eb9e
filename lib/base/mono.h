/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef VMHA_BASE_MONO_H
#define VMHA_BASE_MONO_H

#include <stdbool.h>
#include <stdint.h>

/*
 * Monotonic time (CLOCK_MONOTONIC).  A point in time and a span are two types, so that seconds,
 * milliseconds, absolute and relative cannot be mixed by accident.
 */
struct vmha_mono {
	int64_t ns; /* since an arbitrary start */
};

struct vmha_span {
	int64_t ns;
};

#define VMHA_SPAN_MS(ms_) ((struct vmha_span){ .ns = (int64_t)(ms_)*1000000 })
#define VMHA_SPAN_S(s_)	  ((struct vmha_span){ .ns = (int64_t)(s_)*1000000000 })

struct vmha_mono vmha_mono_now(void);
struct vmha_mono vmha_mono_add(struct vmha_mono t, struct vmha_span d);
/** @return b - a, negative when @b is before @a */
struct vmha_span vmha_mono_diff(struct vmha_mono a, struct vmha_mono b);
/** @return whole milliseconds in @d, rounded towards zero */
int64_t vmha_span_ms(struct vmha_span d);
/** @return true when @deadline is now or past */
bool vmha_mono_passed(struct vmha_mono deadline);
/** Time left as poll(2) wants it. @return ms rounded up, 0 when past, at most INT_MAX */
int vmha_mono_left_ms(struct vmha_mono deadline);
/** Wait until @fd can be read (a pidfd: its process has ended). @return 0; -ETIMEDOUT; negative
 * errno */
int vmha_mono_wait_readable(int fd, struct vmha_mono deadline);
/** Wait out the span whatever signals come; only for the pace of a poll of something that has no
 * events. */
void vmha_mono_pace(struct vmha_span d);

#endif
