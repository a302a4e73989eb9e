/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "clusterd/service.h"

#include <errno.h>
#include <glib.h>
#include <grp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "clusterd/clusterd.h"
#include "clusterd/loop.h"
#include "clusterd/ratelimit.h"
#include "lib/base/cleanup.h"
#include "lib/port/ipc_server.h"

#define RETRY_MS      10
#define REQUEST_DEPTH 16 /* of nested JSON: more is garbage */
#define OPEN_MAX      32 /* requests of a client that are not answered yet; the next is refused */
#define OPEN_ALL_MAX  512

struct clusterd_service {
	struct clusterd *c;
	struct vmha_ipc_server *server;
	struct qb_ipcs_poll_handlers loop;
	GHashTable *ops;	 /* name -> const struct clusterd_op */
	GHashTable *subscribers; /* client numbers */
	GHashTable *open;	 /* client number -> how many of its requests are not answered */
	unsigned int open_all;
	guint retry;
	struct clusterd_ratelimit complaints;
};

struct clusterd_request {
	struct clusterd *c;
	uint64_t client;
	uint32_t seq;
	json_t *body;
};

static unsigned int open_count(const struct clusterd_service *s, uint64_t client)
{
	return GPOINTER_TO_UINT(g_hash_table_lookup(s->open, &client));
}

static void open_set(struct clusterd_service *s, uint64_t client, unsigned int count)
{
	uint64_t *key;

	if (!count) {
		(void)g_hash_table_remove(s->open, &client);
		return;
	}
	key = g_new(uint64_t, 1);
	*key = client;
	(void)g_hash_table_replace(s->open, key, GUINT_TO_POINTER(count));
}

/* Answer and free the request. */
static void request_finish(struct clusterd_request *req, int code, json_t *reply)
{
	vmha_autofree char *text = json_dumps(reply, JSON_COMPACT);

	if (req->c->service) {
		(void)vmha_ipc_server_reply(req->c->service->server, req->client, req->seq,
					    text ? code : -ENOMEM,
					    text ? text
						 : "{\"ok\":false,\"errno\":12,\"error\":\"out of "
						   "memory\"}");
		open_set(req->c->service, req->client,
			 open_count(req->c->service, req->client) - 1);
		req->c->service->open_all--;
	}
	json_decref(reply);
	json_decref(req->body);
	free(req);
}

void clusterd_answer_code(struct clusterd_request *req, int code, json_t *body)
{
	json_t *reply = json_pack("{s:b}", "ok", 1);

	if (body) {
		(void)json_object_update_missing(reply, body);
		json_decref(body);
	}
	request_finish(req, code, reply);
}

void clusterd_answer(struct clusterd_request *req, json_t *body)
{
	clusterd_answer_code(req, 0, body);
}

void clusterd_answer_error(struct clusterd_request *req, int code, const char *fmt, ...)
{
	vmha_autofree char *text = NULL;
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vasprintf(&text, fmt, ap);
	va_end(ap);
	if (n < 0) {
		text = NULL;
	}
	request_finish(req, code,
		       json_pack("{s:b, s:i, s:s+}", "ok", 0, "errno", -code, "error",
				 text ? text : "out of memory", ""));
}

void clusterd_answer_err(struct clusterd_request *req, const struct vmha_err *err)
{
	clusterd_answer_error(req, err ? err->code : -ENOMEM, "%s", vmha_err_text(err));
}

uint64_t clusterd_request_client(const struct clusterd_request *req)
{
	return req->client;
}

pid_t clusterd_request_pid(const struct clusterd_request *req)
{
	return vmha_ipc_server_pid(req->c->service->server, req->client);
}

const json_t *clusterd_request_body(const struct clusterd_request *req)
{
	return req->body;
}

/* --- from the port -------------------------------------------------------------------------- */

static void on_complain(void *owner, const char *text)
{
	struct clusterd_service *s = owner;
	unsigned int suppressed;

	if (clusterd_ratelimit_pass(&s->complaints, &suppressed)) {
		clusterd_log(VMHA_LOG_WARNING, "ipc: %s (%u more lines like this)", text,
			     suppressed);
	}
}

static void complain_request(struct clusterd_service *s, uint64_t client, const char *what)
{
	char text[160];

	(void)snprintf(text, sizeof(text), "process %d sent %s",
		       (int)vmha_ipc_server_pid(s->server, client), what);
	on_complain(s, text);
}

/* jansson recurses while it parses; its own limit is 2048. */
static bool too_deep(const char *text, size_t len)
{
	int depth = 0;
	bool quoted = false;
	size_t i;

	for (i = 0; i < len; i++) {
		if (quoted) {
			if (text[i] == '\\') {
				i++; /* whatever it is, it does not end the string */
			} else {
				quoted = text[i] != '"';
			}
		} else if (text[i] == '"') {
			quoted = true;
		} else if (text[i] == '{' || text[i] == '[') {
			if (++depth > REQUEST_DEPTH) {
				return true;
			}
		} else if (text[i] == '}' || text[i] == ']') {
			depth--;
		}
	}
	return false;
}

