/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef VMHA_CLUSTERD_VIRTCHILD_H
#define VMHA_CLUSTERD_VIRTCHILD_H

#include "lib/port/virtevent.h"

struct clusterd_virtchild;

/**
 * Keep a vmha-virtwatch running and tell what it says.  It is started anew when it ends or stops
 * beating; its end is told as LOST.
 */
struct clusterd_virtchild *clusterd_virtchild_new(vmha_virtevent_fn fn, void *data);
/** NULL is fine. */
void clusterd_virtchild_free(struct clusterd_virtchild *v);

#endif
