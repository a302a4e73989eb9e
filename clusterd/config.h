/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef VMHA_CLUSTERD_CONFIG_H
#define VMHA_CLUSTERD_CONFIG_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/core/listed.h"
#include "lib/core/record.h"
#include "lib/core/settings.h"

struct clusterd;

/** A role as Pacemaker's configuration has it. */
struct clusterd_role {
	char name[VMHA_NAME_SIZE];
	char volume[VMHA_NAME_SIZE];
	char mode[16];	      /* migration_mode, "" default */
	char target_role[16]; /* "" or "Started": it is to run */
	int priority;
};

/** The settings that hold, of the replicated state: the same on every node. */
const struct vmha_settings *clusterd_config_settings(const struct clusterd *c);

/**
 * The roles of this node's CIB, by name.  Valid until the loop turns.
 * @return NULL when Pacemaker does not run here (*ret_count is 0)
 */
const struct clusterd_role *clusterd_config_roles(const struct clusterd *c, size_t *ret_count);
/** @return NULL: no such role, or Pacemaker does not run here */
const struct clusterd_role *clusterd_config_role(const struct clusterd *c, const char *name);

/**
 * The nodes of this node's CIB.  Valid until the loop turns.
 * @return NULL when Pacemaker does not run here (*ret_count is 0)
 */
const struct vmha_listed *clusterd_config_nodes(const struct clusterd *c, size_t *ret_count);

#endif
