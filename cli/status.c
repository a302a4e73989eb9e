/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/daemon.h"
#include "cli/output.h"
#include "cli/roles.h"
#include "cli/view.h"
#include "lib/base/cleanup.h"
#include "lib/base/str.h"
#include "lib/core/guest.h"
#include "lib/port/pcmk.h"

struct report {
	struct vmha_pcmk_state *state;
	struct vmha_pcmk_primitives *roles;
	struct vmha_pcmk_primitives *volumes;
	json_t *daemons;  /* clusterd's state; NULL: it does not answer here */
	json_t *problems; /* what is not as it should be, one sentence each */
};

static void report_free(struct report *rep)
{
	vmha_pcmk_state_free(rep->state);
	vmha_pcmk_primitives_free(rep->roles);
	vmha_pcmk_primitives_free(rep->volumes);
	json_decref(rep->daemons);
	json_decref(rep->problems);
}
#define autoreport __attribute__((cleanup(report_free)))

static void problem(struct report *rep, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static void problem(struct report *rep, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	(void)json_array_append_new(rep->problems, json_vsprintf(fmt, ap));
	va_end(ap);
}

static const char *node_word(const struct vmha_pcmk_node *n)
{
	if (n->unclean) {
		return "unknown, to be fenced";
	}
	if (!n->online) {
		return "offline";
	}
	if (n->pending) {
		return "joining";
	}
	if (n->shutdown) {
		return "shutting down";
	}
	if (n->maintenance) {
		return "maintenance";
	}
	return n->standby ? "standby" : "online";
}

/* What Pacemaker says; a standby that is a drain's, and what precedes it, is clusterd's to tell. */
static const char *state_word(const struct report *rep, const struct vmha_pcmk_node *n)
{
	const char *word = node_word(n);

	if (!rep->daemons || (strcmp(word, "online") != 0 && strcmp(word, "standby") != 0)) {
		return word;
	}
	switch (vmha_view_drain_kind(vmha_view_node(rep->daemons, n->name))) {
	case VMHA_VIEW_AT_WORK:
		return "draining or resuming";
	case VMHA_VIEW_DRAINED:
		return "drained";
	case VMHA_VIEW_INCOMPLETE:
		return "closed";
	case VMHA_VIEW_OPEN:
		break;
	}
	return word;
}

static const char *volume_name(const struct vmha_pcmk_primitive *v)
{
	return *v->volume ? v->volume : v->id;
}

static json_t *node_volumes(const struct report *rep, const char *node)
{
	json_t *all = json_array();
	size_t i;

	for (i = 0; i < rep->volumes->count; i++) {
		const struct vmha_pcmk_primitive *v = &rep->volumes->items[i];

		if (vmha_pcmk_runs_on(rep->state, *v->parent ? v->parent : v->id, node)) {
			(void)json_array_append_new(all, json_string(volume_name(v)));
		}
	}
	return all;
}

/* How the node's clusterd does, as this node's sees it. */
static const char *daemon_word(struct report *rep, const struct vmha_pcmk_node *n)
{
	const json_t *list = json_object_get(rep->daemons, "nodes");
	const char *word = "not running";
	const json_t *node;
	size_t i;

	if (!rep->daemons) {
		return "unknown";
	}
	json_array_foreach(list, i, node)
	{
		if (json_integer_value(json_object_get(node, "id")) != (json_int_t)n->id) {
			continue;
		}
		if (json_is_true(json_object_get(node, "ready"))) {
			return "in sync";
		}
		word = json_is_true(json_object_get(node, "member")) ? "joining" : word;
	}
	if (n->online && !n->remote) {
		problem(rep, "clusterd of node %s is %s: nothing is moved from or to it", n->name,
			word);
	}
	return word;
}

static void daemons_read(struct report *rep)
{
	vmha_autoipc struct vmha_ipc *ipc = NULL;
	vmha_autoerr struct vmha_err *err = NULL;

	if (vmha_daemon_open(&ipc, &err) < 0 || vmha_daemon_state(ipc, &rep->daemons, &err) < 0) {
		problem(rep, "%s", vmha_err_text(err));
	} else if (!json_is_true(json_object_get(rep->daemons, "synced"))) {
		problem(rep, "clusterd of this node is not in sync with the others");
	}
}

static json_t *nodes_report(struct report *rep)
{
	json_t *all = json_array();
	size_t i;

	for (i = 0; i < rep->state->nodes_count; i++) {
		const struct vmha_pcmk_node *n = &rep->state->nodes[i];

		(void)json_array_append_new(
			all, json_pack("{s:s, s:i, s:s, s:b, s:b, s:s, s:o}", "name", n->name, "id",
				       (int)n->id, "state", state_word(rep, n), "online", n->online,
				       "standby", n->standby, "clusterd", daemon_word(rep, n),
				       "volumes", node_volumes(rep, n->name)));
		if (n->remote) {
			problem(rep, "node %s is a Pacemaker Remote node: it cannot run roles",
				n->name);
		} else if (n->unclean || !n->online) {
			problem(rep, "node %s is %s", n->name, node_word(n));
		} else if (n->pending || n->maintenance) {
			problem(rep, "node %s is %s", n->name,
				n->pending ? "still joining" : "in maintenance: unmanaged");
		}
	}
	return all;
}

static json_t *volumes_report(struct report *rep)
{
	json_t *all = json_array();
	size_t i;
	size_t n;

	for (i = 0; i < rep->volumes->count; i++) {
		const struct vmha_pcmk_primitive *v = &rep->volumes->items[i];
		const char *clone = *v->parent ? v->parent : v->id;
		json_t *joined = json_array();
		json_t *missing = json_array();

		for (n = 0; n < rep->state->nodes_count; n++) {
			const struct vmha_pcmk_node *node = &rep->state->nodes[n];
			bool here = vmha_pcmk_runs_on(rep->state, clone, node->name);

			(void)json_array_append_new(here ? joined : missing,
						    json_string(node->name));
			if (!here && node->online && !node->standby && !node->pending) {
				problem(rep, "volume %s is not joined on node %s", volume_name(v),
					node->name);
			}
		}
		(void)json_array_append_new(all, json_pack("{s:s, s:s, s:o, s:o}", "name",
							   volume_name(v), "type",
							   *v->type ? v->type : "dir", "joined",
							   joined, "missing", missing));
	}
	return all;
}

/* The word for a guest that stands still where Pacemaker has it, or NULL. */
static const char *guest_word(const struct report *rep, const json_t *role)
{
	const char *at = json_string_value(json_object_get(role, "node"));
	const json_t *node = at ? vmha_view_node(rep->daemons, at) : NULL;
	const char *name = json_string_value(json_object_get(role, "name"));
	const json_t *guest;
	size_t i;

	json_array_foreach(json_object_get(node, "guests"), i, guest)
	{
		const char *vm = json_string_value(json_object_get(guest, "vm"));

		if (vm && name && vmha_str_eq(vm, name)) {
			return json_string_value(json_object_get(guest, "state"));
		}
	}
	return NULL;
}

/* Pacemaker counts it as running; its guest does not. */
static void guests_report(struct report *rep, json_t *roles)
{
	json_t *role;
	size_t i;

	json_array_foreach(roles, i, role)
	{
		const char *word = guest_word(rep, role);

		if (!word) {
			continue;
		}
		(void)json_object_set_new(role, "state", json_string(word));
		problem(rep, "role %s is %s: 'vmha why %s' tells what happened",
			json_string_value(json_object_get(role, "name")),
			vmha_guest_state_text(vmha_guest_state_parse(word)),
			json_string_value(json_object_get(role, "name")));
	}
}

static json_t *roles_report(struct report *rep)
{
	json_t *all = vmha_roles_all(rep->state, rep->roles);
	const json_t *role;
	size_t i;

	guests_report(rep, all);

	json_array_foreach(all, i, role)
	{
		if (!json_is_true(json_object_get(role, "ok"))) {
			problem(rep, "role %s: %s",
				json_string_value(json_object_get(role, "name")),
				json_string_value(json_object_get(role, "problem")));
		}
	}
	return all;
}

static json_t *fencing_report(struct report *rep)
{
	json_t *all = json_array();
	size_t i;

	for (i = 0; i < rep->state->fences_count; i++) {
		const struct vmha_pcmk_fence *f = &rep->state->fences[i];

		(void)json_array_append_new(all, json_pack("{s:s, s:s, s:s, s:s, s:s}", "node",
							   f->target, "action", f->action, "status",
							   f->status, "when", f->when, "reason",
							   f->reason));
		if (strcmp(f->status, "pending") == 0) {
			problem(rep, "fencing of node %s is under way", f->target);
		} else if (strcmp(f->status, "failed") == 0 && i == 0) {
			problem(rep, "fencing of node %s failed: %s", f->target,
				*f->reason ? f->reason : "no reason given");
		}
	}
	return all;
}

/* Drains that are not over: [{node, words, roles, ...}]. */
static json_t *drains_report(struct report *rep)
{
	const json_t *nodes = json_object_get(rep->daemons, "nodes");
	json_t *all = json_array();
	size_t i;

	for (i = 0; i < json_array_size(nodes); i++) {
		const json_t *node = json_array_get(nodes, i);
		enum vmha_view_drain_kind kind = vmha_view_drain_kind(node);

		if (kind == VMHA_VIEW_OPEN) {
			continue;
		}
		if (kind == VMHA_VIEW_INCOMPLETE) {
			const char *name = json_string_value(json_object_get(node, "name"));

			problem(rep,
				"node %s is closed, but roles are left on it: vmha drain %s --wait "
				"names them",
				name, name);
		}
		(void)json_array_append_new(all, vmha_view_drain(rep->daemons, node));
	}
	return all;
}

static json_t *networks_report(struct report *rep)
{
	const json_t *list = json_object_get(rep->daemons, "networks");
	json_t *all = json_array();
	size_t i;

	for (i = 0; i < json_array_size(list); i++) {
		const json_t *n = json_array_get(list, i);
		const char *name = json_string_value(json_object_get(n, "name"));
		const char *state = json_string_value(json_object_get(n, "state"));
		const char *role = json_string_value(json_object_get(n, "role"));

		if (name && state && !vmha_str_eq(role, "none") && strcmp(state, "up") != 0) {
			problem(rep, "network %s is %s: vmha network show '%s' says where", name,
				state, name);
		}
		(void)json_array_append_new(all, json_pack("{s:s*, s:s*, s:s*}", "name", name,
							   "state", state, "role", role));
	}
	return all;
}

static json_t *cluster_report(struct report *rep)
{
	const struct vmha_pcmk_state *s = rep->state;

	if (!s->dc_present) {
		problem(rep, "the cluster has no coordinator (DC)");
	} else if (!s->quorum) {
		problem(rep, "this part of the cluster has no quorum: nothing is started or moved");
	}
	if (s->maintenance) {
		problem(rep, "the whole cluster is in maintenance mode: nothing is recovered");
	}
	if (!s->stonith) {
		problem(rep,
			"fencing is disabled (stonith-enabled=false): roles of a lost node stay "
			"down or endanger their disks");
	}
	return json_pack("{s:b, s:s?, s:b, s:b}", "quorum", s->quorum, "coordinator",
			 s->dc_present ? s->dc : NULL, "maintenance", s->maintenance, "fencing",
			 s->stonith);
}

static json_t *report_json(struct report *rep)
{
	return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:O}", "cluster",
			 cluster_report(rep), "nodes", nodes_report(rep), "volumes",
			 volumes_report(rep), "networks", networks_report(rep), "roles",
			 roles_report(rep), "migrations", vmha_view_rows(rep->daemons, false),
			 "drains", drains_report(rep), "fencing", fencing_report(rep), "problems",
			 rep->problems);
}

