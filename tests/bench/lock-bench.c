/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What locks and the admin lock of a volume cost, beside libdlm's own calls in the same run.  Runs
 * in a node that has dlm_controld; prints `figure:` lines.
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
#include "lib/port/lease_sanlock.h"
#include "lib/port/lock_dlm.h"
#include "lib/role/volume.h"
#include "lib/role/volumelock.h"

#define ROUNDS_MAX 10000
#define WAIT_S	   20
#define LOOK_MS	   20
#define USAGE                                                                                      \
	"usage: lock-bench locks LOCKSPACE RESOURCE ROUNDS | volume VOLUME ROUNDS |\n"             \
	"                  hold LOCKSPACE RESOURCE SECONDS\n"

struct bare {
	dlm_lshandle_t ls;
	struct dlm_lksb lksb;
	char value[DLM_LVB_LEN];
	bool done;
};

struct figures {
	int64_t p50_us;
	int64_t p99_us;
	int64_t max_us;
};

struct bench {
	const char *volume;
	const char *lockspace;
	const char *resource;
	struct bare bare;
	struct vmha_dlm *kept;
	int64_t aside_ns; /* of the last round, not to be counted */
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

static int measure(struct bench *x, const char *name, int (*round)(struct bench *x), size_t n,
		   struct figures *ret)
{
	vmha_autofree int64_t *us = calloc(n, sizeof(*us));
	size_t i;

	if (!us) {
		return -ENOMEM;
	}
	for (i = 0; i < n; i++) {
		int64_t begun_ns = vmha_mono_now().ns;
		int r = round(x);

		if (r < 0) {
			(void)fprintf(stderr, "lock-bench: %s: %s\n", name, strerror(-r));
			return r;
		}
		us[i] = (vmha_mono_now().ns - begun_ns - x->aside_ns) / 1000;
		x->aside_ns = 0;
	}
	qsort(us, n, sizeof(*us), compare);
	*ret = (struct figures){ us[(n * 50 + 99) / 100 - 1], us[(n * 99 + 99) / 100 - 1],
				 us[n - 1] };
	(void)printf("figure: %s n=%zu p50_us=%lld p99_us=%lld max_us=%lld\n", name, n,
		     (long long)ret->p50_us, (long long)ret->p99_us, (long long)ret->max_us);
	return 0;
}

static double times(int64_t ours, int64_t bare)
{
	return (double)ours / (double)(bare ? bare : 1);
}

static void ratio(const char *name, const struct figures *ours, const struct figures *bare)
{
	(void)printf("figure: %s beside bare: p50 %.1f, p99 %.1f, max %.1f times\n", name,
		     times(ours->p50_us, bare->p50_us), times(ours->p99_us, bare->p99_us),
		     times(ours->max_us, bare->max_us));
}

/* In the lockspace that all rounds use. */
static int bench_begin(struct bench *x, struct vmha_err **err)
{
	int r = vmha_dlm_join(x->lockspace, soon(), err);

	r = r < 0 ? r : vmha_dlm_open(x->lockspace, x->resource, &x->kept, err);
	r = r < 0 ? r : vmha_dlm_convert(x->kept, VMHA_DLM_NULL, false, soon(), NULL, NULL, err);
	if (r < 0) {
		return r;
	}
	x->bare.ls = dlm_open_lockspace(x->lockspace);
	r = x->bare.ls ? bare_lock(x, &x->bare, LKM_NLMODE, 0) : -errno;
	return r < 0 ? vmha_err_errno(err, r, "libdlm: lockspace %s", x->lockspace) : 0;
}

static int bench_locks(struct bench *x, size_t n, struct vmha_err **err)
{
	struct figures bare = { 0 };
	struct figures ours = { 0 };
	int r = bench_begin(x, err);

	r = r < 0 ? r : measure(x, "bare_new_lock", round_bare_new, n, &bare);
	r = r < 0 ? r : measure(x, "ours_new_lock", round_ours_new, n, &ours);
	if (r == 0) {
		ratio("ours_new_lock", &ours, &bare);
	}
	r = r < 0 ? r : measure(x, "bare_convert", round_bare_convert, n, &bare);
	r = r < 0 ? r : measure(x, "ours_convert", round_ours_convert, n, &ours);
	if (r == 0) {
		ratio("ours_convert", &ours, &bare);
	}
	return r;
}

/* What each command that changes a volume does first and last. */
static int round_volume(struct bench *x)
{
	struct vmha_volume_guard guard = { 0 };
	int r = vmha_volume_lock(x->volume, WAIT_S, &guard, NULL);

	vmha_volume_unlock(&guard);
	return r;
}

/* The same on a volume without DLM (lib/role/volumelock.c): a lease on the very same device. */
static int round_lease(struct bench *x)
{
	struct vmha_lease_owner owner = { .held = true };
	struct vmha_lease_index index;
	struct vmha_lease lease;
	int64_t begun_ns;
	int sock = -1;
	int r = vmha_volume_leases(x->volume, &index, NULL);

	r = r < 0 ? r : vmha_lease_find(&index, VMHA_ADMIN_LEASE, &lease, NULL);
	r = r < 0 ? r : vmha_lease_take(&lease, &sock, NULL);
	vmha_lease_give(&sock);
	/* sanlock releases it on its own time: not part of what the command waited for */
	begun_ns = vmha_mono_now().ns;
	while (r == 0 && owner.held) {
		vmha_mono_pace(VMHA_SPAN_MS(LOOK_MS));
		r = vmha_lease_owner(&lease, &owner, NULL);
	}
	x->aside_ns = vmha_mono_now().ns - begun_ns;
	return r;
}

static int bench_volume(struct bench *x, size_t n, struct vmha_err **err)
{
	struct figures bare = { 0 };
	struct figures dlm = { 0 };
	struct figures lease = { 0 };
	int r = bench_begin(x, err);

	r = r < 0 ? r : measure(x, "bare_new_lock", round_bare_new, n, &bare);
	r = r < 0 ? r : measure(x, "volume_lock_dlm", round_volume, n, &dlm);
	r = r < 0 ? r : measure(x, "volume_lock_sanlock", round_lease, n, &lease);
	if (r == 0) {
		ratio("volume_lock_dlm", &dlm, &bare);
		ratio("volume_lock_sanlock", &lease, &bare);
	}
	return r;
}

/* Without being in anybody's way: who locks a resource first is its master. */
static int hold(const char *lockspace, const char *resource, uint64_t seconds,
		struct vmha_err **err)
{
	struct vmha_dlm *lock = NULL;
	int r = vmha_dlm_join(lockspace, soon(), err);

