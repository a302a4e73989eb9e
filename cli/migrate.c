/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/cluster.h"
#include "cli/daemon.h"
#include "cli/migrate.h"
#include "cli/output.h"
#include "cli/view.h"
#include "cli/watch.h"
#include "lib/base/cleanup.h"

#define ADMIT_SPAN   VMHA_SPAN_S(30) /* the target's checks are among it */
#define CANCEL_SPAN  VMHA_SPAN_S(90) /* until the VM is confirmed on the source */
#define PERCENT_STEP 10		     /* of plain lines */

struct wish {
	const char *vm;
	const char *to;
	const char *mode;
	const char *priority;
	const char *timeout;
	uint64_t timeout_s; /* 0: none */
	bool wait;
	bool no_wait;
};

struct run {
	struct vmha_watch watch;
	struct vmha_mono deadline;
	uint64_t limit_s; /* 0: none */
	bool cancelling;  /* asked for; refused when past it */
	int64_t id;
	int64_t shown_percent;
	char shown_words[256];
};

static void run_close(struct run *run)
{
	vmha_watch_close(&run->watch);
}

char *vmha_migrate_requester(void)
{
	const char *user = getenv("SUDO_USER");
	struct passwd *found = NULL;
	struct passwd pw;
	char buf[1024];

	if (user && *user) {
		return strdup(user);
	}
	if (getpwuid_r(getuid(), &pw, buf, sizeof(buf), &found) == 0 && found) {
		return strdup(pw.pw_name);
	}
	return vmha_str_printf("user %u", (unsigned int)getuid());
}

/* Hand it to clusterd. @param[out] ret_move how clusterd took it: from, to, id */
static int queue(struct run *run, const struct wish *wish, json_t **ret_reply,
		 struct vmha_err **err)
{
	vmha_autofree char *who = vmha_migrate_requester();
	json_t *request = json_pack("{s:s, s:s, s:s*, s:s*, s:s*}", "op", "migrate", "vm", wish->vm,
				    "to", wish->to, "mode", wish->mode, "requester", who);

	if (wish->priority) {
		(void)json_object_set_new(request, "priority",
					  json_integer(strtol(wish->priority, NULL, 10)));
	}
	return vmha_daemon_call(run->watch.ipc, request, ADMIT_SPAN, ret_reply, err);
}

/* A bar on a terminal; elsewhere a line when its doing changes, and at every tenth of the copy. */
static void progress_show(struct run *run, const json_t *state, const struct vmha_view_move *m)
{
	vmha_autofree char *words = vmha_view_words(state, m);
	vmha_autofree char *text = NULL;
	size_t width = vmha_watch_width();
	int64_t tenth = m->percent < 0 ? -1 : m->percent / PERCENT_STEP;

	if (!words) {
		return;
	}
	if (width) {
		text = vmha_view_bar(m, words, width);
	} else if (strcmp(words, run->shown_words) != 0 || tenth != run->shown_percent) {
		vmha_autofree char *figures = vmha_view_figures(m);

		text = vmha_str_printf("%s%s%s", words, figures && *figures ? ": " : "",
				       figures ? figures : "");
		(void)snprintf(run->shown_words, sizeof(run->shown_words), "%s", words);
		run->shown_percent = tenth;
	}
	if (text) {
		vmha_watch_show(&run->watch, text);
	}
}

/* Returns when the VM is confirmed on the source, or with why it cannot be cancelled any more. */
static void cancel_ask(struct run *run, const char *why)
{
	vmha_autofree char *who = vmha_migrate_requester();
	vmha_autoerr struct vmha_err *err = NULL;

	vmha_watch_clear(&run->watch);
	vmha_output_step("%s: asking to cancel migration %" PRId64, why, run->id);
	run->cancelling = true;
	if (!run->watch.ipc) {
		vmha_output_warn("clusterd is away: not cancelled");
	} else if (vmha_daemon_call(run->watch.ipc,
				    json_pack("{s:s, s:I, s:s*, s:s}", "op", "cancel", "id",
					      (json_int_t)run->id, "requester", who, "why", why),
				    CANCEL_SPAN, NULL, &err) < 0) {
		vmha_output_warn("not cancelled: %s", vmha_err_text(err));
	}
}

