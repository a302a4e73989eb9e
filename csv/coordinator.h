/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef VMHA_CSV_COORDINATOR_H
#define VMHA_CSV_COORDINATOR_H

#include <stdbool.h>
#include <stdint.h>

#include "csv/csv.h"
#include "lib/core/chores.h"
#include "lib/port/lease_sanlock.h"
#include "lib/port/lock_dlm.h"

/*
 * vmha-coordinator: one for each volume on each node where it is started; clusterd starts it.  They
 * all want the volume's coordinator lock; whoever has it owns the volume and does its chores.
 *
 * This process touches neither the volume nor libdlm itself: sanlock must be able to kill it when
 * storage hangs (else the watchdog would reset the node for a chore), and csv's stop must be able
 * to end it.  What can hang runs in children, see csv_ask() and lib/port/lock_dlm.h.
 */
enum coordinator_state {
	COORDINATOR_NONE,     /* no request */
	COORDINATOR_READING,  /* dlm: the value is being read */
	COORDINATOR_WATCHING, /* dlm: keeps the value alive, does not want the lock now */
	COORDINATOR_WAITING,  /* wants it */
	COORDINATOR_OWNER,
};

struct coordinator {
	struct csv_params params; /* for csv_ask(): volume */
	struct vmha_joined_record joined;
	bool uses_dlm;
	enum coordinator_state state;
	struct vmha_dlm *dlm;
	struct vmha_lease lease;
	int lease_sock;
	uint64_t epoch;		 /* while owner; else the highest that was seen */
	uint64_t before;	 /* node of the one before */
	struct vmha_mono next;	 /* sanlock: the next try */
	struct vmha_mono apart;	 /* stands back until then: another node is to have it */
	struct vmha_mono asked;	 /* a move to this node was asked for, and counts until then */
	struct vmha_mono give;	 /* owner: gives it up then; 0: does not */
	struct vmha_mono chores; /* the next round */
	struct vmha_chore_sights sights;
	enum vmha_chore_space space; /* told last */
	enum vmha_chore_space inodes;
	uint64_t problems; /* likewise: a sum of their text */
	bool journals_told;
};

/* coordinator_own.c */

/** What its lock is; makes the lease where there is none. */
int coordinator_prepare(struct coordinator *c, struct vmha_err **err);
/** Do what is due. @return 0; negative errno: start over in a new process */
int coordinator_step(struct coordinator *c, struct vmha_err **err);
/** Descriptor to be watched, -1 none. */
int coordinator_fd(const struct coordinator *c);
/** Who is to have it from now on, by an administrator's word. */
void coordinator_move(struct coordinator *c, uint64_t node);
/** Give it up, and let others have it for a while. */
void coordinator_give_up(struct coordinator *c);

/* coordinator_chores.c */

/** One round, bounded. @return 0; negative errno: storage does not let the owner work */
int coordinator_chores(struct coordinator *c, struct vmha_err **err);
/** A journal for each node, on GFS2 (coordinator_journals.c). @return 0 */
int coordinator_journals(struct coordinator *c);
/** Look names up that this node may have cached: see there. */
void coordinator_lookup(const struct coordinator *c, const char *vm);

/** A line for `vmha events`. */
void coordinator_event(const struct coordinator *c, const char *level, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

#endif
