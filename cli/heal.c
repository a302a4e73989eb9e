/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cli/heal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cluster.h"
#include "cli/output.h"
#include "cli/volume.h"
#include "lib/base/cleanup.h"
#include "lib/base/mono.h"
#include "lib/port/nodes.h"
#include "lib/port/virt.h"

#define ANSWER VMHA_SPAN_S(5)

struct patient {
	const struct vmha_role *role;
	struct vmha_role_record rec;
	struct vmha_mono deadline;
	char *self;
};

/* What the nodes and the volume say together. */
struct finding {
	char holder[VMHA_NODE_SIZE];  /* of the lease; "" free */
	char runner[VMHA_NODE_SIZE];  /* libvirtd there says it runs */
	char present[VMHA_NODE_SIZE]; /* a paused process */
	unsigned int runners;
	unsigned int silent;
	bool holder_unclean;  /* the holder is to be fenced: nobody knows what it does */
	struct vmha_str text; /* every witness, for messages */
};

static void finding_free(struct finding *f)
{
	vmha_str_free(&f->text);
}

static const char *witness_word(enum vmha_virt_witness w)
{
	switch (w) {
	case VMHA_VIRT_ABSENT:
	case VMHA_VIRT_SHUTOFF:
		return "not there";
	case VMHA_VIRT_RUNNING:
		return "running";
	case VMHA_VIRT_RUNNING_POSTCOPY:
		return "running in a post-copy";
	case VMHA_VIRT_PAUSED_IOERROR:
		return "paused by an I/O error";
	case VMHA_VIRT_PAUSED_WATCHDOG:
		return "paused by its watchdog";
	case VMHA_VIRT_PAUSED_MIGRATION:
		return "paused in a migration";
	case VMHA_VIRT_POSTCOPY:
		return "source of a post-copy";
	case VMHA_VIRT_POSTCOPY_BROKEN:
		return "in a post-copy that broke off";
	case VMHA_VIRT_PAUSED:
	case VMHA_VIRT_PAUSED_OTHER:
		return "paused";
	case VMHA_VIRT_CRASHED:
		return "crashed";
	case VMHA_VIRT_UNASKED:
	case VMHA_VIRT_SILENT:
	default:
		return "no answer";
	}
}

static void node_ask(const struct patient *p, const char *node, struct finding *f)
{
	enum vmha_virt_witness w = VMHA_VIRT_SILENT;
	vmha_autofree char *address = NULL;

	if (vmha_cluster_address(node, p->self, &address, NULL) < 0 ||
	    vmha_virt_ask_at(address, p->rec.uuid, ANSWER, &w, NULL) < 0) {
		w = VMHA_VIRT_SILENT;
	}
	(void)vmha_str_add(&f->text, ", libvirt on %s: %s", node, witness_word(w));
	switch (w) {
	case VMHA_VIRT_RUNNING:
	case VMHA_VIRT_RUNNING_POSTCOPY:
		(void)snprintf(f->runner, sizeof(f->runner), "%s", node);
		f->runners++;
		break;
	case VMHA_VIRT_SILENT:
	case VMHA_VIRT_UNASKED:
		f->silent++;
		break;
	case VMHA_VIRT_ABSENT:
	case VMHA_VIRT_SHUTOFF:
		break;
	case VMHA_VIRT_PAUSED:
	case VMHA_VIRT_PAUSED_IOERROR:
	case VMHA_VIRT_PAUSED_WATCHDOG:
	case VMHA_VIRT_PAUSED_MIGRATION:
	case VMHA_VIRT_POSTCOPY:
	case VMHA_VIRT_POSTCOPY_BROKEN:
	case VMHA_VIRT_PAUSED_OTHER:
	case VMHA_VIRT_CRASHED:
	default:
		(void)snprintf(f->present, sizeof(f->present), "%s", node);
	}
}

