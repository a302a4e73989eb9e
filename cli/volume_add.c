/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A finished volume into this cluster, and out of it. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/cluster.h"
#include "cli/output.h"
#include "cli/volume.h"
#include "lib/base/cleanup.h"
#include "lib/base/mono.h"
#include "lib/base/str.h"
#include "lib/port/pcmk.h"
#include "lib/role/volumelock.h"

static int record_read(struct volume_new *v, struct vmha_err **err)
{
	vmha_autoerr struct vmha_err *why = NULL;
	struct vmha_volume_record rec;
	int r = vmha_volume_load_at(v->path, &rec, &why);
	const char *where = *v->device ? v->device : v->path;

	if (r == -ENOENT) {
		return vmha_err_set(err, r, "%s holds no volume: 'vmha volume create' makes one",
				    where);
	}
	if (r < 0) {
		return vmha_err_set(err, r, "%s", vmha_err_text(why));
	}
	if (!vmha_str_eq(rec.name, v->name)) {
		return vmha_err_set(err, -EBADMSG, "%s holds volume %s, not %s: add it by its name",
				    where, rec.name, v->name);
	}
	if (!vmha_str_eq(rec.type, vmha_volume_type_name(v->type))) {
		return vmha_err_set(err, -EBADMSG,
				    "%s holds a volume of type %s: add it with "
				    "--type %s",
				    where, rec.type, rec.type);
	}
	if (rec.io_timeout_s < VMHA_IO_TIMEOUT_MIN || rec.io_timeout_s > VMHA_IO_TIMEOUT_MAX) {
		return vmha_err_set(err, -EBADMSG,
				    "%s: the volume's record has an io_timeout of "
				    "%llu s",
				    where, (unsigned long long)rec.io_timeout_s);
	}
	if (v->type == VMHA_VOLUME_TYPE_GFS2 && !vmha_str_eq(rec.id, v->leases.id)) {
		return vmha_err_set(err, -EBADMSG,
				    "%s: its leases are of volume id %s, its files of %s: it was "
				    "copied or restored in parts",
				    where, v->leases.id, rec.id);
	}
	v->adopted = true;
	v->io_timeout_s = (unsigned int)rec.io_timeout_s;
	(void)snprintf(v->id, sizeof(v->id), "%s", rec.id);
	return v->type == VMHA_VOLUME_TYPE_GFS2
		       ? 0
		       : vmha_volume_foreign_check(v->path, &rec, v->force, err);
}

static int add(struct volume_new *v, json_t *nodes, struct vmha_err **err)
{
	bool dir = v->type == VMHA_VOLUME_TYPE_DIR;
	/* a GFS2 that another cluster has mounted must not be mounted here even once */
	int r = v->type == VMHA_VOLUME_TYPE_GFS2 ? vmha_volume_device_leases(v, err) : 0;

	r = r < 0 || dir ? r : vmha_volume_device_attach(v, err);
	r = r < 0 ? r : record_read(v, err);
	if (!dir && vmha_volume_device_release(v, r < 0 ? NULL : err) < 0 && r == 0) {
		r = -EBUSY;
	}
	r = r < 0 ? r : vmha_volume_bring_in(v, nodes, err);
	if (r < 0 && (v->configured || !dir)) {
		vmha_volume_undo(v);
	}
	return r;
}

int vmha_volume_add(int argc, char **argv, struct vmha_err **err)
{
	struct vmha_mono begun = vmha_mono_now();
	struct volume_new v = { .add = true };
	json_t *nodes;
	int r = vmha_volume_args_read(argc, argv, &v, err);

	if (r != 0) {
		return r;
	}
	r = vmha_need_root(err);
	r = r < 0 ? r : vmha_volume_names_check(&v, err);
	if (r == 0 && v.type != VMHA_VOLUME_TYPE_DIR) {
		r = vmha_volume_device_check(&v, err);
	}
	nodes = r == 0 ? json_array() : NULL;
	if (r == 0) {
		r = nodes ? add(&v, nodes, err) : -ENOMEM;
	}
	free(v.dlm_clone);
	if (r < 0) {
		json_decref(nodes);
		return r;
	}
	return vmha_volume_told(&v, "is in the cluster,", begun, nodes);
}

