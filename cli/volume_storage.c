/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The files of a new volume. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "cli/volume.h"
#include "lib/base/cleanup.h"
#include "lib/base/file.h"
#include "lib/base/proc.h"
#include "lib/base/str.h"
#include "lib/port/lease_header.h"
#include "lib/port/lease_sanlock.h"

#define BLOCK	       4096
#define FREE_MIN_BYTES (64ULL << 20) /* lockspace, index and some leases of 1 MiB, or of 8 MiB */
#define META_MODE      0755
#define FRESH	       ".vmha-new."
#define LEASE_MODE     0660

static int direct_write_read(const char *path, int fd, struct vmha_err **err)
{
	vmha_autofree void *out = NULL;
	vmha_autofree void *in = NULL;

	if (posix_memalign(&out, BLOCK, BLOCK) != 0 || posix_memalign(&in, BLOCK, BLOCK) != 0) {
		return vmha_err_set(err, -ENOMEM, "out of memory");
	}
	memset(out, 0x5a, BLOCK);
	memset(in, 0, BLOCK);
	if (pwrite(fd, out, BLOCK, 0) != BLOCK || fdatasync(fd) < 0) {
		return vmha_err_errno(err, -errno, "%s does not take direct writes", path);
	}
	if (pread(fd, in, BLOCK, 0) != BLOCK || memcmp(in, out, BLOCK) != 0) {
		return vmha_err_set(err, -EIO, "%s does not give back what was written directly",
				    path);
	}
	return 0;
}

/* Leases and images go past the page cache; a file system that cannot is found out now. */
static int direct_io_probe(const char *path, struct vmha_err **err)
{
	vmha_autofree char *file = vmha_str_printf("%s/.vmha-probe.%ld", path, (long)getpid());
	vmha_autoclose int fd = -1;
	int r;

	if (!file) {
		return vmha_err_set(err, -ENOMEM, "out of memory");
	}
	(void)unlink(file);
	fd = open(file, O_RDWR | O_CREAT | O_EXCL | O_DIRECT | O_CLOEXEC, 0600);
	if (fd < 0) {
		r = -errno;
		(void)unlink(file); /* some create the file before they refuse the flag */
		return r == -EINVAL ? vmha_err_set(err, r,
						   "%s is on a file system without direct I/O "
						   "(O_DIRECT), which leases need",
						   path)
				    : vmha_err_errno(err, r, "cannot write in %s", path);
	}
	r = direct_write_read(path, fd, err);
	(void)unlink(file);
	return r;
}

static int space_check(const char *path, struct vmha_err **err)
{
	struct statvfs st;

	if (statvfs(path, &st) < 0) {
		return vmha_err_errno(err, -errno, "cannot ask for the space of %s", path);
	}
	if ((uint64_t)st.f_bavail * st.f_frsize < FREE_MIN_BYTES) {
		return vmha_err_set(err, -ENOSPC, "%s has less than %llu MiB free", path,
				    FREE_MIN_BYTES >> 20);
	}
	return 0;
}

static void directory_empty(const char *dir)
{
	vmha_autodir DIR *d = opendir(dir);
	struct dirent *e;

	while (d && (e = readdir(d))) {
		if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0) {
			(void)unlinkat(dirfd(d), e->d_name, 0);
		}
	}
}

static void directory_remove(const char *dir)
{
	directory_empty(dir);
	(void)rmdir(dir);
}

/* With what is one level below: health, intents and whatever else has a directory of its own. */
static void meta_remove(const char *meta)
{
	vmha_autodir DIR *d = opendir(meta);
	struct dirent *e;

	while (d && (e = readdir(d))) {
		vmha_autofree char *sub = vmha_str_printf("%s/%s", meta, e->d_name);
		struct stat st;

		if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0 && sub &&
		    lstat(sub, &st) == 0 && S_ISDIR(st.st_mode)) {
			directory_remove(sub);
		}
	}
	directory_remove(meta);
}

/* Where a volume's directory is made before it gets its name. @return NULL when memory ran out */
static char *fresh_path(const char *path, long pid)
{
	char host[65] = "";

	(void)gethostname(host, sizeof(host) - 1);
	return vmha_str_printf("%s/" FRESH "%s.%ld", path, host, pid);
}

