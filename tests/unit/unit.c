/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/unit/unit.h"

#include <dirent.h>
#include <errno.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static char scratch[256];

static void __attribute__((noreturn)) fail_now(void)
{
	(void)fflush(NULL);
	_exit(1); /* no leak report on top of the failure */
}

void unit_fail(const char *what, const char *file, int line)
{
	printf("# %s:%d: not true: %s\n", file, line, what);
	fail_now();
}

void unit_check_int(intmax_t got, intmax_t want, const char *what, const char *file, int line)
{
	if (got != want) {
		printf("# %s:%d: %s is %jd, not %jd\n", file, line, what, got, want);
		fail_now();
	}
}

void unit_check_str(const char *got, const char *want, const char *what, const char *file, int line)
{
	if (!got || !want ? got != want : strcmp(got, want) != 0) {
		printf("# %s:%d: %s is \"%s\", not \"%s\"\n", file, line, what,
		       got ? got : "(null)", want ? want : "(null)");
		fail_now();
	}
}

void unit_check_has(const char *text, const char *part, const char *what, const char *file,
		    int line)
{
	if (!text || !strstr(text, part)) {
		printf("# %s:%d: %s is \"%s\", without \"%s\"\n", file, line, what,
		       text ? text : "(null)", part);
		fail_now();
	}
}

const char *unit_dir(void)
{
	return scratch;
}

const char *unit_path(const char *name)
{
	static _Thread_local char paths[16][512];
	static _Thread_local unsigned int next;
	char *path = paths[next++ % 16];

	(void)snprintf(path, sizeof(paths[0]), "%s/%s", scratch, name);
	return path;
}

int unit_fd_count(void)
{
	DIR *d = opendir("/proc/self/fd");
	int n = 0;

	if (!d) {
		return -1;
	}
	while (readdir(d)) {
		n++;
	}
	(void)closedir(d);
	return n - 3; /* ".", ".." and the directory itself */
}

static int entry_remove(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

static int scratch_make(void)
{
	const char *tmp = getenv("TMPDIR");

	(void)snprintf(scratch, sizeof(scratch), "%s/vmha-unit-XXXXXX", tmp ? tmp : "/tmp");
	return mkdtemp(scratch) ? 0 : -errno;
}

static void test_body(const struct unit_test *t)
{
	int before = unit_fd_count();

	t->run();
	unit_check_int(unit_fd_count(), before, "open descriptors afterwards", t->name, 0);
	(void)fflush(NULL);
}

/* @return 1 passed */
static int test_run(const struct unit_test *t)
{
	int st = 0;
	pid_t pid;

	if (scratch_make() < 0) {
		printf("# cannot make %s: %s\n", scratch, strerror(errno));
		return 0;
	}
	(void)fflush(NULL);
	pid = getenv("VMHA_UNIT_GDB") ? 0 : fork();
	if (pid == 0) {
		test_body(t);
		if (!getenv("VMHA_UNIT_GDB")) {
			exit(0); /* the leak checker reports here */
		}
	} else if (pid < 0 || waitpid(pid, &st, 0) < 0) {
		printf("# fork: %s\n", strerror(errno));
		return 0;
	}
	(void)nftw(scratch, entry_remove, 16, FTW_DEPTH | FTW_PHYS);
	if (WIFSIGNALED(st)) {
		printf("# killed by signal %d\n", WTERMSIG(st));
	}
	return st == 0;
}

static int wanted(const char *name, int argc, char **argv)
{
	int i;

	for (i = 1; i < argc; i++) {
		if (strcmp(name, argv[i]) == 0) {
			return 1;
		}
	}
	return argc <= 1;
}

int unit_main(const struct unit_test *tests, size_t count, int argc, char **argv)
{
	int number = 0;
	int failed = 0;
	size_t i;

	for (i = 0; i < count; i++) {
		int ok;

		if (!wanted(tests[i].name, argc, argv)) {
			continue;
		}
		ok = test_run(&tests[i]);
		printf("%sok %d - %s\n", ok ? "" : "not ", ++number, tests[i].name);
		failed += !ok;
	}
	printf("1..%d\n", number);
	return failed || !number ? 1 : 0;
}
