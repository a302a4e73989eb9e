/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The parts of lab-vm. */
#ifndef VMHA_LAB_VM_H
#define VMHA_LAB_VM_H

#include "wire.h"
#include <poll.h>
#include <stdint.h>

int64_t now_ms(void);

/* A connection to the socket at @path; -1 and errno. */
int unix_connect(const char *path);

/* Exit statuses of the command line. */
int exec_main(int argc, char **argv);
int qmp_main(const char *path, const char *command);
int run_main(int argc, char **argv);

/* QMP: a connection that has been greeted, or -1. */
int qmp_open(const char *path, int64_t until_ms);

/*
 * The next line from QEMU in @line; its length, 0 when QEMU has gone, -1 when it is not there by
 * @until_ms (-1: no limit).
 */
int qmp_line(int fd, char *line, int room, int64_t until_ms);

/* QEMU drops what it has to tell of a port when its queue of 32 messages is full: three a port. */
#define RELAY_PORTS 10
#define RELAY_FDS   (1 + 2 * RELAY_PORTS)

struct relay_line {
	int port;
	int client; /* -1: nobody */
	struct wire_buffer out;
	uint32_t whole; /* so much of out are whole frames */
	unsigned char in[WIRE_CHUNK];
	uint32_t in_used;
	uint32_t in_at;
};

struct relay {
	int listener;
	unsigned int next;
	struct relay_line lines[RELAY_PORTS];
};

/* Connects to the ports in @dir, listens there; NULL when a port cannot be reached. */
struct relay *relay_open(const char *dir);

/* What to poll for: RELAY_FDS entries of @p; then relay_serve() with what came of it. */
void relay_wants(struct relay *relay, struct pollfd *p);
void relay_serve(struct relay *relay, const struct pollfd *p);

#endif
