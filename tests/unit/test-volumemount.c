/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdlib.h>

#include "lib/base/cleanup.h"
#include "lib/core/volumemount.h"
#include "tests/unit/unit.h"

#define DIR  VMHA_VOLUME_TYPE_DIR
#define NFS  VMHA_VOLUME_TYPE_NFS
#define GFS2 VMHA_VOLUME_TYPE_GFS2

static void unsafe_options_are_refused_with_the_reason(void)
{
	static const struct {
		enum vmha_volume_type type;
		const char *options;
		const char *why; /* NULL: allowed */
	} rows[] = {
		{ GFS2, NULL, NULL },
		{ GFS2, "", NULL },
		{ GFS2, "noatime,discard,data=writeback,quota=off", NULL },
		{ GFS2, "errors=panic", NULL },
		{ GFS2, "lockproto=lock_nolock", "lockproto=lock_nolock: the volume's own lock" },
		{ GFS2, "noatime,localflocks", "localflocks" },
		{ GFS2, "spectator", "must be written" },
		{ GFS2, "nobarrier", "power" },
		{ GFS2, "ro", "must be written" },
		{ GFS2, "soft", NULL }, /* the kernel refuses it */
		{ GFS2, "rootcontext=x", NULL },
		{ NFS, "vers=4.2,rsize=1048576,timeo=600,nconnect=4", NULL },
		{ NFS, "hard,lookupcache=none", NULL },
		{ NFS, "vers=3,soft", "soft: a write that takes long" },
		{ NFS, "softerr,vers=3", "softerr" },
		{ NFS, "nolock", "not be seen" },
		{ NFS, "local_lock=none", "local_lock=none" },
		{ NFS, "lookupcache=all", "has made or removed" },
		{ NFS, "nocto", "has written" },
		{ NFS, "a b", "a character" },
		{ NFS, "x=\"y\"", "a character" },
		{ DIR, "", NULL },
		{ DIR, "noatime", "mounted by somebody else" },
	};
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		vmha_autoerr struct vmha_err *err = NULL;
		int r = vmha_mount_options_check(rows[i].type, rows[i].options, &err);

		CHECK_INT(r, rows[i].why ? -EINVAL : 0);
		if (rows[i].why) {
			CHECK_HAS(vmha_err_text(err), rows[i].why);
		}
	}
}

static void our_options_come_first(void)
{
	vmha_autofree char *gfs2 = vmha_mount_options(GFS2, "");
	vmha_autofree char *atime = vmha_mount_options(GFS2, "relatime");
	vmha_autofree char *nfs = vmha_mount_options(NFS, NULL);

	CHECK_STR(gfs2, "noatime");
	CHECK_STR(atime, "noatime,relatime"); /* the last one counts */
	CHECK_STR(nfs, "noatime,hard,lookupcache=none");
}

static void devices_have_names_of_their_type(void)
{
	CHECK_INT(vmha_mount_device_check(GFS2, "/dev/disk/by-id/lun1", NULL), 0);
	CHECK_INT(vmha_mount_device_check(GFS2, "/srv/lun1", NULL), -EINVAL);
	CHECK_INT(vmha_mount_device_check(GFS2, "nas:/export", NULL), -EINVAL);
	CHECK_INT(vmha_mount_device_check(NFS, "nas:/export", NULL), 0);
	CHECK_INT(vmha_mount_device_check(NFS, "[fd00::1]:/export", NULL), 0);
	CHECK_INT(vmha_mount_device_check(NFS, "/dev/sda", NULL), -EINVAL);
	CHECK_INT(vmha_mount_device_check(NFS, ":/export", NULL), -EINVAL);
	CHECK_INT(vmha_mount_device_check(NFS, "nas:/ex port", NULL), -EINVAL);
	CHECK_INT(vmha_mount_device_check(NFS, "nas:/ex&port", NULL), -EINVAL);
}

