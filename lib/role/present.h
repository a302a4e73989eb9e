/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef VMHA_ROLE_PRESENT_H
#define VMHA_ROLE_PRESENT_H

#include "lib/role/leaserule.h"

/** Make the records say what is: owner and run record of the guest that @obs found with its lease.
 */
int vmha_present_record(const struct vmha_action *act, const struct vmha_observation *obs,
			struct vmha_err **err);

/** Nothing of the role is left on this node: forget its process. */
int vmha_present_forget(const struct vmha_action *act, struct vmha_err **err);

/**
 * Let a source go on that a failed migration left paused: its lease is taken at exactly the
 * recorded lver, then the guest is continued; if the lease moved on, the process is killed.
 * @return 0 it runs; -EPERM or -EBUSY it was stale and is dead; negative errno
 */
int vmha_source_resume(const struct vmha_action *act, struct vmha_observation *obs,
		       struct vmha_err **err);

/** @return true: only the target of a migration, which never held the lease here */
bool vmha_present_is_incoming(const struct vmha_action *act, const struct vmha_observation *obs);

/**
 * The guest is on this node as it should be: no job is left, so an open record of a move ends KEPT.
 */
void vmha_present_close_move(const struct vmha_action *act);

#endif
