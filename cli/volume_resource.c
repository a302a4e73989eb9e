/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A volume's resource in the cluster: made, waited for, taken away. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/output.h"
#include "cli/volume.h"
#include "lib/base/cleanup.h"
#include "lib/base/mono.h"
#include "lib/base/str.h"
#include "lib/port/lease_sanlock.h"
#include "lib/port/pcmk.h"
#include "lib/port/pcmk_settings.h"

#define NODES_MAX 64
#define OTHERS_S  10 /* what takes longer may be another resource's */
#define STOP_S	  60
#define MOUNT_S	  60			   /* more, where the agent mounts */
#define STOPS_S	  (4 * (STOP_S + MOUNT_S)) /* a loaded cluster stops one node after the other */

/* A directory has a path; what the agent mounts has a device. */
static char *storage_nvpairs(const struct volume_new *v)
{
	const char *n = v->name;

	if (v->type == VMHA_VOLUME_TYPE_DIR) {
		return vmha_str_printf("<nvpair id=\"%s-instance_attributes-path\" name=\"path\" "
				       "value=\"%s\"/>",
				       n, v->path);
	}
	return vmha_str_printf(
		"<nvpair id=\"%s-instance_attributes-device\" name=\"device\" value=\"%s\"/>"
		"<nvpair id=\"%s-instance_attributes-options\" name=\"options\" value=\"%s\"/>",
		n, v->device, n, v->options);
}

/* GFS2 is never there without DLM. */
static char *constraints(const struct volume_new *v)
{
	const char *n = v->name;

	if (!v->dlm_clone) {
		return vmha_str_printf("%s", "");
	}
	return vmha_str_printf("<constraints>"
			       "<rsc_order id=\"%s-after-dlm\" first=\"%s\" then=\"%s-clone\"/>"
			       "<rsc_colocation id=\"%s-with-dlm\" rsc=\"%s-clone\" "
			       "with-rsc=\"%s\" score=\"INFINITY\"/></constraints>",
			       n, v->dlm_clone, n, n, n, v->dlm_clone);
}

/* names and paths were checked to need no escapes */
static char *configuration(const struct volume_new *v)
{
	vmha_autofree char *storage = storage_nvpairs(v);
	vmha_autofree char *rules = constraints(v);
	const char *n = v->name;
	/* worst case of a join: the host id is held by a former name of this node */
	unsigned int start_s = vmha_sanlock_host_dead_s(v->io_timeout_s) + 7 * v->io_timeout_s + 30;

	if (!storage || !rules) {
		return NULL;
	}
	/* a mount waits for DLM, and an unmount for its last writes */
	start_s += v->type == VMHA_VOLUME_TYPE_DIR ? 0 : MOUNT_S;
	return vmha_str_printf(
		"<configuration><resources><clone id=\"%s-clone\">"
		"<meta_attributes id=\"%s-clone-meta_attributes\">"
		"<nvpair id=\"%s-clone-meta_attributes-interleave\" name=\"interleave\" "
		"value=\"true\"/>"
		"</meta_attributes>"
		"<primitive id=\"%s\" class=\"ocf\" provider=\"vmha\" type=\"csv\">"
		"<instance_attributes id=\"%s-instance_attributes\">"
		"<nvpair id=\"%s-instance_attributes-volume\" name=\"volume\" value=\"%s\"/>"
		"<nvpair id=\"%s-instance_attributes-type\" name=\"type\" value=\"%s\"/>%s"
		"<nvpair id=\"%s-instance_attributes-lock\" name=\"lock\" value=\"%s\"/>"
		"<nvpair id=\"%s-instance_attributes-io_timeout\" name=\"io_timeout\" "
		"value=\"%u\"/>"
		"<nvpair id=\"%s-instance_attributes-id\" name=\"id\" value=\"%s\"/>"
		"</instance_attributes><operations>"
		"<op id=\"%s-start-interval-0\" name=\"start\" interval=\"0\" timeout=\"%us\"/>"
		"<op id=\"%s-stop-interval-0\" name=\"stop\" interval=\"0\" timeout=\"%ds\"/>"
		"<op id=\"%s-monitor-interval-10s\" name=\"monitor\" interval=\"10s\" "
		"timeout=\"30s\" "
		"on-fail=\"fence\"/>"
		"</operations></primitive></clone></resources>%s</configuration>",
		n, n, n, n, n, n, n, n, vmha_volume_type_name(v->type), storage, n,
		vmha_volume_lock_name(vmha_volume_type_lock(v->type)), n, v->io_timeout_s, n, v->id,
		n, start_s, n, STOP_S + (v->type == VMHA_VOLUME_TYPE_DIR ? 0 : MOUNT_S), n, rules);
}

