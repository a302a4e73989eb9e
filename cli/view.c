/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cli/view.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/cleanup.h"
#include "lib/base/str.h"

#define BAR_CELLS 20
#define MIB	  1048576.0

static const char *text_of(const json_t *o, const char *key)
{
	const char *text = json_string_value(json_object_get(o, key));

	return text ? text : "";
}

static int64_t number_of(const json_t *o, const char *key)
{
	const json_t *v = json_object_get(o, key);

	return json_is_number(v) ? (int64_t)json_number_value(v) : -1;
}

static const json_t *migrations_of(const json_t *state)
{
	return json_object_get(state, "migrations");
}

/* Nodes are named by their id in the state. */
static const char *node_name(const json_t *state, const json_t *ref)
{
	const json_t *nodes = json_object_get(state, "nodes");
	size_t i;

	if (json_is_string(ref)) {
		return json_string_value(ref);
	}
	for (i = 0; json_is_integer(ref) && i < json_array_size(nodes); i++) {
		const json_t *n = json_array_get(nodes, i);

		if (number_of(n, "id") == json_integer_value(ref)) {
			return text_of(n, "name");
		}
	}
	return json_is_integer(ref) ? "(removed)" : "";
}

void vmha_view_move_read(const json_t *state, const json_t *m, struct vmha_view_move *ret)
{
	const json_t *progress = json_object_get(m, "progress");
	const json_t *stats = json_object_get(m, "stats");

	*ret = (struct vmha_view_move){
		.id = number_of(m, "id"),
		.trace = text_of(m, "trace"),
		.vm = text_of(m, "vm"),
		.from = node_name(state, json_object_get(m, "from")),
		.to = node_name(state, json_object_get(m, "to")),
		.mode = text_of(m, "mode"),
		.cause = text_of(m, "cause"),
		.phase = text_of(m, "phase"),
		.state = text_of(m, "state"),
		.result = text_of(m, "result"),
		.reason = text_of(m, "reason"),
		.network = text_of(m, "network"),
		.address = text_of(m, "address"),
		.requester = text_of(m, "requester"),
		.priority = number_of(m, "priority"),
		.attempts = number_of(m, "attempts"),
		.cancel = json_is_true(json_object_get(m, "cancel")),
		.held = json_is_true(json_object_get(m, "held")),
		.percent = number_of(progress, "percent"),
		.remaining_bytes = number_of(progress, "remaining_bytes"),
		.rate_bps = number_of(progress, "rate_bps"),
		.dirty_bps = number_of(progress, "dirty_bps"),
		.eta_ms = number_of(progress, "eta_ms"),
		.total_ms = number_of(stats, "total_ms"),
		.blackout_ms = number_of(stats, "blackout_ms"),
		.bytes = number_of(stats, "bytes"),
		.enqueued_ms = number_of(m, "enqueued_ms"),
		.begun_ms = number_of(m, "begun_ms"),
		.ended_ms = number_of(m, "ended_ms"),
	};
}

const json_t *vmha_view_find(const json_t *state, int64_t id)
{
	const json_t *all = migrations_of(state);
	size_t i;

	for (i = 0; i < json_array_size(all); i++) {
		const json_t *m = json_array_get(all, i);

		if (number_of(m, "id") == id) {
			return m;
		}
	}
	return NULL;
}

bool vmha_view_ended(const struct vmha_view_move *m)
{
	return strcmp(m->phase, "ENDED") == 0;
}

bool vmha_view_done(const struct vmha_view_move *m)
{
	return vmha_view_ended(m) && strcmp(m->result, "DONE") == 0;
}

const json_t *vmha_view_find_vm(const json_t *state, const char *vm)
{
	const json_t *all = migrations_of(state);
	const json_t *best = NULL;
	size_t i;

	for (i = 0; i < json_array_size(all); i++) {
		const json_t *m = json_array_get(all, i);
		struct vmha_view_move v;

		vmha_view_move_read(state, m, &v);
		if (strcmp(v.vm, vm) != 0) {
			continue;
		}
		if (!vmha_view_ended(&v)) {
			return m;
		}
		if (!best || v.id > number_of(best, "id")) {
			best = m;
		}
	}
	return best;
}

