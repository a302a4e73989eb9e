// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The guest's witness: writes (boot, sequence) records to a raw disk, each on stable storage before
 * the next.  Before each it reads the header back: what is there must be its own last record, or
 * somebody else (a second runner, or an older self) has written, and that is put on record.
 *
 *   seqwriter DISK PERIOD_MS
 */
#include "seqrec.h"
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

struct writer {
	int fd;
	uint64_t slots;
	struct seqrec *io;  /* one sector, aligned for O_DIRECT */
	struct seqrec last; /* our last header */
	uint64_t seq;
	uint64_t boot;
	uint64_t boot_number;
	uint64_t io_errors;
	uint64_t reported_wall_ns; /* the foreign record last reported */
};

static uint64_t now_ns(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return (uint64_t)t.tv_sec * 1000000000U + (uint64_t)t.tv_nsec;
}

static void pause_ms(long ms)
{
	struct timespec t = { .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000 };

	nanosleep(&t, NULL);
}

static int read_sector(struct writer *w, uint64_t sector)
{
	return pread(w->fd, w->io, SEQREC_SECTOR, (off_t)(sector * SEQREC_SECTOR)) ==
			       (ssize_t)SEQREC_SECTOR
		       ? 0
		       : -1;
}

/* Repeats until the storage has taken it. */
static void write_sector(struct writer *w, uint64_t sector, const struct seqrec *rec)
{
	for (;;) {
		memset(w->io, 0, SEQREC_SECTOR);
		*w->io = *rec;
		if (pwrite(w->fd, w->io, SEQREC_SECTOR, (off_t)(sector * SEQREC_SECTOR)) ==
		    (ssize_t)SEQREC_SECTOR) {
			return;
		}
		if (w->io_errors++ % 10 == 0) {
			printf("seqwriter: write of seq %" PRIu64 " failed: %s\n", rec->seq,
			       strerror(errno));
		}
		pause_ms(100);
	}
}

static struct seqrec new_record(const struct writer *w, enum seqrec_kind kind)
{
	struct seqrec rec = {
		.magic = SEQREC_MAGIC,
		.kind = kind,
		.boot = w->boot,
		.boot_number = w->boot_number,
		.seq = w->seq,
		.wall_ns = now_ns(CLOCK_REALTIME),
		.mono_ns = now_ns(CLOCK_MONOTONIC),
		.io_errors = w->io_errors,
	};
	return rec;
}

static uint64_t free_mark(struct writer *w)
{
	for (uint64_t i = 0; i < SEQREC_MARKS; i++) {
		if (read_sector(w, SEQREC_MARKS_FIRST + i) == 0 && !seqrec_valid(w->io)) {
			return SEQREC_MARKS_FIRST + i;
		}
	}
	return SEQREC_MARKS_FIRST + SEQREC_MARKS - 1;
}

static void report_foreign(struct writer *w, const struct seqrec *found)
{
	struct seqrec mark = new_record(w, SEQREC_FOREIGN);

	mark.found_boot = found->boot;
	mark.found_seq = found->seq;
	mark.found_wall_ns = found->wall_ns;
	mark.sum = seqrec_sum(&mark);
	printf("seqwriter: FOREIGN own boot %016" PRIx64 " seq %" PRIu64
	       ", on disk boot %016" PRIx64 " seq %" PRIu64 "\n",
	       w->boot, w->seq, found->boot, found->seq);
	write_sector(w, free_mark(w), &mark);
	w->reported_wall_ns = found->wall_ns;
}

/* The header must be what we wrote last; times in it tell twins with one boot id apart. */
static void check_header(struct writer *w)
{
	struct seqrec found;

	if (read_sector(w, 0) != 0) {
		return; /* not readable now: the next write will tell */
	}
	found = *w->io;
	if (memcmp(&found, &w->last, sizeof(found)) != 0 && found.wall_ns != w->reported_wall_ns) {
		report_foreign(w, &found);
	}
}

static void write_next(struct writer *w)
{
	struct seqrec rec;

	w->seq++;
	rec = new_record(w, SEQREC_RUN);
	rec.sum = seqrec_sum(&rec);
	write_sector(w, SEQREC_RING_FIRST + w->seq % w->slots, &rec);
	write_sector(w, 0, &rec);
	w->last = rec;
}

/* Finds where the boots before this one ended. */
static void resume_sequence(struct writer *w)
{
	while (read_sector(w, 0) != 0) {
		pause_ms(100);
	}
	w->last = *w->io;
	if (seqrec_valid(w->io)) {
		w->seq = w->io->seq;
		w->boot_number = w->io->boot_number;
	}
	/* a record whose header was never written still counts: it was first on the disk */
	if (read_sector(w, SEQREC_RING_FIRST + (w->seq + 1) % w->slots) == 0 &&
	    seqrec_valid(w->io) && w->io->seq == w->seq + 1) {
		w->seq++;
		w->boot_number = w->io->boot_number;
	}
	w->boot_number++;
}

int main(int argc, char **argv)
{
	struct writer w = { 0 };
	long period_ms;
	off_t size;

	if (argc != 3) {
		fputs("usage: seqwriter DISK PERIOD_MS\n", stderr);
		return 2;
	}
	period_ms = strtol(argv[2], NULL, 10);
	w.fd = open(argv[1], O_RDWR | O_DIRECT | O_DSYNC | O_CLOEXEC);
	size = w.fd < 0 ? -1 : lseek(w.fd, 0, SEEK_END);
	w.slots = size < 0 ? 0 : seqrec_slots((uint64_t)size);
	w.io = aligned_alloc(4096, 4096);
	if (w.slots == 0 || w.io == NULL) {
		printf("seqwriter: no use of %s: %s\n", argv[1], strerror(errno));
		return 1;
	}
	setvbuf(stdout, NULL, _IOLBF, 0);
	if (getrandom(&w.boot, sizeof(w.boot), 0) != (ssize_t)sizeof(w.boot)) {
		return 1;
	}
	resume_sequence(&w);
	printf("seqwriter: boot %016" PRIx64 " number %" PRIu64 " after seq %" PRIu64 "\n", w.boot,
	       w.boot_number, w.seq);
	for (;;) {
		check_header(&w);
		write_next(&w);
		if (w.seq % 50 == 0) {
			printf("seqwriter: seq %" PRIu64 "\n", w.seq);
		}
		pause_ms(period_ms);
	}
}
