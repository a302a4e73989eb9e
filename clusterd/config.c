/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What Pacemaker's configuration says: settings and roles.  Each node's vmha-cibwatch tells of
 * every change; the lowest node makes an event of the settings, so that all nodes change over at
 * the same place in the total order.  Should that node have no CIB (Pacemaker is down there),
 * another one does so a little later.  Nothing here ever writes the CIB.
 */
#include "clusterd/config.h"

#include <glib.h>
#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clusterd/clusterd.h"
#include "clusterd/drive.h"
#include "clusterd/fence.h"
#include "clusterd/forget.h"
#include "clusterd/journal.h"
#include "clusterd/linechild.h"
#include "lib/base/cleanup.h"
#include "lib/base/str.h"
#include "lib/core/cluster.h"

#define PROGRAM	    VMHA_PKGLIBEXECDIR "/vmha-cibwatch"
#define STAND_IN_MS 2000 /* after which others speak for the lowest node */

struct clusterd_config {
	struct clusterd *c;
	struct clusterd_linechild *child;
	bool known;		       /* this node's CIB is there */
	GArray *pairs;		       /* of struct vmha_setting_pair: what it says */
	GArray *roles;		       /* of struct clusterd_role, by name */
	GArray *nodes;		       /* of struct vmha_listed */
	struct vmha_settings settings; /* those of the replicated state */
	GArray *held;		       /* of struct vmha_setting_pair: those they were made of */
	guint timer;		       /* stand in for the lowest node */
};

const struct vmha_settings *clusterd_config_settings(const struct clusterd *c)
{
	return &c->config->settings;
}

const struct clusterd_role *clusterd_config_roles(const struct clusterd *c, size_t *ret_count)
{
	*ret_count = c->config->known ? c->config->roles->len : 0;
	return c->config->known ? (const struct clusterd_role *)(void *)c->config->roles->data
				: NULL;
}

const struct vmha_listed *clusterd_config_nodes(const struct clusterd *c, size_t *ret_count)
{
	*ret_count = c->config->known ? c->config->nodes->len : 0;
	return c->config->known ? (const struct vmha_listed *)(void *)c->config->nodes->data : NULL;
}

const struct clusterd_role *clusterd_config_role(const struct clusterd *c, const char *name)
{
	size_t count = 0;
	const struct clusterd_role *roles = clusterd_config_roles(c, &count);
	size_t i;

	for (i = 0; i < count; i++) {
		if (strcmp(roles[i].name, name) == 0) {
			return &roles[i];
		}
	}
	return NULL;
}

/* --- settings ------------------------------------------------------------------------------- */

static int pair_compare(const void *a, const void *b)
{
	const struct vmha_setting_pair *x = a;
	const struct vmha_setting_pair *y = b;
	int r = strcmp(x->node, y->node);

	return r ? r : strcmp(x->name, y->name);
}

static bool pairs_equal(const GArray *pairs, const struct vmha_setting_pair *other, size_t count)
{
	size_t i;

	if (pairs->len != count) {
		return false;
	}
	for (i = 0; i < count; i++) {
		const struct vmha_setting_pair *p =
			&g_array_index(pairs, struct vmha_setting_pair, i);

		if (pair_compare(p, &other[i]) != 0 || strcmp(p->value, other[i].value) != 0) {
			return false;
		}
	}
	return true;
}

static bool text_copy(char *buf, size_t size, const json_t *o, const char *key)
{
	const char *text = json_string_value(json_object_get(o, key));

	return text && (size_t)snprintf(buf, size, "%s", text) < size;
}

static void pairs_take(struct clusterd_config *f, const json_t *list)
{
	const json_t *item;
	size_t i;

	g_array_set_size(f->pairs, 0);
	json_array_foreach(list, i, item)
	{
		struct vmha_setting_pair p = { 0 };

		if (f->pairs->len < VMHA_CLUSTER_SETTINGS_MAX &&
		    text_copy(p.node, sizeof(p.node), item, "node") &&
		    text_copy(p.name, sizeof(p.name), item, "name") &&
		    text_copy(p.value, sizeof(p.value), item, "value")) {
			g_array_append_val(f->pairs, p);
		}
	}
	g_array_sort(f->pairs, pair_compare);
}

static bool is_agreed(const struct clusterd_config *f)
{
	return pairs_equal(f->pairs, f->c->cluster->settings, f->c->cluster->settings_count);
}

