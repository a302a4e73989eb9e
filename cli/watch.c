/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cli/watch.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "cli/cluster.h"
#include "cli/daemon.h"
#include "cli/output.h"
#include "lib/base/cleanup.h"

#define AWAY_SPAN      VMHA_SPAN_S(60)
#define AGAIN_SPAN     VMHA_SPAN_S(1)
#define EVENT_SPAN     VMHA_SPAN_MS(200) /* so soon Ctrl-C is heard */
#define SUBSCRIBE_SPAN VMHA_SPAN_S(5)
#define WIDTH_MIN      40

int vmha_watch_open(struct vmha_watch *w, struct vmha_err **err)
{
	int r = vmha_daemon_open(&w->ipc, err);

	r = r < 0 ? r
		  : vmha_daemon_call(w->ipc, json_pack("{s:s}", "op", "subscribe"), SUBSCRIBE_SPAN,
				     NULL, err);
	if (r < 0) {
		vmha_ipc_close(vmha_steal_ptr(w->ipc));
	}
	return r;
}

void vmha_watch_close(struct vmha_watch *w)
{
	vmha_watch_clear(w);
	vmha_ipc_close(vmha_steal_ptr(w->ipc));
	free(vmha_steal_ptr(w->shown));
}

/* clusterd has gone: keep trying, its successor has the same state. */
static int reopen(struct vmha_watch *w, struct vmha_err **err)
{
	vmha_autoerr struct vmha_err *why = NULL;

	if (w->ipc) {
		vmha_ipc_close(vmha_steal_ptr(w->ipc));
		w->limit = vmha_mono_add(vmha_mono_now(), AWAY_SPAN);
		vmha_watch_show(w, "clusterd of this node went away: what was begun goes on; "
				   "waiting for it");
	}
	if (vmha_watch_open(w, &why) == 0) {
		return 0;
	}
	if (vmha_mono_passed(w->limit)) {
		return vmha_err_set(err, -ECONNRESET,
				    "%s; what was begun goes on without this command",
				    vmha_err_text(why));
	}
	vmha_mono_pace(EVENT_SPAN); /* a socket that is not there yet gives no event */
	return -EAGAIN;
}

/* @return 0 look again; -EAGAIN nothing new; -ECONNRESET */
static int event_await(struct vmha_watch *w)
{
	vmha_autofree char *event = NULL;
	int r = vmha_ipc_event(w->ipc, EVENT_SPAN, &event, NULL);

	if (r == -EAGAIN || r == -ETIMEDOUT) {
		return vmha_mono_passed(w->again) ? 0 : -EAGAIN;
	}
	return r;
}

int vmha_watch_next(struct vmha_watch *w, json_t **ret_state, struct vmha_err **err)
{
	for (;;) {
		int r = 0;

		if (vmha_interrupt_take()) {
			return -EINTR;
		}
		if (w->ipc) {
			r = event_await(w);
		} else {
			r = reopen(w, err);
			if (r < 0 && r != -EAGAIN) {
				return r;
			}
		}
		if (r == -EAGAIN) {
			continue;
		}
		if (r == 0) {
			w->again = vmha_mono_add(vmha_mono_now(), AGAIN_SPAN);
			r = vmha_daemon_state(w->ipc, ret_state, NULL);
		}
		if (r == 0) {
			return 0;
		}
		r = reopen(w, err);
		if (r < 0 && r != -EAGAIN) {
			return r;
		}
	}
}

static FILE *progress_file(void)
{
	return vmha_output_is_json() ? stderr : stdout;
}

size_t vmha_watch_width(void)
{
	struct winsize size = { 0 };
	int fd = fileno(progress_file());

	if (!isatty(fd)) {
		return 0;
	}
	if (ioctl(fd, TIOCGWINSZ, &size) < 0 || size.ws_col < WIDTH_MIN) {
		return 79;
	}
	return (size_t)size.ws_col - 1;
}

void vmha_watch_clear(struct vmha_watch *w)
{
	if (w->drawn) {
		(void)fputs("\r\033[K", progress_file());
		(void)fflush(progress_file());
		w->drawn = false;
	}
}

void vmha_watch_show(struct vmha_watch *w, const char *line)
{
	if (w->shown && strcmp(w->shown, line) == 0) {
		return;
	}
	free(w->shown);
	w->shown = strdup(line);
	if (vmha_watch_width()) {
		(void)fprintf(progress_file(), "\r%s\033[K", line);
		(void)fflush(progress_file());
		w->drawn = true;
	} else {
		vmha_output_step("  %s", line);
	}
}
