/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * vmha-cibwatch: Pacemaker's configuration for clusterd, a JSON object a line on standard output:
 * {"event":"config",...} at the start and whenever settings, roles or nodes have changed,
 * {"event":"status"} at most once a second when anything else has, {"event":"fence",...} when a
 * node was fenced or could not be, {"event":"lost"} when Pacemaker is gone.  A child of its own
 * because its libraries wait for Pacemaker's daemons, and to keep them out of clusterd.  It ends
 * when its standard input does.
 */
#include <glib-unix.h>
#include <glib.h>
#include <jansson.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/cleanup.h"
#include "lib/base/log.h"
#include "lib/base/str.h"
#include "lib/port/cib.h"
#include "lib/port/fencewatch.h"
#include "lib/port/pcmk.h"
#include "lib/port/pcmk_settings.h"

#define RETRY_S	  1
#define STATUS_MS 1000
#define RECHECK_S 30 /* should a notification ever get lost */

struct watch {
	GMainLoop *loop;
	bool open;
	bool fence_open;
	bool due; /* a look is already to be had */
	bool status_due;
	char *last; /* what was said */
	char *last_error;
};

static gboolean on_beat(gpointer data);

static void say(struct watch *w, const char *line)
{
	if (printf("%s\n", line) < 0 || fflush(stdout) == EOF) {
		g_main_loop_quit(w->loop);
	}
}

static void complain(struct watch *w, const struct vmha_err *err)
{
	if (!vmha_str_eq(w->last_error, vmha_err_text(err))) {
		vmha_log(VMHA_LOG_WARNING, "%s", vmha_err_text(err));
		g_free(w->last_error);
		w->last_error = g_strdup(vmha_err_text(err));
	}
}

static json_t *settings_json(const struct vmha_pcmk_settings *list)
{
	json_t *all = json_array();
	size_t i;

	for (i = 0; i < list->count; i++) {
		const struct vmha_setting_pair *p = &list->items[i];

		(void)json_array_append_new(all, json_pack("{s:s, s:s, s:s}", "node", p->node,
							   "name", p->name, "value", p->value));
	}
	return all;
}

static json_t *roles_json(const struct vmha_pcmk_primitives *list)
{
	json_t *all = json_array();
	size_t i;

	for (i = 0; i < list->count; i++) {
		const struct vmha_pcmk_primitive *p = &list->items[i];

		(void)json_array_append_new(all, json_pack("{s:s, s:s, s:s, s:s, s:I}", "name",
							   p->id, "volume", p->volume, "mode",
							   p->mode, "target_role", p->target_role,
							   "priority", (json_int_t)p->priority));
	}
	return all;
}

static json_t *nodes_json(const struct vmha_listed *nodes, size_t count)
{
	json_t *all = json_array();
	size_t i;

	for (i = 0; i < count; i++) {
		(void)json_array_append_new(all,
					    json_pack("{s:I, s:s}", "id", (json_int_t)nodes[i].id,
						      "name", nodes[i].name));
	}
	return all;
}

/* Read the configuration; say it when it is another one than before. */
static int look(struct watch *w, struct vmha_err **err)
{
	vmha_autosettings struct vmha_pcmk_settings *settings = NULL;
	vmha_autoprimitives struct vmha_pcmk_primitives *roles = NULL;
	vmha_autofree struct vmha_listed *nodes = NULL;
	vmha_autofree char *xml = NULL;
	vmha_autofree char *line = NULL;
	size_t nodes_count = 0;
	json_t *o;
	int r = vmha_cib_query(&xml, err);

	r = r < 0 ? r : vmha_pcmk_settings_parse(xml, &settings, err);
	r = r < 0 ? r : vmha_pcmk_primitives_parse(xml, "vm", &roles, err);
	r = r < 0 ? r : vmha_pcmk_cib_nodes_parse(xml, &nodes, &nodes_count, err);
	if (r < 0) {
		return r;
	}
	o = json_pack("{s:s, s:o, s:o, s:o}", "event", "config", "settings",
		      settings_json(settings), "roles", roles_json(roles), "nodes",
		      nodes_json(nodes, nodes_count));
	line = o ? json_dumps(o, JSON_COMPACT) : NULL;
	json_decref(o);
	if (line && !vmha_str_eq(line, w->last)) {
		say(w, line);
		free(w->last);
		w->last = vmha_steal_ptr(line);
	}
	return 0;
}

