/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "clusterd/volumes.h"

#include <dirent.h>
#include <errno.h>
#include <glib-unix.h>
#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "clusterd/journal.h"
#include "lib/base/cleanup.h"
#include "lib/base/file.h"
#include "lib/base/str.h"

#define PROGRAM	     VMHA_PKGLIBEXECDIR "/vmha-coordinator"
#define JOINED	     ".joined"
#define LEAVING	     ".leaving"
#define EVENTS_BYTES 4096

struct clusterd_volume *volumes_find(const struct clusterd *c, const char *name)
{
	return c->volumes ? g_hash_table_lookup(c->volumes->here, name) : NULL;
}

int volumes_say(struct clusterd *c, const struct vmha_cvolume *word)
{
	g_autofree struct vmha_cevent *e = g_new0(struct vmha_cevent, 1);

	if (!vmha_cluster_can(c->cluster, VMHA_CAN_VOLUME)) {
		return -EOPNOTSUPP;
	}
	e->type = VMHA_CEVENT_VOLUME;
	e->volume = *word;
	return clusterd_send(c, e);
}

void volumes_tell(struct clusterd_volume *v, const char *fmt, ...)
{
	char line[256];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	clusterd_linechild_tell(v->child, line);
}

/* --- what the coordinator says --------------------------------------------------------------- */

/* Why did it change hands?  The cluster knows whether a node is down. */
static void reason(const struct clusterd_volume *v, unsigned int before, bool asked, char *text,
		   size_t size)
{
	const struct vmha_cnode *node = vmha_cluster_node(v->c->cluster, before);
	char buffer[VMHA_NODE_SIZE];
	const char *name = vmha_cluster_node_name(v->c->cluster, before, buffer);

	if (!before) {
		(void)snprintf(text, size, "it is the first");
	} else if (asked) {
		(void)snprintf(text, size, "asked for by an administrator");
	} else if (before == v->c->self) {
		(void)snprintf(text, size, "its coordinator here was started again");
	} else if (!node || node->host == VMHA_HOST_DOWN) {
		(void)snprintf(text, size, "%.200s was lost", name);
	} else {
		(void)snprintf(text, size, "%.200s gave it up", name);
	}
}

static void owner_journal(const struct clusterd_volume *v, unsigned int before, bool asked)
{
	struct vmha_cjournal e = { .level = VMHA_LEVEL_info, .kind = "volume" };
	char why[256];

	reason(v, before, asked, why, sizeof(why));
	(void)snprintf(e.node, sizeof(e.node), "%s", v->c->name);
	(void)snprintf(e.text, sizeof(e.text),
		       "%.100s coordinates volume %s now, epoch %" G_GUINT64_FORMAT ": %s",
		       v->c->name, v->name, v->epoch, why);
	clusterd_journal_send(v->c, &e);
}

static void owner_say(const struct clusterd_volume *v, unsigned int before)
{
	struct vmha_cvolume word = { .word = VMHA_VOLUME_WORD_OWNER,
				     .node = before,
				     .epoch = v->epoch };

	memcpy(word.volume, v->name, sizeof(word.volume));
	(void)volumes_say(v->c, &word);
}

/* @param line NULL: the process ended, and with it the lock */
static void on_line(const json_t *line, void *data)
{
	struct clusterd_volume *v = data;
	const char *event = json_string_value(json_object_get(line, "event"));
	unsigned int before = (unsigned int)json_integer_value(json_object_get(line, "before"));

	if (event && strcmp(event, "owner") == 0) {
		v->owner = true;
		v->epoch = (uint64_t)json_integer_value(json_object_get(line, "epoch"));
		clusterd_log(VMHA_LOG_INFO, "volume=%s coordinated here epoch=%" G_GUINT64_FORMAT,
			     v->name, v->epoch);
		owner_say(v, before);
		owner_journal(v, before, json_is_true(json_object_get(line, "asked")));
	} else if (v->owner) {
		v->owner = false;
		clusterd_log(VMHA_LOG_INFO, "volume=%s no longer coordinated here", v->name);
	}
}

/* --- which volumes are here ------------------------------------------------------------------ */

static void volume_free(void *data)
{
	struct clusterd_volume *v = data;

	clusterd_linechild_free(v->child);
	g_free(v);
}

static bool is_leaving(const char *name)
{
	g_autofree char *path = g_strconcat(VMHA_CSV_RUN_DIR "/", name, LEAVING, NULL);

	return access(path, F_OK) == 0;
}

static void volume_begin(struct clusterd_volumes *all, const char *name)
{
	struct clusterd_volume *v;

	if (g_hash_table_contains(all->here, name)) {
		return;
	}
	v = g_new0(struct clusterd_volume, 1);
	v->c = all->c;
	(void)g_strlcpy(v->name, name, sizeof(v->name));
	(void)g_hash_table_insert(all->here, v->name, v);
	v->child = clusterd_linechild_new_for(PROGRAM, v->name, on_line, v);
}

