/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "clusterd/net_probe.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <glib-unix.h>
#include <glib.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>

#include "clusterd/clusterd.h"
#include "lib/base/addr.h"
#include "lib/base/cleanup.h"

#define RETRY_MS     500
#define MISSES_MAX   3
#define SOCKETS_MAX  VMHA_IFACES_MAX
#define PACKETS_MAX  256 /* taken in one turn of the loop */
#define LATE_MAX     4	 /* calls of which an answer still counts */
#define PACKET_ASK   1
#define PACKET_REPLY 2

static const char magic[8] = { 'v', 'm', 'h', 'a', 'e', 'c', 'h', 'o' };

/* On the wire: integers in network order.  The nonce tells an answer from a guess. */
struct packet {
	char magic[8];
	uint8_t version;
	uint8_t kind;
	uint16_t pad;
	uint32_t from;
	uint32_t to;
	uint32_t call;
	uint64_t nonce;
} __attribute__((packed));

struct line { /* one own address */
	struct net_probe *probe;
	char ifname[VMHA_IFNAME_SIZE];
	char local[VMHA_ADDRESS_SIZE];
	int fd;
	guint source;
	bool wanted;
	bool failed; /* said so once */
};

struct target {
	struct net_target t;
	struct vmha_addr address;
	uint64_t nonce;
	uint32_t call; /* number of the last one */
	unsigned int misses;
	bool waiting; /* called, no answer yet */
	bool known;
	bool ok;
};

struct net_probe {
	uint32_t self;
	uint16_t port;
	struct vmha_span interval;
	void (*changed)(void *data);
	void *data;
	struct line lines[SOCKETS_MAX];
	size_t lines_count;
	struct target targets[VMHA_REACHES_MAX];
	size_t targets_count;
	guint round; /* every interval */
	guint retry; /* while answers are missing */
};

/* --- sockets ---------------------------------------------------------------------------------- */

static socklen_t sockaddr_fill(struct sockaddr_storage *ss, const struct vmha_addr *a,
			       uint16_t port)
{
	struct sockaddr_in in = { .sin_family = AF_INET, .sin_port = htons(port) };
	struct sockaddr_in6 in6 = { .sin6_family = AF_INET6, .sin6_port = htons(port) };

	memset(ss, 0, sizeof(*ss));
	if (a->family == 4) {
		memcpy(&in.sin_addr, a->bytes, 4);
		memcpy(ss, &in, sizeof(in));
		return sizeof(in);
	}
	memcpy(&in6.sin6_addr, a->bytes, 16);
	memcpy(ss, &in6, sizeof(in6));
	return sizeof(in6);
}

static bool sockaddr_read(const struct sockaddr_storage *ss, struct vmha_addr *ret)
{
	struct sockaddr_in6 in6;
	struct sockaddr_in in;

	*ret = (struct vmha_addr){ 0 };
	if (ss->ss_family == AF_INET) {
		memcpy(&in, ss, sizeof(in));
		ret->family = 4;
		memcpy(ret->bytes, &in.sin_addr, 4);
	} else if (ss->ss_family == AF_INET6) {
		memcpy(&in6, ss, sizeof(in6));
		ret->family = 6;
		memcpy(ret->bytes, &in6.sin6_addr, 16);
	}
	return ret->family != 0;
}

static int line_bind(const struct net_probe *p, const struct line *l)
{
	struct sockaddr_storage ss;
	struct vmha_addr a;
	vmha_autoclose int fd = -1;
	socklen_t len;
	int one = 1;

	if (vmha_addr_parse(l->local, &a) < 0) {
		return -EINVAL;
	}
	fd = socket(a.family == 4 ? AF_INET : AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK,
		    0);
	len = sockaddr_fill(&ss, &a, p->port);
	/* this card and no other, whatever the routes say */
	if (fd < 0 ||
	    setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, l->ifname, (socklen_t)strlen(l->ifname)) <
		    0 ||
	    (a.family == 6 && setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof(one)) < 0) ||
	    bind(fd, (struct sockaddr *)&ss, len) < 0) {
		return -errno;
	}
	return vmha_steal_fd(&fd);
}

static void line_close(struct line *l)
{
	if (l->fd >= 0) {
		(void)g_source_remove(l->source);
		(void)close(l->fd);
		l->fd = -1;
	}
}

static gboolean on_packet(gint fd, GIOCondition what, gpointer data);

static void line_open(struct net_probe *p, struct line *l)
{
	const int fd = line_bind(p, l);

	if (fd < 0) {
		if (!l->failed) {
			clusterd_log(VMHA_LOG_WARNING,
				     "address=%s port=%u cannot listen for the peers' calls: %s",
				     l->local, p->port, strerror(-fd));
		}
		l->failed = true;
		return;
	}
	l->failed = false;
	l->fd = fd;
	l->source = g_unix_fd_add_full(G_PRIORITY_DEFAULT, fd, G_IO_IN, on_packet, l, NULL);
}

static struct line *line_find(struct net_probe *p, const char *local)
{
	size_t i;

