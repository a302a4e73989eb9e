/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef VMHA_ROLE_OBSERVE_H
#define VMHA_ROLE_OBSERVE_H

#include "lib/core/evidence.h"
#include "lib/role/action.h"

/** What this node's witnesses say of a role, and what follows. */
struct vmha_observation {
	struct vmha_witnesses w;
	struct vmha_verdict verdict;
	pid_t pid;	      /* of the QEMU process, when ALIVE */
	uint64_t start_ticks; /* likewise */
	uint64_t lver;	      /* while HELD */
	char text[160];	      /* the witnesses' words, for messages */
};

/**
 * Ask every witness once.
 * @param ask_virt libvirtd too (up to 5 s when it is silent)
 */
void vmha_observe(const struct vmha_action *act, bool ask_virt, struct vmha_observation *ret_obs);

/**
 * As vmha_observe() with libvirtd, and while the answer is UNKNOWN (a process that ends is seen by
 * one witness earlier than by another) again, up to @patience.
 */
void vmha_observe_settled(const struct vmha_action *act, struct vmha_span patience,
			  struct vmha_observation *ret_obs);

/** Keep what this node knows of its process for the thin monitor. */
int vmha_run_store(const struct vmha_action *act, const struct vmha_observation *obs, uint64_t lver,
		   struct vmha_err **err);

/** lver recorded for exactly the process of @obs. @return 0; -ENOENT */
int vmha_run_lver(const struct vmha_action *act, const struct vmha_observation *obs,
		  uint64_t *ret_lver);

#endif
