/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/cluster.h"
#include "cli/output.h"
#include "cli/vm.h"
#include "cli/volume.h"
#include "lib/base/cleanup.h"
#include "lib/base/file.h"
#include "lib/role/remnants.h"
#include "lib/role/volume.h"

#define STOP_WAIT_S 150 /* the stop action's time-out and some */

struct removal {
	struct vmha_role role;
	bool disks;
	bool force;
	bool configured; /* it is a resource of the cluster */
	struct vmha_pcmk_state *state;
	json_t *removed; /* paths */
};

/* Anything that only a role has: what an add or a removal left that was cut short. */
static bool is_left_on(const struct vmha_role *role)
{
	static const enum vmha_role_file files[] = { VMHA_FILE_ROLE, VMHA_FILE_XML };
	char path[VMHA_PATH_SIZE];
	struct vmha_lease lease;
	size_t i;

	for (i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		vmha_role_path(role, files[i], path);
		if (access(path, F_OK) == 0) {
			return true;
		}
	}
	vmha_intent_path(role, path);
	if (access(path, F_OK) == 0) {
		return true;
	}
	return vmha_role_lease_look(role, &lease, NULL) == 1;
}

/* Volume of a role that is in the configuration, or else of one of which something is left. */
static int role_find(struct removal *rm, const char *name, const char *volume,
		     struct vmha_err **err)
{
	vmha_autonames struct vmha_names volumes = { 0 };
	vmha_autoerr struct vmha_err *why = NULL;
	vmha_autoerr struct vmha_err *silent = NULL;
	int r = vmha_cluster_role(name, &rm->role, NULL, &why);
	size_t i;

	if (r == 0) {
		rm->configured = true;
		if (volume && strcmp(volume, rm->role.volume) != 0) {
			return vmha_err_set(err, -EINVAL, "role %s is on volume %s, not on %s",
					    name, rm->role.volume, volume);
		}
		return 0;
	}
	if (r != -ENOENT) {
		return vmha_err_set(err, r, "%s", vmha_err_text(why));
	}
	(void)snprintf(rm->role.name, sizeof(rm->role.name), "%s", name);
	if (volume) {
		(void)snprintf(rm->role.volume, sizeof(rm->role.volume), "%s", volume);
		return 0;
	}
	r = vmha_volumes_list(&volumes, err);
	for (i = 0; r == 0 && i < volumes.count; i++) {
		(void)snprintf(rm->role.volume, sizeof(rm->role.volume), "%s", volumes.names[i]);
		int here = vmha_volume_look(rm->role.volume, silent ? NULL : &silent);

		if (here == 1 && is_left_on(&rm->role)) {
			return 0;
		}
	}
	return r < 0	? r
	       : silent ? vmha_err_set(err, -ENOENT, "%s; whether something is left of it: %s",
				       vmha_err_text(why), vmha_err_text(silent))
			: vmha_err_set(err, -ENOENT, "%s", vmha_err_text(why));
}

/* Is what Pacemaker believes about this role certain enough to take it away? */
static int certain_check(const struct removal *rm, struct vmha_err **err)
{
	const struct vmha_pcmk_resource *r = vmha_pcmk_resource_find(rm->state, rm->role.name);
	size_t i;

	for (i = 0; i < rm->state->nodes_count; i++) {
		if (rm->state->nodes[i].unclean) {
			return vmha_err_set(
				err, -EAGAIN,
				"the state of node %s is unknown until it is fenced, so %s may "
				"run there: try again then",
				rm->state->nodes[i].name, rm->role.name);
		}
	}
	if (rm->configured && r && r->blocked) {
		vmha_autostr struct vmha_str why = { 0 };

		vmha_cluster_why(rm->state, rm->role.name, &why);
		return vmha_err_set(err, -EBUSY, "%s: %s: first run: vmha heal %s", rm->role.name,
				    why.text ? why.text : "", rm->role.name);
	}
	if (rm->configured && ((r && !r->managed) || rm->state->maintenance)) {
		return vmha_err_set(
			err, -EBUSY,
			"%s is not managed by the cluster now (maintenance?), so it cannot be "
			"stopped: end that first",
			rm->role.name);
	}
	return 0;
}

static int group_check(const struct removal *rm, struct vmha_err **err)
{
	vmha_autoprimitives struct vmha_pcmk_primitives *list = NULL;
	int r = vmha_pcmk_primitives_read("vm", &list, err);
	size_t i;

	for (i = 0; r == 0 && i < list->count; i++) {
		if (strcmp(list->items[i].id, rm->role.name) == 0 && *list->items[i].parent) {
			return vmha_err_set(err, -EBUSY,
					    "%s is a member of '%s': take it out of there first",
					    rm->role.name, list->items[i].parent);
		}
	}
	return r;
}

/*
 * What Pacemaker knows of a role may be gone for a moment while the role runs:
 *
 *   clusterd, or an administrator       Pacemaker              this command
 *   cleans up what the role's history   knows nothing of it    looks stopped; its lease is held
 *   was                                 probes: it runs        waits on
 *                                       stops it               stopped, its lease is free
 *
 * Who runs without the cluster's knowledge still holds the lease when nothing is left to be done.
 */
static int stopped_wait(const struct removal *rm, struct vmha_pcmk_state **ret_state,
			struct vmha_err **err)
{
	struct vmha_mono deadline = vmha_mono_add(vmha_mono_now(), VMHA_SPAN_S(STOP_WAIT_S));
	struct vmha_cluster_wait w = { .role = rm->role.name, .goal = VMHA_GOAL_STOPPED };
	int r;

