/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "lib/base/cleanup.h"
#include "lib/role/precheck.h"
#include "tests/unit/unit.h"

#define MIB (1024ULL * 1024)

static void units_of_memory(void)
{
	CHECK_INT(vmha_precheck_bytes("4", "GiB"), 4096 * MIB);
	CHECK_INT(vmha_precheck_bytes("131072", NULL), 128 * MIB);
	CHECK_INT(vmha_precheck_bytes("2", "MB"), 2000000);
	CHECK_INT(vmha_precheck_bytes("7", "bytes"), 7);
	CHECK_INT(vmha_precheck_bytes("7", "furlongs"), 0);
	CHECK_INT(vmha_precheck_bytes("-7", "MiB"), 0);
	CHECK_INT(vmha_precheck_bytes("99999999999999999999", "TiB"), 0);
}

static void memory_and_a_margin(void)
{
	static const char meminfo[] = "MemTotal: 8000000 kB\nMemAvailable:    1048576 kB\n";
	vmha_autofree char *much = vmha_precheck_memory(meminfo, 1024 * MIB, "node2", "web1");
	vmha_autofree char *little = vmha_precheck_memory(meminfo, 512 * MIB, "node2", "web1");
	vmha_autofree char *unknown = vmha_precheck_memory("", 1, "node2", "web1");

	CHECK_STR(much, "node2 has 1024 MiB of memory free, web1 needs 1024 MiB and a margin");
	CHECK(!little);
	CHECK_STR(unknown, "node2 does not say how much memory is free");
}

static const struct unit_test tests[] = {
	UNIT_TEST(units_of_memory),
	UNIT_TEST(memory_and_a_margin),
};
UNIT_MAIN(tests)
