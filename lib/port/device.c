/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lib/port/device.h"

#include <blkid/blkid.h>
#include <dirent.h>
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "lib/base/cleanup.h"
#include "lib/base/file.h"
#include "lib/base/str.h"
#include "lib/core/volumemount.h"
#include "lib/port/lease_header.h"

#define MOUNTINFO_MAX (4U << 20)
/* little endian on storage: sanlock src/ondisk.c; a lockspace, leases, and an index of leases */
#define DELTA_MAGIC  0x12212010U
#define PAXOS_MAGIC  0x06152010U
#define RINDEX_MAGIC 0x01042018U
#define NAME_AT	     56 /* space_name of struct leader_record */
#define WIPE_MAX     64

static void probe_free(blkid_probe *pr)
{
	if (*pr) {
		blkid_free_probe(*pr);
	}
}

static void value_get(blkid_probe pr, const char *name, char *to, size_t size)
{
	const char *value = NULL;

	if (!*to && blkid_probe_lookup_value(pr, name, &value, NULL) == 0) {
		(void)snprintf(to, size, "%s", value);
	}
}

/* libblkid does not know them. */
static void sanlock_find(int fd, struct vmha_device *d)
{
	unsigned char block[512];
	uint32_t magic;

	if (pread(fd, block, sizeof(block), 0) != (ssize_t)sizeof(block)) {
		return;
	}
	memcpy(&magic, block, sizeof(magic));
	magic = le32toh(magic);
	if (magic == DELTA_MAGIC || magic == PAXOS_MAGIC || magic == RINDEX_MAGIC) {
		(void)snprintf(d->type, sizeof(d->type), "sanlock");
		(void)snprintf(d->label, sizeof(d->label), "%.48s", (const char *)block + NAME_AT);
	}
}

static int probe_new(int fd, blkid_probe *ret_probe)
{
	blkid_probe pr = blkid_new_probe();

	if (!pr || blkid_probe_set_device(pr, fd, 0, 0) < 0) {
		if (pr) {
			blkid_free_probe(pr);
		}
		return -ENOMEM;
	}
	(void)blkid_probe_enable_superblocks(pr, 1);
	(void)blkid_probe_set_superblocks_flags(pr, BLKID_SUBLKS_LABEL | BLKID_SUBLKS_UUID |
							    BLKID_SUBLKS_TYPE | BLKID_SUBLKS_MAGIC);
	(void)blkid_probe_enable_partitions(pr, 1);
	(void)blkid_probe_set_partitions_flags(pr, BLKID_PARTS_MAGIC);
	*ret_probe = pr;
	return 0;
}

static int content_read(int fd, struct vmha_device *d, struct vmha_err **err)
{
	__attribute__((cleanup(probe_free))) blkid_probe pr = NULL;
	int r = probe_new(fd, &pr);

	if (r < 0) {
		return vmha_err_set(err, r, "out of memory looking at %s", d->path);
	}
	/* the first signature of each kind; the safe way refuses what is ambiguous */
	while ((r = blkid_do_probe(pr)) == 0) {
		value_get(pr, "TYPE", d->type, sizeof(d->type));
		value_get(pr, "PTTYPE", d->type, sizeof(d->type));
		value_get(pr, "LABEL", d->label, sizeof(d->label));
		value_get(pr, "UUID", d->uuid, sizeof(d->uuid));
	}
	if (r < 0) {
		return vmha_err_set(err, -EIO, "%s cannot be read", d->path);
	}
	if (!*d->type) {
		sanlock_find(fd, d);
	}
	return 0;
}

/* Names in a directory of sysfs, as words. */
static void names_add(const char *dir, const char *what, bool partitions, struct vmha_device *d)
{
	vmha_autodir DIR *dp = opendir(dir);
	struct dirent *e;

	while (dp && !*d->used && (e = readdir(dp))) {
		vmha_autofree char *mark = vmha_str_printf("%s/%s/partition", dir, e->d_name);

		if (e->d_name[0] != '.' && mark && (!partitions || access(mark, F_OK) == 0)) {
			(void)snprintf(d->used, sizeof(d->used), "%s %.200s", what, e->d_name);
		}
	}
}