static int part_print(const json_t *o, const char *title, const char *key,
		      const struct vmha_column *columns, const char *empty)
{
	const json_t *list = json_object_get(o, key);

	(void)printf("%s:\n", title);
	if (!json_array_size(list)) {
		(void)printf("  %s\n", empty);
		return 0;
	}
	return vmha_output_table(stdout, list, columns, "  ");
}

/* The newest one; all are in the JSON. */
static void fence_print(const json_t *f)
{
	if (f) {
		(void)printf("Last fencing: %s of node %s, %s, %s\n",
			     json_string_value(json_object_get(f, "action")),
			     json_string_value(json_object_get(f, "node")),
			     json_string_value(json_object_get(f, "status")),
			     json_string_value(json_object_get(f, "when")));
	}
}

static void networks_print(const json_t *list)
{
	size_t i;

	for (i = 0; i < json_array_size(list); i++) {
		const json_t *n = json_array_get(list, i);

		(void)printf("%s%s %s",
			     i ? ", " : "Networks: ", json_string_value(json_object_get(n, "name")),
			     json_string_value(json_object_get(n, "state")));
	}
	if (json_array_size(list)) {
		(void)printf("\n");
	}
}

static void drains_print(const json_t *list)
{
	size_t i;

	for (i = 0; i < json_array_size(list); i++) {
		const json_t *d = json_array_get(list, i);

		(void)printf("Node %s: %s, %lld of %lld roles moved\n",
			     json_string_value(json_object_get(d, "node")),
			     json_string_value(json_object_get(d, "words")),
			     json_integer_value(json_object_get(d, "moved")),
			     json_integer_value(json_object_get(d, "total")));
	}
}

