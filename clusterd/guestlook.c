/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The lease rule (DESIGN.md, section 3): a guest that was resumed, or whose libvirtd was away, may
 * run without its lease.  The agent's thorough monitor looks and mends, one guest after the other.
 */
#include <stdio.h>

#include "clusterd/guests.h"
#include "clusterd/worker.h"
#include "lib/base/cleanup.h"

#define PATIENCE VMHA_SPAN_S(40)
#define REST_MS	 500 /* libvirt takes the lease itself in its own resume */

static const char program[] = VMHA_PKGLIBEXECDIR "/vm-action";

static void look_next(struct clusterd *c);

static void looked(struct clusterd *c, const struct clusterd_worker_result *res, void *data)
{
	struct clusterd_guests *all = c->guests;

	(void)data;
	all->look = NULL;
	clusterd_log(res->status == 0 || res->status == 7 ? VMHA_LOG_DEBUG : VMHA_LOG_WARNING,
		     "vm=%s looked at, status %d %s", all->look_name, res->status, res->errors);
	g_clear_pointer(&all->look_name, g_free);
	look_next(c);
}

static void look_start(struct clusterd *c, const struct clusterd_guest *g)
{
	char *self = g_strdup_printf("OCF_RESKEY_CRM_meta_on_node=%s", c->name);
	char *name = g_strdup_printf("OCF_RESKEY_name=%s", g->name);
	char *volume = g_strdup_printf("OCF_RESKEY_volume=%s", g->run.volume);
	const char *const argv[] = {
		"env",	 self,	    name, volume, "OCF_RESKEY_CRM_meta_timeout=30000",
		program, "monitor", NULL
	};
	vmha_autoerr struct vmha_err *err = NULL;

	if (clusterd_worker_run(c, argv, NULL, PATIENCE, looked, NULL, &c->guests->look, &err) <
	    0) {
		clusterd_log(VMHA_LOG_ERROR, "%s", vmha_err_text(err));
		c->guests->look = NULL;
	} else {
		c->guests->look_name = g_strdup(g->name);
	}
	g_free(self);
	g_free(name);
	g_free(volume);
}

static void look_next(struct clusterd *c)
{
	while (!c->guests->look && !g_queue_is_empty(c->guests->looks)) {
		char *name = g_queue_pop_head(c->guests->looks);
		const struct clusterd_guest *g = g_hash_table_lookup(c->guests->guests, name);

		/* an agent at work keeps the rule itself */
		if (g && !g->ended && !clusterd_guest_in_action(c, name)) {
			look_start(c, g);
		}
		g_free(name);
	}
}

static gboolean on_rest(gpointer data)
{
	struct clusterd *c = data;

	c->guests->look_timer = 0;
	look_next(c);
	return G_SOURCE_REMOVE;
}

void clusterd_guest_look(struct clusterd *c, const char *name)
{
	struct clusterd_guests *all = c->guests;

	if (!g_queue_find_custom(all->looks, name, (GCompareFunc)g_strcmp0)) {
		g_queue_push_tail(all->looks, g_strdup(name));
	}
	if (!all->look_timer) {
		all->look_timer = g_timeout_add(REST_MS, on_rest, c);
	}
}

void clusterd_guest_look_all(struct clusterd *c)
{
	GHashTableIter iter;
	gpointer name;

	g_hash_table_iter_init(&iter, c->guests->guests);
	while (g_hash_table_iter_next(&iter, &name, NULL)) {
		clusterd_guest_look(c, name);
	}
}

void clusterd_guest_look_close(struct clusterd *c)
{
	struct clusterd_guests *all = c->guests;

	if (all->look_timer) {
		g_source_remove(all->look_timer);
	}
	clusterd_worker_cancel(all->look);
	g_free(all->look_name);
	g_queue_free_full(all->looks, g_free);
}
