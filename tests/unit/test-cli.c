/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/output.h"
#include "lib/base/cleanup.h"
#include "lib/base/file.h"
#include "tests/unit/unit.h"

bool vmha_output_is_json(void)
{
	return false;
}

static const char *xml;
static bool disks;
static const struct vmha_option opts[] = { { .name = "xml", .value = &xml },
					   { .name = "disks", .flag = &disks },
					   { 0 } };

/* Up to seven words behind the command's own; NULL ends them. */
static int take(const char *const words[], char **argv, int *argc, struct vmha_err **err)
{
	static char copies[8][64];

	xml = NULL;
	disks = false;
	*argc = 0;
	for (; words[*argc]; (*argc)++) {
		(void)snprintf(copies[*argc], sizeof(copies[0]), "%s", words[*argc]);
		argv[*argc] = copies[*argc];
	}
	argv[*argc] = NULL;
	return vmha_options_take(argc, argv, opts, err);
}

#define TAKE(...) take((const char *const[]){ "add", __VA_ARGS__, NULL }, argv, &argc, &err)

static void options_stand_anywhere(void)
{
	vmha_autoerr struct vmha_err *err = NULL;
	char *argv[9];
	int argc = 0;

	CHECK_INT(TAKE("--xml", "f", "web1", "--disks"), 0);
	CHECK_INT(argc, 2);
	CHECK_STR(argv[1], "web1");
	CHECK_STR(argv[2], NULL);
	CHECK_STR(xml, "f");
	CHECK(disks);
	CHECK_INT(TAKE("web1", "--xml=a=b"), 0);
	CHECK_STR(xml, "a=b");
	CHECK_INT(TAKE("web1", "--xml="), 0);
	CHECK_STR(xml, "");
}

static void two_dashes_end_the_options(void)
{
	vmha_autoerr struct vmha_err *err = NULL;
	char *argv[9];
	int argc = 0;

	CHECK_INT(TAKE("--", "--disks", "-"), 0);
	CHECK_INT(argc, 3);
	CHECK_STR(argv[1], "--disks");
	CHECK(!disks);
}

static void wrong_options_are_named(void)
{
	vmha_autoerr struct vmha_err *err = NULL;
	char *argv[9];
	int argc = 0;

	CHECK_INT(TAKE("--xm", "f"), VMHA_EXIT_USAGE);
	CHECK_HAS(vmha_err_text(err), "unknown option --xm");
	CHECK_INT(TAKE("--xmlx=f"), VMHA_EXIT_USAGE);
	CHECK_HAS(vmha_err_text(err), "unknown option --xmlx");
	CHECK_INT(TAKE("--xml"), VMHA_EXIT_USAGE);
	CHECK_HAS(vmha_err_text(err), "--xml needs a value");
	CHECK_INT(TAKE("--disks=yes"), VMHA_EXIT_USAGE);
	CHECK_HAS(vmha_err_text(err), "--disks takes no value");
	CHECK_INT(TAKE("-x"), VMHA_EXIT_USAGE);
	CHECK_HAS(vmha_err_text(err), "unknown option -x");
}

static void a_table_is_as_wide_as_its_words(void)
{
	static const struct vmha_column columns[] = {
		{ "NAME", "name" }, { "DEEP", "a.b" }, { "LIST", "list" }, { "YES", "yes" }, { 0 }
	};
	json_t *list = json_pack("[{s:s, s:{s:i}, s:[s,s], s:b}, {s:s, s:n}]", "name", "w\303\244b",
				 "a", "b", 7, "list", "x", "y", "yes", 1, "name", "longer", "list");
	vmha_autofree char *text = NULL;
	FILE *f = fopen(unit_path("table"), "w");

	CHECK(list && f);
	CHECK_INT(vmha_output_table(f, list, columns, "  "), 0);
	CHECK_INT(fclose(f), 0);
	json_decref(list);
	CHECK_INT(vmha_file_read(unit_path("table"), 4096, &text, NULL, NULL), 0);
	CHECK_STR(text, "  NAME    DEEP  LIST  YES\n"
			"  w\303\244b     7     x, y  yes\n"
			"  longer  -     -     -\n");
}

static const struct unit_test tests[] = {
	UNIT_TEST(options_stand_anywhere),
	UNIT_TEST(two_dashes_end_the_options),
	UNIT_TEST(wrong_options_are_named),
	UNIT_TEST(a_table_is_as_wide_as_its_words),
};

UNIT_MAIN(tests)
