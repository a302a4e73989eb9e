/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Run records, which agents write and remove, and a pidfd for each process that they name. */
#include <errno.h>
#include <glib-unix.h>
#include <stdio.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/pidfd.h>
#include <unistd.h>

#include "clusterd/guests.h"
#include "lib/base/cleanup.h"
#include "lib/base/file.h"
#include "lib/base/proc.h"
#include "lib/base/str.h"

#define SUFFIX ".run"

void clusterd_guest_free(gpointer guest)
{
	struct clusterd_guest *g = guest;

	if (g->exit_watch) {
		g_source_remove(g->exit_watch);
	}
	if (g->timer) {
		g_source_remove(g->timer);
	}
	if (g->pidfd >= 0) {
		(void)close(g->pidfd);
	}
	g_free(g);
}

static gboolean on_process_end(gint fd, GIOCondition condition, gpointer data)
{
	struct clusterd_guest *g = data;

	(void)condition;
	(void)close(fd);
	g->pidfd = -1;
	g->exit_watch = 0;
	g->ended = true;
	clusterd_log(VMHA_LOG_INFO, "vm=%s pid=%d process ended", g->name, (int)g->run.pid);
	clusterd_guest_ended(g);
	return G_SOURCE_REMOVE;
}

/* A pidfd names whatever has the number now: its start time says whether it is that process. */
static void process_watch(struct clusterd_guest *g)
{
	g->pidfd = pidfd_open((pid_t)g->run.pid, 0);
	if (g->pidfd >= 0 && vmha_proc_is((pid_t)g->run.pid, g->run.start_ticks)) {
		g->exit_watch = g_unix_fd_add(g->pidfd, G_IO_IN, on_process_end, g);
		return;
	}
	if (g->pidfd < 0 && errno != ESRCH) {
		clusterd_log(VMHA_LOG_ERROR, "vm=%s pid=%d cannot be watched: %s", g->name,
			     (int)g->run.pid, g_strerror(errno));
		return;
	}
	if (g->pidfd >= 0) {
		(void)close(g->pidfd);
		g->pidfd = -1;
	}
	g->ended = true;
	clusterd_log(VMHA_LOG_INFO, "vm=%s pid=%d process has ended unseen", g->name,
		     (int)g->run.pid);
	clusterd_guest_ended(g);
}

static void record_read(struct clusterd *c, const char *name)
{
	struct clusterd_guest *g = g_hash_table_lookup(c->guests->guests, name);
	vmha_autofree char *text = NULL;
	vmha_autofree char *path = vmha_str_printf("%s/%s" SUFFIX, VMHA_RUN_DIR, name);
	struct vmha_run_record run = { 0 };
	int r = path ? vmha_file_read(path, VMHA_RECORD_MAX_BYTES, &text, NULL, NULL) : -ENOMEM;

	if (r == 0) {
		r = vmha_record_parse(VMHA_RECORD_RUN, text, &run, NULL);
	}
	if (r < 0) {
		/* an agent has seen it go */
		(void)g_hash_table_remove(c->guests->guests, name);
		clusterd_guests_tell(c);
		return;
	}
	if (g && g->run.pid == run.pid && g->run.start_ticks == run.start_ticks) {
		g->run = run;
		return;
	}
	g = g_new0(struct clusterd_guest, 1);
	g->c = c;
	g->run = run;
	g->pidfd = -1;
	(void)g_strlcpy(g->name, name, sizeof(g->name));
	(void)g_hash_table_replace(c->guests->guests, g->name, g);
	clusterd_log(VMHA_LOG_INFO, "vm=%s pid=%d is here", g->name, (int)run.pid);
	process_watch(g);
}

static void name_changed(struct clusterd *c, const char *file)
{
	char name[VMHA_NAME_SIZE];
	size_t len = strlen(file);

	if (len <= strlen(SUFFIX) || len - strlen(SUFFIX) >= sizeof(name) ||
	    strcmp(file + len - strlen(SUFFIX), SUFFIX) != 0) {
		return; /* also the temporary file of a record that is being written */
	}
	(void)g_strlcpy(name, file, len - strlen(SUFFIX) + 1);
	if (vmha_str_is_name(name)) {
		record_read(c, name);
	}
}

static void directory_read(struct clusterd *c)
{
	vmha_autodir DIR *dir = opendir(VMHA_RUN_DIR);
	struct dirent *de;

	while (dir && (de = readdir(dir))) {
		name_changed(c, de->d_name);
	}
}

static gboolean on_inotify(gint fd, GIOCondition condition, gpointer data)
{
	char buf[4096] __attribute__((aligned(__alignof__(struct inotify_event))));
	ssize_t n = read(fd, buf, sizeof(buf));
	ssize_t at = 0;

	(void)condition;
	while (at + (ssize_t)sizeof(struct inotify_event) <= n) {
		const struct inotify_event *e = (const struct inotify_event *)(buf + at);

		if (e->mask & IN_Q_OVERFLOW) {
			directory_read(data);
		} else if (e->len) {
			name_changed(data, e->name);
		}
		at += (ssize_t)sizeof(*e) + (ssize_t)e->len;
	}
	return G_SOURCE_CONTINUE;
}

int clusterd_guestproc_open(struct clusterd *c, struct vmha_err **err)
{
	struct clusterd_guests *all = c->guests;
	int r = vmha_file_mkdirs(VMHA_RUN_DIR, 0755, err);

	if (r < 0) {
		return r;
	}
	all->inotify = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	if (all->inotify < 0 || inotify_add_watch(all->inotify, VMHA_RUN_DIR,
						  IN_MOVED_TO | IN_CLOSE_WRITE | IN_DELETE) < 0) {
		return vmha_err_errno(err, -errno, "cannot watch %s", VMHA_RUN_DIR);
	}
	all->inotify_watch = g_unix_fd_add(all->inotify, G_IO_IN, on_inotify, c);
	directory_read(c);
	return 0;
}

void clusterd_guestproc_close(struct clusterd *c)
{
	if (c->guests->inotify_watch) {
		g_source_remove(c->guests->inotify_watch);
	}
	if (c->guests->inotify >= 0) {
		(void)close(c->guests->inotify);
	}
}
