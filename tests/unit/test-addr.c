/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <string.h>

#include "lib/base/addr.h"
#include "tests/unit/unit.h"

static struct vmha_addr addr(const char *text)
{
	struct vmha_addr a;

	CHECK_INT(vmha_addr_parse(text, &a), 0);
	return a;
}

static void text_comes_back(void)
{
	static const char *const texts[] = { "10.0.2.1", "255.255.255.255", "fd00:71::1", "::1" };
	char text[VMHA_ADDR_TEXT_SIZE];
	struct vmha_addr none = { 0 };
	size_t i;

	for (i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct vmha_addr a = addr(texts[i]);

		vmha_addr_text(&a, text);
		CHECK_STR(text, texts[i]);
	}
	vmha_addr_text(&none, text);
	CHECK_STR(text, "");
	CHECK_INT(vmha_addr_bits(&none), 0);
}

static void only_numbers_are_taken(void)
{
	static const char *const bad[] = {
		"", "node1", "10.0.2", "10.0.2.1/24", "fe80::1%eth0", "10.0.2.256"
	};
	struct vmha_addr a = { .family = 9 };
	size_t i;

	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		CHECK_INT(vmha_addr_parse(bad[i], &a), -EINVAL);
	}
	CHECK_INT(a.family, 9);
}

static void mask_keeps_the_first_bits(void)
{
	static const struct {
		const char *text;
		unsigned int prefix;
		const char *want;
	} rows[] = {
		{ "10.71.2.13", 24, "10.71.2.0" },
		{ "10.71.2.13", 32, "10.71.2.13" },
		{ "10.71.2.13", 30, "10.71.2.12" },
		{ "10.71.2.13", 0, "0.0.0.0" },
		{ "10.71.130.13", 17, "10.71.128.0" },
		{ "fd00:1:2:3:4::5", 64, "fd00:1:2:3::" },
		{ "fd00:1:2:3::5", 200, "fd00:1:2:3::5" },
	};
	char text[VMHA_ADDR_TEXT_SIZE];
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct vmha_addr a = addr(rows[i].text);
		struct vmha_addr m = vmha_addr_mask(&a, rows[i].prefix);

		vmha_addr_text(&m, text);
		CHECK_STR(text, rows[i].want);
		CHECK_INT(m.family, a.family);
	}
}

static void v4_comes_before_v6(void)
{
	static const char *const sorted[] = { "10.0.0.1", "10.0.0.2", "192.168.0.1", "fd00::1",
					      "fd00::2" };
	size_t i;
	size_t j;

	for (i = 0; i < 5; i++) {
		for (j = 0; j < 5; j++) {
			struct vmha_addr a = addr(sorted[i]);
			struct vmha_addr b = addr(sorted[j]);
			const int r = vmha_addr_compare(&a, &b);

			CHECK_INT(r < 0, i < j);
			CHECK_INT(r == 0, i == j);
		}
	}
	CHECK_INT(vmha_addr_bits(&(struct vmha_addr){ .family = 4 }), 32);
	CHECK_INT(vmha_addr_bits(&(struct vmha_addr){ .family = 6 }), 128);
}

static void global_is_what_others_can_call(void)
{
	static const char *const good[] = { "10.0.0.1", "192.168.1.1", "8.8.8.8", "fd00::1",
					    "2001:db8::1" };
	static const char *const bad[] = { "0.0.0.0",	"127.0.0.1", "169.254.3.4",
					   "224.0.0.1", "240.0.0.1", "255.255.255.255",
					   "::",	"::1",	     "fe80::1",
					   "ff02::1",	"febf::1",   "::ffff:10.0.0.1" };
	size_t i;

	for (i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		struct vmha_addr a = addr(good[i]);

		CHECK(vmha_addr_is_global(&a));
	}
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct vmha_addr a = addr(bad[i]);

		CHECK(!vmha_addr_is_global(&a));
	}
	CHECK(!vmha_addr_is_global(&(struct vmha_addr){ 0 }));
}

static const struct unit_test tests[] = {
	UNIT_TEST(text_comes_back),
	UNIT_TEST(only_numbers_are_taken),
	UNIT_TEST(mask_keeps_the_first_bits),
	UNIT_TEST(v4_comes_before_v6),
	UNIT_TEST(global_is_what_others_can_call),
};

UNIT_MAIN(tests)