static const char *state_words(const char *state)
{
	static const struct {
		const char *state;
		const char *words;
	} all[] = {
		{ "PREPARING", "checking the target" },
		{ "CONNECTING", "connecting" },
		{ "COPYING", "copying memory" },
		{ "SWITCHOVER", "switching over" },
		{ "HANDOFF", "arrived, handing over" },
		{ "CLEANUP", "cleaning up" },
		{ "SAVING", "saving memory" },
		{ "SAVED", "memory saved" },
		{ "RESTORING", "restoring memory" },
		{ "POSTCOPY", "runs on the target, memory follows" },
		{ "KEPT", "it stays" },
		{ "UNSURE", "neither end confirms: finding out" },
		{ "DONE", "arrived" },
	};
	size_t i;

	for (i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		if (strcmp(all[i].state, state) == 0) {
			return all[i].words;
		}
	}
	return *state ? state : "beginning";
}

static bool has_slot(const struct vmha_view_move *m)
{
	return strcmp(m->phase, "QUEUED") != 0 && !vmha_view_ended(m);
}

static bool touches(const struct vmha_view_move *m, const char *node)
{
	return strcmp(m->from, node) == 0 || strcmp(m->to, node) == 0;
}

/* The migration that a queued one waits for: it holds a slot of one of its nodes. */
static bool blocker_find(const json_t *state, const struct vmha_view_move *m,
			 struct vmha_view_move *ret_other)
{
	const json_t *all = migrations_of(state);
	size_t i;

	for (i = 0; i < json_array_size(all); i++) {
		vmha_view_move_read(state, json_array_get(all, i), ret_other);
		if (ret_other->id != m->id && has_slot(ret_other) &&
		    (touches(ret_other, m->from) || touches(ret_other, m->to))) {
			return true;
		}
	}
	return false;
}

static int waiting_words(const json_t *state, const struct vmha_view_move *m, struct vmha_str *to)
{
	struct vmha_view_move other;

	if (m->held) {
		return vmha_str_add(to, "held back until the cluster has recovered");
	}
	if (json_is_false(json_object_get(state, "quorate"))) {
		return vmha_str_add(to, "waiting: the cluster has no quorum");
	}
	if (blocker_find(state, m, &other)) {
		return vmha_str_add(to, "waiting for its turn: %s is in migration %" PRId64 " (%s)",
				    touches(&other, m->from) ? m->from : m->to, other.id, other.vm);
	}
	return vmha_str_add(to, "waiting for its turn%s%s", *m->reason ? ": " : "", m->reason);
}

char *vmha_view_words(const json_t *state, const struct vmha_view_move *m)
{
	vmha_autostr struct vmha_str s = { 0 };

	if (vmha_view_ended(m)) {
		(void)vmha_str_add(&s, "%s%s%s",
				   strcmp(m->result, "DONE") == 0   ? "arrived"
				   : strcmp(m->result, "KEPT") == 0 ? "not moved"
				   : strcmp(m->result, "LOST") == 0 ? "lost"
								    : m->result,
				   *m->reason ? ": " : "", m->reason);
	} else if (strcmp(m->phase, "QUEUED") == 0) {
		(void)waiting_words(state, m, &s);
	} else if (strcmp(m->phase, "CHECKING") == 0) {
		(void)vmha_str_add(&s, "checking the target");
	} else if (strcmp(m->phase, "ADMITTED") == 0) {
		(void)vmha_str_add(&s, "handed to Pacemaker");
	} else if (strcmp(m->phase, "ENDING") == 0) {
		(void)vmha_str_add(&s, "settling with Pacemaker");
	} else {
		(void)vmha_str_add(&s, "%s", state_words(m->state));
	}
	if (m->cancel && !vmha_view_ended(m)) {
		(void)vmha_str_add(&s, " (being cancelled)");
	}
	return vmha_str_steal(&s);
}

static void part_add(struct vmha_str *s, const char *fmt, double value)
{
	(void)vmha_str_add(s, "%s", s->len ? ", " : "");
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
	(void)vmha_str_add(s, fmt, value);
#pragma GCC diagnostic pop
}

char *vmha_view_figures(const struct vmha_view_move *m)
{
	vmha_autostr struct vmha_str s = { 0 };

	if (*m->network && !vmha_view_ended(m)) {
		(void)vmha_str_add(&s, "over %s", m->network);
	}
	if (m->remaining_bytes >= 0 && strcmp(m->state, "COPYING") == 0 && !vmha_view_ended(m)) {
		part_add(&s, "%.0f %%", (double)m->percent);
		if (m->rate_bps >= 0) {
			part_add(&s, "%.0f MiB/s", (double)m->rate_bps / MIB);
		}
		if (m->dirty_bps >= 0) {
			part_add(&s, "dirtied %.0f MiB/s", (double)m->dirty_bps / MIB);
		}
		if (m->remaining_bytes >= 0) {
			part_add(&s, "%.0f MiB left", (double)m->remaining_bytes / MIB);
		}
		if (m->eta_ms >= 0) {
			part_add(&s, "%.0f s to go", (double)m->eta_ms / 1000.0);
		}
	}
	return vmha_str_steal(&s);
}

