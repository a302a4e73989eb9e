/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lib/port/ipc_client.h"

#include <errno.h>
#include <poll.h>
#include <qb/qbipcc.h>
#include <string.h>

#include "lib/base/cleanup.h"
#include "lib/base/str.h"
#include "lib/port/ipc_wire.h"

/* libqb notices the server's end between two waits only: none is longer. */
#define WAIT_MAX_MS 250

struct vmha_ipc {
	qb_ipcc_connection_t *qb;
	int32_t seq;
	int code;
	size_t size; /* of buffer */
	char *buffer;
};

void vmha_ipc_close(struct vmha_ipc *ipc)
{
	if (!ipc) {
		return;
	}
	if (ipc->qb) {
		qb_ipcc_disconnect(ipc->qb);
	}
	free(ipc->buffer);
	free(ipc);
}

static void ipc_cleanup(struct vmha_ipc **ipc)
{
	vmha_ipc_close(*ipc);
}

static int open_error(int code, struct vmha_err **err)
{
	switch (code) {
	case ECONNREFUSED:
	case ENOENT:
	case ENOTCONN:
	case ECONNRESET:
		return vmha_err_set(err, -ECONNREFUSED,
				    "clusterd does not run on this node: start vmha-clusterd");
	case EACCES:
	case EPERM:
		return vmha_err_set(err, -EACCES,
				    "clusterd refuses this user: be root or of group haclient");
	case ETIMEDOUT:
	case EAGAIN:
		return vmha_err_set(err, -ETIMEDOUT, "clusterd of this node does not answer");
	default:
		return vmha_err_errno(err, -code, "cannot connect to clusterd of this node");
	}
}

/* The handshake is the only part without a time limit of its own: it is done by its halves. */
static qb_ipcc_connection_t *handshake(struct vmha_span timeout)
{
	struct pollfd pfd = { .events = POLLIN };
	qb_ipcc_connection_t *qb;
	int r;

	qb = qb_ipcc_connect_async(VMHA_IPC_SERVICE, VMHA_IPC_MAX_BYTES, &pfd.fd);
	if (!qb) {
		return NULL;
	}
	r = poll(&pfd, 1, (int)vmha_span_ms(timeout));
	if (r <= 0) {
		qb_ipcc_disconnect(qb);
		errno = r == 0 ? ETIMEDOUT : errno;
		return NULL;
	}
	r = qb_ipcc_connect_continue(qb); /* frees it on failure */
	if (r < 0) {
		errno = -r;
		return NULL;
	}
	return qb;
}

int vmha_ipc_open(struct vmha_ipc **ret, struct vmha_span timeout, struct vmha_err **err)
{
	__attribute__((cleanup(ipc_cleanup))) struct vmha_ipc *ipc = calloc(1, sizeof(*ipc));
	int32_t size;

	if (!ipc) {
		return vmha_err_set(err, -ENOMEM, "no memory for a connection to clusterd");
	}
	ipc->qb = handshake(timeout);
	if (!ipc->qb) {
		return open_error(errno, err);
	}
	size = qb_ipcc_get_buffer_size(ipc->qb);
	ipc->size = size > VMHA_IPC_MAX_BYTES ? (size_t)size : VMHA_IPC_MAX_BYTES;
	ipc->buffer = calloc(1, ipc->size);
	if (!ipc->buffer) {
		return vmha_err_set(err, -ENOMEM, "no memory for a connection to clusterd");
	}
	*ret = vmha_steal_ptr(ipc);
	return 0;
}

typedef ssize_t (*receiver)(qb_ipcc_connection_t *qb, void *buf, size_t len, int32_t ms_timeout);

/* One message. @return 0, -EAGAIN none until @deadline, -ECONNRESET, -EPROTO */
static int message_receive(struct vmha_ipc *ipc, receiver recv_one, struct vmha_mono deadline,
			   struct vmha_err **err)
{
	ssize_t n;
	int left;

	do {
		left = vmha_mono_left_ms(deadline);
		n = recv_one(ipc->qb, ipc->buffer, ipc->size,
			     left < WAIT_MAX_MS ? left : WAIT_MAX_MS);
		if ((n == -EAGAIN || n == -ETIMEDOUT) && !qb_ipcc_is_connected(ipc->qb)) {
			n = -ENOTCONN;
		}
	} while ((n == -EAGAIN || n == -ETIMEDOUT || n == -EINTR) && left > 0);
	if (n == -EAGAIN || n == -ETIMEDOUT || n == -EINTR) {
		return -EAGAIN;
	}
	if (n < 0) {
		return vmha_err_set(err, -ECONNRESET,
				    "clusterd of this node went away (%s): see its log",
				    strerror((int)-n));
	}
	if ((size_t)n < sizeof(struct qb_ipc_response_header)) {
		return vmha_err_set(err, -ECONNRESET, "clusterd sent %zd bytes, too few", n);
	}
	((struct qb_ipc_response_header *)(void *)ipc->buffer)->size = (int32_t)n;
	return 0;
}

