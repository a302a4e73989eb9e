/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lib/role/action.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "lib/base/cleanup.h"
#include "lib/base/str.h"
#include "lib/port/pcmk.h"
#include "lib/role/volume.h"

static const char *const mode_names[] = {
	[VMHA_MODE_LIVE] = "live",
	[VMHA_MODE_QUICK] = "quick",
	[VMHA_MODE_AUTO] = "auto",
};

int vmha_move_mode_parse(const char *text, enum vmha_move_mode *ret_mode)
{
	unsigned int i;

	for (i = 0; i < sizeof(mode_names) / sizeof(mode_names[0]); i++) {
		if (vmha_str_eq(text, mode_names[i])) {
			*ret_mode = (enum vmha_move_mode)i;
			return 0;
		}
	}
	return -EINVAL;
}

const char *vmha_move_mode_name(enum vmha_move_mode mode)
{
	return mode_names[mode];
}

void vmha_trace_make(char *trace)
{
	unsigned char raw[8] = { 0 };
	size_t i;

	if (getrandom(raw, sizeof(raw), GRND_NONBLOCK) != (ssize_t)sizeof(raw)) {
		struct vmha_mono now = vmha_mono_now();

		memcpy(raw, &now.ns, sizeof(raw));
	}
	for (i = 0; i < sizeof(raw); i++) {
		(void)snprintf(trace + 2 * i, 3, "%02x", raw[i]);
	}
}

struct vmha_span vmha_action_left(const struct vmha_action *act, struct vmha_span span)
{
	struct vmha_span left = vmha_mono_diff(vmha_mono_now(), act->deadline);

	if (left.ns < 0) {
		left.ns = 0;
	}
	return left.ns < span.ns ? left : span;
}

int vmha_action_need_lockspace(const struct vmha_action *act, struct vmha_err **err)
{
	if (act->host_id) {
		return 0;
	}
	return vmha_err_set(err, -ENOSPC,
			    "%s has not joined volume %s: without it no lease can be taken; see "
			    "`crm_resource --why -r %s`",
			    act->node, act->role.volume, act->role.volume);
}

static int node_find(const char *given, char *node, struct vmha_err **err)
{
	vmha_autofree char *self = NULL;

	if (!given || !*given) {
		int r = vmha_pcmk_self(&self, err);

		if (r < 0) {
			return r;
		}
		given = self;
	}
	(void)snprintf(node, VMHA_NODE_SIZE, "%s", given);
	return 0;
}

/* Not joined is no error here: stop and monitor do without. */
static void lockspace_find(struct vmha_action *act)
{
	struct vmha_host me = { 0 };
	struct vmha_lockspace ls;

	if (vmha_volume_lockspace(act->role.volume, 0, &ls, NULL) < 0 ||
	    vmha_lockspace_joined(&ls, &act->host_id, NULL) != 1) {
		act->host_id = 0;
	} else if (vmha_lockspace_host(act->role.volume, act->host_id, &me, NULL) == 0) {
		act->generation = me.generation;
	}
}

int vmha_action_open(const struct vmha_role *role, const char *node, struct vmha_span timeout,
		     struct vmha_action *ret_action, struct vmha_err **err)
{
	vmha_autofree struct vmha_action *act = calloc(1, sizeof(*act));
	int r;

	if (!act) {
		return vmha_err_set(err, -ENOMEM, "out of memory");
	}
	act->role = *role;
	act->deadline = vmha_mono_add(vmha_mono_now(), timeout);
	act->time = timeout;
	act->graceful = timeout;
	vmha_trace_make(act->trace);
	r = node_find(node, act->node, err);
	if (r < 0) {
		return r;
	}
	r = vmha_role_load(role, VMHA_RECORD_ROLE, &act->rec, err);
	if (r < 0) {
		return r;
	}
	if (!vmha_str_eq(act->rec.name, role->name) ||
	    !vmha_str_eq(act->rec.volume, role->volume)) {
		return vmha_err_set(err, -EBADMSG,
				    "the record of role %s on volume %s is %s's of volume %s",
				    role->name, role->volume, act->rec.name, act->rec.volume);
	}
	vmha_role_lease(&act->rec, &act->lease);
	lockspace_find(act);
	*ret_action = *act;
	return 0;
}
