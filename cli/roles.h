/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef VMHA_CLI_ROLES_H
#define VMHA_CLI_ROLES_H

#include <jansson.h>

#include "lib/port/pcmk.h"
#include "lib/role/role.h"

/* Roles as JSON, for `vm list`, `vm show` and `status`. */

/**
 * {name, volume, mode, state, node, enabled, ok} and, where there are, problem and last_move.
 * state: running, stopped, disabled, starting, stopping, moving, blocked, failed, unknown; node: a
 * name, an array of them while it is on several, or null
 * @return NULL when memory ran out
 */
json_t *vmha_roles_one(const struct vmha_pcmk_state *state, const struct vmha_pcmk_primitive *p);

/** An array of all of them. */
json_t *vmha_roles_all(const struct vmha_pcmk_state *state,
		       const struct vmha_pcmk_primitives *list);

/** "live node1 -> node2 in 3.2 s, blackout 45 ms". @return text for the caller to free, or NULL */
char *vmha_roles_move_text(const struct vmha_move_record *m);
json_t *vmha_roles_move_json(const struct vmha_move_record *m);

#endif
