/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <dirent.h>
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/cluster.h"
#include "cli/output.h"
#include "cli/vm.h"
#include "cli/volume.h"
#include "lib/base/cleanup.h"
#include "lib/base/file.h"
#include "lib/port/nodes.h"
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

/* Volume of a role that is in the configuration, or else of one whose files are left. */
static int role_find(struct removal *rm, const char *name, const char *volume,
		     struct vmha_err **err)
{
	vmha_autonames struct vmha_names volumes = { 0 };
	vmha_autoerr struct vmha_err *why = NULL;
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
		char path[VMHA_PATH_SIZE];

		(void)snprintf(rm->role.volume, sizeof(rm->role.volume), "%s", volumes.names[i]);
		vmha_role_path(&rm->role, VMHA_FILE_ROLE, path);
		if (access(path, F_OK) == 0) {
			return 0;
		}
	}
	return r < 0 ? r : vmha_err_set(err, -ENOENT, "%s", vmha_err_text(why));
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

static int role_stop(struct removal *rm, struct vmha_err **err)
{
	const struct vmha_pcmk_resource *x = vmha_pcmk_resource_find(rm->state, rm->role.name);
	struct vmha_cluster_wait w = { .role = rm->role.name,
				       .goal = VMHA_GOAL_STOPPED,
				       .timeout_s = STOP_WAIT_S };
	vmha_autopcmk struct vmha_pcmk_state *s = NULL;
	vmha_autostr struct vmha_str why = { 0 };
	int r = vmha_pcmk_meta_set(rm->role.name, "target-role", "Stopped", err);

	if (r < 0) {
		return r;
	}
	if (x && x->nodes_count) {
		vmha_output_step("stopping %s on %s", rm->role.name, x->nodes[0]);
	}
	r = vmha_cluster_wait(&w, &s, err);
	if (r < 0 && s) {
		vmha_cluster_why(s, rm->role.name, &why);
		return vmha_err_set(err, r, "%s could not be stopped: %s: it was not removed",
				    rm->role.name, why.text ? why.text : "");
	}
	return r;
}

/* The volume's own evidence: nobody holds the lease, nobody has a process. */
static int evidence_check(const struct removal *rm, const struct vmha_lease *lease,
			  struct vmha_err **err)
{
	struct vmha_lease_owner owner = { 0 };
	struct vmha_owner_record rec;
	vmha_autonodes struct vmha_nodes nodes = { 0 };
	char name[VMHA_NODE_SIZE];
	int r = vmha_lease_owner(lease, &owner, err);

	if (r < 0) {
		return r;
	}
	(void)vmha_nodes_read(&nodes, NULL);
	if (owner.held) {
		return vmha_err_set(
			err, -EBUSY, "the lease of %s is held on node %s: it was not removed",
			rm->role.name, vmha_nodes_name(&nodes, owner.host.host_id, name));
	}
	r = vmha_role_load(&rm->role, VMHA_RECORD_OWNER, &rec, NULL);
	if (r == -ENOENT || rm->force) {
		return 0;
	}
	if (r == 0) {
		return vmha_err_set(
			err, -EBUSY,
			"the volume still has node %s recorded as owner of %s: start and stop "
			"it there, or add --force if no process of it is left",
			rec.node, rm->role.name);
	}
	return vmha_err_set(
		err, -EBUSY,
		"the owner record of %s is unreadable: add --force if no process of it is "
		"left on any node",
		rm->role.name);
}

/* Everything that names the role in the configuration, as one change. */
static int unconfigure(const struct removal *rm, struct vmha_err **err)
{
	const char *n = rm->role.name;
	vmha_autofree char *expr = vmha_str_printf(
		"//resources/primitive[@id='%s']|//constraints/*[@rsc='%s' or @with-rsc='%s' or "
		"@first='%s' or @then='%s']|//constraints//resource_ref[@id='%s']|"
		"//tags//obj_ref[@id='%s']",
		n, n, n, n, n, n, n);
	int r = expr ? vmha_pcmk_unconfigure(expr, err)
		     : vmha_err_set(err, -ENOMEM, "out of memory");

	if (r == 0) {
		vmha_output_step("resource %s and its constraints removed", n);
	}
	return r;
}

static void file_drop(const struct removal *rm, const char *path)
{
	vmha_autoerr struct vmha_err *err = NULL;

	if (access(path, F_OK) < 0) {
		return;
	}
	if (vmha_file_remove(path, &err) < 0) {
		vmha_output_warn("%s", vmha_err_text(err));
	} else {
		(void)json_array_append_new(rm->removed, json_string(path));
	}
}