/* What commands left that were killed before that moment. */
static void fresh_sweep(const char *path)
{
	vmha_autodir DIR *d = opendir(path);
	struct dirent *e;

	while (d && (e = readdir(d))) {
		const char *dot = strrchr(e->d_name, '.');
		vmha_autofree char *dir = NULL;
		uint64_t ticks = 0;
		uint64_t pid = 0;

		if (!vmha_str_starts(e->d_name, FRESH) ||
		    vmha_str_u64(dot + 1, 1, INT32_MAX, &pid) < 0 ||
		    vmha_proc_start_time((pid_t)pid, &ticks) == 0) {
			continue;
		}
		dir = fresh_path(path, (long)pid);
		if (dir && vmha_str_eq(strrchr(dir, '/') + 1, e->d_name)) { /* this host's */
			directory_remove(dir);
		}
	}
}

/* A marker "node pid start" says who makes the volume. @return 0 it was interrupted here */
static int interrupted(const char *meta, struct vmha_err **err)
{
	vmha_autofree char *file = vmha_str_printf("%s/creating", meta);
	vmha_autofree char *text = NULL;
	char host[65] = "";
	char node[65];
	unsigned long long ticks = 0;
	int pid = 0;

	(void)gethostname(host, sizeof(host) - 1);
	if (!file || vmha_file_read(file, 256, &text, NULL, NULL) < 0 ||
	    sscanf(text, "%64s %d %llu", node, &pid, &ticks) != 3) {
		return vmha_err_set(err, -EEXIST,
				    "%s is there without being a volume: remove it if nothing uses "
				    "it, or repeat with --force",
				    meta);
	}
	if (strcmp(node, host) != 0) {
		return vmha_err_set(err, -EBUSY,
				    "a volume is being made in %s by node %s: if no 'vmha volume "
				    "create' runs there, repeat with --force",
				    meta, node);
	}
	if (vmha_proc_is(pid, ticks)) {
		return vmha_err_set(err, -EBUSY,
				    "a volume is being made in %s by another command (pid %d)",
				    meta, pid);
	}
	return 0;
}

static int leftovers_check(struct volume_new *v, const char *meta, struct vmha_err **err)
{
	struct stat st;
	int r;

	fresh_sweep(v->path);
	if (lstat(meta, &st) < 0) {
		return errno == ENOENT ? 0 : vmha_err_errno(err, -errno, "cannot look at %s", meta);
	}
	if (!S_ISDIR(st.st_mode)) {
		return vmha_err_set(err, -EEXIST, "%s is in the way: it is not a directory", meta);
	}
	r = v->force ? 0 : interrupted(meta, err);
	if (r == 0) {
		vmha_volume_storage_remove(v->path);
	}
	return r;
}

static int record_present(struct volume_new *v, const struct vmha_volume_record *rec,
			  struct vmha_err **err)
{
	if (!vmha_str_eq(rec->name, v->name)) {
		return vmha_err_set(err, -EEXIST, "%s is already volume %s (id %s)", v->path,
				    rec->name, rec->id);
	}
	if (!v->force) {
		return vmha_err_set(
			err, -EEXIST,
			"%s is already volume %s (id %s), but no resource of this "
			"cluster uses it: if an interrupted create left it, and no other "
			"cluster uses it, repeat with --force",
			v->path, rec->name, rec->id);
	}
	v->adopted = true;
	v->io_timeout_s = (unsigned int)rec->io_timeout_s;
	(void)snprintf(v->id, sizeof(v->id), "%s", rec->id);
	return 0;
}

int vmha_volume_storage_check(struct volume_new *v, struct vmha_err **err)
{
	vmha_autofree char *meta = vmha_str_printf("%s/%s", v->path, VMHA_VOLUME_META);
	vmha_autoerr struct vmha_err *why = NULL;
	struct vmha_volume_record rec;
	struct stat st;
	int r;

	if (!meta) {
		return vmha_err_set(err, -ENOMEM, "out of memory");
	}
	if (stat(v->path, &st) < 0) {
		return vmha_err_errno(err, -errno, "cannot use %s", v->path);
	}
	if (!S_ISDIR(st.st_mode)) {
		return vmha_err_set(err, -ENOTDIR, "%s is not a directory", v->path);
	}
	r = vmha_volume_load_at(v->path, &rec, &why);
	if (r == 0) {
		return record_present(v, &rec, err);
	}
	if (r != -ENOENT) {
		return vmha_err_set(err, r, "%s", vmha_err_text(why));
	}
	r = leftovers_check(v, meta, err);
	if (r == 0) {
		r = space_check(v->path, err);
	}
	return r < 0 ? r : direct_io_probe(v->path, err);
}

