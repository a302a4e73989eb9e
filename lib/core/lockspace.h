/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef VMHA_CORE_LOCKSPACE_H
#define VMHA_CORE_LOCKSPACE_H

#include <stddef.h>
#include <stdint.h>

/* Whether anybody is in a sanlock lockspace, from its bytes alone: without joining it. */
enum vmha_lockspace_life {
	VMHA_LOCKSPACE_FREE,  /* every host has left, or none was ever in it */
	VMHA_LOCKSPACE_STALE, /* a host has not left, and does not renew: it hangs, or is dead */
	VMHA_LOCKSPACE_LIVE,  /* a host renews */
};

/**
 * Compare two looks at a lockspace of which the second was taken more than a renewal later.
 * @param before, after @len bytes from its beginning each
 * @param name of the lockspace as it should be
 * @param[out] ret_host_id of the first host that is in it; 0 when FREE
 * @return 0; -EBADMSG no lockspace of that name
 */
int vmha_lockspace_judge(const void *before, const void *after, size_t len, const char *name,
			 enum vmha_lockspace_life *ret_life, uint64_t *ret_host_id);

#endif
