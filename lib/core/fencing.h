/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef VMHA_CORE_FENCING_H
#define VMHA_CORE_FENCING_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/core/renewal.h"

/* What is known of one life of a node: from when it joined the lockspace until it is off. */
struct vmha_life {
	int64_t record_s; /* when it wrote its owner record: time of day by its own clock */
	struct vmha_host_seen seen;
	/* both clocks of this node, read together */
	uint64_t mono_s;
	int64_t now_s;
};

/**
 * Did a successful fencing end that life, and not an earlier one of the same node?  Pure.
 * @param fenced_s when it was done, time of day as this node's Pacemaker has it
 */
bool vmha_fencing_ended(int64_t fenced_s, const struct vmha_life *life);

#endif
