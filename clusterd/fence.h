/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef VMHA_CLUSTERD_FENCE_H
#define VMHA_CLUSTERD_FENCE_H

#include <jansson.h>

struct clusterd;

/** Pacemaker's fencer did something: a line of vmha-cibwatch, whose event is "fence". */
void clusterd_fence_note(struct clusterd *c, const json_t *line);

#endif
