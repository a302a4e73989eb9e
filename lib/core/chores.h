/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef VMHA_CORE_CHORES_H
#define VMHA_CORE_CHORES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/core/volume_index.h"

/* What a volume's coordinator may do by itself, decided from what it has seen.  Pure. */

/* --- leases that belong to nobody ------------------------------------------------------------ */

/**
 * A lease and nothing else: no file of a role, no intent, not in the configuration.  Where the
 * configuration is not known it is never stray.
 */
bool vmha_chore_lease_is_stray(const struct vmha_index *index, const struct vmha_index_entry *e);

#define VMHA_CHORE_SIGHTS 32 /* more strays wait for their turn */
#define VMHA_CHORE_STRAY_MS                                                                        \
	180000 /* a second look this much later: nobody makes a role for so long                   \
		*/

/** Strays and when each was seen first. Zero-initialised is empty. */
struct vmha_chore_sights {
	size_t count;
	struct {
		char name[VMHA_NAME_SIZE];
		int64_t first_ms;
		bool now; /* in the round that is being noted */
	} items[VMHA_CHORE_SIGHTS];
};

/** A round of looking begins; any clock that does not go back. */
void vmha_chore_sights_begin(struct vmha_chore_sights *s);
/** @return true: it is stray for long enough, and may be collected */
bool vmha_chore_sights_note(struct vmha_chore_sights *s, const char *name, int64_t now_ms);
/** The round is over: what was not noted is forgotten. */
void vmha_chore_sights_end(struct vmha_chore_sights *s);

/* --- saved memory ----------------------------------------------------------------------------- */

struct vmha_chore_memory {
	bool known;	 /* the lease and the configuration could be read */
	bool role;	 /* there is such a role: configured, or its record is there */
	bool begun;	 /* an intent stands: somebody else settles it */
	bool held;	 /* the lease is */
	bool owned;	 /* an owner record stands: a process, or a start that is under way */
	uint64_t lver;	 /* of the lease now */
	uint64_t stored; /* of the record of the memory */
};

enum vmha_chore_verdict {
	VMHA_CHORE_KEEP,
	VMHA_CHORE_ASIDE_OLDER, /* the guest has run since */
	VMHA_CHORE_ASIDE_GONE,	/* its role is gone */
};

/** May memory with a record be set aside (invariant I3: it must never run again)? */
enum vmha_chore_verdict vmha_chore_memory_judge(const struct vmha_chore_memory *m);

/* --- space ------------------------------------------------------------------------------------ */

enum vmha_chore_space { VMHA_SPACE_OK, VMHA_SPACE_LOW, VMHA_SPACE_VERY_LOW };

/**
 * @param before  the level that was told last
 * @param used    of a thousand
 * @return the level now: 90 % and 95 %, and back 2 % below, so that it does not flap
 */
enum vmha_chore_space vmha_chore_space_judge(enum vmha_chore_space before, unsigned int used);

/* --- journals of GFS2 ------------------------------------------------------------------------- */

/** @return how many journals to add, so that each node of the cluster can mount it; 0 none, also
 * where one of the numbers is not known (0) */
unsigned int vmha_chore_journals(unsigned int journals, unsigned int nodes);

#endif
