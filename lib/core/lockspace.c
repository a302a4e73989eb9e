/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lib/core/lockspace.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

/*
 * struct leader_record of sanlock 3.8.5 (src/leader.h), little endian on storage: one sector for
 * each of 2000 hosts, host id 1 first.
 */
#define MAGIC	       0x12212010U
#define SECTOR_AT      12
#define NAME_AT	       56
#define NAME_SIZE      48
#define TIMESTAMP_AT   152
#define IO_TIMEOUT_AT  174
#define RECORD_SIZE    176
#define HOSTS	       2000
#define IO_TIMEOUT_MAX 200 /* s; more is no record of a host that renews */
/*
 * struct rindex_header and struct rindex_entry (src/rindex_disk.h): the header in a sector of its
 * own, then entries.
 */
#define INDEX_MAGIC    0x01042018U
#define INDEX_SECTOR   12
#define INDEX_MAX      16 /* entries; 0: the default */
#define INDEX_NAME     32
#define ENTRY_SIZE     64
#define ENTRY_NAME     16
#define ENTRIES_NORMAL 4096

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
			 struct vmha_lockspace_hosts *ret_hosts)
{
	const unsigned char *a = before;
	const unsigned char *b = after;
	size_t sector = sector_of(a, len, name);
	struct vmha_lockspace_hosts hosts = { .life = VMHA_LOCKSPACE_FREE };
	size_t i;

	if (!sector || sector_of(b, len, name) != sector) {
		return -EBADMSG;
	}
	for (i = 0; i < HOSTS && (i + 1) * sector <= len; i++) {
		const unsigned char *now = b + i * sector;
		bool renews = memcmp(a + i * sector, now, RECORD_SIZE) != 0;
		unsigned int io_timeout_s = (unsigned int)number(now + IO_TIMEOUT_AT, 2);

		if (number(now + TIMESTAMP_AT, 8) == 0 || number(now, 4) != MAGIC) {
			continue;
		}
		if (io_timeout_s > hosts.io_timeout_s && io_timeout_s <= IO_TIMEOUT_MAX) {
			hosts.io_timeout_s = io_timeout_s;
		}
		if (renews || hosts.life == VMHA_LOCKSPACE_FREE) {
			hosts.host_id = i + 1;
			hosts.life = renews ? VMHA_LOCKSPACE_LIVE : VMHA_LOCKSPACE_STALE;
		}
		if (renews) {
			break;
		}
	}
	*ret_hosts = hosts;
	return 0;
}

int vmha_lease_index_next(const void *area, size_t len, const char *lockspace, size_t *at,
			  char *ret_name, uint64_t *ret_offset)
{
	const unsigned char *p = area;
	size_t sector = len >= ENTRY_SIZE + INDEX_NAME ? number(p + INDEX_SECTOR, 4) : 0;
	uint64_t max;

	if ((sector != 512 && sector != 4096) || number(p, 4) != INDEX_MAGIC ||
	    strncmp((const char *)p + INDEX_NAME, lockspace, NAME_SIZE) != 0) {
		return -EBADMSG;
	}
	max = number(p + INDEX_MAX, 4);
	max = max ? max : ENTRIES_NORMAL;
	while (*at < max && sector + (*at + 1) * ENTRY_SIZE <= len) {
		const unsigned char *entry = p + sector + (*at)++ * ENTRY_SIZE;

		if (entry[ENTRY_NAME]) {
			(void)snprintf(ret_name, NAME_SIZE, "%.*s", NAME_SIZE - 1,
				       (const char *)entry + ENTRY_NAME);
			*ret_offset = number(entry, 8);
			return 1;
		}
	}
	return 0;
}
