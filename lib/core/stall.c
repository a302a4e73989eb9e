/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lib/core/stall.h"

#define NOISE 20 /* a twentieth less is less */

bool vmha_stall_progress(struct vmha_stall *s, uint64_t processed, uint64_t remaining,
			 uint64_t iteration)
{
	bool moved = processed != s->processed || remaining != s->remaining;

	if (iteration != s->iteration) {
		if (s->iteration > 1 && (!s->best || s->peak < s->best)) {
			s->best = s->peak;
		}
		s->iteration = iteration;
		s->peak = 0;
	}
	if (remaining > s->peak) {
		s->peak = remaining;
	}
	s->processed = processed;
	s->remaining = remaining;
	if (iteration > 1 && s->best) {
		return moved && s->peak < s->best - s->best / NOISE;
	}
	return moved;
}
