/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef VMHA_PORT_PCMK_H
#define VMHA_PORT_PCMK_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/base/err.h"
#include "lib/base/mono.h"
#include "lib/core/guest.h"

/*
 * Pacemaker, asked and told through its own tools (crm_mon, cibadmin, crm_resource ...), whose XML
 * is read; never through crmsh or pcs, which may be absent.  Every call runs a program and takes
 * some 15 to 100 ms.
 *
 * Errors of all: -ENOTCONN the cluster does not run on this node; -ENOENT no such thing, or the
 * tool is not installed; -EACCES; -ETIMEDOUT; -EIO the tool failed, its words in @err; -EBADMSG its
 * XML is not understood.
 */

/* Strings are borrowed from the state, never NULL ("" where Pacemaker says nothing). */
struct vmha_pcmk_node {
	const char *name;
	unsigned int id; /* corosync nodeid */
	bool online;
	bool standby;
	bool maintenance;
	bool pending; /* joining */
	bool unclean; /* to be fenced */
	bool shutdown;
	bool dc;
	bool remote; /* Pacemaker Remote: not supported by vmha */
};

#define VMHA_PCMK_PLACES_MAX 32

struct vmha_pcmk_resource {
	const char *id;
	const char *clone; /* id of the clone it is an instance of */
	const char *agent; /* "ocf:vmha:vm" */
	const char *state; /* "Started", "Stopped", "Starting", "Migrating", ... */
	const char *target_role;
	const char *pending; /* "Monitoring" or ""; any other action is a state */
	bool active;
	bool orphaned;
	bool blocked;
	bool managed;
	bool failed;
	size_t nodes_count;
	const char *nodes[VMHA_PCMK_PLACES_MAX]; /* where it is active */
};

struct vmha_pcmk_failure {
	const char *role;
	const char *op; /* "migrate_to" */
	const char *node;
	const char *reason; /* the agent's own words */
	const char *status; /* "Timed Out", "complete", ... */
	const char *result; /* "error", "not running", ... */
	const char *when;
};

struct vmha_pcmk_fence {
	const char *target;
	const char *action;
	const char *status; /* "success", "failed", "pending" */
	const char *when;
	const char *reason;
};

struct vmha_pcmk_state {
	bool dc_present;
	const char *dc;
	bool quorum;
	bool maintenance; /* whole cluster */
	bool stonith;	  /* enabled */
	struct vmha_pcmk_node *nodes;
	size_t nodes_count;
	struct vmha_pcmk_resource
		*resources; /* clones as their instances; groups as their members */
	size_t resources_count;
	struct vmha_pcmk_failure *failures;
	size_t failures_count;
	struct vmha_pcmk_fence *fences; /* newest first */
	size_t fences_count;
	void *doc; /* owns the strings */
};

/** Ask crm_mon for the whole state. */
int vmha_pcmk_state_read(struct vmha_pcmk_state **ret_state, struct vmha_err **err);
/** Parse what crm_mon --output-as=xml printed. */
int vmha_pcmk_state_parse(const char *xml, struct vmha_pcmk_state **ret_state,
			  struct vmha_err **err);
void vmha_pcmk_state_free(struct vmha_pcmk_state *state);
static inline void vmha_cleanup_pcmk_state(struct vmha_pcmk_state **state)
{
	vmha_pcmk_state_free(*state);
}
#define vmha_autopcmk __attribute__((cleanup(vmha_cleanup_pcmk_state)))

/** @return the node or resource of that name, or NULL */
const struct vmha_pcmk_node *vmha_pcmk_node_find(const struct vmha_pcmk_state *state,
						 const char *name);
const struct vmha_pcmk_resource *vmha_pcmk_resource_find(const struct vmha_pcmk_state *state,
							 const char *id);
/** @return true when @node runs an instance of @clone, or the resource @clone itself */
bool vmha_pcmk_runs_on(const struct vmha_pcmk_state *state, const char *clone, const char *node);
/** The newest failure of @role, or NULL. */
const struct vmha_pcmk_failure *vmha_pcmk_failure_find(const struct vmha_pcmk_state *state,
						       const char *role);

/** Primitives of one agent as configured: roles ("vm") or volumes ("csv"). */
struct vmha_pcmk_primitive {
	const char *id;
	const char *parent; /* id of the group or clone it is in, or "" */
	const char *volume; /* instance attributes */
	const char *name;
	const char *mode;
	const char *path;
	const char *type;
	const char *device; /* of a volume that its agent mounts, with its options */
	const char *options;
	const char *target_role;
	long priority;			 /* Pacemaker's meta attribute; higher first */
	struct vmha_guest_policy policy; /* of a VM: its default where a word is not understood */
};

struct vmha_pcmk_primitives {
	struct vmha_pcmk_primitive *items;
	size_t count;
	void *doc;
};

/** All primitives of ocf:vmha:@type in the configuration. */
int vmha_pcmk_primitives_read(const char *type, struct vmha_pcmk_primitives **ret_list,
			      struct vmha_err **err);
int vmha_pcmk_primitives_parse(const char *xml, const char *type,
			       struct vmha_pcmk_primitives **ret_list, struct vmha_err **err);
void vmha_pcmk_primitives_free(struct vmha_pcmk_primitives *list);
static inline void vmha_cleanup_pcmk_primitives(struct vmha_pcmk_primitives **list)
{
	vmha_pcmk_primitives_free(*list);
}
#define vmha_autoprimitives __attribute__((cleanup(vmha_cleanup_pcmk_primitives)))

