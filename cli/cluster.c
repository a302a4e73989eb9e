/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cli/cluster.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "lib/base/cleanup.h"
#include "lib/base/mono.h"
#include "lib/base/str.h"

int vmha_cluster_need(struct vmha_pcmk_state **ret_state, struct vmha_err **err)
{
	vmha_autopcmk struct vmha_pcmk_state *s = NULL;
	int r = vmha_pcmk_state_read(&s, err);

	if (r < 0) {
		return r;
	}
	if (!s->dc_present) {
		return vmha_err_set(
			err, -EAGAIN,
			"the cluster has no coordinator (DC) yet: wait a moment, then see "
			"'vmha status'");
	}
	if (!s->quorum) {
		return vmha_err_set(
			err, -EAGAIN,
			"this part of the cluster has no quorum, so nothing may be changed: "
			"see 'vmha status' for the missing nodes");
	}
	*ret_state = vmha_steal_ptr(s);
	return 0;
}

int vmha_cluster_role(const char *name, struct vmha_role *ret_role, char *ret_mode,
		      struct vmha_err **err)
{
	vmha_autoprimitives struct vmha_pcmk_primitives *list = NULL;
	int r = vmha_pcmk_primitives_read("vm", &list, err);
	size_t i;

	if (r < 0) {
		return r;
	}
	for (i = 0; i < list->count; i++) {
		const struct vmha_pcmk_primitive *p = &list->items[i];

		if (strcmp(p->id, name) != 0) {
			continue;
		}
		(void)snprintf(ret_role->name, sizeof(ret_role->name), "%s", p->name);
		(void)snprintf(ret_role->volume, sizeof(ret_role->volume), "%s", p->volume);
		if (ret_mode) {
			(void)snprintf(ret_mode, 8, "%s", *p->mode ? p->mode : "live");
		}
		return 0;
	}
	return vmha_err_set(err, -ENOENT, "there is no role named '%s': 'vmha vm list' names them",
			    name);
}

int vmha_cluster_volume(const char *volume, char **ret_clone, struct vmha_err **err)
{
	vmha_autoprimitives struct vmha_pcmk_primitives *list = NULL;
	int r = vmha_pcmk_primitives_read("csv", &list, err);
	size_t i;

	if (r < 0) {
		return r;
	}
	for (i = 0; i < list->count; i++) {
		const struct vmha_pcmk_primitive *p = &list->items[i];

		if (strcmp(*p->volume ? p->volume : p->id, volume) == 0 && *p->parent) {
			*ret_clone = strdup(p->parent);
			return *ret_clone ? 0 : vmha_err_set(err, -ENOMEM, "out of memory");
		}
	}
	return vmha_err_set(
		err, -ENOENT,
		"volume '%s' is not a resource of the cluster: 'vmha volume list' names "
		"those that are, 'vmha volume create' makes one",
		volume);
}

int vmha_cluster_target(const struct vmha_pcmk_state *s, const char *name, struct vmha_err **err)
{
	const struct vmha_pcmk_node *n = vmha_pcmk_node_find(s, name);

	if (!n) {
		return vmha_err_set(err, -ENOENT,
				    "there is no node named '%s': 'vmha status' lists the nodes",
				    name);
	}
	if (n->remote) {
		return vmha_err_set(err, -ENOENT,
				    "%s is a Pacemaker Remote node: it runs no corosync and no "
				    "sanlock, so it cannot run roles",
				    name);
	}
	return 0;
}

int vmha_cluster_no_remote(const struct vmha_pcmk_state *s, struct vmha_err **err)
{
	size_t i;

	for (i = 0; i < s->nodes_count; i++) {
		if (s->nodes[i].remote) {
			return vmha_err_set(
				err, -EOPNOTSUPP,
				"%s is a Pacemaker Remote node: it runs no corosync and "
				"no sanlock, so it cannot have volumes and roles, and "
				"Pacemaker would put them there: make it a full node "
				"of the cluster, or remove it",
				s->nodes[i].name);
		}
	}
	return 0;
}

int vmha_cluster_address(const char *node, const char *self, char **ret_address,
			 struct vmha_err **err)
{
	int r;

	*ret_address = NULL;
	if (vmha_str_eq(node, self)) {
		return 0;
	}
	r = vmha_pcmk_attribute_get(node, "vmha-migration-address", ret_address, NULL);
	if (r < 0) {
		return vmha_err_set(
			err, r,
			"node %s has published no migration address: is a volume joined "
			"there, and /etc/vmha/node.conf written ('vmha node setup')?",
			node);
	}
	return 0;
}

static bool role_quiet(const struct vmha_cluster_wait *w, const struct vmha_pcmk_resource *r,
		       bool idle)
{
	if (!r || strcmp(r->state, "Stopped") == 0) {
		return true;
	}
	return strcmp(r->state, "Started") == 0 &&
	       (idle || r->blocked || !w->node ||
		(r->nodes_count == 1 && strcmp(r->nodes[0], w->node) == 0));
}

