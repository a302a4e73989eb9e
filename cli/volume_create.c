/* SPDX-License-Identifier: GPL-2.0-or-later */
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
#include "lib/port/lease_sanlock.h"
#include "lib/port/pcmk.h"

#define JOIN_S 120 /* a start that is under way */

/* A directory that is there already. */
static int path_read(const char *path, struct volume_new *v, struct vmha_err **err)
{
	vmha_autofree char *real = NULL;
	int r = vmha_path_answers(path, v->name, VMHA_ANSWER_S, err);

	if (r < 0) {
		return r;
	}
	real = realpath(path, NULL);
	if (!real) {
		return vmha_err_errno(err, -errno, "cannot use %s", path);
	}
	/* such a path could not be said to sanlock or in the CIB without escapes */
	if (strlen(real) > VMHA_PATH_SIZE - 64 || strpbrk(real, " :\\<>&\"'\n\t")) {
		return vmha_err_set(err, -EINVAL,
				    "%s: a volume's path must be short, without blanks and without "
				    "any of : \\ < > & \" '",
				    real);
	}
	(void)snprintf(v->path, sizeof(v->path), "%s", real);
	return 0;
}

struct words {
	const char *type;
	const char *path;
	const char *device;
	const char *options;
	const char *journals;
	const char *io_timeout;
};

static int storage_read(const struct words *w, struct volume_new *v, struct vmha_err **err)
{
	uint64_t n = 0;

	if (vmha_volume_type_parse(w->type, &v->type) < 0) {
		return vmha_usage(err, "--type must be dir, nfs or gfs2, not '%s'", w->type);
	}
	if (v->type == VMHA_VOLUME_TYPE_DIR ? !w->path || w->device || w->options
					    : !w->device || w->path) {
		return vmha_usage(err,
				  "--path goes with --type dir, --device and --options with gfs2 "
				  "and nfs");
	}
	if (w->journals && (v->type != VMHA_VOLUME_TYPE_GFS2 ||
			    vmha_str_u64(w->journals, 1, VMHA_GFS2_JOURNALS_MAX, &n) < 0)) {
		return vmha_usage(err, "--journals goes with --type gfs2 and is 1 to %d",
				  VMHA_GFS2_JOURNALS_MAX);
	}
	v->journals = (unsigned int)n;
	if (w->device && (strlen(w->device) >= sizeof(v->device) ||
			  strlen(w->options ? w->options : "") >= sizeof(v->options))) {
		return vmha_usage(err, "--device or --options is too long");
	}
	(void)snprintf(v->device, sizeof(v->device), "%s", w->device ? w->device : "");
	(void)snprintf(v->options, sizeof(v->options), "%s", w->options ? w->options : "");
	return w->path ? path_read(w->path, v, err) : 0;
}

int vmha_volume_args_read(int argc, char **argv, struct volume_new *v, struct vmha_err **err)
{
	struct words w = { 0 }; /* without --io-timeout: measured */
	const struct vmha_option opts[] = {
		{ "path", &w.path, NULL },	 { "io-timeout", &w.io_timeout, NULL },
		{ "type", &w.type, NULL },	 { "device", &w.device, NULL },
		{ "options", &w.options, NULL }, { "journals", &w.journals, NULL },
		{ "force", NULL, &v->force },	 { NULL, NULL, NULL },
	};
	uint64_t n = 0;

	if (vmha_options_take(&argc, argv, opts, err)) {
		return VMHA_EXIT_USAGE;
	}
	if (argc != 2 || (!w.path && !w.device)) {
		return vmha_usage(err, "the volume's name and --path or --device are needed");
	}
	if (!vmha_str_is_name(argv[1])) {
		return vmha_usage(
			err,
			"'%s' cannot be a volume's name: 1 to 47 letters, digits, '.', '_' "
			"or '-'",
			argv[1]);
	}
	if (w.io_timeout &&
	    vmha_str_u64(w.io_timeout, VMHA_IO_TIMEOUT_MIN, VMHA_IO_TIMEOUT_MAX, &n) < 0) {
		return vmha_usage(err, "--io-timeout must be %d to %d seconds, not '%s'",
				  VMHA_IO_TIMEOUT_MIN, VMHA_IO_TIMEOUT_MAX, w.io_timeout);
	}
	v->io_timeout_s = (unsigned int)n;
	(void)snprintf(v->name, sizeof(v->name), "%s", argv[1]);
	return storage_read(&w, v, err);
}