static int lease_ask(const struct patient *p, struct finding *f, struct vmha_err **err)
{
	vmha_autonodes struct vmha_nodes nodes = { 0 };
	struct vmha_lease_owner owner = { 0 };
	struct vmha_lease lease;
	char name[VMHA_NODE_SIZE];
	int r;

	vmha_role_lease(&p->rec, &lease);
	r = vmha_lease_owner(&lease, &owner, err);
	if (r < 0) {
		return r;
	}
	(void)vmha_nodes_read(&nodes, NULL);
	if (owner.held) {
		(void)snprintf(f->holder, sizeof(f->holder), "%s",
			       vmha_nodes_name(&nodes, owner.host.host_id, name));
	}
	return vmha_str_add(&f->text, "lease: %s%s", owner.held ? "held on " : "free", f->holder);
}

static int evidence_read(const struct patient *p, struct finding *f, struct vmha_err **err)
{
	vmha_autopcmk struct vmha_pcmk_state *s = NULL;
	size_t i;
	int r = lease_ask(p, f, err);

	r = r < 0 ? r : vmha_pcmk_state_read(&s, err);
	for (i = 0; r == 0 && i < s->nodes_count; i++) {
		if (s->nodes[i].unclean) {
			(void)vmha_str_add(&f->text, ", node %s: to be fenced", s->nodes[i].name);
			f->silent++;
			f->holder_unclean =
				f->holder_unclean || strcmp(s->nodes[i].name, f->holder) == 0;
		} else if (s->nodes[i].online && !s->nodes[i].remote) {
			node_ask(p, s->nodes[i].name, f);
		}
	}
	return r;
}

/*
 * Clear enough to let Pacemaker ask its agents again: their monitor applies the lease rule, so a
 * process without its lease ends by itself; but nobody may run it twice, and while nobody holds the
 * lease every node must have answered.
 */
static bool finding_clear(const struct finding *f)
{
	if (f->runners > 1 || f->holder_unclean) {
		return false;
	}
	if (*f->holder) {
		return f->runners == 0 || strcmp(f->holder, f->runner) == 0;
	}
	return f->silent == 0;
}

/* Storage and libvirtd give no event for "it is clear now": asked again each second. */
static int evidence_await(const struct patient *p, char *ret_node, struct vmha_err **err)
{
	for (;;) {
		__attribute__((cleanup(finding_free))) struct finding f = { 0 };
		int r = evidence_read(p, &f, err);

		if (r < 0) {
			return r;
		}
		if (finding_clear(&f)) {
			const char *at = *f.holder ? f.holder : (*f.runner ? f.runner : f.present);

			(void)snprintf(ret_node, VMHA_NODE_SIZE, "%s", at);
			return 0;
		}
		if (vmha_mono_passed(p->deadline)) {
			return vmha_err_set(
				err, -EAGAIN,
				"%s: it is not certain where it runs (%s): nothing was "
				"cleaned up; repair what does not answer, then run: vmha heal "
				"%s",
				p->role->name, f.text.text ? f.text.text : "", p->role->name);
		}
		vmha_mono_pace(VMHA_SPAN_S(1));
	}
}

int vmha_heal_abort(const struct vmha_role_record *rec, const char *node, struct vmha_err **err)
{
	vmha_autofree char *address = NULL;
	vmha_autofree char *self = NULL;
	int r = vmha_pcmk_self(&self, err);

	r = r < 0 ? r : vmha_cluster_address(node, self, &address, err);
	return r < 0 ? r : vmha_virt_job_abort(address, rec->uuid, ANSWER, err);
}

