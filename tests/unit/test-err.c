/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <string.h>

#include "lib/base/cleanup.h"
#include "lib/base/err.h"
#include "tests/unit/unit.h"

static void set_returns_code_and_keeps_text(void)
{
	vmha_autoerr struct vmha_err *e = NULL;

	CHECK_INT(vmha_err_set(&e, -EINVAL, "node %s has %d", "n1", 7), -EINVAL);
	CHECK_INT(e->code, -EINVAL);
	CHECK_STR(vmha_err_text(e), "node n1 has 7");
}

static void set_replaces_an_older_error(void)
{
	vmha_autoerr struct vmha_err *e = NULL;

	(void)vmha_err_set(&e, -EINVAL, "first");
	/* the old text may be part of the new one */
	CHECK_INT(vmha_err_set(&e, -EIO, "second after %s", vmha_err_text(e)), -EIO);
	CHECK_STR(vmha_err_text(e), "second after first");
	CHECK_INT(e->code, -EIO);
}

static void nobody_wants_the_text(void)
{
	CHECK_INT(vmha_err_set(NULL, -EIO, "x"), -EIO);
	CHECK_INT(vmha_err_errno(NULL, -EIO, "x"), -EIO);
	vmha_err_prefix(NULL, "x");
}

static void errno_adds_the_system_text(void)
{
	vmha_autoerr struct vmha_err *e = NULL;

	CHECK_INT(vmha_err_errno(&e, -ENOENT, "cannot open %s", "/x"), -ENOENT);
	CHECK_STR(vmha_err_text(e), "cannot open /x: No such file or directory");
}

static void prefix_chains_in_front(void)
{
	vmha_autoerr struct vmha_err *e = NULL;

	vmha_err_prefix(&e, "nothing there");
	CHECK(!e);
	(void)vmha_err_set(&e, -EBUSY, "lease held by node2");
	vmha_err_prefix(&e, "start of %s", "web1");
	CHECK_INT(e->code, -EBUSY);
	CHECK_STR(vmha_err_text(e), "start of web1: lease held by node2");
}

static void text_is_one_line(void)
{
	vmha_autoerr struct vmha_err *e = NULL;

	(void)vmha_err_set(&e, -EIO, "tool said:\n  bad\r\nworse\n");
	CHECK_STR(vmha_err_text(e), "tool said: bad worse");
	(void)vmha_err_set(&e, -EIO, "\n");
	CHECK_STR(vmha_err_text(e), "");
}

static void text_of_no_error(void)
{
	CHECK(vmha_err_text(NULL) != NULL);
	vmha_err_free(NULL);
}

static const struct unit_test tests[] = {
	UNIT_TEST(set_returns_code_and_keeps_text),
	UNIT_TEST(set_replaces_an_older_error),
	UNIT_TEST(nobody_wants_the_text),
	UNIT_TEST(errno_adds_the_system_text),
	UNIT_TEST(prefix_chains_in_front),
	UNIT_TEST(text_is_one_line),
	UNIT_TEST(text_of_no_error),
};

UNIT_MAIN(tests)
