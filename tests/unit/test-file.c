/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/base/cleanup.h"
#include "lib/base/file.h"
#include "tests/unit/unit.h"

static int entries(void)
{
	vmha_autodir DIR *d = opendir(unit_dir());
	int n = 0;

	CHECK(d != NULL);
	while (readdir(d)) {
		n++;
	}
	return n - 2;
}

static void write_then_read(void)
{
	const char *path = unit_path("f");
	vmha_autofree char *text = NULL;
	size_t len = 0;
	struct stat st;

	CHECK_INT(vmha_file_write(path, "one", 3, 0600, NULL), 0);
	CHECK_INT(vmha_file_write(path, "a\0b\n", 4, 0640, NULL), 0);
	CHECK_INT(vmha_file_read(path, 4, &text, &len, NULL), 0);
	CHECK_INT(len, 4);
	CHECK(memcmp(text, "a\0b\n", 5) == 0);
	CHECK_INT(stat(path, &st), 0);
	CHECK_INT(st.st_mode & 07777, 0640);
	CHECK_INT(entries(), 1);
}

static void mode_does_not_depend_on_umask(void)
{
	const char *path = unit_path("f");
	mode_t old = umask(077);
	struct stat st;

	CHECK_INT(vmha_file_write(path, "x", 1, 0644, NULL), 0);
	(void)umask(old);
	CHECK_INT(stat(path, &st), 0);
	CHECK_INT(st.st_mode & 07777, 0644);
}

static void read_refuses(void)
{
	vmha_autoerr struct vmha_err *e = NULL;
	char *text = NULL;

	CHECK_INT(vmha_file_read(unit_path("none"), 9, &text, NULL, &e), -ENOENT);
	CHECK_HAS(vmha_err_text(e), "/none: No such file");
	CHECK_INT(vmha_file_write(unit_path("f"), "12345", 5, 0600, NULL), 0);
	CHECK_INT(vmha_file_read(unit_path("f"), 4, &text, NULL, &e), -EFBIG);
	CHECK_INT(vmha_file_read(unit_dir(), 4, &text, NULL, &e), -EISDIR);
	CHECK(!text);
}

static void write_refuses(void)
{
	vmha_autoerr struct vmha_err *e = NULL;

	CHECK_INT(vmha_file_write(unit_path("no/f"), "x", 1, 0600, &e), -ENOENT);
	CHECK_HAS(vmha_err_text(e), "no/f");
	CHECK_INT(mkdir(unit_path("d"), 0700), 0);
	CHECK_INT(vmha_file_write(unit_path("d"), "x", 1, 0600, &e), -EISDIR);
	CHECK_INT(entries(), 1);
}

static void remove_and_rename(void)
{
	vmha_autoerr struct vmha_err *e = NULL;
	vmha_autofree char *text = NULL;

	CHECK_INT(vmha_file_remove(unit_path("f"), &e), 0);
	CHECK_INT(vmha_file_write(unit_path("f"), "x", 1, 0600, NULL), 0);
	CHECK_INT(vmha_file_rename(unit_path("f"), unit_path("g"), &e), 0);
	CHECK_INT(vmha_file_read(unit_path("g"), 4, &text, NULL, NULL), 0);
	CHECK_STR(text, "x");
	CHECK_INT(vmha_file_rename(unit_path("f"), unit_path("g"), &e), -ENOENT);
	CHECK_HAS(vmha_err_text(e), "/f");
	CHECK_INT(vmha_file_remove(unit_path("g"), NULL), 0);
	CHECK_INT(entries(), 0);
}

static void mkdirs(void)
{
	vmha_autoerr struct vmha_err *e = NULL;
	struct stat st;

	CHECK_INT(vmha_file_mkdirs(unit_path("a/b/c"), 0750, &e), 0);
	CHECK_INT(vmha_file_mkdirs(unit_path("a/b/c/"), 0750, &e), 0);
	CHECK_INT(stat(unit_path("a/b/c"), &st), 0);
	CHECK(S_ISDIR(st.st_mode));
	CHECK_INT(vmha_file_mkdirs("/", 0750, &e), 0);
	CHECK(!e);
}

