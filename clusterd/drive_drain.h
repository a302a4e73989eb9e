/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef VMHA_CLUSTERD_DRIVE_DRAIN_H
#define VMHA_CLUSTERD_DRIVE_DRAIN_H

#include "clusterd/drive.h"
#include "clusterd/drive_facts.h"

/* @internal of drive_drain.c (rounds) and drive_leave.c (moves of single roles). */

#define DRIVE_LOADS_MAX 192

struct drive_drain {
	struct clusterd *c;
	unsigned int node;
	char name[VMHA_NODE_SIZE];
	bool busy;
	bool again;
	guint timer;
	GHashTable *tries; /* role -> GUINT of moves that were asked for */
	GHashTable *waits; /* role -> struct drive_wait: it is held up */
	unsigned int round;
	struct vmha_pcmk_load loads[DRIVE_LOADS_MAX]; /* as far as this round knows */
	size_t loads_count;
	uint64_t seq; /* events that were applied when this round began to look */
	struct drive_facts facts;
};

/* --- drive_drain.c --- */
void drive_drain_role_tell(struct drive_drain *n, const char *vm, long priority,
			   enum vmha_drain_role_state state, const char *why);
/** @return what the cluster has of it, or NULL */
const struct vmha_drain_role *drive_drain_role(const struct drive_drain *n, const char *vm);

/* --- drive_leave.c --- */
/** How many of its moves may still end by themselves. */
unsigned int drive_drain_moves_open(const struct drive_drain *n, enum vmha_mig_cause cause);
/** Before the first drive_drain_leave() of a round: who is on the way to which node? */
void drive_drain_plan(struct drive_drain *n);
void drive_drain_move(struct drive_drain *n, const struct drive_fact *f, unsigned int from,
		      unsigned int to, enum vmha_mig_mode mode, enum vmha_mig_cause cause);
/** The move that was asked for last was no try. */
void drive_drain_no_try(struct drive_drain *n, const char *vm);
/** Ask for a move of a role that may leave, as far as it has not been tried. @return 1 asked; 0 */
unsigned int drive_drain_leave(struct drive_drain *n, const struct drive_fact *f);
/** It cannot leave now: for a while that may pass. */
void drive_drain_wait(struct drive_drain *n, const struct drive_fact *f, const char *why);
/** Give up targets of queued moves that are away. */
void drive_drain_targets_look(struct drive_drain *n);
/** At the end of a round: forget those that are not held up any more. */
void drive_drain_waits_end(struct drive_drain *n);

#endif
