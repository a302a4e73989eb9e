/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cli/roles.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cluster.h"
#include "cli/volume.h"
#include "lib/base/cleanup.h"
#include "lib/base/str.h"

static const char *state_word(const struct vmha_pcmk_resource *r)
{
	static const struct {
		const char *state;
		const char *word;
	} words[] = {
		{ "Started", "running" },   { "Stopped", "stopped" },  { "Starting", "starting" },
		{ "Stopping", "stopping" }, { "Migrating", "moving" },
	};
	size_t i;

	if (!r) {
		return "unknown";
	}
	if (r->blocked) {
		return "blocked";
	}
	if (r->failed) {
		return "failed";
	}
	if (!r->nodes_count && strcmp(r->target_role, "Stopped") == 0) {
		return "disabled";
	}
	if (strcmp(r->pending, "Migrating") == 0) {
		return "moving";
	}
	for (i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (strcmp(*r->pending ? r->pending : r->state, words[i].state) == 0) {
			return words[i].word;
		}
	}
	return strcmp(r->state, "Started") == 0 ? "running" : r->state;
}

char *vmha_roles_move_text(const struct vmha_move_record *m)
{
	vmha_autostr struct vmha_str s = { 0 };

	bool done = strcmp(m->state, "DONE") == 0;

	(void)vmha_str_add(&s, "%s %s -> %s%s%s", m->mode, m->from, m->to, done ? "" : ": ",
			   done ? "" : m->state);
	if (m->total_ms >= 0) {
		(void)vmha_str_add(&s, " in %.1f s", (double)m->total_ms / 1000.0);
	}
	if (m->blackout_ms >= 0) {
		(void)vmha_str_add(&s, ", blackout %" PRId64 " ms", m->blackout_ms);
	}
	if (m->bytes >= 0) {
		(void)vmha_str_add(&s, ", %.0f MiB", (double)m->bytes / 1048576.0);
	}
	if (*m->address) {
		(void)vmha_str_add(&s, " over %s", m->address);
	}
	if (*m->reason) {
		(void)vmha_str_add(&s, ": %s", m->reason);
	}
	return vmha_str_steal(&s);
}

json_t *vmha_roles_move_json(const struct vmha_move_record *m)
{
	vmha_autofree char *text = vmha_roles_move_text(m);

	return json_pack("{s:s, s:s, s:s, s:s, s:s, s:I, s:I, s:I, s:s, s:s, s:s*}", "trace",
			 m->trace, "from", m->from, "to", m->to, "mode", m->mode, "state", m->state,
			 "total_ms", (json_int_t)m->total_ms, "blackout_ms",
			 (json_int_t)m->blackout_ms, "bytes", (json_int_t)m->bytes, "address",
			 m->address, "reason", m->reason, "text", text);
}

static json_t *last_move(const struct vmha_pcmk_primitive *p)
{
	struct vmha_move_record m;
	struct vmha_role role;

	(void)snprintf(role.name, sizeof(role.name), "%s", p->name);
	(void)snprintf(role.volume, sizeof(role.volume), "%s", p->volume);
	return vmha_volume_answers(role.volume, VMHA_ANSWER_LOOK_S, NULL) == 0 &&
			       vmha_role_load(&role, VMHA_RECORD_MOVE, &m, NULL) == 0
		       ? vmha_roles_move_json(&m)
		       : NULL;
}

static bool role_enabled(const struct vmha_pcmk_primitive *p)
{
	return strcmp(p->target_role, "Stopped") != 0;
}

/* As it should be: on one node or moving, or stopped because it is disabled; nothing failed. */
static bool role_ok(const struct vmha_pcmk_state *s, const struct vmha_pcmk_resource *r,
		    const struct vmha_pcmk_primitive *p)
{
	if (!r || r->blocked || r->failed || !r->managed || r->orphaned ||
	    vmha_pcmk_failure_find(s, p->id)) {
		return false;
	}
	if (strcmp(state_word(r), "moving") == 0) {
		return true;
	}
	return role_enabled(p) ? r->nodes_count == 1 && strcmp(r->state, "Started") == 0
			       : r->nodes_count == 0;
}

json_t *vmha_roles_one(const struct vmha_pcmk_state *s, const struct vmha_pcmk_primitive *p)
{
	const struct vmha_pcmk_resource *r = vmha_pcmk_resource_find(s, p->id);
	vmha_autostr struct vmha_str why = { 0 };
	json_t *node = r && r->nodes_count == 1 ? json_string(r->nodes[0]) : NULL;
	bool ok = role_ok(s, r, p);
	size_t i;

	if (!ok) {
		vmha_cluster_why(s, p->id, &why);
	}
	if (r && r->nodes_count > 1) { /* moving, or blocked while it did */
		node = json_array();
		for (i = 0; i < r->nodes_count; i++) {
			(void)json_array_append_new(node, json_string(r->nodes[i]));
		}
	}
	return json_pack("{s:s, s:s, s:s, s:s, s:o, s:b, s:b, s:s*, s:o*}", "name", p->name,
			 "volume", p->volume, "mode", *p->mode ? p->mode : "live", "state",
			 state_word(r), "node", node ? node : json_null(), "enabled",
			 role_enabled(p), "ok", ok, "problem", ok ? NULL : why.text, "last_move",
			 last_move(p));
}

json_t *vmha_roles_all(const struct vmha_pcmk_state *state, const struct vmha_pcmk_primitives *list)
{
	json_t *all = json_array();
	size_t i;

	for (i = 0; i < list->count; i++) {
		if (json_array_append_new(all, vmha_roles_one(state, &list->items[i])) < 0) {
			json_decref(all);
			return NULL;
		}
	}
	return all;
}