/* The daemon opens the file itself, as its own user. */
static int lease_file_make(const char *path, off_t size, struct vmha_err **err)
{
	static const char zeros[BLOCK];
	vmha_autoclose int fd =
		open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, LEASE_MODE);
	const struct passwd *pw = getpwnam("sanlock");

	if (fd < 0) {
		return vmha_err_errno(err, -errno, "cannot make %s", path);
	}
	if (fchmod(fd, LEASE_MODE) < 0 || (pw && fchown(fd, pw->pw_uid, pw->pw_gid) < 0)) {
		return vmha_err_errno(err, -errno, "cannot give %s to user sanlock", path);
	}
	/* a real block at its begin: a hole takes direct reads of 512 bytes on every device */
	if (ftruncate(fd, size) < 0 || pwrite(fd, zeros, BLOCK, 0) != BLOCK || fsync(fd) < 0) {
		return vmha_err_errno(err, -errno, "cannot size %s", path);
	}
	return 0;
}

static int marker_make(const char *meta, struct vmha_err **err)
{
	vmha_autofree char *file = vmha_str_printf("%s/creating", meta);
	vmha_autofree char *text = NULL;
	char host[65] = "";
	uint64_t ticks = 0;

	(void)gethostname(host, sizeof(host) - 1);
	(void)vmha_proc_start_time(getpid(), &ticks);
	text = vmha_str_printf("%s %ld %llu\n", host, (long)getpid(), (unsigned long long)ticks);
	if (!file || !text) {
		return vmha_err_set(err, -ENOMEM, "out of memory");
	}
	return vmha_file_write(file, text, strlen(text), 0644, err);
}

/*
 * The directory appears with its mark in it, or not at all; and whoever's rename comes first makes
 * the volume: the second finds it not empty.
 */
static int tree_make(struct volume_new *v, struct vmha_err **err)
{
	vmha_autofree char *meta = vmha_str_printf("%s/%s", v->path, VMHA_VOLUME_META);
	vmha_autofree char *health = vmha_str_printf("%s/%s/health", v->path, VMHA_VOLUME_META);
	vmha_autofree char *fresh = fresh_path(v->path, (long)getpid());
	int r;

	if (!meta || !health || !fresh) {
		return vmha_err_set(err, -ENOMEM, "out of memory");
	}
	if (mkdir(fresh, META_MODE) < 0 || chmod(fresh, META_MODE) < 0) {
		return vmha_err_errno(err, -errno, "cannot make %s", fresh);
	}
	r = marker_make(fresh, err);
	if (r == 0 && rename(fresh, meta) < 0) {
		r = errno == ENOTEMPTY ? -EEXIST : -errno;
		(void)vmha_err_errno(err, r, "cannot make %s", meta);
	}
	if (r < 0) {
		directory_remove(fresh);
		return r;
	}
	v->files_made = true;
	if (mkdir(health, META_MODE) < 0) {
		return vmha_err_errno(err, -EIO, "cannot make %s", health);
	}
	return 0;
}

static int lease_files_make(const struct volume_new *v, struct vmha_lockspace *ls,
			    struct vmha_lease_index *index, struct vmha_err **err)
{
	int64_t align;
	int n = snprintf(ls->path, sizeof(ls->path), "%s/%s/lockspace", v->path, VMHA_VOLUME_META);
	int m = snprintf(index->path, sizeof(index->path), "%s/%s/leases", v->path,
			 VMHA_VOLUME_META);
	int r;

	if (n >= (int)sizeof(ls->path) || m >= (int)sizeof(index->path)) {
		return vmha_err_set(err, -ENAMETOOLONG, "%s is too long a path", v->path);
	}
	r = lease_file_make(ls->path, BLOCK, err); /* enough to find the sector size */
	align = r < 0 ? r : vmha_sanlock_align_bytes(ls->path, err);
	if (align < 0) {
		return (int)align;
	}
	if (truncate(ls->path, align) < 0) {
		return vmha_err_errno(err, -errno, "cannot size %s", ls->path);
	}
	/* index, its own lease, the admin lease */
	return lease_file_make(index->path, 3 * align, err);
}

/* On GFS2 renewals would wait for the file system, which stands still while a node is lost. */
static int lease_device_make(struct volume_new *v, struct vmha_lockspace *ls,
			     struct vmha_lease_index *index, struct vmha_err **err)
{
	struct vmha_leases_record *rec = &v->leases;
	int64_t align = vmha_sanlock_align_bytes(v->device, err);

