/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/cleanup.h"
#include "lib/base/conf.h"
#include "tests/unit/unit.h"

#define L VMHA_CONF_LIBVIRT
#define P VMHA_CONF_PLAIN
#define S VMHA_CONF_SHELL

struct set_row {
	const char *what;
	enum vmha_conf_style style;
	const char *text, *key, *value;
	const char *want;
};

static const struct set_row set_rows[] = {
	{ "empty text", L, "", "a", "1", "a = 1\n" },
	{ "no newline at the end", L, "b = 2", "a", "1", "b = 2\na = 1\n" },
	{ "change a number", L, "a=0\nb=1\n", "a", "1", "a=1\nb=1\n" },
	{ "same number, untouched spacing", L, "  a   =   1   # why\n", "a", "1",
	  "  a   =   1   # why\n" },
	{ "comment behind the value stays", L, "a = 0 # why\n", "a", "1", "a = 1 # why\n" },
	{ "number to text", L, "a = 0\n", "a", "\"x\"", "a = \"x\"\n" },
	{ "hash in quotes is no comment", L, "a = \"x#y\" # c\n", "a", "\"z\"", "a = \"z\" # c\n" },
	{ "kind of quote does not matter", L, "a = 'x'\n", "a", "\"x\"", "a = 'x'\n" },
	{ "blanks in quotes matter", L, "a = 'x y'\n", "a", "\"xy\"", "a = \"xy\"\n" },
	{ "longer key is another key", L, "ab = 1\n", "a", "2", "ab = 1\na = 2\n" },
	{ "shorter key is another key", L, "a = 1\n", "ab", "2", "a = 1\nab = 2\n" },
	{ "behind its commented default", L, "#a = 0\n\n#b = 1\n", "a", "1",
	  "#a = 0\na = 1\n\n#b = 1\n" },
	{ "behind the last of two mentions", L, "# a = 5\n#a=0\nc = 1\n", "a", "1",
	  "# a = 5\n#a=0\na = 1\nc = 1\n" },
	{ "prose that names the key is no default", L, "# a is good\nc = 1\n", "a", "1",
	  "# a is good\nc = 1\na = 1\n" },
	{ "commented list over lines is not split", L, "#a = [ \"x\",\n#  \"y\" ]\nc = 1\n", "a",
	  "[ ]", "#a = [ \"x\",\n#  \"y\" ]\na = [ ]\nc = 1\n" },
	{ "list over lines is replaced whole", L, "a = [\n \"x\", # one\n \"y\"\n]\nb = 1\n", "a",
	  "[ \"z\" ]", "a = [ \"z\" ]\nb = 1\n" },
	{ "bracket in a list's text", L, "a = [ \"]\", 'x' ]\nb = 1\n", "a", "[ ]",
	  "a = [ ]\nb = 1\n" },
	{ "same list in other layout", L, "a = [\n \"x\", # one\n 'y'\n]\n", "a", "[\"x\", \"y\"]",
	  "a = [\n \"x\", # one\n 'y'\n]\n" },
	{ "quote over lines in a list", L, "b = [ \"\n\" ]\n", "a", "1", NULL },
	{ "three quotes over lines", L, "b = \"\"\"x\na = 7\n\"\"\"\n", "a", "1",
	  "b = \"\"\"x\na = 7\n\"\"\"\na = 1\n" },
	{ "mention inside three quotes", L, "b = \"\"\"x\n#a = 7\n\"\"\"\n", "a", "1",
	  "b = \"\"\"x\n#a = 7\n\"\"\"\na = 1\n" },
	{ "later ones become comments", L, "a = 1\nb = 2\na = 3\n", "a", "1",
	  "a = 1\nb = 2\n#a = 3\n" },
	{ "a later list becomes comments whole", L, "a = 1\na = [ 'x',\n 'y' ]\nc = 1\n", "a", "2",
	  "a = 2\n#a = [ 'x',\n# 'y' ]\nc = 1\n" },
	{ "CRLF stays CRLF", L, "b = 2\r\na = 0\r\n", "a", "1", "b = 2\r\na = 1\r\n" },
	{ "CRLF for a new one", L, "b = 2\r\n", "a", "1", "b = 2\r\na = 1\r\n" },
	{ "last line without newline", L, "b = 2\na = 0", "a", "1", "b = 2\na = 1" },
	{ "empty value", L, "a =\nb = 1\n", "a", "1", "a =1\nb = 1\n" },
	{ "string not closed", L, "b = 1\nb = \"x\n", "a", "1", NULL },
	{ "list not closed", L, "b = [ 1,\n", "a", "1", NULL },
	{ "plain text to the end of the line", P, "our_host_name = x # y\n", "our_host_name", "n1",
	  "our_host_name = n1\n" },
	{ "plain, quotes are text", P, "a = \"x\n", "a", "y", "a = y\n" },
	{ "taken back", L, "a = 1\nb = 2\na = [ 'x',\n 'y' ]\n", "a", NULL,
	  "#a = 1\nb = 2\n#a = [ 'x',\n# 'y' ]\n" },
	{ "taken back, was not there", L, "#a = 1\nb = 2\n", "a", NULL, "#a = 1\nb = 2\n" },
	{ "shell", S, "#URIS=default\nA=1\n", "URIS", "\"x y\"",
	  "#URIS=default\nURIS=\"x y\"\nA=1\n" },
	{ "shell, spaces are no assignment", S, "A = 1\n", "A", "2", "A = 1\nA=2\n" },
	{ "shell, empty", S, "A=\"\"\n", "A", "\"\"", "A=\"\"\n" },
};

