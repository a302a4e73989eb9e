/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * vmha-virtwatch: libvirt's events for clusterd, a JSON object a line on standard output.  A child
 * of its own because a libvirtd that hangs holds every libvirt call: the beat then stops, and
 * clusterd kills this process and starts another.
 */
#include <errno.h>
#include <glib-unix.h>
#include <glib.h>
#include <jansson.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>

#include "lib/base/cleanup.h"
#include "lib/base/log.h"
#include "lib/base/str.h"
#include "lib/port/virtevents.h"

#define BEAT_S 1

struct watch {
	GMainLoop *loop;
	struct vmha_virtevents *events;
	char *last_error; /* said once, not every second */
};

/* Steals @line.  Nobody reads any more: clusterd is gone. */
static void say(struct watch *w, json_t *line)
{
	if (!line || json_dumpf(line, stdout, JSON_COMPACT) < 0 || putchar('\n') == EOF ||
	    fflush(stdout) == EOF) {
		g_main_loop_quit(w->loop);
	}
	json_decref(line);
}

static void on_event(const struct vmha_virtevent *e, void *data)
{
	say(data,
	    json_pack("{s:s, s:s, s:s, s:s, s:s, s:s}", "event", vmha_virtevent_name(e->kind),
		      "name", e->name, "uuid", e->uuid, "state", vmha_guest_state_name(e->state),
		      "end", vmha_guest_end_name(e->end), "text", e->text));
}

static gboolean on_beat(gpointer data)
{
	vmha_autoerr struct vmha_err *err = NULL;
	struct watch *w = data;

	say(w, json_pack("{s:s}", "event", "beat"));
	if (vmha_virtevents_connect(w->events, &err) == 0) {
		g_clear_pointer(&w->last_error, g_free);
	} else if (!vmha_str_eq(w->last_error, vmha_err_text(err))) {
		vmha_log(VMHA_LOG_WARNING, "%s", vmha_err_text(err));
		g_free(w->last_error);
		w->last_error = g_strdup(vmha_err_text(err));
	}
	return G_SOURCE_CONTINUE;
}

static gboolean on_signal(gpointer data)
{
	struct watch *w = data;

	g_main_loop_quit(w->loop);
	return G_SOURCE_CONTINUE;
}

int main(int argc, char **argv)
{
	vmha_autoerr struct vmha_err *err = NULL;
	struct watch w = { 0 };

	(void)argv;
	if (argc != 1) {
		(void)fprintf(stderr, "vmha-virtwatch is run by vmha-clusterd\n");
		return 2;
	}
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL); /* also where a libvirt call hangs */
	(void)signal(SIGPIPE, SIG_IGN);
	w.loop = g_main_loop_new(NULL, FALSE);
	if (vmha_virtevents_new(on_event, &w, &w.events, &err) < 0) {
		vmha_log(VMHA_LOG_ERROR, "%s", vmha_err_text(err));
		g_main_loop_unref(w.loop);
		return 1;
	}
	g_unix_signal_add(SIGTERM, on_signal, &w);
	(void)on_beat(&w);
	g_timeout_add_seconds(BEAT_S, on_beat, &w);
	g_main_loop_run(w.loop);
	vmha_virtevents_free(w.events);
	g_free(w.last_error);
	g_main_loop_unref(w.loop);
	return 0;
}
