/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef VMHA_ROLE_START_H
#define VMHA_ROLE_START_H

#include "lib/role/action.h"

/**
 * Run the role here, within the action's deadline: adopt what runs here already, wait until lease
 * and owner record are clear, continue valid saved memory, else boot.
 * @return 0; -ETIMEDOUT still waiting, for whom in @err; negative errno
 */
int vmha_start(const struct vmha_action *act, struct vmha_err **err);

/** Wait until lease and owner record let this node have the role, and become owner. */
int vmha_start_claim(const struct vmha_action *act, struct vmha_err **err);

#endif
