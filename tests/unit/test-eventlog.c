/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/cleanup.h"
#include "lib/base/file.h"
#include "lib/port/eventlog.h"
#include "tests/unit/unit.h"

static struct vmha_eventlog *log_open(const char *path)
{
	struct vmha_eventlog *log = NULL;

	CHECK_INT(vmha_eventlog_open(&log, path, (gid_t)-1), 0);
	return log;
}

static struct vmha_eventlog_reader *reader_open(const char *path)
{
	struct vmha_eventlog_reader *r = NULL;

	CHECK_INT(vmha_eventlog_reader_open(&r, path, NULL), 0);
	return r;
}

static void next_is(struct vmha_eventlog_reader *r, const char *want)
{
	const char *line = NULL;

	if (!want) {
		CHECK_INT(vmha_eventlog_reader_next(r, &line), -EAGAIN);
		return;
	}
	CHECK_INT(vmha_eventlog_reader_next(r, &line), 0);
	CHECK_STR(line, want);
}

static void text_put(const char *path, const char *text)
{
	CHECK_INT(vmha_file_write(path, text, strlen(text), 0640, NULL), 0);
}

static void lines_come_back_in_order(void)
{
	const char *path = unit_path("log/events.jsonl");
	struct vmha_eventlog *log = log_open(path);
	struct vmha_eventlog_reader *r = reader_open(path);
	struct stat st;

	next_is(r, NULL);
	CHECK_INT(vmha_eventlog_append(log, "one", NULL), 0);
	CHECK_INT(vmha_eventlog_append(log, "two", NULL), 0);
	CHECK_INT(stat(path, &st), 0);
	CHECK_INT(st.st_mode & 0777, 0640);
	next_is(r, "one");
	next_is(r, "two");
	next_is(r, NULL);
	CHECK_INT(vmha_eventlog_append(log, "three", NULL), 0);
	next_is(r, "three");
	vmha_eventlog_reader_close(r);
	vmha_eventlog_close(log);
}

static void a_cut_line_is_dropped_and_ended_by_the_next_writer(void)
{
	const char *path = unit_path("events.jsonl");
	struct vmha_eventlog_reader *r;
	struct vmha_eventlog *log;

	text_put(path, "one\n{\"half");
	r = reader_open(path);
	next_is(r, "one");
	next_is(r, NULL);
	log = log_open(path);
	CHECK_INT(vmha_eventlog_append(log, "two", NULL), 0);
	next_is(r, "{\"half"); /* ended now: no JSON, which its reader finds */
	next_is(r, "two");
	next_is(r, NULL);
	vmha_eventlog_reader_close(r);
	vmha_eventlog_close(log);
}

/* The first four characters of @line say @n. */
static void line_number(char *line, int n)
{
	char text[16];

	(void)snprintf(text, sizeof(text), "%04d", n);
	memcpy(line, text, 4);
}

static void a_large_file_is_put_aside(void)
{
	const char *path = unit_path("events.jsonl");
	struct vmha_eventlog_reader *r = reader_open(path);
	struct vmha_eventlog *log = log_open(path);
	char line[101];
	int i;

	memset(line, 'x', 100);
	line[100] = '\0';
	vmha_eventlog_limit(log, 350, 2);
	for (i = 0; i < 20; i++) {
		line_number(line, i);
		CHECK_INT(vmha_eventlog_append(log, line, NULL), 0);
		next_is(r, line); /* through every rotation */
		next_is(r, NULL);
	}
	CHECK_INT(access(unit_path("events.jsonl.2"), F_OK), 0);
	CHECK(access(unit_path("events.jsonl.3"), F_OK) < 0);
	vmha_eventlog_reader_close(r);
	r = reader_open(path);
	for (i = 12; i < 20; i++) {
		line_number(line, i);
		next_is(r, line);
	}
	next_is(r, NULL);
	vmha_eventlog_limit(log, 350, 1);
	for (i = 0; i < 3; i++) {
		CHECK_INT(vmha_eventlog_append(log, line, NULL), 0);
	}
	CHECK(access(unit_path("events.jsonl.2"), F_OK) < 0);
	vmha_eventlog_reader_close(r);
	vmha_eventlog_close(log);
}

/* Lines written to the old file between our end of it and the rotation are not lost. */
static void nothing_is_lost_between_two_files(void)
{
	const char *path = unit_path("events.jsonl");
	struct vmha_eventlog *log = log_open(path);
	struct vmha_eventlog_reader *r;

	vmha_eventlog_limit(log, 12, 3);
	CHECK_INT(vmha_eventlog_append(log, "one", NULL), 0);
	r = reader_open(path);
	next_is(r, "one");
	next_is(r, NULL);
	CHECK_INT(vmha_eventlog_append(log, "two", NULL), 0);
	CHECK_INT(vmha_eventlog_append(log, "three", NULL), 0);
	CHECK_INT(access(unit_path("events.jsonl.1"), F_OK), 0);
	next_is(r, "two");
	next_is(r, "three");
	next_is(r, NULL);
	vmha_eventlog_reader_close(r);
	vmha_eventlog_close(log);
}

