/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lib/port/netlink.h"

#include <errno.h>
#include <linux/if_addr.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <netlink/cache.h>
#include <netlink/netlink.h>
#include <netlink/route/addr.h>
#include <netlink/route/link.h>
#include <netlink/route/nexthop.h>
#include <netlink/route/route.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/addr.h"
#include "lib/base/cleanup.h"
#include "lib/base/file.h"
#include "lib/base/str.h"

#define SPEED_MAX_MBPS 10000000
#define GATEWAYS_MAX   16
#define BUFFER_BYTES   (256 * 1024)

struct vmha_netlink {
	struct nl_sock *events;
	struct nl_sock *asks;
	int changed;
};

/* Cards with a default route, in one family. */
struct gateways {
	int ifindex[GATEWAYS_MAX];
	size_t count;
};

static int nl_failed(int code, const char *what, struct vmha_err **err)
{
	return vmha_err_set(err, code == -NLE_NOMEM ? -ENOMEM : -EIO, "%s: %s", what,
			    nl_geterror(code));
}

/* --- notifications ---------------------------------------------------------------------------- */

static int on_message(struct nl_msg *msg, void *data)
{
	struct vmha_netlink *n = data;

	(void)msg;
	n->changed = 1;
	return NL_OK;
}

static int events_open(struct vmha_netlink *n, struct vmha_err **err)
{
	int r;

	nl_socket_disable_seq_check(n->events);
	r = nl_socket_modify_cb(n->events, NL_CB_VALID, NL_CB_CUSTOM, on_message, n);
	r = r < 0 ? r : nl_connect(n->events, NETLINK_ROUTE);
	r = r < 0 ? r : nl_socket_set_nonblocking(n->events);
	r = r < 0 ? r : nl_socket_set_buffer_size(n->events, BUFFER_BYTES, 0);
	r = r < 0 ? r
		  : nl_socket_add_memberships(n->events, RTNLGRP_LINK, RTNLGRP_IPV4_IFADDR,
					      RTNLGRP_IPV6_IFADDR, RTNLGRP_IPV4_ROUTE,
					      RTNLGRP_IPV6_ROUTE, 0);
	r = r < 0 ? r : nl_connect(n->asks, NETLINK_ROUTE);
	return r < 0 ? nl_failed(r, "cannot listen to the kernel's network events", err) : 0;
}

int vmha_netlink_open(struct vmha_netlink **ret_netlink, struct vmha_err **err)
{
	struct vmha_netlink *n = calloc(1, sizeof(*n));
	int r;

	if (!n) {
		return vmha_err_set(err, -ENOMEM, "out of memory");
	}
	n->events = nl_socket_alloc();
	n->asks = nl_socket_alloc();
	r = n->events && n->asks ? events_open(n, err)
				 : vmha_err_set(err, -ENOMEM, "out of memory");
	if (r < 0) {
		vmha_netlink_close(n);
		return r;
	}
	*ret_netlink = n;
	return 0;
}

void vmha_netlink_close(struct vmha_netlink *n)
{
	if (!n) {
		return;
	}
	if (n->events) {
		nl_socket_free(n->events);
	}
	if (n->asks) {
		nl_socket_free(n->asks);
	}
	free(n);
}

int vmha_netlink_fd(const struct vmha_netlink *n)
{
	return nl_socket_get_fd(n->events);
}

int vmha_netlink_changed(struct vmha_netlink *n)
{
	int r;

	n->changed = 0;
	do {
		r = nl_recvmsgs_default(n->events);
	} while (r >= 0);
	if (r == -NLE_AGAIN) {
		return n->changed;
	}
	/* the kernel dropped some: the state has to be read anyway */
	return r == -NLE_NOMEM || r == -NLE_MSG_OVERFLOW || r == -NLE_DUMP_INTR ? 1 : -EIO;
}

/* --- reading ---------------------------------------------------------------------------------- */

static void cleanup_cache(struct nl_cache **cache)
{
	if (*cache) {
		nl_cache_free(*cache);
	}
}

static void on_nexthop(struct rtnl_nexthop *hop, void *data)
{
	struct gateways *g = data;

	if (g->count < GATEWAYS_MAX) {
		g->ifindex[g->count++] = rtnl_route_nh_get_ifindex(hop);
	}
}

static void on_route(struct nl_object *object, void *data)
{
	struct rtnl_route *route = (struct rtnl_route *)object;
	struct nl_addr *to = rtnl_route_get_dst(route);

	if (rtnl_route_get_table(route) == RT_TABLE_MAIN &&
	    rtnl_route_get_type(route) == RTN_UNICAST && (!to || nl_addr_get_prefixlen(to) == 0)) {
		rtnl_route_foreach_nexthop(route, on_nexthop, data);
	}
}

static int gateways_read(struct vmha_netlink *n, int family, struct gateways *ret)
{
	VMHA_CLEANUP(cleanup_cache) struct nl_cache *routes = NULL;
	int r = rtnl_route_alloc_cache(n->asks, family, 0, &routes);

	if (r == 0) {
		nl_cache_foreach(routes, on_route, ret);
	}
	return r;
}