/* --- remove --- */

static int volume_find(struct volume_new *v, struct vmha_err **err)
{
	vmha_autoprimitives struct vmha_pcmk_primitives *list = NULL;
	int r = vmha_pcmk_primitives_read("csv", &list, err);
	size_t i;

	for (i = 0; r == 0 && i < list->count; i++) {
		const struct vmha_pcmk_primitive *p = &list->items[i];
		vmha_autofree char *clone = vmha_str_printf("%s-clone", v->name);

		if (!vmha_str_eq(p->volume, v->name)) {
			continue;
		}
		if (!vmha_str_eq(p->id, v->name) || !vmha_str_eq(p->parent, clone)) {
			return vmha_err_set(err, -EINVAL,
					    "volume %s is the resource %s in %s, which this "
					    "command did not make: stop and delete it by hand",
					    v->name, p->id, p->parent);
		}
		(void)snprintf(v->device, sizeof(v->device), "%s", p->device);
		(void)snprintf(v->options, sizeof(v->options), "%s", p->options);
		(void)snprintf(v->path, sizeof(v->path), "%s", p->path);
		return vmha_volume_type_parse(p->type, &v->type) < 0
			       ? vmha_err_set(err, -EINVAL, "volume %s has the type %s", v->name,
					      p->type)
			       : 0;
	}
	return r < 0 ? r
		     : vmha_err_set(err, -ENOENT,
				    "volume '%s' is not a resource of the cluster: 'vmha volume "
				    "list' names those that are",
				    v->name);
}

int vmha_volume_roles_refuse(const struct volume_new *v, struct vmha_err **err)
{
	vmha_autoprimitives struct vmha_pcmk_primitives *vms = NULL;
	vmha_autostr struct vmha_str names = { 0 };
	int r = vmha_pcmk_primitives_read("vm", &vms, err);
	size_t i;

	for (i = 0; r == 0 && i < vms->count; i++) {
		if (vmha_str_eq(vms->items[i].volume, v->name)) {
			(void)vmha_str_add(&names, "%s%s", names.len ? ", " : "",
					   vms->items[i].name);
		}
	}
	return r < 0 || !names.len
		       ? r
		       : vmha_err_set(err, -EBUSY,
				      "volume %s has roles: %s; remove them first (vmha vm remove)",
				      v->name, names.text);
}

/* Definitions that no resource uses may be all that is left of somebody's VMs. */
static int definitions_refuse(const struct volume_new *v, struct vmha_err **err)
{
	vmha_autonames struct vmha_names names = { 0 };
	int r = vmha_volume_roles(v->name, &names, err);

	if (r < 0 || names.count == 0) {
		return r;
	}
	return vmha_err_set(err, -ENOTEMPTY,
			    "volume %s still holds %zu VMs (%s, ...), which --destroy would lose: "
			    "remove them first, or repeat with --force",
			    v->name, names.count, names.names[0]);
}

static int gfs2_destroy(struct volume_new *v, struct vmha_err **err)
{
	int r = vmha_volume_device_check(v, err);

	r = r < 0 ? r : vmha_volume_device_leases(v, err);
	v->formatted = r == 0;
	return r < 0 ? r : vmha_volume_device_undo(v, err);
}

static int destroy(struct volume_new *v, struct vmha_err **err)
{
	struct vmha_volume_record rec;
	bool dir = v->type == VMHA_VOLUME_TYPE_DIR;
	int r;

	if (v->type == VMHA_VOLUME_TYPE_GFS2) {
		return gfs2_destroy(v, err);
	}
	r = dir ? vmha_path_answers(v->path, v->name, VMHA_ANSWER_S, err)
		: vmha_volume_device_check(v, err);
	r = r < 0 || dir ? r : vmha_volume_device_attach(v, err);
	r = r < 0 ? r : vmha_volume_load_at(v->path, &rec, err);
	if (r == 0 && !vmha_str_eq(rec.name, v->name)) {
		r = vmha_err_set(err, -EBADMSG, "it holds volume %s", rec.name);
	}
	r = r < 0 ? r : vmha_volume_foreign_check(v->path, &rec, v->force, err);
	if (r == 0) {
		v->files_made = true;
	}
	if (!dir) {
		int undone = vmha_volume_device_undo(v, r < 0 ? NULL : err);

		return r < 0 ? r : undone;
	}
	if (r == 0) {
		vmha_volume_storage_remove(v->path);
	}
	return r;
}

