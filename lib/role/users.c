/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Who uses a volume on this node: a search through /proc. */
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
#include "lib/role/role.h"
#include "lib/role/volume.h"

#define CMDLINE_MAX (256U << 10)

struct list {
	bool any; /* every process, not only QEMU */
	struct vmha_user *users;
	size_t count;
};

static void list_free(struct list *l)
{
	free(l->users);
}

static bool all_digits(const char *s)
{
	const char *p = s;

	while (isdigit((unsigned char)*p)) {
		p++;
	}
	return p != s && !*p;
}

/* @return length, arguments separated by NUL; 0 for a kernel thread; negative errno */
static ssize_t cmdline_read(const char *dir, char *buf, size_t size)
{
	vmha_autoclose int fd = -1;
	char path[128];
	size_t len = 0;

	(void)snprintf(path, sizeof(path), "%s/cmdline", dir);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0) {
		return -errno;
	}
	while (len < size - 1) {
		ssize_t n = read(fd, buf + len, size - 1 - len);

		if (n < 0 && errno == EINTR) {
			continue;
		}
		if (n < 0) {
			return -errno;
		}
		if (n == 0) {
			break;
		}
		len += (size_t)n;
	}
	buf[len] = '\0';
	return (ssize_t)len;
}

static bool is_qemu(const char *dir, const char *cmdline)
{
	char path[128];
	char exe[VMHA_PATH_SIZE];
	const char *base;
	ssize_t n;

	(void)snprintf(path, sizeof(path), "%s/exe", dir);
	n = readlink(path, exe, sizeof(exe) - 1);
	if (n < 0) {
		(void)snprintf(exe, sizeof(exe), "%s", cmdline);
	} else {
		exe[n] = '\0';
	}
	base = strrchr(exe, '/');
	base = base ? base + 1 : exe;
	return vmha_str_starts(base, "qemu-system") || vmha_str_starts(base, "qemu-kvm") ||
	       strcmp(base, "kvm") == 0;
}

static bool cmdline_names(const char *cmdline, size_t len, const char *prefix)
{
	return memmem(cmdline, len, prefix, strlen(prefix)) != NULL;
}

/* Only the links are read, never the files: their storage may hang. */
static bool opens(const char *dir, const char *prefix)
{
	vmha_autodir DIR *d = NULL;
	struct dirent *e;
	char path[128];

	(void)snprintf(path, sizeof(path), "%s/fd", dir);
	d = opendir(path);
	while (d && (e = readdir(d))) {
		char target[VMHA_PATH_SIZE];
		ssize_t n = readlinkat(dirfd(d), e->d_name, target, sizeof(target) - 1);

		if (n > 0) {
			target[n] = '\0';
			if (vmha_str_starts(target, prefix)) {
				return true;
			}
		}
	}
	return false;
}

/* libvirt passes "-name guest=NAME,debug-threads=on"; by hand it may be "-name NAME" */
static void guest_name(const char *cmdline, size_t len, pid_t pid, char *name, size_t size)
{
	const char *end = cmdline + len;
	const char *arg = cmdline;

	(void)snprintf(name, size, "pid %d", (int)pid);
	while (arg < end) {
		const char *next = arg + strlen(arg) + 1;

		if (strcmp(arg, "-name") == 0 && next < end) {
			next += vmha_str_starts(next, "guest=") ? strlen("guest=") : 0;
			(void)snprintf(name, size, "%.*s", (int)strcspn(next, ","), next);
			return;
		}
		arg = next;
	}
}

static bool link_below(const char *dir, const char *name, const char *prefix)
{
	char target[VMHA_PATH_SIZE + 1];
	char path[128];
	ssize_t n;

	(void)snprintf(path, sizeof(path), "%s/%s", dir, name);
	n = readlink(path, target, sizeof(target) - 2);
	if (n <= 0) {
		return false;
	}
	/* the prefix ends with a slash, the volume's directory itself does not */
	target[n] = '/';
	target[n + 1] = '\0';
	return vmha_str_starts(target, prefix);
}

static bool stands_in(const char *dir, const char *prefix)
{
	return link_below(dir, "cwd", prefix) || link_below(dir, "root", prefix) ||
	       link_below(dir, "exe", prefix);
}