/* All parts of the message numbered @seq; others (late answers) are dropped. */
static int whole_receive(struct vmha_ipc *ipc, receiver recv_one, int32_t seq,
			 struct vmha_mono deadline, char **ret_text, struct vmha_err **err)
{
	const struct qb_ipc_response_header *head = (const void *)ipc->buffer;
	vmha_autostr struct vmha_str text = { 0 };
	char *whole;
	bool more;
	int r;

	do {
		r = message_receive(ipc, recv_one, deadline, err);
		if (r < 0) {
			return r;
		}
		more = true;
		if ((head->id & ~VMHA_IPC_MORE) != seq) {
			continue;
		}
		more = head->id & VMHA_IPC_MORE;
		ipc->code = head->error;
		r = vmha_str_add_bytes(&text, ipc->buffer + sizeof(*head),
				       (size_t)head->size - sizeof(*head));
		if (r < 0 || text.len > VMHA_IPC_REPLY_MAX_BYTES) {
			return vmha_err_set(err, r < 0 ? -ENOMEM : -ECONNRESET,
					    "clusterd's answer is too large");
		}
	} while (more);
	whole = vmha_str_steal(&text);
	if (!whole) {
		return vmha_err_set(err, -ENOMEM, "no memory for clusterd's answer");
	}
	*ret_text = whole;
	return 0;
}

static int request_send(struct vmha_ipc *ipc, const char *request_json, struct vmha_mono deadline,
			struct vmha_err **err)
{
	struct qb_ipc_request_header head = { .size = 0 };
	struct iovec iov[2];
	ssize_t n;

	if (strlen(request_json) > VMHA_IPC_MAX_BYTES - sizeof(head)) {
		return vmha_err_set(err, -EMSGSIZE, "the request to clusterd is too large");
	}
	ipc->seq = ipc->seq >= VMHA_IPC_SEQ_MAX ? 1 : ipc->seq + 1;
	head.id = ipc->seq;
	head.size = (int32_t)(sizeof(head) + strlen(request_json));
	iov[0] = (struct iovec){ .iov_base = &head, .iov_len = sizeof(head) };
	iov[1] = (struct iovec){ .iov_base = (void *)(uintptr_t)request_json,
				 .iov_len = strlen(request_json) };
	do { /* its queue is full: it reads on */
		n = qb_ipcc_sendv(ipc->qb, iov, 2);
		if (n == -EAGAIN) {
			vmha_mono_pace(VMHA_SPAN_MS(5));
		}
	} while (n == -EAGAIN && !vmha_mono_passed(deadline));
	if (n < 0) {
		return vmha_err_set(err, n == -EAGAIN ? -ETIMEDOUT : -ECONNRESET,
				    "clusterd of this node takes no request: %s",
				    strerror((int)-n));
	}
	return 0;
}

int vmha_ipc_send(struct vmha_ipc *ipc, const char *request_json, struct vmha_span timeout,
		  struct vmha_err **err)
{
	return request_send(ipc, request_json, vmha_mono_add(vmha_mono_now(), timeout), err);
}

int vmha_ipc_answer(struct vmha_ipc *ipc, struct vmha_span timeout, char **ret_reply,
		    struct vmha_err **err)
{
	return whole_receive(ipc, qb_ipcc_recv, ipc->seq, vmha_mono_add(vmha_mono_now(), timeout),
			     ret_reply, err);
}

int vmha_ipc_call(struct vmha_ipc *ipc, const char *request_json, struct vmha_span timeout,
		  char **ret_reply, struct vmha_err **err)
{
	struct vmha_mono deadline = vmha_mono_add(vmha_mono_now(), timeout);
	vmha_autofree char *reply = NULL;
	int r = request_send(ipc, request_json, deadline, err);

	if (r < 0) {
		return r;
	}
	r = whole_receive(ipc, qb_ipcc_recv, ipc->seq, deadline, &reply, err);
	if (r == -EAGAIN) {
		return vmha_err_set(err, -ETIMEDOUT,
				    "clusterd of this node did not answer within %lld ms",
				    (long long)vmha_span_ms(timeout));
	}
	if (r == 0 && ret_reply) {
		*ret_reply = vmha_steal_ptr(reply);
	}
	return r;
}

int vmha_ipc_code(const struct vmha_ipc *ipc)
{
	return ipc->code;
}

int vmha_ipc_event(struct vmha_ipc *ipc, struct vmha_span timeout, char **ret_event,
		   struct vmha_err **err)
{
	int code = ipc->code;
	int r = whole_receive(ipc, qb_ipcc_event_recv, 0, vmha_mono_add(vmha_mono_now(), timeout),
			      ret_event, err);

	ipc->code = code;
	return r == -EAGAIN ? vmha_err_set(err, -EAGAIN, "clusterd sent no event") : r;
}
