/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Storage that is mounted for a new volume: a GFS2 on a shared device, or an export. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <unistd.h>

#include "cli/output.h"
#include "cli/volume.h"
#include "lib/base/cleanup.h"
#include "lib/base/file.h"
#include "lib/base/proc.h"
#include "lib/base/str.h"
#include "lib/core/volumemount.h"
#include "lib/port/cmap.h"
#include "lib/port/device.h"
#include "lib/port/lease_header.h"
#include "lib/role/mounted.h"

#define MOUNT_DIR	"/run/vmha/mnt"
#define MOUNT_S		90
#define MOUNTINFO_MAX	(4U << 20)
#define MKFS_S		900 /* it tells the storage that all blocks are free, which may take minutes */
#define UMOUNT_S	30
#define GFS2_BLOCK	4096
#define GFS2_BLOCK_TEXT "4096"

static bool mounted_at(const char *path)
{
	vmha_autofree char *text = NULL;
	struct vmha_mount m;

	return vmha_file_read("/proc/self/mountinfo", MOUNTINFO_MAX, &text, NULL, NULL) < 0 ||
	       vmha_mount_find(text, path, &m);
}

static int release(const char *path)
{
	struct vmha_mono deadline = vmha_mono_add(vmha_mono_now(), VMHA_SPAN_S(UMOUNT_S));

	while (mounted_at(path) && umount2(path, UMOUNT_NOFOLLOW) < 0) {
		if (errno != EBUSY || vmha_mono_passed(deadline)) {
			return -errno;
		}
		vmha_mono_pace(VMHA_SPAN_MS(200)); /* sanlock has just formatted in it */
	}
	return 0;
}

/*
 * One command at a time mounts below MOUNT_DIR: the lock ends with the process, so what is still
 * mounted there then was left by one that was killed.
 */
static int place_take(struct volume_new *v, struct vmha_err **err)
{
	vmha_autoclose int fd = -1;
	int r = vmha_file_mkdirs(MOUNT_DIR, 0755, err);

	if (r < 0) {
		return r;
	}
	(void)snprintf(v->path, sizeof(v->path), MOUNT_DIR "/%s", v->name);
	fd = open(MOUNT_DIR "/lock", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0) {
		return vmha_err_errno(err, -errno, "cannot open " MOUNT_DIR "/lock");
	}
	if (flock(fd, LOCK_EX | LOCK_NB) < 0) {
		return vmha_err_set(err, -EBUSY,
				    "another command makes or adds a volume on this node: wait for "
				    "it");
	}
	(void)vmha_steal_fd(&fd); /* until this process ends */
	r = vmha_file_mkdirs(v->path, 0755, err);
	if (r == 0) {
		r = release(v->path);
		(void)(r < 0 ? vmha_err_errno(err, r, "cannot unmount %s, left by a command before",
					      v->path)
			     : 0);
	}
	return r;
}

static int device_look(struct volume_new *v, struct vmha_device *d, char *cluster,
		       struct vmha_err **err)
{
	vmha_autofree struct vmha_cmap_node *nodes = NULL;
	size_t count = 0;
	int r = vmha_cmap_cluster_name(cluster, err);

	r = r < 0 ? r : vmha_cmap_nodes(&nodes, &count, err);
	r = r < 0 ? r : vmha_device_read(v->device, d, err);
	if (r < 0) {
		return r;
	}
	v->size_bytes = d->size_bytes;
	if (v->add || !d->block) {
		return 0; /* it has its journals, or is refused for what it is */
	}
	return vmha_gfs2_plan(d, cluster, v->name, (unsigned int)count, v->journals, &v->gfs2, err);
}

/* Another cluster may have it, of which this node knows nothing but what renews on the device: not
 * even --force takes that. */
static int others_check(const struct volume_new *v, const struct vmha_device *d,
			struct vmha_err **err)
{
	vmha_autoerr struct vmha_err *why = NULL;
	struct vmha_leases_record leases;
	int r = vmha_lease_header_read(d, &leases, &why);

	if (r == -ENOENT) {
		return 0;
	}
	if (r == -EBADMSG) {
		return vmha_err_set(err, r,
				    "%s; whether another cluster has it cannot be told: if nobody "
				    "does, erase it (dd if=/dev/zero of=%s bs=64K count=1)",
				    vmha_err_text(why), v->device);
	}
	if (r < 0) {
		return vmha_err_set(err, r, "%s", vmha_err_text(why));
	}
	r = vmha_volume_foreign_device_check(v->device, &leases, v->force, &why);
	/* nobody renews in what is no lockspace any more: wipefs leaves the header */
	if (r == -EBUSY || (r < 0 && r != -EBADMSG && !v->force)) {
		return vmha_err_set(err, r, "%s: %s", v->device, vmha_err_text(why));
	}
	return 0;
}

