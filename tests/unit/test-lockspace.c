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
}

static void judged(unsigned char *before, unsigned char *after, size_t sector,
		   enum vmha_lockspace_life want, uint64_t want_id)
{
	enum vmha_lockspace_life life = VMHA_LOCKSPACE_LIVE;
	uint64_t id = 99;

	CHECK_INT(vmha_lockspace_judge(before, after, 2000 * sector, "vol1", &life, &id), 0);
	CHECK_INT(life, want);
	CHECK_INT(id, want_id);
}

static void who_is_in_it(size_t sector)
{
	vmha_autofree unsigned char *before = lockspace(sector, "vol1");
	vmha_autofree unsigned char *after = lockspace(sector, "vol1");

	judged(before, after, sector, VMHA_LOCKSPACE_FREE, 0);
	host_set(before, sector, 3, 7);
	host_set(after, sector, 3, 0); /* has left meanwhile */
	judged(before, after, sector, VMHA_LOCKSPACE_FREE, 0);
	host_set(after, sector, 3, 7);
	judged(before, after, sector, VMHA_LOCKSPACE_STALE, 3);
	host_set(before, sector, 2000, 7);
	host_set(after, sector, 2000, 8);
	judged(before, after, sector, VMHA_LOCKSPACE_LIVE, 2000);
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
	enum vmha_lockspace_life life;
	uint64_t id;

	CHECK(none != NULL);
	CHECK_INT(vmha_lockspace_judge(other, other, 2000 * 512, "vol1", &life, &id), -EBADMSG);
	CHECK_INT(vmha_lockspace_judge(none, none, 2000 * 512, "vol1", &life, &id), -EBADMSG);
	CHECK_INT(vmha_lockspace_judge(good, none, 2000 * 512, "vol1", &life, &id), -EBADMSG);
	CHECK_INT(vmha_lockspace_judge(good, good, 100, "vol1", &life, &id), -EBADMSG);
}

static const struct unit_test tests[] = {
	UNIT_TEST(hosts_that_renew_or_not),
	UNIT_TEST(what_is_no_lockspace_of_that_name),
};
UNIT_MAIN(tests)
