/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "clusterd/linechild.h"

#include <errno.h>
#include <glib-unix.h>
#include <glib.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "clusterd/clusterd.h"

#define RESTART_S      2
#define RESTART_MAX_S  60
#define LINE_BYTES_MAX (4 << 20)
#define READ_MAX       65536

struct clusterd_linechild {
	const char *program;
	char *argument; /* NULL: none, and no back-off */
	unsigned int restart_s;
	gint64 started_us;
	unsigned int silence_s;
	clusterd_linechild_fn fn;
	void *data;
	GPid pid; /* 0: none */
	int in;	  /* kept open: its end tells the child that we are gone */
	int out;
	guint out_watch;
	guint child_watch;
	guint timer; /* runs out when nothing was heard, or to start the next */
	GString *line;
};

static void child_start(struct clusterd_linechild *l);

static gboolean on_start(gpointer data)
{
	struct clusterd_linechild *l = data;

	l->timer = 0;
	child_start(l);
	return G_SOURCE_REMOVE;
}

static void timer_set(struct clusterd_linechild *l, guint seconds, GSourceFunc fn)
{
	if (l->timer) {
		g_source_remove(l->timer);
	}
	l->timer = g_timeout_add_seconds(seconds, fn, l);
}

static gboolean on_silent(gpointer data)
{
	struct clusterd_linechild *l = data;

	l->timer = 0;
	clusterd_log(VMHA_LOG_WARNING, "%s pid=%d was silent for %u s: it hangs and is killed",
		     l->program, (int)l->pid, l->silence_s);
	(void)kill(l->pid, SIGKILL); /* on_ended() follows */
	return G_SOURCE_REMOVE;
}

static void heard(struct clusterd_linechild *l)
{
	if (l->silence_s) {
		timer_set(l, l->silence_s, on_silent);
	}
}

static void line_take(struct clusterd_linechild *l, const char *text, size_t len)
{
	json_t *line = json_loadb(text, len, 0, NULL);

	if (json_is_object(line)) {
		l->fn(line, l->data);
	}
	json_decref(line);
}

static gboolean on_output(gint fd, GIOCondition condition, gpointer data)
{
	struct clusterd_linechild *l = data;
	char buf[READ_MAX];
	ssize_t n = read(fd, buf, sizeof(buf));
	char *end;

	(void)condition;
	if (n < 0 && (errno == EINTR || errno == EAGAIN)) {
		return G_SOURCE_CONTINUE;
	}
	if (n <= 0) {
		l->out_watch = 0;
		return G_SOURCE_REMOVE; /* on_ended() follows */
	}
	heard(l);
	g_string_append_len(l->line, buf, n);
	while ((end = memchr(l->line->str, '\n', l->line->len))) {
		line_take(l, l->line->str, (size_t)(end - l->line->str));
		g_string_erase(l->line, 0, end - l->line->str + 1);
	}
	if (l->line->len > LINE_BYTES_MAX) {
		g_string_truncate(l->line, 0);
	}
	return G_SOURCE_CONTINUE;
}

static void pipes_close(struct clusterd_linechild *l)
{
	if (l->out_watch) {
		g_source_remove(l->out_watch);
		l->out_watch = 0;
	}
	if (l->in >= 0) {
		(void)close(l->in);
		l->in = -1;
	}
	if (l->out >= 0) {
		(void)close(l->out);
		l->out = -1;
	}
	g_string_truncate(l->line, 0);
}

/* @return seconds; longer each time, unless it did well for a while */
static unsigned int restart_after(struct clusterd_linechild *l)
{
	unsigned int s = l->restart_s;

	if (!l->argument ||
	    g_get_monotonic_time() - l->started_us > (gint64)RESTART_MAX_S * G_USEC_PER_SEC) {
		s = RESTART_S;
	}
	l->restart_s = MIN(2 * s, RESTART_MAX_S);
	return s;
}

static void on_ended(GPid pid, gint status, gpointer data)
{
	struct clusterd_linechild *l = data;

	clusterd_log(VMHA_LOG_WARNING, "%s pid=%d ended, status %d", l->program, (int)pid, status);
	g_spawn_close_pid(pid);
	l->child_watch = 0;
	l->pid = 0;
	pipes_close(l);
	timer_set(l, restart_after(l), on_start);
	l->fn(NULL, l->data);
}

static void child_start(struct clusterd_linechild *l)
{
	char *argv[] = { (char *)(uintptr_t)l->program, l->argument, NULL };
	GError *error = NULL;

	if (!g_spawn_async_with_pipes(NULL, argv, NULL, G_SPAWN_DO_NOT_REAP_CHILD, NULL, NULL,
				      &l->pid, &l->in, &l->out, NULL, &error)) {
		clusterd_log(VMHA_LOG_ERROR, "cannot run %s: %s", l->program, error->message);
		g_error_free(error);
		l->pid = 0;
		l->in = -1;
		l->out = -1;
		timer_set(l, restart_after(l), on_start);
		return;
	}
	l->started_us = g_get_monotonic_time();
	(void)g_unix_set_fd_nonblocking(l->out, TRUE, NULL);
	(void)g_unix_set_fd_nonblocking(l->in, TRUE, NULL);
	l->out_watch = g_unix_fd_add(l->out, G_IO_IN | G_IO_HUP, on_output, l);
	l->child_watch = g_child_watch_add(l->pid, on_ended, l);
	heard(l);
}

static struct clusterd_linechild *child_new(const char *program, const char *argument,
					    unsigned int silence_s, clusterd_linechild_fn fn,
					    void *data)
{
	struct clusterd_linechild *l = g_new0(struct clusterd_linechild, 1);

	l->program = program;
	l->argument = g_strdup(argument);
	l->restart_s = RESTART_S;
	l->silence_s = silence_s;
	l->fn = fn;
	l->data = data;
	l->in = -1;
	l->out = -1;
	l->line = g_string_new(NULL);
	child_start(l);
	return l;
}

struct clusterd_linechild *clusterd_linechild_new(const char *program, unsigned int silence_s,
						  clusterd_linechild_fn fn, void *data)
{
	return child_new(program, NULL, silence_s, fn, data);
}

struct clusterd_linechild *clusterd_linechild_new_for(const char *program, const char *argument,
						      clusterd_linechild_fn fn, void *data)
{
	return child_new(program, argument, 0, fn, data);
}

void clusterd_linechild_tell(struct clusterd_linechild *l, const char *line)
{
	size_t len = strlen(line);

	if (l->in >= 0 && write(l->in, line, len) != (ssize_t)len) {
		clusterd_log(VMHA_LOG_WARNING, "%s pid=%d does not read", l->program, (int)l->pid);
	}
}

/* It may sleep in the kernel: its end is not waited for. */
static void on_reaped(GPid pid, gint status, gpointer data)
{
	(void)status;
	(void)data;
	g_spawn_close_pid(pid);
}

void clusterd_linechild_free(struct clusterd_linechild *l)
{
	if (!l) {
		return;
	}
	if (l->child_watch) {
		g_source_remove(l->child_watch);
	}
	if (l->timer) {
		g_source_remove(l->timer);
	}
	pipes_close(l);
	if (l->pid) {
		(void)kill(l->pid, SIGKILL);
		(void)g_child_watch_add(l->pid, on_reaped, NULL);
	}
	g_string_free(l->line, TRUE);
	g_free(l->argument);
	g_free(l);
}
