/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef VMHA_CLUSTERD_RATELIMIT_H
#define VMHA_CLUSTERD_RATELIMIT_H

#include <stdbool.h>

#include "lib/base/mono.h"

/* At most one log line in ten seconds for what others can cause.  Zero-initialised is ready. */
struct clusterd_ratelimit {
	struct vmha_mono next;
	unsigned int suppressed;
};

/** @return true: log it, and *ret_suppressed were kept back since the last one */
static inline bool clusterd_ratelimit_pass(struct clusterd_ratelimit *limit,
					   unsigned int *ret_suppressed)
{
	if (limit->next.ns && !vmha_mono_passed(limit->next)) {
		limit->suppressed++;
		return false;
	}
	*ret_suppressed = limit->suppressed;
	limit->suppressed = 0;
	limit->next = vmha_mono_add(vmha_mono_now(), VMHA_SPAN_S(10));
	return true;
}

#endif
