/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef VMHA_CLUSTERD_DRIVE_FACTS_H
#define VMHA_CLUSTERD_DRIVE_FACTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/core/cluster.h"
#include "lib/port/pcmk.h"

struct clusterd;

/* What Pacemaker says about the roles, as the drain of one node wants to know it. */
struct drive_fact {
	char vm[VMHA_NAME_SIZE];
	char volume[VMHA_NAME_SIZE];
	char place[VMHA_NODE_SIZE]; /* where it is active; "" nowhere, or on several nodes */
	long priority;
	enum vmha_mig_mode mode; /* the role's own */
	bool here;		 /* active on the node, there only or there too */
	bool banned;		 /* from the node */
	bool steady;		 /* runs, managed, nothing is being done with it */
	bool migrating;		 /* Pacemaker moves it now */
	bool stuck;		 /* cannot be moved by anybody until an administrator acts */
	bool blocked;		 /* by Pacemaker after a failure: it is healed, or is to be */
	char why[160];		 /* it is stuck or blocked */
};

/** Zero-initialised is empty. */
struct drive_facts {
	struct drive_fact *items; /* higher priority first, then by name */
	size_t count;
	bool node_ready; /* the node is online, takes roles, and has the volumes */
	char *scores;	 /* what crm_simulate -Ls printed */
};

void drive_facts_clear(struct drive_facts *f);
const struct drive_fact *drive_facts_find(const struct drive_facts *f, const char *vm);

/* In this order. */
/** @return 0; -ENOMEM */
int drive_facts_roles(struct drive_facts *f, const struct vmha_pcmk_primitives *roles);
/** Roles that @state does not have are inactive. */
void drive_facts_places(struct drive_facts *f, const struct vmha_pcmk_state *state,
			const char *node);
void drive_facts_bans(struct drive_facts *f, char *const *roles, size_t count);

/**
 * How a role leaves in the try number @tries (from 0): live first, twice, then as far as the
 * drain's policy allows.
 * @param own mode of the role
 * @return false: all that is allowed has been tried
 */
bool drive_drain_mode(enum vmha_drain_policy policy, enum vmha_mig_mode own, unsigned int tries,
		      enum vmha_mig_mode *ret_mode);

/**
 * May the role still come to @node, which takes no roles any more, by a move from before that?  Or
 * be here still: while a move from here is settled Pacemaker may not know where the role is.
 * @param seq events that were applied when the look at Pacemaker began which @fact comes from
 */
bool drive_drain_arrives(const struct vmha_cluster *state, unsigned int node, uint64_t seq,
			 const struct drive_fact *fact);

/** Is @mig queued, whoever asked for it, to leave @node for a target whose clusterd does not run?
 */
bool drive_drain_target_away(const struct vmha_cluster *state, unsigned int node,
			     const struct vmha_mig *mig);
/** Has the last move of @role an end that nobody can settle? */
bool drive_drain_stuck(const struct vmha_cluster *state, const struct vmha_drain_role *role);

/** Has Pacemaker something to do until the role runs well where it is meant to run? */
bool drive_role_recovers(const struct vmha_pcmk_resource *role);

/**
 * Is @minute of the day within it?
 * @param window as the setting has it; it may go over midnight; -1 there is none: true
 */
bool drive_window_open(int64_t window, int minute);

/**
 * Ask for all of it, without blocking.
 * @param f filled when @done is called with @r 0; must live until then
 */
typedef void (*drive_facts_done)(struct clusterd *c, int r, const char *why, void *data);
void drive_facts_gather(struct clusterd *c, const char *node, struct drive_facts *f,
			drive_facts_done done, void *data);

#endif