	for (i = 0; i < p->lines_count; i++) {
		if (strcmp(p->lines[i].local, local) == 0) {
			return &p->lines[i];
		}
	}
	return NULL;
}

/* --- calls ------------------------------------------------------------------------------------ */

static void packet_send(const struct line *l, const struct vmha_addr *to, uint16_t port,
			const struct packet *packet)
{
	struct sockaddr_storage ss;
	const socklen_t len = sockaddr_fill(&ss, to, port);

	/* what is lost here is a call without an answer */
	(void)!sendto(l->fd, packet, sizeof(*packet), MSG_DONTWAIT | MSG_NOSIGNAL,
		      (struct sockaddr *)&ss, len);
}

static void target_call(struct net_probe *p, struct target *t)
{
	struct line *l = line_find(p, t->t.local);
	struct packet packet = { .version = 1,
				 .kind = PACKET_ASK,
				 .from = htonl(p->self),
				 .to = htonl(t->t.node),
				 .call = htonl(++t->call),
				 .nonce = t->nonce };

	memcpy(packet.magic, magic, sizeof(magic));
	t->waiting = true;
	if (l && l->fd < 0) {
		line_open(p, l);
	}
	if (l && l->fd >= 0) {
		packet_send(l, &t->address, p->port, &packet);
	}
}

static gboolean on_retry(gpointer data)
{
	struct net_probe *p = data;
	bool changed = false;
	bool again = false;
	size_t i;

	for (i = 0; i < p->targets_count; i++) {
		struct target *t = &p->targets[i];

		if (!t->waiting) {
			continue;
		}
		t->waiting = false;
		t->misses++;
		if (t->misses < MISSES_MAX) {
			target_call(p, t);
			again = true;
		} else if (!t->known || t->ok) {
			clusterd_log(VMHA_LOG_WARNING, "peer=%u address=%s from=%s does not answer",
				     t->t.node, t->t.address, t->t.local);
			t->known = true;
			t->ok = false;
			changed = true;
		}
	}
	if (changed) {
		p->changed(p->data);
	}
	p->retry = again ? p->retry : 0;
	return again ? G_SOURCE_CONTINUE : G_SOURCE_REMOVE;
}

static void retry_arm(struct net_probe *p)
{
	if (!p->retry) {
		p->retry = g_timeout_add(RETRY_MS, on_retry, p);
	}
}

static gboolean on_round(gpointer data)
{
	struct net_probe *p = data;
	size_t i;

	for (i = 0; i < p->targets_count; i++) {
		if (!p->targets[i].waiting) {
			target_call(p, &p->targets[i]);
		}
	}
	if (p->targets_count) {
		retry_arm(p);
	}
	return G_SOURCE_CONTINUE;
}

/* --- answers ---------------------------------------------------------------------------------- */

static struct target *target_of(struct net_probe *p, const struct line *l,
				const struct vmha_addr *from)
{
	size_t i;

	for (i = 0; i < p->targets_count; i++) {
		struct target *t = &p->targets[i];

		if (vmha_addr_compare(&t->address, from) == 0 &&
		    strcmp(t->t.local, l->local) == 0) {
			return t;
		}
	}
	return NULL;
}

static void answer_take(struct net_probe *p, struct target *t, const struct packet *packet)
{
	if (packet->nonce != t->nonce || t->call - ntohl(packet->call) >= LATE_MAX) {
		return;
	}
	t->waiting = false;
	t->misses = 0;
	if (!t->known || !t->ok) {
		clusterd_log(VMHA_LOG_INFO, "peer=%u address=%s from=%s answers", t->t.node,
			     t->t.address, t->t.local);
		t->known = true;
		t->ok = true;
		p->changed(p->data);
	}
}

/* Untrusted: exactly this form, from an address that the group knows; an answer is no larger. */
static void packet_take(struct line *l, const struct packet *packet, ssize_t len,
			const struct sockaddr_storage *ss)
{
	struct net_probe *p = l->probe;
	struct vmha_addr from;
	struct target *t;

	if (len != (ssize_t)sizeof(*packet) || memcmp(packet->magic, magic, sizeof(magic)) != 0 ||
	    packet->version != 1 || ntohl(packet->to) != p->self || !sockaddr_read(ss, &from)) {
		return;
	}
	t = target_of(p, l, &from);
	if (!t || ntohl(packet->from) != t->t.node) {
		return;
	}
	if (packet->kind == PACKET_ASK) {
		struct packet reply = *packet;

		reply.kind = PACKET_REPLY;
		reply.from = packet->to;
		reply.to = packet->from;
		packet_send(l, &t->address, p->port, &reply);
	} else if (packet->kind == PACKET_REPLY) {
		answer_take(p, t, packet);
	}
}

static gboolean on_packet(gint fd, GIOCondition what, gpointer data)
{
	struct line *l = data;
	int i;

	(void)what;
	for (i = 0; i < PACKETS_MAX; i++) {
		struct sockaddr_storage ss = { 0 };
		socklen_t ss_len = sizeof(ss);
		char buffer[sizeof(struct packet) + 1];
		struct packet packet;
		const ssize_t len = recvfrom(fd, buffer, sizeof(buffer), MSG_DONTWAIT,
					     (struct sockaddr *)&ss, &ss_len);

		if (len < 0) {
			break; /* nothing more, or an ICMP error of some call: that call is missed
				*/
		}
		memcpy(&packet, buffer, sizeof(packet));
		packet_take(l, &packet, len, &ss);
	}
	return G_SOURCE_CONTINUE;
}

