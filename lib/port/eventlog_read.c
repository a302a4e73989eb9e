/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/cleanup.h"
#include "lib/base/str.h"
#include "lib/port/eventlog.h"

#define FILES_MAX 100

struct vmha_eventlog_reader {
	char *path;
	FILE *files[FILES_MAX + 1]; /* all of them at the opening, oldest first */
	size_t count;
	size_t at;	/* the one being read; the last is the one being written */
	int watch;	/* inotify; -1 none */
	bool dir_watch; /* the directory exists and is watched */
	char *line;
	size_t line_size;
};

static void reader_free(struct vmha_eventlog_reader *r)
{
	size_t i;

	for (i = 0; i < r->count; i++) {
		if (r->files[i]) {
			(void)fclose(r->files[i]);
		}
	}
	if (r->watch >= 0) {
		(void)close(r->watch);
	}
	free(r->line);
	free(r->path);
	free(r);
}

void vmha_eventlog_reader_close(struct vmha_eventlog_reader *reader)
{
	if (reader) {
		reader_free(reader);
	}
}

/*
 * Oldest first; a rotation meanwhile makes FILE.1 of what we have as FILE: files are told apart by
 * their inodes, so no line comes twice.
 */
static int files_open(struct vmha_eventlog_reader *r)
{
	struct stat st[FILES_MAX + 1];
	int i;

	for (i = FILES_MAX; i >= 0; i--) {
		vmha_autofree char *name =
			i > 0 ? vmha_str_printf("%s.%d", r->path, i) : strdup(r->path);
		FILE *f = name ? fopen(name, "re") : NULL;

		if (!f && errno != ENOENT) {
			return -errno;
		}
		if (!f) {
			continue;
		}
		if (fstat(fileno(f), &st[r->count]) < 0 ||
		    (r->count > 0 && st[r->count].st_ino == st[r->count - 1].st_ino)) {
			(void)fclose(f);
			continue;
		}
		r->files[r->count++] = f;
	}
	return 0;
}

int vmha_eventlog_reader_open(struct vmha_eventlog_reader **ret_reader, const char *path,
			      struct vmha_err **err)
{
	struct vmha_eventlog_reader *r = calloc(1, sizeof(*r));
	int code;

	if (!r) {
		return vmha_err_set(err, -ENOMEM, "out of memory");
	}
	r->watch = -1;
	r->path = strdup(path);
	code = r->path ? files_open(r) : -ENOMEM;
	if (code < 0) {
		reader_free(r);
		return vmha_err_errno(err, code, "cannot read %s", path);
	}
	*ret_reader = r;
	return 0;
}

/*
 * A whole line of the file. @return its length; 0 none (a line whose end is not there yet is read
 * again next time)
 */
static size_t line_read(struct vmha_eventlog_reader *r, FILE *f)
{
	long at = ftell(f);
	ssize_t n = getline(&r->line, &r->line_size, f);

	if (n > 0 && r->line[n - 1] == '\n') {
		r->line[n - 1] = '\0';
		return (size_t)n;
	}
	clearerr(f);
	(void)fseek(f, at, SEEK_SET);
	return 0;
}

/*
 * The file being written was rotated away: the new one comes next.  What was written to the old one
 * in the last moment is still read first.  @return true when there is a new one
 */
static bool follow_rotation(struct vmha_eventlog_reader *r)
{
	struct stat old;
	struct stat now;
	FILE *f;

	if (stat(r->path, &now) < 0) {
		return false;
	}
	if (r->count > 0 && (fstat(fileno(r->files[r->count - 1]), &old) < 0 ||
			     (old.st_ino == now.st_ino && old.st_dev == now.st_dev))) {
		return false;
	}
	f = fopen(r->path, "re");
	if (!f) {
		return false;
	}
	if (r->at > 0) { /* those before it are closed */
		r->files[0] = r->files[r->at];
		r->count = 1;
		r->at = 0;
	}
	r->files[r->count++] = f;
	return true;
}

int vmha_eventlog_reader_next(struct vmha_eventlog_reader *r, const char **ret_line)
{
	for (;;) {
		while (r->at < r->count) {
			size_t n = line_read(r, r->files[r->at]);

			if (n > 1 && n <= VMHA_EVENTLOG_LINE_MAX) {
				*ret_line = r->line;
				return 0;
			}
			if (n > 0) {
				continue;
			}
			if (r->at + 1 == r->count) {
				break;
			}
			(void)fclose(vmha_steal_ptr(r->files[r->at]));
			r->at++;
		}
		if (!follow_rotation(r)) {
			return -EAGAIN;
		}
	}
}

/* The directory, or as long as it is not there its parent. */
static void watch_directory(struct vmha_eventlog_reader *r)
{
	vmha_autofree char *dir = strdup(r->path);
	char *slash = dir ? strrchr(dir, '/') : NULL;
	const uint32_t events = IN_CREATE | IN_MODIFY | IN_MOVED_TO | IN_ONLYDIR;

	if (r->dir_watch || !slash || slash == dir) {
		return;
	}
	*slash = '\0';
	r->dir_watch = inotify_add_watch(r->watch, dir, events) >= 0;
	slash = strrchr(dir, '/');
	if (!r->dir_watch && slash && slash != dir) {
		*slash = '\0';
		(void)inotify_add_watch(r->watch, dir, events);
	}
}

int vmha_eventlog_reader_wait(struct vmha_eventlog_reader *r, struct vmha_span timeout)
{
	struct vmha_mono deadline = vmha_mono_add(vmha_mono_now(), timeout);
	struct pollfd p = { .events = POLLIN };
	char events[4096];
	int n;

	if (r->watch < 0) {
		/* what was written before this moment is not told: let the caller look again */
		r->watch = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
		if (r->watch < 0) {
			return -errno;
		}
		watch_directory(r);
		return 0;
	}
	watch_directory(r);
	p.fd = r->watch;
	n = poll(&p, 1, vmha_mono_left_ms(deadline));
	if (n < 0) {
		return -errno;
	}
	while (read(r->watch, events, sizeof(events)) > 0) {
	}
	return n > 0 ? 0 : -ETIMEDOUT;
}
