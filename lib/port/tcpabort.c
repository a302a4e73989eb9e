/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lib/port/tcpabort.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/sock_diag.h>
#include <linux/tcp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/base/cleanup.h"

#define HEX_MAX 33 /* an IPv6 address in /proc/net/tcp6, with NUL */

/* A line of /proc/PID/net/tcp or tcp6. */
struct connection {
	uint8_t local[16];
	uint8_t remote[16];
	uint16_t local_port;
	uint16_t remote_port;
	unsigned long inode;
};

/* Which connections are meant. */
struct wanted {
	pid_t pid;	   /* 0: any process's */
	uint16_t port;	   /* of the peer, network order; 0: any */
	int64_t silent_ms; /* the peer has sent nothing for so long; 0: it need not be silent */
	const uint8_t *peer;
};

/* The kernel prints addresses as 32-bit words in its own byte order. */
static bool address_parse(const char *hex, uint8_t *to, size_t words)
{
	size_t i;

	if (strlen(hex) != words * 8) {
		return false;
	}
	for (i = 0; i < words; i++) {
		char part[9] = "";
		uint32_t word;

		memcpy(part, hex + i * 8, 8);
		word = (uint32_t)strtoul(part, NULL, 16);
		memcpy(to + i * 4, &word, sizeof(word));
	}
	return true;
}

static bool line_parse(const char *line, size_t words, struct connection *ret)
{
	char local[HEX_MAX];
	char remote[HEX_MAX];
	unsigned int local_port;
	unsigned int remote_port;

	*ret = (struct connection){ 0 };
	if (sscanf(line, " %*d: %32[0-9A-F]:%x %32[0-9A-F]:%x %*s %*s %*s %*s %*s %*s %lu", local,
		   &local_port, remote, &remote_port, &ret->inode) != 5) {
		return false;
	}
	ret->local_port = htons((uint16_t)local_port);
	ret->remote_port = htons((uint16_t)remote_port);
	return address_parse(local, ret->local, words) && address_parse(remote, ret->remote, words);
}

/* Is the socket one of the process's? */
static bool process_has(pid_t pid, unsigned long inode)
{
	vmha_autodir DIR *dir = NULL;
	struct dirent *de;
	char path[64];
	char want[64];

	(void)snprintf(path, sizeof(path), "/proc/%d/fd", (int)pid);
	(void)snprintf(want, sizeof(want), "socket:[%lu]", inode);
	dir = opendir(path);
	while (dir && (de = readdir(dir))) {
		char link[64];
		ssize_t n = readlinkat(dirfd(dir), de->d_name, link, sizeof(link) - 1);

		if (n > 0) {
			link[n] = '\0';
			if (strcmp(link, want) == 0) {
				return true;
			}
		}
	}
	return false;
}

struct diag_answer {
	struct nlmsghdr head;
	union {
		struct nlmsgerr err;
		struct inet_diag_msg diag;
	};
	char attributes[1024];
};

/* Ask the kernel about one connection, or for an end of it. @return length of its answer */
static ssize_t diag(int family, const struct connection *c, uint16_t type, struct diag_answer *ret)
{
	struct {
		struct nlmsghdr head;
		struct inet_diag_req_v2 req;
	} msg = { 0 };
	vmha_autoclose int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);
	ssize_t n;

	msg.head.nlmsg_len = sizeof(msg);
	msg.head.nlmsg_type = type;
	msg.head.nlmsg_flags = NLM_F_REQUEST | (type == SOCK_DESTROY ? NLM_F_ACK : 0);
	msg.req.sdiag_family = (uint8_t)family;
	msg.req.sdiag_protocol = IPPROTO_TCP;
	msg.req.idiag_ext = type == SOCK_DESTROY ? 0 : 1 << (INET_DIAG_INFO - 1);
	msg.req.idiag_states = ~0U;
	msg.req.id.idiag_sport = c->local_port;
	msg.req.id.idiag_dport = c->remote_port;
	memcpy(msg.req.id.idiag_src, c->local, sizeof(c->local));
	memcpy(msg.req.id.idiag_dst, c->remote, sizeof(c->remote));
	msg.req.id.idiag_cookie[0] = INET_DIAG_NOCOOKIE;
	msg.req.id.idiag_cookie[1] = INET_DIAG_NOCOOKIE;
	if (fd < 0 || send(fd, &msg, sizeof(msg), 0) < 0 ||
	    (n = recv(fd, ret, sizeof(*ret), 0)) < (ssize_t)sizeof(ret->head)) {
		return -errno;
	}
	return n;
}