/* The first @width characters of UTF-8 text. */
static void text_cut(char *text, size_t width)
{
	for (; *text; text++) {
		if (((unsigned char)*text & 0xc0) == 0x80) {
			continue;
		}
		if (width-- == 0) {
			*text = '\0';
			return;
		}
	}
}

char *vmha_view_bar(const struct vmha_view_move *m, const char *words, size_t width)
{
	vmha_autostr struct vmha_str s = { 0 };
	vmha_autofree char *figures = vmha_view_figures(m);
	/* a copy's percentage is an estimate: behind it all is over */
	bool behind = *m->network && strcmp(m->state, "COPYING") != 0 &&
		      strcmp(m->state, "CONNECTING") != 0 && strcmp(m->phase, "RUNNING") == 0;
	int64_t full = behind || strcmp(m->phase, "ENDING") == 0
			       ? 100
			       : (m->percent < 0 ? 0 : (m->percent > 100 ? 100 : m->percent));
	char *text;
	int i;

	(void)vmha_str_add(&s, "[");
	for (i = 0; i < BAR_CELLS; i++) {
		(void)vmha_str_add(&s, "%s", i < full * BAR_CELLS / 100 ? "#" : ".");
	}
	(void)vmha_str_add(&s, "] %s%s%s", words, figures && *figures ? ", " : "",
			   figures ? figures : "");
	text = vmha_str_steal(&s);
	if (text) {
		text_cut(text, width);
	}
	return text;
}

char *vmha_view_total(const struct vmha_view_move *m)
{
	vmha_autostr struct vmha_str s = { 0 };
	int64_t total_ms = m->total_ms;

	if (total_ms < 0 && m->begun_ms > 0 && m->ended_ms >= m->begun_ms) {
		total_ms = m->ended_ms - m->begun_ms; /* a cold one has no agent that measures */
	}
	(void)vmha_str_add(&s, "%s", *m->mode ? m->mode : "moved");
	if (total_ms >= 0) {
		(void)vmha_str_add(&s, " in %.1f s", (double)total_ms / 1000.0);
	}
	if (m->blackout_ms >= 0) {
		(void)vmha_str_add(&s, ", blackout %" PRId64 " ms", m->blackout_ms);
	}
	if (m->bytes >= 0) {
		(void)vmha_str_add(&s, ", %.0f MiB", (double)m->bytes / MIB);
	}
	if (*m->network) {
		(void)vmha_str_add(&s, " over %s", m->network);
	}
	if (*m->address) {
		(void)vmha_str_add(&s, *m->network ? " (%s)" : " over %s", m->address);
	}
	if (m->attempts > 0) {
		(void)vmha_str_add(&s, ", %" PRId64 " attempt%s", m->attempts,
				   m->attempts == 1 ? "" : "s");
	}
	return vmha_str_steal(&s);
}

json_t *vmha_view_row(const json_t *state, const json_t *migration)
{
	vmha_autofree char *figures = NULL;
	vmha_autofree char *words = NULL;
	vmha_autofree char *total = NULL;
	struct vmha_view_move m;
	json_t *row;

	vmha_view_move_read(state, migration, &m);
	words = vmha_view_words(state, &m);
	figures = vmha_view_figures(&m);
	total = vmha_view_done(&m) ? vmha_view_total(&m) : NULL;
	row = json_deep_copy(migration);
	(void)json_object_set_new(row, "from", json_string(m.from));
	(void)json_object_set_new(row, "to", json_string(m.to));
	(void)json_object_set_new(row, "words", json_string(words ? words : ""));
	(void)json_object_set_new(row, "figures",
				  json_string(total ? total : (figures ? figures : "")));
	return row;
}

json_t *vmha_view_rows(const json_t *state, bool all)
{
	const json_t *list = migrations_of(state);
	json_t *rows = json_array();
	int pass;
	size_t i;

	for (pass = 0; pass < (all ? 2 : 1); pass++) {
		for (i = 0; i < json_array_size(list); i++) {
			const json_t *o = json_array_get(list, i);
			struct vmha_view_move m;

			vmha_view_move_read(state, o, &m);
			if (vmha_view_ended(&m) == (pass == 1)) {
				(void)json_array_append_new(rows, vmha_view_row(state, o));
			}
		}
	}
	return rows;
}

