/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A node that was taken out of the cluster is forgotten: its entry in the replicated state would
 * keep its name from a node that comes under it with another id.  The administrator's word for it
 * is that neither corosync's nodelist nor Pacemaker's configuration has it any more.
 *
 * The lowest node does it, others some beats later, should that one have no Pacemaker.  Bans that a
 * drain left in Pacemaker's configuration go first: they stand under the name.
 */
#include "clusterd/forget.h"

#include <stdlib.h>
#include <string.h>

#include "clusterd/clusterd.h"
#include "clusterd/config.h"
#include "clusterd/drive.h"
#include "lib/base/cleanup.h"
#include "lib/port/cmap.h"

#define BEAT_MS	       1000
#define BEATS	       2 /* found so often: no list was read while it was changed */
#define BEATS_STAND_IN 6 /* ... on a node that is not the lowest */

struct clusterd_forget {
	struct clusterd *c;
	guint timer;
	unsigned int node; /* the one found last; 0 none */
	unsigned int beats;
	bool busy; /* its bans are being removed */
};

/* Both lists as one. @return NULL: one of them cannot be read now */
static struct vmha_listed *listed_read(const struct clusterd *c, size_t *ret_count)
{
	vmha_autofree struct vmha_cmap_node *corosync = NULL;
	const struct vmha_listed *pacemaker;
	struct vmha_listed *all;
	size_t corosync_count = 0;
	size_t count = 0;
	size_t i;

	pacemaker = clusterd_config_nodes(c, &count);
	if (!count || vmha_cmap_nodes(&corosync, &corosync_count, NULL) < 0) {
		return NULL;
	}
	all = calloc(count + corosync_count, sizeof(*all));
	if (!all) {
		return NULL;
	}
	(void)memcpy(all, pacemaker, count * sizeof(*all));
	for (i = 0; i < corosync_count; i++, count++) {
		all[count].id = corosync[i].id;
		(void)g_strlcpy(all[count].name, corosync[i].name, sizeof(all[count].name));
	}
	*ret_count = count;
	return all;
}

/* Is there a node that Pacemaker's configuration lacks?  Only then corosync's list is read. */
static bool is_due(const struct clusterd *c)
{
	size_t count = 0;
	const struct vmha_listed *listed = clusterd_config_nodes(c, &count);

	return c->synced && c->quorate && count &&
	       vmha_cluster_forgettable(c->cluster, listed, count);
}

static void unbanned(struct clusterd *c, int r, const char *text, const char *why, void *data)
{
	struct vmha_cevent *e = NULL;

	(void)text;
	(void)data;
	if (!c->forget || !c->forget->busy) {
		return;
	}
	c->forget->busy = false;
	if (r < 0) {
		clusterd_log(VMHA_LOG_WARNING, "forget node=%u bans not removed: %s",
			     c->forget->node, why);
		return; /* the next beat tries again */
	}
	e = g_new0(struct vmha_cevent, 1);
	e->type = VMHA_CEVENT_FORGET;
	e->node = c->forget->node;
	(void)clusterd_send(c, e);
	g_free(e);
}

static void node_forget(struct clusterd_forget *f)
{
	const struct vmha_cnode *node = vmha_cluster_node(f->c->cluster, f->node);

	clusterd_log(VMHA_LOG_INFO, "forget node=%u name=%s: in no list any more", f->node,
		     node->name);
	f->busy = true;
	drive_pcmk_change(f->c->drive->pcmk, DRIVE_UNBAN, "", node->name, unbanned, NULL);
}

static gboolean on_beat(gpointer data)
{
	struct clusterd_forget *f = data;
	vmha_autofree struct vmha_listed *listed = NULL;
	unsigned int lowest = vmha_cluster_lowest(f->c->cluster);
	unsigned int node = 0;
	size_t count = 0;

	if (f->busy) {
		return G_SOURCE_CONTINUE;
	}
	if (!is_due(f->c)) {
		f->timer = 0;
		f->node = 0;
		return G_SOURCE_REMOVE;
	}
	listed = listed_read(f->c, &count);
	if (listed) {
		node = vmha_cluster_forgettable(f->c->cluster, listed, count);
	}
	f->beats = node && node == f->node ? f->beats + 1 : 1;
	f->node = node;
	if (node && f->beats >= (lowest == f->c->self ? BEATS : BEATS_STAND_IN)) {
		node_forget(f);
	}
	return G_SOURCE_CONTINUE;
}

void clusterd_forget_look(struct clusterd *c)
{
	if (c->forget && !c->forget->timer && is_due(c)) {
		c->forget->timer = g_timeout_add(BEAT_MS, on_beat, c->forget);
	}
}

static int on_start(struct clusterd *c, struct vmha_err **err)
{
	(void)err;
	c->forget = g_new0(struct clusterd_forget, 1);
	c->forget->c = c;
	return 0;
}

static void on_stop(struct clusterd *c)
{
	if (c->forget && c->forget->timer) {
		g_source_remove(c->forget->timer);
	}
	g_free(c->forget);
	c->forget = NULL;
}

const struct clusterd_module clusterd_module_forget = {
	.name = "forget",
	.start = on_start,
	.stop = on_stop,
	.changed = clusterd_forget_look,
};
