/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lib/port/lease_header.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/cleanup.h"
#include "lib/base/str.h"

#define BLOCK VMHA_GFS2_HEADER_BYTES

/* away from where partition tables, LVM, RAID and boot loaders write */
static const off_t places[] = { 16 << 10, 48 << 10 };
#define PLACES (sizeof(places) / sizeof(places[0]))

static off_t copy_at(const struct vmha_leases_record *record)
{
	return (off_t)record->index_offset - BLOCK;
}

static int device_open(const char *device, int flags, char **ret_block, int *ret_fd,
		       struct vmha_err **err)
{
	vmha_autoclose int fd = open(device, flags | O_DIRECT | O_CLOEXEC);
	void *block = NULL;

	if (fd < 0) {
		return vmha_err_errno(err, -errno, "cannot open %s", device);
	}
	if (posix_memalign(&block, BLOCK, BLOCK) != 0) {
		return vmha_err_set(err, -ENOMEM, "out of memory");
	}
	memset(block, 0, BLOCK);
	*ret_block = block;
	*ret_fd = vmha_steal_fd(&fd);
	return 0;
}

static int block_read(int fd, off_t at, char *block, const char *device, struct vmha_err **err)
{
	ssize_t n = pread(fd, block, BLOCK, at);

	if (n != BLOCK) {
		return vmha_err_errno(err, n < 0 ? -errno : -EIO, "cannot read %s", device);
	}
	block[BLOCK - 1] = '\0';
	return 0;
}

/* Of the very GFS2 that is there: what another volume left at that place means nothing. */
static int copy_read(int fd, const struct vmha_device *d, char *block,
		     struct vmha_leases_record *ret_record, struct vmha_err **err)
{
	uint64_t at = vmha_gfs2_header_copy_at(d);
	int r;

	if (!vmha_str_eq(d->type, "gfs2") || !at) {
		return 0;
	}
	r = block_read(fd, (off_t)at, block, d->path, err);
	return r < 0 ? r
		     : vmha_record_parse(VMHA_RECORD_LEASES, block, ret_record, NULL) == 0 &&
			       vmha_str_eq(ret_record->id, d->uuid) &&
			       copy_at(ret_record) == (off_t)at;
}

int vmha_lease_header_read(const struct vmha_device *d, struct vmha_leases_record *ret_record,
			   struct vmha_err **err)
{
	vmha_autofree char *block = NULL;
	vmha_autoclose int fd = -1;
	bool any = false;
	size_t i;
	int r = device_open(d->path, O_RDONLY, &block, &fd, err);

	for (i = 0; r == 0 && i < PLACES; i++) {
		r = block_read(fd, places[i], block, d->path, err);
		if (r == 0 && vmha_record_parse(VMHA_RECORD_LEASES, block, ret_record, NULL) == 0) {
			return 0;
		}
		any = any || vmha_str_starts(block, VMHA_RECORD_MAGIC);
	}
	r = r < 0 ? r : copy_read(fd, d, block, ret_record, err);
	if (r != 0) {
		return r;
	}
	return any ? vmha_err_set(err, -EBADMSG,
				  "the header of %s that says where its leases lie is damaged",
				  d->path)
		   : vmha_err_set(err, -ENOENT, "%s has no leases of a volume", d->path);
}

int vmha_lease_header_write(const char *device, const struct vmha_leases_record *record,
			    struct vmha_err **err)
{
	vmha_autofree char *text = vmha_record_print(VMHA_RECORD_LEASES, record);
	const off_t all[] = { copy_at(record), places[0], places[1] };
	vmha_autofree char *block = NULL;
	vmha_autoclose int fd = -1;
	size_t i;
	int r;

	if (!text || strlen(text) >= BLOCK) {
		return vmha_err_set(err, -ENOMEM, "out of memory writing the header of %s", device);
	}
	r = device_open(device, O_RDWR, &block, &fd, err);
	if (r == 0) {
		memcpy(block, text, strlen(text) + 1);
	}
	for (i = 0; r == 0 && i < sizeof(all) / sizeof(all[0]); i++) {
		ssize_t n = pwrite(fd, block, BLOCK, all[i]);

		if (n != BLOCK || fdatasync(fd) < 0) {
			return vmha_err_errno(err, n >= 0 && n < BLOCK ? -EIO : -errno,
					      "cannot write the header of %s", device);
		}
	}
	return r;
}