const json_t *vmha_view_node(const json_t *state, const char *name)
{
	const json_t *nodes = json_object_get(state, "nodes");
	size_t i;

	for (i = 0; i < json_array_size(nodes); i++) {
		if (strcmp(text_of(json_array_get(nodes, i), "name"), name) == 0) {
			return json_array_get(nodes, i);
		}
	}
	return NULL;
}

static const struct {
	const char *state;
	enum vmha_view_drain_kind kind;
	const char *words;
} drain_states[] = {
	{ "OPEN", VMHA_VIEW_OPEN, "takes roles" },
	{ "CLOSING", VMHA_VIEW_AT_WORK, "being closed" },
	{ "DRAINING", VMHA_VIEW_AT_WORK, "being drained" },
	{ "DRAINED", VMHA_VIEW_DRAINED, "drained" },
	{ "INCOMPLETE", VMHA_VIEW_INCOMPLETE, "closed, not all roles could move" },
	{ "RESUMING", VMHA_VIEW_AT_WORK, "being opened" },
	{ "FAILBACK", VMHA_VIEW_AT_WORK, "open, its roles come back" },
};

static size_t drain_state(const json_t *node)
{
	size_t i;

	for (i = 0; i < sizeof(drain_states) / sizeof(drain_states[0]); i++) {
		if (strcmp(text_of(node, "drain"), drain_states[i].state) == 0) {
			return i;
		}
	}
	return 0;
}

enum vmha_view_drain_kind vmha_view_drain_kind(const json_t *node)
{
	return drain_states[drain_state(node)].kind;
}

/* What a drained node's role does: its migration knows more than the drain. */
static json_t *drain_role(const json_t *state, const json_t *role)
{
	const json_t *found = vmha_view_find(state, number_of(role, "mig"));
	const char *role_state = text_of(role, "state");
	vmha_autofree char *figures = NULL;
	vmha_autofree char *moving = NULL;
	vmha_autofree char *words = NULL;
	struct vmha_view_move m;

	vmha_view_move_read(state, found, &m);
	if (strcmp(role_state, "FAILED") == 0) {
		words = vmha_str_printf("cannot move: %s", text_of(role, "reason"));
	} else if (strcmp(role_state, "MOVED") == 0) {
		words = vmha_str_printf("moved%s%s", found ? " to " : "", found ? m.to : "");
	} else if (found && !vmha_view_ended(&m)) {
		moving = vmha_view_words(state, &m);
		figures = vmha_view_figures(&m);
		words = vmha_str_printf("to %s: %s", m.to, moving ? moving : "");
	} else {
		words = vmha_str_printf("waiting%s%s", *text_of(role, "reason") ? ": " : "",
					text_of(role, "reason"));
	}
	return json_pack("{s:s, s:s, s:s*, s:s*, s:O*}", "vm", text_of(role, "vm"), "state",
			 role_state, "words", words, "figures", figures, "mig",
			 json_object_get(role, "mig"));
}

json_t *vmha_view_drain(const json_t *state, const json_t *node)
{
	const json_t *list = json_object_get(state, "roles");
	const size_t which = drain_state(node);
	json_t *left = json_array();
	json_t *gone = json_array();
	json_t *o;
	size_t i;

	for (i = 0; i < json_array_size(list); i++) {
		const json_t *role = json_array_get(list, i);
		bool moved = strcmp(text_of(role, "state"), "MOVED") == 0;

		if (strcmp(node_name(state, json_object_get(role, "node")),
			   text_of(node, "name")) == 0) {
			(void)json_array_append_new(moved ? gone : left, drain_role(state, role));
		}
	}
	i = json_array_size(gone);
	(void)json_array_extend(left, gone);
	json_decref(gone);
	o = json_pack("{s:s, s:s, s:s, s:s, s:I, s:I, s:o}", "node", text_of(node, "name"), "state",
		      drain_states[which].state, "words", drain_states[which].words, "reason",
		      text_of(node, "drain_reason"), "total", (json_int_t)json_array_size(left),
		      "moved", (json_int_t)i, "roles", left);
	return o;
}

void vmha_view_settings(const json_t *state, struct vmha_settings *ret_settings)
{
	const json_t *list = json_object_get(state, "settings");
	size_t i;

	vmha_settings_default(ret_settings);
	for (i = 0; i < json_array_size(list); i++) {
		const json_t *s = json_array_get(list, i);

		(void)vmha_settings_put(ret_settings, text_of(s, "node"), text_of(s, "name"),
					text_of(s, "value"), NULL);
	}
}