static int resource_make(const struct volume_new *v, struct vmha_err **err)
{
	vmha_autofree char *xml = configuration(v);
	int r = xml ? vmha_pcmk_configure(xml, err) : vmha_err_set(err, -ENOMEM, "out of memory");

	if (r == 0) {
		vmha_output_step("made resource %s-clone; the nodes join", v->name);
	}
	return r;
}

static bool node_counts(const struct vmha_pcmk_node *node)
{
	return node->online && !node->standby && !node->maintenance && !node->remote;
}

struct wait {
	const struct volume_new *v;
	struct vmha_mono begun;
	bool said[NODES_MAX];
	json_t *nodes; /* for the result */
};

/* @return nodes still to come; negative errno when one failed */
static int joined_look(struct wait *w, const struct vmha_pcmk_state *state, struct vmha_err **err)
{
	const struct vmha_pcmk_failure *f = vmha_pcmk_failure_find(state, w->v->name);
	int missing = 0;
	size_t i;

	if (f) {
		return vmha_err_set(err, -EIO, "node %s cannot join volume %s: %s", f->node,
				    w->v->name, *f->reason ? f->reason : f->result);
	}
	for (i = 0; i < state->nodes_count && i < NODES_MAX; i++) {
		int64_t ms = vmha_span_ms(vmha_mono_diff(w->begun, vmha_mono_now()));
		const struct vmha_pcmk_node *node = &state->nodes[i];

		if (!node_counts(node) || w->said[i]) {
			continue;
		}
		if (!vmha_pcmk_runs_on(state, w->v->name, node->name)) {
			missing++;
			continue;
		}
		w->said[i] = true;
		vmha_output_step("%s joined after %lld.%lld s", node->name, (long long)(ms / 1000),
				 (long long)(ms % 1000 / 100));
		(void)json_array_append_new(w->nodes, json_pack("{s:s, s:I}", "node", node->name,
								"joined_after_ms", (json_int_t)ms));
	}
	return missing;
}

/* Pacemaker's tools give no event here that ends on failure too; crm_mon costs some 15 ms. */
static int resource_await(const struct volume_new *v, json_t *nodes, struct vmha_err **err)
{
	struct wait wait = { .v = v, .begun = vmha_mono_now(), .nodes = nodes };
	struct wait *w = &wait;
	unsigned int limit_s = vmha_sanlock_host_dead_s(v->io_timeout_s) + 60 + MOUNT_S;
	struct vmha_mono deadline = vmha_mono_add(vmha_mono_now(), VMHA_SPAN_S(limit_s));

	for (;;) {
		vmha_autopcmk struct vmha_pcmk_state *state = NULL;
		int r = vmha_pcmk_state_read(&state, err);

		if (r == 0) {
			r = joined_look(w, state, err);
		}
		if (r <= 0) {
			return r;
		}
		if (vmha_mono_passed(deadline)) {
			return vmha_err_set(err, -ETIMEDOUT,
					    "%d nodes did not join volume %s within %u s", r,
					    w->v->name, limit_s);
		}
		vmha_mono_pace(VMHA_SPAN_MS(300));
	}
}

/* A change that its tool did not see through may have been made all the same. */
static bool is_configured(const struct volume_new *v)
{
	vmha_autofree char *clone = vmha_str_printf("%s-clone", v->name);

	return !clone || vmha_pcmk_id_used(clone, NULL) != 0;
}

int vmha_volume_bring_in(struct volume_new *v, json_t *nodes, struct vmha_err **err)
{
	int r = resource_make(v, err);

	v->configured = r == 0 || is_configured(v);
	r = r < 0 ? r : resource_await(v, nodes, err);
	/* before the first role: Pacemaker's own limit of migrations, from ours */
	return r < 0 ? r : vmha_pcmk_settings_change(NULL, 0, err);
}

