/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "lib/base/cleanup.h"
#include "lib/core/network.h"
#include "tests/unit/unit.h"

static void values_are_checked(void)
{
	static const struct {
		const char *name, *value;
		int want;
	} rows[] = {
		{ "net.10.71.2.0_24.metric", "0", -EINVAL },
		{ "net.10.71.2.0_24.metric", "1000001", -EINVAL },
		{ "net.10.71.2.0_24.metric", "fast", -EINVAL },
		{ "net.10.71.2.0_24.metric", "1000000", 0 },
		{ "net.10.71.2.0_24.role", "client", -EINVAL },
		{ "net.10.71.2.0_24.role", "cluster-and-client", 0 },
		{ "net.10.71.2.0_24.exclude", "maybe", -EINVAL },
		{ "net.10.71.2.0_24.name", "a,b", -EINVAL },
		{ "net.10.71.2.0_24.name", "", -EINVAL },
		{ "net.10.71.2.0_24.name", " x", -EINVAL },
		{ "net.10.71.2.0_24.colour", "red", -ENOENT },
		{ "net.", "red", -ENOENT },
		{ "net.metric", "1", -ENOENT },
		{ "net..metric", "1", -ENOENT },
		{ "net.A!.metric", "1", -ENOENT },
		{ "migration-slots", "1", -ENOENT },
		{ "migration-order", "10.71.2.0_24,,", -EINVAL },
		{ "migration-order", "Cluster Network 1", -EINVAL },
	};
	struct vmha_network_settings s = { 0 };
	enum vmha_network_role role;
	char name[80];
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		vmha_autoerr struct vmha_err *err = NULL;

		CHECK_INT(vmha_network_settings_take(&s, rows[i].name, rows[i].value, &err),
			  rows[i].want);
		CHECK(!err == !rows[i].want);
	}
	for (i = 0; i < VMHA_NETWORKS_MAX + 3; i++) {
		(void)snprintf(name, sizeof(name), "net.10.%zu.0.0_16.metric", i);
		CHECK_INT(vmha_network_settings_take(&s, name, "7", NULL),
			  s.count == VMHA_NETWORKS_MAX && i >= VMHA_NETWORKS_MAX - 1 ? -ENOSPC : 0);
	}
	CHECK(!vmha_network_name_valid("tab\there") && vmha_network_name_valid("Backup 10G"));
	for (i = VMHA_NETWORK_NONE; i <= VMHA_NETWORK_CLIENT; i++) {
		CHECK_INT(vmha_network_role_parse(vmha_network_role_name((enum vmha_network_role)i),
						  &role),
			  0);
		CHECK_INT(role, i);
	}
	CHECK_STR(vmha_network_state_name(VMHA_NETWORK_PARTITIONED), "partitioned");
}

static void addresses_that_make_no_network(void)
{
	static const struct vmha_iface bad[] = {
		{ .address = "127.0.0.1", .prefix = 8 },
		{ .address = "fe80::1", .prefix = 64 },
		{ .address = "10.0.0.1", .prefix = 32 },
		{ .address = "10.0.0.1", .prefix = 0 },
		{ .address = "fd00::1", .prefix = 128 },
		{ .address = "169.254.1.1", .prefix = 16 },
		{ .address = "10.0.0.1", .prefix = 200 },
		{ .address = "garbage", .prefix = 24 },
		{ .address = "", .prefix = 24 },
	};
	const struct vmha_iface good = { .address = "10.1.2.3", .prefix = 22 };
	char key[VMHA_NETWORK_KEY_SIZE];
	size_t i;

	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		CHECK_INT(vmha_network_key(&bad[i], key), -EINVAL);
	}
	CHECK_INT(vmha_network_key(&good, key), 0);
	CHECK_STR(key, "10.1.0.0_22");
}

/* A host with more subnets than are told apart: what others share with it is seen all the same. */
static void one_subnet_too_many(void)
{
	struct vmha_iface many[VMHA_NETWORKS_MAX + 2] = { 0 };
	const struct vmha_network_node node = {
		.id = 1,
		.name = "node1",
		.member = true,
		.known = true,
		.ifaces = many,
		.ifaces_count = sizeof(many) / sizeof(many[0]),
	};
	const struct vmha_network_input in = { .nodes = &node, .nodes_count = 1 };
	vmha_autonetworks struct vmha_networks nets = { 0 };
	size_t i;

	for (i = 0; i <= VMHA_NETWORKS_MAX; i++) {
		many[i].prefix = 24;
		many[i].up = i > 0;
		(void)snprintf(many[i].address, sizeof(many[i].address), "10.71.%zu.1", i);
	}
	many[i] = (struct vmha_iface){ .address = "10.71.0.2", .prefix = 24, .up = true };
	CHECK_INT(vmha_networks_derive(&in, &nets), 0);
	CHECK_INT(nets.count, VMHA_NETWORKS_MAX);
	for (i = 0; i < nets.count; i++) {
		if (strcmp(nets.items[i].subnet, "10.71.0.0/24") == 0) {
			CHECK_STR(nets.items[i].addresses[0].address, "10.71.0.2");
			break;
		}
	}
	CHECK(i < nets.count);
}

static const struct unit_test tests[] = {
	UNIT_TEST(values_are_checked),
	UNIT_TEST(addresses_that_make_no_network),
	UNIT_TEST(one_subnet_too_many),
};

UNIT_MAIN(tests)
