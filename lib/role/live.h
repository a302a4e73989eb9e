/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef VMHA_ROLE_LIVE_H
#define VMHA_ROLE_LIVE_H

#include "lib/role/moving.h"
#include "lib/role/observe.h"

/**
 * Copy a running guest to @moving->rec.to and follow it there, from PREPARING to a final state or
 * UNSURE.  libvirtd carries the migration: if this process is killed it goes on (or a later call
 * attaches to it).
 * @param attach a job of an earlier call is under way: only follow it
 * @return 0 the guest went over, or is proven to be gone from here; -ETIME it does not converge
 * (runs on here); -ECANCELED it runs on here for another reason; -EIO unsure: neither end confirms
 */
int vmha_live_run(const struct vmha_action *act, struct vmha_moving *moving,
		  struct vmha_observation *obs, bool attach, struct vmha_err **err);

enum vmha_settled {
	VMHA_SETTLED_HERE,   /* runs here with its lease, or a user or an I/O error paused it */
	VMHA_SETTLED_TARGET, /* the target took the lease, even if it has lost it again since */
	VMHA_SETTLED_GONE,   /* no process here, and the target never had the lease */
};

/**
 * How did a migration end?  Confirms by evidence on both ends, applies the lease rule, lets a
 * paused source go on where it is the guest, up to 30 s.  For after a failed or interrupted
 * migration.
 * @param lver that the guest held here before
 * @return of enum vmha_settled; -EIO neither end confirms
 */
int vmha_live_settle(const struct vmha_action *act, const char *target, uint64_t lver,
		     struct vmha_observation *ret_obs, struct vmha_err **err);

#endif
