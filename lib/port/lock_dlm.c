/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The caller's side; what calls libdlm is in lock_dlm_holder.c. */
#include "lib/port/lock_dlm.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/base/cleanup.h"
#include "lib/base/str.h"
#include "lib/port/lock_dlm_holder.h"

#define END_MS 1000 /* a holder that ends without recovery needs a millisecond */

struct vmha_dlm {
	pid_t holder;
	int sock;
	bool asked;
	char lockspace[128];
};

/* --- processes ------------------------------------------------------------------------------ */

/* Nothing of the caller's goes with it but @keep: its sockets and locks must end with itself. */
static void child_begin(int keep)
{
	static const int ignored[] = { SIGINT, SIGTERM, SIGHUP, SIGPIPE, SIGQUIT };
	sigset_t none;
	size_t i;

	for (i = 0; i < sizeof(ignored) / sizeof(ignored[0]); i++) {
		(void)signal(ignored[i], SIG_IGN); /* it ends with its caller, not before */
	}
	(void)sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
	(void)setsid();
	if (keep > 3) {
		(void)close_range(3, (unsigned int)keep - 1, 0);
	}
	(void)close_range((unsigned int)keep + 1, ~0U, 0);
}

static void child_reap(pid_t pid, struct vmha_span patience)
{
	vmha_autoclose int fd = (int)syscall(SYS_pidfd_open, pid, 0);
	struct pollfd p = { .fd = fd, .events = POLLIN };

	if (fd >= 0) {
		(void)poll(&p, 1, (int)vmha_span_ms(patience));
	}
	(void)waitpid(pid, NULL, WNOHANG);
}

/* @return pid; negative errno.  *ret_sock is the caller's end */
static pid_t child_start(void (*run)(const char *a, const char *b, int sock), const char *a,
			 const char *b, int *ret_sock)
{
	int socks[2];
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, socks) < 0) {
		return -errno;
	}
	(void)fflush(NULL); /* the child must not print what this process has not yet */
	pid = fork();
	if (pid == 0) {
		child_begin(socks[1]);
		run(a, b, socks[1]);
		_exit(0);
	}
	if (pid < 0) {
		pid = -errno;
		(void)close(socks[0]);
	} else {
		*ret_sock = socks[0];
	}
	(void)close(socks[1]);
	return pid;
}

static int answer_read(int sock, struct vmha_dlm_answer *a)
{
	ssize_t n;

	do {
		n = recv(sock, a, sizeof(*a), 0);
	} while (n < 0 && errno == EINTR);
	return n == (ssize_t)sizeof(*a) ? 0 : -EPIPE;
}

/* --- lockspaces ----------------------------------------------------------------------------- */

static void run_join(const char *lockspace, const char *unused, int sock)
{
	struct vmha_dlm_answer a = { .code = vmha_dlm_join_now(lockspace) };

	(void)unused;
	(void)send(sock, &a, sizeof(a), MSG_NOSIGNAL);
}

static void run_leave(const char *lockspace, const char *unused, int sock)
{
	struct vmha_dlm_answer a = { .code = vmha_dlm_leave_now(lockspace) };

	(void)unused;
	(void)send(sock, &a, sizeof(a), MSG_NOSIGNAL);
}

static int run_bounded(void (*run)(const char *a, const char *b, int sock), const char *lockspace,
		       struct vmha_mono deadline)
{
	struct vmha_dlm_answer a = { 0 };
	int sock = -1;
	pid_t pid = child_start(run, lockspace, NULL, &sock);
	int r;

	if (pid < 0) {
		return (int)pid;
	}
	r = vmha_mono_wait_readable(sock, deadline);
	r = r < 0 ? r : answer_read(sock, &a);
	(void)close(sock);
	if (r < 0) {
		(void)kill(pid, SIGKILL); /* reached when the kernel lets it go */
	}
	child_reap(pid, r < 0 ? VMHA_SPAN_MS(0) : VMHA_SPAN_MS(END_MS));
	return r < 0 ? r : a.code;
}

static int kernel_need(struct vmha_err **err)
{
	if (vmha_dlm_in_kernel("")) {
		return 0;
	}
	return vmha_err_set(err, -EHOSTDOWN,
			    "the kernel of this node has no DLM: 'modprobe dlm', and let Pacemaker "
			    "run dlm_controld on every node (clone of ocf:pacemaker:controld)");
}

int vmha_dlm_join(const char *lockspace, struct vmha_mono deadline, struct vmha_err **err)
{
	int r = kernel_need(err);

	if (r < 0) {
		return r;
	}
	r = run_bounded(run_join, lockspace, deadline);
	if (r == -EUNATCH || r == -ENOTCONN) {
		return vmha_err_set(err, -EHOSTDOWN,
				    "dlm_controld does not run on this node: Pacemaker is to run "
				    "it (clone of ocf:pacemaker:controld, before the volume)");
	}
	if (r == -ETIMEDOUT) {
		return vmha_err_set(err, r,
				    "DLM lockspace %s is not joined yet: the cluster may wait for "
				    "quorum or for a fencing (dlm_tool status)",
				    lockspace);
	}
	return r < 0 ? vmha_err_errno(err, r, "cannot join DLM lockspace %s", lockspace) : 0;
}

