/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <time.h>

#include "cli/cli.h"
#include "cli/output.h"
#include "cli/volume.h"
#include "lib/base/cleanup.h"
#include "lib/base/proc.h"
#include "lib/base/str.h"
#include "lib/core/renewal.h"
#include "lib/port/lease_sanlock.h"
#include "lib/port/nodes.h"
#include "lib/port/pcmk.h"
#include "lib/role/mounted.h"
#include "lib/role/role.h"

#define NS_PER_S 1000000000
#define DLM_S	 5

/* What one volume is, by the record on it, or, where it is not mounted, by its resource. */
struct view {
	const char *name;
	struct vmha_volume_record record;
	bool here;   /* the record could be read */
	bool silent; /* its storage does not answer on this node: nothing of it is touched */
	struct vmha_nodes nodes;
	struct vmha_pcmk_primitives *list;
	struct vmha_pcmk_state *state;
	const struct vmha_pcmk_primitive *resource;
	bool just_joined; /* sanlock has not looked at the others yet */
};

static void view_free(struct view *v)
{
	vmha_nodes_free(&v->nodes);
	vmha_pcmk_primitives_free(v->list);
	vmha_pcmk_state_free(v->state);
}

/* The cluster may be down: the volume is shown nevertheless. */
static void view_read(struct view *v, const char *name)
{
	size_t i;

	v->name = name;
	v->silent = vmha_volume_answers(name, VMHA_ANSWER_LOOK_S, NULL) < 0;
	v->here = !v->silent && vmha_volume_load(name, VMHA_VOLUME_RECORD, &v->record, NULL) == 0;
	(void)vmha_nodes_read(&v->nodes, NULL);
	(void)vmha_pcmk_state_read(&v->state, NULL);
	if (vmha_pcmk_primitives_read("csv", &v->list, NULL) < 0) {
		return;
	}
	for (i = 0; i < v->list->count; i++) {
		if (vmha_str_eq(v->list->items[i].volume, name)) {
			v->resource = &v->list->items[i];
		}
	}
}

static json_t *text_or_null(const char *s)
{
	return s && *s ? json_string(s) : json_null();
}

static json_t *space_json(const struct view *v)
{
	char path[VMHA_PATH_SIZE];
	struct statvfs st;

	vmha_volume_path(v->name, VMHA_VOLUME_DIR, path);
	if (v->silent || statvfs(path, &st) < 0) {
		return json_null();
	}
	return json_pack("{s:I, s:I}", "total_bytes",
			 (json_int_t)st.f_blocks * (json_int_t)st.f_frsize, "free_bytes",
			 (json_int_t)st.f_bavail * (json_int_t)st.f_frsize);
}

static json_t *roles_json(const struct view *v)
{
	vmha_autonames struct vmha_names names = { 0 };
	json_t *list;
	size_t i;

	if (v->silent) {
		return json_null();
	}
	list = json_array();
	(void)vmha_volume_roles(v->name, &names, NULL);
	for (i = 0; i < names.count; i++) {
		(void)json_array_append_new(list, json_string(names.names[i]));
	}
	return list;
}

/* Seconds since this node last saw the renewal of a host; -1: its sanlock does not tell. */
static int64_t renewal_age_s(const char *status, uint64_t host_id)
{
	struct vmha_host_seen seen;

	return vmha_host_seen_parse(status, host_id, &seen) < 0
		       ? -1
		       : vmha_mono_now().ns / NS_PER_S - (int64_t)seen.live_s;
}

static json_t *host_json(const struct view *v, const struct vmha_host *host, const char *status)
{
	int64_t age_s = renewal_age_s(status, host->host_id);
	char name[VMHA_NODE_SIZE];

	return json_pack("{s:s, s:I, s:s, s:I, s:o}", "node",
			 vmha_nodes_name(&v->nodes, host->host_id, name), "host_id",
			 (json_int_t)host->host_id, "state", vmha_host_state_name(host->state),
			 "generation", (json_int_t)host->generation, "renewal_age_s",
			 age_s < 0 ? json_null() : json_integer(age_s));
}

