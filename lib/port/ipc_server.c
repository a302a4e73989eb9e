/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lib/port/ipc_server.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/cleanup.h"
#include "lib/base/file.h"
#include "lib/base/str.h"
#include "lib/port/ipc_wire.h"

#define CLIENTS_MAX	 128
#define OTHERS_MAX	 96 /* of them not of root: agents and the administrator still get in */
#define WAITING_MAX	 (2 * VMHA_IPC_REPLY_MAX_BYTES) /* bytes, of a client that does not read */
#define STATUS_MAX_BYTES (64UL * 1024)

struct waiting {
	struct waiting *next;
	bool event;
	size_t len;
	struct qb_ipc_response_header head; /* the text follows */
};

struct client {
	struct client *next;
	uint64_t id;
	qb_ipcs_connection_t *conn;
	pid_t pid;
	bool root;
	bool doomed; /* libqb does not bear the end of a connection inside its own request */
	size_t waiting_bytes;
	struct waiting *first;
	struct waiting *last;
};

struct vmha_ipc_server {
	qb_ipcs_service_t *qb;
	const struct vmha_ipc_hooks *hooks;
	void *owner;
	gid_t group;
	uint64_t last_id;
	unsigned int count;
	unsigned int others;
	struct client *clients;
	bool closing;
};

/* Context of a connection of root between on_accept() and on_created(). */
static const char root_mark;

