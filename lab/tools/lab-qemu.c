// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Stands in for qemu-system-x86_64 on lab nodes: makes the guest's RAM 8 KiB larger, so that it is
 * not a multiple of 256 KiB, and runs the real one beside it (".real").
 *
 * QEMU before 9.0 loses writes of a TCG guest during live migration in a fast path that is taken
 * for RAM of whole 64-page blocks only (fixed upstream by 03bfc2188f).  KVM guests are not
 * concerned.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define REAL_QEMU "/usr/bin/qemu-system-x86_64.real"
#define EXTRA_KIB 8U

static char *format_kib(const char *prefix, uint64_t kib)
{
	char *text = calloc(1, 64);

	if (text != NULL) {
		snprintf(text, 64, "%s%" PRIu64 "k", prefix, kib + EXTRA_KIB);
	}
	return text;
}

/* "-m 128" (MiB) or "-m size=131072k"; anything else stays as it is. */
static char *memory_option(char *arg)
{
	char *end = NULL;
	uint64_t n;

	if (strncmp(arg, "size=", 5) == 0) {
		n = strtoull(arg + 5, &end, 10);
		return strcmp(end, "k") == 0 ? format_kib("size=", n) : arg;
	}
	n = strtoull(arg, &end, 10);
	return *end == '\0' ? format_kib("", n * 1024U) : arg;
}

/* {"qom-type":"memory-backend-ram","id":"pc.ram","size":N}: N bytes. */
static char *ram_object(char *arg)
{
	char *size = strstr(arg, "\"size\":");
	char *end = NULL;
	char *text;
	uint64_t n;

	if (strstr(arg, "\"id\":\"pc.ram\"") == NULL || size == NULL) {
		return arg;
	}
	size += strlen("\"size\":");
	n = strtoull(size, &end, 10);
	text = calloc(1, strlen(arg) + 32);
	if (text != NULL) {
		sprintf(text, "%.*s%" PRIu64 "%s", (int)(size - arg), arg, n + EXTRA_KIB * 1024U,
			end);
	}
	return text;
}

int main(int argc, char **argv)
{
	for (int i = 1; i < argc; i++) {
		if (strcmp(argv[i - 1], "-m") == 0) {
			argv[i] = memory_option(argv[i]);
		} else if (argv[i][0] == '{') {
			argv[i] = ram_object(argv[i]);
		}
		if (argv[i] == NULL) {
			fputs("lab-qemu: out of memory\n", stderr);
			return 1;
		}
	}
	execv(REAL_QEMU, argv);
	fprintf(stderr, "lab-qemu: cannot run %s: %s\n", REAL_QEMU, strerror(errno));
	return 127;
}
