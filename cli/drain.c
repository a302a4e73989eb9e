/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "cli/cli.h"
#include "cli/cluster.h"
#include "cli/daemon.h"
#include "cli/migrate.h"
#include "cli/output.h"
#include "cli/view.h"
#include "cli/watch.h"
#include "lib/base/cleanup.h"
#include "lib/base/proc.h"
#include "lib/base/str.h"
#include "lib/core/settings.h"

#define ASK_SPAN	   VMHA_SPAN_S(30)
#define BOOT_SPAN	   VMHA_SPAN_S(2)
#define TIMEOUT_MAX_S	   86400
#define SHUTDOWN_REQUESTER "shutdown"

struct drain {
	const char *node;
	struct vmha_watch watch;
	struct vmha_mono deadline;
	bool limited;
	bool quiet;    /* about the roles: none of them comes back */
	json_t *shown; /* words of each role that were printed */
};

static void drain_close(struct drain *d)
{
	vmha_watch_close(&d->watch);
	json_decref(d->shown);
}
#define autodrain __attribute__((cleanup(drain_close)))

/* One line a role, when what it does has changed. */
static void roles_show(struct drain *d, const json_t *view)
{
	const json_t *roles = json_object_get(view, "roles");
	size_t i;

	for (i = 0; i < json_array_size(roles); i++) {
		const json_t *role = json_array_get(roles, i);
		const char *vm = json_string_value(json_object_get(role, "vm"));
		const json_t *words = json_object_get(role, "words");

		if (json_equal(json_object_get(d->shown, vm), words)) {
			continue;
		}
		(void)json_object_set(d->shown, vm, json_object_get(role, "words"));
		vmha_watch_clear(&d->watch);
		vmha_output_step("  %s: %s", vm, json_string_value(words));
	}
}

/* On a terminal a last line with what is moving now. */
static void bar_show(struct drain *d, const json_t *view)
{
	const json_t *roles = json_object_get(view, "roles");
	vmha_autostr struct vmha_str s = { 0 };
	size_t width = vmha_watch_width();
	size_t i;

	if (!width) {
		return;
	}
	(void)vmha_str_add(&s, "%s %s, %lld of %lld moved", d->node,
			   json_string_value(json_object_get(view, "words")),
			   json_integer_value(json_object_get(view, "moved")),
			   json_integer_value(json_object_get(view, "total")));
	for (i = 0; i < json_array_size(roles); i++) {
		const json_t *role = json_array_get(roles, i);
		const char *figures = json_string_value(json_object_get(role, "figures"));

		if (figures && *figures) {
			(void)vmha_str_add(&s, "; %s %s",
					   json_string_value(json_object_get(role, "vm")), figures);
		}
	}
	if (s.len > width) {
		s.text[width] = '\0';
	}
	vmha_watch_show(&d->watch, s.text ? s.text : "");
}

/* "web3 (no memory), web4 (...)" */
static void left_add(const json_t *view, struct vmha_str *to)
{
	const json_t *roles = json_object_get(view, "roles");
	size_t i;

	for (i = 0; i < json_array_size(roles); i++) {
		const json_t *role = json_array_get(roles, i);

		if (!vmha_str_eq(json_string_value(json_object_get(role, "state")), "MOVED")) {
			(void)vmha_str_add(to, "%s%s (%s)", to->len ? ", " : "",
					   json_string_value(json_object_get(role, "vm")),
					   json_string_value(json_object_get(role, "words")));
		}
	}
}

/* @return 0 at its end, with ret_view; -ETIMEDOUT with it too; -EINTR; negative errno */
static int drain_follow(struct drain *d, json_t **ret_view, struct vmha_err **err)
{
	for (;;) {
		vmha_autojson json_t *state = NULL;
		vmha_autojson json_t *view = NULL;
		const json_t *node;
		int r = vmha_watch_next(&d->watch, &state, err);

		if (r < 0) {
			return r;
		}
		node = vmha_view_node(state, d->node);
		if (!node) {
			return vmha_err_set(err, -ENOENT, "clusterd knows no node named '%s'",
					    d->node);
		}
		view = vmha_view_drain(state, node);
		if (!d->quiet) {
			roles_show(d, view);
			bar_show(d, view);
		}
		r = d->limited && vmha_mono_passed(d->deadline) ? -ETIMEDOUT : 0;
		if (r < 0 || vmha_view_drain_kind(node) != VMHA_VIEW_AT_WORK) {
			*ret_view = vmha_steal_ptr(view);
			return r;
		}
	}
}