static void complain(struct vmha_ipc_server *s, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

static void complain(struct vmha_ipc_server *s, const char *fmt, ...)
{
	char text[256];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	s->hooks->complain(s->owner, text);
}

static struct client *client_find(const struct vmha_ipc_server *s, uint64_t id)
{
	struct client *cl = s->clients;

	while (cl && cl->id != id) {
		cl = cl->next;
	}
	return cl;
}

static pid_t conn_pid(qb_ipcs_connection_t *conn)
{
	struct qb_ipcs_connection_stats stats = { 0 };

	(void)qb_ipcs_connection_stats_get(conn, &stats, 0);
	return stats.client_pid;
}

/* A number behind @key in the text of /proc/PID/status, the @nth of its line, is @wanted? */
static bool status_says(const char *status, const char *key, int nth, unsigned long wanted)
{
	const char *p = strstr(status, key);
	char *end = NULL;
	int i;

	for (i = 0, p = p ? p + strlen(key) : NULL; p; i++, p = end) {
		const unsigned long value = strtoul(p += strspn(p, "\t "), &end, 10);

		if (*p < '0' || *p > '9') {
			return false; /* the end of the line */
		}
		if ((nth < 0 || nth == i) && value == wanted) {
			return true;
		}
	}
	return false;
}

/*
 * The kernel tells the primary group only, so look at the process's own: what the system's users
 * database says may be silent for long (it may be behind a network), and this runs in the loop.
 * The process that connected may have gone and its number be another's: of another user it does
 * not count, and one of the same user that has the group shows what that user may do.
 */
static bool in_group(pid_t pid, uid_t uid, gid_t gid, gid_t group)
{
	vmha_autofree char *status = NULL;
	char path[48];

	if (group == (gid_t)-1 || gid == group) {
		return group != (gid_t)-1;
	}
	(void)snprintf(path, sizeof(path), "/proc/%ld/status", (long)pid);
	return pid > 0 && vmha_file_read(path, STATUS_MAX_BYTES, &status, NULL, NULL) == 0 &&
	       status_says(status, "\nUid:", 1, uid) && status_says(status, "\nGroups:", -1, group);
}

static int32_t on_accept(qb_ipcs_connection_t *conn, uid_t uid, gid_t gid)
{
	struct vmha_ipc_server *s = qb_ipcs_connection_service_context_get(conn);

	if (uid != 0 && !in_group(conn_pid(conn), uid, gid, s->group)) {
		complain(s, "user %u, group %u may not connect", (unsigned int)uid,
			 (unsigned int)gid);
		return -EACCES;
	}
	if (qb_ipcs_connection_get_buffer_size(conn) > VMHA_IPC_MAX_BYTES) {
		complain(s, "a client of user %u wants messages of more than %d bytes",
			 (unsigned int)uid, VMHA_IPC_MAX_BYTES);
		return -EMSGSIZE;
	}
	if (s->count >= CLIENTS_MAX || (uid != 0 && s->others >= OTHERS_MAX)) {
		complain(s, "%u clients are connected, %u of them not of root: no more", s->count,
			 s->others);
		return -EMFILE;
	}
	qb_ipcs_connection_auth_set(conn, uid, gid, 0600);
	qb_ipcs_context_set(conn, uid == 0 ? (void *)(uintptr_t)&root_mark : NULL);
	return 0;
}

static void on_created(qb_ipcs_connection_t *conn)
{
	struct vmha_ipc_server *s = qb_ipcs_connection_service_context_get(conn);
	struct client *cl = calloc(1, sizeof(*cl));
	const bool root = qb_ipcs_context_get(conn) == &root_mark;

	qb_ipcs_context_set(conn, NULL);
	if (!cl) {
		return; /* its requests find no context and are dropped */
	}
	cl->pid = conn_pid(conn);
	cl->root = root;
	cl->id = ++s->last_id;
	cl->conn = conn;
	cl->next = s->clients;
	s->clients = cl;
	s->count++;
	s->others += !root;
	qb_ipcs_context_set(conn, cl);
}

static void client_free(struct client *cl)
{
	struct waiting *w;

	while (cl->first) {
		w = cl->first;
		cl->first = w->next;
		free(w);
	}
	free(cl);
}

static int32_t on_closed(qb_ipcs_connection_t *conn)
{
	struct vmha_ipc_server *s = qb_ipcs_connection_service_context_get(conn);
	struct client *cl = qb_ipcs_context_get(conn);
	struct client **at = &s->clients;
	uint64_t id;

	if (!cl || (const void *)cl == &root_mark) {
		return 0;
	}
	qb_ipcs_context_set(conn, NULL);
	while (*at != cl) {
		at = &(*at)->next;
	}
	*at = cl->next;
	s->count--;
	s->others -= !cl->root;
	id = cl->id;
	client_free(cl);
	if (!s->closing) {
		s->hooks->closed(s->owner, id);
	}
	return 0;
}

static int32_t on_message(qb_ipcs_connection_t *conn, void *data, size_t size)
{
	struct vmha_ipc_server *s = qb_ipcs_connection_service_context_get(conn);
	const struct client *cl = qb_ipcs_context_get(conn);
	struct qb_ipc_request_header head;
	vmha_autofree char *text = NULL;
	size_t len;

	if (!cl) {
		return -ENOBUFS;
	}
	/* The client can still write there: copied once, then looked at.  @size is its word, too;
	 * the ring buffer is mapped twice in a row, so that a lie within its size reads garbage. */
	(void)memcpy(&head, data, sizeof(head));
	if (size < sizeof(head) || size > VMHA_IPC_MAX_BYTES || head.id < 0 ||
	    head.id > VMHA_IPC_SEQ_MAX) {
		complain(s, "client %d sent a message of %zd bytes, number %d: dropped",
			 (int)cl->pid, (ssize_t)size, head.id);
		return 0;
	}
	len = size - sizeof(head);
	text = calloc(1, len + 1);
	if (!text) {
		return -ENOBUFS;
	}
	(void)memcpy(text, (const char *)data + sizeof(head), len);
	s->hooks->request(s->owner, cl->id, (uint32_t)head.id, text, len);
	return 0;
}

int vmha_ipc_server_open(struct vmha_ipc_server **ret, struct qb_ipcs_poll_handlers *loop,
			 gid_t group, const struct vmha_ipc_hooks *hooks, void *owner,
			 struct vmha_err **err)
{
	struct qb_ipcs_service_handlers handlers = {
		.connection_accept = on_accept,
		.connection_created = on_created,
		.msg_process = on_message,
		.connection_closed = on_closed,
	};
	struct vmha_ipc_server *s = calloc(1, sizeof(*s));
	int r;

	if (!s) {
		return vmha_err_set(err, -ENOMEM, "no memory for the IPC service");
	}
	s->hooks = hooks;
	s->owner = owner;
	s->group = group;
	/* Not QB_IPC_SOCKET: libqb 2.0.6 receives there as many bytes as the sender's header says,
	 * on a socket that every local user can send to. */
	s->qb = qb_ipcs_create(VMHA_IPC_SERVICE, 0, QB_IPC_SHM, &handlers);
	if (!s->qb) {
		free(s);
		return vmha_err_errno(err, -errno, "cannot make the IPC service");
	}
	qb_ipcs_service_context_set(s->qb, s);
	qb_ipcs_enforce_buffer_size(s->qb, VMHA_IPC_MAX_BYTES);
	qb_ipcs_poll_handlers_set(s->qb, loop);
	r = qb_ipcs_run(s->qb); /* frees it on failure */
	if (r < 0) {
		free(s);
		return vmha_err_set(err, r, "cannot open the IPC service: %s",
				    r == -EADDRINUSE ? "another clusterd runs on this node"
						     : strerror(-r));
	}
	*ret = s;
	return 0;
}

void vmha_ipc_server_close(struct vmha_ipc_server *s)
{
	if (!s) {
		return;
	}
	s->closing = true;
	qb_ipcs_destroy(s->qb);
	free(s);
}

static int send_one(const struct client *cl, const struct waiting *w)
{
	ssize_t n = w->event ? qb_ipcs_event_send(cl->conn, &w->head, w->len)
			     : qb_ipcs_response_send(cl->conn, &w->head, w->len);

	/* Who has gone is noticed by the loop. */
	return n == -EAGAIN || n == -ETIMEDOUT || n == -ENOBUFS ? -EAGAIN : 0;
}

/* @return true when nothing of this client waits any more */
static bool client_flush(struct client *cl)
{
	struct waiting *w;

	while ((w = cl->first) != NULL) {
		if (send_one(cl, w) == -EAGAIN) {
			return false;
		}
		cl->first = w->next;
		cl->waiting_bytes -= w->len;
		free(w);
	}
	cl->last = NULL;
	return true;
}

static struct client *client_doomed(const struct vmha_ipc_server *s)
{
	struct client *cl = s->clients;

	while (cl && !cl->doomed) {
		cl = cl->next;
	}
	return cl;
}

bool vmha_ipc_server_flush(struct vmha_ipc_server *s)
{
	struct client *cl;
	bool all = true;

	while ((cl = client_doomed(s)) != NULL) {
		qb_ipcs_disconnect(cl->conn); /* on_closed() takes it out of the list */
	}
	for (cl = s->clients; cl; cl = cl->next) {
		all = client_flush(cl) && all;
	}
	return all;
}

static int client_add(struct client *cl, bool event, uint32_t id, int code, const char *part,
		      size_t len)
{
	struct waiting *w = calloc(1, sizeof(*w) + len);

	if (!w) {
		return -ENOMEM;
	}
	w->event = event;
	w->len = sizeof(w->head) + len;
	w->head.id = (int32_t)id;
	w->head.size = (int32_t)w->len;
	w->head.error = code;
	(void)memcpy(&w->head + 1, part, len);
	if (cl->last) {
		cl->last->next = w;
	} else {
		cl->first = w;
	}
	cl->last = w;
	cl->waiting_bytes += w->len;
	return 0;
}

static int client_send(struct vmha_ipc_server *s, struct client *cl, bool event, uint32_t seq,
		       int code, const char *text)
{
	size_t left = strlen(text);
	bool idle = !cl->first;
	size_t len;
	int r;

	if (cl->doomed) {
		return -ENOBUFS;
	}
	if (left + cl->waiting_bytes > WAITING_MAX) {
		complain(s, "client %d does not read its answers: thrown out", (int)cl->pid);
		cl->doomed = true;
		s->hooks->retry(s->owner);
		return -ENOBUFS;
	}
	do {
		len = left < VMHA_IPC_PART_BYTES ? left : VMHA_IPC_PART_BYTES;
		r = client_add(cl, event, left > len ? seq | VMHA_IPC_MORE : seq, code, text, len);
		text += len;
		left -= len;
	} while (r == 0 && left);
	if (!client_flush(cl) && idle) {
		s->hooks->retry(s->owner);
	}
	return r;
}

int vmha_ipc_server_reply(struct vmha_ipc_server *s, uint64_t client, uint32_t seq, int code,
			  const char *text)
{
	struct client *cl = client_find(s, client);

	return cl ? client_send(s, cl, false, seq, code, text) : -ENOENT;
}

int vmha_ipc_server_push(struct vmha_ipc_server *s, uint64_t client, const char *text)
{
	struct client *cl = client_find(s, client);

	if (strlen(text) > VMHA_IPC_PART_BYTES) {
		return -EMSGSIZE;
	}
	return cl ? client_send(s, cl, true, 0, 0, text) : -ENOENT;
}

pid_t vmha_ipc_server_pid(const struct vmha_ipc_server *s, uint64_t client)
{
	const struct client *cl = client_find(s, client);

	return cl ? cl->pid : 0;
}
