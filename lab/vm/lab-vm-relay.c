// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Between those who want a command run in a node and the node's ports.  The ports stay connected as
 * long as QEMU runs (what QEMU 7.2 tells a guest about later connections does not always arrive), a
 * client is given one that is free.  The agent gets whole frames only, and a frame of our own when
 * the client has gone.
 */
#include "lab-vm.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static int unix_listen(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0 || strlen(path) >= sizeof(address.sun_path)) {
		return -1;
	}
	strcpy(address.sun_path, path);
	unlink(path);
	if (bind(fd, (struct sockaddr *)&address, sizeof(address)) != 0 || listen(fd, 64) != 0) {
		close(fd);
		return -1;
	}
	return fd;
}

struct relay *relay_open(const char *dir)
{
	struct relay *relay = calloc(1, sizeof(*relay));
	char path[256];

	if (relay == NULL) {
		return NULL;
	}
	for (int k = 0; k < RELAY_PORTS; k++) {
		snprintf(path, sizeof(path), "%s/port%d", dir, k);
		relay->lines[k].port = unix_connect(path);
		relay->lines[k].client = -1;
		if (relay->lines[k].port < 0) {
			free(relay);
			return NULL;
		}
		fcntl(relay->lines[k].port, F_SETFL, O_NONBLOCK);
	}
	snprintf(path, sizeof(path), "%s/agent", dir);
	relay->listener = unix_listen(path);
	return relay;
}

static struct relay_line *line_free(struct relay *relay)
{
	/* round and round: what an old command still says has most time to go by */
	for (int i = 0; i < RELAY_PORTS; i++) {
		struct relay_line *line = &relay->lines[relay->next++ % RELAY_PORTS];

		if (line->client < 0 && line->out.used == 0) {
			return line;
		}
	}
	return NULL;
}

/* What of the client's frames is whole; @line->whole bytes at the start of out may be written. */
static void line_whole(struct relay_line *line)
{
	struct wire_head head;

	while (line->whole + sizeof(head) <= line->out.used) {
		memcpy(&head, line->out.data + line->whole, sizeof(head));
		if (line->whole + sizeof(head) + head.length > line->out.used) {
			break;
		}
		line->whole += (uint32_t)sizeof(head) + head.length;
	}
}

static void line_hang_up(struct relay_line *line)
{
	struct wire_head gone;

	close(line->client);
	line->client = -1;
	line->in_used = 0;
	line->out.used = line->whole;
	wire_head_fill(&gone, WIRE_GONE, 0, 0);
	memcpy(line->out.data + line->out.used, &gone, sizeof(gone));
	line->out.used += (uint32_t)sizeof(gone);
	line->whole = line->out.used;
}

static void line_from_client(struct relay_line *line)
{
	/* room for the frame that ends it is kept */
	uint32_t room = (uint32_t)sizeof(line->out.data) - line->out.used;
	ssize_t n = read(line->client, line->out.data + line->out.used, room);

	if (n <= 0) {
		if (n == 0 || (errno != EAGAIN && errno != EINTR)) {
			line_hang_up(line);
		}
		return;
	}
	line->out.used += (uint32_t)n;
	line_whole(line);
}

static void line_to_port(struct relay_line *line)
{
	ssize_t n = write(line->port, line->out.data, line->whole);

	if (n > 0) {
		wire_drop(&line->out, (uint32_t)n);
		line->whole -= (uint32_t)n;
	}
}

static void line_from_port(struct relay_line *line)
{
	ssize_t n = read(line->port, line->in, sizeof(line->in));

	line->in_used = n > 0 && line->client >= 0 ? (uint32_t)n : 0;
	line->in_at = 0;
}

static void line_to_client(struct relay_line *line)
{
	ssize_t n = write(line->client, line->in + line->in_at, line->in_used - line->in_at);

	if (n > 0) {
		line->in_at += (uint32_t)n;
		if (line->in_at == line->in_used) {
			line->in_used = 0;
		}
	} else if (n < 0 && errno != EAGAIN && errno != EINTR) {
		line_hang_up(line);
	}
}

void relay_wants(struct relay *relay, struct pollfd *p)
{
	p[0] = (struct pollfd){ .fd = relay->listener, .events = POLLIN };
	for (int k = 0; k < RELAY_PORTS; k++) {
		struct relay_line *line = &relay->lines[k];
		struct pollfd *port = &p[1 + 2 * k];
		struct pollfd *client = &p[2 + 2 * k];

		*port = (struct pollfd){ .fd = line->port };
		*client = (struct pollfd){ .fd = line->client };
		port->events = (short)((line->in_used == 0 ? POLLIN : 0) |
				       (line->whole > 0 ? POLLOUT : 0));
		client->events = (short)((line->out.used < WIRE_PAYLOAD ? POLLIN : 0) |
					 (line->in_used > 0 ? POLLOUT : 0));
	}
}

static void relay_accept(struct relay *relay)
{
	struct relay_line *line = line_free(relay);

	if (line == NULL) {
		usleep(10000); /* all are in use: the next of the queue waits */
		return;
	}
	line->client = accept4(relay->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
}

void relay_serve(struct relay *relay, const struct pollfd *p)
{
	for (int k = 0; k < RELAY_PORTS; k++) {
		struct relay_line *line = &relay->lines[k];
		short port = p[1 + 2 * k].revents;
		short client = p[2 + 2 * k].revents;

		if ((port & POLLIN) != 0) {
			line_from_port(line);
		}
		if ((port & POLLOUT) != 0) {
			line_to_port(line);
		}
		if (line->client >= 0 && (client & POLLOUT) != 0) {
			line_to_client(line);
		}
		if (line->client >= 0 && (client & (POLLIN | POLLHUP)) != 0 &&
		    line->out.used < WIRE_PAYLOAD) {
			line_from_client(line);
		}
	}
	if ((p[0].revents & POLLIN) != 0) {
		relay_accept(relay);
	}
}