static int cluster_check(const struct volume_new *v, struct vmha_err **err)
{
	vmha_autoprimitives struct vmha_pcmk_primitives *list = NULL;
	vmha_autofree char *clone = vmha_str_printf("%s-clone", v->name);
	vmha_autopcmk struct vmha_pcmk_state *state = NULL;
	size_t i;
	int r = vmha_pcmk_primitives_read("csv", &list, err);

	r = r < 0 ? r : vmha_pcmk_state_read(&state, err);
	r = r < 0 ? r : vmha_cluster_no_remote(state, err);
	if (r < 0 || !clone) {
		return r < 0 ? r : -ENOMEM;
	}
	for (i = 0; i < list->count; i++) {
		if (vmha_str_eq(list->items[i].volume, v->name)) {
			return vmha_err_set(err, -EEXIST,
					    "volume %s exists already (resource %s, on %s): see "
					    "'vmha volume show %s'",
					    v->name, list->items[i].id,
					    *list->items[i].device ? list->items[i].device
								   : list->items[i].path,
					    v->name);
		}
		if (*v->device && vmha_str_eq(list->items[i].device, v->device)) {
			return vmha_err_set(err, -EEXIST, "%s is already the device of volume %s",
					    v->device, list->items[i].volume);
		}
		if (*v->path && vmha_str_eq(list->items[i].path, v->path)) {
			return vmha_err_set(err, -EEXIST, "%s is already the path of volume %s",
					    v->path, list->items[i].volume);
		}
	}
	r = vmha_pcmk_id_used(v->name, err);
	if (r == 0) {
		r = vmha_pcmk_id_used(clone, err);
	}
	if (r > 0) {
		return vmha_err_set(
			err, -EEXIST,
			"the cluster's configuration already uses the name %s or %s for "
			"something else: choose another name",
			v->name, clone);
	}
	return r;
}

static int sanlock_check(const struct volume_new *v, struct vmha_err **err)
{
	int r;

	if (!vmha_sanlock_alive()) {
		return vmha_err_set(err, -ECONNREFUSED,
				    "sanlock does not answer on this node: start it (systemctl "
				    "start sanlock)");
	}
	r = vmha_lockspace_joined_name(v->name, err);
	if (r > 0) {
		return vmha_err_set(err, -EEXIST,
				    "this node has joined a lockspace named %s already: choose "
				    "another name, or leave it (sanlock client status)",
				    v->name);
	}
	return r;
}

int vmha_volume_names_check(const struct volume_new *v, struct vmha_err **err)
{
	int r = cluster_check(v, err);

	return r < 0 ? r : sanlock_check(v, err);
}

/* @return false: not all of it, and that was said */
static bool storage_undo(struct volume_new *v)
{
	vmha_autoerr struct vmha_err *why = NULL;
	int r;

	if (v->type == VMHA_VOLUME_TYPE_DIR) {
		if (v->files_made) {
			vmha_volume_storage_remove(v->path);
		}
		return true;
	}
	r = vmha_volume_device_undo(v, &why);
	if (r < 0) {
		vmha_output_warn("%s could not be given back as it was (%s)", v->device,
				 vmha_err_text(why));
	}
	vmha_volume_dlm_undo(v);
	return r == 0;
}

/* This node cannot see its files. */
static void joined_elsewhere(const struct volume_new *v, char *text, size_t size)
{
	vmha_autopcmk struct vmha_pcmk_state *state = NULL;
	vmha_autofree char *clone = vmha_str_printf("%s-clone", v->name);
	vmha_autoerr struct vmha_err *why = NULL;
	size_t i;

	if (!clone || vmha_pcmk_state_read(&state, &why) < 0) {
		(void)snprintf(text, size, "where it is started is unknown: %s",
			       clone ? vmha_err_text(why) : "out of memory");
		return;
	}
	for (i = 0; !*text && i < state->nodes_count; i++) {
		if (vmha_pcmk_runs_on(state, clone, state->nodes[i].name)) {
			(void)snprintf(text, size, "it is started on %s, where files may be on it",
				       state->nodes[i].name);
		}
	}
}

static bool joined_here(const struct volume_new *v)
{
	struct vmha_joined_record rec;

	return vmha_volume_load(v->name, VMHA_VOLUME_JOINED, &rec, NULL) == 0;
}

/*
 *   this command, on A                       an administrator on B, which has joined
 *   waits for C to join
 *                                            copies an image to the volume, adds a role
 *   C cannot: wiping it would lose that
 *
 * What comes after this look is found by the one before the wipe; to stop a volume in use is harm
 * enough.
 *
 * @return @text what has come onto it; "" nothing
 */
