/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
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

static int first(struct vmha_probe *p, size_t count, int64_t patience_ms, int64_t timeout_ms)
{
	struct vmha_span patience = VMHA_SPAN_MS(patience_ms);
	struct vmha_span timeout = VMHA_SPAN_MS(timeout_ms);

	return vmha_probe_first(p, count, patience, timeout);
}

static void first_in_order(void)
{
	int fd;
	uint16_t port = listener(&fd, 4);
	struct vmha_probe p[] = { probe(dead_port()), probe(port), probe(port) };

	CHECK_INT(first(p, 3, 5000, 5000), 1);
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

	CHECK_INT(first(p, 3, 300, 5000), 2);
	took = vmha_span_ms(vmha_mono_diff(begun, vmha_mono_now()));
	CHECK(took >= 250 && took < 3000);
	CHECK_INT(p[0].result, -ETIMEDOUT);
	CHECK_INT(p[1].result, -ETIMEDOUT);
	for (i = 0; i <= FILL; i++) {
		(void)close(fds[i]);
	}
	(void)close(fd);
}

/* As on a network that a copy fills: the first question was lost, the kernel's next one is not. */
static void a_late_answer_counts_where_there_is_no_other(void)
{
	int fds[FILL + 1];
	uint16_t full = silent(fds);
	struct vmha_probe p[] = { probe(dead_port()), probe(full) };
	pid_t child = fork();
	int i;

	CHECK(child >= 0);
	if (child == 0) {
		(void)poll(NULL, 0, 400); /* full for as long */
		while (accept(fds[FILL], NULL, NULL) >= 0) {
		}
		_exit(0);
	}
	CHECK_INT(first(p, 2, 200, 20000), 1);
	CHECK_INT(p[0].result, -ECONNREFUSED);
	CHECK_INT(p[1].result, 0);
	(void)kill(child, SIGKILL);
	CHECK_INT(waitpid(child, NULL, 0), child);
	for (i = 0; i <= FILL; i++) {
		(void)close(fds[i]);
	}
}

static void none_is_waited_for_without_a_limit(void)
{
	int fds[FILL + 1];
	struct vmha_probe p[] = { probe(silent(fds)) };
	int i;

	CHECK_INT(first(p, 1, 100, 400), -1);
	CHECK_INT(p[0].result, -ETIMEDOUT);
	CHECK(p[0].waited_ms >= 390 && p[0].waited_ms < 3000);
	/* no time left at all */
	p[0].result = -EINPROGRESS;
	CHECK_INT(first(p, 1, 1000, 0), -1);
	CHECK_INT(p[0].result, -ETIMEDOUT);
	for (i = 0; i <= FILL; i++) {
		(void)close(fds[i]);
	}
}

static void known_failures_stay(void)
{
	int fd;
	struct vmha_probe p[] = { probe(listener(&fd, 4)) };

	p[0].result = -EIO;
	CHECK_INT(first(p, 1, 1000, 1000), -1);
	CHECK_INT(p[0].result, -EIO);
	CHECK_INT(first(p, 0, 1000, 1000), -1);
	(void)close(fd);
}

static void wrong_way_is_refused(void)
{
	int fd;
	struct vmha_probe p[] = { probe(listener(&fd, 4)) };

	p[0].local = "127.9.9.9";
	CHECK_INT(first(p, 1, 1000, 1000), -1);
	CHECK_INT(p[0].result, -EADDRNOTAVAIL);
	p[0].result = -EINPROGRESS;
	p[0].local = "127.0.0.1";
	CHECK_INT(first(p, 1, 1000, 1000), 0);
	(void)close(fd);
}

static void no_address(void)
{
	struct vmha_probe p[] = { probe(1) };

	p[0].address = "node2";
	CHECK_INT(first(p, 1, 1000, 1000), -1);
	CHECK_INT(p[0].result, -EINVAL);
}

static const struct unit_test tests[] = {
	UNIT_TEST(first_in_order),
	UNIT_TEST(silence_is_waited_for_once),
	UNIT_TEST(known_failures_stay),
	UNIT_TEST(wrong_way_is_refused),
	UNIT_TEST(no_address),
	UNIT_TEST(a_late_answer_counts_where_there_is_no_other),
	UNIT_TEST(none_is_waited_for_without_a_limit),
};
UNIT_MAIN(tests)