/* @return what sanlock of this node sees; null where it has not joined */
static json_t *hosts_json(struct view *v)
{
	const char *const argv[] = {
		"sanlock", "client", "host_status", "-D", "-s", v->name, NULL
	};
	vmha_autoresult struct vmha_proc_result res = { 0 };
	vmha_autofree struct vmha_host *hosts = NULL;
	json_t *list;
	size_t count = 0;
	size_t i;
	int r = vmha_lockspace_hosts(v->name, &hosts, &count, NULL);

	if (r < 0) {
		v->just_joined = r == -EAGAIN;
		return json_null();
	}
	(void)vmha_proc_run(argv, NULL, VMHA_SPAN_S(10), &res, NULL);
	list = json_array();
	for (i = 0; i < count; i++) {
		(void)json_array_append_new(list,
					    host_json(v, &hosts[i], res.output ? res.output : ""));
	}
	return list;
}

static json_t *lease_json(const struct view *v, const struct vmha_lease *lease)
{
	struct vmha_lease_owner owner;
	char name[VMHA_NODE_SIZE];

	if (vmha_lease_owner(lease, &owner, NULL) < 0) {
		return json_pack("{s:s, s:n, s:s}", "lease", lease->name, "owner", "state",
				 "unreadable");
	}
	if (!owner.held) {
		return json_pack("{s:s, s:n, s:s, s:I}", "lease", lease->name, "owner", "state",
				 "free", "lver", (json_int_t)owner.lver);
	}
	return json_pack("{s:s, s:s, s:s, s:I}", "lease", lease->name, "owner",
			 vmha_nodes_name(&v->nodes, owner.host.host_id, name), "state",
			 owner.takeable ? "held by a dead host: may be taken" : "held", "lver",
			 (json_int_t)owner.lver);
}

static json_t *leases_json(const struct view *v)
{
	vmha_autofree struct vmha_lease *leases = NULL;
	struct vmha_lease_index index;
	json_t *list;
	size_t count = 0;
	size_t i;

	if (!v->here || vmha_volume_leases(v->name, &index, NULL) < 0 ||
	    vmha_leases_list(&index, &leases, &count, NULL) < 0) {
		return json_null();
	}
	list = json_array();
	for (i = 0; i < count; i++) {
		(void)json_array_append_new(list, lease_json(v, &leases[i]));
	}
	return list;
}

/* Where sanlock has them, for whoever asks with its own tools. */
static json_t *leases_at_json(const struct view *v)
{
	struct vmha_lease_index index;
	struct vmha_lockspace ls;

	if (!v->here || vmha_volume_leases(v->name, &index, NULL) < 0 ||
	    vmha_volume_lockspace(v->name, 0, &ls, NULL) < 0) {
		return json_null();
	}
	return json_pack("{s:s, s:I, s:s, s:I, s:I}", "lockspace_path", ls.path, "lockspace_offset",
			 (json_int_t)ls.offset, "path", index.path, "index_offset",
			 (json_int_t)index.offset, "max", (json_int_t)index.max);
}

static json_t *started_json(const struct view *v)
{
	json_t *list = json_array();
	size_t i;

	for (i = 0; v->state && v->resource && i < v->state->nodes_count; i++) {
		const char *node = v->state->nodes[i].name;

		if (vmha_pcmk_runs_on(v->state, v->resource->id, node)) {
			(void)json_array_append_new(list, json_string(node));
		}
	}
	return list;
}

static json_t *owner_json(const struct view *v)
{
	return v->here ? vmha_volume_owner_json(v->name, v->record.lock, &v->nodes) : json_object();
}

/* What the agent mounts, and what its cluster file system says of itself on this node. */
static void storage_add(const struct view *v, json_t *o)
{
	enum vmha_volume_type type = VMHA_VOLUME_TYPE_DIR;
	const char *name = v->here ? v->record.type : v->resource ? v->resource->type : "dir";
	char trouble[300] = "";
	char text[400];

	(void)json_object_set_new(o, "type", json_string(*name ? name : "dir"));
	(void)json_object_set_new(o, "lock", text_or_null(v->here ? v->record.lock : NULL));
	(void)json_object_set_new(o, "device",
				  text_or_null(v->resource ? v->resource->device : NULL));
	(void)json_object_set_new(o, "options",
				  text_or_null(v->resource ? v->resource->options : NULL));
	if ((v->here || v->silent) && vmha_volume_type_parse(name, &type) == 0 &&
	    type == VMHA_VOLUME_TYPE_GFS2) {
		(void)vmha_volume_gfs2_trouble(v->name, VMHA_SPAN_S(DLM_S), trouble,
					       sizeof(trouble));
	}
	if (v->silent) {
		(void)snprintf(text, sizeof(text),
			       "its storage does not answer on this node for %d s%s%s",
			       VMHA_ANSWER_LOOK_S, *trouble ? ": " : "", trouble);
	} else {
		(void)snprintf(text, sizeof(text), "%s", trouble);
	}
	(void)json_object_set_new(o, "trouble", text_or_null(text));
}

