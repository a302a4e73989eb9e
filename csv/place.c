/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The volume at its place below /clusterstorage, and whether it is this very volume. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include "csv/csv.h"
#include "lib/base/file.h"
#include "lib/base/log.h"
#include "lib/base/str.h"

static bool same_directory(const char *a, const char *b)
{
	struct stat sa;
	struct stat sb;

	return stat(a, &sa) == 0 && stat(b, &sb) == 0 && sa.st_dev == sb.st_dev &&
	       sa.st_ino == sb.st_ino;
}

int csv_mount(const struct csv_params *p, bool *ret_mounted, struct vmha_err **err)
{
	struct vmha_joined_record joined;
	char place[VMHA_PATH_SIZE];
	struct stat st;
	int r;

	*ret_mounted = false;
	vmha_volume_path(p->volume, VMHA_VOLUME_DIR, place);
	if (p->type != VMHA_VOLUME_TYPE_DIR) {
		r = vmha_file_mkdirs(place, 0755, err);
		r = r < 0 ? r : csv_mount_own(p, place, err);
		*ret_mounted = r == 0;
		return r;
	}
	if (stat(p->path, &st) < 0) {
		return vmha_err_errno(err, -errno,
				      "path %s of volume %s is not there on this node (mounted?)",
				      p->path, p->volume);
	}
	if (!S_ISDIR(st.st_mode)) {
		return vmha_err_set(err, -ENOTDIR, "path %s of volume %s is not a directory",
				    p->path, p->volume);
	}
	r = vmha_file_mkdirs(place, 0755, err);
	if (r < 0) {
		return r;
	}
	if (same_directory(p->path, place)) {
		/* a repeated start must not forget that the mount is ours */
		*ret_mounted =
			vmha_volume_load(p->volume, VMHA_VOLUME_JOINED, &joined, NULL) == 0 &&
			joined.mounted;
		return 0;
	}
	if (mount(p->path, place, NULL, MS_BIND, NULL) < 0) {
		return vmha_err_errno(err, -errno, "cannot bind %s to %s", p->path, place);
	}
	*ret_mounted = true;
	return 0;
}

int csv_umount(const struct csv_params *p, struct vmha_err **err)
{
	char place[VMHA_PATH_SIZE];

	if (p->type != VMHA_VOLUME_TYPE_DIR) {
		return csv_umount_own(p, err);
	}
	vmha_volume_path(p->volume, VMHA_VOLUME_DIR, place);
	if (umount2(place, UMOUNT_NOFOLLOW) == 0 || errno == EINVAL || errno == ENOENT) {
		return 0;
	}
	if (errno != EBUSY) {
		return vmha_err_errno(err, -errno, "cannot unmount %s", place);
	}
	/* no VM uses it any more: a shell left in it is no reason to fence this node */
	vmha_log(VMHA_LOG_WARNING, "volume=%s %s is busy: detached, goes when its last user ends",
		 p->volume, place);
	if (umount2(place, MNT_DETACH | UMOUNT_NOFOLLOW) < 0) {
		return vmha_err_errno(err, -errno, "cannot detach %s", place);
	}
	return 0;
}

int csv_record_check(const struct csv_params *p, struct vmha_volume_record *ret_record,
		     struct vmha_err **err)
{
	char place[VMHA_PATH_SIZE];
	int r = vmha_volume_load(p->volume, VMHA_VOLUME_RECORD, ret_record, err);

	vmha_volume_path(p->volume, VMHA_VOLUME_DIR, place);
	if (r == -ENOENT) {
		return vmha_err_set(err, r,
				    "%s holds no vmha volume: is its storage mounted on this node?",
				    place);
	}
	if (r < 0) {
		return r;
	}
	if (!vmha_str_eq(ret_record->name, p->volume)) {
		return vmha_err_set(err, -EBADMSG, "%s holds volume %s, not %s: wrong storage?",
				    place, ret_record->name, p->volume);
	}
	if (p->id && !vmha_str_eq(ret_record->id, p->id)) {
		return vmha_err_set(err, -EBADMSG,
				    "%s holds another volume of that name (id %s, not %s): wrong "
				    "storage?",
				    place, ret_record->id, p->id);
	}
	return 0;
}
