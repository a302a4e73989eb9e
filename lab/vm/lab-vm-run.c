// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Starts QEMU in a control group and stays as its watcher.  QEMU runs with -no-reboot: a node that
 * resets itself (panic, watchdog, reboot) is seen here by QMP, killed at once and started again by
 * a command, so that no write that hangs in QEMU outlives the reset.
 */
#include "lab-vm.h"
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define GREET_MS 20000

struct run {
	const char *cgroup;
	const char *pidfile;
	const char *log; /* of QEMU */
	const char *qmp;
	const char *dir; /* of the ports */
	const char *events;
	const char *on_reset; /* for sh; $1: what the pid file said */
	char **qemu;
};

static int run_options(struct run *run, int argc, char **argv)
{
	const struct {
		const char *name;
		const char **value;
	} table[] = {
		{ "--cgroup", &run->cgroup },	  { "--pidfile", &run->pidfile },
		{ "--dir", &run->dir },		  { "--log", &run->log },
		{ "--qmp", &run->qmp },		  { "--events", &run->events },
		{ "--on-reset", &run->on_reset },
	};
	int i;

	for (i = 1; i + 1 < argc && strcmp(argv[i], "--") != 0; i += 2) {
		for (size_t k = 0; k < sizeof(table) / sizeof(table[0]); k++) {
			if (strcmp(argv[i], table[k].name) == 0) {
				*table[k].value = argv[i + 1];
			}
		}
	}
	run->qemu = argv + i + 1;
	return i + 1 < argc && run->cgroup && run->pidfile && run->dir && run->log && run->qmp &&
	       run->events && run->on_reset;
}

static int write_text(const char *path, const char *text, int flags)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC | flags, 0600);
	ssize_t n;

	if (fd < 0) {
		return -1;
	}
	n = write(fd, text, strlen(text));
	close(fd);
	return n == (ssize_t)strlen(text) ? 0 : -1;
}

static void qemu_exec(const struct run *run)
{
	char path[512];
	int log = open(run->log, O_WRONLY | O_CREAT | O_APPEND, 0600);
	int null = open("/dev/null", O_RDONLY);

	snprintf(path, sizeof(path), "%s/cgroup.procs", run->cgroup);
	if (write_text(path, "0", 0) != 0) {
		perror(path);
		_exit(126);
	}
	dup2(null, STDIN_FILENO);
	dup2(log, STDOUT_FILENO);
	dup2(log, STDERR_FILENO);
	execvp(run->qemu[0], run->qemu);
	perror(run->qemu[0]);
	_exit(127);
}

/* "PID START": the start time tells it from a later process of the same number. */
static int identity(pid_t pid, char *text, size_t room)
{
	char path[64];
	char stat[1024] = "";
	char *p;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	f = fopen(path, "re");
	if (f == NULL) {
		return -1;
	}
	p = fgets(stat, sizeof(stat), f);
	fclose(f);
	p = p != NULL ? strrchr(stat, ')') : NULL;
	for (int field = 2; p != NULL && field < 22; field++) {
		p = strchr(p + 1, ' ');
	}
	if (p == NULL) {
		return -1;
	}
	snprintf(text, room, "%d %llu", (int)pid, strtoull(p + 1, NULL, 10));
	return 0;
}

static void event_log(const struct run *run, const char *line)
{
	char text[1200];
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	snprintf(text, sizeof(text), "%lld.%03ld %.1000s\n", (long long)t.tv_sec,
		 t.tv_nsec / 1000000, line);
	write_text(run->events, text, O_CREAT | O_APPEND);
}

/* Until QEMU ends: was it because the node reset itself? */
static int watch(const struct run *run, int fd, struct relay *relay)
{
	static char line[65536];
	struct pollfd p[RELAY_FDS + 1];

	for (;;) {
		relay_wants(relay, p);
		p[RELAY_FDS] = (struct pollfd){ .fd = fd, .events = POLLIN };
		if (poll(p, RELAY_FDS + 1, -1) < 0) {
			continue;
		}
		relay_serve(relay, p);
		if (p[RELAY_FDS].revents == 0) {
			continue;
		}
		if (qmp_line(fd, line, sizeof(line), -1) <= 0) {
			return 0;
		}
		event_log(run, line);
		if (strstr(line, "\"SHUTDOWN\"") != NULL &&
		    (strstr(line, "\"guest-reset\"") != NULL ||
		     strstr(line, "\"guest-panic\"") != NULL)) {
			return 1;
		}
		if (strstr(line, "\"WATCHDOG\"") != NULL && strstr(line, "\"reset\"") != NULL) {
			return 1;
		}
	}
}

static void stay(const struct run *run, pid_t qemu, int fd, struct relay *relay, const char *who)
{
	int reset = watch(run, fd, relay);

	if (reset) {
		kill(qemu, SIGKILL);
		if (fork() == 0) {
			setsid();
			execl("/bin/sh", "sh", "-c", run->on_reset, "sh", who, (char *)NULL);
			_exit(127);
		}
	}
	while (wait(NULL) > 0 || errno == EINTR) {
	}
}

static int start(const struct run *run, int ready)
{
	char who[64];
	char text[80];
	int64_t until = now_ms() + GREET_MS;
	pid_t qemu = fork();
	struct relay *relay;
	int fd = -1;

	if (qemu == 0) {
		qemu_exec(run);
	}
	if (qemu < 0 || identity(qemu, who, sizeof(who)) != 0) {
		return 1;
	}
	while (fd < 0 && now_ms() < until && waitpid(qemu, NULL, WNOHANG) == 0) {
		fd = qmp_open(run->qmp, now_ms() + 200);
	}
	snprintf(text, sizeof(text), "%s\n", who);
	relay = fd < 0 ? NULL : relay_open(run->dir);
	if (relay == NULL || write_text(run->pidfile, text, O_CREAT | O_TRUNC) != 0) {
		kill(qemu, SIGKILL);
		return 1;
	}
	if (write(ready, "", 1) != 1) {
		return 1;
	}
	close(ready);
	stay(run, qemu, fd, relay, who);
	return 0;
}

int run_main(int argc, char **argv)
{
	struct run run = { 0 };
	int ready[2];
	char byte;
	ssize_t n;

	if (!run_options(&run, argc, argv) || pipe2(ready, O_CLOEXEC) != 0) {
		fputs("lab-vm: run: bad arguments\n", stderr);
		return 2;
	}
	if (fork() == 0) {
		int null = open("/dev/null", O_RDWR);

		setsid();
		close(ready[0]);
		dup2(null, STDIN_FILENO);
		dup2(null, STDOUT_FILENO);
		dup2(null, STDERR_FILENO);
		_exit(start(&run, ready[1]));
	}
	close(ready[1]);
	n = read(ready[0], &byte, 1);
	return n == 1 ? 0 : 1;
}
