/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The header of a device whose leases lie outside of its file system; a file is the device. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/cleanup.h"
#include "lib/port/lease_header.h"
#include "tests/unit/unit.h"

static const struct vmha_leases_record OUT = { .name = "vol1",
					       .id = "an-id",
					       .io_timeout_s = 10,
					       .lockspace_offset = 997ULL << 20,
					       .index_offset = 998ULL << 20,
					       .leases_max = 24 };

/* 1 GiB, as a GFS2 with its leases from 997 MiB on. */
static struct vmha_device d;

static const char *device(void)
{
	const char *path = unit_path("device");
	vmha_autoclose int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	CHECK(fd >= 0);
	CHECK_INT(ftruncate(fd, 1 << 30), 0);
	d = (struct vmha_device){ .size_bytes = 1 << 30, .sector_bytes = 512, .type = "gfs2" };
	(void)snprintf(d.path, sizeof(d.path), "%s", path);
	(void)snprintf(d.uuid, sizeof(d.uuid), "%s", OUT.id);
	return path;
}

/* As fsck.gfs2 does. */
static void erase(const char *path)
{
	static const char zeros[VMHA_LEASE_HEADER_ROOM];
	vmha_autoclose int fd = open(path, O_RDWR | O_CLOEXEC);

	CHECK_INT(pwrite(fd, zeros, sizeof(zeros), 0), (ssize_t)sizeof(zeros));
}

static void scratch(const char *path, off_t at)
{
	vmha_autoclose int fd = open(path, O_RDWR | O_CLOEXEC);

	CHECK_INT(pwrite(fd, "torn", 4, at), 4);
	CHECK_INT(fsync(fd), 0);
}

static void read_is(int want, const char *why)
{
	vmha_autoerr struct vmha_err *err = NULL;
	struct vmha_leases_record in = { 0 };

	CHECK_INT(vmha_lease_header_read(&d, &in, &err), want);
	if (want < 0) {
		CHECK_HAS(vmha_err_text(err), why);
		return;
	}
	CHECK_STR(in.name, OUT.name);
	CHECK_STR(in.id, OUT.id);
	CHECK_INT(in.io_timeout_s, OUT.io_timeout_s);
	CHECK_INT(in.lockspace_offset, OUT.lockspace_offset);
	CHECK_INT(in.index_offset, OUT.index_offset);
	CHECK_INT(in.leases_max, OUT.leases_max);
}

static void one_of_two_is_enough(void)
{
	const char *path = device();

	read_is(-ENOENT, "has no leases of a volume");
	CHECK_INT(vmha_lease_header_write(path, &OUT, NULL), 0);
	read_is(0, NULL);
	scratch(path, (16 << 10) + 40);
	read_is(0, NULL);
	scratch(path, (48 << 10) + 40);
	read_is(1, NULL);
	scratch(path, (998 << 20) - 4096 + 40);
	read_is(-EBADMSG, "is damaged");
}

static void fsck_leaves_the_copy(void)
{
	const char *path = device();

	CHECK_INT(vmha_lease_header_write(path, &OUT, NULL), 0);
	erase(path);
	read_is(1, NULL);
	/* another file system: that copy is of a volume that was there */
	(void)snprintf(d.uuid, sizeof(d.uuid), "another");
	read_is(-ENOENT, "has no leases of a volume");
	(void)snprintf(d.type, sizeof(d.type), "ext4");
	read_is(-ENOENT, "has no leases of a volume");
}

/* What is at these places on a device that never was a volume. */
static void other_data_is_no_header(void)
{
	const char *path = device();

	scratch(path, 16 << 10);
	scratch(path, 48 << 10);
	read_is(-ENOENT, "has no leases of a volume");
}

static void nothing_of_gfs2_is_written(void)
{
	const char *path = device();
	char block[4096];
	vmha_autoclose int fd = -1;
	off_t at;

	CHECK_INT(vmha_lease_header_write(path, &OUT, NULL), 0);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	for (at = 0; at < 1 << 30;
	     at += at < 1 << 20 || at >= 996 << 20 ? (off_t)sizeof(block) : 1 << 20) {
		bool ours = at == 16 << 10 || at == 48 << 10 || at == (998 << 20) - 4096;

		CHECK_INT(pread(fd, block, sizeof(block), at), (ssize_t)sizeof(block));
		CHECK_INT(block[0] != 0, ours);
	}
	CHECK(VMHA_LEASE_HEADER_ROOM > (48U << 10) && VMHA_LEASE_HEADER_ROOM <= 65536);
}

static void a_device_that_is_not_there(void)
{
	(void)snprintf(d.path, sizeof(d.path), "%s", unit_path("none"));
	read_is(-ENOENT, "cannot open");
}

static const struct unit_test tests[] = {
	UNIT_TEST(one_of_two_is_enough),       UNIT_TEST(fsck_leaves_the_copy),
	UNIT_TEST(other_data_is_no_header),    UNIT_TEST(nothing_of_gfs2_is_written),
	UNIT_TEST(a_device_that_is_not_there),
};
UNIT_MAIN(tests)
