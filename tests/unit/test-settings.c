/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "lib/base/cleanup.h"
#include "lib/core/settings.h"
#include "tests/unit/unit.h"

/* Do they say the same? */
static bool same(const struct vmha_settings *a, const struct vmha_settings *b)
{
	struct vmha_setting_pair x;
	struct vmha_setting_pair y;
	size_t at_a = 0;
	size_t at_b = 0;

	while (vmha_settings_next(a, &at_a, &x)) {
		if (!vmha_settings_next(b, &at_b, &y) || strcmp(x.node, y.node) != 0 ||
		    strcmp(x.name, y.name) != 0 || strcmp(x.value, y.value) != 0) {
			return false;
		}
	}
	return !vmha_settings_next(b, &at_b, &y) && a->nodes_count == b->nodes_count;
}

static void every_row_is_sound(void)
{
	int i;

	for (i = 0; i < VMHA_SETTINGS_COUNT; i++) {
		enum vmha_setting_id id = (enum vmha_setting_id)i;
		enum vmha_setting_id got = VMHA_SETTINGS_COUNT;
		const struct vmha_setting *t = vmha_setting_info(id);
		struct vmha_settings s;
		char text[64];

		CHECK(vmha_setting_find(t->name, &got));
		CHECK_INT(got, id);
		CHECK_INT(t->text[strlen(t->text) - 1], '.');
		CHECK(t->type != VMHA_SETTING_NUMBER ||
		      (t->min <= t->fallback && t->fallback <= t->max));
		/* what it prints as its default it takes, with the same meaning */
		vmha_settings_default(&s);
		CHECK_STR(vmha_settings_origin(&s, id, "n1"), "default");
		CHECK_INT(vmha_settings_get(&s, id, NULL), t->fallback);
		vmha_setting_format(id, t->fallback, text, sizeof(text));
		CHECK_INT(vmha_settings_put(&s, NULL, t->name, text, NULL), 0);
		CHECK_INT(vmha_settings_get(&s, id, NULL), t->fallback);
		CHECK_STR(vmha_settings_origin(&s, id, NULL), "cluster");
	}
}

/* A value that is wrong: the text says what is right, and nothing is changed. */
static void refused(const char *node, const char *name, const char *value, int code,
		    const char *part)
{
	vmha_autoerr struct vmha_err *err = NULL;
	struct vmha_settings before;
	struct vmha_settings s;

	vmha_settings_default(&s);
	CHECK_INT(vmha_settings_put(&s, NULL, "migration-slots", "3", NULL), 0);
	memcpy(&before, &s, sizeof(s));
	CHECK_INT(vmha_settings_put(&s, node, name, value, &err), code);
	CHECK_HAS(vmha_err_text(err), part);
	CHECK(same(&before, &s));
}

static void bad_values_are_refused_with_the_range(void)
{
	char longer[600];

	memset(longer, 'x', sizeof(longer) - 1);
	longer[sizeof(longer) - 1] = '\0';
	refused(NULL, "nosuch", "1", -ENOENT, "no setting 'nosuch'");
	refused(NULL, "migration-slots", "0", -ERANGE, "it takes 1 to 16 (default: 1)");
	refused(NULL, "migration-slots", "17", -ERANGE, "1 to 16");
	refused(NULL, "migration-slots", "-1", -EINVAL, "1 to 16");
	refused(NULL, "migration-slots", "", -EINVAL, "1 to 16");
	refused(NULL, "migration-slots", "2x", -EINVAL, "1 to 16");
	refused(NULL, "migration-stall", "99999999999999999999", -ERANGE, "5 to 3600 s");
	refused(NULL, "migration-tls", "yes", -EINVAL, "on or off");
	refused(NULL, "migration-compression", "gzip", -EINVAL, "none, zlib or zstd");
	refused(NULL, "failback-window", "22:00", -EINVAL, "HH:MM-HH:MM or none");
	refused(NULL, "failback-window", "24:00-06:00", -ERANGE, "HH:MM-HH:MM");
	refused(NULL, "failback-window", "22:00-06:0x", -EINVAL, "HH:MM-HH:MM");
	refused(NULL, "failback-window", "+2:00-06:00", -EINVAL, "HH:MM-HH:MM");
	refused("n1", "migration-tls", "on", -EPERM, "whole cluster");
	refused("n1", "nosuch", "on", -ENOENT, "no setting");
	refused(longer, "migration-slots", "2", -EINVAL, "too long");
	refused(NULL, "net.10.0.0.0_24.metric", "5", -ENOENT, "use 'vmha network set'");
	refused(NULL, "migration-order", "a", -ENOENT, "'vmha network order'");
	refused(NULL, longer, "1", -ENOENT, "no setting");
}

