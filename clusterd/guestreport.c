/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * vmha-guest-report: what becomes of a guest that ended or stands still on this node, for clusterd,
 * which must not wait for Pacemaker's tools.  Pacemaker is told only when it believes the role to
 * be here and works neither at it nor against it (DESIGN.md, section 6).
 */
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "lib/base/cleanup.h"
#include "lib/base/str.h"
#include "lib/core/guest.h"
#include "lib/port/pcmk.h"

struct report {
	const char *vm;
	const char *volume;
	const char *node;
	bool ended;
	enum vmha_guest_end end;
	enum vmha_guest_state state;
	const struct vmha_pcmk_primitive *role;
	const struct vmha_pcmk_resource *res;
};

static int said(const char *did, const char *text)
{
	json_t *line = json_pack("{s:s, s:s}", "did", did, "text", text);
	int r = line ? json_dumpf(line, stdout, JSON_COMPACT) : -1;

	json_decref(line);
	return r < 0 || fflush(stdout) == EOF ? 1 : 0;
}

static const struct vmha_pcmk_primitive *role_find(const struct vmha_pcmk_primitives *list,
						   const char *vm, const char *volume)
{
	size_t i;

	for (i = 0; i < list->count; i++) {
		if (vmha_str_eq(list->items[i].name, vm) &&
		    vmha_str_eq(list->items[i].volume, volume)) {
			return &list->items[i];
		}
	}
	return NULL;
}

/* @return why Pacemaker is not to be told; NULL: it is */
static const char *silence(const struct report *rep, const struct vmha_pcmk_state *s)
{
	const struct vmha_pcmk_resource *res = rep->res;

	if (!res || !res->active || res->nodes_count != 1 ||
	    !vmha_str_eq(res->nodes[0], rep->node)) {
		return "Pacemaker does not have it here";
	}
	if (!res->managed || res->blocked || s->maintenance) {
		return "Pacemaker does not manage it now";
	}
	if (*res->pending || !vmha_str_eq(res->state, "Started")) {
		return "Pacemaker is at work on it";
	}
	if (vmha_str_eq(res->target_role, "Stopped")) {
		return "it is to be stopped";
	}
	return res->failed ? "Pacemaker has it as failed already" : NULL;
}

static int act(const struct report *rep)
{
	vmha_autoerr struct vmha_err *err = NULL;
	enum vmha_guest_wish wish = rep->ended
					    ? vmha_guest_wish_ended(&rep->role->policy, rep->end)
					    : vmha_guest_wish_still(&rep->role->policy, rep->state);

	switch (wish) {
	case VMHA_WISH_KEEP:
		return said("kept", "its role wants it kept as it is");
	case VMHA_WISH_STOP:
		if (vmha_pcmk_meta_set(rep->role->id, "target-role", "Stopped", &err) < 0) {
			return said("error", vmha_err_text(err));
		}
		return said("stopped", "its role wants it to stay off: target-role is Stopped now");
	case VMHA_WISH_RESTART:
		break;
	}
	if (vmha_pcmk_fail(rep->role->id, rep->node, &err) < 0) {
		return said("error", vmha_err_text(err));
	}
	return said("failed", "Pacemaker was told and recovers it");
}

int main(int argc, char **argv)
{
	vmha_autoprimitives struct vmha_pcmk_primitives *roles = NULL;
	vmha_autopcmk struct vmha_pcmk_state *state = NULL;
	vmha_autoerr struct vmha_err *err = NULL;
	struct report rep = { 0 };
	const char *why;

	if (argc != 6 || (strcmp(argv[4], "ended") != 0 && strcmp(argv[4], "still") != 0)) {
		(void)fprintf(stderr, "vmha-guest-report is run by vmha-clusterd\n");
		return 2;
	}
	rep = (struct report){ .vm = argv[1],
			       .volume = argv[2],
			       .node = argv[3],
			       .ended = strcmp(argv[4], "ended") == 0,
			       .end = vmha_guest_end_parse(argv[5]),
			       .state = vmha_guest_state_parse(argv[5]) };
	if (vmha_pcmk_primitives_read("vm", &roles, &err) < 0 ||
	    vmha_pcmk_state_read(&state, &err) < 0) {
		return said("error", vmha_err_text(err));
	}
	rep.role = role_find(roles, rep.vm, rep.volume);
	if (!rep.role) {
		return said("nothing", "it is no role of the cluster");
	}
	rep.res = vmha_pcmk_resource_find(state, rep.role->id);
	why = silence(&rep, state);
	return why ? said("nothing", why) : act(&rep);
}