/* Make what this node's CIB says an event, unless it is agreed already. */
static void settings_send(struct clusterd_config *f)
{
	struct vmha_cevent *e;

	if (!f->known || !f->c->synced || is_agreed(f)) {
		return;
	}
	e = g_new0(struct vmha_cevent, 1);
	e->type = VMHA_CEVENT_SETTINGS;
	e->settings = (const struct vmha_setting_pair *)(void *)f->pairs->data;
	e->settings_count = f->pairs->len;
	if (clusterd_send(f->c, e) < 0) {
		clusterd_log(VMHA_LOG_WARNING, "settings: the group cannot be reached now");
	}
	g_free(e);
}

static gboolean on_timer(gpointer data)
{
	struct clusterd_config *f = data;

	f->timer = 0;
	settings_send(f);
	return G_SOURCE_REMOVE;
}

/*
 * The state and this node's CIB have said their latest.  Where they differ now, one of them may
 * only be late (either way round); where they still do in a while, the state is to follow.
 */
static void settings_compare(struct clusterd_config *f)
{
	if (f->timer) {
		g_source_remove(f->timer);
		f->timer = 0;
	}
	if (f->known && f->c->synced && !is_agreed(f)) {
		f->timer = g_timeout_add(STAND_IN_MS, on_timer, f);
	}
}

/* --- the replicated state ------------------------------------------------------------------- */

static const struct vmha_setting_pair *pair_find(const GArray *pairs,
						 const struct vmha_setting_pair *like)
{
	guint i;

	for (i = 0; i < pairs->len; i++) {
		const struct vmha_setting_pair *p =
			&g_array_index(pairs, struct vmha_setting_pair, i);

		if (pair_compare(p, like) == 0) {
			return p;
		}
	}
	return NULL;
}

static void change_note(struct clusterd *c, int64_t wall_ms, enum vmha_level level,
			const char *node, const char *fmt, ...)
	__attribute__((format(printf, 5, 6)));

static void change_note(struct clusterd *c, int64_t wall_ms, enum vmha_level level,
			const char *node, const char *fmt, ...)
{
	struct vmha_cjournal e = { .wall_ms = wall_ms, .level = level, .kind = "setting" };
	va_list ap;

	(void)snprintf(e.cause, sizeof(e.cause), "%s", vmha_mig_cause_name(VMHA_CAUSE_USER));
	(void)snprintf(e.node, sizeof(e.node), "%s", node);
	va_start(ap, fmt);
	(void)vsnprintf(e.text, sizeof(e.text), fmt, ap);
	va_end(ap);
	clusterd_journal_append(c, &e);
}

/* One line a change: every node writes the same. */
static void changes_note(struct clusterd *c, int64_t wall_ms, const GArray *old, const GArray *now)
{
	guint i;

	for (i = 0; i < now->len; i++) {
		const struct vmha_setting_pair *p =
			&g_array_index(now, struct vmha_setting_pair, i);
		const struct vmha_setting_pair *before = pair_find(old, p);

		if (before && strcmp(before->value, p->value) == 0) {
			continue;
		}
		change_note(c, wall_ms, VMHA_LEVEL_info, p->node, "%s%s%s is %.80s now%s%.80s%s",
			    p->name, *p->node ? " of node " : "", p->node, p->value,
			    before ? " (was " : "", before ? before->value : "", before ? ")" : "");
	}
	for (i = 0; i < old->len; i++) {
		const struct vmha_setting_pair *p =
			&g_array_index(old, struct vmha_setting_pair, i);

		if (!pair_find(now, p)) {
			change_note(c, wall_ms, VMHA_LEVEL_info, p->node,
				    "%s%s%s has its default again", p->name,
				    *p->node ? " of node " : "", p->node);
		}
	}
}

/* Is this pair new, or has it another value than before? */
static bool is_changed(const GArray *old, const struct vmha_setting_pair *p)
{
	const struct vmha_setting_pair *before = pair_find(old, p);

	return !before || strcmp(before->value, p->value) != 0;
}

/* What cannot hold keeps its default, and is said once. @param old NULL: nothing is to be said */
static void settings_make(struct clusterd_config *f, int64_t wall_ms, const GArray *old)
{
	const struct vmha_cluster *state = f->c->cluster;
	size_t i;

	vmha_settings_default(&f->settings);
	for (i = 0; i < state->settings_count; i++) {
		const struct vmha_setting_pair *p = &state->settings[i];
		vmha_autoerr struct vmha_err *err = NULL;

		if (!vmha_setting_is_network(p->name) &&
		    vmha_settings_put(&f->settings, p->node, p->name, p->value, &err) < 0 && old &&
		    is_changed(old, p)) {
			change_note(f->c, wall_ms, VMHA_LEVEL_warning, p->node,
				    "in Pacemaker's configuration, not used: %s",
				    vmha_err_text(err));
		}
	}
}

