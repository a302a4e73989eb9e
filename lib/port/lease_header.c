/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lib/port/lease_header.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/cleanup.h"

#define BLOCK 4096

/* away from where partition tables, LVM, RAID and boot loaders write */
static const off_t places[] = { 16 << 10, 48 << 10 };
#define PLACES (sizeof(places) / sizeof(places[0]))

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

int vmha_lease_header_read(const char *device, struct vmha_leases_record *ret_record,
			   struct vmha_err **err)
{
	vmha_autofree char *block = NULL;
	vmha_autoclose int fd = -1;
	bool any = false;
	size_t i;
	int r = device_open(device, O_RDONLY, &block, &fd, err);

	for (i = 0; r == 0 && i < PLACES; i++) {
		ssize_t n = pread(fd, block, BLOCK, places[i]);

		if (n != BLOCK) {
			return vmha_err_errno(err, n < 0 ? -errno : -EIO, "cannot read %s", device);
		}
		block[BLOCK - 1] = '\0';
		any = any || *block;
		if (vmha_record_parse(VMHA_RECORD_LEASES, block, ret_record, NULL) == 0) {
			return 0;
		}
	}
	if (r < 0) {
		return r;
	}
	return any ? vmha_err_set(err, -EBADMSG,
				  "the header of %s that says where its leases lie is damaged",
				  device)
		   : vmha_err_set(err, -ENOENT, "%s has no leases of a volume", device);
}

int vmha_lease_header_write(const char *device, const struct vmha_leases_record *record,
			    struct vmha_err **err)
{
	vmha_autofree char *text = vmha_record_print(VMHA_RECORD_LEASES, record);
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
	for (i = 0; r == 0 && i < PLACES; i++) {
		ssize_t n = pwrite(fd, block, BLOCK, places[i]);

		if (n != BLOCK || fdatasync(fd) < 0) {
			return vmha_err_errno(err, n >= 0 && n < BLOCK ? -EIO : -errno,
					      "cannot write the header of %s", device);
		}
	}
	return r;
}