static bool goal_reached(const struct vmha_cluster_wait *w, const struct vmha_pcmk_state *s,
			 bool idle)
{
	const struct vmha_pcmk_resource *r = vmha_pcmk_resource_find(s, w->role);

	if (w->goal == VMHA_GOAL_QUIET) {
		return role_quiet(w, r, idle);
	}
	if (w->goal == VMHA_GOAL_STOPPED) {
		return !r || (!r->active && r->nodes_count == 0 && !*r->pending);
	}
	return r && r->nodes_count == 1 && strcmp(r->state, "Started") == 0 && !*r->pending &&
	       !r->blocked && (!w->node || strcmp(r->nodes[0], w->node) == 0);
}

int vmha_cluster_wait(const struct vmha_cluster_wait *w, struct vmha_pcmk_state **ret_state,
		      struct vmha_err **err)
{
	struct vmha_mono deadline = vmha_mono_add(vmha_mono_now(), VMHA_SPAN_S(w->timeout_s));
	vmha_autopcmk struct vmha_pcmk_state *s = NULL;
	bool idle = false;
	int r = -ETIMEDOUT;

	do {
		vmha_autoerr struct vmha_err *why = NULL;
		int settled = vmha_pcmk_settle(1, &why);

		if (settled < 0 && settled != -ETIMEDOUT) {
			return vmha_err_set(err, settled, "%s", vmha_err_text(why));
		}
		idle = settled == 0;
		vmha_pcmk_state_free(vmha_steal_ptr(s));
		r = vmha_pcmk_state_read(&s, err);
		if (r < 0) {
			return r;
		}
		if (w->tick) {
			w->tick(w->data, s);
		}
		if (goal_reached(w, s, idle)) {
			r = 0;
			break;
		}
		r = idle ? -EAGAIN : -ETIMEDOUT;
		if (vmha_interrupt_take()) {
			r = -EINTR;
			break;
		}
	} while (!idle && !vmha_mono_passed(deadline));
	if (ret_state) {
		*ret_state = vmha_steal_ptr(s);
	}
	return r;
}

void vmha_cluster_why(const struct vmha_pcmk_state *s, const char *role, struct vmha_str *to)
{
	const struct vmha_pcmk_resource *r = vmha_pcmk_resource_find(s, role);
	const struct vmha_pcmk_failure *f = vmha_pcmk_failure_find(s, role);
	size_t i;

	if (!r) {
		(void)vmha_str_add(to, "it is not in the cluster");
		return;
	}
	if (r->nodes_count > 1) {
		(void)vmha_str_add(to, "the cluster counts it on %s", r->nodes[0]);
	} else if (strcmp(r->state, "Started") == 0 && r->nodes_count) {
		(void)vmha_str_add(to, "it runs on %s", r->nodes[0]);
	} else {
		(void)vmha_str_add(to, "it is %c%s%s%s", tolower(r->state[0]), r->state + 1,
				   r->nodes_count ? " on " : "", r->nodes_count ? r->nodes[0] : "");
	}
	for (i = 1; i < r->nodes_count; i++) {
		(void)vmha_str_add(to, " and %s", r->nodes[i]);
	}
	if (r->blocked) {
		(void)vmha_str_add(to, ", blocked");
	} else if (!r->managed) {
		(void)vmha_str_add(to, ", unmanaged");
	}
	if (f) {
		(void)vmha_str_add(to, "; %s failed on %s%s%s", f->op, f->node,
				   *f->reason ? ": " : "", f->reason);
	} else if (strcmp(r->target_role, "Stopped") == 0) {
		(void)vmha_str_add(to, " (disabled)");
	}
}

static void signals_fill(sigset_t *set)
{
	sigemptyset(set);
	sigaddset(set, SIGINT);
	sigaddset(set, SIGTERM);
	sigaddset(set, SIGHUP);
}

void vmha_interrupt_hold(sigset_t *old)
{
	sigset_t set;

	signals_fill(&set);
	(void)sigprocmask(SIG_BLOCK, &set, old);
}

void vmha_interrupt_release(const sigset_t *old)
{
	(void)sigprocmask(SIG_SETMASK, old, NULL);
}

bool vmha_interrupt_take(void)
{
	static const struct timespec now = { 0 };
	sigset_t pending;
	sigset_t set;

	signals_fill(&set);
	sigpending(&pending);
	if (!sigismember(&pending, SIGINT) && !sigismember(&pending, SIGTERM) &&
	    !sigismember(&pending, SIGHUP)) {
		return false;
	}
	return sigtimedwait(&set, NULL, &now) > 0;
}