static json_t *volume_json(struct view *v, bool full)
{
	char place[VMHA_PATH_SIZE];
	json_t *o;

	vmha_volume_path(v->name, VMHA_VOLUME_DIR, place);
	o = json_pack("{s:s, s:o, s:s, s:s, s:o, s:o, s:o, s:o, s:o}", "name", v->name, "id",
		      text_or_null(v->here ? v->record.id : NULL), "type", "dir", "place", place,
		      "path", text_or_null(v->resource ? v->resource->path : NULL), "io_timeout_s",
		      v->here ? json_integer((json_int_t)v->record.io_timeout_s) : json_null(),
		      "started_on", started_json(v), "roles", roles_json(v), "space",
		      space_json(v));
	if (o) {
		json_t *owner = owner_json(v);

		(void)json_object_set(o, "owner_node", json_object_get(owner, "node"));
		(void)json_object_set_new(o, "owner", owner);
		storage_add(v, o);
	}
	if (o && full) {
		(void)json_object_set_new(o, "resource",
					  text_or_null(v->resource ? v->resource->id : NULL));
		(void)json_object_set_new(o, "hosts", hosts_json(v));
		(void)json_object_set_new(o, "leases_at", leases_at_json(v));
		(void)json_object_set_new(o, "leases", leases_json(v));
		(void)json_object_set_new(
			o, "times", v->here ? vmha_volume_times_json(&v->record) : json_null());
		(void)json_object_set_new(o, "measured",
					  v->here ? vmha_volume_latency_json(&v->record)
						  : json_null());
	}
	return o;
}

static void human_bytes(json_t *o)
{
	json_t *space = json_object_get(o, "space");
	double total = (double)json_integer_value(json_object_get(space, "total_bytes"));
	double avail = (double)json_integer_value(json_object_get(space, "free_bytes"));
	char text[64];

	if (json_is_object(space)) {
		(void)snprintf(text, sizeof(text), "%.1f of %.1f GiB", avail / (1 << 30),
			       total / (1 << 30));
		(void)json_object_set_new(o, "free", json_string(text));
	}
}

/* "node2, epoch 3, by dlm" */
static void human_owner(json_t *o)
{
	const json_t *owner = json_object_get(o, "owner");
	const char *node = json_string_value(json_object_get(owner, "node"));
	const char *lock = json_string_value(json_object_get(owner, "lock"));
	const char *state = json_string_value(json_object_get(owner, "state"));
	char text[512];

	if (node) {
		(void)snprintf(text, sizeof(text), "%s, epoch %lld, by its lock of %s", node,
			       json_integer_value(json_object_get(owner, "epoch")), lock);
	} else {
		(void)snprintf(text, sizeof(text), "%s", state ? state : "not known here");
	}
	(void)json_object_set_new(o, "owner_text", json_string(text));
}

/* "/run/vmha/csv/vol1.device, from 1002 MiB on, 40 at most" */
static void human_leases(json_t *o)
{
	json_t *at = json_object_get(o, "leases_at");
	json_int_t max = json_integer_value(json_object_get(at, "max"));
	char text[VMHA_PATH_SIZE + 128];

	if (max) {
		(void)snprintf(text, sizeof(text), "%s, from %lld MiB on, %lld at most",
			       json_string_value(json_object_get(at, "path")),
			       json_integer_value(json_object_get(at, "lockspace_offset")) >> 20,
			       max);
		(void)json_object_set_new(o, "leases_text", json_string(text));
	} else if (at) {
		(void)json_object_set(o, "leases_text", json_object_get(at, "path"));
	}
}

static int list_add(json_t *list, const char *name)
{
	__attribute__((cleanup(view_free))) struct view v = { 0 };
	json_t *o;

	view_read(&v, name);
	if (!v.here && !v.silent && !v.resource) {
		return 0; /* a directory */
	}
	o = volume_json(&v, false);
	if (o && !vmha_output_is_json()) {
		human_bytes(o);
	}
	return json_array_append_new(list, o) < 0 ? -ENOMEM : 0;
}