/* --- whom to call ----------------------------------------------------------------------------- */

static void lines_follow(struct net_probe *p)
{
	size_t kept = 0;
	size_t i;

	for (i = 0; i < p->lines_count; i++) {
		p->lines[i].wanted = false;
	}
	for (i = 0; i < p->targets_count; i++) {
		const struct net_target *t = &p->targets[i].t;
		struct line *l = line_find(p, t->local);

		if (!l && p->lines_count < SOCKETS_MAX) {
			l = &p->lines[p->lines_count++];
			*l = (struct line){ .probe = p, .fd = -1 };
			(void)snprintf(l->local, sizeof(l->local), "%s", t->local);
		}
		if (l && strcmp(l->ifname, t->ifname) != 0) {
			line_close(l);
			(void)snprintf(l->ifname, sizeof(l->ifname), "%s", t->ifname);
		}
		if (l) {
			l->wanted = true;
		}
	}
	for (i = 0; i < p->lines_count; i++) {
		/* the watch of an open socket knows its place in the table: close what moves */
		if (!p->lines[i].wanted || i != kept) {
			line_close(&p->lines[i]);
		}
		if (p->lines[i].wanted) {
			p->lines[kept++] = p->lines[i];
		}
	}
	p->lines_count = kept;
	for (i = 0; i < p->lines_count; i++) {
		if (p->lines[i].fd < 0) {
			line_open(p, &p->lines[i]);
		}
	}
}

static bool target_same(const struct net_target *a, const struct net_target *b)
{
	return a->node == b->node && strcmp(a->local, b->local) == 0 &&
	       strcmp(a->address, b->address) == 0 && strcmp(a->ifname, b->ifname) == 0;
}

static void target_make(const struct net_probe *p, const struct net_target *want,
			struct target *ret)
{
	size_t i;

	for (i = 0; i < p->targets_count; i++) {
		if (target_same(&p->targets[i].t, want)) {
			*ret = p->targets[i];
			return;
		}
	}
	*ret = (struct target){ .t = *want };
	(void)vmha_addr_parse(want->address, &ret->address);
	(void)!getrandom(&ret->nonce, sizeof(ret->nonce), GRND_NONBLOCK);
}

void net_probe_targets(struct net_probe *p, const struct net_target *targets, size_t count)
{
	g_autofree struct target *list = g_new0(struct target, VMHA_REACHES_MAX);
	bool changed;
	size_t i;

	count = count > VMHA_REACHES_MAX ? VMHA_REACHES_MAX : count;
	changed = count != p->targets_count;
	for (i = 0; i < count; i++) {
		target_make(p, &targets[i], &list[i]);
		changed = changed || !target_same(&targets[i], &p->targets[i].t);
	}
	if (!changed) {
		return;
	}
	memcpy(p->targets, list, sizeof(p->targets));
	p->targets_count = count;
	lines_follow(p);
	for (i = 0; i < count; i++) {
		if (!p->targets[i].known && !p->targets[i].waiting) {
			target_call(p, &p->targets[i]);
			retry_arm(p);
		}
	}
	p->changed(p->data);
}

size_t net_probe_reaches(const struct net_probe *p, struct vmha_reach *reaches)
{
	size_t count = 0;
	size_t i;

	for (i = 0; i < p->targets_count; i++) {
		if (p->targets[i].known) {
			struct vmha_reach *r = &reaches[count++];

			(void)snprintf(r->address, sizeof(r->address), "%s",
				       p->targets[i].t.address);
			r->ok = p->targets[i].ok;
		}
	}
	return count;
}

void net_probe_tune(struct net_probe *p, struct vmha_span interval, uint16_t port)
{
	size_t i;

	if (interval.ns != p->interval.ns) {
		p->interval = interval;
		if (p->round) {
			(void)g_source_remove(p->round);
		}
		p->round = g_timeout_add((guint)vmha_span_ms(interval), on_round, p);
	}
	if (port != p->port) {
		p->port = port;
		for (i = 0; i < p->lines_count; i++) {
			line_close(&p->lines[i]);
			line_open(p, &p->lines[i]);
		}
	}
}

struct net_probe *net_probe_new(uint32_t self, void (*changed)(void *data), void *data)
{
	struct net_probe *p = g_new0(struct net_probe, 1);

	p->self = self;
	p->changed = changed;
	p->data = data;
	return p;
}

void net_probe_free(struct net_probe *p)
{
	size_t i;

	if (!p) {
		return;
	}
	for (i = 0; i < p->lines_count; i++) {
		line_close(&p->lines[i]);
	}
	if (p->round) {
		(void)g_source_remove(p->round);
	}
	if (p->retry) {
		(void)g_source_remove(p->retry);
	}
	g_free(p);
}
