/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef VMHA_ROLE_SETTLE_H
#define VMHA_ROLE_SETTLE_H

#include "lib/role/observe.h"

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
int vmha_settle(const struct vmha_action *act, const char *target, uint64_t lver,
		struct vmha_observation *ret_obs, struct vmha_err **err);

#endif
