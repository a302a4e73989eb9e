/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "clusterd/worker.h"

#include <errno.h>
#include <gio/gio.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "clusterd/clusterd.h"

#define OUTPUT_MAX  (16UL * 1024 * 1024)
#define PIECE_BYTES 16384
#define PATH	    "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

struct stream {
	struct clusterd_worker *worker;
	GInputStream *in;
	GString *text;
	char piece[PIECE_BYTES];
};

struct clusterd_worker {
	struct clusterd *c;
	clusterd_worker_done done; /* NULL: cancelled */
	void *data;
	GSubprocess *child;
	GCancellable *cancel;
	pid_t group;
	guint timer;
	bool timed_out;
	unsigned int pending; /* operations under way: two streams, input, the end */
	struct stream out;
	struct stream err;
};

static void group_kill(const struct clusterd_worker *w)
{
	if (w->group > 0) {
		(void)kill(-w->group, SIGKILL);
	}
}

static int status_of(const struct clusterd_worker *w)
{
	if (w->timed_out) {
		return -ETIMEDOUT;
	}
	return g_subprocess_get_if_exited(w->child) ? g_subprocess_get_exit_status(w->child)
						    : 128 + g_subprocess_get_term_sig(w->child);
}

static void worker_free(struct clusterd_worker *w)
{
	if (w->timer) {
		(void)g_source_remove(w->timer);
	}
	(void)g_string_free(w->out.text, TRUE);
	(void)g_string_free(w->err.text, TRUE);
	g_object_unref(w->child);
	g_object_unref(w->cancel);
	g_free(w);
}

static void worker_tell(struct clusterd_worker *w)
{
	struct clusterd_worker_result res;
	clusterd_worker_done done = w->done;

	w->done = NULL;
	if (done) {
		res = (struct clusterd_worker_result){ .status = status_of(w),
						       .output = w->out.text->str,
						       .errors = w->err.text->str };
		done(w->c, &res, w->data);
	}
}

/* One operation less; the last one ends the worker. */
static void worker_unref(struct clusterd_worker *w)
{
	if (--w->pending) {
		return;
	}
	worker_tell(w);
	worker_free(w);
}

static void stream_next(struct stream *s);

static void on_read(GObject *source, GAsyncResult *result, gpointer data)
{
	struct stream *s = data;
	gssize n = g_input_stream_read_finish(G_INPUT_STREAM(source), result, NULL);

	if (n <= 0) {
		worker_unref(s->worker);
		return;
	}
	if (s->text->len + (size_t)n <= OUTPUT_MAX) { /* the rest is read, so that it ends */
		(void)g_string_append_len(s->text, s->piece, n);
	}
	stream_next(s);
}

static void stream_next(struct stream *s)
{
	g_input_stream_read_async(s->in, s->piece, sizeof(s->piece), G_PRIORITY_DEFAULT,
				  s->worker->cancel, on_read, s);
}

static void stream_begin(struct clusterd_worker *w, struct stream *s, GInputStream *in)
{
	s->worker = w;
	s->in = in;
	s->text = g_string_new(NULL);
	w->pending++;
	stream_next(s);
}

static void on_exit_of_child(GObject *source, GAsyncResult *result, gpointer data)
{
	struct clusterd_worker *w = data;

	(void)g_subprocess_wait_finish(G_SUBPROCESS(source), result, NULL);
	w->group = 0; /* its number may be another's now */
	worker_unref(w);
}

static gboolean on_deadline(gpointer data)
{
	struct clusterd_worker *w = data;

	w->timer = 0;
	w->timed_out = true;
	group_kill(w);
	/* Who asked hears it now: the child may hang in the kernel, a grandchild hold the pipes. */
	worker_tell(w);
	g_cancellable_cancel(w->cancel);
	return G_SOURCE_REMOVE;
}

static void on_written(GObject *source, GAsyncResult *result, gpointer data)
{
	struct clusterd_worker *w = data;

	(void)g_output_stream_write_all_finish(G_OUTPUT_STREAM(source), result, NULL, NULL);
	(void)g_output_stream_close(G_OUTPUT_STREAM(source), NULL, NULL);
	worker_unref(w);
}

static void input_begin(struct clusterd_worker *w, const char *input)
{
	char *copy = g_strdup(input);

	w->pending++;
	g_object_set_data_full(G_OBJECT(w->child), "vmha-input", copy, g_free);
	g_output_stream_write_all_async(g_subprocess_get_stdin_pipe(w->child), copy, strlen(copy),
					G_PRIORITY_DEFAULT, w->cancel, on_written, w);
}

static void child_setup(gpointer data)
{
	(void)data;
	(void)setpgid(0, 0);
}

static GSubprocess *child_start(const char *const argv[], bool input, GError **error)
{
	GSubprocessFlags flags = G_SUBPROCESS_FLAGS_STDOUT_PIPE | G_SUBPROCESS_FLAGS_STDERR_PIPE;
	GSubprocessLauncher *launcher;
	GSubprocess *child;

	launcher = g_subprocess_launcher_new(input ? flags | G_SUBPROCESS_FLAGS_STDIN_PIPE : flags);
	g_subprocess_launcher_set_child_setup(launcher, child_setup, NULL, NULL);
	g_subprocess_launcher_setenv(launcher, "PATH", PATH, TRUE);
	g_subprocess_launcher_setenv(launcher, "LC_ALL", "C", TRUE);
	/* what supervises the daemon is not for its children */
	g_subprocess_launcher_unsetenv(launcher, "NOTIFY_SOCKET");
	g_subprocess_launcher_unsetenv(launcher, "WATCHDOG_PID");
	child = g_subprocess_launcher_spawnv(launcher, argv, error);
	g_object_unref(launcher);
	return child;
}

int clusterd_worker_run(struct clusterd *c, const char *const argv[], const char *input,
			struct vmha_span deadline, clusterd_worker_done done, void *data,
			struct clusterd_worker **ret_worker, struct vmha_err **err)
{
	g_autoptr(GError) error = NULL;
	struct clusterd_worker *w;
	GSubprocess *child = child_start(argv, input != NULL, &error);

	if (!child) {
		return vmha_err_set(err, -EIO, "cannot start %s: %s", argv[0], error->message);
	}
	w = g_new0(struct clusterd_worker, 1);
	w->c = c;
	w->done = done;
	w->data = data;
	w->child = child;
	w->cancel = g_cancellable_new();
	w->group = (pid_t)g_ascii_strtoll(
		g_subprocess_get_identifier(child) ? g_subprocess_get_identifier(child) : "0", NULL,
		10);
	w->timer = g_timeout_add((guint)vmha_span_ms(deadline), on_deadline, w);
	w->pending = 1;
	g_subprocess_wait_async(child, NULL, on_exit_of_child, w);
	stream_begin(w, &w->out, g_subprocess_get_stdout_pipe(child));
	stream_begin(w, &w->err, g_subprocess_get_stderr_pipe(child));
	if (input) {
		input_begin(w, input);
	}
	if (ret_worker) {
		*ret_worker = w;
	}
	return 0;
}

void clusterd_worker_cancel(struct clusterd_worker *w)
{
	if (!w) {
		return;
	}
	w->done = NULL;
	group_kill(w);
	g_cancellable_cancel(w->cancel);
}