static const char MOUNTS[] =
	"22 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda1 rw\n"
	"90 22 0:50 / /clusterstorage/vol\\0401 rw - tmpfs tmpfs rw\n"
	"91 22 7:1 / /clusterstorage/vol2 rw,noatime shared:9 master:3 - gfs2 /dev/loop1 rw\n"
	"92 22 7:2 / /clusterstorage/vol2 rw,noatime - gfs2 /dev/loop\\0402 rw\n"
	"nonsense\n"
	"93 22 0:51 / /clusterstorage/vol3 rw - nfs4 nas:/export rw,vers=4.2";

static void mounts_are_found(void)
{
	char place[VMHA_PATH_SIZE] = "";
	struct vmha_mount m = { .major = 99 };

	CHECK(vmha_mount_find(MOUNTS, "/clusterstorage/vol2", &m));
	CHECK_STR(m.fstype, "gfs2");
	CHECK_STR(m.source, "/dev/loop 2");
	CHECK_INT(m.major, 7);
	CHECK_INT(m.minor, 2);
	CHECK(vmha_mount_find(MOUNTS, "/clusterstorage/vol3", &m));
	CHECK_STR(m.source, "nas:/export");
	CHECK(vmha_mount_find(MOUNTS, "/clusterstorage/vol 1", &m));
	CHECK(!vmha_mount_find(MOUNTS, "/clusterstorage/vol", &m));
	CHECK(!vmha_mount_find("", "/clusterstorage/vol", &m));
	CHECK(vmha_mount_find_device(MOUNTS, 7, 1, place));
	CHECK_STR(place, "/clusterstorage/vol2");
	CHECK(!vmha_mount_find_device(MOUNTS, 7, 3, place));
}

static const char LS[] = "dlm lockspaces\n"
			 "name          vol1\n"
			 "id            0x3b5a2e24\n"
			 "flags         0x00000000 \n"
			 "change        member 2 joined 1 remove 0 failed 0 seq 1,1\n"
			 "members       1 2 \n"
			 "\n"
			 "name          vol2\n"
			 "id            0x4104eefa\n"
			 "flags         0x00000004 kern_stop\n"
			 "change        member 3 joined 1 remove 0 failed 0 seq 2,2\n"
			 "members       1 2 3 \n"
			 "new change    member 2 joined 0 remove 1 failed 1 seq 3,3\n"
			 "new status    wait fencing\n"
			 "new members   1 2 \n"
			 "\n"
			 "name          vol3\n"
			 "new status    wait quorum\n"
			 "\n"
			 "name          vol4\n"
			 "new status    wait messages 1\n";

static void what_dlm_waits_for(void)
{
	CHECK_INT(vmha_dlm_wait_parse(LS, "vol1"), VMHA_DLM_NOTHING);
	CHECK_INT(vmha_dlm_wait_parse(LS, "vol2"), VMHA_DLM_FENCING);
	CHECK_INT(vmha_dlm_wait_parse(LS, "vol3"), VMHA_DLM_QUORUM);
	CHECK_INT(vmha_dlm_wait_parse(LS, "vol4"), VMHA_DLM_RECOVERY);
	CHECK_INT(vmha_dlm_wait_parse(LS, "vol"), VMHA_DLM_ABSENT);
	CHECK_INT(vmha_dlm_wait_parse("", "vol1"), VMHA_DLM_ABSENT);
	CHECK_HAS(vmha_dlm_wait_text(VMHA_DLM_FENCING), "fenced");
	CHECK_HAS(vmha_dlm_wait_text(VMHA_DLM_ABSENT), "not in");
	CHECK(vmha_dlm_status_alive("cluster nodeid 1 quorate 1 ring seq 8 8\n"));
	CHECK(!vmha_dlm_status_alive("")); /* and dlm_tool exits with 0 */
}

static const struct unit_test tests[] = {
	UNIT_TEST(unsafe_options_are_refused_with_the_reason),
	UNIT_TEST(our_options_come_first),
	UNIT_TEST(devices_have_names_of_their_type),
	UNIT_TEST(mounts_are_found),
	UNIT_TEST(what_dlm_waits_for),
};
UNIT_MAIN(tests)
