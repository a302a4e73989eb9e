/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <string.h>

#include "lib/base/cleanup.h"
#include "lib/base/str.h"
#include "tests/unit/unit.h"

static void add_grows(void)
{
	vmha_autostr struct vmha_str s = { 0 };
	int i;

	for (i = 0; i < 1000; i++) {
		CHECK_INT(vmha_str_add(&s, "%03d,", i), 0);
	}
	CHECK_INT(s.len, 4000);
	CHECK_INT(strlen(s.text), 4000);
	CHECK(vmha_str_starts(s.text, "000,001,002,"));
	CHECK_STR(s.text + 3996, "999,");
}

static void add_bytes_takes_nul(void)
{
	vmha_autostr struct vmha_str s = { 0 };

	CHECK_INT(vmha_str_add_bytes(&s, NULL, 0), 0);
	CHECK_STR(s.text, "");
	CHECK_INT(vmha_str_add_bytes(&s, "a\0b", 3), 0);
	CHECK_INT(s.len, 3);
	CHECK(memcmp(s.text, "a\0b", 4) == 0);
}

static void steal_empties(void)
{
	vmha_autostr struct vmha_str s = { 0 };
	vmha_autofree char *empty = vmha_str_steal(&s);
	vmha_autofree char *text = NULL;

	CHECK_STR(empty, "");
	(void)vmha_str_add(&s, "x");
	text = vmha_str_steal(&s);
	CHECK_STR(text, "x");
	CHECK(!s.text && !s.len && !s.size);
}

static void failure_sticks(void)
{
	struct vmha_str s = { 0 };

	(void)vmha_str_add(&s, "begun");
	s.failed = true;
	CHECK_INT(vmha_str_add(&s, "x"), -ENOMEM);
	CHECK(vmha_str_steal(&s) == NULL);
	CHECK(!s.text && !s.failed);
	vmha_str_free(&s);
}

static void printf_formats(void)
{
	vmha_autofree char *text = vmha_str_printf("%s-%d", "a", 5);

	CHECK_STR(text, "a-5");
}

static void eq_knows_null(void)
{
	CHECK(vmha_str_eq("a", "a"));
	CHECK(!vmha_str_eq("a", "b"));
	CHECK(!vmha_str_eq("a", NULL));
	CHECK(!vmha_str_eq(NULL, "a"));
	CHECK(vmha_str_eq(NULL, NULL));
}

static void starts(void)
{
	CHECK(vmha_str_starts("abc", "ab"));
	CHECK(vmha_str_starts("abc", ""));
	CHECK(!vmha_str_starts("ab", "abc"));
}

static void ends(void)
{
	CHECK(vmha_str_ends("abc", "bc"));
	CHECK(vmha_str_ends("abc", "abc"));
	CHECK(vmha_str_ends("abc", ""));
	CHECK(vmha_str_ends("", ""));
	CHECK(!vmha_str_ends("bc", "abc"));
	CHECK(!vmha_str_ends("abcd", "bc"));
}

static void u64_is_strict(void)
{
	uint64_t v = 77;

	CHECK_INT(vmha_str_u64("0", 0, UINT64_MAX, &v), 0);
	CHECK_INT(v, 0);
	CHECK_INT(vmha_str_u64("18446744073709551615", 0, UINT64_MAX, &v), 0);
	CHECK(v == UINT64_MAX);
	v = 77;
	CHECK_INT(vmha_str_u64("18446744073709551616", 0, UINT64_MAX, &v), -ERANGE);
	CHECK_INT(vmha_str_u64("4", 5, 6, &v), -ERANGE);
	CHECK_INT(vmha_str_u64("7", 5, 6, &v), -ERANGE);
	CHECK_INT(vmha_str_u64("", 0, 9, &v), -EINVAL);
	CHECK_INT(vmha_str_u64(NULL, 0, 9, &v), -EINVAL);
	CHECK_INT(vmha_str_u64(" 1", 0, 9, &v), -EINVAL);
	CHECK_INT(vmha_str_u64("1 ", 0, 9, &v), -EINVAL);
	CHECK_INT(vmha_str_u64("-1", 0, 9, &v), -EINVAL);
	CHECK_INT(vmha_str_u64("+1", 0, 9, &v), -EINVAL);
	CHECK_INT(vmha_str_u64("0x1", 0, 9, &v), -EINVAL);
	CHECK_INT(v, 77);
}

static void is_name(void)
{
	CHECK(vmha_str_is_name("web1"));
	CHECK(vmha_str_is_name("A.b_c-9"));
	CHECK(vmha_str_is_name("12345678901234567890123456789012345678901234567"));
	CHECK(!vmha_str_is_name("123456789012345678901234567890123456789012345678"));
	CHECK(!vmha_str_is_name(""));
	CHECK(!vmha_str_is_name(NULL));
	CHECK(!vmha_str_is_name("."));
	CHECK(!vmha_str_is_name(".."));
	CHECK(!vmha_str_is_name(".vmha"));
	CHECK(!vmha_str_is_name("-x"));
	CHECK(!vmha_str_is_name("a/b"));
	CHECK(!vmha_str_is_name("a b"));
	CHECK(!vmha_str_is_name("a\n"));
	CHECK(!vmha_str_is_name("caf\xc3\xa9"));
	CHECK(!vmha_str_is_name("caf\xe9"));
}

static const struct unit_test tests[] = {
	UNIT_TEST(add_grows),	   UNIT_TEST(add_bytes_takes_nul),
	UNIT_TEST(steal_empties),  UNIT_TEST(failure_sticks),
	UNIT_TEST(printf_formats), UNIT_TEST(eq_knows_null),
	UNIT_TEST(starts),	   UNIT_TEST(ends),
	UNIT_TEST(u64_is_strict),  UNIT_TEST(is_name),
};

UNIT_MAIN(tests)