static void a_node_may_have_its_own(void)
{
	struct vmha_settings s;
	struct vmha_settings none;

	vmha_settings_default(&none);
	vmha_settings_default(&s);
	CHECK_INT(vmha_settings_put(&s, "", "migration-slots", "2", NULL), 0);
	CHECK_INT(vmha_settings_put(&s, "n2", "migration-slots", "5", NULL), 0);
	CHECK_INT(vmha_settings_put(&s, "n1", "migration-bandwidth", "7", NULL), 0);
	CHECK_INT(vmha_settings_get(&s, VMHA_SETTING_MIGRATION_SLOTS, "n1"), 2);
	CHECK_INT(vmha_settings_get(&s, VMHA_SETTING_MIGRATION_SLOTS, "n2"), 5);
	CHECK_INT(vmha_settings_get(&s, VMHA_SETTING_MIGRATION_SLOTS, NULL), 2);
	CHECK_INT(vmha_settings_max(&s, VMHA_SETTING_MIGRATION_SLOTS), 5);
	CHECK_STR(vmha_settings_origin(&s, VMHA_SETTING_MIGRATION_SLOTS, "n2"), "node");
	CHECK_STR(vmha_settings_origin(&s, VMHA_SETTING_MIGRATION_SLOTS, "n1"), "cluster");
	CHECK_STR(s.nodes[0].name, "n1");
	CHECK_INT(vmha_settings_reset(&s, "n2", "migration-slots", NULL), 0);
	CHECK_INT(vmha_settings_reset(&s, "n1", "migration-bandwidth", NULL), 0);
	CHECK_INT(vmha_settings_reset(&s, "n9", "migration-slots", NULL), 0);
	CHECK_INT(vmha_settings_reset(&s, "n1", "migration-tls", NULL), -EPERM);
	CHECK_INT(vmha_settings_reset(&s, NULL, "nosuch", NULL), -ENOENT);
	CHECK_INT(s.nodes_count, 0);
	CHECK_INT(vmha_settings_reset(&s, NULL, "migration-slots", NULL), 0);
	CHECK(same(&s, &none));
}

static void what_a_setting_does_not_take_is_not_used(void)
{
	static const struct vmha_setting_pair pairs[] = {
		{ .name = "migration-slots", .value = "3" },
		{ .name = "migration-wait", .value = "2147484" }, /* more than it takes */
		{ .name = "migration-tls", .value = "no" },
		{ .name = "network-port", .value = "" },
		{ .name = "failback-window", .value = "01:30-05:00" },
		{ .node = "n1", .name = "migration-slots", .value = "0" },
		{ .node = "n2", .name = "migration-slots", .value = "16" },
		{ .node = "n2", .name = "migration-wait", .value = "20" }, /* not for one node */
	};
	const size_t count = sizeof(pairs) / sizeof(pairs[0]);
#define NUMBER(id, node) vmha_setting_number(pairs, count, VMHA_SETTING_##id, node)

	CHECK_INT(NUMBER(MIGRATION_SLOTS, NULL), 3);
	CHECK_INT(NUMBER(MIGRATION_SLOTS, ""), 3);
	CHECK_INT(NUMBER(MIGRATION_SLOTS, "n1"), 3);
	CHECK_INT(NUMBER(MIGRATION_SLOTS, "n2"), 16);
	CHECK_INT(NUMBER(MIGRATION_WAIT, NULL), 10);
	CHECK_INT(NUMBER(MIGRATION_WAIT, "n2"), 10);
	CHECK_INT(NUMBER(MIGRATION_TLS, NULL), 1);
	CHECK_INT(NUMBER(NETWORK_PORT, NULL), 5409);
	CHECK_INT(NUMBER(FAILBACK_WINDOW, NULL), 90 * VMHA_DAY_MINUTES + 300);
	CHECK_INT(NUMBER(SHUTDOWN_DRAIN, "n1"), 600); /* not set */
#undef NUMBER
}