static int drain_wait(struct drain *d, struct vmha_err **err)
{
	vmha_autojson json_t *view = NULL;
	vmha_autostr struct vmha_str left = { 0 };
	const char *reason;
	int r = drain_follow(d, &view, err);

	vmha_watch_clear(&d->watch);
	if (r == -EINTR) {
		return vmha_err_set(err, -ECANCELED,
				    "left while the drain of %s goes on: 'vmha resume %s' takes it "
				    "back",
				    d->node, d->node);
	}
	if (!view) {
		return r;
	}
	left_add(view, &left);
	reason = json_string_value(json_object_get(view, "reason"));
	if (r == -ETIMEDOUT) {
		return vmha_err_set(err, r,
				    "%s is not empty in time, the drain goes on; still there: %s",
				    d->node, left.text ? left.text : "nothing known");
	}
	if (vmha_str_eq(json_string_value(json_object_get(view, "state")), "DRAINED")) {
		vmha_output_step("%s is drained", d->node);
		return vmha_output_json(vmha_steal_ptr(view));
	}
	return vmha_err_set(err, -EAGAIN, "%s takes no roles, but is not empty: %s", d->node,
			    left.len ? left.text : (reason ? reason : ""));
}

/* @return 0, also when it is as wanted already */
static int ask(struct drain *d, json_t *request, struct vmha_err **err)
{
	vmha_autoerr struct vmha_err *why = NULL;
	int r = vmha_daemon_call(d->watch.ipc, request, ASK_SPAN, NULL, &why);

	if (r == 0 || r == -EALREADY) {
		return 0;
	}
	return vmha_err_set(err, r, "%s", vmha_err_text(why));
}

static int drain_do(struct drain *d, const char *policy, const char *requester, bool wait,
		    struct vmha_err **err)
{
	int r = ask(d,
		    json_pack("{s:s, s:s, s:s*, s:s*}", "op", "drain", "node", d->node, "policy",
			      policy, "requester", requester),
		    err);

	if (r < 0) {
		return r;
	}
	vmha_output_step(
		"draining %s: it takes no more roles%s%s", d->node,
		wait ? "" : "; 'vmha drain --wait' follows it, 'vmha resume' takes it back", "");
	if (!wait) {
		return vmha_output_json(
			json_pack("{s:s, s:s}", "node", d->node, "result", "draining"));
	}
	return drain_wait(d, err);
}

/* Is the host going down?  Without systemd whoever calls says so. */
static bool host_stopping(void)
{
	static const char *const argv[] = { "systemctl", "is-system-running", NULL };
	vmha_autoresult struct vmha_proc_result res = { 0 };
	struct stat st;

	if (stat("/run/systemd/system", &st) < 0) {
		return true;
	}
	return vmha_proc_run(argv, NULL, VMHA_SPAN_S(10), &res, NULL) == 0 &&
	       vmha_str_starts(res.output, "stopping");
}

/*
 * Run while the host goes down: whatever happens must not hold it up for ever, so that a cluster
 * that is not there, or has no other node, is no failure.
 */
static int shutdown_drain(struct drain *d, struct vmha_err **err)
{
	vmha_autoerr struct vmha_err *why = NULL;
	vmha_autojson json_t *state = NULL;
	vmha_autofree char *self = NULL;
	struct vmha_settings settings;
	int64_t limit_s;
	int r;

	if (!host_stopping()) {
		vmha_output_step("this host is not shutting down: it is not drained");
		return 0;
	}
	r = vmha_watch_open(&d->watch, &why);
	r = r < 0 ? r : vmha_daemon_state(d->watch.ipc, &state, &why);
	if (r < 0) {
		vmha_output_warn("not drained before the shutdown: %s", vmha_err_text(why));
		return 0;
	}
	self = strdup(json_string_value(json_object_get(state, "node")));
	if (!self) {
		return vmha_err_set(err, -ENOMEM, "out of memory");
	}
	d->node = self;
	if (vmha_view_drain_kind(vmha_view_node(state, self)) == VMHA_VIEW_DRAINED) {
		vmha_output_step("%s is drained already", self);
		return 0;
	}
	vmha_view_settings(state, &settings);
	limit_s = vmha_settings_get(&settings, VMHA_SETTING_SHUTDOWN_DRAIN, self);
	if (limit_s == 0) {
		vmha_output_step("the setting shutdown-drain is 0: not drained");
		return 0;
	}
	d->limited = true;
	d->deadline = vmha_mono_add(vmha_mono_now(), VMHA_SPAN_S(limit_s));
	if (drain_do(d, NULL, SHUTDOWN_REQUESTER, true, &why) < 0) {
		vmha_output_warn("%s", vmha_err_text(why));
	}
	d->node = NULL;
	return 0;
}

