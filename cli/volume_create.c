/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/cluster.h"
#include "cli/output.h"
#include "cli/volume.h"
#include "lib/base/cleanup.h"
#include "lib/base/mono.h"
#include "lib/base/str.h"
#include "lib/port/lease_sanlock.h"
#include "lib/port/pcmk.h"
#include "lib/port/pcmk_settings.h"

#define NODES_MAX 64
#define STOP_S	  60

static int args_read(int argc, char **argv, struct volume_new *v, struct vmha_err **err)
{
	const char *io_timeout = NULL; /* measured */
	const char *type = "dir";
	const char *path = NULL;
	const struct vmha_option opts[] = {
		{ "path", &path, NULL }, { "io-timeout", &io_timeout, NULL },
		{ "type", &type, NULL }, { "force", NULL, &v->force },
		{ NULL, NULL, NULL },
	};
	vmha_autofree char *real = NULL;
	uint64_t n = 0;

	if (vmha_options_take(&argc, argv, opts, err)) {
		return VMHA_EXIT_USAGE;
	}
	if (argc != 2 || !path) {
		return vmha_usage(err, "the volume's name and --path are needed");
	}
	if (!vmha_str_is_name(argv[1])) {
		return vmha_usage(
			err,
			"'%s' cannot be a volume's name: 1 to 47 letters, digits, '.', '_' "
			"or '-'",
			argv[1]);
	}
	if (strcmp(type, "dir") != 0) {
		return vmha_usage(err, "--type must be dir, not '%s'", type);
	}
	if (io_timeout &&
	    vmha_str_u64(io_timeout, VMHA_IO_TIMEOUT_MIN, VMHA_IO_TIMEOUT_MAX, &n) < 0) {
		return vmha_usage(err, "--io-timeout must be %d to %d seconds, not '%s'",
				  VMHA_IO_TIMEOUT_MIN, VMHA_IO_TIMEOUT_MAX, io_timeout);
	}
	v->io_timeout_s = (unsigned int)n;
	(void)snprintf(v->name, sizeof(v->name), "%s", argv[1]);
	real = realpath(path, NULL);
	if (!real) {
		return vmha_err_errno(err, -errno, "cannot use %s", path);
	}
	/* such a path could not be said to sanlock or in the CIB without escapes */
	if (strlen(real) > VMHA_PATH_SIZE - 64 || strpbrk(real, " :\\<>&\"'\n\t")) {
		return vmha_err_set(err, -EINVAL,
				    "%s: a volume's path must be short, without blanks and without "
				    "any of : \\ < > & \" '",
				    real);
	}
	(void)snprintf(v->path, sizeof(v->path), "%s", real);
	return 0;
}

static int cluster_check(const struct volume_new *v, struct vmha_err **err)
{
	vmha_autoprimitives struct vmha_pcmk_primitives *list = NULL;
	vmha_autofree char *clone = vmha_str_printf("%s-clone", v->name);
	vmha_autopcmk struct vmha_pcmk_state *state = NULL;
	size_t i;
	int r = vmha_pcmk_primitives_read("csv", &list, err);

	r = r < 0 ? r : vmha_pcmk_state_read(&state, err);
	r = r < 0 ? r : vmha_cluster_no_remote(state, err);
	if (r < 0 || !clone) {
		return r < 0 ? r : -ENOMEM;
	}
	for (i = 0; i < list->count; i++) {
		if (vmha_str_eq(list->items[i].volume, v->name)) {
			return vmha_err_set(err, -EEXIST,
					    "volume %s exists already (resource %s, path %s): see "
					    "'vmha volume show %s'",
					    v->name, list->items[i].id, list->items[i].path,
					    v->name);
		}
		if (vmha_str_eq(list->items[i].path, v->path)) {
			return vmha_err_set(err, -EEXIST, "%s is already the path of volume %s",
					    v->path, list->items[i].volume);
		}
	}
	r = vmha_pcmk_id_used(v->name, err);
	if (r == 0) {
		r = vmha_pcmk_id_used(clone, err);
	}
	if (r > 0) {
		return vmha_err_set(
			err, -EEXIST,
			"the cluster's configuration already uses the name %s or %s for "
			"something else: choose another name",
			v->name, clone);
	}
	return r;
}

static int sanlock_check(const struct volume_new *v, struct vmha_err **err)
{
	int r;

	if (!vmha_sanlock_alive()) {
		return vmha_err_set(err, -ECONNREFUSED,
				    "sanlock does not answer on this node: start it (systemctl "
				    "start sanlock)");
	}
	r = vmha_lockspace_joined_name(v->name, err);
	if (r > 0) {
		return vmha_err_set(err, -EEXIST,
				    "this node has joined a lockspace named %s already: choose "
				    "another name, or leave it (sanlock client status)",
				    v->name);
	}
	return r;
}

