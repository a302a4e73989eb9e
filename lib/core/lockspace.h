/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef VMHA_CORE_LOCKSPACE_H
#define VMHA_CORE_LOCKSPACE_H

#include <stddef.h>
#include <stdint.h>

/* What sanlock keeps on storage, from its bytes alone. */

/* Whether anybody is in a sanlock lockspace, from its bytes alone: without joining it. */
enum vmha_lockspace_life {
	VMHA_LOCKSPACE_FREE,  /* every host has left, or none was ever in it */
	VMHA_LOCKSPACE_STALE, /* a host has not left, and does not renew: it hangs, or is dead */
	VMHA_LOCKSPACE_LIVE,  /* a host renews */
};

struct vmha_lockspace_hosts {
	enum vmha_lockspace_life life;
	uint64_t host_id; /* the first that is in it; 0 when FREE */
	/* the longest of those that are in it; each host has its own, and renews every 2 of them */
	unsigned int io_timeout_s;
};

/**
 * Compare two looks at a lockspace of which the second was taken more than a renewal later.
 * @param before, after @len bytes from its beginning each
 * @param name of the lockspace as it should be
 * @return 0; -EBADMSG no lockspace of that name
 */
int vmha_lockspace_judge(const void *before, const void *after, size_t len, const char *name,
			 struct vmha_lockspace_hosts *ret_hosts);

/**
 * The next lease in the first area of an index of leases.
 * @param len bytes of the area
 * @param at where to go on; 0 at first
 * @param[out] ret_name VMHA_NAME_SIZE (48) bytes
 * @param[out] ret_offset of the lease, bytes from the beginning of its file or device
 * @return 1; 0 there is no other; -EBADMSG no index of that lockspace
 */
int vmha_lease_index_next(const void *area, size_t len, const char *lockspace, size_t *at,
			  char *ret_name, uint64_t *ret_offset);

#endif