static int moves_print(const json_t *list)
{
	static const struct vmha_column columns[] = {
		{ "ID", "id" }, { "VM", "vm" },	      { "FROM", "from" },
		{ "TO", "to" }, { "STATE", "words" }, { "FIGURES", "figures" },
		{ 0 }
	};

	if (!json_array_size(list)) {
		return 0;
	}
	(void)printf("Migrations:\n");
	return vmha_output_table(stdout, list, columns, "  ");
}

static int report_text(const json_t *o)
{
	static const struct vmha_column nodes[] = {
		{ "NAME", "name" },	    { "ID", "id" },	      { "STATE", "state" },
		{ "CLUSTERD", "clusterd" }, { "VOLUMES", "volumes" }, { 0 }
	};
	static const struct vmha_column volumes[] = { { "NAME", "name" },
						      { "TYPE", "type" },
						      { "JOINED ON", "joined" },
						      { "NOT ON", "missing" },
						      { 0 } };
	static const struct vmha_column roles[] = { { "NAME", "name" },
						    { "STATE", "state" },
						    { "NODE", "node" },
						    { "VOLUME", "volume" },
						    { "LAST MOVE", "last_move.text" },
						    { 0 } };
	const json_t *cluster = json_object_get(o, "cluster");
	const json_t *problems = json_object_get(o, "problems");
	const char *dc = json_string_value(json_object_get(cluster, "coordinator"));
	const json_t *text;
	size_t i;
	int r;

	(void)printf("Cluster: quorum %s, coordinator %s, fencing %s\n",
		     json_is_true(json_object_get(cluster, "quorum")) ? "yes" : "NO",
		     dc ? dc : "none",
		     json_is_true(json_object_get(cluster, "fencing")) ? "on" : "OFF");
	networks_print(json_object_get(o, "networks"));
	r = part_print(o, "Nodes", "nodes", nodes, "none");
	r = r < 0 ? r
		  : part_print(o, "Volumes", "volumes", volumes,
			       "none yet: 'vmha volume create' makes one");
	r = r < 0 ? r : part_print(o, "Roles", "roles", roles, "none yet: 'vmha vm add' makes one");
	r = r < 0 ? r : moves_print(json_object_get(o, "migrations"));
	drains_print(json_object_get(o, "drains"));
	fence_print(json_array_get(json_object_get(o, "fencing"), 0));
	if (json_array_size(problems)) {
		(void)printf("Problems:\n");
	}
	json_array_foreach(problems, i, text)
	{
		(void)printf("  %s\n", json_string_value(text));
	}
	return r;
}

