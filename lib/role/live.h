/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef VMHA_ROLE_LIVE_H
#define VMHA_ROLE_LIVE_H

#include "lib/core/plan.h"
#include "lib/role/moving.h"
#include "lib/role/observe.h"

/**
 * Copy a running guest to @moving->rec.to and follow it there, from PREPARING to a final state or
 * UNSURE.  libvirtd carries the migration: if this process is killed it goes on, and a later call
 * attaches to it.  A network that fails before memory flows is followed by the next of @plan.
 * @return 0 the guest went over, or is proven to be gone from here; -ETIME it does not converge
 * (runs on here); -ECANCELED it runs on here for another reason; -EIO unsure: neither end confirms
 */
int vmha_live_run(const struct vmha_action *act, struct vmha_moving *moving,
		  struct vmha_observation *obs, const struct vmha_plan *plan,
		  struct vmha_err **err);

/** Follow a job that an earlier agent began. @return as vmha_live_run() */
int vmha_live_attach(const struct vmha_action *act, struct vmha_moving *moving,
		     struct vmha_observation *obs, struct vmha_err **err);

#endif
