/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <arpa/inet.h>
#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/port/tcpprobe.h"
#include "tests/unit/unit.h"

#define FILL 8

/* A socket that listens on 127.0.0.1. @return its port */
static uint16_t listener(int *ret_fd, int backlog)
{
	struct sockaddr_in a = { .sin_family = AF_INET };
	socklen_t len = sizeof(a);

	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	*ret_fd = socket(AF_INET, SOCK_STREAM, 0);
	CHECK(*ret_fd >= 0);
	CHECK_INT(bind(*ret_fd, (struct sockaddr *)&a, sizeof(a)), 0);
	CHECK_INT(getsockname(*ret_fd, (struct sockaddr *)&a, &len), 0);
	CHECK_INT(listen(*ret_fd, backlog), 0);
	return ntohs(a.sin_port);
}

/* A port that nobody listens on. */
static uint16_t dead_port(void)
{
	int fd;
	uint16_t port = listener(&fd, 1);

	(void)close(fd);
	return port;
}

/* A listener whose queue is full: it does not answer any more, as a network that is cut. */
static uint16_t silent(int fds[FILL + 1])
{
	struct sockaddr_in a = { .sin_family = AF_INET };
	uint16_t port = listener(&fds[FILL], 0);
	int i;

	a.sin_port = htons(port);
	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	for (i = 0; i < FILL; i++) {
		fds[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
		CHECK(fds[i] >= 0);
		(void)connect(fds[i], (struct sockaddr *)&a, sizeof(a));
	}
	return port;
}

static struct vmha_probe probe(uint16_t port)
{
	return (struct vmha_probe){
		.address = "127.0.0.1", .local = "", .port = port, .result = -EINPROGRESS
	};
}

static void first_in_order(void)
{
	int fd;
	uint16_t port = listener(&fd, 4);
	struct vmha_probe p[] = { probe(dead_port()), probe(port), probe(port) };

	CHECK_INT(vmha_probe_first(p, 3, VMHA_SPAN_S(5)), 1);
	CHECK_INT(p[0].result, -ECONNREFUSED);
	CHECK_INT(p[1].result, 0);
	(void)close(fd);
}

static void silence_is_waited_for_once(void)
{
	int fds[FILL + 1];
	int fd;
	struct vmha_mono begun = vmha_mono_now();
	uint16_t quiet = silent(fds);
	struct vmha_probe p[] = { probe(quiet), probe(quiet), probe(listener(&fd, 4)) };
	int64_t took;
	int i;

	CHECK_INT(vmha_probe_first(p, 3, VMHA_SPAN_MS(300)), 2);
	took = vmha_span_ms(vmha_mono_diff(begun, vmha_mono_now()));
	CHECK(took >= 250 && took < 3000);
	CHECK_INT(p[0].result, -ETIMEDOUT);
	CHECK_INT(p[1].result, -ETIMEDOUT);
	for (i = 0; i <= FILL; i++) {
		(void)close(fds[i]);
	}
	(void)close(fd);
}

static void known_failures_stay(void)
{
	int fd;
	struct vmha_probe p[] = { probe(listener(&fd, 4)) };

	p[0].result = -EIO;
	CHECK_INT(vmha_probe_first(p, 1, VMHA_SPAN_S(1)), -1);
	CHECK_INT(p[0].result, -EIO);
	CHECK_INT(vmha_probe_first(p, 0, VMHA_SPAN_S(1)), -1);
	(void)close(fd);
}

static void wrong_way_is_refused(void)
{
	int fd;
	struct vmha_probe p[] = { probe(listener(&fd, 4)) };

	p[0].local = "127.9.9.9";
	CHECK_INT(vmha_probe_first(p, 1, VMHA_SPAN_S(1)), -1);
	CHECK_INT(p[0].result, -EADDRNOTAVAIL);
	p[0].result = -EINPROGRESS;
	p[0].local = "127.0.0.1";
	CHECK_INT(vmha_probe_first(p, 1, VMHA_SPAN_S(1)), 0);
	(void)close(fd);
}

static void no_address(void)
{
	struct vmha_probe p[] = { probe(1) };

	p[0].address = "node2";
	CHECK_INT(vmha_probe_first(p, 1, VMHA_SPAN_S(1)), -1);
	CHECK_INT(p[0].result, -EINVAL);
}

static const struct unit_test tests[] = {
	UNIT_TEST(first_in_order),	UNIT_TEST(silence_is_waited_for_once),
	UNIT_TEST(known_failures_stay), UNIT_TEST(wrong_way_is_refused),
	UNIT_TEST(no_address),
};
UNIT_MAIN(tests)
