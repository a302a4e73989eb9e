// SPDX-License-Identifier: GPL-2.0-or-later
/* One command to QEMU by QMP.  The monitor takes one client at a time, the others queue. */
#include "lab-vm.h"
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define ANSWER_MS 20000
#define LINE_MAX_ 65536

int qmp_line(int fd, char *line, int room, int64_t until_ms)
{
	int used = 0;

	while (used < room - 1) {
		struct pollfd p = { .fd = fd, .events = POLLIN };
		int64_t left = until_ms < 0 ? -1 : until_ms - now_ms();
		ssize_t n;

		if (until_ms >= 0 && left <= 0) {
			return -1;
		}
		if (poll(&p, 1, (int)left) <= 0) {
			continue;
		}
		n = read(fd, line + used, 1);
		if (n <= 0) {
			return 0;
		}
		if (line[used] == '\n') {
			break;
		}
		used++;
	}
	line[used] = '\0';
	return used + 1;
}

static int qmp_send(int fd, const char *command)
{
	size_t bytes = strlen(command);

	return write(fd, command, bytes) == (ssize_t)bytes && write(fd, "\n", 1) == 1 ? 0 : -1;
}

/* The answer to the last command is in @line: 0 if it is good. */
static int qmp_answer(int fd, char *line, int room, int64_t until_ms)
{
	for (;;) {
		if (qmp_line(fd, line, room, until_ms) <= 0) {
			line[0] = '\0';
			return -1;
		}
		if (strncmp(line, "{\"error\"", 8) == 0) {
			return -1;
		}
		if (strncmp(line, "{\"return\"", 9) == 0) {
			return 0;
		}
	}
}

int qmp_open(const char *path, int64_t until_ms)
{
	static char line[LINE_MAX_];
	int fd = -1;

	while (fd < 0 && now_ms() < until_ms) {
		fd = unix_connect(path);
		if (fd < 0) {
			usleep(20000);
		}
	}
	if (fd < 0) {
		return -1;
	}
	if (qmp_line(fd, line, sizeof(line), until_ms) <= 0 ||
	    qmp_send(fd, "{\"execute\":\"qmp_capabilities\"}") != 0 ||
	    qmp_answer(fd, line, sizeof(line), until_ms) != 0) {
		close(fd);
		return -1;
	}
	return fd;
}

int qmp_main(const char *path, const char *command)
{
	static char line[LINE_MAX_];
	int64_t until = now_ms() + ANSWER_MS;
	int fd = qmp_open(path, until);
	int rc;

	if (fd < 0) {
		fprintf(stderr, "lab-vm: QEMU does not answer at %s\n", path);
		return 1;
	}
	rc = qmp_send(fd, command);
	if (rc == 0) {
		rc = qmp_answer(fd, line, sizeof(line), until);
	}
	if (rc != 0) {
		fprintf(stderr, "lab-vm: QEMU refuses %s: %s\n", command, line);
	} else {
		puts(line);
	}
	close(fd);
	return rc != 0;
}
