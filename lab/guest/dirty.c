// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Dirties memory:  dirty MB[:MB_PER_S]
 * Writes one word into each page of MB megabytes, round and round, at the rate given (0: full
 * speed), and checks what it wrote the round before: memory that goes back or is torn is said on
 * the console.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define PAGE	 4096U
#define SLICE_MS 20U

static uint64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000U + (uint64_t)t.tv_nsec / 1000000U;
}

static void pause_ms(uint64_t ms)
{
	struct timespec t = { .tv_sec = (time_t)(ms / 1000U),
			      .tv_nsec = (long)(ms % 1000U * 1000000U) };

	nanosleep(&t, NULL);
}

static void touch(volatile uint64_t *word, uint64_t round, uint64_t page)
{
	if (round > 1 && *word != (round - 1) * 1000003U + page) {
		printf("dirty: MEMORY page %" PRIu64 " has %" PRIu64 " instead of round %" PRIu64
		       "\n",
		       page, *word, round - 1);
		fflush(stdout);
	}
	*word = round * 1000003U + page;
}

int main(int argc, char **argv)
{
	char *rest = NULL;
	uint64_t mb = argc == 2 ? strtoull(argv[1], &rest, 10) : 0;
	uint64_t rate = rest != NULL && *rest == ':' ? strtoull(rest + 1, NULL, 10) : 0;
	uint64_t pages = mb * 1048576U / PAGE;
	uint64_t slice = rate == 0 ? pages : rate * 1048576U / PAGE * SLICE_MS / 1000U + 1;
	unsigned char *memory;
	uint64_t next;

	if (pages == 0) {
		fputs("usage: dirty MB[:MB_PER_S]\n", stderr);
		return 2;
	}
	memory = aligned_alloc(PAGE, pages * PAGE);
	if (memory == NULL) {
		puts("dirty: not enough memory");
		return 1;
	}
	next = now_ms();
	for (uint64_t round = 1, done = 0;; round++) {
		for (uint64_t page = 0; page < pages; page++) {
			touch((volatile uint64_t *)(void *)(memory + page * PAGE), round, page);
			if (rate != 0 && ++done % slice == 0) {
				next += SLICE_MS;
				if (next > now_ms()) {
					pause_ms(next - now_ms());
				} else {
					next = now_ms();
				}
			}
		}
	}
}
