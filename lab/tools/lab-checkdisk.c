// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Reads a test guest's disk (also while the guest runs) and tells whether its records are whole:
 *
 *   lab-checkdisk [--min-seq N] [--same-boot] DISK
 *
 * lost       sequence numbers missing in the ring, or the header's own record not there
 * stale      a boot wrote after a later boot had begun, or a record older than its neighbour
 * reordered  within one boot the guest's clock goes back from one record to the next
 * foreign    marks by a guest that found another's writing where its own last record should be
 * damaged    records with a wrong checksum or in a wrong slot
 *
 * Prints one key=value line per boot and per finding and a summary; exit 0 ok, 1 not ok, 2 cannot
 * tell.
 */
#include "../guest/seqrec.h"
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MAX_FINDINGS_SHOWN 20U

struct check {
	int fd;
	uint64_t slots;
	unsigned char *chunk; /* aligned */
	struct seqrec *ring;  /* copy, slot by slot */
	struct seqrec
		before; /* header before and after the ring was read: the guest may be running */
	struct seqrec after;
	uint64_t shown;
	uint64_t records, boots, lost, stale, reordered, foreign, damaged, io_errors;
	uint64_t first_seq, last_seq;
};

static void finding(struct check *c, const char *what, const struct seqrec *a,
		    const struct seqrec *b)
{
	if (c->shown++ < MAX_FINDINGS_SHOWN) {
		printf("finding=%s seq=%" PRIu64 " boot=%016" PRIx64 " boot_number=%" PRIu64
		       " next_seq=%" PRIu64 " next_boot=%016" PRIx64 " next_boot_number=%" PRIu64
		       "\n",
		       what, a->seq, a->boot, a->boot_number, b->seq, b->boot, b->boot_number);
	}
}

#define CHUNK (1U << 20)

static int read_at(struct check *c, uint64_t sector, size_t bytes)
{
	off_t offset = (off_t)(sector * SEQREC_SECTOR);
	size_t done = 0;

	while (done < bytes) {
		ssize_t n = pread(c->fd, c->chunk + done, bytes - done, offset + (off_t)done);

		if (n <= 0) {
			fprintf(stderr, "lab-checkdisk: cannot read: %s\n",
				n < 0 ? strerror(errno) : "disk ends early");
			return -1;
		}
		done += (size_t)n;
	}
	return 0;
}

static int read_header(struct check *c, struct seqrec *header)
{
	if (read_at(c, 0, SEQREC_SECTOR) != 0) {
		return -1;
	}
	memcpy(header, c->chunk, sizeof(*header));
	return 0;
}

static int read_ring(struct check *c)
{
	for (uint64_t slot = 0; slot < c->slots; slot += CHUNK / SEQREC_SECTOR) {
		uint64_t n = c->slots - slot;

		n = n < CHUNK / SEQREC_SECTOR ? n : CHUNK / SEQREC_SECTOR;
		if (read_at(c, SEQREC_RING_FIRST + slot, n * SEQREC_SECTOR) != 0) {
			return -1;
		}
		for (uint64_t i = 0; i < n; i++) {
			memcpy(&c->ring[slot + i], c->chunk + i * SEQREC_SECTOR, sizeof(*c->ring));
		}
	}
	return 0;
}

static int check_marks(struct check *c)
{
	if (read_at(c, SEQREC_MARKS_FIRST, (size_t)SEQREC_MARKS * SEQREC_SECTOR) != 0) {
		return -1;
	}
	for (uint64_t i = 0; i < SEQREC_MARKS; i++) {
		struct seqrec mark;
		struct seqrec found = { 0 };

		memcpy(&mark, c->chunk + i * SEQREC_SECTOR, sizeof(mark));
		if (mark.magic == 0) {
			continue;
		}
		if (!seqrec_valid(&mark) || mark.kind != SEQREC_FOREIGN) {
			c->damaged++;
			continue;
		}
		c->foreign++;
		found.seq = mark.found_seq;
		found.boot = mark.found_boot;
		finding(c, "foreign", &mark, &found);
	}
	return 0;
}

static int empty(const struct seqrec *rec)
{
	static const struct seqrec zero;

	return memcmp(rec, &zero, sizeof(zero)) == 0;
}

/* Slots outside the range to be judged must be unused, older by a round, or just being written. */
static void count_damaged(struct check *c)
{
	for (uint64_t slot = 0; slot < c->slots; slot++) {
		const struct seqrec *rec = &c->ring[slot];

		if (empty(rec)) {
			continue;
		}
		if (!seqrec_valid(rec) || rec->seq % c->slots != slot) {
			c->damaged++;
			finding(c, "damaged", rec, &c->before);
		}
	}
}

static void print_boot(const struct seqrec *first, const struct seqrec *last)
{
	printf("boot=%016" PRIx64 " boot_number=%" PRIu64 " first_seq=%" PRIu64 " last_seq=%" PRIu64
	       " seconds=%.1f\n",
	       first->boot, first->boot_number, first->seq, last->seq,
	       (double)(last->mono_ns - first->mono_ns) / 1e9);
}

/* Compares a record with the one before it in the sequence. */
static void judge_pair(struct check *c, const struct seqrec *prev, const struct seqrec *rec)
{
	if (rec->boot_number < prev->boot_number ||
	    (rec->boot_number == prev->boot_number && rec->boot != prev->boot)) {
		c->stale++;
		finding(c, "stale", prev, rec);
	} else if (rec->boot == prev->boot && rec->mono_ns <= prev->mono_ns) {
		c->reordered++;
		finding(c, "reordered", prev, rec);
	}
}