int vmha_volume_list(int argc, char **argv, struct vmha_err **err)
{
	static const struct vmha_column columns[] = {
		{ "VOLUME", "name" },
		{ "TYPE", "type" },
		{ "PATH", "path" },
		{ "DEVICE", "device" },
		{ "IO_TIMEOUT", "io_timeout_s" },
		{ "OWNER NODE", "owner_node" },
		{ "STARTED ON", "started_on" },
		{ "ROLES", "roles" },
		{ "FREE", "free" },
		{ NULL, NULL },
	};
	vmha_autoprimitives struct vmha_pcmk_primitives *list = NULL;
	vmha_autonames struct vmha_names here = { 0 };
	json_t *out = json_array();
	size_t i;
	size_t j;
	int r = out ? 0 : -ENOMEM;

	(void)argv;
	if (argc != 1) {
		json_decref(out);
		return vmha_usage(err, "no operands are expected");
	}
	(void)vmha_pcmk_primitives_read("csv", &list, NULL);
	(void)vmha_volumes_list(&here, NULL);
	for (i = 0; r == 0 && list && i < list->count; i++) {
		r = list_add(out, list->items[i].volume);
	}
	for (i = 0; r == 0 && i < here.count; i++) {
		bool known = false;

		for (j = 0; list && j < list->count; j++) {
			known = known || vmha_str_eq(list->items[j].volume, here.names[i]);
		}
		r = known ? 0 : list_add(out, here.names[i]);
	}
	if (r < 0) {
		json_decref(out);
		return r;
	}
	return vmha_output_list(out, columns, "no volumes: make one with 'vmha volume create'");
}

static int text_print(const struct view *v, const json_t *o)
{
	static const struct vmha_column host_columns[] = {
		{ "NODE", "node" },   { "HOST ID", "host_id" },
		{ "STATE", "state" }, { "RENEWAL SEEN (s AGO)", "renewal_age_s" },
		{ NULL, NULL },
	};
	static const struct vmha_column lease_columns[] = {
		{ "LEASE", "lease" },	  { "OWNER", "owner" }, { "STATE", "state" },
		{ "GENERATION", "lver" }, { NULL, NULL },
	};
	const json_t *hosts = json_object_get(o, "hosts");
	const json_t *leases = json_object_get(o, "leases");

	if (json_is_array(hosts)) {
		(void)printf("\nNodes, as sanlock of this node sees them:\n");
		(void)vmha_output_table(stdout, hosts, host_columns, "  ");
	} else if (v->just_joined) {
		(void)printf("\nThis node joined a moment ago: sanlock has not looked at the "
			     "others yet.\n");
	} else {
		(void)printf(
			"\nThis node has not joined the volume: sanlock tells nothing here.\n");
	}
	if (json_is_array(leases)) {
		(void)printf("\nLeases:\n");
		(void)vmha_output_table(stdout, leases, lease_columns, "  ");
	}
	if (v->here) {
		vmha_volume_times_print(&v->record);
	}
	return fflush(stdout) == 0 ? 0 : -EIO;
}

int vmha_volume_show(int argc, char **argv, struct vmha_err **err)
{
	static const struct vmha_column lines[] = {
		{ "Volume", "name" },
		{ "Id", "id" },
		{ "Type", "type" },
		{ "Place", "place" },
		{ "Path", "path" },
		{ "Device", "device" },
		{ "Options", "options" },
		{ "Trouble", "trouble" },
		{ "Resource", "resource" },
		{ "Started on", "started_on" },
		{ "Owner node", "owner_text" },
		{ "io_timeout (s)", "io_timeout_s" },
		{ "Free", "free" },
		{ "Leases", "leases_text" },
		{ "Roles", "roles" },
		{ NULL, NULL },
	};
	__attribute__((cleanup(view_free))) struct view v = { 0 };
	json_t *o;
	int r;

	if (argc != 2) {
		return vmha_usage(err, "the volume's name is needed");
	}
	view_read(&v, argv[1]);
	if (!v.here && !v.silent && !v.resource) {
		return vmha_err_set(err, -ENOENT, "there is no volume %s (see 'vmha volume list')",
				    argv[1]);
	}
	o = volume_json(&v, true);
	if (!o || vmha_output_is_json()) {
		return vmha_output_json(o);
	}
	human_bytes(o);
	human_owner(o);
	human_leases(o);
	json_incref(o);
	r = vmha_output_object(o, lines);
	if (r == 0) {
		r = text_print(&v, o);
	}
	json_decref(o);
	return r;
}
