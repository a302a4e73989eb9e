/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A fake of libdlm for unit tests: a lock is a flock(2) of a file in the working directory, its
 * value the file's content.  As the kernel's, it ends with the process, and a blocked request is
 * granted later.
 */
#include "tests/unit/fake_dlm.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
#include <sys/types.h>
#include <unistd.h>

#include <libdlm.h>

#define TICK_NS 2000000

struct fake {
	int fd; /* ticks: the AST of a grant may have come */
	int file;
	bool waiting;
	bool nowait;
	uint32_t wanted;
	uint32_t mode;
	struct dlm_lksb *lksb;
	void (*ast)(void *arg);
	void *arg;
};

static bool exists(const char *name)
{
	char path[128];

	(void)snprintf(path, sizeof(path), FAKE_DLM_SYSFS "/%s", name);
	return access(path, F_OK) == 0;
}

dlm_lshandle_t dlm_create_lockspace(const char *name, mode_t mode)
{
	char path[128];

	(void)mode;
	if (access(FAKE_DLM_NO_DAEMON, F_OK) == 0) {
		errno = EUNATCH;
		return NULL;
	}
	while (access(FAKE_DLM_HANGS, F_OK) == 0) {
		(void)usleep(1000);
	}
	(void)snprintf(path, sizeof(path), FAKE_DLM_SYSFS "/%s", name);
	(void)mkdir(path, 0755);
	return dlm_open_lockspace(name);
}

dlm_lshandle_t dlm_open_lockspace(const char *name)
{
	const struct itimerspec tick = { { 0, TICK_NS }, { 0, TICK_NS } };
	struct fake *f = exists(name) ? calloc(1, sizeof(*f)) : NULL;

	if (!f) {
		errno = ENOENT;
		return NULL;
	}
	f->file = -1;
	f->mode = LKM_NLMODE;
	f->fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
	(void)timerfd_settime(f->fd, 0, &tick, NULL);
	return f;
}

int dlm_close_lockspace(dlm_lshandle_t ls)
{
	struct fake *f = ls;

	(void)close(f->fd);
	free(f);
	return 0;
}

int dlm_release_lockspace(const char *name, dlm_lshandle_t ls, int force)
{
	char path[128];

	(void)force;
	(void)snprintf(path, sizeof(path), FAKE_DLM_SYSFS "/%s", name);
	(void)dlm_close_lockspace(ls);
	return rmdir(path);
}

int dlm_ls_get_fd(dlm_lshandle_t ls)
{
	return ((struct fake *)ls)->fd;
}

static struct fake *the_one; /* a holder has one lock */

int dlm_ls_lock(dlm_lshandle_t lockspace, uint32_t mode, struct dlm_lksb *lksb, uint32_t flags,
		const void *name, unsigned int namelen, uint32_t parent,
		void (*astaddr)(void *astarg), void *astarg, void (*bastaddr)(void *astarg),
		void *range)
{
	struct fake *f = lockspace;
	char path[64];

	(void)parent;
	(void)bastaddr;
	(void)range;
	if (!(flags & LKF_CONVERT)) {
		(void)snprintf(path, sizeof(path), "%.*s.lock", (int)namelen, (const char *)name);
		f->file = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	}
	if (f->file < 0) {
		errno = EINVAL;
		return -1;
	}
	f->waiting = true;
	f->nowait = (flags & LKF_NOQUEUE) != 0;
	f->wanted = mode;
	f->lksb = lksb;
	f->ast = astaddr;
	f->arg = astarg;
	the_one = f;
	return 0;
}

static void finish(struct fake *f, int status)
{
	f->waiting = false;
	f->lksb->sb_status = status;
	f->ast(f->arg);
}

int dlm_dispatch(int fd)
{
	struct fake *f = the_one;
	uint64_t ticks;
	int how;

	(void)!read(fd, &ticks, sizeof(ticks));
	if (!f || !f->waiting) {
		return 0;
	}
	how = f->wanted == LKM_EXMODE ? LOCK_EX : f->wanted == LKM_PRMODE ? LOCK_SH : LOCK_UN;
	if (f->mode == LKM_EXMODE) {
		(void)!pwrite(f->file, f->lksb->sb_lvbptr, DLM_LVB_LEN, 0);
	}
	if (f->mode != f->wanted && flock(f->file, how | LOCK_NB) < 0) {
		if (f->nowait) {
			finish(f, EAGAIN);
		}
		return 0;
	}
	if (f->mode != LKM_EXMODE) {
		(void)!pread(f->file, f->lksb->sb_lvbptr, DLM_LVB_LEN, 0);
	}
	f->mode = f->wanted;
	finish(f, 0);
	return 0;
}