static void judge_sequence(struct check *c)
{
	const struct seqrec *prev = NULL;
	const struct seqrec *first = NULL;

	for (uint64_t seq = c->first_seq; seq <= c->last_seq; seq++) {
		const struct seqrec *rec = &c->ring[seq % c->slots];

		if (!seqrec_valid(rec) || rec->seq != seq) {
			struct seqrec missing = { .seq = seq };

			c->lost++;
			finding(c, "lost", &missing, rec);
			continue;
		}
		c->records++;
		if (prev != NULL) {
			judge_pair(c, prev, rec);
		}
		if (first == NULL || rec->boot != first->boot) {
			if (first != NULL) {
				print_boot(first, prev);
			}
			first = rec;
			c->boots++;
		}
		c->io_errors = rec->io_errors > c->io_errors ? rec->io_errors : c->io_errors;
		prev = rec;
	}
	if (first != NULL) {
		print_boot(first, prev);
	}
}

/* Sequence numbers that must all be there: what the ring still holds, up to the first header read.
 */
static void find_range(struct check *c)
{
	uint64_t oldest = UINT64_MAX;
	uint64_t newest = c->after.seq > c->before.seq ? c->after.seq : c->before.seq;

	for (uint64_t slot = 0; slot < c->slots; slot++) {
		const struct seqrec *rec = &c->ring[slot];

		if (seqrec_valid(rec) && rec->seq < oldest) {
			oldest = rec->seq;
		}
	}
	/* one more than the ring holds is on its way out */
	if (newest >= c->slots && oldest <= newest - c->slots + 1) {
		oldest = newest - c->slots + 2;
	}
	c->first_seq = oldest;
	c->last_seq = c->before.seq;
}

static int open_disk(struct check *c, const char *path)
{
	off_t size;

	c->fd = open(path, O_RDONLY | O_DIRECT | O_CLOEXEC);
	if (c->fd < 0 && errno == EINVAL) {
		c->fd = open(path, O_RDONLY | O_CLOEXEC);
	}
	size = c->fd < 0 ? -1 : lseek(c->fd, 0, SEEK_END);
	if (size < 0) {
		fprintf(stderr, "lab-checkdisk: cannot open %s: %s\n", path, strerror(errno));
		return -1;
	}
	c->slots = seqrec_slots((uint64_t)size);
	c->chunk = aligned_alloc(4096, CHUNK);
	c->ring = calloc(c->slots != 0 ? c->slots : 1, sizeof(*c->ring));
	if (c->slots == 0 || c->chunk == NULL || c->ring == NULL) {
		fprintf(stderr, "lab-checkdisk: %s is too small\n", path);
		return -1;
	}
	return 0;
}

static int report(const struct check *c, const char *path, uint64_t min_seq, int same_boot)
{
	int ok = c->lost + c->stale + c->reordered + c->foreign + c->damaged == 0 &&
		 c->last_seq >= min_seq && (!same_boot || c->boots == 1);

	printf("disk=%s records=%" PRIu64 " first_seq=%" PRIu64 " last_seq=%" PRIu64
	       " boots=%" PRIu64 " last_boot=%016" PRIx64 " lost=%" PRIu64 " stale=%" PRIu64
	       " reordered=%" PRIu64 " foreign=%" PRIu64 " damaged=%" PRIu64 " io_errors=%" PRIu64
	       " ok=%s\n",
	       path, c->records, c->first_seq, c->last_seq, c->boots, c->before.boot, c->lost,
	       c->stale, c->reordered, c->foreign, c->damaged, c->io_errors, ok ? "yes" : "no");
	return ok ? 0 : 1;
}

static int judge_disk(struct check *c, const char *path, uint64_t min_seq, int same_boot)
{
	if (open_disk(c, path) != 0 || read_header(c, &c->before) != 0 || read_ring(c) != 0 ||
	    read_header(c, &c->after) != 0 || check_marks(c) != 0) {
		return 2;
	}
	if (empty(&c->before)) {
		printf("disk=%s records=0 ok=no reason=never-written\n", path);
		return 1;
	}
	if (!seqrec_valid(&c->before)) {
		printf("disk=%s records=0 ok=no reason=header-damaged\n", path);
		return 1;
	}
	count_damaged(c);
	find_range(c);
	judge_sequence(c);
	return report(c, path, min_seq, same_boot);
}

static int check_disk(const char *path, uint64_t min_seq, int same_boot)
{
	struct check c = { .fd = -1 };
	int status = judge_disk(&c, path, min_seq, same_boot);

	free(c.chunk);
	free(c.ring);
	if (c.fd >= 0) {
		close(c.fd);
	}
	return status;
}

int main(int argc, char **argv)
{
	static const struct option longs[] = {
		{ "min-seq", required_argument, NULL, 'm' },
		{ "same-boot", no_argument, NULL, 's' },
		{ NULL, 0, NULL, 0 },
	};
	uint64_t min_seq = 0;
	int same_boot = 0;
	int option;

	while ((option = getopt_long(argc, argv, "", longs, NULL)) != -1) {
		switch (option) {
		case 'm':
			min_seq = strtoull(optarg, NULL, 10);
			break;
		case 's':
			same_boot = 1;
			break;
		default:
			return 2;
		}
	}
	if (optind + 1 != argc) {
		fputs("usage: check-disk [--min-seq N] [--same-boot] DISK\n", stderr);
		return 2;
	}
	return check_disk(argv[optind], min_seq, same_boot);
}
