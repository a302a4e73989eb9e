/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef VMHA_ROLE_VOLUMELOCK_H
#define VMHA_ROLE_VOLUMELOCK_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/base/err.h"
#include "lib/port/lock_dlm.h"

/*
 * The two locks that a volume has, by its record's `lock`: in the DLM lockspace `vmha-VOLUME`, or
 * as leases of sanlock on the volume itself.
 *
 * admin        held while something is made, changed or removed that more than one role has to do
 *              with: leases, definitions, the records of roles and of the volume
 * coordinator  held by the one node that does the volume's chores
 *
 * Records that only the owner of a role writes (owner, state, move) need neither: the role's
 * own lease and the hand-over of its owner record put those in order (lib/role/owner.c), and a
 * guest that stands still for a move must not wait for an administrator.
 */
#define VMHA_LOCK_ADMIN	      "admin"
#define VMHA_LOCK_COORDINATOR "coordinator"
#define VMHA_LOCK_WAIT_S      60 /* what commands wait for one another */

struct vmha_volume_guard {
	/* Set before or left 0: called once each time the lock turns out to be another's. */
	void (*waits)(const char *holder, void *data);
	void *data;
	/* The rest is the lock's own business. */
	bool held;
	int lease;
	struct vmha_dlm *dlm;
};

/** "vmha-VOLUME". @param[out] name VMHA_LOCKSPACE_SIZE bytes */
#define VMHA_LOCKSPACE_SIZE 64
void vmha_volume_dlm_name(const char *volume, char *name);

/** Is the volume's lock the DLM's, by its record? @return 1, 0; negative errno: unreadable */
int vmha_volume_uses_dlm(const char *volume, struct vmha_err **err);

/**
 * Take the admin lock of a volume that is started on this node; it ends with this process too.
 * @param wait_s at most so long
 * @return 0; -EBUSY another has it still, its node named; -EHOSTDOWN this node has not joined the
 * volume, or its lock manager is not there; negative errno
 */
int vmha_volume_lock(const char *volume, unsigned int wait_s, struct vmha_volume_guard *guard,
		     struct vmha_err **err);
/** Harmless where it is not held. */
void vmha_volume_unlock(struct vmha_volume_guard *guard);
#define vmha_autolock __attribute__((cleanup(vmha_volume_unlock)))

/** Who has a lock of the volume's now. */
struct vmha_volume_holder {
	bool held;
	bool dead;	/* sanlock: its node's time is over, the lease may be taken */
	uint64_t node;	/* corosync node id; who had it last where it is not held; 0: nobody yet */
	uint64_t epoch; /* raised by each change of the holder; of the DLM's admin lock 0 */
};

/**
 * @param which VMHA_LOCK_ADMIN or VMHA_LOCK_COORDINATOR
 * @return 0; -ENOENT sanlock: no such lease (a volume of an older release that no coordinator has
 * looked after yet); negative errno
 */
int vmha_volume_holder(const char *volume, const char *which, struct vmha_mono deadline,
		       struct vmha_volume_holder *ret_holder, struct vmha_err **err);

#endif
