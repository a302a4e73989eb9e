/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "csv/coordinator.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/cleanup.h"
#include "lib/base/file.h"
#include "lib/base/log.h"
#include "lib/base/proc.h"
#include "lib/base/str.h"
#include "lib/role/journal.h"

#define TICK_MS	   500 /* nothing tells when a lease becomes free, or a time is over */
#define CHORES_S   60
#define LINE_BYTES 512
#define EXIT_USAGE 2

struct input {
	char text[LINE_BYTES];
	size_t len;
};

void coordinator_event(const struct coordinator *c, const char *level, const char *fmt, ...)
{
	char text[480];
	struct vmha_journal_note note = {
		.kind = "volume", .level = level, .node = c->joined.node, .text = text
	};
	size_t len = (size_t)snprintf(text, sizeof(text), "volume %s: ", c->params.volume);
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(text + len, sizeof(text) - len, fmt, ap);
	va_end(ap);
	vmha_log(strcmp(level, "info") == 0 ? VMHA_LOG_INFO : VMHA_LOG_WARNING, "%s", text);
	vmha_journal_send(&note);
}

static bool leaving(const char *volume)
{
	char path[VMHA_PATH_SIZE];

	vmha_volume_path(volume, VMHA_VOLUME_LEAVING, path);
	if (access(path, F_OK) == 0) {
		return true;
	}
	vmha_volume_path(volume, VMHA_VOLUME_JOINED, path);
	return access(path, F_OK) < 0;
}

/*
 *   csv's stop                       this process
 *   makes .leaving                   writes its pid
 *   reads the pid: ends that one     looks for .leaving: ends by itself
 */
static int pid_store(const char *volume, struct vmha_err **err)
{
	char path[VMHA_PATH_SIZE];
	char text[64];
	uint64_t ticks = 0;
	int n;
	int r = vmha_proc_start_time(getpid(), &ticks);

	if (r < 0) {
		return vmha_err_errno(err, r, "cannot look at this process");
	}
	n = snprintf(text, sizeof(text), "%ld %llu\n", (long)getpid(), (unsigned long long)ticks);
	vmha_volume_path(volume, VMHA_VOLUME_COORDINATOR_PID, path);
	return vmha_file_write(path, text, (size_t)n, 0644, err);
}

static void line_obey(struct coordinator *c, const char *line)
{
	uint64_t node = 0;

	if (vmha_str_starts(line, "move ") &&
	    vmha_str_u64(line + strlen("move "), 1, VMHA_HOST_ID_MAX, &node) == 0) {
		coordinator_move(c, node);
	} else if (vmha_str_starts(line, "lookup ")) {
		coordinator_lookup(c, line + strlen("lookup "));
	} else if (vmha_str_eq(line, "say") && c->state == COORDINATOR_OWNER) {
		(void)printf("{\"event\":\"still\",\"epoch\":%llu}\n",
			     (unsigned long long)c->epoch);
		(void)fflush(stdout);
	}
}

/* @return false: clusterd is gone */
static bool input_read(struct coordinator *c, struct input *in)
{
	ssize_t n = read(STDIN_FILENO, in->text + in->len, sizeof(in->text) - in->len - 1);
	char *end;

	if (n <= 0) {
		return n < 0 && (errno == EINTR || errno == EAGAIN);
	}
	in->len += (size_t)n;
	in->text[in->len] = '\0';
	while ((end = strchr(in->text, '\n'))) {
		*end = '\0';
		line_obey(c, in->text);
		in->len -= (size_t)(end + 1 - in->text);
		memmove(in->text, end + 1, in->len + 1);
	}
	if (in->len == sizeof(in->text) - 1) {
		in->len = 0; /* no line of clusterd's */
	}
	return true;
}

static int chores_look(struct coordinator *c)
{
	vmha_autoerr struct vmha_err *err = NULL;

	if (c->state != COORDINATOR_OWNER || !vmha_mono_passed(c->chores)) {
		return 0;
	}
	if (coordinator_chores(c, &err) < 0) {
		coordinator_event(c, "warning",
				  "%s can no longer coordinate it and gives it to another node: %s",
				  c->joined.node, vmha_err_text(err));
		coordinator_give_up(c);
	}
	c->chores = vmha_mono_add(vmha_mono_now(), VMHA_SPAN_S(CHORES_S));
	return 0;
}

static int loop(struct coordinator *c, struct vmha_err **err)
{
	struct input in = { .len = 0 };

	while (!leaving(c->params.volume)) {
		struct pollfd fds[2] = { { .fd = STDIN_FILENO, .events = POLLIN },
					 { .fd = coordinator_fd(c), .events = POLLIN } };
		int r;

		if (poll(fds, 2, TICK_MS) < 0 && errno != EINTR) {
			return vmha_err_errno(err, -errno, "cannot wait");
		}
		if (fds[0].revents && !input_read(c, &in)) {
			return 0;
		}
		r = coordinator_step(c, err);
		if (r < 0) {
			return r;
		}
		(void)chores_look(c);
	}
	return 0;
}

static int run(struct coordinator *c, struct vmha_err **err)
{
	int r = vmha_volume_load(c->params.volume, VMHA_VOLUME_JOINED, &c->joined, err);

	r = r < 0 ? r : pid_store(c->params.volume, err);
	if (r < 0 || leaving(c->params.volume)) {
		return r;
	}
	r = coordinator_prepare(c, err);
	r = r < 0 ? r : loop(c, err);
	vmha_dlm_close(c->dlm);
	vmha_lease_give(&c->lease_sock);
	return r;
}

int main(int argc, char **argv)
{
	struct coordinator c = { .lease_sock = -1 };
	vmha_autoerr struct vmha_err *err = NULL;

	if (argc != 2 || !vmha_str_is_name(argv[1])) {
		(void)fputs("usage: vmha-coordinator VOLUME\n"
			    "clusterd starts it, on every node for every volume.\n",
			    stderr);
		return EXIT_USAGE;
	}
	(void)signal(SIGPIPE, SIG_IGN);
	(void)fcntl(STDIN_FILENO, F_SETFL, O_NONBLOCK);
	c.params.volume = argv[1];
	if (run(&c, &err) < 0) {
		vmha_log(VMHA_LOG_WARNING, "volume=%s its coordinator on this node ends: %s",
			 argv[1], vmha_err_text(err));
		return EXIT_FAILURE;
	}
	return EXIT_SUCCESS;
}