static void timeout_tell(struct run *run)
{
	char why[64];

	(void)snprintf(why, sizeof(why), "out of time: not over after %" PRIu64 " s (--timeout)",
		       run->limit_s);
	cancel_ask(run, why);
}

/* @return 0 it has ended, ret_move says how; -ECANCELED left while it goes on; negative errno */
static int follow(struct run *run, json_t **ret_state, struct vmha_err **err)
{
	for (;;) {
		vmha_autojson json_t *state = NULL;
		const json_t *found;
		struct vmha_view_move m;
		int r = vmha_watch_next(&run->watch, &state, err);

		if (r == -EINTR && !run->cancelling) {
			cancel_ask(run, "interrupted");
			continue;
		}
		if (r == -EINTR) {
			return vmha_err_set(err, -ECANCELED,
					    "left while migration %" PRId64
					    " goes on: 'vmha migration show %" PRId64 "' shows it",
					    run->id, run->id);
		}
		if (r < 0) {
			return r;
		}
		found = vmha_view_find(state, run->id);
		if (!found) {
			return vmha_err_set(err, -ENOENT,
					    "clusterd does not know migration %" PRId64
					    " any more: 'vmha status' shows where the VM is",
					    run->id);
		}
		vmha_view_move_read(state, found, &m);
		progress_show(run, state, &m);
		if (vmha_view_ended(&m)) {
			*ret_state = vmha_steal_ptr(state);
			return 0;
		}
		if (run->limit_s && !run->cancelling && vmha_mono_passed(run->deadline)) {
			timeout_tell(run);
		}
	}
}

static int result_tell(const struct vmha_view_move *m, const json_t *record, struct vmha_err **err)
{
	vmha_autofree char *total = vmha_view_total(m);

	if (!vmha_view_done(m)) {
		return vmha_err_set(err, -EAGAIN, "%s was not moved to %s: %s%s%s", m->vm, m->to,
				    *m->reason ? m->reason : m->result,
				    strcmp(m->result, "KEPT") == 0 ? ". It runs on " : "",
				    strcmp(m->result, "KEPT") == 0 ? m->from : "");
	}
	vmha_output_step("%s runs on %s (%s)%s%s", m->vm, m->to, total ? total : "",
			 *m->reason ? ": " : "", m->reason);
	return vmha_output_json(json_pack("{s:I, s:s, s:s, s:s, s:s, s:O}", "id", (json_int_t)m->id,
					  "name", m->vm, "from", m->from, "to", m->to, "result",
					  "moved", "move", record));
}

static int migrate_do(struct run *run, const struct wish *wish, struct vmha_err **err)
{
	vmha_autojson json_t *reply = NULL;
	vmha_autojson json_t *state = NULL;
	struct vmha_view_move m;
	int r = vmha_watch_open(&run->watch, err);

	r = r < 0 ? r : queue(run, wish, &reply, err);
	if (r < 0) {
		return r;
	}
	vmha_view_move_read(NULL, reply, &m);
	run->id = m.id;
	vmha_output_step("moving %s from %s to %s%s, migration %" PRId64, wish->vm, m.from, m.to,
			 json_is_true(json_object_get(reply, "chosen")) ? " (chosen)" : "", m.id);
	if (wish->no_wait) {
		return vmha_output_json(json_pack("{s:I, s:s, s:s, s:s, s:s}", "id",
						  (json_int_t)m.id, "name", wish->vm, "from",
						  m.from, "to", m.to, "result", "queued"));
	}
	r = follow(run, &state, err);
	vmha_watch_clear(&run->watch);
	if (r < 0) {
		return r;
	}
	vmha_view_move_read(state, vmha_view_find(state, run->id), &m);
	return result_tell(&m, vmha_view_find(state, run->id), err);
}

