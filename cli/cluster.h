/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef VMHA_CLI_CLUSTER_H
#define VMHA_CLI_CLUSTER_H

#include <signal.h>
#include <stdbool.h>

#include "lib/base/err.h"
#include "lib/base/str.h"
#include "lib/core/record.h"
#include "lib/port/pcmk.h"
#include "lib/role/role.h"

/* What the commands about roles share: the cluster's state, waiting for it, interruption. */

/** Pacemaker's state, with a coordinator and with quorum. @return -EAGAIN while it has none */
int vmha_cluster_need(struct vmha_pcmk_state **ret_state, struct vmha_err **err);

/**
 * A role by its name, from the configuration.
 * @param[out] ret_mode its migration_mode, 8 bytes; may be NULL
 * @return 0; -ENOENT no such role, the error says how to list them
 */
int vmha_cluster_role(const char *name, struct vmha_role *ret_role, char *ret_mode,
		      struct vmha_err **err);

/**
 * The clone that makes @volume available.
 * @param[out] ret_clone caller frees
 * @return 0; -ENOENT it is not in the cluster
 */
int vmha_cluster_volume(const char *volume, char **ret_clone, struct vmha_err **err);

/** @return 0; -ENOENT there is no node @name that runs roles (a Pacemaker Remote node does not) */
int vmha_cluster_target(const struct vmha_pcmk_state *state, const char *name,
			struct vmha_err **err);

/**
 * Pacemaker would put volumes and roles on Pacemaker Remote nodes too, where they cannot work.
 * @return 0; -EOPNOTSUPP there is one, named in @err
 */
int vmha_cluster_no_remote(const struct vmha_pcmk_state *state, struct vmha_err **err);

/** Address at which a node's libvirtd is reached; NULL for this node itself. Caller frees. */
int vmha_cluster_address(const char *node, const char *self, char **ret_address,
			 struct vmha_err **err);

enum vmha_cluster_goal {
	VMHA_GOAL_STARTED, /* active on @node (NULL: anywhere), on one node only */
	VMHA_GOAL_STOPPED, /* active nowhere */
	/* no action on it under way or to come, whatever came of it; @node has its lease, NULL: not
	 * known */
	VMHA_GOAL_QUIET,
};

struct vmha_cluster_wait {
	const char *role;
	enum vmha_cluster_goal goal;
	const char *node;
	unsigned int timeout_s;
	void (*tick)(void *data, const struct vmha_pcmk_state *state); /* about once a second */
	void *data;
};

/**
 * Wait until the role is where it should be and nothing is pending for it.
 * @param[out] ret_state the last state read, also on -EAGAIN and -ETIMEDOUT; may be NULL
 * @return 0; -EAGAIN the cluster has settled otherwise; -ETIMEDOUT; -EINTR a signal that
 * vmha_interrupt_hold() holds has come; negative errno
 */
int vmha_cluster_wait(const struct vmha_cluster_wait *wait, struct vmha_pcmk_state **ret_state,
		      struct vmha_err **err);

/** Why a role is not where it should be: blocked, failed with the agent's words, stopped ... */
void vmha_cluster_why(const struct vmha_pcmk_state *state, const char *role, struct vmha_str *to);

/** Hold SIGINT, SIGTERM and SIGHUP back until vmha_interrupt_release(). */
void vmha_interrupt_hold(sigset_t *old);
void vmha_interrupt_release(const sigset_t *old);
/** @return true when one of them waits; it is taken */
bool vmha_interrupt_take(void);

#endif