static void set_table(void)
{
	size_t i;

	for (i = 0; i < sizeof(set_rows) / sizeof(set_rows[0]); i++) {
		const struct set_row *row = &set_rows[i];
		vmha_autoerr struct vmha_err *err = NULL;
		vmha_autofree char *got = NULL;
		vmha_autofree char *again = NULL;
		int r = vmha_conf_set(row->text, row->style, row->key, row->value, &got, &err);

		unit_check_int(r, row->want ? 0 : -EBADMSG, row->what, __FILE__, __LINE__);
		unit_check_str(got, row->want, row->what, __FILE__, __LINE__);
		if (row->want) {
			CHECK_INT(
				vmha_conf_set(got, row->style, row->key, row->value, &again, NULL),
				0);
			unit_check_str(again, got, row->what, __FILE__, __LINE__);
		}
	}
}

static void set_refuses(void)
{
	static const char *const bad[] = { "none", "\"x",      "\"a\"b\"", "[ 1",     "",
					   " 1",   "\"a\nb\"", "1 # x",	   "\"x\" 1", "[1] 2" };
	size_t i;

	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		vmha_autofree char *got = NULL;

		unit_check_int(vmha_conf_set("", L, "a", bad[i], &got, NULL), -EINVAL, bad[i],
			       __FILE__, __LINE__);
		CHECK(!got);
	}
	CHECK_INT(vmha_conf_set("", L, "a b", "1", NULL, NULL), -EINVAL);
	CHECK_INT(vmha_conf_set("", L, "", "1", NULL, NULL), -EINVAL);
	CHECK_INT(vmha_conf_set("", P, "a", "x\ny", NULL, NULL), -EINVAL);
}

static void error_names_line(void)
{
	vmha_autoerr struct vmha_err *err = NULL;
	char *got = NULL;

	CHECK_INT(vmha_conf_set("x = 1\n\ny = 'a\n", L, "z", "1", &got, &err), -EBADMSG);
	CHECK_STR(vmha_err_text(err), "line 3: the value of y is not closed");
}

static void get_first_or_last(void)
{
	vmha_autofree char *first = NULL;
	vmha_autofree char *last = NULL;
	vmha_autofree char *list = NULL;
	char *none = NULL;

	CHECK_INT(vmha_conf_get("a = 1\na = 2\n", L, "a", &first, NULL), 0);
	CHECK_STR(first, "1");
	CHECK_INT(vmha_conf_get("a = 1\na = 2 \n", P, "a", &last, NULL), 0);
	CHECK_STR(last, "2");
	CHECK_INT(vmha_conf_get("a = [ 'x',\n 'y' ] # z\n", L, "a", &list, NULL), 0);
	CHECK_STR(list, "[ 'x',\n 'y' ]");
	CHECK_INT(vmha_conf_get("#a = 1\n", L, "a", &none, NULL), -ENOENT);
	CHECK(!none);
}

static void quotes(void)
{
	static const char *const rows[][2] = { { "\"x\"", "x" },	 { "'x y'", "x y" },
					       { "\"\"\"x\"\"\"", "x" }, { "12", "12" },
					       { "\"", "\"" },		 { "", "" } };
	vmha_autofree char *quoted = vmha_conf_quote("x");
	size_t i;

	CHECK_STR(quoted, "\"x\"");
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		vmha_autofree char *got = vmha_conf_unquote(rows[i][0]);

		CHECK_STR(got, rows[i][1]);
	}
}

static void same(void)
{
	CHECK(vmha_conf_same("\"x\"", "'x'"));
	CHECK(vmha_conf_same("[ 'a',  'b' ]", "[\"a\",\"b\"]"));
	CHECK(vmha_conf_same("12", " 12 "));
	CHECK(!vmha_conf_same("\"x y\"", "\"xy\""));
	CHECK(!vmha_conf_same("1", "2"));
}

static const struct unit_test tests[] = {
	UNIT_TEST(same),
	UNIT_TEST(set_table),
	UNIT_TEST(set_refuses),
	UNIT_TEST(error_names_line),
	UNIT_TEST(get_first_or_last),
	UNIT_TEST(quotes),
};
UNIT_MAIN(tests)
