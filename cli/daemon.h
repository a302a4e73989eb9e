/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef VMHA_CLI_DAEMON_H
#define VMHA_CLI_DAEMON_H

#include <jansson.h>

#include "lib/base/err.h"
#include "lib/base/mono.h"
#include "lib/port/ipc_client.h"

/* This node's clusterd, asked with JSON values. */

static inline void vmha_cleanup_ipc(struct vmha_ipc **ipc)
{
	vmha_ipc_close(*ipc);
}
#define vmha_autoipc __attribute__((cleanup(vmha_cleanup_ipc)))

static inline void vmha_cleanup_json(json_t **value)
{
	json_decref(*value);
}
#define vmha_autojson __attribute__((cleanup(vmha_cleanup_json)))

/** @return 0; -ECONNREFUSED clusterd does not run here: the error says what to do; negative errno
 */
int vmha_daemon_open(struct vmha_ipc **ret, struct vmha_err **err);

/**
 * Ask for one operation.
 * @param request  from json_pack(), with its "op"; freed
 * @param[out] ret_reply  the answer, caller frees; may be NULL
 * @return 0; what the answer refuses with, its words in @err; -ETIMEDOUT; -ECONNRESET clusterd went
 * away: close; -EBADMSG
 */
int vmha_daemon_call(struct vmha_ipc *ipc, json_t *request, struct vmha_span timeout,
		     json_t **ret_reply, struct vmha_err **err);

/**
 * The replicated state, as clusterd has it now.
 * @param[out] ret_state  the answer's "state", with its "quorate", "synced", "node" and "clocks"
 * added
 */
int vmha_daemon_state(struct vmha_ipc *ipc, json_t **ret_state, struct vmha_err **err);

/** vmha_daemon_open(), one call, close. */
int vmha_daemon_ask(json_t *request, struct vmha_span timeout, json_t **ret_reply,
		    struct vmha_err **err);

#endif
