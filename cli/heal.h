/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef VMHA_CLI_HEAL_H
#define VMHA_CLI_HEAL_H

#include "lib/base/err.h"
#include "lib/base/str.h"
#include "lib/role/role.h"

/** Abort the job (migration, save) that libvirt on @node runs for the role. None is fine. */
int vmha_heal_abort(const struct vmha_role_record *rec, const char *node, struct vmha_err **err);

/**
 * Bring one role back under Pacemaker's management after a move that failed: abort what is left of
 * a job, clear the move, confirm by evidence who runs the VM, forget the failures, wait until it is
 * managed again.  Never stops the VM.
 * @param timeout_s for all of it
 * @param[out] ret_node where it runs, VMHA_NODE_SIZE bytes; "" when it is stopped
 * @return 0 managed again; -EAGAIN evidence is not clear: nothing was cleaned up; negative errno
 */
int vmha_heal_role(const struct vmha_role *role, unsigned int timeout_s, char *ret_node,
		   struct vmha_err **err);

#endif
