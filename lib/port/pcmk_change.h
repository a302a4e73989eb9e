/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef VMHA_PORT_PCMK_CHANGE_H
#define VMHA_PORT_PCMK_CHANGE_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/base/err.h"

/*
 * Changes of Pacemaker's configuration as texts, for one write each: every write aborts the
 * transition that runs, so that changes which belong together go together.
 *
 * Names must be names (vmha_str_is_name()): -EINVAL otherwise, so that nothing needs quoting.
 */

struct vmha_pcmk_place {
	const char *role;
	const char *node;
};

/* What a drain forbids: a role may not come (back) to the node. */
#define VMHA_PCMK_BAN_PREFIX "vmha-drain-"

/**
 * A <configuration> that makes each of @moves prefer its node, as crm_resource --move does
 * (constraint cli-prefer-ROLE), and closes @bans' nodes to their roles.
 * @param[out] ret_xml caller frees
 * @return 0; -EINVAL a bad name, or nothing to do; -ENOMEM
 */
int vmha_pcmk_places_xml(const struct vmha_pcmk_place *moves, size_t moves_count,
			 const struct vmha_pcmk_place *bans, size_t bans_count, char **ret_xml,
			 struct vmha_err **err);

/**
 * XPath of the constraints that moves of @roles left.
 * @param[out] ret_expr caller frees
 */
int vmha_pcmk_moves_expr(const char *const roles[], size_t count, char **ret_expr,
			 struct vmha_err **err);

/**
 * XPath of what one move of @role wrote, with the ban of the node that it leaves (a forced move).
 * @param from that node, or NULL
 * @param[out] ret_expr caller frees
 */
int vmha_pcmk_move_expr(const char *role, const char *from, char **ret_expr, struct vmha_err **err);

/** XPath of all that a drain of @node forbids. @param[out] ret_expr caller frees */
int vmha_pcmk_bans_expr(const char *node, char **ret_expr, struct vmha_err **err);

/**
 * Roles that are banned from @node, from what cibadmin --query --scope constraints printed.
 * @param[out] ret_roles array of @ret_count strings, one allocation, caller frees
 */
int vmha_pcmk_bans_parse(const char *xml, const char *node, char ***ret_roles, size_t *ret_count,
			 struct vmha_err **err);

#endif
