/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What commands ask of a node: drain, resume, precheck. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "clusterd/drive_asks.h"
#include "lib/base/cleanup.h"

#define EVENT_MS    5000
#define PRECHECK_MS 20000

/* --- drain, resume -------------------------------------------------------------------------- */

static bool node_take(struct drive_ask *a, const json_t *body)
{
	char name[VMHA_NODE_SIZE];
	const struct vmha_cnode *node;

	if (!drive_text_take(body, "node", name, sizeof(name)) ||
	    !drive_text_take(body, "requester", a->event.drain.requester,
			     sizeof(a->event.drain.requester))) {
		return false;
	}
	node = vmha_cluster_node_by_name(a->c->cluster, *name ? name : a->c->name);
	a->event.drain.node = node ? node->id : 0;
	return node != NULL;
}

static const char *node_named(const json_t *body)
{
	const char *name = json_string_value(json_object_get(body, "node"));

	return name ? name : "";
}

static void node_ask_send(struct drive_ask *a, const json_t *body)
{
	if (!node_take(a, body)) {
		drive_ask_error(a, -ENOENT,
				"there is no node named '%s': 'vmha status' lists the nodes",
				node_named(body));
	} else {
		drive_ask_send(a);
	}
}

void drive_op_drain(struct clusterd *c, struct clusterd_request *req, const json_t *body)
{
	struct drive_ask *a = drive_ask_new(c, req, ASK_DRAIN, EVENT_MS);
	char policy[8];

	drive_event(c, VMHA_CEVENT_DRAIN, &a->event);
	if (!drive_text_take(body, "policy", policy, sizeof(policy)) ||
	    (*policy && !vmha_drain_policy_parse(policy, &a->event.drain.policy))) {
		drive_ask_error(a, -EINVAL, "drain: the policy is role, live, quick or cold");
	} else {
		node_ask_send(a, body);
	}
}

void drive_op_resume(struct clusterd *c, struct clusterd_request *req, const json_t *body)
{
	struct drive_ask *a = drive_ask_new(c, req, ASK_RESUME, EVENT_MS);
	char failback[8];

	drive_event(c, VMHA_CEVENT_RESUME, &a->event);
	if (!drive_text_take(body, "failback", failback, sizeof(failback)) ||
	    (*failback && !vmha_failback_parse(failback, &a->event.drain.failback))) {
		drive_ask_error(a, -EINVAL, "resume: failback is now, window or no");
	} else {
		node_ask_send(a, body);
	}
}

/* --- precheck ------------------------------------------------------------------------------- */

static void precheck_done(struct clusterd *c, const struct clusterd_worker_result *res, void *data)
{
	struct drive_ask *a = drive_ask_of(c, data);
	char text[VMHA_REASON_SIZE];
	json_t *checks;
	json_t *o;
	bool fits;

	if (!a) {
		return;
	}
	a->worker = NULL;
	fits = drive_precheck_read(res, c->name, text);
	o = json_loads(res->output, 0, NULL);
	checks = json_object_get(o, "checks");
	drive_ask_answer(
		a, json_pack("{s:b, s:s, s:O?}", "fits", fits, "text", text, "checks", checks));
	json_decref(o);
}

static void precheck_roles(struct clusterd *c, int r, const struct vmha_pcmk_primitives *roles,
			   const char *why, void *data)
{
	struct drive_ask *a = drive_ask_of(c, data);
	vmha_autoerr struct vmha_err *err = NULL;
	size_t i;

	if (!a) {
		return;
	}
	if (r < 0) {
		drive_ask_error(a, r, "%s", why);
		return;
	}
	for (i = 0; i < roles->count; i++) {
		const struct vmha_pcmk_primitive *p = &roles->items[i];

		if (strcmp(p->id, a->event.enqueue.vm) != 0) {
			continue;
		}
		r = drive_precheck_run(c, "precheck", p->name, p->volume,
				       a->mode_set ? vmha_mig_mode_name(a->event.enqueue.mode)
				       : *p->mode  ? p->mode
						   : "live",
				       NULL, precheck_done, data, &a->worker, &err);
		if (r < 0) {
			drive_ask_error(a, r, "%s", vmha_err_text(err));
		}
		return;
	}
	drive_ask_error(a, -ENOENT, "there is no role named '%s'", a->event.enqueue.vm);
}

void drive_op_precheck(struct clusterd *c, struct clusterd_request *req, const json_t *body)
{
	struct drive_ask *a = drive_ask_new(c, req, ASK_PRECHECK, PRECHECK_MS);

	if (!drive_migrate_read(a, body)) {
		drive_ask_error(a, -EINVAL, "precheck: a field is missing or wrong");
	} else if (*a->to && strcmp(a->to, c->name) != 0) {
		drive_ask_error(a, -EOPNOTSUPP, "the checks of %s are run there: ask on that node",
				a->to);
	} else {
		drive_pcmk_roles(c->drive->pcmk, precheck_roles, drive_ask_data(a));
	}
}
