/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lib/role/process.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/cleanup.h"
#include "lib/base/file.h"
#include "lib/base/proc.h"
#include "lib/base/str.h"
#include "lib/core/record.h"

#define CMDLINE_MAX (256U << 10)
#define PF_KTHREAD  0x00200000U

/* --- one command line --------------------------------------------------------------------- */

/* The argument behind @option in a command line of NUL-terminated words; NULL: none. */
static const char *argument_of(const char *cmdline, size_t len, const char *option)
{
	const char *p = cmdline;
	const char *end = cmdline + len;

	while (p < end) {
		const char *next = p + strlen(p) + 1;

		if (strcmp(p, option) == 0) {
			return next < end ? next : NULL;
		}
		p = next;
	}
	return NULL;
}

static bool cmdline_is(const char *cmdline, size_t len, const char *name, const char *uuid)
{
	vmha_autofree char *guest = vmha_str_printf("guest=%s", name);
	const char *arg = argument_of(cmdline, len, "-name");

	if (!guest || !arg || !vmha_str_starts(arg, guest)) {
		return false;
	}
	if (arg[strlen(guest)] != ',' && arg[strlen(guest)] != '\0') {
		return false;
	}
	if (!uuid || !*uuid) {
		return true;
	}
	arg = argument_of(cmdline, len, "-uuid");
	return arg && strcasecmp(arg, uuid) == 0;
}

/* --- one process -------------------------------------------------------------------------- */

struct stat_line {
	char name[32];
	char state;
	unsigned int flags;
	unsigned int threads;
};

static int stat_read(const char *pid, struct stat_line *ret)
{
	vmha_autofree char *text = NULL;
	struct stat_line st = { 0 };
	char path[300];
	char *open_paren;
	char *close_paren;
	int r;

	(void)snprintf(path, sizeof(path), "/proc/%s/stat", pid);
	r = vmha_file_read(path, 4096, &text, NULL, NULL);
	if (r < 0) {
		return r;
	}
	open_paren = strchr(text, '(');
	close_paren = strrchr(text, ')');
	if (!open_paren || !close_paren ||
	    sscanf(close_paren + 1,
		   " %c %*s %*s %*s %*s %*s %u %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %u",
		   &st.state, &st.flags, &st.threads) != 3) {
		return -EIO;
	}
	*close_paren = '\0';
	(void)snprintf(st.name, sizeof(st.name), "%.31s", open_paren + 1);
	*ret = st;
	return 0;
}

/* A process whose leader has ended while a thread hangs in the kernel: the threads know the command
 * line still. */
static int threads_cmdline(const char *pid, char **ret_text, size_t *ret_len)
{
	vmha_autodir DIR *dir = NULL;
	struct dirent *de;
	char path[600];

	(void)snprintf(path, sizeof(path), "/proc/%s/task", pid);
	dir = opendir(path);
	while (dir && (de = readdir(dir))) {
		vmha_autofree char *text = NULL;

		(void)snprintf(path, sizeof(path), "/proc/%s/task/%s/cmdline", pid, de->d_name);
		if (*de->d_name != '.' &&
		    vmha_file_read(path, CMDLINE_MAX, &text, ret_len, NULL) == 0 && *ret_len) {
			*ret_text = vmha_steal_ptr(text);
			return 0;
		}
	}
	return -ENOENT;
}

enum match {
	MATCH_NO,
	MATCH_YES,
	MATCH_UNREADABLE,
};

/* No command line: a kernel thread, a zombie, or a process that is ending, perhaps with a write in
 * flight.  A QEMU among the last could be ours. */
static enum match match_nameless(const char *pid, const char *name, const char *uuid)
{
	vmha_autofree char *text = NULL;
	struct stat_line st = { 0 };
	size_t len = 0;

	if (stat_read(pid, &st) < 0) {
		return MATCH_NO; /* gone meanwhile */
	}
	if (st.flags & PF_KTHREAD) {
		return MATCH_NO;
	}
	if ((st.state == 'Z' || st.state == 'X') && st.threads <= 1) {
		return MATCH_NO;
	}
	if (threads_cmdline(pid, &text, &len) == 0) {
		return cmdline_is(text, len, name, uuid) ? MATCH_YES : MATCH_NO;
	}
	return vmha_str_starts(st.name, "qemu") ? MATCH_UNREADABLE : MATCH_NO;
}

static enum match match_pid(const char *pid, const char *name, const char *uuid)
{
	vmha_autofree char *text = NULL;
	char path[300];
	size_t len = 0;
	int r;

	(void)snprintf(path, sizeof(path), "/proc/%s/cmdline", pid);
	r = vmha_file_read(path, CMDLINE_MAX, &text, &len, NULL);
	if (r == -ENOENT || r == -ESRCH || r == -EFBIG) {
		return MATCH_NO; /* gone meanwhile; or not one of libvirt's */
	}
	if (r < 0) {
		return MATCH_UNREADABLE;
	}
	if (len == 0) {
		return match_nameless(pid, name, uuid);
	}
	return cmdline_is(text, len, name, uuid) ? MATCH_YES : MATCH_NO;
}

static void found_add(struct vmha_process *found, const char *pid)
{
	uint64_t n = 0;
	uint64_t ticks = 0;

	if (vmha_str_u64(pid, 1, INT32_MAX, &n) < 0 || vmha_proc_start_time((pid_t)n, &ticks) < 0) {
		return;
	}
	if (found->witness == VMHA_PROCESS_ALIVE || found->witness == VMHA_PROCESS_SEVERAL) {
		found->witness = VMHA_PROCESS_SEVERAL;
		return;
	}
	*found = (struct vmha_process){ .witness = VMHA_PROCESS_ALIVE,
					.pid = (pid_t)n,
					.start_ticks = ticks };
}

struct vmha_process vmha_process_find(const char *name, const char *uuid)
{
	struct vmha_process found = { .witness = VMHA_PROCESS_NONE };
	vmha_autodir DIR *proc = opendir("/proc");
	bool unreadable = !proc;
	struct dirent *de;

	while (proc && (errno = 0, de = readdir(proc))) {
		if (!isdigit((unsigned char)*de->d_name)) {
			continue;
		}
		switch (match_pid(de->d_name, name, uuid)) {
		case MATCH_YES:
			found_add(&found, de->d_name);
			break;
		case MATCH_UNREADABLE:
			unreadable = true;
			break;
		case MATCH_NO:
			break;
		}
	}
	if (found.witness == VMHA_PROCESS_NONE && (unreadable || errno)) {
		found.witness = VMHA_PROCESS_UNREADABLE;
	}
	return found;
}

int vmha_process_dir(pid_t pid, char *dir)
{
	static const char key[] = "/master-key.aes";
	vmha_autofree char *text = NULL;
	char path[64];
	size_t len = 0;
	char *end;
	char *start;
	int r;

	(void)snprintf(path, sizeof(path), "/proc/%d/cmdline", (int)pid);
	r = vmha_file_read(path, CMDLINE_MAX, &text, &len, NULL);
	if (r < 0) {
		return r;
	}
	/* libvirt gives every QEMU -object secret with file DIR/master-key.aes */
	end = memmem(text, len, key, sizeof(key) - 1);
	if (!end) {
		return -ENOENT;
	}
	for (start = end; start > text && start[-1] != '"' && start[-1] != '='; start--) {
		if (start[-1] == '\0') {
			return -ENOENT;
		}
	}
	*end = '\0';
	if (*start != '/' || strlen(start) >= VMHA_PATH_SIZE) {
		return -ENOENT;
	}
	memcpy(dir, start, strlen(start) + 1);
	return 0;
}
