/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lib/core/lockspace.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

/*
 * struct leader_record of sanlock 3.8.5 (src/leader.h), little endian on storage: one sector for
 * each of 2000 hosts, host id 1 first.
 */
#define MAGIC	     0x12212010U
#define SECTOR_AT    12
#define NAME_AT	     56
#define NAME_SIZE    48
#define TIMESTAMP_AT 152
#define RECORD_SIZE  176
#define HOSTS	     2000

static uint64_t number(const unsigned char *p, unsigned int bytes)
{
	uint64_t n = 0;

	while (bytes--) {
		n = n << 8 | p[bytes];
	}
	return n;
}

/* @return sector size; 0: no lockspace of that name */
static size_t sector_of(const unsigned char *p, size_t len, const char *name)
{
	size_t sector = len >= RECORD_SIZE ? number(p + SECTOR_AT, 4) : 0;

	if ((sector != 512 && sector != 4096) || number(p, 4) != MAGIC ||
	    strncmp((const char *)p + NAME_AT, name, NAME_SIZE) != 0) {
		return 0;
	}
	return sector;
}

int vmha_lockspace_judge(const void *before, const void *after, size_t len, const char *name,
			 enum vmha_lockspace_life *ret_life, uint64_t *ret_host_id)
{
	const unsigned char *a = before;
	const unsigned char *b = after;
	size_t sector = sector_of(a, len, name);
	enum vmha_lockspace_life life = VMHA_LOCKSPACE_FREE;
	uint64_t host_id = 0;
	size_t i;

	if (!sector || sector_of(b, len, name) != sector) {
		return -EBADMSG;
	}
	for (i = 0; i < HOSTS && (i + 1) * sector <= len; i++) {
		const unsigned char *now = b + i * sector;
		bool renews = memcmp(a + i * sector, now, RECORD_SIZE) != 0;

		if (number(now + TIMESTAMP_AT, 8) == 0 || number(now, 4) != MAGIC) {
			continue;
		}
		if (renews || life == VMHA_LOCKSPACE_FREE) {
			host_id = i + 1;
			life = renews ? VMHA_LOCKSPACE_LIVE : VMHA_LOCKSPACE_STALE;
		}
		if (renews) {
			break;
		}
	}
	*ret_life = life;
	*ret_host_id = host_id;
	return 0;
}
