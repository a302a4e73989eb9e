/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Publishes this node's network cards and whom it reaches; what networks follow from that every
 * node computes for itself (net_view.c).
 */
#include "clusterd/net.h"

#include <errno.h>
#include <glib-unix.h>
#include <stdio.h>
#include <string.h>

#include "clusterd/net_events.h"
#include "clusterd/net_probe.h"
#include "clusterd/net_view.h"
#include "clusterd/worker.h"
#include "lib/base/addr.h"
#include "lib/base/cleanup.h"
#include "lib/core/settings.h"
#include "lib/port/cmap.h"
#include "lib/port/netlink.h"

#define GATHER_MS	       50   /* several changes at once are one event */
#define AGAIN_MS	       1000 /* after a failure */
#define RESOLVE_SPAN	       VMHA_SPAN_S(10)
#define PLACEHOLDER_SPEED_MBPS 10 /* what a tap says: no card of a cluster is that slow */

struct clusterd_net {
	struct clusterd *c;
	struct vmha_netlink *netlink;
	guint watch;  /* of netlink's descriptor */
	guint gather; /* timer: read and publish what has changed */
	bool read;    /* ... the cards have to be read */
	struct vmha_iface ifaces[VMHA_IFACES_MAX];
	size_t ifaces_count;
	bool ifaces_sent;
	struct vmha_reach reaches[VMHA_REACHES_MAX];
	size_t reaches_count;
	bool reaches_sent;
	struct vmha_addr links[VMHA_CMAP_LINKS_MAX]; /* corosync's, of this node */
	size_t links_count;
	struct net_probe *probe;
	struct net_events *events;
	bool stale; /* the probe's targets: something was applied that they depend on */
};

static void gather_arm(struct clusterd_net *net, unsigned int ms);

/* --- interfaces ------------------------------------------------------------------------------- */

static void netlink_close(struct clusterd_net *net)
{
	if (net->watch) {
		(void)g_source_remove(net->watch);
		net->watch = 0;
	}
	vmha_netlink_close(net->netlink);
	net->netlink = NULL;
}

static gboolean on_netlink(gint fd, GIOCondition what, gpointer data)
{
	struct clusterd_net *net = data;
	const int r = vmha_netlink_changed(net->netlink);

	(void)fd;
	(void)what;
	if (r != 0) {
		net->read = true;
		gather_arm(net, GATHER_MS);
	}
	if (r < 0) {
		netlink_close(net);
	}
	return G_SOURCE_CONTINUE;
}

static int netlink_open(struct clusterd_net *net, struct vmha_err **err)
{
	const int r = net->netlink ? 0 : vmha_netlink_open(&net->netlink, err);

	if (r == 0 && !net->watch) {
		net->watch = g_unix_fd_add(vmha_netlink_fd(net->netlink), G_IO_IN, on_netlink, net);
	}
	return r;
}

static uint32_t speed_of(const struct vmha_iface *list, size_t count, const char *ifname)
{
	size_t i;

	for (i = 0; i < count; i++) {
		if (list[i].speed_mbps && strcmp(list[i].ifname, ifname) == 0) {
			return list[i].speed_mbps;
		}
	}
	return 0;
}

/* A card without carrier has no speed: the metric must not follow, so the last one stands. */
static void speed_keep(const struct clusterd_net *net, struct vmha_iface *f)
{
	const struct vmha_cnode *self =
		net->c->cluster ? vmha_cluster_node(net->c->cluster, net->c->self) : NULL;

	if (f->speed_mbps > PLACEHOLDER_SPEED_MBPS) {
		return;
	}
	f->speed_mbps = speed_of(net->ifaces, net->ifaces_count, f->ifname);
	if (!f->speed_mbps && self) {
		f->speed_mbps = speed_of(self->ifaces, self->ifaces_count, f->ifname);
	}
}

static bool is_link(const struct clusterd_net *net, const char *address)
{
	struct vmha_addr a;
	size_t i;

	for (i = 0; vmha_addr_parse(address, &a) == 0 && i < net->links_count; i++) {
		if (vmha_addr_compare(&a, &net->links[i]) == 0) {
			return true;
		}
	}
	return false;
}

static bool iface_same(const struct vmha_iface *a, const struct vmha_iface *b)
{
	return strcmp(a->ifname, b->ifname) == 0 && strcmp(a->address, b->address) == 0 &&
	       a->prefix == b->prefix && a->speed_mbps == b->speed_mbps && a->up == b->up &&
	       a->default_gateway == b->default_gateway && a->cluster == b->cluster;
}

static void iface_log(const struct vmha_iface *f)
{
	clusterd_log(VMHA_LOG_INFO, "card=%s address=%s/%u speed_mbps=%u%s%s%s", f->ifname,
		     f->address, f->prefix, f->speed_mbps, f->up ? "" : " down",
		     f->default_gateway ? " gateway" : "", f->cluster ? " corosync" : "");
}

