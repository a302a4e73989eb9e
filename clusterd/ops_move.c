/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What commands ask for: migrate and cancel. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "clusterd/drive_asks.h"
#include "lib/base/cleanup.h"
#include "lib/base/str.h"

#define MIGRATE_MS 20000 /* until the target has been asked */
#define CANCEL_MS  90000

#define NO_ROLE	    "there is no role named '%s': 'vmha vm list' names them"
#define NO_NODE	    "there is no node named '%s' that runs roles: 'vmha status' lists the nodes"
#define PCMK_SILENT "Pacemaker cannot be asked: %s"

/* --- migrate -------------------------------------------------------------------------------- */

static int target_check(const struct clusterd *c, const struct vmha_pcmk_state *s, const char *to,
			const char *vm, struct vmha_err **err)
{
	const struct vmha_pcmk_node *n = vmha_pcmk_node_find(s, to);
	const struct vmha_cnode *node = vmha_cluster_node_by_name(c->cluster, to);

	if (!n || n->remote || !node) {
		return vmha_err_set(err, -ENOENT, NO_NODE, to);
	}
	if (!n->online || n->unclean || n->pending || n->shutdown) {
		return vmha_err_set(err, -EHOSTDOWN, "node %s is not online: %s stays where it is",
				    to, vm);
	}
	if (vmha_cluster_closed(c->cluster, node->id)) {
		return vmha_err_set(err, -EHOSTUNREACH,
				    "node %s is being drained: it takes no roles", to);
	}
	if (n->standby || n->maintenance) {
		return vmha_err_set(err, -EHOSTUNREACH, "node %s is in %s: it takes no roles", to,
				    n->standby ? "standby" : "maintenance");
	}
	if (!node->ready) {
		return vmha_err_set(err, -EHOSTDOWN,
				    "vmha-clusterd does not run on %s: start it there", to);
	}
	return 0;
}

static int source_check(struct drive_ask *a, const struct vmha_pcmk_state *s, struct vmha_err **err)
{
	const char *vm = a->event.enqueue.vm;
	const struct vmha_pcmk_resource *x = vmha_pcmk_resource_find(s, vm);
	const struct vmha_cnode *from;

	if (!x || strcmp(x->agent, "ocf:vmha:vm") != 0) {
		return vmha_err_set(err, -ENOENT, NO_ROLE, vm);
	}
	if (!s->dc_present || !s->quorum) {
		return vmha_err_set(
			err, -EAGAIN,
			"the cluster has no quorum or no coordinator now: nothing may be "
			"moved");
	}
	if (x->blocked) {
		return vmha_err_set(err, -EBUSY, "%s is blocked: first run: vmha heal %s", vm, vm);
	}
	if (strcmp(x->state, "Started") != 0 || x->nodes_count != 1) {
		return vmha_err_set(err, -EAGAIN, "%s cannot be moved: it is %s", vm, x->state);
	}
	if (s->maintenance || !x->managed) {
		return vmha_err_set(err, -EAGAIN, "%s cannot be moved: %s", vm,
				    s->maintenance ? "the cluster is in maintenance mode"
						   : "it is unmanaged");
	}
	from = vmha_cluster_node_by_name(a->c->cluster, x->nodes[0]);
	if (!from || !from->ready) {
		return vmha_err_set(
			err, -EHOSTDOWN,
			"vmha-clusterd does not run on %s, where %s runs: start it there",
			x->nodes[0], vm);
	}
	(void)snprintf(a->from, sizeof(a->from), "%s", from->name);
	a->event.enqueue.from = from->id;
	return 0;
}

static void migrate_send(struct drive_ask *a)
{
	const struct vmha_cnode *to = vmha_cluster_node_by_name(a->c->cluster, a->to);
	vmha_autofree char *trace = g_uuid_string_random();

	if (!to) {
		drive_ask_error(a, -ENOENT, "node %s has left the cluster", a->to);
		return;
	}
	a->event.enqueue.to = to->id;
	(void)snprintf(a->event.enqueue.trace, sizeof(a->event.enqueue.trace), "%s", trace);
	drive_ask_send(a);
}