	if (align < 0) {
		return (int)align;
	}
	if ((uint64_t)align != v->gfs2.index_offset - v->gfs2.lockspace_offset) {
		return vmha_err_set(err, -EINVAL,
				    "%s takes direct I/O of other sizes than its sectors are",
				    v->device);
	}
	*rec = (struct vmha_leases_record){ .io_timeout_s = v->io_timeout_s,
					    .lockspace_offset = v->gfs2.lockspace_offset,
					    .index_offset = v->gfs2.index_offset,
					    .leases_max = v->gfs2.leases_max };
	memcpy(rec->name, v->name, sizeof(rec->name));
	memcpy(rec->id, v->id, sizeof(rec->id));
	memcpy(ls->path, v->device, sizeof(ls->path));
	memcpy(index->path, v->device, sizeof(index->path));
	ls->offset = rec->lockspace_offset;
	index->offset = rec->index_offset;
	index->max = rec->leases_max;
	return 0;
}

static int leases_make(struct volume_new *v, struct vmha_err **err)
{
	bool device = v->type == VMHA_VOLUME_TYPE_GFS2;
	struct vmha_lockspace ls = { 0 };
	struct vmha_lease_index index = { 0 };
	int r;

	memcpy(ls.name, v->name, sizeof(ls.name));
	memcpy(index.lockspace, v->name, sizeof(index.lockspace));
	r = device ? lease_device_make(v, &ls, &index, err) : lease_files_make(v, &ls, &index, err);
	r = r < 0 ? r : vmha_lockspace_format(&ls, v->io_timeout_s, err);
	r = r < 0 ? r : vmha_leases_format(&index, err);
	/* behind what it says is there */
	return r < 0 || !device ? r : vmha_lease_header_write(v->device, &v->leases, err);
}

int vmha_volume_id_make(struct volume_new *v, struct vmha_err **err)
{
	vmha_autofree char *uuid = NULL;
	int r = 0;

	if (!*v->id) {
		r = vmha_file_read("/proc/sys/kernel/random/uuid", 64, &uuid, NULL, err);
	}
	if (uuid) {
		(void)snprintf(v->id, sizeof(v->id), "%.36s", uuid);
	}
	return r;
}

static int record_make(struct volume_new *v, struct vmha_err **err)
{
	vmha_autofree char *marker = vmha_str_printf("%s/%s/creating", v->path, VMHA_VOLUME_META);
	struct vmha_volume_record rec = { .io_timeout_s = v->io_timeout_s,
					  .size_bytes = v->size_bytes,
					  .latency_count = v->latency.count,
					  .latency_p50_us = v->latency.p50_us,
					  .latency_p99_us = v->latency.p99_us,
					  .latency_max_us = v->latency.max_us };
	int r = vmha_volume_id_make(v, err);

	if (r < 0) {
		return r;
	}
	(void)snprintf(rec.name, sizeof(rec.name), "%s", v->name);
	(void)snprintf(rec.id, sizeof(rec.id), "%s", v->id);
	(void)snprintf(rec.type, sizeof(rec.type), "%s", vmha_volume_type_name(v->type));
	(void)snprintf(rec.lock, sizeof(rec.lock), "%s",
		       vmha_volume_lock_name(vmha_volume_type_lock(v->type)));
	r = vmha_volume_store_at(v->path, &rec, err);
	if (r == 0 && marker) {
		(void)unlink(marker);
	}
	return r;
}

int vmha_volume_storage_make(struct volume_new *v, struct vmha_err **err)
{
	int r = vmha_volume_io_choose(v, err);

	r = r < 0 ? r : tree_make(v, err);
	if (r == 0) {
		r = leases_make(v, err);
	}
	if (r == 0) {
		r = record_make(v, err);
	}
	if (r < 0 && v->files_made) { /* else it is another command's: not ours to undo */
		vmha_volume_storage_remove(v->path);
		v->files_made = false;
	}
	return r;
}

void vmha_volume_file_first(const char *dir, char *text, size_t size)
{
	vmha_autodir DIR *d = opendir(dir);
	struct dirent *e;

	*text = '\0';
	errno = d ? 0 : errno;
	while (d && !*text && (e = readdir(d))) {
		if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0 &&
		    strcmp(e->d_name, VMHA_VOLUME_META) != 0) {
			(void)snprintf(text, size, "%s is there", e->d_name);
		}
	}
	if (!*text && errno) {
		(void)snprintf(text, size, "its files cannot be read: %s", strerror(errno));
	}
}

void vmha_volume_storage_remove(const char *path)
{
	vmha_autofree char *record = vmha_str_printf("%s/%s/volume", path, VMHA_VOLUME_META);
	vmha_autofree char *meta = vmha_str_printf("%s/%s", path, VMHA_VOLUME_META);

	if (!record || !meta) {
		return;
	}
	/* the record first: what is left without it is no volume */
	(void)vmha_file_remove(record, NULL);
	meta_remove(meta);
}
