/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef VMHA_ROLE_REMNANTS_H
#define VMHA_ROLE_REMNANTS_H

#include <stdbool.h>

#include "lib/base/err.h"
#include "lib/core/volume_index.h"
#include "lib/role/intent.h"
#include "lib/role/role.h"

/*
 * What a volume has of its roles (lib/core/volume_index.h says what it should), and how what a
 * crash left is settled.  All that changes something wants the volume's lock held: then nobody is
 * in the middle of it.
 */

enum vmha_told {
	VMHA_TOLD_STEP,	   /* what was done */
	VMHA_TOLD_REMOVED, /* a file; the text is its path */
	VMHA_TOLD_WARNING, /* what was not done, and why */
};

/** Whom to tell what is done, in words. */
struct vmha_teller {
	void (*tell)(void *arg, enum vmha_told what, const char *text);
	void *arg;
};

void vmha_tell(const struct vmha_teller *teller, enum vmha_told what, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/**
 * Read what the volume and the cluster have of one role, or of all.
 * @param[out] ret_index to be freed with vmha_index_free(); the cluster silent: configuration_known
 *             is false, and that is no error
 */
int vmha_remnants_read(const char *volume, struct vmha_index *ret_index, struct vmha_err **err);
int vmha_remnants_read_one(const struct vmha_role *role, struct vmha_index *ret_index,
			   struct vmha_err **err);

/** Its lease by the volume's index. @return 1 there it is; 0 there is none; negative errno */
int vmha_role_lease_look(const struct vmha_role *role, struct vmha_lease *ret_lease,
			 struct vmha_err **err);

/** XPath of all that names the role in the cluster's configuration; caller frees, NULL: no memory
 */
char *vmha_role_resource_expr(const char *name);

/**
 * Is it proven that nobody runs with the role: lease free, no owner record?
 * @param force an owner record that is left counts for nothing; a lease that is held always does
 * @return 0; -EBUSY; negative errno
 */
int vmha_role_unused(const struct vmha_role *role, bool force, struct vmha_err **err);

/**
 * Take the role off the volume: lease, files, its directory when empty.  Its resource must be gone
 * and vmha_role_unused() hold.  May be called again after a crash anywhere in it.
 * @param disks the files of its disks too, but for those that another role uses
 */
int vmha_role_drop(const struct vmha_role *role, bool disks, const struct vmha_teller *teller,
		   struct vmha_err **err);

/**
 * Bring what was begun with the role to its end: undone before its commit, finished behind it.
 * @return 1 something was settled; 0 there was nothing to settle (a role without intent is left
 * alone, whatever it lacks); -EBUSY somebody runs with it; -EAGAIN the cluster does not tell;
 * negative errno
 */
int vmha_remnants_settle(const struct vmha_role *role, const struct vmha_teller *teller,
			 struct vmha_err **err);

/**
 * vmha_remnants_settle() and vmha_role_tidy() for all roles of the volume, for a coordinator's
 * chores.  One that cannot
 * be settled is told and does not hold up the others.
 * @return how many were settled; negative errno
 */
int vmha_remnants_settle_all(const char *volume, const struct vmha_teller *teller,
			     struct vmha_err **err);

#endif