static void program_name(pid_t pid, char *name, size_t size)
{
	vmha_autofree char *text = NULL;
	char path[64];

	(void)snprintf(path, sizeof(path), "/proc/%d/comm", (int)pid);
	if (vmha_file_read(path, 256, &text, NULL, NULL) == 0) {
		(void)snprintf(name, size, "%.*s", (int)strcspn(text, "\n"), text);
	}
}

static int list_add(struct list *l, pid_t pid, const char *cmdline, size_t len)
{
	struct vmha_user *bigger = reallocarray(l->users, l->count + 1, sizeof(*l->users));
	struct vmha_user user = { .pid = pid };
	int r;

	if (!bigger) {
		return -ENOMEM;
	}
	l->users = bigger;
	r = vmha_proc_start_time(pid, &user.start_ticks);
	if (r < 0) {
		return r == -ESRCH ? 0 : r;
	}
	guest_name(cmdline, len, pid, user.vm, sizeof(user.vm));
	if (l->any) {
		program_name(pid, user.vm, sizeof(user.vm));
	}
	l->users[l->count++] = user;
	return 0;
}

/* @return 1 looked at and decided; 0 nothing to see in @dir (ended, or a dead leader) */
static int look_at(const char *dir, pid_t pid, const char *prefix, char *buf, struct list *l)
{
	ssize_t len = cmdline_read(dir, buf, CMDLINE_MAX);
	int r;

	if (len == -ENOENT || len == -ESRCH || len == 0) {
		return 0;
	}
	if (len < 0) {
		return (int)len;
	}
	if (l->any ? opens(dir, prefix) || stands_in(dir, prefix)
		   : is_qemu(dir, buf) &&
			     (cmdline_names(buf, (size_t)len, prefix) || opens(dir, prefix))) {
		r = list_add(l, pid, buf, (size_t)len);
		return r < 0 ? r : 1;
	}
	return 1;
}

/* A leader that is dead while a thread of it still hangs in a write shows nothing: its threads do.
 */
static int look_at_threads(pid_t pid, const char *prefix, char *buf, struct list *l)
{
	vmha_autodir DIR *d = NULL;
	struct dirent *e;
	char path[64];
	int r = 0;

	(void)snprintf(path, sizeof(path), "/proc/%d/task", (int)pid);
	d = opendir(path);
	while (r == 0 && d && (e = readdir(d))) {
		char dir[96];

		if (!all_digits(e->d_name)) {
			continue;
		}
		(void)snprintf(dir, sizeof(dir), "/proc/%d/task/%.16s", (int)pid, e->d_name);
		r = look_at(dir, pid, prefix, buf, l);
	}
	return r;
}

static int search(const char *volume, bool any, struct vmha_user **ret_users, size_t *ret_count,
		  struct vmha_err **err)
{
	__attribute__((cleanup(list_free))) struct list l = { .any = any };
	vmha_autofree char *buf = calloc(1, CMDLINE_MAX);
	char prefix[VMHA_PATH_SIZE + 1];
	vmha_autodir DIR *proc = opendir("/proc");
	struct dirent *e;

	if (!buf) {
		return vmha_err_set(err, -ENOMEM, "out of memory searching /proc");
	}
	if (!proc) {
		return vmha_err_errno(err, -errno, "cannot open /proc");
	}
	(void)snprintf(prefix, sizeof(prefix), "%s/%s%s", VMHA_STORAGE_ROOT, volume ? volume : "",
		       volume ? "/" : "");
	while ((e = readdir(proc))) {
		char dir[64];
		pid_t pid;
		int r;

		if (!all_digits(e->d_name)) {
			continue;
		}
		pid = (pid_t)strtol(e->d_name, NULL, 10);
		(void)snprintf(dir, sizeof(dir), "/proc/%d", (int)pid);
		r = look_at(dir, pid, prefix, buf, &l);
		if (r == 0) {
			r = look_at_threads(pid, prefix, buf, &l);
		}
		if (r < 0) {
			return vmha_err_errno(err, r, "cannot look at process %d", (int)pid);
		}
	}
	*ret_users = vmha_steal_ptr(l.users);
	*ret_count = l.count;
	return 0;
}

int vmha_volume_users(const char *volume, struct vmha_user **ret_users, size_t *ret_count,
		      struct vmha_err **err)
{
	return search(volume, false, ret_users, ret_count, err);
}

int vmha_volume_holders(const char *volume, struct vmha_user **ret_users, size_t *ret_count,
			struct vmha_err **err)
{
	return search(volume, true, ret_users, ret_count, err);
}