/* Outgoing jobs only: an incoming one ends with its source's. @return 1 there was one */
static int job_abort_on(const struct patient *p, const char *node)
{
	enum vmha_virt_witness w = VMHA_VIRT_SILENT;
	struct vmha_virt_job job = { 0 };
	vmha_autofree char *address = NULL;

	if (vmha_cluster_address(node, p->self, &address, NULL) < 0 ||
	    vmha_virt_job(address, p->rec.uuid, ANSWER, &job, NULL) < 0 ||
	    (job.kind != VMHA_VIRT_JOB_OUT && job.kind != VMHA_VIRT_JOB_OTHER)) {
		return 0;
	}
	if (vmha_virt_ask_at(address, p->rec.uuid, ANSWER, &w, NULL) == 0 &&
	    w == VMHA_VIRT_POSTCOPY) {
		return 0; /* nothing to abort: the guest runs on the target by now */
	}
	vmha_output_step("%s: aborting the move that node %s still works on", p->role->name, node);
	(void)vmha_virt_job_abort(address, p->rec.uuid, ANSWER, NULL);
	return 1;
}

/* Ends by itself soon after; libvirt's events would need a loop of their own for this one wait. */
static void jobs_end(const struct patient *p, const struct vmha_pcmk_state *s)
{
	int running;
	size_t i;

	do {
		running = 0;
		for (i = 0; i < s->nodes_count; i++) {
			if (s->nodes[i].online && !s->nodes[i].unclean && !s->nodes[i].remote) {
				running += job_abort_on(p, s->nodes[i].name);
			}
		}
		if (running) {
			vmha_mono_pace(VMHA_SPAN_MS(500));
		}
	} while (running && !vmha_mono_passed(p->deadline));
}

static unsigned int left_s(const struct patient *p)
{
	int ms = vmha_mono_left_ms(p->deadline);

	return ms < 5000 ? 5 : (unsigned int)ms / 1000;
}

/*
 * Pacemaker's own action must have returned before the constraint goes: it would choose the old
 * node again and, between migrate_to and migrate_from, stop and start the VM.  Between the two it
 * shows the role at rest on its source, and with other actions under way that may last:
 *
 *   migrate_to (source)        Pacemaker                               heal
 *   ends, the guest has gone   holds migrate_from back while other     lease: held on the target
 *                              actions of a broken off transition run  "Started" on the source:
 * waits migrate_from "Started" on the target                 goes on
 *
 * Blocked, or with nothing left to do, Pacemaker calls nobody any more.
 */
static int actions_end(const struct patient *p, struct vmha_pcmk_state **ret_state,
		       struct vmha_err **err)
{
	__attribute__((cleanup(finding_free))) struct finding f = { 0 };
	struct vmha_cluster_wait w = { .role = p->role->name,
				       .goal = VMHA_GOAL_QUIET,
				       .timeout_s = left_s(p) };
	vmha_autopcmk struct vmha_pcmk_state *s = NULL;
	vmha_autostr struct vmha_str why = { 0 };
	int r;

	if (lease_ask(p, &f, NULL) == 0 && *f.holder) {
		w.node = f.holder;
	}
	r = vmha_cluster_wait(&w, &s, err);
	if (r < 0 && s) {
		vmha_cluster_why(s, p->role->name, &why);
		return vmha_err_set(
			err, r,
			"%s: %s: the cluster's action has not ended; when libvirtd there "
			"answers again, or the action's time is over, run: vmha heal %s",
			p->role->name, why.text ? why.text : "", p->role->name);
	}
	*ret_state = vmha_steal_ptr(s);
	return r;
}

