/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What lab-vm (this machine) and lab-agent (a node that is a virtual machine) say to each other
 * over a virtio-serial port: one command a connection.
 *
 *   lab-vm                                   lab-agent
 *   REQUEST flags, rows, columns, argv  ->
 *                                       <-   TAKEN
 *   INPUT..., INPUT_END                 ->
 *                                       <-   OUTPUT..., ERRORS..., then EXIT status
 *
 * Between them is the relay of `lab-vm run`: see lab-vm-relay.c.
 *
 * The other end may be gone in the middle of a frame and a new one there: every frame begins with a
 * magic number and a sum, and names its session; what does not fit is skipped.
 */
#ifndef VMHA_LAB_WIRE_H
#define VMHA_LAB_WIRE_H

#include <stdint.h>
#include <string.h>

#define WIRE_MAGIC   0x616c6d76U /* "vmla" */
#define WIRE_PAYLOAD 65536U	 /* at most */
#define WIRE_CHUNK   16384U	 /* of a stream */
#define WIRE_TTY     1U		 /* a flag of REQUEST: on a terminal */

enum wire_type {
	WIRE_REQUEST = 1,
	WIRE_TAKEN,
	WIRE_INPUT,
	WIRE_INPUT_END,
	WIRE_OUTPUT,
	WIRE_ERRORS,
	WIRE_EXIT,
	WIRE_GONE, /* by the relay, of no session: nobody listens any more */
};

struct wire_head {
	uint32_t magic;
	uint32_t type;
	uint64_t session;
	uint32_t length;
	uint32_t sum;
};

struct wire_request {
	uint32_t flags;
	uint16_t rows;
	uint16_t columns;
	/* then the words of the command, each with its NUL */
};

struct wire_buffer {
	unsigned char data[sizeof(struct wire_head) + WIRE_PAYLOAD];
	uint32_t used;
};

static inline uint32_t wire_sum(const struct wire_head *head)
{
	return head->magic ^ head->type * 2654435761U ^ (uint32_t)head->session ^
	       (uint32_t)(head->session >> 32) * 40503U ^ head->length * 2246822519U;
}

static inline void wire_head_fill(struct wire_head *head, uint32_t type, uint64_t session,
				  uint32_t length)
{
	*head = (struct wire_head){
		.magic = WIRE_MAGIC, .type = type, .session = session, .length = length
	};
	head->sum = wire_sum(head);
}

/* Forgets the first @bytes. */
static inline void wire_drop(struct wire_buffer *buffer, uint32_t bytes)
{
	buffer->used -= bytes;
	memmove(buffer->data, buffer->data + bytes, buffer->used);
}

/* 1 if a whole frame is at the start of @buffer: its head is in @head, its payload behind it. */
static inline int wire_frame(struct wire_buffer *buffer, struct wire_head *head)
{
	while (buffer->used >= sizeof(*head)) {
		memcpy(head, buffer->data, sizeof(*head));
		if (head->magic == WIRE_MAGIC && head->sum == wire_sum(head) &&
		    head->length <= WIRE_PAYLOAD) {
			return buffer->used >= sizeof(*head) + head->length;
		}
		wire_drop(buffer, 1);
	}
	return 0;
}

#endif
