/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/cleanup.h"
#include "lib/base/file.h"
#include "lib/base/log.h"
#include "tests/unit/unit.h"

/* @return what @say wrote to standard error */
static char *captured(void (*say)(void))
{
	const char *path = unit_path("log");
	int saved = dup(STDERR_FILENO);
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	char *text = NULL;

	CHECK(saved >= 0 && fd >= 0);
	CHECK(dup2(fd, STDERR_FILENO) >= 0);
	say();
	CHECK(dup2(saved, STDERR_FILENO) >= 0);
	(void)close(saved);
	(void)close(fd);
	CHECK_INT(vmha_file_read(path, 65536, &text, NULL, NULL), 0);
	return text;
}

static void say_levels(void)
{
	vmha_log(VMHA_LOG_ERROR, "vm=%s no lease", "web1");
	vmha_log(VMHA_LOG_WARNING, "b");
	vmha_log(VMHA_LOG_INFO, "c");
	vmha_log(VMHA_LOG_DEBUG, "d");
}

static void levels(void)
{
	vmha_autofree char *text = NULL;
	vmha_autofree char *debug = NULL;

	(void)unsetenv("VMHA_DEBUG");
	text = captured(say_levels);
	CHECK_STR(text, "vmha error: vm=web1 no lease\nvmha warning: b\nvmha info: c\n");
	(void)setenv("VMHA_DEBUG", "1", 1);
	debug = captured(say_levels);
	CHECK_HAS(debug, "vmha debug: d\n");
}

static void say_lines(void)
{
	vmha_log(VMHA_LOG_INFO, "two\nlines\n");
}

static void one_event_is_one_line(void)
{
	vmha_autofree char *text = captured(say_lines);

	CHECK_STR(text, "vmha info: two lines\n");
}

static void say_much(void)
{
	vmha_log(VMHA_LOG_INFO, "%05000d", 1);
}

static void long_line_is_cut_and_ended(void)
{
	vmha_autofree char *text = captured(say_much);
	size_t len = strlen(text);

	CHECK(len > 1000 && len < 5000);
	CHECK(text[len - 1] == '\n');
}

static const struct unit_test tests[] = {
	UNIT_TEST(levels),
	UNIT_TEST(one_event_is_one_line),
	UNIT_TEST(long_line_is_cut_and_ended),
};

UNIT_MAIN(tests)