static int status_run(int argc, char **argv, struct vmha_err **err)
{
	static const struct vmha_option opts[] = { { 0 } };
	autoreport struct report rep = { 0 };
	json_t *o;
	int r = vmha_options_take(&argc, argv, opts, err);

	if (r != 0) {
		return r;
	}
	if (argc != 1) {
		return vmha_usage(err, "'%s' is too much: 'vmha vm show NAME' shows one role",
				  argv[1]);
	}
	rep.problems = json_array();
	r = vmha_pcmk_state_read(&rep.state, err);
	r = r < 0 ? r : vmha_pcmk_primitives_read("vm", &rep.roles, err);
	r = r < 0 ? r : vmha_pcmk_primitives_read("csv", &rep.volumes, err);
	if (r < 0) {
		return r;
	}
	daemons_read(&rep);
	o = report_json(&rep);
	if (o && !vmha_output_is_json()) {
		r = report_text(o);
	}
	if (r < 0) {
		json_decref(o);
		return r;
	}
	r = vmha_output_json(o);
	return r < 0 ? r : (json_array_size(rep.problems) ? VMHA_EXIT_WARN : VMHA_EXIT_OK);
}

const struct vmha_command vmha_commands_status[] = {
	{
		.name = "status",
		.args = "",
		.summary = "Show nodes, volumes and roles, and what is not as it should be",
		.help = "Exit status 3 when there are problems; they are listed at the end.\n",
		.run = status_run,
	},
	{ 0 },
};