static int use_read(dev_t dev, struct vmha_device *d, struct vmha_err **err)
{
	vmha_autofree char *mounts = NULL;
	vmha_autoclose int fd = -1;
	char place[VMHA_PATH_SIZE];
	char dir[64];
	int r = vmha_file_read("/proc/self/mountinfo", MOUNTINFO_MAX, &mounts, NULL, err);

	if (r < 0) {
		return r;
	}
	if (vmha_mount_find_device(mounts, major(dev), minor(dev), place)) {
		(void)snprintf(d->used, sizeof(d->used), "mounted at %.200s", place);
		return 0;
	}
	(void)snprintf(dir, sizeof(dir), "/sys/dev/block/%u:%u/holders", major(dev), minor(dev));
	names_add(dir, "held by", false, d);
	(void)snprintf(dir, sizeof(dir), "/sys/dev/block/%u:%u", major(dev), minor(dev));
	names_add(dir, "it has partition", true, d);
	if (!*d->used) {
		/* mounted elsewhere, swap, or whatever else has claimed it */
		fd = open(d->path, O_RDONLY | O_EXCL | O_CLOEXEC);
		if (fd < 0 && errno == EBUSY) {
			(void)snprintf(d->used, sizeof(d->used),
				       "something on this node has claimed it (lsblk shows more)");
		}
	}
	return 0;
}

static int geometry_read(int fd, struct vmha_device *d, struct vmha_err **err)
{
	int ro = 0;
	int sector = 0;

	if (ioctl(fd, BLKGETSIZE64, &d->size_bytes) < 0 || ioctl(fd, BLKSSZGET, &sector) < 0 ||
	    ioctl(fd, BLKROGET, &ro) < 0) {
		return vmha_err_errno(err, -errno, "cannot ask for the size of %s", d->path);
	}
	d->sector_bytes = (unsigned int)sector;
	d->read_only = ro != 0;
	return 0;
}

int vmha_device_read(const char *path, struct vmha_device *ret_device, struct vmha_err **err)
{
	struct vmha_device d = { 0 };
	vmha_autoclose int fd = -1;
	struct stat st;
	int r;

	(void)snprintf(d.path, sizeof(d.path), "%s", path);
	if (stat(path, &st) < 0) {
		return errno == ENOENT
			       ? vmha_err_set(err, -ENOENT, "%s is not there on this node", path)
			       : vmha_err_errno(err, -errno, "cannot look at %s", path);
	}
	d.block = S_ISBLK(st.st_mode);
	if (!d.block) {
		*ret_device = d;
		return 0;
	}
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0) {
		return vmha_err_errno(err, -errno, "cannot open %s", path);
	}
	r = geometry_read(fd, &d, err);
	r = r < 0 ? r : content_read(fd, &d, err);
	r = r < 0 ? r : use_read(st.st_rdev, &d, err);
	if (r == 0) {
		*ret_device = d;
	}
	return r;
}

int vmha_device_wipe(const char *path, struct vmha_err **err)
{
	static const char zeros[VMHA_LEASE_HEADER_ROOM];
	__attribute__((cleanup(probe_free))) blkid_probe pr = NULL;
	vmha_autoclose int fd = open(path, O_RDWR | O_EXCL | O_CLOEXEC);
	int n = 0;
	int r;

	if (fd < 0) {
		return vmha_err_errno(err, -errno, "cannot wipe %s", path);
	}
	r = probe_new(fd, &pr);
	if (r < 0) {
		return vmha_err_set(err, r, "out of memory wiping %s", path);
	}
	while (n++ < WIPE_MAX && blkid_do_probe(pr) == 0) {
		if (blkid_do_wipe(pr, 0) < 0) {
			return vmha_err_errno(err, -EIO, "cannot wipe %s", path);
		}
	}
	/* a lockspace is at the very beginning, a header of ours behind it */
	if (pwrite(fd, zeros, sizeof(zeros), 0) != (ssize_t)sizeof(zeros) || fsync(fd) < 0) {
		return vmha_err_errno(err, -EIO, "cannot wipe %s", path);
	}
	return 0;
}
