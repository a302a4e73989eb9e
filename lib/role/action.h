/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef VMHA_ROLE_ACTION_H
#define VMHA_ROLE_ACTION_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/base/err.h"
#include "lib/base/mono.h"
#include "lib/core/guest.h"
#include "lib/core/record.h"
#include "lib/role/role.h"

enum vmha_move_mode {
	VMHA_MODE_LIVE,
	VMHA_MODE_QUICK,
	VMHA_MODE_AUTO,
};

/** All that one action on a role needs to know. */
struct vmha_action {
	struct vmha_role role;
	struct vmha_role_record rec;
	struct vmha_lease lease;
	char node[VMHA_NODE_SIZE]; /* this node */
	uint64_t host_id;	   /* of this node in the volume's lockspace; 0: not joined */
	uint64_t generation;	   /* likewise */
	struct vmha_mono deadline; /* when Pacemaker's patience ends, less a margin */
	struct vmha_span time;	   /* that it had at its begin, until the deadline */
	char trace[VMHA_ID_SIZE];  /* of this action */
	enum vmha_move_mode mode;  /* parameter migration_mode */
	bool quick_on_stall;	   /* a live move that does not converge becomes a quick one */
	bool postcopy_on_stall;	   /* likewise, it becomes a post-copy where that is possible */
	struct vmha_guest_policy policy; /* parameters on_... */
	struct vmha_span graceful;	 /* what a guest gets to power off by itself */
};

/**
 * Fill @ret_action for @role: its record, lease and this node's place in the lockspace.
 * @param node    this node's name; NULL: asked of Pacemaker
 * @param timeout of the action
 * @return 0; -ENOENT no such role on the volume; -EBADMSG its record is damaged
 */
int vmha_action_open(const struct vmha_role *role, const char *node, struct vmha_span timeout,
		     struct vmha_action *ret_action, struct vmha_err **err);

/** @return 0; -EINVAL not live, quick or auto */
int vmha_move_mode_parse(const char *text, enum vmha_move_mode *ret_mode);
const char *vmha_move_mode_name(enum vmha_move_mode mode);

/** A fresh trace id. @param[out] trace VMHA_ID_SIZE bytes */
void vmha_trace_make(char *trace);

/** The shorter of @span and what is left of the action. */
struct vmha_span vmha_action_left(const struct vmha_action *act, struct vmha_span span);

/** Refuse what needs the volume's lockspace. @return 0; -ENOSPC this node has not joined it */
int vmha_action_need_lockspace(const struct vmha_action *act, struct vmha_err **err);

#endif
