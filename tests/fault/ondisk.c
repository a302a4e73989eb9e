// SPDX-License-Identifier: GPL-2.0-or-later
#include "tests/fault/ondisk.h"

#include <endian.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "lab/guest/seqrec.h"

#define SECTOR 512

#define PAXOS_MAGIC	0x06152010
#define DBLOCK_RELEASED 1

static uint64_t u64_at(const uint8_t *sector, size_t at)
{
	uint64_t v;

	memcpy(&v, sector + at, sizeof(v));
	return le64toh(v);
}

static uint32_t u32_at(const uint8_t *sector, size_t at)
{
	uint32_t v;

	memcpy(&v, sector + at, sizeof(v));
	return le32toh(v);
}

static int sector_read(int fd, int64_t at, uint8_t *sector)
{
	ssize_t n = pread(fd, sector, SECTOR, at);

	if (n < 0) {
		return -errno;
	}
	return n == SECTOR ? 0 : -EAGAIN;
}

int ondisk_record_read(int fd, uint8_t *sector, uint64_t *ret_boot, uint64_t *ret_seq)
{
	struct seqrec rec;
	int r = sector_read(fd, 0, sector);

	if (r < 0) {
		return r;
	}
	memcpy(&rec, sector, sizeof(rec));
	if (!seqrec_valid(&rec)) {
		return -EAGAIN;
	}
	*ret_boot = rec.boot;
	*ret_seq = rec.seq;
	return 0;
}

int ondisk_lease_read(int fd, int64_t offset, uint8_t *sector, uint64_t *ret_host_id,
		      uint64_t *ret_lver)
{
	int r = sector_read(fd, offset, sector);

	if (r < 0) {
		return r;
	}
	if (u32_at(sector, 0) != PAXOS_MAGIC) {
		return -EAGAIN;
	}
	uint64_t owner = u64_at(sector, 32), generation = u64_at(sector, 40);
	uint64_t lver = u64_at(sector, 48), timestamp = u64_at(sector, 152);

	if (timestamp != 0 && owner != 0) {
		/* A holder that lets go marks its own block only, after leader and request. */
		r = sector_read(fd, offset + (int64_t)(2 + owner - 1) * SECTOR, sector);
		if (r < 0) {
			return r;
		}
		if ((u32_at(sector, 52) & DBLOCK_RELEASED) != 0 && u64_at(sector, 40) == lver &&
		    u64_at(sector, 16) == owner && u64_at(sector, 24) == generation) {
			owner = 0;
		}
	} else {
		owner = 0;
	}
	*ret_host_id = owner;
	*ret_lver = lver;
	return 0;
}
