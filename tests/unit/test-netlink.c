/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <string.h>

#include "lib/base/addr.h"
#include "lib/base/cleanup.h"
#include "lib/port/netlink.h"
#include "tests/unit/unit.h"

/* Whatever this machine has: what is said keeps the contract.  Events: tests/daemon/networks.sh */
static void addresses_keep_the_contract(void)
{
	static struct vmha_iface list[VMHA_IFACES_MAX];
	vmha_autoerr struct vmha_err *err = NULL;
	struct vmha_netlink *n = NULL;
	struct vmha_addr a;
	size_t count = 0;
	size_t i;

	CHECK_INT(vmha_netlink_open(&n, &err), 0);
	CHECK(vmha_netlink_fd(n) >= 0);
	CHECK_INT(vmha_netlink_read(n, list, &count, &err), 0);
	CHECK(count <= VMHA_IFACES_MAX);
	for (i = 0; i < count; i++) {
		CHECK_INT(vmha_addr_parse(list[i].address, &a), 0);
		CHECK(vmha_addr_is_global(&a));
		CHECK(list[i].prefix <= vmha_addr_bits(&a));
		CHECK(*list[i].ifname && strcmp(list[i].ifname, "lo") != 0 && !list[i].cluster);
	}
	CHECK(vmha_netlink_changed(n) >= 0);
	vmha_netlink_close(n);
	vmha_netlink_close(NULL);
}

static const struct unit_test tests[] = {
	UNIT_TEST(addresses_keep_the_contract),
};

UNIT_MAIN(tests)