static void what_is_walked_over_can_be_set_again(void)
{
	static const char *const all[][3] = {
		{ "", "failback-window", "22:00-06:30" },
		{ "n1", "migration-slots", "3" },
	};
	const size_t count = sizeof(all) / sizeof(all[0]);
	struct vmha_setting_pair pair;
	struct vmha_settings again;
	struct vmha_settings s;
	size_t cursor = 0;
	size_t seen = 0;
	size_t i;

	vmha_settings_default(&s);
	vmha_settings_default(&again);
	for (i = 0; i < count; i++) {
		CHECK_INT(vmha_settings_put(&s, all[i][0], all[i][1], all[i][2], NULL), 0);
	}
	while (vmha_settings_next(&s, &cursor, &pair)) {
		for (i = 0; i < count && (strcmp(all[i][0], pair.node) != 0 ||
					  strcmp(all[i][1], pair.name) != 0);
		     i++) {
		}
		CHECK(i < count);
		CHECK_STR(pair.value, all[i][2]);
		CHECK_INT(vmha_settings_put(&again, pair.node, pair.name, pair.value, NULL), 0);
		seen++;
	}
	CHECK_INT(seen, count);
	CHECK(!vmha_settings_next(&s, &cursor, &pair));
	CHECK(same(&s, &again));
}

static void the_store_is_bounded(void)
{
	struct vmha_settings s;
	char name[64];
	int i;

	vmha_settings_default(&s);
	for (i = 0; i < VMHA_SETTINGS_NODES_MAX; i++) {
		(void)snprintf(name, sizeof(name), "n%d", i);
		CHECK_INT(vmha_settings_put(&s, name, "migration-slots", "2", NULL), 0);
	}
	CHECK_INT(vmha_settings_put(&s, "more", "migration-slots", "2", NULL), -ENOSPC);
	CHECK_INT(vmha_settings_put(&s, "n5", "migration-slots", "3", NULL), 0);
}

static void properties_of_networks_are_known_apart(void)
{
	CHECK(vmha_setting_is_network("net.10.0.0.0_24.metric"));
	CHECK(vmha_setting_is_network("migration-order"));
	CHECK(!vmha_setting_is_network("network-probe"));
	CHECK(!vmha_setting_is_network("nosuch"));
}

static void ranges_are_told(void)
{
	char range[64];

	vmha_setting_range(VMHA_SETTING_MIGRATION_BANDWIDTH, range, sizeof(range));
	CHECK_STR(range, "0 to 100000 MiB/s");
	vmha_setting_range(VMHA_SETTING_MIGRATION_COMPRESSION, range, sizeof(range));
	CHECK_STR(range, "none, zlib or zstd");
	vmha_setting_range(VMHA_SETTING_MIGRATION_COMPRESSION, range, 8);
	CHECK_STR(range, "none, z");
}

static const struct unit_test tests[] = {
	UNIT_TEST(every_row_is_sound),	    UNIT_TEST(bad_values_are_refused_with_the_range),
	UNIT_TEST(a_node_may_have_its_own), UNIT_TEST(what_is_walked_over_can_be_set_again),
	UNIT_TEST(the_store_is_bounded),    UNIT_TEST(properties_of_networks_are_known_apart),
	UNIT_TEST(ranges_are_told),	    UNIT_TEST(what_a_setting_does_not_take_is_not_used),
};

UNIT_MAIN(tests)
