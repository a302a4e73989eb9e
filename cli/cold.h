/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef VMHA_CLI_COLD_H
#define VMHA_CLI_COLD_H

#include "lib/base/err.h"

/**
 * Stop a running VM, start it on another node, and wait for it: it boots.  No memory moves, so
 * clusterd's queue is not asked.  When it does not stop in time, or a signal held by
 * vmha_interrupt_hold() comes, it is enabled again where the cluster likes.
 * @param to  NULL: the node Pacemaker scores best
 * @param timeout_s  of each half; 0: 600
 * @return 0; -EAGAIN it runs elsewhere than wanted; negative errno
 */
int vmha_cold_move(const char *vm, const char *to, unsigned int timeout_s, struct vmha_err **err);

#endif
