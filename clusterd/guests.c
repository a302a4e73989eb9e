/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What is true of the roles' guests on this node: their processes by run records and pidfds, what
 * they do by libvirt's events, and which of them an agent works at.  The agent's monitor asks here.
 */
#include "clusterd/guests.h"

#include <errno.h>
#include <string.h>

#include "lib/base/str.h"

#define REST_US	      300000 /* after an action its own traces are not a surprise */
#define DOMAINS_MAX   4096
#define TELL_MS	      200 /* a standstill that is only a step to something else is not told */
#define MONITOR_LOOK  1	  /* codes of the operation `monitor` */
#define MONITOR_BLIND 2

/* --- questions ----------------------------------------------------------------------------------
 */

const struct clusterd_domain *clusterd_guest_domain(const struct clusterd_guest *g)
{
	return g_hash_table_lookup(g->c->guests->domains, g->run.uuid);
}

bool clusterd_guest_in_action(const struct clusterd *c, const char *name)
{
	const gint64 *rested = g_hash_table_lookup(c->guests->rested, name);
	GHashTableIter iter;
	gpointer role;

	g_hash_table_iter_init(&iter, c->guests->actions);
	while (g_hash_table_iter_next(&iter, NULL, &role)) {
		if (strcmp(role, name) == 0) {
			return true;
		}
	}
	return rested && g_get_monotonic_time() - *rested < REST_US;
}

static struct clusterd_guest *guest_of_uuid(struct clusterd *c, const char *uuid)
{
	GHashTableIter iter;
	gpointer guest;

	g_hash_table_iter_init(&iter, c->guests->guests);
	while (g_hash_table_iter_next(&iter, NULL, &guest)) {
		struct clusterd_guest *g = guest;

		if (strcmp(g->run.uuid, uuid) == 0) {
			return g;
		}
	}
	return NULL;
}

/* --- telling the cluster of guests that stand still ---------------------------------------------
 */

static bool tell_worth(enum vmha_guest_state state)
{
	return state == VMHA_GUEST_PAUSED || vmha_guest_is_stuck(state);
}

static size_t tell_list(struct clusterd *c, struct vmha_cguest *list)
{
	GHashTableIter iter;
	gpointer guest;
	size_t n = 0;

	g_hash_table_iter_init(&iter, c->guests->guests);
	while (n < VMHA_CGUESTS_MAX && g_hash_table_iter_next(&iter, NULL, &guest)) {
		const struct clusterd_guest *g = guest;
		const struct clusterd_domain *d = clusterd_guest_domain(g);

		if (!g->ended && d && tell_worth(d->state)) {
			(void)g_strlcpy(list[n].vm, g->name, sizeof(list[n].vm));
			(void)g_strlcpy(list[n].state, vmha_guest_state_name(d->state),
					sizeof(list[n].state));
			n++;
		}
	}
	return n;
}

static gboolean on_tell(gpointer data)
{
	struct clusterd *c = data;
	struct clusterd_guests *all = c->guests;
	g_autofree struct vmha_cguest *list = g_new0(struct vmha_cguest, VMHA_CGUESTS_MAX);
	struct vmha_cevent e = { .type = VMHA_CEVENT_GUESTS, .guests = list };

	all->tell_timer = 0;
	if (!vmha_cluster_can(c->cluster, VMHA_CAN_GUESTS)) {
		all->told_once = false; /* changed() asks again */
		return G_SOURCE_REMOVE;
	}
	e.guests_count = tell_list(c, list);
	if (!c->synced || (all->told_once && e.guests_count == all->told_count &&
			   memcmp(list, all->told, sizeof(all->told)) == 0)) {
		return G_SOURCE_REMOVE; /* synced() asks again */
	}
	if (clusterd_send(c, &e) < 0) {
		clusterd_guests_tell(c);
		return G_SOURCE_REMOVE;
	}
	memcpy(all->told, list, sizeof(all->told));
	all->told_count = e.guests_count;
	all->told_once = true;
	return G_SOURCE_REMOVE;
}

void clusterd_guests_tell(struct clusterd *c)
{
	if (!c->guests->tell_timer) {
		c->guests->tell_timer = g_timeout_add(TELL_MS, on_tell, c);
	}
}

/* --- what libvirt tells
 * --------------------------------------------------------------------------- */

static struct clusterd_domain *domain_get(struct clusterd_guests *all, const char *uuid)
{
	struct clusterd_domain *d = g_hash_table_lookup(all->domains, uuid);

	if (!d && g_hash_table_size(all->domains) < DOMAINS_MAX) {
		d = g_new0(struct clusterd_domain, 1);
		(void)g_hash_table_insert(all->domains, g_strdup(uuid), d);
	}
	return d;
}

