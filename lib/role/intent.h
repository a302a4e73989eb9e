/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef VMHA_ROLE_INTENT_H
#define VMHA_ROLE_INTENT_H

#include <stdbool.h>

#include "lib/base/err.h"
#include "lib/role/role.h"

/*
 * What is being done with a role, said on its volume from before the first write until after the
 * last (lib/core/volume_index.h says why).  Whoever calls these holds the volume's lock.
 *
 *   /clusterstorage/<volume>/.vmha/intents/<vm>.intent   struct vmha_intent_record
 */
#define VMHA_INTENT_SUFFIX ".intent"

/** Where the intents are. @param[out] path VMHA_PATH_SIZE bytes */
void vmha_intents_dir(const char *volume, char *path);
/** Path of a role's intent. @param[out] path VMHA_PATH_SIZE bytes */
void vmha_intent_path(const struct vmha_role *role, char *path);

/** Take away what writes of the role's definition, record or intent left that did not come to their
 * end: only who holds the volume's lock writes these, so nobody does now. */
void vmha_role_tidy(const struct vmha_role *role);

/** Before the first write: @op "add" or "remove"; node and time are filled in. @return 0; -ENOSPC
 */
int vmha_intent_begin(const struct vmha_role *role, const char *op, bool disks,
		      struct vmha_err **err);
/** @return 0; -ENOENT nothing was begun; -EBADMSG damaged */
int vmha_intent_load(const struct vmha_role *role, struct vmha_intent_record *ret_rec,
		     struct vmha_err **err);
/** Behind the last write. */
int vmha_intent_end(const struct vmha_role *role, struct vmha_err **err);

/** Files <vm>.<more>...tmp in the role's directory: writes that did not come to their end, or are
 * under way. @param drop take them away. @return how many */
unsigned int vmha_role_unended(const struct vmha_role *role, const char *more, bool drop);

#endif
