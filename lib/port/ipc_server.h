/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef VMHA_PORT_IPC_SERVER_H
#define VMHA_PORT_IPC_SERVER_H

#include <qb/qbipcs.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "lib/base/err.h"

/*
 * The serving end of lib/port/ipc_client.h.  A client is a number that is never used again.  Who is
 * neither root nor of the group is refused before any of its bytes is looked at.
 */
struct vmha_ipc_server;

struct vmha_ipc_hooks {
	/* @param text NUL-terminated behind its @len bytes (which may hold NULs), borrowed */
	void (*request)(void *owner, uint64_t client, uint32_t seq, const char *text, size_t len);
	void (*closed)(void *owner, uint64_t client);
	/* What could not be sent waits: call vmha_ipc_server_flush() in some 10 ms. */
	void (*retry)(void *owner);
	/* One line for the log: a client was refused or thrown out. */
	void (*complain)(void *owner, const char *text);
};

/**
 * @param loop  of the owner: how descriptors are watched
 * @param group who may connect beside root: processes of this group; (gid_t)-1: none
 * @param hooks, owner must outlive the server
 */
int vmha_ipc_server_open(struct vmha_ipc_server **ret, struct qb_ipcs_poll_handlers *loop,
			 gid_t group, const struct vmha_ipc_hooks *hooks, void *owner,
			 struct vmha_err **err);

/**
 * Answer a request.
 * @param code for the header: 0, negative errno, or what the operation says
 * @return 0 sent or waiting; -ENOENT the client has gone; -ENOBUFS it does not read: thrown out
 */
int vmha_ipc_server_reply(struct vmha_ipc_server *s, uint64_t client, uint32_t seq, int code,
			  const char *text);

/** Push an event, at most VMHA_IPC_PART_BYTES. @return as vmha_ipc_server_reply(), or -EMSGSIZE */
int vmha_ipc_server_push(struct vmha_ipc_server *s, uint64_t client, const char *text);

/** @return process of the client as the kernel told it, 0 when it has gone */
pid_t vmha_ipc_server_pid(const struct vmha_ipc_server *s, uint64_t client);

/** Try again what waits. @return true when nothing waits any more */
bool vmha_ipc_server_flush(struct vmha_ipc_server *s);

/** Ends all connections (their closed() hooks are not called).  NULL is fine. */
void vmha_ipc_server_close(struct vmha_ipc_server *s);

#endif