static int timeout_take(struct drain *d, const char *timeout, struct vmha_err **err)
{
	uint64_t s = 0;

	if (!timeout) {
		return 0;
	}
	if (vmha_str_u64(timeout, 1, TIMEOUT_MAX_S, &s) < 0) {
		return vmha_usage(err, "--timeout is 1 to %d s, not '%s'", TIMEOUT_MAX_S, timeout);
	}
	d->limited = true;
	d->deadline = vmha_mono_add(vmha_mono_now(), VMHA_SPAN_S(s));
	return 0;
}

static int drain_run(int argc, char **argv, struct vmha_err **err)
{
	autodrain struct drain d = { .shown = json_object() };
	vmha_autofree char *who = NULL;
	const char *timeout = NULL;
	const char *policy = NULL;
	bool shutdown = false;
	bool wait = false;
	const struct vmha_option opts[] = {
		{ .name = "wait", .flag = &wait },
		{ .name = "timeout", .value = &timeout },
		{ .name = "policy", .value = &policy },
		{ .name = "shutdown", .flag = &shutdown },
		{ 0 },
	};
	sigset_t old;
	int r = vmha_options_take(&argc, argv, opts, err);

	if (r == 0 && argc != (shutdown ? 1 : 2)) {
		r = vmha_usage(err, shutdown ? "--shutdown drains this node: it takes no name"
					     : "one node is needed");
	}
	if (r == 0 && policy && strcmp(policy, "role") != 0 && strcmp(policy, "live") != 0 &&
	    strcmp(policy, "quick") != 0 && strcmp(policy, "cold") != 0) {
		r = vmha_usage(err, "--policy is role, live, quick or cold, not '%s'", policy);
	}
	r = r ? r : timeout_take(&d, timeout, err);
	if (r != 0) {
		return r;
	}
	d.node = argv[1];
	vmha_interrupt_hold(&old);
	if (shutdown) {
		r = shutdown_drain(&d, err);
	} else {
		who = vmha_migrate_requester();
		r = vmha_watch_open(&d.watch, err);
		r = r < 0 ? r : drain_do(&d, policy, who, wait, err);
	}
	vmha_interrupt_release(&old);
	return r;
}

/* At boot: what clusterd has of this node, once it is in touch with the others. */
static int booted_state(struct drain *d, json_t **ret_state, struct vmha_err **err)
{
	for (;;) {
		vmha_autoerr struct vmha_err *why = NULL;
		vmha_autojson json_t *state = NULL;
		int r = d->watch.ipc ? 0 : vmha_watch_open(&d->watch, &why);

		r = r < 0 ? r : vmha_daemon_state(d->watch.ipc, &state, &why);
		if (r == 0 && json_is_true(json_object_get(state, "synced")) &&
		    json_is_true(json_object_get(state, "quorate"))) {
			*ret_state = vmha_steal_ptr(state);
			return 0;
		}
		if (r < 0) {
			vmha_watch_close(&d->watch);
		}
		if (vmha_interrupt_take()) {
			return -EINTR;
		}
		if (d->limited && vmha_mono_passed(d->deadline)) {
			return vmha_err_set(err, -ETIMEDOUT, "%s",
					    why ? vmha_err_text(why) : "the cluster has no quorum");
		}
		vmha_mono_pace(BOOT_SPAN); /* a daemon that is not there gives no event */
	}
}

/*
 * Open the node again if only its shutdown had closed it.
 * @return 1 it is to be resumed; 0 it is not; negative errno
 */
static int after_shutdown(struct drain *d, char **ret_self, struct vmha_err **err)
{
	vmha_autojson json_t *state = NULL;
	const json_t *node;
	const char *by;
	int r = booted_state(d, &state, err);

	if (r < 0) {
		return r == -EINTR ? 0 : r;
	}
	node = vmha_view_node(state, json_string_value(json_object_get(state, "node")));
	by = json_string_value(json_object_get(node, "drain_requester"));
	if (vmha_view_drain_kind(node) == VMHA_VIEW_OPEN || !vmha_str_eq(by, SHUTDOWN_REQUESTER)) {
		return 0;
	}
	*ret_self = strdup(json_string_value(json_object_get(state, "node")));
	return *ret_self ? 1 : vmha_err_set(err, -ENOMEM, "out of memory");
}

