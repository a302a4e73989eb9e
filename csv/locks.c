/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The volume's own locks on this node: the DLM lockspace `vmha-VOLUME`, and its coordinator. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "csv/csv.h"
#include "lib/base/cleanup.h"
#include "lib/base/file.h"
#include "lib/base/log.h"
#include "lib/base/proc.h"
#include "lib/role/volumelock.h"

#define END_S	  3  /* it has nothing to save: its locks end with it */
#define COMMAND_S 10 /* an administrator's command holds the lock for seconds at most */

int csv_locks_begin(const struct csv_params *p, struct vmha_err **err)
{
	char lockspace[VMHA_LOCKSPACE_SIZE];
	char path[VMHA_PATH_SIZE];
	int r;

	vmha_volume_path(p->volume, VMHA_VOLUME_LEAVING, path);
	r = vmha_file_remove(path, err);
	if (r == -ENOENT) {
		r = 0; /* no such directory yet */
	}
	r = r < 0 ? r : vmha_volume_uses_dlm(p->volume, err);
	if (r <= 0) {
		return r;
	}
	vmha_volume_dlm_name(p->volume, lockspace);
	return vmha_dlm_join(lockspace, p->deadline, err);
}

/* @return 0 none runs */
static int pid_read(const char *volume, pid_t *ret_pid, uint64_t *ret_ticks)
{
	vmha_autofree char *text = NULL;
	char path[VMHA_PATH_SIZE];
	unsigned long long ticks = 0;
	long pid = 0;

	vmha_volume_path(volume, VMHA_VOLUME_COORDINATOR_PID, path);
	if (vmha_file_read(path, VMHA_RECORD_MAX_BYTES, &text, NULL, NULL) < 0 ||
	    sscanf(text, "%ld %llu", &pid, &ticks) != 2 || pid <= 1) {
		return 0;
	}
	*ret_pid = (pid_t)pid;
	*ret_ticks = ticks;
	return vmha_proc_is(*ret_pid, ticks) ? 1 : 0;
}

static void coordinator_end(const char *volume)
{
	struct vmha_mono soon = vmha_mono_add(vmha_mono_now(), VMHA_SPAN_S(END_S));
	uint64_t ticks = 0;
	pid_t pid = 0;
	int r;

	if (!pid_read(volume, &pid, &ticks)) {
		return;
	}
	(void)kill(pid, SIGTERM);
	r = vmha_proc_wait_gone(pid, ticks, soon);
	if (r < 0) {
		soon = vmha_mono_add(vmha_mono_now(), VMHA_SPAN_S(END_S));
		r = vmha_proc_kill(pid, ticks, soon);
	}
	if (r < 0) {
		vmha_log(VMHA_LOG_WARNING, "volume=%s its coordinator (pid %d) does not end",
			 volume, (int)pid);
	}
}

/* Commands of this node that hold the lock are let finish; those of others do not matter. */
static void commands_await(const char *volume)
{
	vmha_autolock struct vmha_volume_guard guard = { 0 };
	vmha_autoerr struct vmha_err *err = NULL;

	if (vmha_volume_lock(volume, COMMAND_S, &guard, &err) < 0) {
		vmha_log(VMHA_LOG_WARNING, "volume=%s is left nevertheless: %s", volume,
			 vmha_err_text(err));
	}
}

static int ask_commands(const struct csv_params *p, struct csv_answer *answer,
			struct vmha_err **err)
{
	(void)answer;
	(void)err;
	commands_await(p->volume);
	return 0;
}

int csv_locks_end(const struct csv_params *p, struct vmha_err **err)
{
	char lockspace[VMHA_LOCKSPACE_SIZE];
	char path[VMHA_PATH_SIZE];
	struct csv_answer answer;

	/* in this order: see vmha-coordinator */
	vmha_volume_path(p->volume, VMHA_VOLUME_LEAVING, path);
	if (vmha_file_mkdirs(VMHA_CSV_RUN_DIR, 0755, err) < 0 ||
	    vmha_file_write(path, "", 0, 0644, err) < 0) {
		return -EIO;
	}
	coordinator_end(p->volume);
	vmha_volume_path(p->volume, VMHA_VOLUME_COORDINATOR_PID, path);
	(void)vmha_file_remove(path, NULL);
	vmha_volume_dlm_name(p->volume, lockspace);
	if (!vmha_dlm_joined(lockspace)) {
		return 0;
	}
	(void)csv_ask(ask_commands, p, vmha_mono_add(vmha_mono_now(), VMHA_SPAN_S(COMMAND_S + 2)),
		      &answer, NULL);
	return vmha_dlm_leave(lockspace, p->deadline, err);
}