static void a_full_disk_leaves_whole_lines(void)
{
	const char *path = unit_path("events.jsonl");
	struct vmha_eventlog *log = log_open(path);
	const struct rlimit none = { .rlim_cur = RLIM_INFINITY, .rlim_max = RLIM_INFINITY };
	const struct rlimit some = { .rlim_cur = 10, .rlim_max = RLIM_INFINITY };
	struct vmha_eventlog_reader *r;

	CHECK_INT(vmha_eventlog_append(log, "one", NULL), 0);
	CHECK(signal(SIGXFSZ, SIG_IGN) != SIG_ERR);
	CHECK_INT(setrlimit(RLIMIT_FSIZE, &some), 0);
	CHECK(vmha_eventlog_append(log, "a line that does not fit", NULL) < 0);
	CHECK(vmha_eventlog_append(log, "a line that does not fit", NULL) < 0);
	CHECK_INT(setrlimit(RLIMIT_FSIZE, &none), 0);
	CHECK_INT(vmha_eventlog_append(log, "two", NULL), 0);
	r = reader_open(path);
	next_is(r, "one");
	next_is(r, "two");
	next_is(r, NULL);
	vmha_eventlog_reader_close(r);
	vmha_eventlog_close(log);
}

static void what_is_wrong_is_said(void)
{
	const char *path = unit_path("events.jsonl");
	vmha_autoerr struct vmha_err *err = NULL;
	struct vmha_eventlog *log = log_open(path);
	struct vmha_eventlog *nowhere = log_open("/proc/vmha/events.jsonl");
	char longer[VMHA_EVENTLOG_LINE_MAX + 1];

	memset(longer, 'x', sizeof(longer) - 1);
	longer[sizeof(longer) - 1] = '\0';
	CHECK_INT(vmha_eventlog_append(log, longer, &err), -EMSGSIZE);
	CHECK_INT(vmha_eventlog_append(nowhere, "x", &err), -ENOENT);
	CHECK_HAS(vmha_err_text(err), "/proc/vmha/events.jsonl");
	CHECK_INT(unlink(path) < 0, 1);
	vmha_eventlog_close(log);
	vmha_eventlog_close(nowhere);
	vmha_eventlog_close(NULL);
	vmha_eventlog_reader_close(NULL);
}

static void a_removed_file_is_made_anew(void)
{
	const char *path = unit_path("events.jsonl");
	struct vmha_eventlog *log = log_open(path);
	struct vmha_eventlog_reader *r;

	CHECK_INT(vmha_eventlog_append(log, "one", NULL), 0);
	CHECK_INT(unlink(path), 0);
	CHECK_INT(vmha_eventlog_append(log, "two", NULL), 0);
	r = reader_open(path);
	next_is(r, "two");
	next_is(r, NULL);
	vmha_eventlog_reader_close(r);
	vmha_eventlog_close(log);
}

static void waiting_ends_when_something_is_written(void)
{
	const char *path = unit_path("log/events.jsonl");
	struct vmha_eventlog *log = log_open(path);
	struct vmha_eventlog_reader *r = reader_open(path);

	CHECK_INT(vmha_eventlog_reader_wait(r, VMHA_SPAN_S(5)), 0); /* look again first */
	next_is(r, NULL);
	CHECK_INT(vmha_eventlog_reader_wait(r, VMHA_SPAN_MS(20)), -ETIMEDOUT);
	CHECK_INT(vmha_eventlog_append(log, "one", NULL), 0);
	CHECK_INT(vmha_eventlog_reader_wait(r, VMHA_SPAN_S(5)), 0);
	next_is(r, "one");
	(void)vmha_eventlog_reader_wait(r, VMHA_SPAN_MS(20));
	CHECK_INT(vmha_eventlog_reader_wait(r, VMHA_SPAN_MS(20)), -ETIMEDOUT);
	CHECK_INT(vmha_eventlog_append(log, "two", NULL), 0);
	CHECK_INT(vmha_eventlog_reader_wait(r, VMHA_SPAN_S(5)), 0);
	next_is(r, "two");
	vmha_eventlog_reader_close(r);
	vmha_eventlog_close(log);
}

static const struct unit_test tests[] = {
	UNIT_TEST(lines_come_back_in_order),
	UNIT_TEST(a_cut_line_is_dropped_and_ended_by_the_next_writer),
	UNIT_TEST(a_large_file_is_put_aside),
	UNIT_TEST(nothing_is_lost_between_two_files),
	UNIT_TEST(a_full_disk_leaves_whole_lines),
	UNIT_TEST(what_is_wrong_is_said),
	UNIT_TEST(a_removed_file_is_made_anew),
	UNIT_TEST(waiting_ends_when_something_is_written),
};

UNIT_MAIN(tests)