static void lose(struct watch *w)
{
	vmha_cib_close();
	w->open = false;
	if (w->last) {
		say(w, "{\"event\":\"lost\"}");
	}
	free(vmha_steal_ptr(w->last));
}

static gboolean on_due(gpointer data)
{
	vmha_autoerr struct vmha_err *err = NULL;
	struct watch *w = data;

	w->due = false;
	if (w->open && look(w, &err) < 0) {
		complain(w, err);
		lose(w);
	}
	return G_SOURCE_REMOVE;
}

/* Not from inside libcib's callback: several changes are one look. */
static void on_changed(void *data)
{
	struct watch *w = data;

	if (!w->due) {
		w->due = true;
		g_idle_add(on_due, w);
	}
}

static gboolean on_status_due(gpointer data)
{
	struct watch *w = data;

	w->status_due = false;
	if (w->open) {
		say(w, "{\"event\":\"status\"}");
	}
	return G_SOURCE_REMOVE;
}

static void on_status(void *data)
{
	struct watch *w = data;

	if (!w->status_due) {
		w->status_due = true;
		g_timeout_add(STATUS_MS, on_status_due, w);
	}
}

static gboolean on_lost_idle(gpointer data)
{
	struct watch *w = data;

	if (w->open) {
		lose(w);
	}
	return G_SOURCE_REMOVE;
}

static void on_lost(void *data)
{
	g_idle_add(on_lost_idle, data);
}

static void on_fenced(const struct vmha_fenced *f, void *data)
{
	json_t *o = json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:b}", "event", "fence", "id", f->id,
			      "node", f->target, "action", f->action, "by", f->by, "client",
			      f->client, "ok", f->ok);
	vmha_autofree char *line = o ? json_dumps(o, JSON_COMPACT) : NULL;

	json_decref(o);
	if (line) {
		say(data, line);
	}
}

static gboolean on_fence_lost_idle(gpointer data)
{
	struct watch *w = data;

	vmha_fencewatch_close();
	w->fence_open = false;
	return G_SOURCE_REMOVE;
}

static void on_fence_lost(void *data)
{
	g_idle_add(on_fence_lost_idle, data);
}

/* The fencer is up soon after the CIB. */
static void fence_open(struct watch *w)
{
	static const struct vmha_fencewatch_calls calls = { .fenced = on_fenced,
							    .lost = on_fence_lost };

	if (!w->fence_open && vmha_fencewatch_open(&calls, w, NULL) == 0) {
		w->fence_open = true;
	}
}

static gboolean on_beat(gpointer data)
{
	static const struct vmha_cib_calls calls = { .changed = on_changed,
						     .status = on_status,
						     .lost = on_lost };
	vmha_autoerr struct vmha_err *err = NULL;
	struct watch *w = data;

	if (w->open) {
		fence_open(w);
		return G_SOURCE_CONTINUE;
	}
	if (vmha_cib_open(&calls, w, &err) < 0) {
		complain(w, err);
		return G_SOURCE_CONTINUE;
	}
	w->open = true;
	g_clear_pointer(&w->last_error, g_free);
	(void)on_due(w);
	return G_SOURCE_CONTINUE;
}

static gboolean on_recheck(gpointer data)
{
	on_changed(data);
	return G_SOURCE_CONTINUE;
}

/* Nothing is ever sent: its end is clusterd's. */
static gboolean on_input(gint fd, GIOCondition condition, gpointer data)
{
	struct watch *w = data;
	char buf[64];

	(void)condition;
	if (read(fd, buf, sizeof(buf)) <= 0) {
		g_main_loop_quit(w->loop);
		return G_SOURCE_REMOVE;
	}
	return G_SOURCE_CONTINUE;
}

int main(int argc, char **argv)
{
	struct watch w = { 0 };

	(void)argv;
	if (argc != 1) {
		(void)fprintf(stderr, "vmha-cibwatch is run by vmha-clusterd\n");
		return 2;
	}
	(void)signal(SIGPIPE, SIG_IGN);
	w.loop = g_main_loop_new(NULL, FALSE);
	g_unix_fd_add(STDIN_FILENO, G_IO_IN | G_IO_HUP, on_input, &w);
	(void)on_beat(&w);
	g_timeout_add_seconds(RETRY_S, on_beat, &w);
	g_timeout_add_seconds(RECHECK_S, on_recheck, &w);
	g_main_loop_run(w.loop);
	vmha_fencewatch_close();
	vmha_cib_close();
	free(w.last);
	g_free(w.last_error);
	g_main_loop_unref(w.loop);
	return 0;
}
