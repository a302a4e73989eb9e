// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The lab's end of nodes that are virtual machines.
 *
 *   lab-vm exec [--tty] [--within S] SOCKET WORD...   run a command by lab-agent
 *   lab-vm qmp SOCKET JSON                         one command to QEMU, its answer
 *   lab-vm run OPTIONS -- QEMU...                  start QEMU, stay as its watcher
 *   lab-vm tsc-khz                                 rate of this machine's time stamp counter
 */
#include "lab-vm.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>
#include <x86intrin.h>

int64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

int unix_connect(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd;

	if (strlen(path) >= sizeof(address.sun_path)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	strcpy(address.sun_path, path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd >= 0 && connect(fd, (struct sockaddr *)&address, sizeof(address)) != 0) {
		close(fd);
		fd = -1;
	}
	return fd;
}

/* A guest that measures its own counter while this machine is busy may be off by a factor. */
static int tsc_khz(void)
{
	struct timespec a;
	struct timespec b;
	struct timespec pause = { .tv_nsec = 200000000 };
	unsigned long long from;
	unsigned long long to;

	clock_gettime(CLOCK_MONOTONIC_RAW, &a);
	from = __rdtsc();
	nanosleep(&pause, NULL);
	clock_gettime(CLOCK_MONOTONIC_RAW, &b);
	to = __rdtsc();
	printf("%.0f\n",
	       (double)(to - from) * 1e6 /
		       ((double)(b.tv_sec - a.tv_sec) * 1e9 + (double)(b.tv_nsec - a.tv_nsec)));
	return 0;
}

int main(int argc, char **argv)
{
	if (argc >= 3 && strcmp(argv[1], "exec") == 0) {
		return exec_main(argc - 1, argv + 1);
	}
	if (argc == 4 && strcmp(argv[1], "qmp") == 0) {
		return qmp_main(argv[2], argv[3]);
	}
	if (argc >= 3 && strcmp(argv[1], "run") == 0) {
		return run_main(argc - 1, argv + 1);
	}
	if (argc == 2 && strcmp(argv[1], "tsc-khz") == 0) {
		return tsc_khz();
	}
	fputs("lab-vm: internal program of vmha-lab\n", stderr);
	return 2;
}
