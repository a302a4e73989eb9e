/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef VMHA_PORT_IPC_CLIENT_H
#define VMHA_PORT_IPC_CLIENT_H

#include "lib/base/err.h"
#include "lib/base/mono.h"

/* A connection to this node's clusterd.  JSON text in, JSON text out; one call at a time. */
struct vmha_ipc;

/**
 * @return 0; -ECONNREFUSED clusterd does not run here; -EACCES neither root nor haclient;
 * -ETIMEDOUT; other negative errno
 */
int vmha_ipc_open(struct vmha_ipc **ret, struct vmha_span timeout, struct vmha_err **err);

/**
 * @param request_json one object, at most 128 KiB
 * @param[out] ret_reply one object, whatever its "ok" says; caller frees; set on 0 only; may be
 * NULL
 * @return 0 answered; -ETIMEDOUT: a late answer is dropped, the connection stays usable;
 * -ECONNRESET clusterd went away: close; -EMSGSIZE
 */
int vmha_ipc_call(struct vmha_ipc *ipc, const char *request_json, struct vmha_span timeout,
		  char **ret_reply, struct vmha_err **err);

/**
 * The two halves of a call, for one who does not wait: until the answer is there, nothing else may
 * be sent.
 * @return as vmha_ipc_call(); vmha_ipc_answer(): -EAGAIN none within @timeout, ask again
 */
int vmha_ipc_send(struct vmha_ipc *ipc, const char *request_json, struct vmha_span timeout,
		  struct vmha_err **err);
int vmha_ipc_answer(struct vmha_ipc *ipc, struct vmha_span timeout, char **ret_reply,
		    struct vmha_err **err);

/** @return the code in the last answer's header: 0, negative errno, or what the operation says */
int vmha_ipc_code(const struct vmha_ipc *ipc);

/**
 * The next event that clusterd pushed.
 * @param[out] ret_event one object; caller frees; set on 0 only
 * @return 0; -EAGAIN none within @timeout; -ECONNRESET clusterd went away: close
 */
int vmha_ipc_event(struct vmha_ipc *ipc, struct vmha_span timeout, char **ret_event,
		   struct vmha_err **err);

/** NULL is fine. */
void vmha_ipc_close(struct vmha_ipc *ipc);

#endif