static void dispatch(struct clusterd_service *s, struct clusterd_request *req)
{
	const char *name = json_string_value(json_object_get(req->body, "op"));
	json_int_t version = json_integer_value(json_object_get(req->body, "v"));
	const struct clusterd_op *op;

	if (!name || version < 1) {
		complain_request(s, req->client, "a request without op or version");
		clusterd_answer_error(req, -EBADMSG, "a request needs \"v\" and \"op\"");
		return;
	}
	if (version != 1) {
		clusterd_answer_error(req, -ENOTSUP,
				      "this clusterd speaks version 1, not %" JSON_INTEGER_FORMAT,
				      version);
		return;
	}
	op = g_hash_table_lookup(s->ops, name);
	if (!op) {
		complain_request(s, req->client, "an operation that does not exist");
		clusterd_answer_error(req, -EOPNOTSUPP, "there is no operation '%.40s'", name);
		return;
	}
	if (!req->c->started && !op->early) {
		clusterd_answer_error(req, -EAGAIN,
				      "clusterd waits for corosync, which does not run on this "
				      "node");
		return;
	}
	if (op->needs_sync && !req->c->synced) {
		clusterd_answer_error(req, -EAGAIN,
				      "clusterd of node %s is not in sync with the cluster yet: "
				      "try again",
				      req->c->name);
		return;
	}
	op->handle(req->c, req, req->body);
}

static void on_request(void *owner, uint64_t client, uint32_t seq, const char *text, size_t len)
{
	struct clusterd_service *s = owner;
	struct clusterd_request *req = calloc(1, sizeof(*req));

	if (!req) {
		return;
	}
	req->c = s->c;
	req->client = client;
	req->seq = seq;
	open_set(s, client, open_count(s, client) + 1);
	s->open_all++;
	if (open_count(s, client) > OPEN_MAX || s->open_all > OPEN_ALL_MAX) {
		complain_request(s, client, "more requests than are answered");
		clusterd_answer_error(req, -EBUSY,
				      "too many requests wait for their answers: at most %d of one "
				      "client, %d in all",
				      OPEN_MAX, OPEN_ALL_MAX);
		return;
	}
	req->body =
		too_deep(text, len) ? NULL : json_loadb(text, len, JSON_REJECT_DUPLICATES, NULL);
	if (!json_is_object(req->body)) {
		complain_request(s, client, "a request that is no JSON object");
		clusterd_answer_error(req, -EBADMSG, "a request is one JSON object");
		return;
	}
	dispatch(s, req);
}

static void on_closed(void *owner, uint64_t client)
{
	struct clusterd_service *s = owner;
	size_t i;

	(void)g_hash_table_remove(s->subscribers, &client);
	for (i = 0; s->c->started && clusterd_modules[i]; i++) {
		if (clusterd_modules[i]->closed) {
			clusterd_modules[i]->closed(s->c, client);
		}
	}
}

static gboolean on_retry_timer(gpointer data)
{
	struct clusterd_service *s = data;

	if (!vmha_ipc_server_flush(s->server)) {
		return G_SOURCE_CONTINUE;
	}
	s->retry = 0;
	return G_SOURCE_REMOVE;
}

static void on_retry(void *owner)
{
	struct clusterd_service *s = owner;

	if (!s->retry) {
		s->retry = g_timeout_add(RETRY_MS, on_retry_timer, s);
	}
}

static const struct vmha_ipc_hooks *hooks(void)
{
	static const struct vmha_ipc_hooks all = { .request = on_request,
						   .closed = on_closed,
						   .retry = on_retry,
						   .complain = on_complain };

	return &all;
}

/* --- to the modules ------------------------------------------------------------------------- */

int clusterd_push(struct clusterd *c, uint64_t client, json_t *event)
{
	vmha_autofree char *text = json_dumps(event, JSON_COMPACT);

	json_decref(event);
	return text ? vmha_ipc_server_push(c->service->server, client, text) : -ENOMEM;
}

void clusterd_push_subscribers(struct clusterd *c, json_t *event)
{
	vmha_autofree char *text = json_dumps(event, JSON_COMPACT);
	GHashTableIter iter;
	gpointer key;

	json_decref(event);
	if (!text) {
		return;
	}
	g_hash_table_iter_init(&iter, c->service->subscribers);
	while (g_hash_table_iter_next(&iter, &key, NULL)) {
		(void)vmha_ipc_server_push(c->service->server, *(const uint64_t *)key, text);
	}
}

bool clusterd_service_has_subscribers(const struct clusterd *c)
{
	return g_hash_table_size(c->service->subscribers) > 0;
}

int clusterd_service_subscribe(struct clusterd *c, uint64_t client)
{
	uint64_t *key = g_new(uint64_t, 1);

	*key = client;
	(void)g_hash_table_add(c->service->subscribers, key);
	return 0;
}

static gid_t group_id(void)
{
	const struct group *gr = getgrnam("haclient");

	return gr ? gr->gr_gid : (gid_t)-1;
}

int clusterd_service_open(struct clusterd *c, struct vmha_err **err)
{
	struct clusterd_service *s = g_new0(struct clusterd_service, 1);
	const struct clusterd_op *op;
	size_t i;
	int r;

	s->c = c;
	s->loop = clusterd_loop_handlers();
	s->ops = g_hash_table_new(g_str_hash, g_str_equal);
	s->subscribers = g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, NULL);
	s->open = g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, NULL);
	for (i = 0; clusterd_modules[i]; i++) {
		for (op = clusterd_modules[i]->ops; op && op->name; op++) {
			(void)g_hash_table_insert(s->ops, (gpointer)(uintptr_t)op->name,
						  (gpointer)(uintptr_t)op);
		}
	}
	c->service = s;
	r = vmha_ipc_server_open(&s->server, &s->loop, group_id(), hooks(), s, err);
	if (r < 0) {
		clusterd_service_close(c);
	}
	return r;
}

void clusterd_service_close(struct clusterd *c)
{
	struct clusterd_service *s = c->service;

	if (!s) {
		return;
	}
	c->service = NULL;
	vmha_ipc_server_close(s->server);
	if (s->retry) {
		(void)g_source_remove(s->retry);
	}
	g_hash_table_destroy(s->ops);
	g_hash_table_destroy(s->subscribers);
	g_hash_table_destroy(s->open);
	g_free(s);
}
