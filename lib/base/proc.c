/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lib/base/proc.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/base/cleanup.h"
#include "lib/base/file.h"
#include "lib/base/str.h"

#define OUTPUT_MAX   (16U << 20)
#define ABANDON_WAIT VMHA_SPAN_S(2)

void vmha_proc_result_free(struct vmha_proc_result *res)
{
	free(res->output);
	free(res->errors);
	*res = (struct vmha_proc_result){ 0 };
}

/* Anonymous file with the child's standard input: no deadlock between two pipes. */
static int input_open(const char *input)
{
	vmha_autoclose int fd = -1;
	size_t len = input ? strlen(input) : 0;

	if (!input) {
		fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
		return fd < 0 ? -errno : vmha_steal_fd(&fd);
	}
	fd = memfd_create("vmha-stdin", MFD_CLOEXEC);
	if (fd < 0) {
		return -errno;
	}
	while (len) {
		ssize_t n = write(fd, input, len);

		if (n < 0 && errno != EINTR) {
			return -errno;
		}
		input += n > 0 ? n : 0;
		len -= n > 0 ? (size_t)n : 0;
	}
	if (lseek(fd, 0, SEEK_SET) < 0) {
		return -errno;
	}
	return vmha_steal_fd(&fd);
}

static void __attribute__((noreturn)) child_exec(char *const argv[], int in, int out, int err)
{
	sigset_t none;

	(void)setpgid(0, 0);
	sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
	if (dup2(in, 0) >= 0 && dup2(out, 1) >= 0 && dup2(err, 2) >= 0) {
		execvp(argv[0], argv);
	}
	_exit(errno == ENOENT ? 127 : 126);
}

/* Takes what is there; sets *fd to -1 at its end. */
static int stream_drain(int *fd, struct vmha_str *to)
{
	char buf[8192];
	ssize_t n = read(*fd, buf, sizeof(buf));

	if (n < 0 && (errno == EINTR || errno == EAGAIN)) {
		return 0;
	}
	if (n < 0) {
		return -errno; /* never taken for the end: half an answer is no answer */
	}
	if (n == 0) {
		close(*fd);
		*fd = -1;
		return 0;
	}
	if (to->len + (size_t)n > OUTPUT_MAX) {
		return -EFBIG;
	}
	return vmha_str_add_bytes(to, buf, (size_t)n);
}

static int streams_collect(int fds[2], struct vmha_str to[2], struct vmha_mono deadline)
{
	while (fds[0] >= 0 || fds[1] >= 0) {
		struct pollfd p[2] = { { .fd = fds[0], .events = POLLIN },
				       { .fd = fds[1], .events = POLLIN } };
		int n = poll(p, 2, vmha_mono_left_ms(deadline));
		int i;

		if (n < 0 && errno != EINTR) {
			return -errno;
		}
		if (n == 0) {
			return -ETIMEDOUT;
		}
		for (i = 0; n > 0 && i < 2; i++) {
			int r = p[i].revents ? stream_drain(&fds[i], &to[i]) : 0;

			if (r < 0) {
				return r;
			}
		}
	}
	return 0;
}

/* The streams may end before the process does: wait on, within the deadline. */
static int child_reap(pid_t pid, struct vmha_mono deadline, int *ret_status)
{
	vmha_autoclose int fd = pidfd_open(pid, 0);
	int st = 0;
	int r = fd < 0 ? -errno : vmha_mono_wait_readable(fd, deadline);

	if (r < 0) {
		return r;
	}
	while (waitpid(pid, &st, 0) < 0) {
		if (errno != EINTR) {
			return -errno;
		}
	}
	*ret_status = WIFSIGNALED(st) ? 128 + WTERMSIG(st) : WEXITSTATUS(st);
	return 0;
}

/*
 * Kill and reap, but not at any price: a child that hangs in the kernel (dead storage) would hold
 * us for ever.  It is left behind then, a zombie once it wakes, and init's when we end.
 */
static void child_abandon(pid_t pid)
{
	struct vmha_mono deadline = vmha_mono_add(vmha_mono_now(), ABANDON_WAIT);
	int status = 0;

	(void)kill(-pid, SIGKILL);
	(void)kill(pid, SIGKILL); /* the group may not exist yet */
	while (child_reap(pid, deadline, &status) < 0 && !vmha_mono_passed(deadline)) {
		pid_t r = waitpid(pid, NULL, WNOHANG);

		if (r == pid || (r < 0 && errno != EINTR)) {
			return;
		}
		vmha_mono_pace(VMHA_SPAN_MS(10)); /* no pidfd to be had: nothing to wait on */
	}
}

/* execvp() promises not to write to argv, but its prototype is older than const */
static char **argv_unconst(const char *const argv[])
{
	union {
		const char *const *in;
		char **out;
	} u = { .in = argv };

	return u.out;
}

static int child_start(const char *const argv[], int in, int pipes[2][2], pid_t *ret_pid)
{
	pid_t pid;

	if (pipe2(pipes[0], O_CLOEXEC) < 0) {
		return -errno;
	}
	if (pipe2(pipes[1], O_CLOEXEC) < 0) {
		int r = -errno;

		close(pipes[0][0]);
		close(pipes[0][1]);
		return r;
	}
	pid = fork();
	if (pid == 0) {
		child_exec(argv_unconst(argv), in, pipes[0][1], pipes[1][1]);
	}
	close(pipes[0][1]);
	close(pipes[1][1]);
	if (pid < 0) {
		int r = -errno;

		close(pipes[0][0]);
		close(pipes[1][0]);
		return r;
	}
	*ret_pid = pid;
	return 0;
}