static void rmdir_takes_empty_directories_only(void)
{
	vmha_autoerr struct vmha_err *e = NULL;

	CHECK_INT(vmha_file_mkdirs(unit_path("a/b"), 0750, NULL), 0);
	CHECK_INT(vmha_file_rmdir(unit_path("a"), &e), -ENOTEMPTY);
	CHECK_HAS(vmha_err_text(e), "/a");
	CHECK_INT(vmha_file_rmdir(unit_path("a/b"), NULL), 0);
	CHECK_INT(vmha_file_rmdir(unit_path("a/b"), NULL), 0);
	CHECK_INT(vmha_file_rmdir(unit_path("a"), NULL), 0);
}

static void mkdirs_refuses_what_is_no_directory(void)
{
	vmha_autoerr struct vmha_err *e = NULL;

	CHECK_INT(vmha_file_write(unit_path("f"), "x", 1, 0600, NULL), 0);
	CHECK_INT(vmha_file_mkdirs(unit_path("f"), 0700, &e), -ENOTDIR);
	CHECK_HAS(vmha_err_text(e), "/f");
	CHECK_INT(vmha_file_mkdirs(unit_path("f/g"), 0700, &e), -ENOTDIR);
	CHECK_INT(vmha_file_mkdirs("", 0700, &e), -ENOENT);
}

/* Writers beside each other, as threads and as processes: a reader sees one of their texts, whole.
 */
enum { ROUNDS = 40, SIZE = 20000 };

static void *writer(void *letter)
{
	vmha_autofree char *text = calloc(1, SIZE);
	int i;

	CHECK(text != NULL);
	memset(text, *(const char *)letter, SIZE);
	for (i = 0; i < ROUNDS; i++) {
		CHECK_INT(vmha_file_write(unit_path("shared"), text, SIZE, 0600, NULL), 0);
	}
	return NULL;
}

static void shared_is_whole(void)
{
	vmha_autofree char *text = NULL;
	size_t len = 0;
	size_t i;

	CHECK_INT(vmha_file_read(unit_path("shared"), SIZE + 1, &text, &len, NULL), 0);
	CHECK_INT(len, SIZE);
	for (i = 1; i < len; i++) {
		CHECK_INT(text[i], text[0]);
	}
}

static void concurrent_threads(void)
{
	static char letters[] = "abcd";
	pthread_t t[4];
	int i;

	(void)writer(letters);
	for (i = 0; i < 4; i++) {
		CHECK_INT(pthread_create(&t[i], NULL, writer, &letters[i]), 0);
	}
	for (i = 0; i < 200; i++) {
		shared_is_whole();
	}
	for (i = 0; i < 4; i++) {
		CHECK_INT(pthread_join(t[i], NULL), 0);
	}
	CHECK_INT(entries(), 1);
}

static void concurrent_processes(void)
{
	static char letters[] = "abc";
	int st = 0;
	int i;

	(void)writer(letters);
	for (i = 0; i < 3; i++) {
		pid_t pid = fork();

		CHECK(pid >= 0);
		if (pid == 0) {
			(void)writer(&letters[i]);
			_exit(0);
		}
	}
	for (i = 0; i < 200; i++) {
		shared_is_whole();
	}
	for (i = 0; i < 3; i++) {
		CHECK(wait(&st) > 0);
		CHECK_INT(st, 0);
	}
	CHECK_INT(entries(), 1);
}

static const struct unit_test tests[] = {
	UNIT_TEST(write_then_read),
	UNIT_TEST(mode_does_not_depend_on_umask),
	UNIT_TEST(read_refuses),
	UNIT_TEST(write_refuses),
	UNIT_TEST(remove_and_rename),
	UNIT_TEST(mkdirs),
	UNIT_TEST(rmdir_takes_empty_directories_only),
	UNIT_TEST(mkdirs_refuses_what_is_no_directory),
	UNIT_TEST(concurrent_threads),
	UNIT_TEST(concurrent_processes),
};

UNIT_MAIN(tests)
