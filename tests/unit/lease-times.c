/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Arithmetic and error codes of the sanlock port; no daemon needed. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/port/lease_sanlock.h"

static int failed;

static void expect(const char *what, long got, long want)
{
	if (got != want) {
		(void)fprintf(stderr, "%s: %ld instead of %ld\n", what, got, want);
		failed++;
	}
}

static const struct {
	int rv;
	int code;
} codes[] = {
	{ 0, 0 },
	{ -1, -ECONNREFUSED },		/* and never -EPERM, which says "wrong generation" */
	{ -ECONNRESET, -ECONNREFUSED }, /* killed with our connection in its queue */
	{ -EPIPE, -ECONNREFUSED },
	{ -ENOTCONN, -ECONNREFUSED },
	{ -ENOSPC, -ENOSPC },
	{ -ESRCH, -ESRCH },
	{ -202, -ETIMEDOUT },
	{ -212, -EBUSY },
	{ -223, -EBADMSG },
	{ -240, -EPERM },
	{ -243, -EBUSY },
	{ -244, -EBUSY },
	{ -245, -EBUSY },
	{ -262, -EADDRINUSE },
	{ -299, -EIO },
};

int main(void)
{
	struct vmha_err *err = NULL;
	size_t i;

	for (i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
		expect("code", vmha_sanlock_errno(codes[i].rv), codes[i].code);
	}
	/* io_timeout 10 is sanlock's own default: the numbers of its documentation */
	expect("renewal", vmha_sanlock_renewal_s(10), 20);
	expect("warn", vmha_sanlock_renewal_warn_s(10), 60);
	expect("fail", vmha_sanlock_renewal_fail_s(10), 80);
	expect("host dead", vmha_sanlock_host_dead_s(10), 140);
	expect("host dead, 1 s", vmha_sanlock_host_dead_s(1), 68);
	expect("join, 1 s", vmha_sanlock_join_s(1), 3);
	expect("fail()", vmha_sanlock_fail(&err, -243, "lease %s", "a"), -EBUSY);
	(void)puts(vmha_err_text(err));
	vmha_err_free(err);
	err = NULL;
	expect("fail(), not to be opened", vmha_sanlock_fail(&err, -ENODEV, "x"), -ENODEV);
	expect("whose right it is", strstr(vmha_err_text(err), "user sanlock") != NULL, 1);
	vmha_err_free(err);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