static int managed_await(const struct patient *p, char *ret_node, struct vmha_err **err)
{
	struct vmha_cluster_wait w = { .role = p->role->name,
				       .goal = *ret_node ? VMHA_GOAL_STARTED : VMHA_GOAL_STOPPED,
				       .timeout_s = left_s(p) };
	vmha_autopcmk struct vmha_pcmk_state *s = NULL;
	vmha_autostr struct vmha_str why = { 0 };
	const struct vmha_pcmk_resource *x;
	int r = vmha_cluster_wait(&w, &s, err);

	x = s ? vmha_pcmk_resource_find(s, p->role->name) : NULL;
	if (r < 0 && x && w.goal == VMHA_GOAL_STOPPED && !x->blocked && !x->failed &&
	    x->nodes_count == 1) {
		r = 0; /* it was stopped, and Pacemaker has started it */
	}
	if (r < 0 && s) {
		vmha_cluster_why(s, p->role->name, &why);
		return vmha_err_set(err, r, "%s is not well yet: %s", p->role->name,
				    why.text ? why.text : "");
	}
	(void)snprintf(ret_node, VMHA_NODE_SIZE, "%s", x && x->nodes_count ? x->nodes[0] : "");
	return r;
}

/*
 * Where it runs comes last: until then it stays blocked, so that nothing is done to it, and see
 * vmha_pcmk_refresh().
 */
static int history_forget(const struct patient *p, const char *runs_on, struct vmha_err **err)
{
	vmha_autopcmk struct vmha_pcmk_state *s = NULL;
	size_t i;
	int r = vmha_pcmk_state_read(&s, err);

	for (i = 0; r == 0 && i < s->nodes_count; i++) {
		const struct vmha_pcmk_node *n = &s->nodes[i];

		if (n->online && !n->unclean && !n->remote && strcmp(n->name, runs_on) != 0) {
			r = vmha_pcmk_refresh(p->role->name, n->name, err);
		}
	}
	/* their probes first; what else the cluster does meanwhile (a fence that does not succeed)
	 * is no reason to fail, and half of the time is kept for the rest */
	if (r == 0 && vmha_pcmk_settle(left_s(p) / 2, NULL) < 0) {
		vmha_output_warn("the cluster is busy with something else: going on");
	}
	if (r == 0 && *runs_on) {
		r = vmha_pcmk_refresh(p->role->name, runs_on, err);
	}
	return r;
}

/*
 * The node that a failed move was to leave: Pacemaker has the role on its target as well.
 * @return NULL: there is none
 */
static const char *left_node(const struct vmha_pcmk_state *s, const char *role)
{
	const struct vmha_pcmk_resource *x = vmha_pcmk_resource_find(s, role);
	const struct vmha_pcmk_failure *f = vmha_pcmk_failure_find(s, role);

	if (f && strcmp(f->op, "migrate_to") == 0) {
		return f->node;
	}
	return x && x->nodes_count == 1 ? x->nodes[0] : NULL;
}

int vmha_heal_role(const struct vmha_role *role, unsigned int timeout_s, char *ret_node,
		   struct vmha_err **err)
{
	vmha_autopcmk struct vmha_pcmk_state *before = NULL;
	vmha_autopcmk struct vmha_pcmk_state *s = NULL;
	vmha_autofree char *self = NULL;
	struct patient p = { .role = role,
			     .deadline = vmha_mono_add(vmha_mono_now(), VMHA_SPAN_S(timeout_s)) };
	int r = vmha_volume_answers(role->volume, VMHA_ANSWER_S, err);

	r = r < 0 ? r : vmha_role_load(role, VMHA_RECORD_ROLE, &p.rec, err);
	*ret_node = '\0';
	r = r < 0 ? r : vmha_pcmk_self(&self, err);
	r = r < 0 ? r : vmha_pcmk_state_read(&before, err);
	if (r < 0) {
		return r;
	}
	p.self = self;
	jobs_end(&p, before);
	r = actions_end(&p, &s, err);
	if (r < 0) {
		return r;
	}
	/* the order of DESIGN.md, section 4: the reason of the move (bans of other nodes are the
	 * administrator's own, and none), evidence, clean up, monitor */
	r = vmha_pcmk_clear(role->name, left_node(s, role->name), err);
	r = r < 0 ? r : evidence_await(&p, ret_node, err);
	r = r < 0 ? r : history_forget(&p, ret_node, err);
	return r < 0 ? r : managed_await(&p, ret_node, err);
}