	do {
		vmha_pcmk_state_free(vmha_steal_ptr(*ret_state));
		w.timeout_s = (unsigned int)(vmha_mono_left_ms(deadline) / 1000);
		r = vmha_cluster_wait(&w, ret_state, err);
	} while (r == 0 && !vmha_mono_passed(deadline) &&
		 vmha_volume_answers(rm->role.volume, VMHA_ANSWER_S, NULL) == 0 &&
		 vmha_role_unused(&rm->role, true, NULL) == -EBUSY &&
		 vmha_pcmk_settle(1, NULL) == -ETIMEDOUT);
	return r;
}

static int role_stop(struct removal *rm, struct vmha_err **err)
{
	const struct vmha_pcmk_resource *x = vmha_pcmk_resource_find(rm->state, rm->role.name);
	vmha_autopcmk struct vmha_pcmk_state *s = NULL;
	vmha_autostr struct vmha_str why = { 0 };
	int r = vmha_pcmk_meta_set(rm->role.name, "target-role", "Stopped", err);

	if (r < 0) {
		return r;
	}
	if (x && x->nodes_count) {
		vmha_output_step("stopping %s on %s", rm->role.name, x->nodes[0]);
	}
	r = stopped_wait(rm, &s, err);
	if (r < 0 && s) {
		vmha_cluster_why(s, rm->role.name, &why);
		return vmha_err_set(err, r, "%s could not be stopped: %s: it was not removed",
				    rm->role.name, why.text ? why.text : "");
	}
	return r;
}

/* Everything that names the role in the configuration, as one change. */
static int unconfigure(const struct removal *rm, struct vmha_err **err)
{
	const char *n = rm->role.name;
	vmha_autofree char *expr = vmha_role_resource_expr(n);
	int r = expr ? vmha_pcmk_unconfigure(expr, err)
		     : vmha_err_set(err, -ENOMEM, "out of memory");

	if (r == 0 && rm->configured) {
		vmha_output_step("resource %s and its constraints removed", n);
	}
	return r;
}

static void told(void *arg, enum vmha_told what, const char *text)
{
	struct removal *rm = arg;

	if (what == VMHA_TOLD_WARNING) {
		vmha_output_warn("%s", text);
	} else if (what == VMHA_TOLD_REMOVED) {
		(void)json_array_append_new(rm->removed, json_string(text));
	} else {
		vmha_output_step("%s", text);
	}
}

/* One that cannot be written because the volume is full must not keep anybody from making room. */
static int intent_begin(const struct removal *rm, struct vmha_err **err)
{
	vmha_autoerr struct vmha_err *why = NULL;
	int r = vmha_intent_begin(&rm->role, "remove", rm->disks, &why);

	if (r == -ENOSPC || r == -EDQUOT) {
		vmha_output_warn("%s: if this is cut short, repeat it", vmha_err_text(why));
		return 0;
	}
	return r < 0 ? vmha_err_set(err, r, "%s", vmha_err_text(why)) : 0;
}

/* The commit is the change of the cluster: before it the role stands, behind it all of it goes, by
 * whoever holds the lock next (lib/core/volume_index.h). */
static int remove_locked(struct removal *rm, struct vmha_err **err)
{
	const struct vmha_teller teller = { told, rm };
	sigset_t old;
	int r = vmha_role_unused(&rm->role, rm->force, err);

	if (r < 0) {
		return r;
	}
	vmha_interrupt_hold(&old);
	r = intent_begin(rm, err);
	/* also where it is not there: an add that was cut short may still be on its way into it */
	r = r < 0 ? r : unconfigure(rm, err);
	r = r < 0 ? r : vmha_role_drop(&rm->role, rm->disks, &teller, err);
	r = r < 0 ? r : vmha_intent_end(&rm->role, err);
	if (r == 0) {
		vmha_output_step("definition of %s removed", rm->role.name);
	}
	vmha_interrupt_release(&old);
	return r;
}

static int remove_run(struct removal *rm, const char *name, const char *volume,
		      struct vmha_err **err)
{
	vmha_autolock struct vmha_volume_guard lock = { 0 };
	int r = vmha_need_root(err);

	r = r < 0 ? r : vmha_cluster_need(&rm->state, err);
	r = r < 0 ? r : role_find(rm, name, volume, err);
	r = r < 0 ? r : vmha_volume_answers(rm->role.volume, VMHA_ANSWER_S, err);
	r = r < 0 ? r : certain_check(rm, err);
	if (r == 0 && rm->configured) {
		r = group_check(rm, err);
		r = r < 0 ? r : role_stop(rm, err);
	}
	r = r < 0 ? r : vmha_volume_command_lock(rm->role.volume, &lock, err);
	if (r == 0) {
		r = remove_locked(rm, err);
		vmha_volume_unlock(&lock);
	}
	return r;
}

int vmha_vm_remove(int argc, char **argv, struct vmha_err **err)
{
	struct removal rm = { 0 };
	const char *volume = NULL;
	const struct vmha_option opts[] = {
		{ .name = "disks", .flag = &rm.disks },
		{ .name = "force", .flag = &rm.force },
		{ .name = "volume", .value = &volume },
		{ 0 },
	};
	int r = vmha_options_take(&argc, argv, opts, err);

	if (r != 0) {
		return r;
	}
	if (argc != 2 || !vmha_str_is_name(argv[1]) || (volume && !vmha_str_is_name(volume))) {
		return vmha_usage(err, "one NAME is needed");
	}
	rm.removed = json_array();
	r = remove_run(&rm, argv[1], volume, err);
	vmha_pcmk_state_free(rm.state);
	if (r < 0) {
		json_decref(rm.removed);
		return r;
	}
	return vmha_output_json(json_pack("{s:s, s:s, s:o}", "name", rm.role.name, "volume",
					  rm.role.volume, "removed", rm.removed));
}
