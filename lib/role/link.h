/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef VMHA_ROLE_LINK_H
#define VMHA_ROLE_LINK_H

#include "lib/core/plan.h"
#include "lib/role/moving.h"

/*
 * An agent's connection to vmha-clusterd of its node for the length of one move: admission and plan
 * at the beginning, then reports, and the wish to abort.  Once a move is admitted no failure of it
 * is one of the move's: calls have short limits, a lost connection is logged and opened again from
 * time to time, and the move ends by evidence as ever.  A NULL link is fine: nothing is told.
 */
struct vmha_link;

/**
 * Ask to move a role from this node.  Waits up to 12 s for a slot and the target's checks.
 * @param attach a libvirt job of an earlier agent is under way: never refused for want of a slot
 * @return 0; -ECANCELED refused, with the reason; -ECONNREFUSED clusterd does not run; -ETIMEDOUT
 */
int vmha_link_begin(const struct vmha_action *act, const char *to, bool attach,
		    struct vmha_link **ret_link, struct vmha_err **err);

/** For the target's agent, which ends a move that its source's agent began: told by @trace.
 * @return NULL when clusterd cannot be reached now */
struct vmha_link *vmha_link_join(const struct vmha_action *act, const char *trace);

/** A move that clusterd handed to Pacemaker, and that this agent refuses before it begins. */
void vmha_link_refuse(const struct vmha_action *act, const char *why);

void vmha_link_free(struct vmha_link *link);
static inline void vmha_cleanup_link(struct vmha_link **link)
{
	vmha_link_free(*link);
}
#define vmha_autolink __attribute__((cleanup(vmha_cleanup_link)))

/** Borrowed; NULL for a link that only joined. */
const struct vmha_plan *vmha_link_plan(const struct vmha_link *link);

/** Report every step of @m from now on. */
void vmha_link_follow(struct vmha_link *link, struct vmha_moving *m);

/** How far the copy is.  For calls about once a second; opens a lost connection again. */
void vmha_link_progress(struct vmha_link *link, const struct vmha_moving *m,
			const struct vmha_move_progress *progress);

/** An attempt to use a network. @param error NULL: it is used */
void vmha_link_network(struct vmha_link *link, const char *network, const char *address,
		       const char *error);

/** One line for the log here and the cluster's journal. */
void vmha_link_say(struct vmha_link *link, const struct vmha_moving *m, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/** @return why the move is to be aborted, borrowed; NULL: it is not */
const char *vmha_link_abort(struct vmha_link *link);

/** Take total and blackout of a quick move, which end now, from what clusterd here has heard: the
 * source's wall clock is not ours.  Without its answer the wall clocks count. */
void vmha_link_times(struct vmha_link *link, struct vmha_moving *m);

/** How it ended, by @m's state. */
void vmha_link_end(struct vmha_link *link, const struct vmha_moving *m);

#endif