static void domain_set(struct clusterd *c, const struct vmha_virtevent *e)
{
	struct clusterd_domain *d = domain_get(c->guests, e->uuid);
	struct clusterd_guest *g = guest_of_uuid(c, e->uuid);

	if (!d) {
		return;
	}
	if (d->state != e->state) {
		clusterd_log(VMHA_LOG_INFO, "vm=%s %s -> %s", e->name,
			     vmha_guest_state_name(d->state), vmha_guest_state_name(e->state));
	}
	d->end = e->end;
	if (e->state == VMHA_GUEST_RUNNING) {
		d->detail[0] = '\0';
	}
	if (d->state != VMHA_GUEST_GONE) {
		d->last = d->state;
	}
	d->state = e->state;
	clusterd_guests_tell(c);
	if (!g) {
		return;
	}
	if (g->ended && d->state == VMHA_GUEST_GONE) {
		clusterd_guest_ended(g); /* no need to wait for the word any longer */
		return;
	}
	clusterd_guest_changed(g);
	if (e->kind == VMHA_VIRTEVENT_CHANGED && e->state == VMHA_GUEST_RUNNING) {
		clusterd_guest_look(c, g->name);
	}
}

/* Before a list: what is not in it has gone. */
static void domains_doubt(struct clusterd_guests *all)
{
	GHashTableIter iter;
	gpointer domain;

	g_hash_table_iter_init(&iter, all->domains);
	while (g_hash_table_iter_next(&iter, NULL, &domain)) {
		struct clusterd_domain *d = domain;

		if (d->state == VMHA_GUEST_GONE) { /* told long ago: nobody asks any more */
			g_hash_table_iter_remove(&iter);
			continue;
		}
		d->last = d->state;
		d->state = VMHA_GUEST_GONE;
		d->end = VMHA_END_UNKNOWN;
	}
}

static void on_virt(const struct vmha_virtevent *e, void *data)
{
	struct clusterd *c = data;
	struct clusterd_domain *d;

	switch (e->kind) {
	case VMHA_VIRTEVENT_CONNECTED:
		domains_doubt(c->guests);
		break;
	case VMHA_VIRTEVENT_DOMAIN:
	case VMHA_VIRTEVENT_CHANGED:
		domain_set(c, e);
		break;
	case VMHA_VIRTEVENT_LISTED:
		c->guests->connected = true;
		clusterd_log(VMHA_LOG_INFO, "libvirtd answers: %u domains",
			     g_hash_table_size(c->guests->domains));
		clusterd_guest_look_all(c);
		break;
	case VMHA_VIRTEVENT_LOST:
		c->guests->connected = false;
		clusterd_log(VMHA_LOG_WARNING, "libvirtd is lost: %s", e->text);
		break;
	case VMHA_VIRTEVENT_IOERROR:
	case VMHA_VIRTEVENT_WATCHDOG:
		d = domain_get(c->guests, e->uuid);
		if (d) {
			(void)g_strlcpy(d->detail, e->text, sizeof(d->detail));
		}
		clusterd_log(VMHA_LOG_DEBUG, "vm=%s %s %s", e->name, vmha_virtevent_name(e->kind),
			     e->text);
		break;
	case VMHA_VIRTEVENT_REBOOTED:
		clusterd_log(VMHA_LOG_INFO, "vm=%s rebooted itself", e->name);
		break;
	}
}

/* --- operations
 * ------------------------------------------------------------------------------------- */

static const char *name_get(const json_t *body, const char *key)
{
	const char *name = json_string_value(json_object_get(body, key));

	return name && vmha_str_is_name(name) ? name : NULL;
}

/* Code 0: that process runs and is well.  1: it is not, or not known: look.  2: libvirtd does not
 * say: the caller's own witnesses must do. */
static void op_monitor(struct clusterd *c, struct clusterd_request *req, const json_t *body)
{
	const char *name = name_get(body, "vm");
	const struct clusterd_guest *g =
		name && c->guests ? g_hash_table_lookup(c->guests->guests, name) : NULL;
	const struct clusterd_domain *d = g ? clusterd_guest_domain(g) : NULL;
	int code = c->guests ? MONITOR_LOOK : MONITOR_BLIND;

	if (!name) {
		clusterd_answer_error(req, -EINVAL, "monitor needs a vm");
		return;
	}
	if (g && !g->ended && g->run.pid == json_integer_value(json_object_get(body, "pid"))) {
		code = !c->guests->connected		   ? MONITOR_BLIND
		       : d && vmha_guest_is_well(d->state) ? 0
							   : MONITOR_LOOK;
	}
	clusterd_answer_code(req, code,
			     json_pack("{s:s}", "state",
				       vmha_guest_state_name(d ? d->state : VMHA_GUEST_UNKNOWN)));
}