static void migrate_scores(struct clusterd *c, int r, const char *text, const char *why, void *data)
{
	struct drive_ask *a = drive_ask_of(c, data);
	vmha_autoerr struct vmha_err *err = NULL;
	vmha_autofree char *node = NULL;

	if (!a) {
		return;
	}
	if (r < 0) {
		drive_ask_error(a, r, "no target can be chosen: %s", why);
		return;
	}
	r = vmha_pcmk_scores_parse(text, a->event.enqueue.vm, a->from, &node, &err);
	if (r < 0) {
		drive_ask_error(a, r, "%s", vmha_err_text(err));
		return;
	}
	a->chosen = true;
	(void)snprintf(a->to, sizeof(a->to), "%s", node);
	migrate_send(a);
}

/* Both questions are under way at once: the first answer that refuses it is the command's. */
static void migrate_go_on(struct drive_ask *a)
{
	if (!a->placed || !a->configured) {
		return;
	}
	if (*a->to) {
		migrate_send(a);
	} else {
		drive_pcmk_scores(a->c->drive->pcmk, migrate_scores, drive_ask_data(a));
	}
}

static void migrate_roles(struct clusterd *c, int r, const struct vmha_pcmk_primitives *roles,
			  const char *why, void *data)
{
	struct drive_ask *a = drive_ask_of(c, data);
	const struct vmha_pcmk_primitive *p = NULL;
	size_t i;

	if (!a) {
		return;
	}
	if (r < 0) {
		drive_ask_error(a, r, PCMK_SILENT, why);
		return;
	}
	for (i = 0; i < roles->count && !p; i++) {
		p = strcmp(roles->items[i].id, a->event.enqueue.vm) == 0 ? &roles->items[i] : NULL;
	}
	if (!p) {
		drive_ask_error(a, -ENOENT, NO_ROLE, a->event.enqueue.vm);
		return;
	}
	(void)snprintf(a->event.enqueue.volume, sizeof(a->event.enqueue.volume), "%s", p->volume);
	if (!a->mode_set) {
		a->event.enqueue.mode = VMHA_MODE_live;
		(void)vmha_mig_mode_parse(p->mode, &a->event.enqueue.mode);
	}
	if (!a->event.enqueue.priority) {
		a->event.enqueue.priority = (int)p->priority;
	}
	a->configured = true;
	migrate_go_on(a);
}

static void migrate_state(struct clusterd *c, int r, const struct vmha_pcmk_state *s,
			  const char *why, void *data)
{
	struct drive_ask *a = drive_ask_of(c, data);
	vmha_autoerr struct vmha_err *err = NULL;

	if (!a) {
		return;
	}
	if (r < 0) {
		drive_ask_error(a, r, PCMK_SILENT, why);
		return;
	}
	r = source_check(a, s, &err);
	if (r == 0 && *a->to) {
		r = target_check(c, s, a->to, a->event.enqueue.vm, &err);
	}
	if (r == 0 && strcmp(a->to, a->from) == 0) {
		r = vmha_err_set(&err, -EALREADY, "%s runs on node %s already", a->event.enqueue.vm,
				 a->to);
	}
	if (r < 0) {
		drive_ask_error(a, r, "%s", vmha_err_text(err));
		return;
	}
	a->placed = true;
	migrate_go_on(a);
}

bool drive_migrate_read(struct drive_ask *a, const json_t *body)
{
	struct vmha_cenqueue *q = &a->event.enqueue;
	json_int_t priority = json_integer_value(json_object_get(body, "priority"));
	char mode[8];

	if (!drive_text_take(body, "vm", q->vm, sizeof(q->vm)) || !vmha_str_is_name(q->vm) ||
	    !drive_text_take(body, "to", a->to, sizeof(a->to)) ||
	    !drive_text_take(body, "mode", mode, sizeof(mode)) ||
	    !drive_text_take(body, "requester", q->requester, sizeof(q->requester)) ||
	    priority < -1000000 || priority > 1000000) {
		return false;
	}
	a->mode_set = *mode != '\0';
	q->priority = (int)priority;
	q->cause = VMHA_CAUSE_USER;
	return !a->mode_set || vmha_mig_mode_parse(mode, &q->mode);
}

