/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef VMHA_ROLE_STATE_H
#define VMHA_ROLE_STATE_H

#include "lib/role/observe.h"

/*
 * Saved memory on the volume: <vm>.state and, written after it, <vm>.state.rec.  A state file
 * without a record is a save that was cut short.  I3: memory may run only on the disks it left.
 */

/** Remove whatever saved memory lies there, record first. */
int vmha_state_remove(const struct vmha_action *act, struct vmha_err **err);

/**
 * Make a finished save durable and valid: fsync of the file, then the record.  The guest must be
 * gone from here and its disks at rest.
 * @param lver that the guest held when it stopped
 */
int vmha_state_seal(const struct vmha_action *act, uint64_t lver, struct vmha_err **err);

enum vmha_state_answer {
	VMHA_STATE_NONE,
	VMHA_STATE_VALID,
	VMHA_STATE_INVALID, /* must not run: why in @err */
};

/**
 * May the saved memory run?
 * @param[out] ret_rec filled when VALID
 * @return 0; negative errno: cannot be told (I4): do not start
 */
int vmha_state_check(const struct vmha_action *act, enum vmha_state_answer *ret_answer,
		     struct vmha_state_record *ret_rec, struct vmha_err **why);

/** Rename file and record to <vm>.state.aside-TIME[.rec], say so and why. */
int vmha_state_aside(const struct vmha_action *act, const char *why, struct vmha_err **err);

/**
 * Restore exactly: paused, lease taken at the recorded lver, only then continued; then the state is
 * removed.  The owner record must be this node's.
 * @param[out] ret_obs the running guest
 * @return 0; -EPERM the lease moved on: set it aside; -EILSEQ libvirt cannot use the file; else:
 * try again later
 */
int vmha_state_restore(const struct vmha_action *act, const struct vmha_state_record *rec,
		       struct vmha_observation *ret_obs, struct vmha_err **err);

#endif
