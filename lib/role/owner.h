/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef VMHA_ROLE_OWNER_H
#define VMHA_ROLE_OWNER_H

#include "lib/role/action.h"

/*
 * The owner record says who has a QEMU process for the role, paused ones too (a paused guest has
 * released its lease but holds the images).  It is replaced by compare and swap: made by link(2),
 * taken away by rename(2), each of which only one node of a cluster file system can win, so that no
 * start waits for a lock that a dead node holds.
 */

/** This node as owner. @param pid 0: a start is under way */
void vmha_owner_self(const struct vmha_action *act, pid_t pid, uint64_t start_ticks,
		     struct vmha_owner_record *ret_owner);

/**
 * Become owner.
 * @param expected the record that was judged to be of no meaning any more; NULL: none was there
 * @return 0; -EAGAIN it is another one now: judge again
 */
int vmha_owner_claim(const struct vmha_action *act, const struct vmha_owner_record *me,
		     const struct vmha_owner_record *expected, struct vmha_err **err);

/** Replace the record by its owner: fill in the pid, or hand it over. */
int vmha_owner_store(const struct vmha_action *act, const struct vmha_owner_record *owner,
		     struct vmha_err **err);

/** Remove the record if it names this node: nothing of the role is left here. */
int vmha_owner_drop(const struct vmha_action *act, struct vmha_err **err);

/** @return true when the record names this node in its present life */
bool vmha_owner_is_self(const struct vmha_action *act, const struct vmha_owner_record *owner);

/** @return true when a record names this node with pid 0: a start began and nobody saw its end */
bool vmha_owner_start_open(const struct vmha_action *act);

enum vmha_clear {
	VMHA_CLEAR_YES,
	VMHA_CLEAR_WAIT, /* may become clear: why in the text */
};

struct vmha_clearance {
	enum vmha_clear owner;
	enum vmha_clear lease;
	bool left_over; /* the lease is held by this life of this node */
	bool has_record;
	struct vmha_owner_record record; /* as judged */
	struct vmha_lease_owner lease_owner;
	char why[512]; /* for whom we wait, by node name */
};

#define VMHA_OWNER_LOOKS 3

/**
 * May a start here take the lease, by its owner on storage?
 * @param looks  how often, a second apart, it was seen held by this life of this node before, while
 *               no process here has it: VMHA_OWNER_LOOKS times, and sanlock releases it no more
 */
enum vmha_clear vmha_owner_judge_lease(const struct vmha_action *act,
				       const struct vmha_lease_owner *owner, unsigned int looks);

/** What the lockspace says of the life of a node in which it wrote the owner record. */
enum vmha_host_life {
	VMHA_HOST_LIFE_OVER, /* nothing of it is left */
	VMHA_HOST_LIFE_DEAD, /* it looks over: Pacemaker is to confirm it */
	VMHA_HOST_LIFE_OPEN, /* that node is to be asked */
};

/** @param host as sanlock of this node sees it: of that life or another one */
enum vmha_host_life vmha_owner_judge_host(const struct vmha_owner_record *owner,
					  const struct vmha_host *host);

/**
 * May a start on this node go on?  The lease must be free or takeable, and the owner record empty,
 * ours, or of a life of its node that is proven over.
 * @param looks see vmha_owner_judge_lease(): how often in a row `left_over` was true
 * @return 0; negative errno: it cannot be told (I4)
 */
int vmha_clearance_read(const struct vmha_action *act, unsigned int looks,
			struct vmha_clearance *ret_clearance, struct vmha_err **err);

#endif
