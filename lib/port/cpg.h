/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef VMHA_PORT_CPG_H
#define VMHA_PORT_CPG_H

#include <stddef.h>
#include <stdint.h>

#include "lib/base/err.h"

/* A membership of a corosync process group: messages reach all members in the same order. */
struct vmha_cpg;

#define VMHA_CPG_MEMBERS_MAX 128

enum vmha_cpg_reason {
	VMHA_CPG_HERE,	   /* of a member */
	VMHA_CPG_LEFT,	   /* by itself */
	VMHA_CPG_PROCDOWN, /* its process ended, its node lives */
	VMHA_CPG_NODEDOWN,
};

struct vmha_cpg_member {
	uint32_t node;
	uint32_t pid;
	enum vmha_cpg_reason reason; /* of one that left */
};

struct vmha_cpg_hooks {
	/* @param data untrusted, borrowed */
	void (*deliver)(void *owner, uint32_t node, uint32_t pid, const void *data, size_t len);
	void (*members)(void *owner, const struct vmha_cpg_member *members, size_t members_count,
			const struct vmha_cpg_member *left, size_t left_count,
			const struct vmha_cpg_member *joined, size_t joined_count);
};

/**
 * Connect and join.  The hooks are called from vmha_cpg_dispatch().
 * @param hooks, owner must outlive it
 * @return 0; -EAGAIN corosync is not ready; -ECONNREFUSED it does not run
 */
int vmha_cpg_open(struct vmha_cpg **ret, const char *group, const struct vmha_cpg_hooks *hooks,
		  void *owner, struct vmha_err **err);

/** @return the descriptor that is readable when vmha_cpg_dispatch() has work */
int vmha_cpg_fd(const struct vmha_cpg *cpg);

/** @return this node's id in corosync */
uint32_t vmha_cpg_self(const struct vmha_cpg *cpg);

/** Do what is there to do, without waiting. @return 0; -ENOTCONN corosync went away: close */
int vmha_cpg_dispatch(struct vmha_cpg *cpg, struct vmha_err **err);

/**
 * Multicast, agreed order.
 * @return 0; -EAGAIN later, flow control; -EMSGSIZE; -ENOTCONN
 */
int vmha_cpg_send(struct vmha_cpg *cpg, const void *head, size_t head_len, const void *body,
		  size_t body_len);

/** NULL is fine. */
void vmha_cpg_close(struct vmha_cpg *cpg);

#endif