static bool has_gateway(const struct gateways *g, int ifindex)
{
	size_t i;

	for (i = 0; i < g->count; i++) {
		if (g->ifindex[i] == ifindex) {
			return true;
		}
	}
	return false;
}

/* Loopback, libvirt's own NAT bridges, what belongs to guests. */
static bool card_is_foreign(struct rtnl_link *link)
{
	static const char *const prefixes[] = { "virbr", "vnet", "macvtap", "docker" };
	const char *name = rtnl_link_get_name(link);
	const char *type = rtnl_link_get_type(link);
	size_t i;

	if (!name || (rtnl_link_get_flags(link) & IFF_LOOPBACK) ||
	    (type && strcmp(type, "tun") == 0)) {
		return true;
	}
	for (i = 0; i < sizeof(prefixes) / sizeof(prefixes[0]); i++) {
		if (vmha_str_starts(name, prefixes[i])) {
			return true;
		}
	}
	return false;
}

/* @return 0 where the kernel does not know: no carrier, or no card that has a speed */
static uint32_t speed_read(const char *ifname)
{
	vmha_autofree char *path = vmha_str_printf("/sys/class/net/%s/speed", ifname);
	vmha_autofree char *text = NULL;
	uint64_t speed;

	if (!path || vmha_file_read(path, 64, &text, NULL, NULL) < 0) {
		return 0;
	}
	text[strcspn(text, "\n")] = '\0';
	return vmha_str_u64(text, 1, SPEED_MAX_MBPS, &speed) == 0 ? (uint32_t)speed : 0;
}

/* What one address becomes. @return false: no network is made of it */
static bool iface_fill(struct nl_cache *links, struct rtnl_addr *addr, struct vmha_iface *f)
{
	static const unsigned int never =
		IFA_F_SECONDARY | IFA_F_TENTATIVE | IFA_F_DADFAILED | IFA_F_DEPRECATED;
	struct nl_addr *local = rtnl_addr_get_local(addr);
	struct rtnl_link *link = rtnl_link_get(links, rtnl_addr_get_ifindex(addr));
	struct vmha_addr a = { 0 };
	const unsigned int both = IFF_UP | IFF_RUNNING;
	bool good = false;

	if (local && link && !card_is_foreign(link) && !(rtnl_addr_get_flags(addr) & never)) {
		a.family = nl_addr_get_family(local) == AF_INET ? 4 : 6;
		memcpy(a.bytes, nl_addr_get_binary_addr(local), a.family == 4 ? 4 : 16);
		vmha_addr_text(&a, f->address);
		(void)snprintf(f->ifname, sizeof(f->ifname), "%s", rtnl_link_get_name(link));
		f->prefix = (uint8_t)rtnl_addr_get_prefixlen(addr);
		f->up = (rtnl_link_get_flags(link) & both) == both;
		f->speed_mbps = speed_read(f->ifname);
		good = vmha_addr_is_global(&a);
	}
	if (link) {
		rtnl_link_put(link);
	}
	return good;
}

static int iface_sort(const void *x, const void *y)
{
	const struct vmha_iface *a = x;
	const struct vmha_iface *b = y;
	const int r = strcmp(a->ifname, b->ifname);

	return r ? r : strcmp(a->address, b->address);
}

static int addresses_read(struct vmha_netlink *n, const struct gateways *v4,
			  const struct gateways *v6, struct vmha_iface *ifaces, size_t *ret_count)
{
	VMHA_CLEANUP(cleanup_cache) struct nl_cache *links = NULL;
	VMHA_CLEANUP(cleanup_cache) struct nl_cache *addrs = NULL;
	struct nl_object *o;
	size_t count = 0;
	int r = rtnl_link_alloc_cache(n->asks, AF_UNSPEC, &links);

	r = r < 0 ? r : rtnl_addr_alloc_cache(n->asks, &addrs);
	if (r < 0) {
		return r;
	}
	for (o = nl_cache_get_first(addrs); o && count < VMHA_IFACES_MAX;
	     o = nl_cache_get_next(o)) {
		struct rtnl_addr *addr = (struct rtnl_addr *)o;
		const int family = rtnl_addr_get_family(addr);
		struct vmha_iface f = { 0 };

		if ((family != AF_INET && family != AF_INET6) || !iface_fill(links, addr, &f)) {
			continue;
		}
		f.default_gateway =
			has_gateway(family == AF_INET ? v4 : v6, rtnl_addr_get_ifindex(addr));
		ifaces[count++] = f;
	}
	qsort(ifaces, count, sizeof(*ifaces), iface_sort);
	*ret_count = count;
	return 0;
}

int vmha_netlink_read(struct vmha_netlink *n, struct vmha_iface *ifaces, size_t *ret_count,
		      struct vmha_err **err)
{
	struct gateways v4 = { .count = 0 };
	struct gateways v6 = { .count = 0 };
	int r = gateways_read(n, AF_INET, &v4);

	r = r < 0 ? r : gateways_read(n, AF_INET6, &v6);
	r = r < 0 ? r : addresses_read(n, &v4, &v6, ifaces, ret_count);
	return r < 0 ? nl_failed(r, "cannot read the network cards", err) : 0;
}