static int ifaces_read(struct clusterd_net *net, struct vmha_err **err)
{
	struct vmha_iface list[VMHA_IFACES_MAX];
	size_t count = 0;
	size_t i;
	bool same;
	int r = netlink_open(net, err);

	r = r < 0 ? r : vmha_netlink_read(net->netlink, list, &count, err);
	if (r < 0) {
		netlink_close(net);
		return r;
	}
	same = count == net->ifaces_count;
	for (i = 0; i < count; i++) {
		list[i].cluster = is_link(net, list[i].address);
		speed_keep(net, &list[i]);
		if (i >= net->ifaces_count || !iface_same(&list[i], &net->ifaces[i])) {
			same = false;
			iface_log(&list[i]);
		}
	}
	memcpy(net->ifaces, list, count * sizeof(list[0]));
	net->ifaces_count = count;
	net->ifaces_sent = net->ifaces_sent && same;
	return 0;
}

/* --- corosync's addresses --------------------------------------------------------------------- */

static void link_add(struct clusterd_net *net, const char *text)
{
	struct vmha_addr a;

	if (net->links_count < VMHA_CMAP_LINKS_MAX && vmha_addr_parse(text, &a) == 0 &&
	    !is_link(net, text)) {
		net->links[net->links_count++] = a;
		net->read = true;
		gather_arm(net, GATHER_MS);
	}
}

/* Output of getent: "10.0.0.1  STREAM node1", the first line is the one corosync takes. */
static void on_resolved(struct clusterd *c, const struct clusterd_worker_result *res, void *data)
{
	char address[VMHA_ADDRESS_SIZE];

	if (res->status == 0 && sscanf(res->output, "%45s", address) == 1) {
		link_add(c->net, address);
	} else {
		clusterd_log(VMHA_LOG_WARNING,
			     "host=%s has no address: its network is not known as corosync's",
			     (const char *)data);
	}
	g_free(data);
}

/* Again after each round: corosync may have been given other links.  What it had stays one. */
static void links_read(struct clusterd_net *net)
{
	vmha_autofree struct vmha_cmap_node *nodes = NULL;
	vmha_autoerr struct vmha_err *err = NULL;
	struct vmha_addr a;
	size_t count = 0;
	size_t i;
	unsigned int k;

	if (vmha_cmap_nodes(&nodes, &count, &err) < 0) {
		clusterd_log(VMHA_LOG_WARNING, "corosync's addresses are not known: %s",
			     vmha_err_text(err));
	}
	for (i = 0; i < count; i++) {
		for (k = 0; nodes[i].id == net->c->self && k < nodes[i].links_count; k++) {
			const char *const argv[] = { "getent", "ahosts", nodes[i].links[k], NULL };
			char *name = NULL;

			if (vmha_addr_parse(nodes[i].links[k], &a) == 0) {
				link_add(net, nodes[i].links[k]);
				continue;
			}
			name = g_strdup(nodes[i].links[k]);
			if (clusterd_worker_run(net->c, argv, NULL, RESOLVE_SPAN, on_resolved, name,
						NULL, NULL) < 0) {
				g_free(name);
			}
		}
	}
}

/* --- whom to call ----------------------------------------------------------------------------- */

static const struct vmha_network_address *own_address(const struct vmha_network *n, uint32_t self)
{
	size_t i;

	for (i = 0; i < n->addresses_count; i++) {
		if (n->addresses[i].node == self) {
			return &n->addresses[i];
		}
	}
	return NULL;
}

static size_t targets_of(const struct vmha_network *n, uint32_t self, struct net_target *targets,
			 size_t room)
{
	const struct vmha_network_address *own = own_address(n, self);
	size_t count = 0;
	size_t i;

	if (!own || !own->up || n->role == VMHA_NETWORK_NONE) {
		return 0;
	}
	for (i = 0; i < n->addresses_count && count < room; i++) {
		const struct vmha_network_address *a = &n->addresses[i];

		if (a != own && a->member && a->up) {
			struct net_target *t = &targets[count++];

			memset(t, 0, sizeof(*t));
			t->node = a->node;
			(void)snprintf(t->ifname, sizeof(t->ifname), "%s", own->ifname);
			(void)snprintf(t->local, sizeof(t->local), "%s", own->address);
			(void)snprintf(t->address, sizeof(t->address), "%s", a->address);
		}
	}
	return count;
}

static void targets_follow(struct clusterd_net *net)
{
	g_autofree struct net_target *targets = g_new(struct net_target, VMHA_REACHES_MAX);
	g_autofree struct net_view *view = g_new0(struct net_view, 1);
	vmha_autonetworks struct vmha_networks nets = { 0 };
	size_t count = 0;
	size_t i;

	if (net_view_fill(net->c, view, NULL) < 0 || vmha_networks_derive(&view->in, &nets) < 0) {
		return;
	}
	for (i = 0; i < nets.count; i++) {
		count += targets_of(&nets.items[i], net->c->self, targets + count,
				    VMHA_REACHES_MAX - count);
	}
	net_probe_tune(
		net->probe,
		VMHA_SPAN_S(vmha_cluster_setting(net->c->cluster, 0, VMHA_SETTING_NETWORK_PROBE)),
		(uint16_t)vmha_cluster_setting(net->c->cluster, 0, VMHA_SETTING_NETWORK_PORT));
	net_probe_targets(net->probe, targets, count);
}