/* Also used by another role: then it stays, whatever was asked. */
static bool disk_shared(const struct removal *rm, const char *source)
{
	vmha_autonames struct vmha_names roles = { 0 };
	size_t i;

	if (vmha_volume_roles(rm->role.volume, &roles, NULL) < 0) {
		return true;
	}
	for (i = 0; i < roles.count; i++) {
		vmha_autodomxml struct vmha_domxml *dom = NULL;
		const struct vmha_domxml_disk *d;
		struct vmha_role r = rm->role;
		char path[VMHA_PATH_SIZE];
		size_t count;
		size_t n;

		(void)snprintf(r.name, sizeof(r.name), "%s", roles.names[i]);
		if (strcmp(r.name, rm->role.name) == 0) {
			continue;
		}
		vmha_role_path(&r, VMHA_FILE_XML, path);
		if (vmha_domxml_load(path, &dom, NULL) < 0) {
			return true; /* it cannot be told */
		}
		d = vmha_domxml_disks(dom, &count);
		for (n = 0; n < count; n++) {
			if (vmha_str_eq(d[n].source, source)) {
				return true;
			}
		}
	}
	return false;
}

static void disks_drop(const struct removal *rm, const struct vmha_domxml *dom)
{
	vmha_autofree char *nvram = vmha_domxml_get(dom, "/domain/os/nvram[not(source)]");
	const struct vmha_domxml_disk *d;
	char dir[VMHA_PATH_SIZE];
	size_t count;
	size_t i;

	vmha_volume_path(rm->role.volume, VMHA_VOLUME_DIR, dir);
	d = vmha_domxml_disks(dom, &count);
	for (i = 0; i < count; i++) {
		struct stat st;

		if (!d[i].source || d[i].readonly || !vmha_path_is_under(d[i].source, dir) ||
		    lstat(d[i].source, &st) < 0) {
			continue;
		}
		if (!S_ISREG(st.st_mode)) {
			vmha_output_warn("%s is not a file: it was left as it is", d[i].source);
		} else if (disk_shared(rm, d[i].source)) {
			vmha_output_warn("%s may be used by another role: it was left as it is",
					 d[i].source);
		} else {
			file_drop(rm, d[i].source);
		}
	}
	if (nvram && vmha_path_is_under(nvram, dir)) {
		file_drop(rm, nvram);
	}
}

/* Definition last: while it is there, a second try finds the disks and the lease. */
static void files_drop(const struct removal *rm)
{
	static const enum vmha_role_file files[] = { VMHA_FILE_WISH,  VMHA_FILE_MOVE,
						     VMHA_FILE_STATE, VMHA_FILE_STATE_RECORD,
						     VMHA_FILE_OWNER, VMHA_FILE_ROLE,
						     VMHA_FILE_XML };
	vmha_autodomxml struct vmha_domxml *dom = NULL;
	char path[VMHA_PATH_SIZE];
	size_t i;

	vmha_role_path(&rm->role, VMHA_FILE_XML, path);
	if (rm->disks && vmha_domxml_load(path, &dom, NULL) == 0) {
		disks_drop(rm, dom);
	} else if (rm->disks) {
		vmha_output_warn("%s cannot be read: its disks were left", path);
	}
	for (i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		vmha_role_path(&rm->role, files[i], path);
		file_drop(rm, path);
	}
	vmha_role_path(&rm->role, VMHA_FILE_DIR, path);
	if (rmdir(path) < 0 && errno == ENOTEMPTY) {
		vmha_output_step("%s keeps what else is in it%s", path,
				 rm->disks ? "" : " (disks are kept without --disks)");
	}
}

static int remove_locked(struct removal *rm, struct vmha_err **err)
{
	struct vmha_lease lease = { 0 };
	char path[VMHA_PATH_SIZE];
	sigset_t old;
	bool leased;
	int r;

	vmha_volume_path(rm->role.volume, VMHA_VOLUME_LEASES, path);
	r = vmha_lease_find(rm->role.volume, path, rm->role.name, &lease, err);
	leased = r == 0;
	if (r < 0 && r != -ENOENT) {
		return r;
	}
	r = leased ? evidence_check(rm, &lease, err) : 0;
	if (r < 0) {
		return r;
	}
	vmha_interrupt_hold(&old);
	r = rm->configured ? unconfigure(rm, err) : 0;
	if (r == 0 && leased) {
		r = vmha_lease_delete(&lease, err);
		if (r == 0) {
			vmha_output_step("lease %s removed", rm->role.name);
		}
	}
	if (r == 0) {
		files_drop(rm);
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
