/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lib/role/mounted.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "lib/base/cleanup.h"
#include "lib/base/file.h"
#include "lib/base/proc.h"
#include "lib/base/str.h"
#include "lib/role/role.h"

#define MOUNTINFO_MAX (4U << 20)
#define GFS2_SYSFS    "/sys/fs/gfs2"

int vmha_volume_mount_read(const char *volume, struct vmha_mount *ret_mount, struct vmha_err **err)
{
	vmha_autofree char *text = NULL;
	char place[VMHA_PATH_SIZE];
	int r = vmha_file_read("/proc/self/mountinfo", MOUNTINFO_MAX, &text, NULL, err);

	if (r < 0) {
		return r;
	}
	vmha_volume_path(volume, VMHA_VOLUME_DIR, place);
	return vmha_mount_find(text, place, ret_mount) ? 1 : 0;
}

/* A trailing slash of an export is nothing. */
static bool same_export(const char *a, const char *b)
{
	size_t la = strlen(a);
	size_t lb = strlen(b);

	la -= la > 1 && a[la - 1] == '/' && a[la - 2] != ':' ? 1 : 0;
	lb -= lb > 1 && b[lb - 1] == '/' && b[lb - 2] != ':' ? 1 : 0;
	return la == lb && strncmp(a, b, la) == 0;
}

static bool device_gone(const struct vmha_mount *mount)
{
	char path[64];

	(void)snprintf(path, sizeof(path), "/sys/dev/block/%u:%u", mount->major, mount->minor);
	return access(path, F_OK) < 0 && errno == ENOENT;
}

int vmha_volume_mount_check(const char *volume, enum vmha_volume_type type, const char *device,
			    const struct vmha_mount *mount, struct vmha_err **err)
{
	bool same = vmha_str_starts(mount->fstype, vmha_volume_type_name(type)); /* nfs4 too */
	struct stat st;

	if (same && type == VMHA_VOLUME_TYPE_NFS) {
		same = same_export(mount->source, device);
	} else if (same && stat(device, &st) == 0) {
		same = S_ISBLK(st.st_mode) && major(st.st_rdev) == mount->major &&
		       minor(st.st_rdev) == mount->minor;
	} else if (same && device_gone(mount)) {
		return vmha_err_set(err, -ENODEV, "device %s is gone from this node", device);
	} /* else its name is gone: what was mounted by that name is still there */
	if (same) {
		return 0;
	}
	return vmha_err_set(err, -EBADMSG, VMHA_STORAGE_ROOT "/%s is a mount of %s (%s), not of %s",
			    volume, mount->source, mount->fstype, device);
}

/* @return the volume's directory of sysfs, for the caller to free; NULL: GFS2 does not have it */
static char *gfs2_directory(const char *volume)
{
	vmha_autofree char *tail = vmha_str_printf(":%s", volume);
	vmha_autodir DIR *d = opendir(GFS2_SYSFS);
	struct dirent *e;

	while (tail && d && (e = readdir(d))) {
		if (vmha_str_eq(strchr(e->d_name, ':'), tail)) { /* CLUSTER:VOLUME */
			return vmha_str_printf(GFS2_SYSFS "/%s", e->d_name);
		}
	}
	return NULL;
}

bool vmha_volume_gfs2_active(const char *volume)
{
	vmha_autofree char *dir = gfs2_directory(volume);

	return dir != NULL;
}

bool vmha_volume_withdrawn(const char *volume)
{
	vmha_autofree char *dir = gfs2_directory(volume);
	vmha_autofree char *file = dir ? vmha_str_printf("%s/withdraw", dir) : NULL;
	vmha_autofree char *text = NULL;

	return file && vmha_file_read(file, 16, &text, NULL, NULL) == 0 && text[0] == '1';
}

bool vmha_controld_alive(struct vmha_span limit)
{
	const char *const argv[] = { "dlm_tool", "status", NULL };
	vmha_autoresult struct vmha_proc_result res = { 0 };

	return vmha_proc_run(argv, NULL, limit, &res, NULL) == 0 && res.output &&
	       vmha_dlm_status_alive(res.output);
}

int vmha_volume_dlm_wait(const char *volume, struct vmha_span limit, enum vmha_dlm_wait *ret_wait)
{
	const char *const argv[] = { "dlm_tool", "ls", NULL };
	vmha_autoresult struct vmha_proc_result res = { 0 };
	int r = vmha_proc_check(argv, NULL, limit, &res, NULL);

	if (r == 0) {
		*ret_wait = vmha_dlm_wait_parse(res.output, volume);
	}
	return r;
}

const char *vmha_volume_gfs2_trouble(const char *volume, struct vmha_span limit, char *text,
				     size_t size)
{
	enum vmha_dlm_wait wait = VMHA_DLM_NOTHING;

	*text = '\0';
	if (vmha_volume_withdrawn(volume)) {
		(void)snprintf(text, size,
			       "GFS2 has withdrawn here after an I/O error or damage (see dmesg): "
			       "nothing can be read or written until it is mounted again, which "
			       "may need a reboot of the node");
	} else if (vmha_volume_dlm_wait(volume, limit, &wait) < 0) {
		(void)snprintf(text, size, "dlm_controld does not answer");
	} else if (wait != VMHA_DLM_NOTHING) {
		(void)snprintf(text, size, "%s", vmha_dlm_wait_text(wait));
	}
	return text;
}

/* mount(8) itself would guess at a bad option. */
static int helper_check(enum vmha_volume_type type, struct vmha_err **err)
{
	if (type == VMHA_VOLUME_TYPE_NFS && access("/usr/sbin/mount.nfs", X_OK) < 0 &&
	    access("/sbin/mount.nfs", X_OK) < 0) {
		return vmha_err_set(err, -ENOENT,
				    "mount.nfs is missing: install nfs-common on all nodes");
	}
	return 0;
}

static int hangs(enum vmha_volume_type type, const char *device, const char *place,
		 struct vmha_err **err)
{
	if (type == VMHA_VOLUME_TYPE_NFS) {
		return vmha_err_set(err, -ETIMEDOUT,
				    "mounting %s at %s was given up: its server does not answer",
				    device, place);
	}
	return vmha_err_set(err, -ETIMEDOUT, "mounting %s at %s hangs", device, place);
}

int vmha_mount_run(enum vmha_volume_type type, const char *options, const char *device,
		   const char *place, struct vmha_span limit, struct vmha_err **err)
{
	vmha_autofree char *all = vmha_mount_options(type, options);
	const char *const argv[] = { "env", "LC_ALL=C", "mount", "-t",	vmha_volume_type_name(type),
				     "-o",  all,	device,	 place, NULL };
	vmha_autoresult struct vmha_proc_result res = { 0 };
	int r = helper_check(type, err);

	if (r < 0 || !all) {
		return r < 0 ? r : vmha_err_set(err, -ENOMEM, "out of memory");
	}
	r = vmha_proc_run(argv, NULL, limit, &res, NULL);
	if (r == -ETIMEDOUT) {
		return hangs(type, device, place, err);
	}
	if (r < 0) {
		return vmha_err_errno(err, r, "cannot run mount");
	}
	if (res.status == 0) {
		return 0;
	}
	if (strstr(res.errors, "Too many users")) {
		return vmha_err_set(err, -EUSERS, "%s has no journal left for this node", device);
	}
	res.errors[strcspn(res.errors, "\n")] = '\0';
	return vmha_err_set(err, -EIO, "cannot mount %s at %s: %s", device, place, res.errors);
}
