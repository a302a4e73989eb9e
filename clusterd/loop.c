/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "clusterd/loop.h"

#include <errno.h>
#include <glib.h>

/* A source that is found again by its descriptor, which is the user data of its callback. */
struct watch {
	GSource base;
	gpointer tag;
	int fd;
	qb_ipcs_dispatch_fn_t fn;
	void *data;
};

struct job {
	qb_loop_job_dispatch_fn fn;
	void *data;
};

static gboolean watch_check(GSource *source)
{
	const struct watch *w = (const struct watch *)(const void *)source;

	return g_source_query_unix_fd(source, w->tag) != 0;
}

static gboolean watch_dispatch(GSource *source, GSourceFunc callback, gpointer user_data)
{
	const struct watch *w = (const struct watch *)(const void *)source;

	(void)callback;
	(void)user_data;
	/* The numbers of GLib's conditions are poll(2)'s. */
	return w->fn(w->fd, (int32_t)g_source_query_unix_fd(source, w->tag), w->data) < 0
		       ? G_SOURCE_REMOVE
		       : G_SOURCE_CONTINUE;
}

static const GSourceFuncs *watch_funcs(void)
{
	static const GSourceFuncs funcs = { .check = watch_check, .dispatch = watch_dispatch };

	return &funcs;
}

static gboolean never_called(gpointer data)
{
	(void)data;
	return G_SOURCE_REMOVE;
}

static GSource *watch_find(int32_t fd)
{
	return g_main_context_find_source_by_funcs_user_data(
		NULL, (GSourceFuncs *)(uintptr_t)watch_funcs(), GINT_TO_POINTER(fd + 1));
}

static int32_t watch_del(int32_t fd)
{
	GSource *source = watch_find(fd);

	if (!source) {
		return -ENOENT;
	}
	g_source_destroy(source);
	return 0;
}

static int32_t watch_add(enum qb_loop_priority priority, int32_t fd, int32_t events, void *data,
			 qb_ipcs_dispatch_fn_t fn)
{
	GSource *source;
	struct watch *w;

	(void)priority;
	(void)watch_del(fd); /* its number was used before */
	source = g_source_new((GSourceFuncs *)(uintptr_t)watch_funcs(), sizeof(*w));
	w = (struct watch *)(void *)source;
	w->fd = fd;
	w->fn = fn;
	w->data = data;
	w->tag = g_source_add_unix_fd(source, fd,
				      (GIOCondition)events | G_IO_HUP | G_IO_ERR | G_IO_NVAL);
	g_source_set_callback(source, never_called, GINT_TO_POINTER(fd + 1), NULL);
	(void)g_source_attach(source, NULL);
	g_source_unref(source);
	return 0;
}

static int32_t watch_mod(enum qb_loop_priority priority, int32_t fd, int32_t events, void *data,
			 qb_ipcs_dispatch_fn_t fn)
{
	GSource *source = watch_find(fd);
	struct watch *w = (struct watch *)(void *)source;

	if (!source) {
		return watch_add(priority, fd, events, data, fn);
	}
	w->fn = fn;
	w->data = data;
	g_source_modify_unix_fd(source, w->tag,
				(GIOCondition)events | G_IO_HUP | G_IO_ERR | G_IO_NVAL);
	return 0;
}

static gboolean job_run(gpointer data)
{
	const struct job *job = data;

	job->fn(job->data);
	return G_SOURCE_REMOVE;
}

static int32_t job_add(enum qb_loop_priority priority, void *data, qb_loop_job_dispatch_fn fn)
{
	struct job *job = g_new(struct job, 1);

	(void)priority;
	job->fn = fn;
	job->data = data;
	(void)g_idle_add_full(G_PRIORITY_DEFAULT, job_run, job, g_free);
	return 0;
}

struct qb_ipcs_poll_handlers clusterd_loop_handlers(void)
{
	return (struct qb_ipcs_poll_handlers){ .job_add = job_add,
					       .dispatch_add = watch_add,
					       .dispatch_mod = watch_mod,
					       .dispatch_del = watch_del };
}
