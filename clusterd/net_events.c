/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "clusterd/net_events.h"

#include <glib.h>
#include <stdio.h>
#include <string.h>

#include "clusterd/journal.h"
#include "clusterd/net_view.h"
#include "lib/base/str.h"

#define CALM_MS 1000 /* reports of several nodes about one cut are one event */

struct memory {
	char key[VMHA_NETWORK_KEY_SIZE];
	char words[VMHA_REASON_SIZE]; /* "partitioned: node1" */
};

struct net_events {
	struct clusterd *c;
	guint timer;
	struct memory known[VMHA_NETWORKS_MAX];
	size_t count;
};

static void words_make(const struct vmha_network *net, char *words, const char **ret_node)
{
	vmha_autostr struct vmha_str s = { 0 };
	size_t lost = 0;
	size_t i;

	(void)vmha_str_add(&s, "%s", vmha_network_state_name(net->state));
	for (i = 0; i < net->addresses_count; i++) {
		const struct vmha_network_address *a = &net->addresses[i];

		if (a->lost) {
			(void)vmha_str_add(&s, "%s%s", lost++ ? ", " : ": ", a->node_name);
			*ret_node = lost == 1 ? a->node_name : "";
		}
	}
	(void)snprintf(words, VMHA_REASON_SIZE, "%s", s.text ? s.text : "");
}

static void tell(struct net_events *e, const struct vmha_network *net, const char *words,
		 const char *node)
{
	struct vmha_cjournal entry = { .kind = "network",
				       .level = net->state == VMHA_NETWORK_UP
							? VMHA_LEVEL_info
							: VMHA_LEVEL_warning };

	(void)snprintf(entry.node, sizeof(entry.node), "%s", node);
	(void)snprintf(entry.text, sizeof(entry.text), "%s (%s) is %.400s%s", net->name,
		       net->subnet, words, net->state == VMHA_NETWORK_UP ? " again" : "");
	clusterd_journal_send(e->c, &entry);
}

/* What was known of that network before; one that is new was up, as far as anybody knew. */
static const char *known_words(const struct net_events *e, const char *key)
{
	size_t i;

	for (i = 0; i < e->count; i++) {
		if (strcmp(e->known[i].key, key) == 0) {
			return e->known[i].words;
		}
	}
	return vmha_network_state_name(VMHA_NETWORK_UP);
}

static gboolean on_calm(gpointer data)
{
	struct net_events *e = data;
	g_autofree struct net_view *view = g_new0(struct net_view, 1);
	g_autofree struct memory *now = g_new0(struct memory, VMHA_NETWORKS_MAX);
	vmha_autonetworks struct vmha_networks nets = { 0 };
	size_t i;

	e->timer = 0;
	if (net_view_fill(e->c, view, NULL) < 0 || vmha_networks_derive(&view->in, &nets) < 0) {
		return G_SOURCE_REMOVE;
	}
	for (i = 0; i < nets.count; i++) {
		const struct vmha_network *net = &nets.items[i];
		const char *node = "";

		(void)snprintf(now[i].key, sizeof(now[i].key), "%s", net->key);
		words_make(net, now[i].words, &node);
		if (strcmp(now[i].words, known_words(e, net->key)) != 0 &&
		    vmha_cluster_lowest(e->c->cluster) == e->c->self) {
			tell(e, net, now[i].words, node);
		}
	}
	memcpy(e->known, now, sizeof(e->known));
	e->count = nets.count;
	return G_SOURCE_REMOVE;
}

void net_events_look(struct net_events *e)
{
	if (!e->timer) {
		e->timer = g_timeout_add(CALM_MS, on_calm, e);
	}
}

struct net_events *net_events_new(struct clusterd *c)
{
	struct net_events *e = g_new0(struct net_events, 1);

	e->c = c;
	return e;
}

void net_events_free(struct net_events *e)
{
	if (e && e->timer) {
		(void)g_source_remove(e->timer);
	}
	g_free(e);
}