/* --- publishing ------------------------------------------------------------------------------- */

static bool reaches_read(struct clusterd_net *net)
{
	g_autofree struct vmha_reach *list = g_new0(struct vmha_reach, VMHA_REACHES_MAX);
	const size_t count = net_probe_reaches(net->probe, list);
	bool same = count == net->reaches_count;
	size_t i;

	for (i = 0; same && i < count; i++) {
		same = list[i].ok == net->reaches[i].ok &&
		       strcmp(list[i].address, net->reaches[i].address) == 0;
	}
	memcpy(net->reaches, list, count * sizeof(list[0]));
	net->reaches_count = count;
	return same;
}

static int publish(struct clusterd_net *net)
{
	const struct vmha_cevent ifaces = { .type = VMHA_CEVENT_INTERFACES,
					    .ifaces = net->ifaces,
					    .ifaces_count = net->ifaces_count };
	const struct vmha_cevent reaches = { .type = VMHA_CEVENT_REACH,
					     .reaches = net->reaches,
					     .reaches_count = net->reaches_count };
	int r = 0;

	if (!net->ifaces_sent) {
		r = clusterd_send(net->c, &ifaces);
		net->ifaces_sent = r == 0;
	}
	if (r == 0 && !net->reaches_sent) {
		r = clusterd_send(net->c, &reaches);
		net->reaches_sent = r == 0;
	}
	return r;
}

static gboolean on_gather(gpointer data)
{
	struct clusterd_net *net = data;
	vmha_autoerr struct vmha_err *err = NULL;

	net->gather = 0;
	if (net->read) {
		net->read = false;
		if (ifaces_read(net, &err) < 0) {
			clusterd_log(VMHA_LOG_WARNING, "%s", vmha_err_text(err));
			net->read = true;
			gather_arm(net, AGAIN_MS);
		}
	}
	net->reaches_sent = reaches_read(net) && net->reaches_sent;
	if (net->c->synced && publish(net) < 0) {
		gather_arm(net, AGAIN_MS); /* not in the group for now */
	}
	return G_SOURCE_REMOVE;
}

static void gather_arm(struct clusterd_net *net, unsigned int ms)
{
	if (!net->gather) {
		net->gather = g_timeout_add(ms, on_gather, net);
	}
}

static void on_probe(void *data)
{
	gather_arm(data, GATHER_MS);
}

/* --- module ----------------------------------------------------------------------------------- */

static int net_start(struct clusterd *c, struct vmha_err **err)
{
	struct clusterd_net *net = g_new0(struct clusterd_net, 1);

	c->net = net;
	net->c = c;
	net->probe = net_probe_new(c->self, on_probe, net);
	net->events = net_events_new(c);
	links_read(net);
	return ifaces_read(net, err);
}

static void net_stop(struct clusterd *c)
{
	if (c->net) {
		netlink_close(c->net);
		net_probe_free(c->net->probe);
		net_events_free(c->net->events);
		if (c->net->gather) {
			(void)g_source_remove(c->net->gather);
		}
		g_free(c->net);
		c->net = NULL;
	}
}

static void net_synced(struct clusterd *c)
{
	links_read(c->net);
	c->net->read = true;
	c->net->ifaces_sent = false;
	c->net->reaches_sent = false;
	gather_arm(c->net, GATHER_MS);
	targets_follow(c->net);
}

static void net_applied(struct clusterd *c, const struct vmha_cevent *e)
{
	const bool who = e->type == VMHA_CEVENT_JOINED || e->type == VMHA_CEVENT_LEFT ||
			 e->type == VMHA_CEVENT_INTERFACES || e->type == VMHA_CEVENT_SETTINGS ||
			 e->type == VMHA_CEVENT_FORGET;

	c->net->stale = c->net->stale || who;
	if (who || e->type == VMHA_CEVENT_REACH) {
		net_events_look(c->net->events);
	}
}

static void net_changed(struct clusterd *c)
{
	if (c->net->stale) {
		c->net->stale = false;
		targets_follow(c->net);
	}
}

static void op_networks(struct clusterd *c, struct clusterd_request *req, const json_t *body)
{
	(void)body;
	clusterd_answer(req, json_pack("{s:o}", "networks", net_json(c)));
}

static const struct clusterd_op ops[] = {
	{ .name = "networks", .handle = op_networks, .needs_sync = true },
	{ .name = NULL },
};

const struct clusterd_module clusterd_module_net = {
	.name = "net",
	.start = net_start,
	.stop = net_stop,
	.synced = net_synced,
	.applied = net_applied,
	.changed = net_changed,
	.ops = ops,
};
