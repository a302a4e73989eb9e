/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef VMHA_BASE_PROC_H
#define VMHA_BASE_PROC_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "lib/base/err.h"
#include "lib/base/mono.h"

struct vmha_proc_result {
	int status;   /* exit status 0..255, or 128 + signal */
	char *output; /* standard output, NUL-terminated, at most 16 MiB */
	char *errors; /* standard error, likewise */
};

void vmha_proc_result_free(struct vmha_proc_result *res);
#define vmha_autoresult __attribute__((cleanup(vmha_proc_result_free)))

/**
 * Run a program and wait for it.  Searched in PATH; standard input is @input (NULL: /dev/null).
 * On time-out its process group is killed; one that hangs in
 * the kernel is left behind after 2 s more.
 * @param argv NULL-terminated
 * @param[out] ret_result to be freed by the caller; set on 0 only
 * @return 0 when it ran, whatever its exit status; -ETIMEDOUT; -ENOENT no such program; negative
 * errno
 */
int vmha_proc_run(const char *const argv[], const char *input, struct vmha_span timeout,
		  struct vmha_proc_result *ret_result, struct vmha_err **err);

/** As vmha_proc_run(), and a non-zero exit status is -EIO with the program's own words in @err. */
int vmha_proc_check(const char *const argv[], const char *input, struct vmha_span timeout,
		    struct vmha_proc_result *ret_result, struct vmha_err **err);

/**
 * Identity of a process that survives reuse of its number.
 * @param[out] ret_start_ticks field 22 of /proc/PID/stat: start time in clock ticks since boot
 * @return 0; -ESRCH no such process (or a zombie: it runs no more); negative errno
 */
int vmha_proc_start_time(pid_t pid, uint64_t *ret_start_ticks);

/**
 * @return true when @pid lives and was started at @start_ticks; false also when /proc cannot be
 * read: use vmha_proc_start_time() where "gone" has consequences
 */
bool vmha_proc_is(pid_t pid, uint64_t start_ticks);

/**
 * Wait for the end of a process by its pidfd.
 * @return 0 ended; -ETIMEDOUT; negative errno
 */
int vmha_proc_wait_gone(pid_t pid, uint64_t start_ticks, struct vmha_mono deadline);

/**
 * SIGKILL that very process (by pidfd, checked against its start time) and wait until it is gone.
 * @return 0 gone; -ETIMEDOUT it hangs in the kernel; negative errno
 */
int vmha_proc_kill(pid_t pid, uint64_t start_ticks, struct vmha_mono deadline);

#endif