/* names and paths were checked to need no escapes */
static char *configuration(const struct volume_new *v)
{
	const char *n = v->name;
	/* worst case of a join: the host id is held by a former name of this node */
	unsigned int start_s = vmha_sanlock_host_dead_s(v->io_timeout_s) + 7 * v->io_timeout_s + 30;

	return vmha_str_printf(
		"<configuration><resources><clone id=\"%s-clone\">"
		"<meta_attributes id=\"%s-clone-meta_attributes\">"
		"<nvpair id=\"%s-clone-meta_attributes-interleave\" name=\"interleave\" "
		"value=\"true\"/>"
		"</meta_attributes>"
		"<primitive id=\"%s\" class=\"ocf\" provider=\"vmha\" type=\"csv\">"
		"<instance_attributes id=\"%s-instance_attributes\">"
		"<nvpair id=\"%s-instance_attributes-volume\" name=\"volume\" value=\"%s\"/>"
		"<nvpair id=\"%s-instance_attributes-type\" name=\"type\" value=\"dir\"/>"
		"<nvpair id=\"%s-instance_attributes-path\" name=\"path\" value=\"%s\"/>"
		"<nvpair id=\"%s-instance_attributes-io_timeout\" name=\"io_timeout\" "
		"value=\"%u\"/>"
		"<nvpair id=\"%s-instance_attributes-id\" name=\"id\" value=\"%s\"/>"
		"</instance_attributes><operations>"
		"<op id=\"%s-start-interval-0\" name=\"start\" interval=\"0\" timeout=\"%us\"/>"
		"<op id=\"%s-stop-interval-0\" name=\"stop\" interval=\"0\" timeout=\"%ds\"/>"
		"<op id=\"%s-monitor-interval-10s\" name=\"monitor\" interval=\"10s\" "
		"timeout=\"30s\" "
		"on-fail=\"fence\"/>"
		"</operations></primitive></clone></resources></configuration>",
		n, n, n, n, n, n, n, n, n, v->path, n, v->io_timeout_s, n, v->id, n, start_s, n,
		STOP_S, n);
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
static int joined_wait(struct wait *w, struct vmha_err **err)
{
	unsigned int limit_s = vmha_sanlock_host_dead_s(w->v->io_timeout_s) + 60;
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

/* In reverse order; what cannot be undone is said, with how to do it by hand. */
static void undo(const struct volume_new *v)
{
	vmha_autofree char *clone = vmha_str_printf("%s-clone", v->name);
	vmha_autofree char *xpath = vmha_str_printf("//clone[@id='%s-clone']", v->name);
	vmha_autoerr struct vmha_err *why = NULL;

	if (!clone || !xpath) {
		return;
	}
	if (v->configured) {
		(void)vmha_pcmk_meta_set(clone, "target-role", "Stopped", NULL);
		(void)vmha_pcmk_settle(STOP_S + 30, NULL);
		/* while the resource is known: a failure left would keep its next namesake off */
		(void)vmha_pcmk_cleanup(v->name, NULL, NULL);
		(void)vmha_pcmk_settle(STOP_S, NULL);
		if (still_active(v->name) || vmha_pcmk_unconfigure(xpath, &why) < 0) {
			vmha_output_warn(
				"resource %s could not be removed (%s): stop and delete it, "
				"then remove %s/%s",
				clone, why ? vmha_err_text(why) : "it is still active", v->path,
				VMHA_VOLUME_META);
			return;
		}
	}
	if (v->files_made) {
		vmha_volume_storage_remove(v->path);
	}
	vmha_output_warn("all that was made has been undone");
}

static int create(struct volume_new *v, json_t *nodes, struct vmha_err **err)
{
	struct wait w = { .v = v, .nodes = nodes };
	vmha_autofree char *xml = NULL;
	int r = 0;

	if (v->adopted) {
		vmha_output_step("%s already holds volume %s: taken over", v->path, v->name);
	} else {
		r = vmha_volume_storage_make(v, err);
		if (r < 0) {
			return r;
		}
		vmha_output_step("formatted lockspace and leases in %s/%s (io_timeout %u s)",
				 v->path, VMHA_VOLUME_META, v->io_timeout_s);
	}
	xml = configuration(v);
	r = xml ? vmha_pcmk_configure(xml, err) : -ENOMEM;
	w.begun = vmha_mono_now();
	if (r == 0) {
		v->configured = true;
		vmha_output_step("made resource %s-clone; the nodes join", v->name);
		r = joined_wait(&w, err);
		/* before the first role: Pacemaker's own limit of migrations, from ours */
		r = r < 0 ? r : vmha_pcmk_settings_change(NULL, 0, err);
	}
	if (r < 0) {
		undo(v);
	}
	return r;
}

int vmha_volume_create(int argc, char **argv, struct vmha_err **err)
{
	struct vmha_mono begun = vmha_mono_now();
	struct volume_new v = { 0 };
	json_t *nodes = NULL;
	int64_t ms;
	int r = args_read(argc, argv, &v, err);

	if (r != 0) {
		return r;
	}
	r = vmha_need_root(err);
	if (r == 0) {
		r = cluster_check(&v, err);
	}
	if (r == 0) {
		r = sanlock_check(&v, err);
	}
	if (r == 0) {
		r = vmha_volume_storage_check(&v, err);
	}
	if (r < 0) {
		return r;
	}
	nodes = json_array();
	r = nodes ? create(&v, nodes, err) : -ENOMEM;
	if (r < 0) {
		json_decref(nodes);
		return r;
	}
	ms = vmha_span_ms(vmha_mono_diff(begun, vmha_mono_now()));
	vmha_output_step("volume %s is ready at %s/%s after %lld.%lld s", v.name, "/clusterstorage",
			 v.name, (long long)(ms / 1000), (long long)(ms % 1000 / 100));
	return vmha_output_json(json_pack("{s:s, s:s, s:s, s:i, s:o, s:I}", "volume", v.name, "id",
					  v.id, "path", v.path, "io_timeout_s", (int)v.io_timeout_s,
					  "nodes", nodes, "total_ms", (json_int_t)ms));
}
