/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef VMHA_CLUSTERD_SERVICE_H
#define VMHA_CLUSTERD_SERVICE_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "lib/base/err.h"

struct clusterd;
struct clusterd_service;
struct clusterd_request;

/*
 * The IPC service: one JSON object a message.  {"v":1,"op":NAME,...} is answered with
 * {"ok":true,...} or {"ok":false,"errno":N,"error":"one line"}.  A client is a connection, named by
 * a number that is never used again; commands and agents have passed the authorisation (root or
 * group haclient) before any request arrives.
 */
struct clusterd_op {
	const char *name;
	/*
	 * Answers @req exactly once, now or later from the loop: with one of clusterd_answer*().
	 * @body is the whole request, borrowed until then; untrusted: check types and bounds.
	 * An answer to a client that has gone is dropped.
	 */
	void (*handle)(struct clusterd *c, struct clusterd_request *req, const json_t *body);
	bool early;	 /* answered although corosync has not been seen yet */
	bool needs_sync; /* refused with -EAGAIN until the state is the group's */
};

/** @param body fields beside "ok", stolen; NULL: none */
void clusterd_answer(struct clusterd_request *req, json_t *body);
/** @param code negative errno */
void clusterd_answer_error(struct clusterd_request *req, int code, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
/** As clusterd_answer_error() with what a callee left in @err. */
void clusterd_answer_err(struct clusterd_request *req, const struct vmha_err *err);
/**
 * As clusterd_answer(), with a code of its own in the header, for a client without JSON.
 * @param code 0 or a small positive number
 */
void clusterd_answer_code(struct clusterd_request *req, int code, json_t *body);

/** @return the connection it came over; stays valid as a number for ever */
uint64_t clusterd_request_client(const struct clusterd_request *req);
/** @return process of the client, as the kernel told it when it connected */
pid_t clusterd_request_pid(const struct clusterd_request *req);
const json_t *clusterd_request_body(const struct clusterd_request *req);

/**
 * Push an event to a client.
 * @param event stolen
 * @return 0 queued; -ENOENT it has gone; -ENOBUFS it does not read: it is disconnected
 */
int clusterd_push(struct clusterd *c, uint64_t client, json_t *event);

/** Push an event to all that have subscribed. @param event stolen */
void clusterd_push_subscribers(struct clusterd *c, json_t *event);

bool clusterd_service_has_subscribers(const struct clusterd *c);

/** @internal of service.c and ops.c: the client wants what clusterd_push_subscribers() sends. */
int clusterd_service_subscribe(struct clusterd *c, uint64_t client);

int clusterd_service_open(struct clusterd *c, struct vmha_err **err);
void clusterd_service_close(struct clusterd *c);

#endif
