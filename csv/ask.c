/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "csv/csv.h"
#include "lib/base/cleanup.h"

typedef int (*ask_fn)(const struct csv_params *p, struct csv_answer *answer, struct vmha_err **err);

static void __attribute__((noreturn)) child_run(ask_fn fn, const struct csv_params *p, int to)
{
	struct csv_answer answer = { 0 };
	struct vmha_err *err = NULL;

	/* a child that hangs must not keep its caller's locks: they end with their sockets */
	if (to > 3) {
		(void)close_range(3, (unsigned int)to - 1, 0);
	}
	(void)close_range((unsigned int)to + 1, ~0U, 0);
	answer.code = fn(p, &answer, &err);
	if (err) {
		(void)snprintf(answer.text, sizeof(answer.text), "%s", vmha_err_text(err));
	}
	/* less than PIPE_BUF: arrives whole */
	_exit(write(to, &answer, sizeof(answer)) == (ssize_t)sizeof(answer) ? 0 : 1);
}

_Static_assert(sizeof(struct csv_answer) <= 4096, "an answer must fit PIPE_BUF");

/* @return pid of a child that even SIGKILL did not end: it hangs in the kernel */
static pid_t child_end(pid_t pid)
{
	struct vmha_mono deadline = vmha_mono_add(vmha_mono_now(), VMHA_SPAN_MS(500));

	(void)kill(pid, SIGKILL);
	while (waitpid(pid, NULL, WNOHANG) != pid) {
		if (vmha_mono_passed(deadline)) {
			return pid;
		}
		vmha_mono_pace(VMHA_SPAN_MS(10));
	}
	return 0;
}

int csv_ask(ask_fn fn, const struct csv_params *p, struct vmha_mono deadline,
	    struct csv_answer *answer, pid_t *ret_hung)
{
	pid_t hung = 0;
	int fds[2];
	pid_t pid;
	int r;

	*answer = (struct csv_answer){ .code = -EIO };
	(void)snprintf(answer->text, sizeof(answer->text), "a question was given up: no answer");
	if (pipe2(fds, O_CLOEXEC) < 0) {
		return answer->code = -errno;
	}
	pid = fork();
	if (pid == 0) {
		(void)close(fds[0]);
		child_run(fn, p, fds[1]);
	}
	r = pid < 0 ? -errno : 0;
	(void)close(fds[1]);
	if (r == 0) {
		r = vmha_mono_wait_readable(fds[0], deadline);
	}
	if (r == 0 && read(fds[0], answer, sizeof(*answer)) != (ssize_t)sizeof(*answer)) {
		r = -EIO;
	}
	(void)close(fds[0]);
	if (pid > 0) {
		hung = child_end(pid);
	}
	if (ret_hung) {
		*ret_hung = hung;
	}
	if (r < 0) {
		answer->code = r;
	}
	return answer->code;
}
