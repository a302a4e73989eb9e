/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What calls libdlm: each runs in a process of its own, which may sleep in the kernel. */
#include "lib/port/lock_dlm_holder.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <unistd.h>

#include <libdlm.h> /* wants sys/types.h first */

#include "lib/base/cleanup.h"

#ifndef VMHA_DLM_SYSFS /* a test has its own */
#define VMHA_DLM_SYSFS "/sys/kernel/dlm"
#endif
#define RELEASES_MAX 8 /* a join that was asked for twice is to be left twice */

_Static_assert(VMHA_DLM_VALUE_BYTES == DLM_LVB_LEN, "the size of the kernel's value block");

struct holder {
	dlm_lshandle_t ls;
	const char *resource;
	int sock;
	bool locked; /* in some mode, so that the next order is a conversion */
	bool busy;   /* an order is with the kernel */
	bool done;   /* ... and back */
	struct dlm_lksb lksb;
	unsigned char value[VMHA_DLM_VALUE_BYTES];
};

bool vmha_dlm_in_kernel(const char *lockspace)
{
	char path[256];

	(void)snprintf(path, sizeof(path), "%s/%s", VMHA_DLM_SYSFS, lockspace);
	return access(path, F_OK) == 0;
}

int vmha_dlm_join_now(const char *lockspace)
{
	dlm_lshandle_t ls;

	if (vmha_dlm_in_kernel(lockspace)) {
		return 0;
	}
	errno = 0;
	ls = dlm_create_lockspace(lockspace, 0600);
	if (!ls) {
		return errno ? -errno : -EIO;
	}
	(void)dlm_close_lockspace(ls); /* the lockspace stays */
	return 0;
}

int vmha_dlm_leave_now(const char *lockspace)
{
	int i;

	for (i = 0; i < RELEASES_MAX && vmha_dlm_in_kernel(lockspace); i++) {
		dlm_lshandle_t ls = dlm_open_lockspace(lockspace);

		if (!ls) {
			return errno ? -errno : -EIO;
		}
		/* forced: a request that a dying process left must not keep the volume mounted */
		if (dlm_release_lockspace(lockspace, ls, 1) < 0) {
			return errno ? -errno : -EIO;
		}
	}
	return vmha_dlm_in_kernel(lockspace) ? -EBUSY : 0;
}

static void on_ast(void *data)
{
	struct holder *h = data;

	h->done = true;
}

static void answer(struct holder *h, int code)
{
	struct vmha_dlm_answer a = { .code = code };

	memcpy(a.value.bytes, h->value, sizeof(a.value.bytes));
	a.value.lost = (h->lksb.sb_flags & DLM_SBF_VALNOTVALID) != 0;
	h->busy = false;
	(void)send(h->sock, &a, sizeof(a), MSG_NOSIGNAL);
}

static uint32_t kernel_mode(enum vmha_dlm_mode mode)
{
	switch (mode) {
	case VMHA_DLM_READ:
		return LKM_PRMODE;
	case VMHA_DLM_EXCLUSIVE:
		return LKM_EXMODE;
	case VMHA_DLM_NULL:
		break;
	}
	return LKM_NLMODE;
}

static void obey(struct holder *h, const struct vmha_dlm_order *o)
{
	uint32_t flags = LKF_VALBLK | (o->nowait ? LKF_NOQUEUE : 0) | (h->locked ? LKF_CONVERT : 0);

	if (!h->locked && o->mode == VMHA_DLM_NULL) {
		/* else it would stand behind the conversions that wait for the lock's owner */
		flags |= LKF_EXPEDITE;
	}
	if (h->busy) {
		return; /* vmha_dlm_request() does not send a second one */
	}
	h->busy = true;
	h->done = false;
	if (o->has_value) {
		memcpy(h->value, o->value, sizeof(h->value));
	}
	if (dlm_ls_lock(h->ls, kernel_mode(o->mode), &h->lksb, flags, h->resource,
			(unsigned int)strlen(h->resource), 0, on_ast, h, NULL, NULL) < 0) {
		answer(h, errno ? -errno : -EIO);
	}
}

/* A refused new lock is none: the next order asks for a new one again. */
static void finish(struct holder *h)
{
	int status = h->lksb.sb_status;

	h->done = false;
	h->locked = h->locked || status == 0;
	answer(h, status == ECANCEL ? -ECANCELED : status == EUNLOCK ? -EPIPE : -status);
}

/* @return false: the caller is gone */
static bool order_read(struct holder *h)
{
	struct vmha_dlm_order o;
	ssize_t n = recv(h->sock, &o, sizeof(o), 0);

	if (n != (ssize_t)sizeof(o)) {
		return n < 0 && errno == EINTR;
	}
	obey(h, &o);
	return true;
}

void vmha_dlm_hold(const char *lockspace, const char *resource, int sock)
{
	struct holder h = { .resource = resource, .sock = sock };
	struct pollfd fds[2] = { { .fd = sock, .events = POLLIN } };

	h.lksb.sb_lvbptr = (char *)h.value;
	errno = 0;
	h.ls = dlm_open_lockspace(lockspace);
	if (!h.ls) {
		answer(&h, errno ? -errno : -EIO);
		return;
	}
	fds[1] = (struct pollfd){ .fd = dlm_ls_get_fd(h.ls), .events = POLLIN };
	for (;;) {
		if (poll(fds, 2, -1) < 0 && errno != EINTR) {
			return;
		}
		if (fds[1].revents) {
			(void)dlm_dispatch(fds[1].fd);
		}
		if (h.done) {
			finish(&h);
		}
		if (fds[0].revents && !order_read(&h)) {
			return; /* what ends with this process is the lock */
		}
	}
}
