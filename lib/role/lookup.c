/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lib/role/lookup.h"

#include "lib/base/cleanup.h"
#include "lib/base/str.h"
#include "lib/port/ipc_client.h"

#define TIMEOUT VMHA_SPAN_MS(250) /* of each of two steps */

void vmha_role_lookup(const struct vmha_role *role)
{
	/* names need no quoting */
	vmha_autofree char *request = vmha_str_printf(
		"{\"v\":1,\"op\":\"volume-lookup\",\"volume\":\"%s\",\"vm\":\"%s\"}", role->volume,
		role->name);
	struct vmha_ipc *ipc = NULL;

	if (request && vmha_str_is_name(role->volume) && vmha_str_is_name(role->name) &&
	    vmha_ipc_open(&ipc, TIMEOUT, NULL) == 0) {
		(void)vmha_ipc_call(ipc, request, TIMEOUT, NULL, NULL);
		vmha_ipc_close(ipc);
	}
}