/* @return set of names, to be freed; NULL: the directory cannot be read now */
static GHashTable *joined_read(void)
{
	vmha_autodir DIR *dir = opendir(VMHA_CSV_RUN_DIR);
	GHashTable *names;
	struct dirent *e;

	if (!dir) {
		return NULL;
	}
	names = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	while ((e = readdir(dir))) {
		g_autofree char *name = g_strdup(e->d_name);

		if (!g_str_has_suffix(name, JOINED)) {
			continue;
		}
		name[strlen(name) - strlen(JOINED)] = '\0';
		if (vmha_str_is_name(name) && !is_leaving(name)) {
			(void)g_hash_table_add(names, g_steal_pointer(&name));
		}
	}
	return names;
}

static gboolean is_gone(gpointer key, gpointer value, gpointer data)
{
	(void)value;
	return !g_hash_table_contains(data, key);
}

static void look(struct clusterd_volumes *all)
{
	GHashTable *names = joined_read();
	GHashTableIter iter;
	gpointer name;

	if (!names) {
		return;
	}
	(void)g_hash_table_foreach_remove(all->here, is_gone, names);
	g_hash_table_iter_init(&iter, names);
	while (g_hash_table_iter_next(&iter, &name, NULL)) {
		volume_begin(all, name);
	}
	g_hash_table_destroy(names);
}

static gboolean on_inotify(gint fd, GIOCondition condition, gpointer data)
{
	char events[EVENTS_BYTES];

	(void)condition;
	while (read(fd, events, sizeof(events)) > 0) {
		/* what has changed is read from the directory */
	}
	look(data);
	return G_SOURCE_CONTINUE;
}

static int watch_begin(struct clusterd_volumes *all, struct vmha_err **err)
{
	int r = vmha_file_mkdirs(VMHA_CSV_RUN_DIR, 0755, err);

	if (r < 0) {
		return r;
	}
	all->inotify = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	if (all->inotify < 0 ||
	    inotify_add_watch(all->inotify, VMHA_CSV_RUN_DIR,
			      IN_CREATE | IN_DELETE | IN_MOVED_TO | IN_MOVED_FROM) < 0) {
		return vmha_err_errno(err, -errno, "cannot watch %s", VMHA_CSV_RUN_DIR);
	}
	all->watch = g_unix_fd_add(all->inotify, G_IO_IN, on_inotify, all);
	return 0;
}

/* --- the module ------------------------------------------------------------------------------ */

/* This node has to become it, and cannot: whoever asked is told. */
static void move_refuse(struct clusterd *c, const struct vmha_cevent *e, const char *why)
{
	struct vmha_cvolume word = { .word = VMHA_VOLUME_WORD_REFUSED, .node = e->from };

	memcpy(word.volume, e->volume.volume, sizeof(word.volume));
	(void)snprintf(word.text, sizeof(word.text), "%s", why);
	(void)volumes_say(c, &word);
}

static void move_hear(struct clusterd *c, const struct vmha_cevent *e)
{
	struct clusterd_volume *v = volumes_find(c, e->volume.volume);
	char why[256];

	if (v && !(v->owner && e->volume.node == c->self)) {
		volumes_tell(v, "move %u\n", e->volume.node);
	} else if (e->volume.node == c->self) {
		(void)snprintf(why, sizeof(why),
			       v ? "%.100s coordinates volume %s already"
				 : "%.100s has not started volume %s: it cannot coordinate it",
			       c->name, e->volume.volume);
		move_refuse(c, e, why);
	}
}

static void applied(struct clusterd *c, const struct vmha_cevent *e)
{
	struct clusterd_volume *v;

	if (e->type != VMHA_CEVENT_VOLUME || !c->volumes) {
		return;
	}
	v = volumes_find(c, e->volume.volume);
	if (e->volume.word == VMHA_VOLUME_WORD_MOVE) {
		move_hear(c, e);
	} else if (e->volume.word == VMHA_VOLUME_WORD_LOOKUP && v &&
		   vmha_str_is_name(e->volume.vm)) {
		volumes_tell(v, "lookup %s\n", e->volume.vm);
	}
	volumes_asks_look(c, e);
}

static int start(struct clusterd *c, struct vmha_err **err)
{
	struct clusterd_volumes *all = g_new0(struct clusterd_volumes, 1);
	int r;

	all->c = c;
	all->inotify = -1;
	all->here = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, volume_free);
	all->asks = g_ptr_array_new_with_free_func(volumes_ask_free);
	c->volumes = all;
	r = watch_begin(all, err);
	if (r == 0) {
		look(all);
	}
	return r;
}

static void stop(struct clusterd *c)
{
	struct clusterd_volumes *all = c->volumes;

	if (!all) {
		return;
	}
	c->volumes = NULL;
	if (all->watch) {
		g_source_remove(all->watch);
	}
	if (all->inotify >= 0) {
		(void)close(all->inotify);
	}
	g_ptr_array_unref(all->asks);
	g_hash_table_destroy(all->here);
	g_free(all);
}

static const struct clusterd_op ops[] = {
	{ .name = "volume-move", .handle = volumes_op_move, .needs_sync = true },
	{ .name = "volume-lookup", .handle = volumes_op_lookup, .needs_sync = true },
	{ 0 },
};

const struct clusterd_module clusterd_module_volumes = {
	.name = "volumes",
	.start = start,
	.stop = stop,
	.applied = applied,
	.ops = ops,
};