static void action_rest(struct clusterd *c, uint64_t client)
{
	char *name = c->guests ? g_hash_table_lookup(c->guests->actions, &client) : NULL;
	gint64 *now;

	if (name) {
		now = g_new(gint64, 1);
		*now = g_get_monotonic_time();
		(void)g_hash_table_replace(c->guests->rested, g_strdup(name), now);
		(void)g_hash_table_remove(c->guests->actions, &client);
	}
}

static gboolean is_past(gpointer name, gpointer when, gpointer data)
{
	(void)name;
	(void)data;
	return g_get_monotonic_time() - *(gint64 *)when > REST_US;
}

static void op_action_begin(struct clusterd *c, struct clusterd_request *req, const json_t *body)
{
	const char *name = name_get(body, "vm");
	const char *action = name_get(body, "action");
	uint64_t *client;

	if (!name || !action) {
		clusterd_answer_error(req, -EINVAL, "action-begin needs a vm and an action");
		return;
	}
	if (!c->guests) { /* nothing is taken for a crash yet */
		clusterd_answer(req, NULL);
		return;
	}
	(void)g_hash_table_foreach_remove(c->guests->rested, is_past, NULL);
	client = g_new(uint64_t, 1);
	*client = clusterd_request_client(req);
	(void)g_hash_table_replace(c->guests->actions, client, g_strdup(name));
	clusterd_log(VMHA_LOG_DEBUG, "vm=%s %s begins", name, action);
	clusterd_answer(req, NULL);
}

static void op_guests(struct clusterd *c, struct clusterd_request *req, const json_t *body)
{
	json_t *all = json_array();
	GHashTableIter iter;
	gpointer guest;

	(void)body;
	g_hash_table_iter_init(&iter, c->guests->guests);
	while (g_hash_table_iter_next(&iter, NULL, &guest)) {
		const struct clusterd_guest *g = guest;
		const struct clusterd_domain *d = clusterd_guest_domain(g);
		enum vmha_guest_state state = g->ended ? VMHA_GUEST_GONE
					      : d      ? d->state
						       : VMHA_GUEST_UNKNOWN;

		(void)json_array_append_new(
			all, json_pack("{s:s, s:s, s:I, s:s, s:s}", "vm", g->name, "volume",
				       g->run.volume, "pid", (json_int_t)g->run.pid, "state",
				       vmha_guest_state_name(state), "detail", d ? d->detail : ""));
	}
	clusterd_answer(req,
			json_pack("{s:b, s:o}", "libvirtd", c->guests->connected, "guests", all));
}

static const struct clusterd_op ops[] = {
	{ .name = "monitor", .handle = op_monitor, .early = true },
	{ .name = "action-begin", .handle = op_action_begin, .early = true },
	{ .name = "guests", .handle = op_guests },
	{ 0 },
};

/* --- the module
 * --------------------------------------------------------------------------------------- */

static int guests_start(struct clusterd *c, struct vmha_err **err)
{
	struct clusterd_guests *all = g_new0(struct clusterd_guests, 1);

	c->guests = all;
	all->inotify = -1;
	all->guests = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, clusterd_guest_free);
	all->domains = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
	all->actions = g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, g_free);
	all->rested = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
	all->looks = g_queue_new();
	all->virt = clusterd_virtchild_new(on_virt, c);
	return clusterd_guestproc_open(c, err);
}

static void guests_stop(struct clusterd *c)
{
	struct clusterd_guests *all = c->guests;

	if (!all) {
		return;
	}
	clusterd_virtchild_free(all->virt);
	if (all->tell_timer) {
		g_source_remove(all->tell_timer);
	}
	clusterd_guestproc_close(c);
	clusterd_guest_look_close(c);
	g_hash_table_destroy(all->guests);
	g_hash_table_destroy(all->domains);
	g_hash_table_destroy(all->actions);
	g_hash_table_destroy(all->rested);
	g_free(all);
	c->guests = NULL;
}

static void guests_synced(struct clusterd *c)
{
	c->guests->told_once = false;
	clusterd_guests_tell(c);
}

/* All members can read it now. */
static void guests_changed(struct clusterd *c)
{
	if (c->guests && c->synced && !c->guests->told_once &&
	    vmha_cluster_can(c->cluster, VMHA_CAN_GUESTS)) {
		clusterd_guests_tell(c);
	}
}

const struct clusterd_module clusterd_module_guests = {
	.name = "guests",
	.start = guests_start,
	.stop = guests_stop,
	.synced = guests_synced,
	.changed = guests_changed,
	.closed = action_rest,
	.ops = ops,
};
