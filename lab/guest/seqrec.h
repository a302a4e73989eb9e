/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the test guest writes on its disk and check-disk reads: 512-byte records.
 *
 *   sector 0        header: a copy of the last record written
 *   sectors 1..127  marks: evidence that somebody else wrote here (SEQREC_FOREIGN)
 *   from 128 on     ring: record SEQ is in slot SEQ % slots
 *
 * SEQ grows by one over all boots of the guest.  A boot starts behind the header's SEQ.
 */
#ifndef VMHA_LAB_SEQREC_H
#define VMHA_LAB_SEQREC_H

#include <stddef.h>
#include <stdint.h>

#define SEQREC_MAGIC	   0x3151455341484d56ULL /* "VMHASEQ1" */
#define SEQREC_SECTOR	   512U
#define SEQREC_MARKS_FIRST 1U
#define SEQREC_MARKS	   127U
#define SEQREC_RING_FIRST  128U
#define SEQREC_RING_MAX	   65536U

enum seqrec_kind {
	SEQREC_RUN = 1,
	SEQREC_FOREIGN = 2, /* found_*: the header that was there instead of our own last record */
};

struct seqrec {
	uint64_t magic;
	uint64_t kind;
	uint64_t boot; /* random, one per boot */
	uint64_t boot_number;
	uint64_t seq;
	uint64_t wall_ns;
	uint64_t mono_ns;
	uint64_t io_errors; /* failed writes in this boot, each repeated until it succeeded */
	uint64_t found_boot;
	uint64_t found_seq;
	uint64_t found_wall_ns;
	uint64_t sum;
};

/* FNV-1a over all before sum. */
static inline uint64_t seqrec_sum(const struct seqrec *rec)
{
	const unsigned char *p = (const unsigned char *)rec;
	uint64_t hash = 1469598103934665603ULL;

	for (size_t i = 0; i < offsetof(struct seqrec, sum); i++) {
		hash = (hash ^ p[i]) * 1099511628211ULL;
	}
	return hash;
}

static inline int seqrec_valid(const struct seqrec *rec)
{
	return rec->magic == SEQREC_MAGIC && rec->sum == seqrec_sum(rec);
}

/* Slots of the ring on a disk of @bytes; 0 if it is too small. */
static inline uint64_t seqrec_slots(uint64_t bytes)
{
	uint64_t sectors = bytes / SEQREC_SECTOR;

	if (sectors <= SEQREC_RING_FIRST) {
		return 0;
	}
	sectors -= SEQREC_RING_FIRST;
	return sectors < SEQREC_RING_MAX ? sectors : SEQREC_RING_MAX;
}

#endif
