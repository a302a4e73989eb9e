/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cli/cli.h"
#include "cli/daemon.h"
#include "cli/migrate.h"
#include "cli/output.h"
#include "cli/view.h"
#include "lib/base/cleanup.h"
#include "lib/base/str.h"

#define CANCEL_SPAN VMHA_SPAN_S(90) /* until the VM is confirmed on the source */

static int state_ask(json_t **ret_state, struct vmha_err **err)
{
	vmha_autoipc struct vmha_ipc *ipc = NULL;
	int r = vmha_daemon_open(&ipc, err);

	return r < 0 ? r : vmha_daemon_state(ipc, ret_state, err);
}

static int list_run(int argc, char **argv, struct vmha_err **err)
{
	static const struct vmha_column columns[] = {
		{ "ID", "id" },	      { "VM", "vm" },		{ "FROM", "from" },
		{ "TO", "to" },	      { "MODE", "mode" },	{ "CAUSE", "cause" },
		{ "STATE", "words" }, { "FIGURES", "figures" }, { 0 },
	};
	bool open_only = false;
	const struct vmha_option opts[] = { { .name = "open", .flag = &open_only }, { 0 } };
	vmha_autojson json_t *state = NULL;
	int r = vmha_options_take(&argc, argv, opts, err);

	if (r == 0 && argc != 1) {
		r = vmha_usage(err, "'%s' is too much: 'vmha migration show %s' shows one", argv[1],
			       argv[1]);
	}
	r = r ? r : state_ask(&state, err);
	if (r != 0) {
		return r;
	}
	return vmha_output_list(vmha_view_rows(state, !open_only), columns,
				open_only ? "no migration is under way" : "no migrations yet");
}

/* By its number, or by the VM's name. */
static const json_t *move_find(const json_t *state, const char *word, struct vmha_err **err)
{
	const json_t *found = NULL;
	uint64_t id;

	if (vmha_str_u64(word, 1, INT64_MAX, &id) == 0) {
		found = vmha_view_find(state, (int64_t)id);
	}
	if (!found) {
		found = vmha_view_find_vm(state, word);
	}
	if (!found) {
		(void)vmha_err_set(err, -ENOENT,
				   "there is no migration '%s' and none of a VM named so: 'vmha "
				   "migration list' shows them",
				   word);
	}
	return found;
}

static json_t *time_text(int64_t wall_ms)
{
	time_t s = (time_t)(wall_ms / 1000);
	struct tm tm;
	char text[32];

	if (wall_ms <= 0 || !localtime_r(&s, &tm) ||
	    strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%S", &tm) == 0) {
		return NULL;
	}
	return json_string(text);
}

static int show_run(int argc, char **argv, struct vmha_err **err)
{
	static const struct vmha_column lines[] = {
		{ "Migration", "id" },
		{ "VM", "vm" },
		{ "From", "from" },
		{ "To", "to" },
		{ "Mode", "mode" },
		{ "Cause", "cause" },
		{ "Asked for by", "requester" },
		{ "Priority", "priority" },
		{ "State", "words" },
		{ "Progress", "figures" },
		{ "Attempts", "attempts" },
		{ "Networks tried", "tried" },
		{ "Queued", "queued" },
		{ "Begun", "begun" },
		{ "Ended", "ended" },
		{ "Trace", "trace" },
		{ 0 },
	};
	static const struct vmha_option opts[] = { { 0 } };
	vmha_autojson json_t *state = NULL;
	const json_t *found;
	struct vmha_view_move m;
	json_t *row;
	int r = vmha_options_take(&argc, argv, opts, err);

	if (r == 0 && argc != 2) {
		r = vmha_usage(err, "one migration is needed: its ID, or the VM");
	}
	r = r ? r : state_ask(&state, err);
	if (r != 0) {
		return r;
	}
	found = move_find(state, argv[1], err);
	if (!found) {
		return -ENOENT;
	}
	row = vmha_view_row(state, found);
	vmha_view_move_read(state, found, &m);
	(void)json_object_set_new(row, "queued", time_text(m.enqueued_ms));
	(void)json_object_set_new(row, "begun", time_text(m.begun_ms));
	(void)json_object_set_new(row, "ended", time_text(m.ended_ms));
	return vmha_output_object(row, lines);
}

static int cancel_run(int argc, char **argv, struct vmha_err **err)
{
	static const struct vmha_option opts[] = { { 0 } };
	vmha_autojson json_t *state = NULL;
	vmha_autoipc struct vmha_ipc *ipc = NULL;
	vmha_autofree char *who = vmha_migrate_requester();
	const json_t *found;
	struct vmha_view_move m;
	int r = vmha_options_take(&argc, argv, opts, err);

	if (r == 0 && argc != 2) {
		r = vmha_usage(err, "one migration is needed: its ID, or the VM");
	}
	r = r ? r : vmha_daemon_open(&ipc, err);
	r = r ? r : vmha_daemon_state(ipc, &state, err);
	if (r != 0) {
		return r;
	}
	found = move_find(state, argv[1], err);
	if (!found) {
		return -ENOENT;
	}
	vmha_view_move_read(state, found, &m);
	if (vmha_view_ended(&m)) {
		return vmha_err_set(err, -EALREADY, "migration %" PRId64 " of %s has ended: %s",
				    m.id, m.vm, m.result);
	}
	r = vmha_daemon_call(ipc,
			     json_pack("{s:s, s:I, s:s*}", "op", "cancel", "id", (json_int_t)m.id,
				       "requester", who),
			     CANCEL_SPAN, NULL, err);
	if (r < 0) {
		return r;
	}
	vmha_output_step("migration %" PRId64 " is cancelled: %s stays on %s", m.id, m.vm, m.from);
	return vmha_output_json(json_pack("{s:I, s:s, s:s, s:s}", "id", (json_int_t)m.id, "vm",
					  m.vm, "node", m.from, "result", "cancelled"));
}

const struct vmha_command vmha_commands_migration[] = {
	{
		.name = "migration list",
		.args = "[--open]",
		.summary = "List migrations: queued, under way, ended",
		.help = "Open ones first, in the order of the queue; then the last 64 that "
			"ended.\n\n"
			"  --open   without those that have ended\n",
		.run = list_run,
	},
	{
		.name = "migration show",
		.args = "ID|VM",
		.summary = "Show a migration: state, network, progress, how long it took",
		.help = "With a VM's name: the one that is open, else the last one.\n",
		.run = show_run,
	},
	{
		.name = "migration cancel",
		.args = "ID|VM",
		.summary = "Cancel a migration: the VM stays where it is",
		.help = "Returns when the VM is confirmed on its source. Refused once the VM is "
			"being switched over.\n",
		.run = cancel_run,
	},
	{ 0 },
};