static int destroy(int family, const struct connection *c)
{
	struct diag_answer answer = { 0 };
	ssize_t n = diag(family, c, SOCK_DESTROY, &answer);

	if (n < 0) {
		return (int)n;
	}
	return answer.head.nlmsg_type == NLMSG_ERROR ? answer.err.error : 0;
}

/* How long nothing has come from the peer. @return ms; 0: not known */
static int64_t silent_ms(int family, const struct connection *c)
{
	struct diag_answer answer = { 0 };
	ssize_t n = diag(family, c, SOCK_DIAG_BY_FAMILY, &answer);
	struct tcp_info info = { 0 };
	const struct rtattr *a;
	ssize_t left = n - (ssize_t)NLMSG_LENGTH(sizeof(answer.diag));

	if (n < 0 || answer.head.nlmsg_type != SOCK_DIAG_BY_FAMILY) {
		return 0;
	}
	for (a = (const struct rtattr *)(&answer.diag + 1); RTA_OK(a, left);
	     a = RTA_NEXT(a, left)) {
		if (a->rta_type == INET_DIAG_INFO) {
			size_t size = RTA_PAYLOAD(a);

			memcpy(&info, RTA_DATA(a), size < sizeof(info) ? size : sizeof(info));
			return info.tcpi_last_data_recv;
		}
	}
	return 0;
}

static bool is_wanted(const struct wanted *w, int family, const struct connection *c, size_t words)
{
	return memcmp(c->remote, w->peer, words * 4) == 0 &&
	       (!w->port || c->remote_port == w->port) &&
	       (!w->pid || process_has(w->pid, c->inode)) &&
	       (!w->silent_ms || silent_ms(family, c) >= w->silent_ms);
}

static int table_abort(const struct wanted *w, const char *table, int family)
{
	size_t words = family == AF_INET ? 1 : 4;
	vmha_autofile FILE *f = NULL;
	char path[64];
	char line[512];
	int count = 0;

	(void)snprintf(path, sizeof(path), "/proc/%d/net/%s", (int)(w->pid ? w->pid : getpid()),
		       table);
	f = fopen(path, "re");
	while (f && fgets(line, sizeof(line), f)) {
		struct connection c;

		if (line_parse(line, words, &c) && is_wanted(w, family, &c, words)) {
			int r = destroy(family, &c);

			if (r < 0 && r != -ENOENT) { /* it has just ended by itself */
				return r;
			}
			count += r == 0;
		}
	}
	return count;
}

static int wanted_abort(struct wanted w, const char *address, struct vmha_err **err)
{
	uint8_t mapped[16] = { [10] = 0xff, [11] = 0xff }; /* IPv4 on an IPv6 socket */
	uint8_t peer[16] = { 0 };
	int four = 0;
	int six;

	w.peer = peer;
	if (inet_pton(AF_INET, address, peer) == 1) {
		memcpy(mapped + 12, peer, 4);
		four = table_abort(&w, "tcp", AF_INET);
		w.peer = mapped;
		six = table_abort(&w, "tcp6", AF_INET6);
	} else if (inet_pton(AF_INET6, address, peer) == 1) {
		six = table_abort(&w, "tcp6", AF_INET6);
	} else {
		return vmha_err_set(err, -EINVAL, "%s is not a numeric address", address);
	}
	if (four < 0 || six < 0) {
		return vmha_err_errno(err, four < 0 ? four : six,
				      "cannot abort the connections to %s", address);
	}
	return four + six;
}

int vmha_tcp_abort(pid_t pid, const char *address, struct vmha_err **err)
{
	struct wanted w = { .pid = pid };

	return wanted_abort(w, address, err);
}

int vmha_tcp_abort_silent(const char *address, uint16_t port, struct vmha_span silent,
			  struct vmha_err **err)
{
	struct wanted w = { .port = htons(port), .silent_ms = vmha_span_ms(silent) };

	return wanted_abort(w, address, err);
}
