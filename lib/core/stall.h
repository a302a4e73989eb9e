/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef VMHA_CORE_STALL_H
#define VMHA_CORE_STALL_H

#include <stdbool.h>
#include <stdint.h>

/*
 * Does a copy of memory get anywhere?  In the first round over the memory it does while bytes go.
 * Later rounds copy what the guest has changed meanwhile: a guest that changes as much as is copied
 * keeps the bytes going for ever, so there only a round that begins with less to do than any before
 * counts.  Zero-initialised: nothing seen.
 */
struct vmha_stall {
	uint64_t processed; /* bytes, as last seen */
	uint64_t remaining;
	uint64_t iteration; /* round, from 1 */
	uint64_t peak;	    /* of what remained in this round */
	uint64_t best;	    /* lowest peak of the rounds from the second on; 0: none has ended */
};

/** Take a look. @return true when there was progress since the last one */
bool vmha_stall_progress(struct vmha_stall *s, uint64_t processed, uint64_t remaining,
			 uint64_t iteration);

#endif
