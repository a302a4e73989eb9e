/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef VMHA_ROLE_WATCH_H
#define VMHA_ROLE_WATCH_H

#include "lib/core/stall.h"
#include "lib/port/virt.h"
#include "lib/role/moving.h"
#include "lib/role/observe.h"

/* What is seen of a migration job while it runs. */
struct vmha_watch {
	struct vmha_span stall;	    /* patience without progress while it copies */
	struct vmha_mono give_up;   /* when a copy that goes on is to be given up */
	struct vmha_mono progress;  /* last seen */
	struct vmha_mono foreign;   /* since when the target holds the lease; 0: it does not */
	struct vmha_mono peer_look; /* when the target was last looked for in the cluster */
	struct vmha_mono ended;	    /* since when the job has failed, its call not returned */
	struct vmha_mono silent;    /* since when libvirtd here does not answer */
	struct vmha_mono reported;  /* progress, to clusterd */
	uint64_t processed;	    /* bytes, as last seen */
	struct vmha_stall copy;
	int percent;   /* never falls */
	bool postcopy; /* a stalled copy becomes one */
	bool aborted;
	bool unheard; /* told to end before memory flowed */
	bool stalled;
	bool deaf; /* libvirtd here hangs: not waited for any more */
};

/** Begin to watch. @param stall, @param give_up as in the struct */
void vmha_watch_begin(struct vmha_watch *w, struct vmha_span stall, struct vmha_mono give_up);

/**
 * Follow the job until it ends: states and progress told, stalls and clusterd's wish answered by
 * aborting it, the lease rule applied in the switchover.
 * @param job NULL: an earlier agent's, its end is not told to us
 * @return 0 arrived, says libvirt; negative errno: why not
 */
int vmha_watch_job(const struct vmha_action *act, struct vmha_moving *m,
		   const struct vmha_observation *obs, struct vmha_virt_migration *job,
		   struct vmha_watch *w, struct vmha_err **err);

/**
 * libvirt's call for a post-copy has failed: do the two QEMUs go on?  Returns when they have ended
 * it, or broken it off, or the action's time is over.
 * @return true the process here has ended by itself
 */
bool vmha_watch_postcopy(const struct vmha_action *act, struct vmha_moving *m,
			 struct vmha_observation *obs, struct vmha_watch *w);

#endif