static int gfs2_check(struct volume_new *v, struct vmha_err **err)
{
	char cluster[VMHA_NODE_SIZE] = "";
	struct vmha_device d;
	int r;

	if (access("/usr/sbin/mkfs.gfs2", X_OK) < 0 && access("/sbin/mkfs.gfs2", X_OK) < 0) {
		return vmha_err_set(err, -ENOENT,
				    "mkfs.gfs2 is missing: install gfs2-utils, and "
				    "dlm-controld, on all nodes");
	}
	r = device_look(v, &d, cluster, err);
	if (r < 0) {
		return r;
	}
	if (v->add) {
		r = vmha_gfs2_is(&d, cluster, v->name, NULL, err);
		return r < 0 ? r : vmha_device_check(&d, true, err);
	}
	if (!*d.used && !v->force && vmha_str_eq(d.type, "gfs2") &&
	    vmha_str_eq(d.label, v->gfs2.table)) {
		return vmha_err_set(err, -EEXIST,
				    "%s holds %s already, which no resource of this cluster uses: "
				    "if an interrupted create left it, repeat with --force; a "
				    "finished volume is brought back with 'vmha volume add'",
				    v->device, v->gfs2.table);
	}
	r = vmha_device_check(&d, v->force, err);
	return r < 0 ? r : others_check(v, &d, err);
}

int vmha_volume_device_check(struct volume_new *v, struct vmha_err **err)
{
	int r = vmha_mount_device_check(v->type, v->device, err);

	r = r < 0 ? r : vmha_mount_options_check(v->type, v->options, err);
	r = r < 0 ? r : place_take(v, err);
	if (r == 0 && v->type == VMHA_VOLUME_TYPE_GFS2) {
		r = vmha_device_answers(v->device, v->name, VMHA_ANSWER_S, err);
		r = r < 0 ? r : gfs2_check(v, err);
	}
	return r;
}

/* An export that cannot be mounted now is told at once; the agent, at boot, tries for longer. */
static int mount_here(struct volume_new *v, struct vmha_err **err)
{
	vmha_autofree char *once =
		vmha_str_printf("retry=0%s%s", *v->options ? "," : "", v->options);
	const char *options = v->type == VMHA_VOLUME_TYPE_NFS ? once : v->options;
	int r = once ? vmha_mount_run(v->type, options, v->device, v->path, VMHA_SPAN_S(MOUNT_S),
				      err)
		     : vmha_err_set(err, -ENOMEM, "out of memory");

	v->mounted = r == 0;
	return r;
}

int vmha_volume_device_leases(struct volume_new *v, struct vmha_err **err)
{
	struct vmha_leases_record *rec = &v->leases;
	vmha_autoerr struct vmha_err *why = NULL;
	struct vmha_device d;
	int r = vmha_device_read(v->device, &d, err);
	bool erased;

	if (r < 0) {
		return r;
	}
	r = vmha_lease_header_read(&d, rec, &why);
	erased = r > 0;
	if (r == -ENOENT) {
		return vmha_err_set(err, r, "%s holds no volume: 'vmha volume create' makes one",
				    v->device);
	}
	if (r < 0) {
		return vmha_err_set(err, r, "%s", vmha_err_text(why));
	}
	if (!vmha_str_eq(rec->name, v->name)) {
		return vmha_err_set(err, -EBADMSG, "%s holds volume %s, not %s", v->device,
				    rec->name, v->name);
	}
	if (rec->io_timeout_s < VMHA_IO_TIMEOUT_MIN || rec->io_timeout_s > VMHA_IO_TIMEOUT_MAX) {
		return vmha_err_set(err, -EBADMSG, "%s: its header has an io_timeout of %llu s",
				    v->device, (unsigned long long)rec->io_timeout_s);
	}
	v->io_timeout_s = (unsigned int)rec->io_timeout_s;
	memcpy(v->id, rec->id, sizeof(v->id));
	r = vmha_volume_foreign_device_check(v->device, rec, v->force, err);
	if (r == 0 && erased) {
		r = vmha_lease_header_write(v->device, rec, err);
	}
	return r;
}

/* --force takes a file system of this very name, but never one that is a volume; only the record in
 * it tells, and mkfs.gfs2 writes what names it last: what was interrupted before is not found here.
 */
static int finished_check(struct volume_new *v, struct vmha_err **err)
{
	vmha_autoerr struct vmha_err *why = NULL;
	struct vmha_volume_record rec;
	struct vmha_device d;
	int r = vmha_device_read(v->device, &d, err);

	if (r < 0 || !vmha_str_eq(d.type, "gfs2") || !vmha_str_eq(d.label, v->gfs2.table)) {
		return r;
	}
	r = mount_here(v, &why);
	if (r < 0) {
		return vmha_err_set(err, r,
				    "%s holds the GFS2 %s, which cannot be mounted to see whether "
				    "it is a volume (%s): put that right, or, if nobody needs its "
				    "VMs, wipe it first (wipefs -a %s)",
				    v->device, v->gfs2.table, vmha_err_text(why), v->device);
	}
	r = vmha_volume_load_at(v->path, &rec, NULL);
	if (vmha_volume_device_release(v, err) < 0) {
		return -EBUSY;
	}
	if (r == -ENOENT) {
		return 0;
	}
	return vmha_err_set(err, -EEXIST,
			    "%s holds the volume %s, all of it: bring it back with 'vmha volume "
			    "add', or, if nobody needs its VMs, wipe it first (wipefs -a %s)",
			    v->device, v->name, v->device);
}