void drive_op_migrate(struct clusterd *c, struct clusterd_request *req, const json_t *body)
{
	struct drive_ask *a = drive_ask_new(c, req, ASK_MIGRATE, MIGRATE_MS);

	drive_event(c, VMHA_CEVENT_ENQUEUE, &a->event);
	if (!drive_migrate_read(a, body)) {
		drive_ask_error(a, -EINVAL, "migrate: a field is missing or wrong");
	} else if (!c->quorate) {
		drive_ask_error(a, -ENOLINK,
				"this part of the cluster has no quorum, so nothing may be moved");
	} else if (*a->to && !vmha_cluster_node_by_name(c->cluster, a->to)) {
		drive_ask_error(a, -ENOENT, NO_NODE, a->to);
	} else {
		drive_pcmk_state(c->drive->pcmk, migrate_state, drive_ask_data(a));
		drive_pcmk_roles(c->drive->pcmk, migrate_roles, drive_ask_data(a));
	}
}

/* Answered when the target has been asked. */
void drive_migrate_look(struct drive_ask *a)
{
	const struct vmha_mig *m =
		a->mig ? vmha_cluster_mig(a->c->cluster, a->mig)
		: *a->event.enqueue.trace
			? vmha_cluster_mig_by_trace(a->c->cluster, a->event.enqueue.trace)
			: NULL;

	if (!m) {
		return;
	}
	a->mig = m->id;
	if (m->phase == VMHA_MIG_ENDED && m->result != VMHA_RESULT_DONE && !m->checked) {
		drive_ask_error(a, -EHOSTUNREACH, "%s",
				*m->reason ? m->reason : "the target does not take it");
	} else if (m->checked || m->phase == VMHA_MIG_ENDED) {
		drive_ask_answer(a, json_pack("{s:I, s:s, s:s, s:s, s:b, s:s}", "id",
					      (json_int_t)m->id, "vm", m->vm, "from", a->from, "to",
					      a->to, "chosen", a->chosen, "trace", m->trace));
	}
}

/* --- cancel --------------------------------------------------------------------------------- */

void drive_op_cancel(struct clusterd *c, struct clusterd_request *req, const json_t *body)
{
	struct drive_ask *a = drive_ask_new(c, req, ASK_CANCEL, CANCEL_MS);
	json_int_t id = json_integer_value(json_object_get(body, "id"));
	const struct vmha_mig *m = NULL;
	char vm[VMHA_NAME_SIZE];
	char who[64];
	char why[128];

	if (!drive_text_take(body, "vm", vm, sizeof(vm)) ||
	    !drive_text_take(body, "requester", who, sizeof(who)) ||
	    !drive_text_take(body, "why", why, sizeof(why)) || (!*vm && id <= 0)) {
		drive_ask_error(a, -EINVAL, "cancel: a field is missing or wrong");
		return;
	}
	m = *vm ? vmha_cluster_mig_of(c->cluster, vm) : vmha_cluster_mig(c->cluster, (uint64_t)id);
	if (!m) {
		drive_ask_error(a, -ENOENT,
				*vm ? "no move of %s is open" : "there is no migration %s",
				*vm ? vm : "of that number");
		return;
	}
	a->mig = m->id;
	drive_event(c, VMHA_CEVENT_CANCEL, &a->event);
	a->event.mig.id = m->id;
	(void)snprintf(a->event.mig.reason, sizeof(a->event.mig.reason), "%s%s%s%s", why,
		       *why && *who ? ", " : "", *who ? "asked for by " : "", who);
	drive_ask_send(a);
}

void drive_cancel_look(struct drive_ask *a)
{
	const struct vmha_mig *m = vmha_cluster_mig(a->c->cluster, a->mig);
	char name[VMHA_NODE_SIZE];
	char from[VMHA_NODE_SIZE];

	if (!m) {
		drive_ask_error(a, -ENOENT, "the migration is forgotten already");
		return;
	}
	if (m->phase != VMHA_MIG_ENDED) {
		return;
	}
	(void)snprintf(from, sizeof(from), "%s",
		       vmha_cluster_node_name(a->c->cluster, m->from, name));
	if (m->result == VMHA_RESULT_KEPT) {
		drive_ask_answer(a, json_pack("{s:I, s:s, s:s}", "id", (json_int_t)m->id, "result",
					      "KEPT", "node", from));
	} else if (m->result == VMHA_RESULT_DONE) {
		drive_ask_error(a, -EBUSY, "too late: %s runs on %s", m->vm,
				vmha_cluster_node_name(a->c->cluster, m->to, name));
	} else {
		drive_ask_error(a, -EIO, "%s: %s", m->vm, m->reason);
	}
}
