/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/base/cleanup.h"
#include "lib/base/file.h"
#include "lib/base/proc.h"
#include "lib/base/str.h"
#include "lib/port/nodes.h"
#include "lib/role/volume.h"
#include "tests/unit/unit.h"

static void paths(void)
{
	char path[VMHA_PATH_SIZE];
	struct vmha_lease_index index;
	struct vmha_lockspace ls;

	vmha_volume_path("vol1", VMHA_VOLUME_DIR, path);
	CHECK_STR(path, "/clusterstorage/vol1");
	vmha_volume_path("vol1", VMHA_VOLUME_LEASES, path);
	CHECK_STR(path, "/clusterstorage/vol1/.vmha/leases");
	vmha_volume_path("vol1", VMHA_VOLUME_JOINED, path);
	CHECK_STR(path, "/run/vmha/csv/vol1.joined");
	CHECK_INT(vmha_volume_lockspace("vol1", 7, &ls, NULL), 0);
	CHECK_STR(ls.name, "vol1");
	CHECK_STR(ls.path, "/clusterstorage/vol1/.vmha/lockspace");
	CHECK_INT(ls.host_id, 7);
	CHECK_INT(ls.offset, 0);
	CHECK_INT(vmha_volume_leases("vol1", &index, NULL), 0);
	CHECK_STR(index.lockspace, "vol1");
	CHECK_STR(index.path, "/clusterstorage/vol1/.vmha/leases");
	CHECK_INT(index.offset, 0);
}

static void record_goes_and_comes(void)
{
	const struct vmha_volume_record out = {
		.name = "vol1", .id = "an-id", .type = "dir", .io_timeout_s = 5
	};
	vmha_autoerr struct vmha_err *err = NULL;
	struct vmha_volume_record in;

	CHECK_INT(vmha_volume_load_at(unit_dir(), &in, NULL), -ENOENT);
	CHECK_INT(mkdir(unit_path(".vmha"), 0755), 0);
	CHECK_INT(vmha_volume_store_at(unit_dir(), &out, NULL), 0);
	CHECK_INT(vmha_volume_load_at(unit_dir(), &in, NULL), 0);
	CHECK_STR(in.name, "vol1");
	CHECK_STR(in.id, "an-id");
	CHECK_INT(in.io_timeout_s, 5);
	CHECK_INT(vmha_file_write(unit_path(".vmha/volume"), "half", 4, 0644, NULL), 0);
	CHECK_INT(vmha_volume_load_at(unit_dir(), &in, &err), -EBADMSG);
	CHECK_HAS(vmha_err_text(err), ".vmha/volume is damaged");
}

/* A shell under the name of a QEMU; its further arguments are what the search looks at. */
static pid_t actor_start(const char *program, const char *disk)
{
	const char *const copy[] = { "cp", "/bin/sh", program, NULL };
	int ready[2];
	char byte;
	pid_t pid;

	CHECK_INT(vmha_proc_check(copy, NULL, VMHA_SPAN_S(20), NULL, NULL), 0);
	CHECK_INT(pipe(ready), 0);
	pid = fork();
	if (pid == 0) {
		(void)dup2(ready[1], 1);
		(void)close(ready[0]);
		(void)close(ready[1]);
		(void)execl(program, program, "-c", "echo; kill -STOP $$", "-name",
			    "guest=web1,debug-threads=on", "-blockdev", disk, (char *)NULL);
		_exit(127);
	}
	(void)close(ready[1]);
	CHECK_INT(read(ready[0], &byte, 1), 1); /* the new program runs */
	(void)close(ready[0]);
	return pid;
}

static void actor_end(pid_t pid)
{
	(void)kill(pid, SIGKILL);
	CHECK_INT(waitpid(pid, NULL, 0), pid);
}

static bool is_user(const char *volume, pid_t pid, struct vmha_user *ret_user)
{
	vmha_autofree struct vmha_user *users = NULL;
	size_t count = 0;
	size_t i;

	CHECK_INT(vmha_volume_users(volume, &users, &count, NULL), 0);
	for (i = 0; i < count; i++) {
		if (users[i].pid == pid) {
			*ret_user = users[i];
			return true;
		}
	}
	return false;
}

static void users_are_qemus_of_that_volume(void)
{
	const char *disk = "{\"filename\":\"/clusterstorage/unit-vol1/web1/web1.img\"}";
	struct vmha_user user;
	pid_t pid = actor_start(unit_path("qemu-system-x86_64"), disk);

	CHECK(is_user("unit-vol1", pid, &user));
	CHECK_STR(user.vm, "web1");
	CHECK(vmha_proc_is(user.pid, user.start_ticks));
	CHECK(is_user(NULL, pid, &user)); /* any volume */
	CHECK(!is_user("unit-vol", pid, &user));
	CHECK(!is_user("unit-vol10", pid, &user));
	actor_end(pid);
	CHECK(!is_user("unit-vol1", pid, &user));
}

static void other_programs_are_no_users(void)
{
	pid_t pid = actor_start(unit_path("backup"), "/clusterstorage/unit-vol1/web1/web1.img");
	struct vmha_user user;

	CHECK(!is_user("unit-vol1", pid, &user));
	actor_end(pid);
}

static void holders_are_all_programs(void)
{
	pid_t pid = actor_start(unit_path("backup"), "elsewhere");
	vmha_autofree struct vmha_user *users = NULL;
	size_t count = 0;

	/* what merely names a file of the volume does not hold it */
	CHECK_INT(vmha_volume_holders("unit-vol1", &users, &count, NULL), 0);
	CHECK_INT(count, 0);
	actor_end(pid);
}

static void nodes_have_names(void)
{
	struct vmha_node two[] = { { .id = 1, .name = "alpha" }, { .id = 3, .name = "gamma" } };
	const struct vmha_nodes nodes = { .nodes = two, .count = 2 };
	char name[VMHA_NODE_SIZE];

	CHECK_STR(vmha_nodes_name(&nodes, 3, name), "gamma");
	CHECK_HAS(vmha_nodes_name(&nodes, 2, name), "host id 2");
}

static const struct unit_test tests[] = {
	UNIT_TEST(paths),
	UNIT_TEST(record_goes_and_comes),
	UNIT_TEST(users_are_qemus_of_that_volume),
	UNIT_TEST(other_programs_are_no_users),
	UNIT_TEST(holders_are_all_programs),
	UNIT_TEST(nodes_have_names),
};
UNIT_MAIN(tests)
