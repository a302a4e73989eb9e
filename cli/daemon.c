/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cli/daemon.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/cleanup.h"

#define OPEN_SPAN  VMHA_SPAN_S(5)
#define STATE_SPAN VMHA_SPAN_S(10)

int vmha_daemon_open(struct vmha_ipc **ret, struct vmha_err **err)
{
	vmha_autoerr struct vmha_err *why = NULL;
	int r = vmha_ipc_open(ret, OPEN_SPAN, &why);

	if (r == -ECONNREFUSED || r == -ENOENT) {
		return vmha_err_set(err, -ECONNREFUSED,
				    "clusterd does not run on this node: run: systemctl start "
				    "vmha-clusterd (VMs run on without it, but none is moved)");
	}
	if (r == -EACCES || r == -EPERM) {
		return vmha_err_set(err, r,
				    "clusterd answers only to root and to the group haclient: run "
				    "it with sudo");
	}
	return r < 0 ? vmha_err_set(err, r, "clusterd of this node: %s", vmha_err_text(why)) : 0;
}

/* @return 0; what the answer refuses with */
static int reply_judge(const json_t *reply, struct vmha_err **err)
{
	const char *words = json_string_value(json_object_get(reply, "error"));
	int code = (int)json_integer_value(json_object_get(reply, "errno"));

	if (json_is_true(json_object_get(reply, "ok"))) {
		return 0;
	}
	if (!json_is_false(json_object_get(reply, "ok"))) {
		return vmha_err_set(err, -EBADMSG, "clusterd's answer is not understood");
	}
	return vmha_err_set(err, code < 0 ? code : (code > 0 ? -code : -EIO), "%s",
			    words ? words : "clusterd refuses, without a reason");
}

int vmha_daemon_call(struct vmha_ipc *ipc, json_t *request, struct vmha_span timeout,
		     json_t **ret_reply, struct vmha_err **err)
{
	vmha_autojson json_t *owned = request;
	vmha_autojson json_t *reply = NULL;
	vmha_autofree char *answer = NULL;
	vmha_autofree char *text = NULL;
	int r;

	if (!request || json_object_set_new(request, "v", json_integer(1)) < 0) {
		return vmha_err_set(err, -ENOMEM, "out of memory");
	}
	text = json_dumps(request, JSON_COMPACT);
	if (!text) {
		return vmha_err_set(err, -ENOMEM, "out of memory");
	}
	r = vmha_ipc_call(ipc, text, timeout, &answer, err);
	if (r < 0) {
		return r;
	}
	reply = json_loads(answer, JSON_REJECT_DUPLICATES, NULL);
	r = reply_judge(reply, err);
	if (r == 0 && ret_reply) {
		*ret_reply = vmha_steal_ptr(reply);
	}
	return r;
}

int vmha_daemon_state(struct vmha_ipc *ipc, json_t **ret_state, struct vmha_err **err)
{
	static const char *const keys[] = { "node", "quorate", "synced", "seq", "clocks" };
	vmha_autojson json_t *reply = NULL;
	json_t *state;
	size_t i;
	int r = vmha_daemon_call(ipc, json_pack("{s:s}", "op", "state"), STATE_SPAN, &reply, err);

	if (r < 0) {
		return r;
	}
	state = json_object_get(reply, "state");
	if (!json_is_object(state)) {
		return vmha_err_set(err, -EBADMSG, "clusterd's answer has no state");
	}
	for (i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		(void)json_object_set(state, keys[i], json_object_get(reply, keys[i]));
	}
	*ret_state = json_incref(state);
	return 0;
}

int vmha_daemon_ask(json_t *request, struct vmha_span timeout, json_t **ret_reply,
		    struct vmha_err **err)
{
	vmha_autoipc struct vmha_ipc *ipc = NULL;
	int r = vmha_daemon_open(&ipc, err);

	if (r < 0) {
		json_decref(request);
		return r;
	}
	return vmha_daemon_call(ipc, request, timeout, ret_reply, err);
}
