/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef VMHA_ROLE_MOVING_H
#define VMHA_ROLE_MOVING_H

#include "lib/core/move.h"
#include "lib/core/plan.h"
#include "lib/role/action.h"

/*
 * A move under way as its record on the volume has it.  The record outlives any process; its writer
 * is the agent of the node that has the word in that state (lib/core/move.h).
 */
struct vmha_link;

/* Of a record that ends so: its source was killed, and some of the memory was there only.  The
 * target looks for these words. */
#define VMHA_REASON_POSTCOPY_LOST "its post-copy broke off, it was started again"

struct vmha_moving {
	struct vmha_move_record rec;
	enum vmha_move_state state;
	struct vmha_mono since;
	struct vmha_mono begun;
	char network[VMHA_PLAN_NAME_SIZE]; /* that it goes over; "" none yet, or not known */
	struct vmha_link *link;		   /* to clusterd (link.h); NULL: none */
	void (*told)(const struct vmha_moving *moving); /* after each step, may be NULL */
};

/** Begin one in PREPARING. @param lver of the source, while it holds the lease */
int vmha_moving_begin(const struct vmha_action *act, const char *to, enum vmha_move_mode mode,
		      uint64_t lver, struct vmha_moving *ret_moving, struct vmha_err **err);

/**
 * Store, log one line, then go on.
 * @param reason for people, NULL keeps the one there is
 * @return the step's effects; 0 and an error in the log for an illegal event
 */
unsigned int vmha_moving_step(const struct vmha_action *act, struct vmha_moving *moving,
			      enum vmha_move_event event, const char *reason);

/** The record, with its state understood. @return 0; -ENOENT; -EBADMSG */
int vmha_moving_load(const struct vmha_action *act, struct vmha_moving *ret_moving,
		     struct vmha_err **err);

/** Wall clock in ms, for records that several nodes read. */
int64_t vmha_wall_ms(void);

/** @return true when a move from this node has not ended. @param[out] ret_moving may be NULL */
bool vmha_moving_open(const struct vmha_action *act, struct vmha_moving *ret_moving);

/** @return true when the record says post-copy from this node. @param[out] ret_moving then */
bool vmha_moving_postcopy(const struct vmha_action *act, struct vmha_moving *ret_moving);

#endif