static void state_take(struct clusterd_config *f, int64_t wall_ms, bool tell)
{
	const struct vmha_cluster *state = f->c->cluster;
	GArray *old = f->held;

	f->held = g_array_new(FALSE, FALSE, sizeof(struct vmha_setting_pair));
	g_array_append_vals(f->held, state->settings, state->settings_count);
	if (tell) {
		changes_note(f->c, wall_ms, old, f->held);
	}
	settings_make(f, wall_ms, tell ? old : NULL);
	g_array_unref(old);
}

static void on_applied(struct clusterd *c, const struct vmha_cevent *e)
{
	if (e->type == VMHA_CEVENT_SETTINGS) {
		state_take(c->config, e->wall_ms, true);
		settings_compare(c->config);
	}
}

static void on_synced(struct clusterd *c)
{
	state_take(c->config, 0, false);
	settings_compare(c->config);
}

/* --- this node's CIB ------------------------------------------------------------------------ */

static int role_compare(const void *a, const void *b)
{
	const struct clusterd_role *x = a;
	const struct clusterd_role *y = b;

	return strcmp(x->name, y->name);
}

static void roles_take(struct clusterd_config *f, const json_t *list)
{
	const json_t *item;
	size_t i;

	g_array_set_size(f->roles, 0);
	json_array_foreach(list, i, item)
	{
		struct clusterd_role r = { 0 };

		if (text_copy(r.name, sizeof(r.name), item, "name") && vmha_str_is_name(r.name) &&
		    text_copy(r.volume, sizeof(r.volume), item, "volume") &&
		    text_copy(r.mode, sizeof(r.mode), item, "mode") &&
		    text_copy(r.target_role, sizeof(r.target_role), item, "target_role")) {
			r.priority = (int)json_integer_value(json_object_get(item, "priority"));
			g_array_append_val(f->roles, r);
		}
	}
	g_array_sort(f->roles, role_compare);
}

static void nodes_take(struct clusterd_config *f, const json_t *list)
{
	const json_t *item;
	size_t i;

	g_array_set_size(f->nodes, 0);
	json_array_foreach(list, i, item)
	{
		struct vmha_listed n = { 0 };

		n.id = (unsigned int)json_integer_value(json_object_get(item, "id"));
		(void)text_copy(n.name, sizeof(n.name), item, "name");
		g_array_append_val(f->nodes, n);
	}
}

static void on_line(const json_t *line, void *data)
{
	const char *event = line ? json_string_value(json_object_get(line, "event")) : "lost";
	struct clusterd_config *f = data;

	if (vmha_str_eq(event, "lost")) {
		f->known = false;
		return;
	}
	if (vmha_str_eq(event, "config")) {
		pairs_take(f, json_object_get(line, "settings"));
		roles_take(f, json_object_get(line, "roles"));
		nodes_take(f, json_object_get(line, "nodes"));
		f->known = true;
		if (vmha_cluster_lowest(f->c->cluster) == f->c->self) {
			settings_send(f);
		}
		settings_compare(f);
		clusterd_forget_look(f->c);
	}
	if (vmha_str_eq(event, "fence")) {
		clusterd_fence_note(f->c, line);
	}
	drive_blocked_look(f->c, 0);
}

static int on_start(struct clusterd *c, struct vmha_err **err)
{
	struct clusterd_config *f = g_new0(struct clusterd_config, 1);

	(void)err;
	f->c = c;
	f->pairs = g_array_new(FALSE, FALSE, sizeof(struct vmha_setting_pair));
	f->held = g_array_new(FALSE, FALSE, sizeof(struct vmha_setting_pair));
	f->roles = g_array_new(FALSE, FALSE, sizeof(struct clusterd_role));
	f->nodes = g_array_new(FALSE, FALSE, sizeof(struct vmha_listed));
	vmha_settings_default(&f->settings);
	c->config = f;
	f->child = clusterd_linechild_new(PROGRAM, 0, on_line, f);
	return 0;
}

static void on_stop(struct clusterd *c)
{
	struct clusterd_config *f = c->config;

	if (!f) {
		return;
	}
	clusterd_linechild_free(f->child);
	if (f->timer) {
		g_source_remove(f->timer);
	}
	g_array_unref(f->pairs);
	g_array_unref(f->held);
	g_array_unref(f->roles);
	g_array_unref(f->nodes);
	g_free(f);
	c->config = NULL;
}

const struct clusterd_module clusterd_module_config = {
	.name = "config",
	.start = on_start,
	.stop = on_stop,
	.synced = on_synced,
	.applied = on_applied,
};
