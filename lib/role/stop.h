/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef VMHA_ROLE_STOP_H
#define VMHA_ROLE_STOP_H

#include "lib/role/action.h"

/**
 * End the role here: ask the guest to power off for act->graceful, then by force, all within the
 * action's deadline.  Needs no libvirtd: success where the VM provably is not.
 * @return 0 nothing of it is left here; -ETIMEDOUT, -EIO it is not proven: the node is to be fenced
 */
int vmha_stop(const struct vmha_action *act, struct vmha_err **err);

#endif
