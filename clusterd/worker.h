/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef VMHA_CLUSTERD_WORKER_H
#define VMHA_CLUSTERD_WORKER_H

#include <stdbool.h>

#include "lib/base/err.h"
#include "lib/base/mono.h"

struct clusterd;

/* A child process for what can block: with a deadline, its output bounded. */
struct clusterd_worker;

struct clusterd_worker_result {
	int status; /* exit status 0..255, 128 + signal; -ETIMEDOUT killed at its deadline */
	const char *output; /* standard output, at most 16 MiB, NUL-terminated; never NULL */
	const char *errors; /* standard error, likewise */
};

/** From the loop, once; the worker is gone when it returns. */
typedef void (*clusterd_worker_done)(struct clusterd *c, const struct clusterd_worker_result *res,
				     void *data);

/**
 * Start a program, searched in PATH, in a process group of its own.
 * @param argv     NULL-terminated, copied
 * @param input    standard input, copied; NULL: /dev/null
 * @param deadline then the whole process group is killed
 * @param[out] ret_worker for clusterd_worker_cancel(); may be NULL; dead when @done was called
 * @return 0: @done will be called, never before this returns; negative errno: it will not
 */
int clusterd_worker_run(struct clusterd *c, const char *const argv[], const char *input,
			struct vmha_span deadline, clusterd_worker_done done, void *data,
			struct clusterd_worker **ret_worker, struct vmha_err **err);

/** Kill it; @done is not called. NULL is fine. */
void clusterd_worker_cancel(struct clusterd_worker *w);

#endif
