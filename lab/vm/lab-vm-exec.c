// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A command in a node, with our standard input, output, errors and its exit status: see wire.h.
 * 255: the node did not take it, or has gone meanwhile.
 */
#include "lab-vm.h"
#include "wire.h"
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/random.h>
#include <termios.h>
#include <unistd.h>

#define REPEAT_MS 1000
#define WITHIN_S  30
#define NO_ANSWER 255

struct client {
	char **words;
	int tty;
	int64_t until_ms; /* for the node to take the command */
	int fd;
	uint64_t session;
	int taken;
	int input_open;
	struct wire_buffer in;
	unsigned char request[sizeof(struct wire_head) + WIRE_PAYLOAD];
	uint32_t request_bytes;
	struct termios saved;
};

static int write_all(int fd, const void *data, size_t bytes)
{
	const char *p = data;

	while (bytes > 0) {
		ssize_t n = write(fd, p, bytes);

		if (n < 0 && errno == EAGAIN) {
			struct pollfd wait = { .fd = fd, .events = POLLOUT };

			poll(&wait, 1, -1);
		} else if (n < 0 && errno != EINTR) {
			return -1;
		} else if (n > 0) {
			p += n;
			bytes -= (size_t)n;
		}
	}
	return 0;
}

static int request_make(struct client *c)
{
	struct wire_request request = { .flags = c->tty ? WIRE_TTY : 0 };
	struct winsize size = { .ws_row = 24, .ws_col = 80 };
	unsigned char *p = c->request + sizeof(struct wire_head);
	unsigned char *end = c->request + sizeof(c->request);

	if (c->tty) {
		ioctl(STDIN_FILENO, TIOCGWINSZ, &size);
	}
	request.rows = size.ws_row;
	request.columns = size.ws_col;
	memcpy(p, &request, sizeof(request));
	p += sizeof(request);
	for (char **word = c->words; *word != NULL; word++) {
		size_t bytes = strlen(*word) + 1;

		if (bytes > (size_t)(end - p)) {
			fputs("vmha-lab: the command is too long: give it by standard input\n",
			      stderr);
			return -1;
		}
		memcpy(p, *word, bytes);
		p += bytes;
	}
	c->request_bytes = (uint32_t)(p - c->request);
	wire_head_fill((struct wire_head *)(void *)c->request, WIRE_REQUEST, c->session,
		       c->request_bytes - (uint32_t)sizeof(struct wire_head));
	return 0;
}

static void input_pass(struct client *c)
{
	unsigned char frame[sizeof(struct wire_head) + WIRE_CHUNK];
	ssize_t n = read(STDIN_FILENO, frame + sizeof(struct wire_head), WIRE_CHUNK);

	if (n < 0 && (errno == EINTR || errno == EAGAIN)) {
		return;
	}
	if (n <= 0) {
		c->input_open = 0;
		n = 0;
	}
	wire_head_fill((struct wire_head *)(void *)frame, n > 0 ? WIRE_INPUT : WIRE_INPUT_END,
		       c->session, (uint32_t)n);
	(void)write_all(c->fd, frame, sizeof(struct wire_head) + (size_t)n);
}

/* The exit status, or -1 while there is none. */
static int frame_take(struct client *c, const struct wire_head *head, const unsigned char *data)
{
	uint32_t status;

	if (head->session != c->session) {
		return -1;
	}
	c->taken = 1;
	switch (head->type) {
	case WIRE_OUTPUT:
		if (write_all(STDOUT_FILENO, data, head->length) != 0) {
			return 128 + 13; /* SIGPIPE */
		}
		return -1;
	case WIRE_ERRORS:
		(void)write_all(STDERR_FILENO, data, head->length);
		return -1;
	case WIRE_EXIT:
		memcpy(&status, data, sizeof(status));
		return (int)(status & 0xffU);
	default:
		return -1;
	}
}

static int port_read(struct client *c)
{
	struct wire_head head;
	int status = -1;
	ssize_t n = read(c->fd, c->in.data + c->in.used, sizeof(c->in.data) - c->in.used);

	if (n == 0 || (n < 0 && errno != EINTR && errno != EAGAIN)) {
		fputs("vmha-lab: the node is off\n", stderr);
		return NO_ANSWER;
	}
	c->in.used += n > 0 ? (uint32_t)n : 0;
	while (status < 0 && wire_frame(&c->in, &head)) {
		status = frame_take(c, &head, c->in.data + sizeof(head));
		wire_drop(&c->in, (uint32_t)sizeof(head) + head.length);
	}
	return status;
}

static int converse(struct client *c)
{
	int64_t repeat = 0;
	int status = -1;

	while (status < 0) {
		struct pollfd p[] = {
			{ .fd = c->fd, .events = POLLIN },
			{ .fd = c->taken && c->input_open ? STDIN_FILENO : -1, .events = POLLIN },
		};

		if (!c->taken && now_ms() >= c->until_ms) {
			fputs("vmha-lab: the node does not answer\n", stderr);
			return NO_ANSWER;
		}
		if (!c->taken && now_ms() >= repeat) {
			(void)write_all(c->fd, c->request, c->request_bytes);
			repeat = now_ms() + REPEAT_MS;
		}
		if (poll(p, 2, c->taken ? -1 : REPEAT_MS) < 0 && errno != EINTR) {
			return NO_ANSWER;
		}
		if (p[1].revents != 0) {
			input_pass(c);
		}
		if (p[0].revents != 0) {
			status = port_read(c);
		}
	}
	return status;
}

static void terminal_raw(struct client *c)
{
	struct termios raw;

	c->tty = tcgetattr(STDIN_FILENO, &c->saved) == 0;
	if (c->tty) {
		raw = c->saved;
		cfmakeraw(&raw);
		tcsetattr(STDIN_FILENO, TCSANOW, &raw);
	}
}

int exec_main(int argc, char **argv)
{
	static struct client c = { .input_open = 1 };
	int within = WITHIN_S;
	int status;
	int i;

	for (i = 1; i < argc && argv[i][0] == '-'; i++) {
		if (strcmp(argv[i], "--tty") == 0) {
			c.tty = isatty(STDIN_FILENO);
		} else if (strcmp(argv[i], "--within") == 0 && i + 1 < argc) {
			within = atoi(argv[++i]);
		}
	}
	if (i + 1 >= argc || getrandom(&c.session, sizeof(c.session), 0) != sizeof(c.session)) {
		return 2;
	}
	c.words = argv + i + 1;
	c.until_ms = now_ms() + (int64_t)within * 1000;
	if (request_make(&c) != 0) {
		return 2;
	}
	c.fd = unix_connect(argv[i]);
	if (c.fd < 0) {
		fprintf(stderr, "vmha-lab: no way into the node: %s\n", strerror(errno));
		return NO_ANSWER;
	}
	if (c.tty) {
		terminal_raw(&c);
	}
	status = converse(&c);
	if (c.tty) {
		tcsetattr(STDIN_FILENO, TCSANOW, &c.saved);
	}
	return status;
}
