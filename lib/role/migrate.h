/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef VMHA_ROLE_MIGRATE_H
#define VMHA_ROLE_MIGRATE_H

#include "lib/role/action.h"

/**
 * Pacemaker's migrate_to, on the source: live, quick, or live and then quick, by the role's
 * migration_mode or as clusterd's plan says.  May be called again for a move that is under way or
 * done.
 * @return 0 the guest runs on @target, or its memory waits there; else it runs on here, or nobody
 * can tell (I2)
 */
int vmha_migrate_to(const struct vmha_action *act, const char *target, struct vmha_err **err);

/** Pacemaker's migrate_from, on the target. @return 0 it runs here with its lease */
int vmha_migrate_from(const struct vmha_action *act, struct vmha_err **err);

#endif