/**
 * The clone that runs dlm_controld (ocf:pacemaker:controld), or whose group does.
 * @param[out] ret_clone caller frees
 * @return 0; -ENOENT there is none; -EINVAL it is no clone
 */
int vmha_pcmk_controld_read(char **ret_clone, struct vmha_err **err);
int vmha_pcmk_controld_parse(const char *xml, char **ret_clone, struct vmha_err **err);

/** The whole CIB as XML. @param[out] ret_xml caller frees */
int vmha_pcmk_cib_read(char **ret_xml, struct vmha_err **err);
/** Apply a patch (<diff format="2">) in one change of the CIB. */
int vmha_pcmk_patch(const char *xml, struct vmha_err **err);

/** @return 1 something in the configuration has the id @id; 0 nothing has; negative errno */
int vmha_pcmk_id_used(const char *id, struct vmha_err **err);

/**
 * Add or change configuration, all of it or nothing: one change of the CIB.
 * @param xml a <configuration> element with what is new or changed
 */
int vmha_pcmk_configure(const char *xml, struct vmha_err **err);

/** Remove all that the XPath @expr finds in one change of the CIB. */
int vmha_pcmk_unconfigure(const char *expr, struct vmha_err **err);

/** A role's meta attribute or parameter. @param value NULL removes it */
int vmha_pcmk_meta_set(const char *role, const char *name, const char *value,
		       struct vmha_err **err);
int vmha_pcmk_param_set(const char *role, const char *name, const char *value,
			struct vmha_err **err);

/** Prefer @node for @role (constraint cli-prefer-ROLE), until vmha_pcmk_clear().  As crm_resource
 * does it: a ban of the role from @node goes. */
int vmha_pcmk_move(const char *role, const char *node, struct vmha_err **err);
/** Tell Pacemaker that @role has failed on @node: it recovers it as after a failed monitor.
 * Accepted even while an operation of the role is under way there: ask first. */
int vmha_pcmk_fail(const char *role, const char *node, struct vmha_err **err);
/**
 * Remove what a move of @role wrote: the node that it prefers, and (a forced move, or one without a
 * target) the ban of the node that it is to leave.  Other bans are the administrator's and stay.
 * @param from that node, or NULL: only the preference.  None is fine.
 */
int vmha_pcmk_clear(const char *role, const char *from, struct vmha_err **err);
/**
 * Forget all that @role did on @node, failures too, and ask its agent there what is true.
 *
 * Pacemaker 2.1 takes a successful migrate_to whose migrate_from it no longer has for a migration
 * that is still under way, and stops and starts the role (unpack_migrate_to_success()).  So where a
 * role runs its history must go last, after that of every node it ever came from.  This is why
 * `crm resource cleanup` reboots a VM that has moved before.
 */
int vmha_pcmk_refresh(const char *role, const char *node, struct vmha_err **err);
/** Forget failures of a volume or another resource that never migrates. @param node NULL: all */
int vmha_pcmk_cleanup(const char *resource, const char *node, struct vmha_err **err);

/** Wait until nothing is pending in the cluster. @return 0; -ETIMEDOUT */
int vmha_pcmk_settle(unsigned int timeout_s, struct vmha_err **err);

/* Asks Pacemaker's scheduler what is left to be done. */
#define VMHA_PCMK_PENDING_ARGV "crm_simulate", "-L", "-S", "--output-as=xml"
/** How many actions that printed. @return 0; -EBADMSG */
int vmha_pcmk_pending_parse(const char *xml, size_t *ret_count, struct vmha_err **err);

/**
 * Where Pacemaker would put @role if it had to leave the node @from.
 * @param[out] ret_node caller frees
 * @return 0; -ENOENT nowhere
 */
int vmha_pcmk_choose_target(const char *role, const char *from, char **ret_node,
			    struct vmha_err **err);
/** As vmha_pcmk_choose_target(), from what crm_simulate -Ls --output-as=xml printed. */
int vmha_pcmk_scores_parse(const char *xml, const char *role, const char *from, char **ret_node,
			   struct vmha_err **err);

/* Roles on their way to a node, which Pacemaker does not know yet; or a node that is to be left
 * out.
 */
struct vmha_pcmk_load {
	const char *node;
	unsigned int roles;
	bool shut;
};

/** As vmha_pcmk_scores_parse(); @planned counts where scores are equal, to spread several moves. */
int vmha_pcmk_scores_choose(const char *xml, const char *role, const char *from,
			    const struct vmha_pcmk_load *planned, size_t planned_count,
			    char **ret_node, struct vmha_err **err);

/** A node's attribute (transient or permanent). @return 0; -ENOENT not set */
int vmha_pcmk_attribute_get(const char *node, const char *name, char **ret_value,
			    struct vmha_err **err);

/** A property of the cluster. @return 0; -ENOENT not set */
int vmha_pcmk_property_get(const char *name, char **ret_value, struct vmha_err **err);

/** As vmha_pcmk_attribute_get(), from what attrd_updater --output-as=xml printed. */
int vmha_pcmk_attribute_parse(const char *xml, char **ret_value);

/** This node's name. */
int vmha_pcmk_self(char **ret_name, struct vmha_err **err);

#endif
