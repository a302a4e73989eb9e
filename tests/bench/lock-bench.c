/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a lock of the volume's costs, beside libdlm's own calls in the same run.  Runs in a node
 * that has dlm_controld; prints `figure:` lines.
 */
#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>

#include <libdlm.h>

#include "lib/base/cleanup.h"
#include "lib/base/mono.h"
#include "lib/base/str.h"
#include "lib/port/lock_dlm.h"

#define ROUNDS_MAX 10000
#define WAIT_S	   20
#define USAGE	   "usage: lock-bench LOCKSPACE RESOURCE ROUNDS | hold LOCKSPACE RESOURCE SECONDS\n"

struct bare {
	dlm_lshandle_t ls;
	struct dlm_lksb lksb;
	char value[DLM_LVB_LEN];
	bool done;
};

struct bench {
	const char *lockspace;
	const char *resource;
	struct bare bare;
	struct vmha_dlm *kept;
};

static struct vmha_mono soon(void)
{
	return vmha_mono_add(vmha_mono_now(), VMHA_SPAN_S(WAIT_S));
}

static void on_ast(void *data)
{
	((struct bare *)data)->done = true;
}

static int bare_wait(struct bare *b)
{
	struct pollfd p = { .fd = dlm_ls_get_fd(b->ls), .events = POLLIN };

	while (!b->done) {
		if (poll(&p, 1, WAIT_S * 1000) <= 0) {
			return -ETIMEDOUT;
		}
		(void)dlm_dispatch(p.fd);
	}
	return b->lksb.sb_status == 0 || b->lksb.sb_status == EUNLOCK ? 0 : -b->lksb.sb_status;
}

static int bare_lock(const struct bench *x, struct bare *b, uint32_t mode, uint32_t flags)
{
	b->done = false;
	b->lksb.sb_lvbptr = b->value;
	if (dlm_ls_lock(b->ls, mode, &b->lksb, flags | LKF_VALBLK, x->resource,
			(unsigned int)strlen(x->resource), 0, on_ast, b, NULL, NULL) < 0) {
		return -errno;
	}
	return bare_wait(b);
}

/* A new exclusive lock, and away with it. */
static int round_bare_new(struct bench *x)
{
	struct bare b = { .ls = x->bare.ls };
	int r = bare_lock(x, &b, LKM_EXMODE, 0);

	if (r < 0) {
		return r;
	}
	b.done = false;
	return dlm_ls_unlock(b.ls, b.lksb.sb_lkid, 0, &b.lksb, &b) < 0 ? -errno : bare_wait(&b);
}

static int round_bare_convert(struct bench *x)
{
	int r = bare_lock(x, &x->bare, LKM_EXMODE, LKF_CONVERT);

	return r < 0 ? r : bare_lock(x, &x->bare, LKM_NLMODE, LKF_CONVERT);
}

static int round_ours_new(struct bench *x)
{
	struct vmha_dlm *lock = NULL;
	int r = vmha_dlm_open(x->lockspace, x->resource, &lock, NULL);

	r = r < 0 ? r : vmha_dlm_convert(lock, VMHA_DLM_EXCLUSIVE, false, soon(), NULL, NULL, NULL);
	vmha_dlm_close(lock);
	return r;
}

static int round_ours_convert(struct bench *x)
{
	int r = vmha_dlm_convert(x->kept, VMHA_DLM_EXCLUSIVE, false, soon(), NULL, NULL, NULL);

	return r < 0 ? r
		     : vmha_dlm_convert(x->kept, VMHA_DLM_NULL, false, soon(), NULL, NULL, NULL);
}

static int compare(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a;
	int64_t y = *(const int64_t *)b;

	return (x > y) - (x < y);
}

/* @return the median in microseconds; negative: failed */
static int64_t measure(struct bench *x, const char *name, int (*round)(struct bench *x), size_t n)
{
	vmha_autofree int64_t *us = calloc(n, sizeof(*us));
	size_t i;

	for (i = 0; us && i < n; i++) {
		struct vmha_mono begun = vmha_mono_now();
		int r = round(x);

		if (r < 0) {
			(void)fprintf(stderr, "lock-bench: %s: %s\n", name, strerror(-r));
			return r;
		}
		us[i] = vmha_mono_diff(begun, vmha_mono_now()).ns / 1000;
	}
	if (!us) {
		return -ENOMEM;
	}
	qsort(us, n, sizeof(*us), compare);
	(void)printf("figure: %s n=%zu p50_us=%lld p90_us=%lld max_us=%lld\n", name, n,
		     (long long)us[n / 2], (long long)us[n * 9 / 10], (long long)us[n - 1]);
	return us[n / 2];
}

static int bench(struct bench *x, size_t rounds)
{
	int64_t bare_new = measure(x, "bare_new_lock", round_bare_new, rounds);
	int64_t ours_new = measure(x, "ours_new_lock", round_ours_new, rounds);
	int64_t bare = measure(x, "bare_convert", round_bare_convert, rounds);
	int64_t ours = measure(x, "ours_convert", round_ours_convert, rounds);

	if (bare_new <= 0 || ours_new < 0 || bare <= 0 || ours < 0) {
		return EXIT_FAILURE;
	}
	(void)printf("figure: ratio new=%.1f convert=%.1f\n", (double)ours_new / (double)bare_new,
		     (double)ours / (double)bare);
	return EXIT_SUCCESS;
}

static int hold(const char *lockspace, const char *resource, uint64_t seconds)
{
	vmha_autoerr struct vmha_err *err = NULL;
	struct vmha_dlm *lock = NULL;
	int r = vmha_dlm_join(lockspace, soon(), &err);

	r = r < 0 ? r : vmha_dlm_open(lockspace, resource, &lock, &err);
	r = r < 0 ? r : vmha_dlm_convert(lock, VMHA_DLM_EXCLUSIVE, false, soon(), NULL, NULL, &err);
	(void)puts(r < 0 ? vmha_err_text(err) : "held");
	(void)fflush(stdout);
	if (r == 0) {
		vmha_mono_pace(VMHA_SPAN_S(seconds));
	}
	vmha_dlm_close(lock);
	return r < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
	vmha_autoerr struct vmha_err *err = NULL;
	struct bench x = { 0 };
	uint64_t n = 0;
	int r;

	if (argc == 5 && vmha_str_eq(argv[1], "hold") && vmha_str_u64(argv[4], 1, 3600, &n) == 0) {
		return hold(argv[2], argv[3], n);
	}
	if (argc != 4 || vmha_str_u64(argv[3], 1, ROUNDS_MAX, &n) < 0) {
		(void)fputs(USAGE, stderr);
		return 2;
	}
	x.lockspace = argv[1];
	x.resource = argv[2];
	r = vmha_dlm_join(x.lockspace, soon(), &err);
	r = r < 0 ? r : vmha_dlm_open(x.lockspace, x.resource, &x.kept, &err);
	r = r < 0 ? r : vmha_dlm_convert(x.kept, VMHA_DLM_NULL, false, soon(), NULL, NULL, &err);
	x.bare.ls = r < 0 ? NULL : dlm_open_lockspace(x.lockspace);
	if (r < 0 || !x.bare.ls || bare_lock(&x, &x.bare, LKM_NLMODE, 0) < 0) {
		(void)fprintf(stderr, "lock-bench: %s\n", vmha_err_text(err));
		return EXIT_FAILURE;
	}
	r = bench(&x, (size_t)n);
	vmha_dlm_close(x.kept);
	return r;
}