static int mkfs_run(struct volume_new *v, struct vmha_err **err)
{
	vmha_autofree char *journals = vmha_str_printf("%u", v->gfs2.journals);
	vmha_autofree char *mib = vmha_str_printf("%u", v->gfs2.journal_mib);
	vmha_autofree char *blocks = vmha_str_printf(
		"%llu", (unsigned long long)(v->gfs2.lockspace_offset / GFS2_BLOCK));
	const char *const argv[] = { "mkfs.gfs2",     "-O", "-q",     "-p",	 "lock_dlm", "-t",
				     v->gfs2.table,   "-j", journals, "-J",	 mib,	     "-b",
				     GFS2_BLOCK_TEXT, "-U", v->id,    v->device, blocks,     NULL };
	int r = vmha_volume_id_make(v, err);

	if (r < 0 || !journals || !mib || !blocks) {
		return r < 0 ? r : vmha_err_set(err, -ENOMEM, "out of memory");
	}
	/* mkfs leaves signatures at the end of the device, by which it would be taken for theirs */
	r = vmha_device_wipe(v->device, err);
	if (r < 0) {
		return r;
	}
	v->formatted = true;
	r = vmha_proc_check(argv, NULL, VMHA_SPAN_S(MKFS_S), NULL, err);
	if (r == 0) {
		vmha_output_step("made GFS2 %s on %s: %u journals of %u MiB", v->gfs2.table,
				 v->device, v->gfs2.journals, v->gfs2.journal_mib);
	}
	return r;
}

int vmha_volume_device_prepare(struct volume_new *v, struct vmha_err **err)
{
	int r = 0;

	if (v->type == VMHA_VOLUME_TYPE_GFS2) {
		r = vmha_volume_dlm_need(v, err);
		/* once more: DLM may have taken its time */
		r = r < 0 ? r : gfs2_check(v, err);
		r = r < 0 ? r : finished_check(v, err);
		r = r < 0 ? r : mkfs_run(v, err);
	}
	r = r < 0 ? r : mount_here(v, err);
	return r < 0 ? r : vmha_volume_storage_check(v, err);
}

int vmha_volume_device_attach(struct volume_new *v, struct vmha_err **err)
{
	int r = v->type == VMHA_VOLUME_TYPE_GFS2 ? vmha_volume_dlm_need(v, err) : 0;

	return r < 0 ? r : mount_here(v, err);
}

int vmha_volume_device_release(struct volume_new *v, struct vmha_err **err)
{
	int r = v->mounted ? release(v->path) : 0;

	if (r < 0) {
		return vmha_err_errno(err, r, "cannot unmount %s", v->path);
	}
	v->mounted = false;
	return 0;
}

static int wipe(struct volume_new *v, struct vmha_err **err)
{
	struct vmha_device d;
	int r = vmha_device_read(v->device, &d, err);

	if (r < 0) {
		return r;
	}
	/* half of a file system has no id yet, and was ours all the same if nothing else is there
	 */
	if (*d.uuid && !vmha_str_eq(d.uuid, v->id)) {
		return vmha_err_set(err, -EBUSY, "%s holds something else by now: not wiped",
				    v->device);
	}
	return vmha_device_wipe(v->device, err);
}

/*
 * All nodes have left it by now.
 *
 *   this command                             an administrator on B
 *   finds no file on the volume
 *                                            copies an image to it
 *   stops it on B; wiping it would lose that
 */
static int unused_check(struct volume_new *v, struct vmha_err **err)
{
	char file[VMHA_PATH_SIZE];
	int r = vmha_device_answers(v->device, v->name, VMHA_ANSWER_S, err);

	/* a host that was lost meanwhile renews no more */
	r = r < 0 ? r : vmha_volume_foreign_device_check(v->device, &v->leases, true, err);
	r = r < 0 ? r : mount_here(v, err);
	if (r < 0) {
		return r;
	}
	vmha_volume_file_first(v->path, file, sizeof(file));
	r = vmha_volume_device_release(v, err);
	if (r == 0 && *file) {
		r = vmha_err_set(err, -ENOTEMPTY,
				 "it is used by now: %s; 'vmha volume add %s --type gfs2 --device "
				 "%s' brings it back",
				 file, v->name, v->device);
	}
	return r;
}

int vmha_volume_device_undo(struct volume_new *v, struct vmha_err **err)
{
	int r = 0;

	if (v->files_made && !v->formatted) {
		r = v->mounted ? 0 : mount_here(v, err);
		if (r == 0) {
			vmha_volume_storage_remove(v->path);
		}
	}
	r = vmha_volume_device_release(v, r < 0 ? NULL : err) < 0 ? -EBUSY : r;
	if (r == 0 && v->formatted && v->configured) {
		r = unused_check(v, err);
	}
	if (r == 0 && v->formatted) {
		r = wipe(v, err);
	}
	(void)rmdir(v->path);
	return r;
}
