/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lib/port/qmp.h"

#include <errno.h>
#include <jansson.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "lib/base/cleanup.h"
#include "lib/base/str.h"

#define LINE_MAX_BYTES (1U << 20)

static void json_cleanup(json_t **j)
{
	json_decref(*j);
}
#define autojson __attribute__((cleanup(json_cleanup)))

struct qmp {
	int fd;
	struct vmha_mono deadline;
	struct vmha_str in;
};

static int qmp_open(struct qmp *q, const char *path)
{
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	vmha_autoclose int fd = -1;

	if (strlen(path) >= sizeof(to.sun_path)) {
		return -ENAMETOOLONG;
	}
	memcpy(to.sun_path, path, strlen(path) + 1);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0 || connect(fd, (struct sockaddr *)&to, sizeof(to)) < 0) {
		return -errno; /* EAGAIN: QEMU's queue of one is taken */
	}
	q->fd = vmha_steal_fd(&fd);
	return 0;
}

static int qmp_send(const struct qmp *q, const char *command)
{
	vmha_autofree char *text = vmha_str_printf("{\"execute\":\"%s\"}\n", command);
	size_t len = text ? strlen(text) : 0;

	if (!text) {
		return -ENOMEM;
	}
	/* a few bytes into an empty socket buffer: never partly taken */
	return send(q->fd, text, len, MSG_NOSIGNAL) == (ssize_t)len ? 0 : -EIO;
}

static int qmp_fill(struct qmp *q)
{
	struct pollfd p = { .fd = q->fd, .events = POLLIN };
	char buf[4096];
	ssize_t n;
	int ready = poll(&p, 1, vmha_mono_left_ms(q->deadline));

	if (ready == 0) {
		return -ETIMEDOUT;
	}
	n = ready < 0 ? -1 : read(q->fd, buf, sizeof(buf));
	if (n < 0) {
		return errno == EINTR || errno == EAGAIN ? 0 : -errno;
	}
	if (n == 0) {
		return -ECONNRESET;
	}
	return q->in.len + (size_t)n > LINE_MAX_BYTES ? -EFBIG
						      : vmha_str_add_bytes(&q->in, buf, (size_t)n);
}

/* The next message, one line each. */
static int qmp_next(struct qmp *q, json_t **ret_message)
{
	char *eol;

	while (!(eol = q->in.len ? memchr(q->in.text, '\n', q->in.len) : NULL)) {
		int r = qmp_fill(q);

		if (r < 0) {
			return r;
		}
	}
	*ret_message = json_loadb(q->in.text, (size_t)(eol - q->in.text), 0, NULL);
	q->in.len -= (size_t)(eol + 1 - q->in.text);
	memmove(q->in.text, eol + 1, q->in.len);
	return *ret_message ? 0 : -EBADMSG;
}

/* Runs one command, skipping events. */
static int qmp_command(struct qmp *q, const char *command, json_t **ret_message)
{
	int r = qmp_send(q, command);

	while (r == 0) {
		autojson json_t *m = NULL;

		r = qmp_next(q, &m);
		if (r == 0 && (json_object_get(m, "return") || json_object_get(m, "error"))) {
			*ret_message = vmha_steal_ptr(m);
			return 0;
		}
	}
	return r;
}

static int qmp_talk(struct qmp *q, const char *command, json_t **ret_message)
{
	autojson json_t *greeting = NULL;
	autojson json_t *ready = NULL;
	int r = qmp_next(q, &greeting);

	if (r == 0) {
		r = qmp_command(q, "qmp_capabilities", &ready);
	}
	return r < 0 ? r : qmp_command(q, command, ret_message);
}

int vmha_qmp_run(const char *socket_path, const char *command, struct vmha_span timeout,
		 char **ret_reply, struct vmha_err **err)
{
	struct qmp q = { .fd = -1, .deadline = vmha_mono_add(vmha_mono_now(), timeout) };
	autojson json_t *m = NULL;
	json_t *error;
	int r = qmp_open(&q, socket_path);

	if (r == 0) {
		r = qmp_talk(&q, command, &m);
	}
	vmha_cleanup_fd(&q.fd);
	vmha_str_free(&q.in);
	if (r < 0) {
		return vmha_err_errno(err, r, "QEMU's monitor %s", socket_path);
	}
	error = json_object_get(m, "error");
	if (error) {
		const char *text = json_string_value(json_object_get(error, "desc"));

		return vmha_err_set(err, -EIO, "QEMU refuses %s: %s", command, text ? text : "?");
	}
	if (ret_reply) {
		*ret_reply = json_dumps(json_object_get(m, "return"), JSON_ENCODE_ANY);
		return *ret_reply ? 0 : vmha_err_set(err, -ENOMEM, "out of memory");
	}
	return 0;
}

enum vmha_qmp_status vmha_qmp_status(const char *socket_path, struct vmha_span timeout)
{
	vmha_autofree char *reply = NULL;

	if (vmha_qmp_run(socket_path, "query-status", timeout, &reply, NULL) < 0) {
		return VMHA_QMP_SILENT;
	}
	if (strstr(reply, "\"status\": \"shutdown\"")) {
		return VMHA_QMP_SHUTDOWN;
	}
	return strstr(reply, "\"running\": true") ? VMHA_QMP_RUNNING : VMHA_QMP_PAUSED;
}