int vmha_volume_told(const struct volume_new *v, const char *words, struct vmha_mono begun,
		     json_t *nodes)
{
	int64_t ms = vmha_span_ms(vmha_mono_diff(begun, vmha_mono_now()));

	vmha_output_step("volume %s %s at /clusterstorage/%s after %lld.%lld s", v->name, words,
			 v->name, (long long)(ms / 1000), (long long)(ms % 1000 / 100));
	return vmha_output_json(
		json_pack("{s:s, s:s, s:s, s:s, s:i, s:o, s:I}", "volume", v->name, "id", v->id,
			  "type", vmha_volume_type_name(v->type), *v->device ? "device" : "path",
			  *v->device ? v->device : v->path, "io_timeout_s", (int)v->io_timeout_s,
			  "nodes", nodes, "total_ms", (json_int_t)ms));
}

static bool still_active(const char *name)
{
	vmha_autopcmk struct vmha_pcmk_state *state = NULL;
	size_t i;

	if (vmha_pcmk_state_read(&state, NULL) < 0) {
		return true; /* unknown is not "no" */
	}
	for (i = 0; i < state->resources_count; i++) {
		if (vmha_str_eq(state->resources[i].id, name) && state->resources[i].active) {
			return true;
		}
	}
	return false;
}

static int unconfigure(const char *name, struct vmha_err **err)
{
	vmha_autofree char *clone = vmha_str_printf("//clone[@id='%s-clone']", name);
	vmha_autofree char *order = vmha_str_printf("//rsc_order[@id='%s-after-dlm']", name);
	vmha_autofree char *with = vmha_str_printf("//rsc_colocation[@id='%s-with-dlm']", name);
	int r;

	if (!clone || !order || !with) {
		return vmha_err_set(err, -ENOMEM, "out of memory");
	}
	/* rules first: they may not name what is gone */
	r = vmha_pcmk_unconfigure(order, err);
	r = r < 0 ? r : vmha_pcmk_unconfigure(with, err);
	return r < 0 ? r : vmha_pcmk_unconfigure(clone, err);
}

/*
 * Until Pacemaker has nothing left to do, or this is active nowhere and what there is to do for
 * longer is another resource's; a start or stop under way counts as active.
 */
static int at_rest(const char *name, unsigned int within_s)
{
	struct vmha_mono deadline = vmha_mono_add(vmha_mono_now(), VMHA_SPAN_S(within_s));

	for (;;) {
		int r = vmha_pcmk_settle(OTHERS_S, NULL);

		if (r == 0 || (r == -ETIMEDOUT && !still_active(name))) {
			return 0;
		}
		if (vmha_mono_passed(deadline)) {
			return -ETIMEDOUT;
		}
		vmha_mono_pace(VMHA_SPAN_S(1)); /* it could not be asked: a DC may be elected */
	}
}

int vmha_volume_resource_stop(const char *name, struct vmha_err **err)
{
	vmha_autofree char *clone = vmha_str_printf("%s-clone", name);
	vmha_autoerr struct vmha_err *why = NULL;

	if (!clone) {
		return vmha_err_set(err, -ENOMEM, "out of memory");
	}
	if (vmha_pcmk_meta_set(clone, "target-role", "Stopped", &why) < 0 && still_active(name)) {
		return vmha_err_set(err, -EBUSY, "it cannot be told to stop: %s",
				    vmha_err_text(why));
	}
	if (at_rest(name, STOPS_S) < 0) {
		/* a cleanup would probe in the middle of a stop, and stop once more what is half
		 * gone */
		return vmha_err_set(err, -EBUSY,
				    "it is still being stopped ('crm_mon -1' shows where)");
	}
	/* while the resource is known: a failure left would keep its next namesake off */
	(void)vmha_pcmk_cleanup(name, NULL, NULL);
	if (at_rest(name, STOP_S) < 0 || still_active(name)) {
		return vmha_err_set(err, -EBUSY, "it is still active");
	}
	return 0;
}

int vmha_volume_resource_remove(const char *name, struct vmha_err **err)
{
	int r = vmha_volume_resource_stop(name, err);

	return r < 0 ? r : unconfigure(name, err);
}