static void wipe_say(const struct volume_new *v)
{
	if (v->type == VMHA_VOLUME_TYPE_DIR) {
		vmha_output_step("its data stays: 'vmha volume add %s --path %s' brings it back; "
				 "rm -r %s/%s makes it no volume any more",
				 v->name, v->path, v->path, VMHA_VOLUME_META);
	} else {
		vmha_output_step("its data stays: 'vmha volume add %s --type %s --device %s' "
				 "brings it back%s%s",
				 v->name, vmha_volume_type_name(v->type), v->device,
				 v->type == VMHA_VOLUME_TYPE_GFS2 ? "; to wipe it: wipefs -a " : "",
				 v->type == VMHA_VOLUME_TYPE_GFS2 ? v->device : "");
	}
}

/* Under the volume's lock, so that no role appears between the look and the stop. */
static int roles_look(struct volume_new *v, bool destroying, struct vmha_err **err)
{
	vmha_autolock struct vmha_volume_guard guard = { 0 };
	vmha_autofree char *clone = vmha_str_printf("%s-clone", v->name);
	vmha_autoerr struct vmha_err *why = NULL;
	struct vmha_volume_record rec;
	bool here = vmha_volume_load(v->name, VMHA_VOLUME_JOINED, &(struct vmha_joined_record){ 0 },
				     NULL) == 0;
	int r = here ? vmha_volume_command_lock(v->name, &guard, &why) : 0;

	if (r < 0 && !v->force) {
		return vmha_err_set(err, r, "%s; --force removes it all the same",
				    vmha_err_text(why));
	}
	r = vmha_volume_roles_refuse(v, err);
	if (r == 0 && destroying && !v->force) {
		r = vmha_volume_load(v->name, VMHA_VOLUME_RECORD, &rec, err);
		r = r < 0 ? r : definitions_refuse(v, err);
	}
	if (r == 0 && clone) {
		r = vmha_pcmk_meta_set(clone, "target-role", "Stopped", err);
	}
	return r;
}

int vmha_volume_remove(int argc, char **argv, struct vmha_err **err)
{
	struct volume_new v = { .add = true };
	bool destroying = false;
	const struct vmha_option opts[] = {
		{ "destroy", NULL, &destroying },
		{ "force", NULL, &v.force },
		{ NULL, NULL, NULL },
	};
	int r;

	if (vmha_options_take(&argc, argv, opts, err)) {
		return VMHA_EXIT_USAGE;
	}
	if (argc != 2 || !vmha_str_is_name(argv[1])) {
		return vmha_usage(err, "the volume's name is needed");
	}
	(void)snprintf(v.name, sizeof(v.name), "%s", argv[1]);
	r = vmha_need_root(err);
	r = r < 0 ? r : volume_find(&v, err);
	r = r < 0 ? r : roles_look(&v, destroying, err);
	if (r < 0) {
		return r;
	}
	r = vmha_volume_resource_remove(v.name, err);
	if (r < 0) {
		(void)vmha_err_prefix(err, "volume %s could not be stopped on all nodes", v.name);
		return r;
	}
	vmha_output_step("volume %s is out of the cluster", v.name);
	if (destroying) {
		r = destroy(&v, err);
		free(v.dlm_clone);
		if (r < 0) {
			(void)vmha_err_prefix(err, "its data stays");
			return r;
		}
		vmha_output_step("%s is no volume any more", *v.device ? v.device : v.path);
	} else {
		wipe_say(&v);
	}
	return vmha_output_json(json_pack("{s:s, s:b}", "volume", v.name, "destroyed", destroying));
}
