/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lib/port/eventlog.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "lib/base/cleanup.h"
#include "lib/base/file.h"
#include "lib/base/str.h"

#define DEFAULT_BYTES (10ULL << 20)
#define DEFAULT_FILES 5
#define FILES_MAX     100

struct vmha_eventlog {
	char *path;
	gid_t gid;
	uint64_t max_bytes;
	unsigned int files;
	int fd;	  /* -1 not open */
	bool cut; /* the last line may have no end */
};

int vmha_eventlog_open(struct vmha_eventlog **ret_log, const char *path, gid_t gid)
{
	struct vmha_eventlog *log = calloc(1, sizeof(*log));

	if (!log) {
		return -ENOMEM;
	}
	log->path = strdup(path);
	if (!log->path) {
		free(log);
		return -ENOMEM;
	}
	log->gid = gid;
	log->max_bytes = DEFAULT_BYTES;
	log->files = DEFAULT_FILES;
	log->fd = -1;
	*ret_log = log;
	return 0;
}

void vmha_eventlog_close(struct vmha_eventlog *log)
{
	if (log) {
		if (log->fd >= 0) {
			(void)close(log->fd);
		}
		free(log->path);
		free(log);
	}
}

void vmha_eventlog_limit(struct vmha_eventlog *log, uint64_t max_bytes, unsigned int files)
{
	log->max_bytes = max_bytes;
	log->files = files < FILES_MAX ? files : FILES_MAX;
}

/* The directory, for haclient to read. */
static void directory_make(const struct vmha_eventlog *log)
{
	vmha_autofree char *dir = strdup(log->path);
	char *slash = dir ? strrchr(dir, '/') : NULL;

	if (!slash || slash == dir) {
		return;
	}
	*slash = '\0';
	if (access(dir, F_OK) < 0 && vmha_file_mkdirs(dir, 0750, NULL) == 0 &&
	    log->gid != (gid_t)-1) {
		(void)!chown(dir, (uid_t)-1, log->gid);
	}
}

/* Does the file end in the middle of a line? */
static bool ends_cut(int fd, off_t size)
{
	char last = '\n';

	return size > 0 && pread(fd, &last, 1, size - 1) == 1 && last != '\n';
}

static int file_open(struct vmha_eventlog *log, struct vmha_err **err)
{
	struct stat st;
	int r;

	if (log->fd >= 0) {
		return 0;
	}
	directory_make(log);
	log->fd = open(log->path, O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0640);
	if (log->fd < 0 || fstat(log->fd, &st) < 0) {
		r = -errno;
		if (log->fd >= 0) {
			(void)close(vmha_steal_fd(&log->fd));
		}
		return vmha_err_errno(err, r, "cannot open %s", log->path);
	}
	if (st.st_size == 0 && log->gid != (gid_t)-1) {
		(void)!fchown(log->fd, (uid_t)-1, log->gid);
	}
	log->cut = ends_cut(log->fd, st.st_size);
	return 0;
}

/* FILE.4 -> FILE.5, ..., FILE -> FILE.1; what is then too old goes. */
static void rotate(struct vmha_eventlog *log)
{
	unsigned int i;

	for (i = FILES_MAX; i >= 1; i--) {
		vmha_autofree char *from =
			i > 1 ? vmha_str_printf("%s.%u", log->path, i - 1) : strdup(log->path);
		vmha_autofree char *to = vmha_str_printf("%s.%u", log->path, i);

		if (!from || !to) {
			return;
		}
		if (i > log->files) {
			(void)unlink(to);
		} else {
			(void)rename(from, to);
		}
	}
	if (log->files == 0) {
		(void)unlink(log->path);
	}
	(void)close(vmha_steal_fd(&log->fd));
}

/* Rotated, or removed by somebody else: this is no longer the file of that name. */
static bool is_current(const struct vmha_eventlog *log, const struct stat *st)
{
	struct stat named;

	return stat(log->path, &named) == 0 && named.st_ino == st->st_ino &&
	       named.st_dev == st->st_dev;
}

int vmha_eventlog_append(struct vmha_eventlog *log, const char *line, struct vmha_err **err)
{
	struct iovec iov[] = {
		{ .iov_base = (void *)(uintptr_t) "\n", .iov_len = 1 },
		{ .iov_base = (void *)(uintptr_t)line, .iov_len = strlen(line) },
		{ .iov_base = (void *)(uintptr_t) "\n", .iov_len = 1 },
	};
	struct stat st = { 0 };
	ssize_t len;
	ssize_t n;
	int first;
	int r;

	if (iov[1].iov_len >= VMHA_EVENTLOG_LINE_MAX) {
		return vmha_err_set(err, -EMSGSIZE, "an event of %zu bytes is too long",
				    iov[1].iov_len);
	}
	r = file_open(log, err);
	if (r == 0 && fstat(log->fd, &st) == 0) {
		if (!is_current(log, &st)) {
			(void)close(vmha_steal_fd(&log->fd));
			r = file_open(log, err);
		} else if ((uint64_t)st.st_size + iov[1].iov_len >= log->max_bytes &&
			   st.st_size > 0) {
			rotate(log);
			r = file_open(log, err);
		}
	}
	if (r < 0 || fstat(log->fd, &st) < 0) {
		return r < 0 ? r : vmha_err_errno(err, -errno, "cannot stat %s", log->path);
	}
	first = log->cut ? 0 : 1;
	len = (ssize_t)(iov[1].iov_len + 2 - (size_t)first);
	n = writev(log->fd, iov + first, 3 - first);
	if (n == len) {
		log->cut = false;
		return 0;
	}
	r = n < 0 ? -errno : -ENOSPC;
	/* what is there of it would swallow the next line */
	log->cut = n > 0 && ftruncate(log->fd, st.st_size) < 0 ? true : log->cut;
	return vmha_err_errno(err, r, "cannot write to %s", log->path);
}
