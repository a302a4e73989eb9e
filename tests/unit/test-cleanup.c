/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "lib/base/cleanup.h"
#include "tests/unit/unit.h"

/* Leaks show in the harness's descriptor count and in the leak checker. */
static void all_release_at_end_of_scope(void)
{
	vmha_autofree char *p = calloc(1, 8);
	vmha_autoclose int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	vmha_autofile FILE *f = fopen("/dev/null", "re");
	vmha_autodir DIR *d = opendir("/");
	vmha_autoerr struct vmha_err *e = NULL;

	CHECK(p && fd >= 0 && f && d);
	CHECK_INT(vmha_err_set(&e, -EIO, "x"), -EIO);
}

static void nothing_to_release(void)
{
	vmha_autofree char *p = NULL;
	vmha_autoclose int fd = -1;
	vmha_autofile FILE *f = NULL;
	vmha_autodir DIR *d = NULL;
	vmha_autoerr struct vmha_err *e = NULL;

	CHECK(!p && fd < 0 && !f && !d && !e);
}

static int opened(void)
{
	vmha_autoclose int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);

	return vmha_steal_fd(&fd);
}

static char *made(void)
{
	vmha_autofree char *p = calloc(1, 8);

	return vmha_steal_ptr(p);
}

static void stolen_outlives_the_scope(void)
{
	int fd = opened();
	char *p = made();

	CHECK(p && p[0] == '\0');
	CHECK(fd >= 0 && fcntl(fd, F_GETFD) >= 0);
	free(p);
	(void)close(fd);
}

static const struct unit_test tests[] = {
	UNIT_TEST(all_release_at_end_of_scope),
	UNIT_TEST(nothing_to_release),
	UNIT_TEST(stolen_outlives_the_scope),
};

UNIT_MAIN(tests)
