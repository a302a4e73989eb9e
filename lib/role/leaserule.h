/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef VMHA_ROLE_LEASERULE_H
#define VMHA_ROLE_LEASERULE_H

#include "lib/role/observe.h"

/* The lease rule (DESIGN.md, section 3): a guest may run only while its QEMU holds the lease. */
enum vmha_rule {
	VMHA_RULE_KEPT,	       /* nothing to do: no process, or it holds its lease */
	VMHA_RULE_RETAKEN,     /* the lease was missing and is back */
	VMHA_RULE_PAUSED,      /* the guest stands still: it needs none */
	VMHA_RULE_KILLED,      /* another had the lease meanwhile: its memory is stale */
	VMHA_RULE_UNPROTECTED, /* sanlock does not know the process: this node is to be fenced */
	VMHA_RULE_UNKNOWN,     /* could not be told or done: try again */
};

/**
 * Apply the rule to what @obs found; @obs is made anew when something changed.  For use after every
 * migration that did not end DONE, in a monitor that finds a guest without its lease, in heal.
 * @param why for the log when a process is killed
 */
enum vmha_rule vmha_lease_rule(const struct vmha_action *act, struct vmha_observation *obs);

/**
 * Does the process of @obs still hold memory that its guest, which runs on the target of a
 * post-copy, is going to fetch?  Then it is no stale memory, and its end would be the guest's.
 * Not once the cluster has lost the target.
 */
bool vmha_source_feeds(const struct vmha_action *act, const struct vmha_observation *obs);

const char *vmha_rule_name(enum vmha_rule rule);

/**
 * Is another host's QEMU the guest now?  Then the memory of the process here is stale (I3) whatever
 * its state is.
 * @return 1 another host holds the lease; 0 not; negative errno: cannot be told
 */
int vmha_lease_foreign(const struct vmha_action *act, struct vmha_lease_owner *ret_owner,
		       struct vmha_err **err);

/**
 * Has another host's QEMU been the guest since the process of @obs last held the lease?  Then its
 * memory is stale, whatever it does.
 * @param[out] ret_lver at which the lease is to be taken, when 0
 * @return 1 stale; 0 not; -ENOENT it was never seen to hold the lease; else it cannot be told
 */
int vmha_lease_stale(const struct vmha_action *act, const struct vmha_observation *obs,
		     uint64_t *ret_lver, struct vmha_err **err);

/** SIGKILL the process of @obs: nothing of it may reach a disk any more. @return 0 gone */
int vmha_stale_kill(const struct vmha_action *act, const struct vmha_observation *obs,
		    const char *why, struct vmha_err **err);

/** "/var/lib/libvirt/.../monitor.sock" of the process. @return 0; -ENOENT */
int vmha_monitor_socket(const struct vmha_observation *obs, char *path);

#endif