	r = r < 0 ? r : vmha_dlm_open(lockspace, resource, &lock, err);
	r = r < 0 ? r : vmha_dlm_convert(lock, VMHA_DLM_NULL, false, soon(), NULL, NULL, err);
	if (r == 0) {
		vmha_mono_pace(VMHA_SPAN_S(seconds));
	}
	vmha_dlm_close(lock);
	return r;
}

int main(int argc, char **argv)
{
	vmha_autoerr struct vmha_err *err = NULL;
	char lockspace[VMHA_LOCKSPACE_SIZE];
	struct bench x = { 0 };
	uint64_t n = 0;
	int r;

	if (argc < 4 || vmha_str_u64(argv[argc - 1], 1, ROUNDS_MAX, &n) < 0) {
		(void)fputs(USAGE, stderr);
		return 2;
	}
	x.lockspace = argv[2];
	x.resource = argv[3];
	if (argc == 5 && vmha_str_eq(argv[1], "hold")) {
		r = hold(x.lockspace, x.resource, n, &err);
	} else if (argc == 5 && vmha_str_eq(argv[1], "locks")) {
		r = bench_locks(&x, (size_t)n, &err);
	} else if (argc == 4 && vmha_str_eq(argv[1], "volume")) {
		vmha_volume_dlm_name(argv[2], lockspace);
		x = (struct bench){ .volume = argv[2],
				    .lockspace = lockspace,
				    .resource = "bench" };
		r = bench_volume(&x, (size_t)n, &err);
	} else {
		(void)fputs(USAGE, stderr);
		return 2;
	}
	vmha_dlm_close(x.kept);
	if (r < 0) {
		(void)fprintf(stderr, "lock-bench: %s\n", err ? vmha_err_text(err) : strerror(-r));
	}
	return r < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