int vmha_dlm_leave(const char *lockspace, struct vmha_mono deadline, struct vmha_err **err)
{
	int r;

	if (!vmha_dlm_joined(lockspace)) {
		return 0;
	}
	r = run_bounded(run_leave, lockspace, deadline);
	if (r == -ETIMEDOUT) {
		return vmha_err_set(err, r,
				    "DLM lockspace %s is not left yet: the cluster may wait for "
				    "quorum or for a fencing (dlm_tool status)",
				    lockspace);
	}
	return r < 0 ? vmha_err_errno(err, r, "cannot leave DLM lockspace %s", lockspace) : 0;
}

bool vmha_dlm_joined(const char *lockspace)
{
	return *lockspace && vmha_dlm_in_kernel(lockspace);
}

/* --- locks ---------------------------------------------------------------------------------- */

int vmha_dlm_open(const char *lockspace, const char *resource, struct vmha_dlm **ret_lock,
		  struct vmha_err **err)
{
	vmha_autofree struct vmha_dlm *lock = calloc(1, sizeof(*lock));
	int r = kernel_need(err);

	if (r < 0 || !lock) {
		return r < 0 ? r : vmha_err_set(err, -ENOMEM, "out of memory");
	}
	if (!vmha_dlm_joined(lockspace)) {
		return vmha_err_set(err, -EHOSTDOWN,
				    "this node has not joined DLM lockspace %s: is the volume "
				    "started here?",
				    lockspace);
	}
	(void)snprintf(lock->lockspace, sizeof(lock->lockspace), "%s", lockspace);
	lock->holder = child_start(vmha_dlm_hold, lockspace, resource, &lock->sock);
	if (lock->holder < 0) {
		return vmha_err_errno(err, (int)lock->holder, "cannot start a process for a lock");
	}
	*ret_lock = vmha_steal_ptr(lock);
	return 0;
}

int vmha_dlm_request(struct vmha_dlm *lock, enum vmha_dlm_mode mode, bool nowait,
		     const struct vmha_dlm_value *value, struct vmha_err **err)
{
	struct vmha_dlm_order o = { .mode = mode, .nowait = nowait, .has_value = value != NULL };

	if (lock->asked) {
		return vmha_err_set(err, -EBUSY, "a lock in %s is being asked for already",
				    lock->lockspace);
	}
	if (value) {
		memcpy(o.value, value->bytes, sizeof(o.value));
	}
	if (send(lock->sock, &o, sizeof(o), MSG_NOSIGNAL) != (ssize_t)sizeof(o)) {
		return vmha_err_set(err, -EPIPE, "a lock in %s is lost: its process was killed",
				    lock->lockspace);
	}
	lock->asked = true;
	return 0;
}

int vmha_dlm_wait(struct vmha_dlm *lock, struct vmha_mono deadline,
		  struct vmha_dlm_value *ret_value, struct vmha_err **err)
{
	struct vmha_dlm_answer a = { 0 };
	int r = vmha_mono_wait_readable(lock->sock, deadline);

	if (r == -ETIMEDOUT) {
		return vmha_err_set(err, r,
				    "DLM lockspace %s gives no lock in time: another node has it, "
				    "or the cluster waits for a fencing (dlm_tool status)",
				    lock->lockspace);
	}
	r = r < 0 ? r : answer_read(lock->sock, &a);
	if (r < 0) {
		return vmha_err_set(err, r, "a lock in %s is lost: its process was killed",
				    lock->lockspace);
	}
	lock->asked = false;
	if (a.code == -EAGAIN) {
		return vmha_err_set(err, a.code, "the lock in %s is held by another",
				    lock->lockspace);
	}
	if (a.code < 0) {
		return vmha_err_errno(err, a.code, "DLM lockspace %s refuses a lock",
				      lock->lockspace);
	}
	if (ret_value) {
		*ret_value = a.value;
	}
	return 0;
}

int vmha_dlm_convert(struct vmha_dlm *lock, enum vmha_dlm_mode mode, bool nowait,
		     struct vmha_mono deadline, const struct vmha_dlm_value *value,
		     struct vmha_dlm_value *ret_value, struct vmha_err **err)
{
	int r = vmha_dlm_request(lock, mode, nowait, value, err);

	return r < 0 ? r : vmha_dlm_wait(lock, deadline, ret_value, err);
}

int vmha_dlm_fd(const struct vmha_dlm *lock)
{
	return lock->sock;
}

bool vmha_dlm_lock_alive(const struct vmha_dlm *lock)
{
	struct pollfd p = { .fd = lock->sock, .events = POLLIN };

	return poll(&p, 1, 0) >= 0 && !(p.revents & (POLLHUP | POLLERR));
}

void vmha_dlm_close(struct vmha_dlm *lock)
{
	if (lock) {
		(void)close(lock->sock);
		child_reap(lock->holder, VMHA_SPAN_MS(END_MS));
		free(lock);
	}
}

int vmha_dlm_peek(const char *lockspace, const char *resource, struct vmha_mono deadline,
		  struct vmha_dlm_value *ret_value, bool *ret_held, struct vmha_err **err)
{
	struct vmha_dlm *lock = NULL;
	struct vmha_dlm_value value;
	int r = vmha_dlm_open(lockspace, resource, &lock, err);

	if (r < 0) {
		return r;
	}
	r = vmha_dlm_convert(lock, VMHA_DLM_NULL, false, deadline, NULL, &value, err);
	if (r == 0) {
		r = vmha_dlm_convert(lock, VMHA_DLM_READ, true, deadline, NULL, NULL, err);
		*ret_held = r == -EAGAIN;
		r = r == -EAGAIN ? 0 : r;
	}
	vmha_dlm_close(lock);
	if (r == 0) {
		*ret_value = value;
	}
	return r;
}