static const char *in_use_by(const struct volume_new *v, char *text, size_t size)
{
	vmha_autoerr struct vmha_err *why = NULL;
	bool joined = joined_here(v);
	char dir[VMHA_PATH_SIZE];

	if (v->formatted && !joined) { /* another node failed first: this one may be under way */
		(void)vmha_pcmk_settle(JOIN_S, NULL);
		joined = joined_here(v);
	}
	*text = '\0';
	if (vmha_volume_roles_refuse(v, &why) < 0 ||
	    (v->formatted && joined && vmha_volume_answers(v->name, VMHA_ANSWER_S, &why) < 0)) {
		(void)snprintf(text, size, "%s", vmha_err_text(why));
	} else if (v->formatted && joined) {
		vmha_volume_path(v->name, VMHA_VOLUME_DIR, dir);
		vmha_volume_file_first(dir, text, size);
	} else if (v->formatted) { /* else nothing is wiped */
		joined_elsewhere(v, text, size);
	}
	return text;
}

/* What was on the storage before an add is not to be touched. */
static const char *rest_by_hand(const struct volume_new *v, char *text, size_t size)
{
	*text = '\0';
	if (!v->add) {
		(void)snprintf(text, size, ", then %s %s",
			       v->type == VMHA_VOLUME_TYPE_GFS2 ? "wipefs --all"
								: "remove " VMHA_VOLUME_META " of",
			       *v->device ? v->device : v->path);
	}
	return text;
}

/* In reverse order; what cannot be undone is said, with how to do it by hand. */
void vmha_volume_undo(struct volume_new *v)
{
	vmha_autoerr struct vmha_err *why = NULL;
	char use[VMHA_PATH_SIZE + 64];

	if (v->configured && *in_use_by(v, use, sizeof(use))) {
		vmha_output_warn(
			"volume %s is kept, for it is used by now: %s; what keeps nodes out "
			"of it: vmha volume check %s",
			v->name, use, v->name);
		return;
	}
	if (v->configured && vmha_volume_resource_remove(v->name, &why) < 0) {
		vmha_output_warn(
			"resource %s-clone could not be removed (%s): stop and delete it%s",
			v->name, vmha_err_text(why), rest_by_hand(v, use, sizeof(use)));
		return;
	}
	if (storage_undo(v)) {
		vmha_output_warn("all that was made has been undone");
	}
}

/* Storage with lockspace, leases and record on it, and mounted nowhere that it will not stay. */
static int storage_make(struct volume_new *v, struct vmha_err **err)
{
	int r = 0;

	if (v->type != VMHA_VOLUME_TYPE_DIR) {
		r = vmha_volume_device_prepare(v, err);
	}
	if (r == 0 && v->adopted) {
		vmha_output_step("%s already holds volume %s: taken over",
				 *v->device ? v->device : v->path, v->name);
	} else if (r == 0) {
		r = vmha_volume_storage_make(v, err);
		if (r == 0) {
			vmha_output_step("formatted lockspace and leases %s %s (io_timeout %u s)",
					 v->type == VMHA_VOLUME_TYPE_GFS2
						 ? "behind the file system on"
						 : "in " VMHA_VOLUME_META " of",
					 *v->device ? v->device : v->path, v->io_timeout_s);
		}
	}
	if (r == 0 && v->type != VMHA_VOLUME_TYPE_DIR) {
		r = vmha_volume_device_release(v, err);
	}
	return r;
}

static int create(struct volume_new *v, json_t *nodes, struct vmha_err **err)
{
	int r = storage_make(v, err);

	if (r < 0 && v->type == VMHA_VOLUME_TYPE_DIR) {
		return r; /* it has undone itself */
	}
	r = r < 0 ? r : vmha_volume_bring_in(v, nodes, err);
	if (r < 0) {
		vmha_volume_undo(v);
	}
	return r;
}

int vmha_volume_create(int argc, char **argv, struct vmha_err **err)
{
	struct vmha_mono begun = vmha_mono_now();
	struct volume_new v = { 0 };
	json_t *nodes = NULL;
	int r = vmha_volume_args_read(argc, argv, &v, err);

	if (r != 0) {
		return r;
	}
	r = vmha_need_root(err);
	r = r < 0 ? r : vmha_volume_names_check(&v, err);
	if (r == 0) {
		r = v.type == VMHA_VOLUME_TYPE_DIR ? vmha_volume_storage_check(&v, err)
						   : vmha_volume_device_check(&v, err);
	}
	if (r < 0) {
		return r;
	}
	nodes = json_array();
	r = nodes ? create(&v, nodes, err) : -ENOMEM;
	free(v.dlm_clone);
	if (r < 0) {
		json_decref(nodes);
		return r;
	}
	return vmha_volume_told(&v, "is ready", begun, nodes);
}