/* @return 0, or VMHA_EXIT_USAGE */
static int wish_check(struct wish *wish, struct vmha_err **err)
{
	static const char *const modes[] = { "live", "quick", "auto", "cold" };
	const char *digits = wish->priority;
	uint64_t ignored;
	size_t i;

	for (i = 0; wish->mode && i < 4 && strcmp(wish->mode, modes[i]) != 0; i++) {
	}
	if (i == 4) {
		return vmha_usage(err, "--mode is live, quick, auto or cold, not '%s'", wish->mode);
	}
	if (wish->timeout && vmha_str_u64(wish->timeout, 5, 86400, &wish->timeout_s) < 0) {
		return vmha_usage(err, "--timeout is 5 to 86400 s, not '%s'", wish->timeout);
	}
	digits = digits && *digits == '-' ? digits + 1 : digits;
	if (digits && vmha_str_u64(digits, 0, 1000000, &ignored) < 0) {
		return vmha_usage(err, "--priority is -1000000 to 1000000, not '%s'",
				  wish->priority);
	}
	if (wish->wait && wish->no_wait) {
		return vmha_usage(err, "--wait and --no-wait exclude each other");
	}
	return 0;
}

static int migrate_run(int argc, char **argv, struct vmha_err **err)
{
	__attribute__((cleanup(run_close))) struct run run = { .shown_percent = -2 };
	struct wish wish = { 0 };
	const struct vmha_option opts[] = {
		{ .name = "to", .value = &wish.to },
		{ .name = "mode", .value = &wish.mode },
		{ .name = "priority", .value = &wish.priority },
		{ .name = "timeout", .value = &wish.timeout },
		{ .name = "wait", .flag = &wish.wait },
		{ .name = "no-wait", .flag = &wish.no_wait },
		{ 0 },
	};
	sigset_t old;
	int r = vmha_options_take(&argc, argv, opts, err);

	if (r == 0 && argc != 2) {
		r = vmha_usage(err, "one VM is needed");
	}
	r = r ? r : wish_check(&wish, err);
	if (r != 0) {
		return r;
	}
	wish.vm = argv[1];
	run.limit_s = wish.timeout_s;
	run.deadline = vmha_mono_add(vmha_mono_now(), VMHA_SPAN_S(wish.timeout_s));
	vmha_interrupt_hold(&old);
	r = migrate_do(&run, &wish, err);
	vmha_interrupt_release(&old);
	return r;
}

const struct vmha_command vmha_commands_migrate[] = {
	{
		.name = "migrate",
		.args = "VM [--to NODE] [--mode live|quick|auto|cold] [--priority N] [--wait | "
			"--no-wait] [--timeout S]",
		.summary = "Move a VM to another node",
		.help = "Checks the target, queues the move, waits until it has ended and says how "
			"long it took.\nA move that is refused, fails or is cancelled leaves the "
			"VM running where it was, managed as\nbefore, and says why. Ctrl-C asks to "
			"cancel it; a second one leaves the command while it goes on.\n\n"
			"  --to NODE       where to (default: the node Pacemaker scores best)\n"
			"  --mode MODE     live, quick (save on the volume, restore), auto (live, "
			"quick where live does\n"
			"                  not converge), cold (stop it, start it there); default: "
			"the role's own mode\n"
			"  --priority N    before those of lower priority in the queue (default: "
			"the role's own)\n"
			"  --no-wait       return when it is queued: 'vmha migration' shows it\n"
			"  --wait          wait for its end (the default)\n"
			"  --timeout S     cancel after S seconds, 5 to 86400 (default: no "
			"limit)\n",
		.run = migrate_run,
	},
	{ 0 },
};