static int resume_do(struct drain *d, const char *failback, bool wait, struct vmha_err **err)
{
	vmha_autofree char *who = vmha_migrate_requester();
	vmha_autojson json_t *view = NULL;
	int r = ask(d,
		    json_pack("{s:s, s:s, s:s, s:s*}", "op", "resume", "node", d->node, "failback",
			      failback, "requester", who),
		    err);

	if (r < 0) {
		return r;
	}
	vmha_output_step("%s takes roles again%s", d->node,
			 strcmp(failback, "no") == 0 ? ""
			 : wait			     ? "; its roles come back:"
			 : strcmp(failback, "now") == 0
				 ? "; its roles come back: 'vmha status' shows how far"
				 : "; its roles come back in the window (setting failback-window)");
	if (wait) {
		d->quiet = strcmp(failback, "no") == 0;
		r = drain_follow(d, &view, err);
		vmha_watch_clear(&d->watch);
	}
	if (r == -EINTR) {
		return vmha_err_set(err, -ECANCELED, "left while roles go back to %s", d->node);
	}
	if (r == -ETIMEDOUT) {
		return vmha_err_set(err, r, "its roles are not all back in time; they still come");
	}
	return r < 0 ? r
		     : vmha_output_json(json_pack("{s:s, s:s, s:s}", "node", d->node, "result",
						  "resumed", "failback", failback));
}

static int resume_run(int argc, char **argv, struct vmha_err **err)
{
	autodrain struct drain d = { .shown = json_object() };
	vmha_autofree char *self = NULL;
	const char *failback = "no";
	const char *timeout = NULL;
	bool after = false;
	bool wait = false;
	const struct vmha_option opts[] = {
		{ .name = "failback", .value = &failback },
		{ .name = "wait", .flag = &wait },
		{ .name = "timeout", .value = &timeout },
		{ .name = "after-shutdown", .flag = &after },
		{ 0 },
	};
	sigset_t old;
	int r = vmha_options_take(&argc, argv, opts, err);

	if (r == 0 && argc != (after ? 1 : 2)) {
		r = vmha_usage(err, after ? "--after-shutdown resumes this node: it takes no name"
					  : "one node is needed");
	}
	if (r == 0 && strcmp(failback, "no") != 0 && strcmp(failback, "now") != 0 &&
	    strcmp(failback, "window") != 0) {
		r = vmha_usage(err, "--failback is now, window or no, not '%s'", failback);
	}
	r = r ? r : timeout_take(&d, timeout, err);
	if (r != 0) {
		return r;
	}
	d.node = argv[1];
	vmha_interrupt_hold(&old);
	if (after) {
		r = after_shutdown(&d, &self, err);
		d.node = self;
	} else {
		r = vmha_watch_open(&d.watch, err);
		r = r < 0 ? r : 1;
	}
	r = r > 0 ? resume_do(&d, failback, wait, err) : r;
	vmha_interrupt_release(&old);
	d.node = NULL;
	return r;
}

const struct vmha_command vmha_commands_drain[] = {
	{
		.name = "drain",
		.args = "NODE [--wait] [--timeout S] [--policy role|live|quick|cold]",
		.summary = "Move all roles away from a node, for maintenance",
		.help = "The node takes no new roles, those on it move away in the order of their "
			"priority, and at last it\nis set to standby. A role that cannot move is "
			"named with the reason and stays; the rest goes on.\nSurvives a reboot of "
			"the node and a restart of clusterd, until 'vmha resume'.\n\n"
			"  --wait        follow it to its end: exit status 1 when a role is left\n"
			"  --timeout S   with --wait: leave after S seconds, 1 to 86400; the drain "
			"goes on\n"
			"  --policy P    how far to go where live is impossible: role (as each "
			"role's mode says, the\n"
			"                default), live, quick or cold (stop it, start it "
			"elsewhere)\n"
			"  --shutdown    for vmha-shutdown.service: drain this node while the host "
			"goes down, for at\n"
			"                most the setting shutdown-drain\n",
		.run = drain_run,
	},
	{
		.name = "resume",
		.args = "NODE [--failback now|window|no] [--wait] [--timeout S]",
		.summary = "Let a drained node take roles again",
		.help = "Also while it is still being drained: roles that have not moved yet "
			"stay.\n\n"
			"  --failback F      roles that lived there come back: now, in the window "
			"(setting failback-window),\n"
			"                    or no (the default)\n"
			"  --wait            until those that come back now are there\n"
			"  --timeout S       with --wait: leave after S seconds, 1 to 86400\n"
			"  --after-shutdown  for vmha-shutdown.service, at boot: wait for the "
			"cluster, then this node, and\n"
			"                    only if its shutdown had closed it\n",
		.run = resume_run,
	},
	{ 0 },
};
