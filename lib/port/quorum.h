/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef VMHA_PORT_QUORUM_H
#define VMHA_PORT_QUORUM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/err.h"

/* corosync's quorum and its members. */
struct vmha_quorum;

/**
 * @param ring_seq number of the membership: later ones are higher
 * @param hosts    node ids that corosync sees
 */
typedef void (*vmha_quorum_hook)(void *owner, bool quorate, uint64_t ring_seq,
				 const uint32_t *hosts, size_t hosts_count);

/** The hook is called from vmha_quorum_dispatch(), soon after this for the first time. */
int vmha_quorum_open(struct vmha_quorum **ret, vmha_quorum_hook hook, void *owner,
		     struct vmha_err **err);
int vmha_quorum_fd(const struct vmha_quorum *q);
/** @return 0; -ENOTCONN corosync went away: close */
int vmha_quorum_dispatch(struct vmha_quorum *q, struct vmha_err **err);
/** NULL is fine. */
void vmha_quorum_close(struct vmha_quorum *q);

#endif
