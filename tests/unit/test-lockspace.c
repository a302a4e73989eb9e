/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/cleanup.h"
#include "lib/core/lockspace.h"
#include "tests/unit/unit.h"

/* As `sanlock direct init -s vol1:0:FILE:0` (3.8.5) writes it. */
static unsigned char *lockspace(size_t sector, const char *name)
{
	unsigned char *p = calloc(2000, sector);
	size_t i;

	CHECK(p != NULL);
	for (i = 0; i < 2000; i++) {
		unsigned char *r = p + i * sector;
		const unsigned char magic[] = { 0x10, 0x20, 0x21, 0x12, 0x04, 0x00, 0x03, 0x00 };

		memcpy(r, magic, sizeof(magic));
		r[12] = (unsigned char)(sector & 0xff);
		r[13] = (unsigned char)(sector >> 8);
		(void)snprintf((char *)r + 56, 48, "%s", name);
	}
	return p;
}

static void host_set(unsigned char *p, size_t sector, unsigned int id, unsigned char timestamp)
{
	unsigned char *r = p + (id - 1) * sector;

	r[32] = (unsigned char)(id & 0xff);
	r[33] = (unsigned char)(id >> 8);
	r[152] = timestamp;
	r[174] = (unsigned char)(id & 0x1f); /* its io_timeout */
}

static void judged(unsigned char *before, unsigned char *after, size_t sector,
		   enum vmha_lockspace_life want, uint64_t want_id, unsigned int want_io_timeout_s)
{
	struct vmha_lockspace_hosts hosts = { .life = VMHA_LOCKSPACE_LIVE, .host_id = 99 };

	CHECK_INT(vmha_lockspace_judge(before, after, 2000 * sector, "vol1", &hosts), 0);
	CHECK_INT(hosts.life, want);
	CHECK_INT(hosts.host_id, want_id);
	CHECK_INT(hosts.io_timeout_s, want_io_timeout_s);
}

static void who_is_in_it(size_t sector)
{
	vmha_autofree unsigned char *before = lockspace(sector, "vol1");
	vmha_autofree unsigned char *after = lockspace(sector, "vol1");

	judged(before, after, sector, VMHA_LOCKSPACE_FREE, 0, 0);
	host_set(before, sector, 3, 7);
	host_set(after, sector, 3, 0); /* has left meanwhile */
	judged(before, after, sector, VMHA_LOCKSPACE_FREE, 0, 0);
	host_set(after, sector, 3, 7);
	judged(before, after, sector, VMHA_LOCKSPACE_STALE, 3, 3);
	host_set(before, sector, 2000, 7);
	host_set(after, sector, 2000, 8);
	judged(before, after, sector, VMHA_LOCKSPACE_LIVE, 2000, 2000 & 0x1f);
}

static void hosts_that_renew_or_not(void)
{
	who_is_in_it(512);
	who_is_in_it(4096);
}

static void what_is_no_lockspace_of_that_name(void)
{
	vmha_autofree unsigned char *good = lockspace(512, "vol1");
	vmha_autofree unsigned char *other = lockspace(512, "vol12");
	vmha_autofree unsigned char *none = calloc(2000, 512);
	struct vmha_lockspace_hosts hosts;

	CHECK(none != NULL);
	CHECK_INT(vmha_lockspace_judge(other, other, 2000 * 512, "vol1", &hosts), -EBADMSG);
	CHECK_INT(vmha_lockspace_judge(none, none, 2000 * 512, "vol1", &hosts), -EBADMSG);
	CHECK_INT(vmha_lockspace_judge(good, none, 2000 * 512, "vol1", &hosts), -EBADMSG);
	CHECK_INT(vmha_lockspace_judge(good, good, 100, "vol1", &hosts), -EBADMSG);
}

/* As `sanlock client format -x vol1:FILE:0` and create_resource write it. */
static void index_put(unsigned char *p, size_t sector, unsigned int n, const char *name,
		      unsigned char mib)
{
	unsigned char *entry = p + sector + (size_t)n * 64;

	entry[2] = (unsigned char)(mib << 4); /* 1 MiB is 0x100000 */
	(void)snprintf((char *)entry + 16, 48, "%s", name);
}

static void leases_of_an_index(void)
{
	static const unsigned char magic[] = { 0x18, 0x20, 0x04, 0x01, 0x02, 0x00, 0x01, 0x00 };
	static const size_t sectors[] = { 512, 4096 };
	size_t i;

	for (i = 0; i < 2; i++) {
		size_t len = sectors[i] * 64;
		vmha_autofree unsigned char *p = calloc(1, len);
		char name[48] = "";
		uint64_t offset = 0;
		size_t at = 0;

		CHECK(p != NULL);
		CHECK_INT(vmha_lease_index_next(p, len, "vol1", &at, name, &offset), -EBADMSG);
		memcpy(p, magic, sizeof(magic));
		p[13] = (unsigned char)(sectors[i] >> 8);
		p[16] = 24;
		(void)snprintf((char *)p + 32, 48, "vol1");
		CHECK_INT(vmha_lease_index_next(p, len, "vol12", &at, name, &offset), -EBADMSG);
		CHECK_INT(vmha_lease_index_next(p, 64, "vol1", &at, name, &offset), -EBADMSG);
		CHECK_INT(vmha_lease_index_next(p, len, "vol1", &at, name, &offset), 0);
		index_put(p, sectors[i], 0, "volume-admin", 3);
		index_put(p, sectors[i], 9, "web", 12);
		index_put(p, sectors[i], 24, "behind its end", 1);
		at = 0;
		CHECK_INT(vmha_lease_index_next(p, len, "vol1", &at, name, &offset), 1);
		CHECK_STR(name, "volume-admin");
		CHECK_INT(offset, 3 << 20);
		CHECK_INT(vmha_lease_index_next(p, len, "vol1", &at, name, &offset), 1);
		CHECK_STR(name, "web");
		CHECK_INT(offset, 12 << 20);
		CHECK_INT(vmha_lease_index_next(p, len, "vol1", &at, name, &offset), 0);
	}
}

static const struct unit_test tests[] = {
	UNIT_TEST(leases_of_an_index),
	UNIT_TEST(hosts_that_renew_or_not),
	UNIT_TEST(what_is_no_lockspace_of_that_name),
};
UNIT_MAIN(tests)
