/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <arpa/inet.h>
#include <errno.h>
#include <stdbool.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/base/cleanup.h"
#include "lib/port/tcpabort.h"
#include "tests/unit/unit.h"

struct pair {
	int near;
	int far;
	uint16_t port; /* of the far end */
};

/* A connection over loopback. */
static struct pair connection(void)
{
	struct sockaddr_in a = { .sin_family = AF_INET };
	socklen_t len = sizeof(a);
	vmha_autoclose int listener = socket(AF_INET, SOCK_STREAM, 0);
	struct pair p = { .near = socket(AF_INET, SOCK_STREAM, 0) };

	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	CHECK_INT(bind(listener, (struct sockaddr *)&a, sizeof(a)), 0);
	CHECK_INT(listen(listener, 1), 0);
	CHECK_INT(getsockname(listener, (struct sockaddr *)&a, &len), 0);
	CHECK_INT(connect(p.near, (struct sockaddr *)&a, sizeof(a)), 0);
	p.far = accept(listener, NULL, NULL);
	CHECK(p.far >= 0);
	p.port = ntohs(a.sin_port);
	return p;
}

static void pair_close(const struct pair *p)
{
	(void)close(p->near);
	(void)close(p->far);
}

static bool lives(const struct pair *p)
{
	char byte;

	return recv(p->near, &byte, 1, MSG_DONTWAIT | MSG_PEEK) < 0 && errno == EAGAIN;
}

static void of_one_process(void)
{
	struct pair p = connection();

	CHECK_INT(vmha_tcp_abort(1, "127.0.0.1", NULL), 0); /* init has no such connection */
	CHECK(lives(&p));
	CHECK(vmha_tcp_abort(getpid(), "127.0.0.1", NULL) > 0);
	CHECK(!lives(&p));
	pair_close(&p);
	CHECK_INT(vmha_tcp_abort(getpid(), "node2", NULL), -EINVAL);
}

/* Whether more than that has gone by since: what was asked meanwhile proves nothing. */
static bool late(struct vmha_mono since, struct vmha_span silent)
{
	return vmha_mono_passed(vmha_mono_add(since, silent));
}

/* The peer's last word counts, not ours; false where this process was too slow to tell. */
static bool last_word_counts(struct vmha_span silent)
{
	struct vmha_mono made = vmha_mono_now();
	struct pair p = connection();
	struct pair other = connection();
	struct vmha_mono end = vmha_mono_add(vmha_mono_now(), silent);
	int spared = vmha_tcp_abort_silent("127.0.0.1", p.port, silent, NULL);
	bool told = !late(made, silent);
	struct vmha_mono spoke;
	char byte;

	while (told && !vmha_mono_passed(end)) {
		CHECK_INT(send(p.near, "x", 1, 0), 1);
		vmha_mono_pace(VMHA_SPAN_MS(50));
	}
	spoke = vmha_mono_now();
	if (told) {
		CHECK_INT(spared, 0);
		CHECK(lives(&p));
		CHECK_INT(send(p.far, "x", 1, 0), 1);
		CHECK_INT(recv(p.near, &byte, 1, 0), 1);
		spared = vmha_tcp_abort_silent("127.0.0.1", p.port, silent, NULL);
		told = !late(spoke, silent);
	}
	if (told) {
		CHECK_INT(spared, 0);
		CHECK(lives(&p));
		CHECK_INT(vmha_tcp_abort_silent("127.0.0.1", other.port, silent, NULL), 1);
		CHECK(!lives(&other));
		CHECK(lives(&p));
	}
	pair_close(&p);
	pair_close(&other);
	return told;
}

static void of_a_silent_peer(void)
{
	const struct vmha_span most = VMHA_SPAN_MS(60000);
	struct vmha_span silent = VMHA_SPAN_MS(400);

	while (!last_word_counts(silent) && silent.ns < most.ns) {
		silent.ns *= 2;
	}
	CHECK(silent.ns < most.ns);
}

static const struct unit_test tests[] = {
	UNIT_TEST(of_one_process),
	UNIT_TEST(of_a_silent_peer),
};
UNIT_MAIN(tests)
