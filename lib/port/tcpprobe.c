/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lib/port/tcpprobe.h"

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/base/cleanup.h"
#include "lib/base/str.h"

union address {
	struct sockaddr sa;
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
};

static socklen_t address_fill(const char *text, uint16_t port, union address *to)
{
	*to = (union address){ .v6 = { 0 } };
	if (inet_pton(AF_INET, text, &to->v4.sin_addr) == 1) {
		to->v4.sin_family = AF_INET;
		to->v4.sin_port = htons(port);
		return sizeof(to->v4);
	}
	if (inet_pton(AF_INET6, text, &to->v6.sin6_addr) == 1) {
		to->v6.sin6_family = AF_INET6;
		to->v6.sin6_port = htons(port);
		return sizeof(to->v6);
	}
	return 0;
}

/* The kernel chose a way: its address there tells the network. */
static int way_check(int fd, const struct vmha_probe *p)
{
	char text[INET6_ADDRSTRLEN] = "";
	union address own = { .v6 = { 0 } };
	socklen_t len = sizeof(own);

	if (!p->local || !*p->local) {
		return 0;
	}
	if (getsockname(fd, &own.sa, &len) < 0) {
		return -errno;
	}
	(void)inet_ntop(own.sa.sa_family,
			own.sa.sa_family == AF_INET ? (const void *)&own.v4.sin_addr
						    : (const void *)&own.v6.sin6_addr,
			text, sizeof(text));
	return vmha_str_eq(text, p->local) ? 0 : -EADDRNOTAVAIL;
}

static int probe_begin(struct vmha_probe *p)
{
	union address to;
	socklen_t len = address_fill(p->address, p->port, &to);
	vmha_autoclose int fd = -1;

	if (!len) {
		p->result = -EINVAL;
		return -1;
	}
	fd = socket(to.sa.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0 || (connect(fd, &to.sa, len) < 0 && errno != EINPROGRESS)) {
		p->result = -errno;
		return -1;
	}
	p->result = way_check(fd, p); /* the way is known before the answer is */
	if (p->result < 0) {
		return -1;
	}
	p->result = -EINPROGRESS;
	return vmha_steal_fd(&fd);
}

static void probe_end(struct vmha_probe *p, struct pollfd *pfd, int result)
{
	p->result = result;
	(void)close(pfd->fd);
	pfd->fd = -1;
}

static int socket_error(int fd)
{
	int error = 0;
	socklen_t len = sizeof(error);

	if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len) < 0) {
		return -errno;
	}
	return -error;
}

/* @return index; -1 none; -2 not known yet */
static int best(const struct vmha_probe *probes, size_t count)
{
	size_t i;

	for (i = 0; i < count; i++) {
		if (probes[i].result == 0) {
			return (int)i;
		}
		if (probes[i].result == -EINPROGRESS) {
			return -2;
		}
	}
	return -1;
}

static bool any_connected(const struct vmha_probe *probes, size_t count)
{
	size_t i;

	for (i = 0; i < count && probes[i].result != 0; i++) {
	}
	return i < count;
}

static void probes_take(struct vmha_probe *probes, struct pollfd *fds, size_t count)
{
	size_t i;

	for (i = 0; i < count; i++) {
		if (fds[i].fd >= 0 && fds[i].revents) {
			probe_end(&probes[i], &fds[i], socket_error(fds[i].fd));
		}
	}
}

static void probes_give_up(struct vmha_probe *probes, struct pollfd *fds, size_t count,
			   struct vmha_mono begun)
{
	size_t i;

	for (i = 0; i < count; i++) {
		if (fds[i].fd >= 0) {
			probe_end(&probes[i], &fds[i], -ETIMEDOUT);
			probes[i].waited_ms = vmha_span_ms(vmha_mono_diff(begun, vmha_mono_now()));
		}
	}
}

int vmha_probe_first(struct vmha_probe *probes, size_t count, struct vmha_span patience,
		     struct vmha_span timeout)
{
	struct vmha_mono begun = vmha_mono_now();
	struct vmha_mono deadline = vmha_mono_add(begun, timeout);
	struct vmha_mono soon = vmha_mono_add(begun, patience.ns < timeout.ns ? patience : timeout);
	vmha_autofree struct pollfd *fds = calloc(count ? count : 1, sizeof(*fds));
	size_t i;
	int n;

	if (!fds) {
		return -1;
	}
	for (i = 0; i < count; i++) {
		fds[i].fd = probes[i].result == -EINPROGRESS ? probe_begin(&probes[i]) : -1;
		fds[i].events = POLLOUT;
	}
	while (best(probes, count) == -2) {
		/* one that answers need not wait for a silent one that is preferred; but where all
		 * are silent, one of them may only be full: of a copy */
		n = poll(fds, count,
			 vmha_mono_left_ms(any_connected(probes, count) ? soon : deadline));
		if (n > 0) {
			probes_take(probes, fds, count);
		} else if (n == 0 || errno != EINTR) {
			probes_give_up(probes, fds, count, begun);
		}
	}
	for (i = 0; i < count; i++) {
		vmha_cleanup_fd(&fds[i].fd);
	}
	return best(probes, count);
}
