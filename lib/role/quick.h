/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef VMHA_ROLE_QUICK_H
#define VMHA_ROLE_QUICK_H

#include "lib/role/moving.h"
#include "lib/role/observe.h"

/**
 * First half of a quick move, on the source: save the guest onto the volume, from PREPARING (or
 * COPYING, where a live move gave up) to SAVED.
 * @return 0 saved, or ended: nothing of it is left here; -ECANCELED it runs on here; -EIO unsure
 */
int vmha_quick_save(const struct vmha_action *act, struct vmha_moving *moving,
		    const struct vmha_observation *obs, struct vmha_err **err);

/** Second half, on the target: continue it exactly. @return 0 it runs here */
int vmha_quick_restore(const struct vmha_action *act, struct vmha_err **err);

#endif
