/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lib/port/fencewatch.h"

#include <crm/stonith-ng.h>
#include <errno.h>
#include <stddef.h>
#include <string.h>

/* The one connection: libstonithd hands nothing of ours to its callbacks. */
static struct {
	stonith_t *api;
	struct vmha_fencewatch_calls calls;
	void *data;
} the;

static const char *text(const char *s)
{
	return s ? s : "";
}

static void on_fenced(stonith_t *api, stonith_event_t *e)
{
	(void)api;
	if (the.calls.fenced && e) {
		const struct vmha_fenced fenced = { .id = text(e->id),
						    .target = text(e->target),
						    .action = text(e->action),
						    .by = text(e->executioner),
						    .client = text(e->client_origin),
						    .ok = e->result == 0 };

		the.calls.fenced(&fenced, the.data);
	}
}

static void on_lost(stonith_t *api, stonith_event_t *e)
{
	(void)api;
	(void)e;
	if (the.calls.lost) {
		the.calls.lost(the.data);
	}
}

int vmha_fencewatch_open(const struct vmha_fencewatch_calls *calls, void *data,
			 struct vmha_err **err)
{
	int rc;

	if (the.api) {
		return vmha_err_set(err, -EBUSY, "the fencer is connected");
	}
	the.api = stonith_api_new();
	if (!the.api) {
		return vmha_err_set(err, -ENOMEM, "out of memory");
	}
	rc = the.api->cmds->connect(the.api, "vmha-cibwatch", NULL);
	if (rc == 0) {
		rc = the.api->cmds->register_notification(the.api, T_STONITH_NOTIFY_DISCONNECT,
							  on_lost);
	}
	if (rc == 0) {
		rc = the.api->cmds->register_notification(the.api, T_STONITH_NOTIFY_FENCE,
							  on_fenced);
	}
	if (rc != 0) {
		vmha_fencewatch_close();
		return vmha_err_set(err, -ENOTCONN, "Pacemaker's fencer does not answer");
	}
	the.calls = *calls;
	the.data = data;
	return 0;
}

void vmha_fencewatch_close(void)
{
	stonith_t *api = the.api;

	memset(&the, 0, sizeof(the));
	if (api) {
		(void)api->cmds->disconnect(api);
		stonith_api_delete(api);
	}
}