int vmha_proc_run(const char *const argv[], const char *input, struct vmha_span timeout,
		  struct vmha_proc_result *ret_result, struct vmha_err **err)
{
	struct vmha_mono deadline = vmha_mono_add(vmha_mono_now(), timeout);
	vmha_autoclose int in = input_open(input);
	vmha_autostr struct vmha_str out = { 0 };
	vmha_autostr struct vmha_str errs = { 0 };
	struct vmha_str text[2] = { { 0 }, { 0 } };
	int pipes[2][2];
	int fds[2];
	int status = 0;
	pid_t pid = -1;
	int r = in < 0 ? in : child_start(argv, in, pipes, &pid);

	if (r < 0) {
		return vmha_err_errno(err, r, "cannot run %s", argv[0]);
	}
	fds[0] = pipes[0][0];
	fds[1] = pipes[1][0];
	r = streams_collect(fds, text, deadline);
	out = text[0];
	errs = text[1];
	vmha_cleanup_fd(&fds[0]);
	vmha_cleanup_fd(&fds[1]);
	if (r == 0) {
		r = child_reap(pid, deadline, &status);
	}
	if (r < 0) {
		child_abandon(pid);
		return vmha_err_errno(err, r, "%s", argv[0]);
	}
	if (status == 127 && !out.len && !errs.len) {
		return vmha_err_set(err, -ENOENT, "%s: program not found", argv[0]);
	}
	*ret_result = (struct vmha_proc_result){ .status = status };
	ret_result->output = vmha_str_steal(&out);
	ret_result->errors = vmha_str_steal(&errs);
	if (!ret_result->output || !ret_result->errors) {
		vmha_proc_result_free(ret_result);
		return vmha_err_set(err, -ENOMEM, "out of memory running %s", argv[0]);
	}
	return 0;
}

int vmha_proc_check(const char *const argv[], const char *input, struct vmha_span timeout,
		    struct vmha_proc_result *ret_result, struct vmha_err **err)
{
	vmha_autoresult struct vmha_proc_result res = { 0 };
	int r = vmha_proc_run(argv, input, timeout, &res, err);
	char *said;

	if (r < 0) {
		return r;
	}
	if (res.status == 0) {
		if (ret_result) {
			*ret_result = res;
			res = (struct vmha_proc_result){ 0 };
		}
		return 0;
	}
	said = *res.errors ? res.errors : res.output;
	while (*said && said[strlen(said) - 1] == '\n') {
		said[strlen(said) - 1] = '\0';
	}
	return vmha_err_set(err, -EIO, "%s failed (exit %d): %s", argv[0], res.status, said);
}

int vmha_proc_start_time(pid_t pid, uint64_t *ret_start_ticks)
{
	vmha_autofree char *text = NULL;
	unsigned long long ticks = 0;
	unsigned int threads = 0;
	char path[64];
	char state = 0;
	char *p;
	int r;

	if (pid <= 0) {
		return -ESRCH;
	}
	(void)snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	r = vmha_file_read(path, 4096, &text, NULL, NULL);
	if (r < 0) {
		return r == -ENOENT ? -ESRCH : r;
	}
	p = strrchr(text, ')'); /* the name may hold anything */
	if (!p || sscanf(p + 1,
			 " %c %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %u "
			 "%*s %llu",
			 &state, &threads, &ticks) != 3) {
		return -EIO;
	}
	/* a dead leader with threads left (one may hang in the kernel, writing) is not gone */
	if ((state == 'Z' || state == 'X') && threads <= 1) {
		return -ESRCH;
	}
	*ret_start_ticks = ticks;
	return 0;
}

bool vmha_proc_is(pid_t pid, uint64_t start_ticks)
{
	uint64_t ticks = 0;

	return vmha_proc_start_time(pid, &ticks) == 0 && ticks == start_ticks;
}

/* @return a pidfd of that very process; -ESRCH when it is gone */
static int pidfd_of(pid_t pid, uint64_t start_ticks)
{
	vmha_autoclose int fd = pid > 0 ? pidfd_open(pid, 0) : -1;
	uint64_t ticks = 0;
	int r;

	if (fd < 0) {
		return pid > 0 ? -errno : -ESRCH;
	}
	/* opened first, compared after: the number cannot be reused under an open pidfd unseen */
	r = vmha_proc_start_time(pid, &ticks);
	if (r < 0) {
		return r; /* not to know is not "gone" */
	}
	return ticks == start_ticks ? vmha_steal_fd(&fd) : -ESRCH;
}

int vmha_proc_wait_gone(pid_t pid, uint64_t start_ticks, struct vmha_mono deadline)
{
	vmha_autoclose int fd = pidfd_of(pid, start_ticks);

	if (fd < 0) {
		return fd == -ESRCH ? 0 : fd;
	}
	return vmha_mono_wait_readable(fd, deadline);
}

int vmha_proc_kill(pid_t pid, uint64_t start_ticks, struct vmha_mono deadline)
{
	vmha_autoclose int fd = pidfd_of(pid, start_ticks);

	if (fd < 0) {
		return fd == -ESRCH ? 0 : fd;
	}
	if (pidfd_send_signal(fd, SIGKILL, NULL, 0) < 0 && errno != ESRCH) {
		return -errno;
	}
	return vmha_mono_wait_readable(fd, deadline);
}
