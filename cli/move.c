/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cli/cli.h"
#include "cli/cluster.h"
#include "cli/heal.h"
#include "cli/output.h"
#include "cli/roles.h"
#include "lib/base/cleanup.h"
#include "lib/base/file.h"

#define MOVE_TIMEOUT_S	 600 /* as migrate_to's */
#define CANCEL_TIMEOUT_S 60
#define HEAL_TIMEOUT_S	 60

struct move {
	struct vmha_role role;
	struct vmha_role_record rec;
	char mode[8];
	char *to;
	char *from;
	unsigned int timeout_s;
	char trace_before[VMHA_ID_SIZE]; /* of the move before this one */
	char state_shown[16];
	const char *cancelled; /* why we gave it up; NULL: we have not */
};

static void move_free(struct move *m)
{
	free(m->to);
	free(m->from);
}

/* This move's record, once its agent has begun one. */
static bool move_record(const struct move *m, struct vmha_move_record *ret_rec)
{
	return vmha_role_load(&m->role, VMHA_RECORD_MOVE, ret_rec, NULL) == 0 &&
	       strcmp(ret_rec->trace, m->trace_before) != 0;
}

static int target_check(const struct move *m, const struct vmha_pcmk_state *s,
			struct vmha_err **err)
{
	const struct vmha_pcmk_node *n = vmha_pcmk_node_find(s, m->to);
	vmha_autofree char *address = NULL;
	vmha_autofree char *clone = NULL;
	int r;

	if (!n || n->remote) {
		return vmha_err_set(
			err, -ENOENT,
			"there is no node named '%s' that runs roles: 'vmha status' lists "
			"the nodes",
			m->to);
	}
	if (strcmp(m->to, m->from) == 0) {
		return vmha_err_set(err, -EALREADY, "%s runs on node %s already", m->role.name,
				    m->to);
	}
	if (!n->online || n->unclean || n->pending || n->shutdown) {
		return vmha_err_set(err, -EHOSTDOWN, "node %s is not online: %s stays on %s", m->to,
				    m->role.name, m->from);
	}
	if (n->standby || n->maintenance) {
		return vmha_err_set(err, -EHOSTUNREACH, "node %s is in %s: it takes no roles",
				    m->to, n->standby ? "standby" : "maintenance");
	}
	r = vmha_cluster_volume(m->role.volume, &clone, err);
	if (r < 0) {
		return r;
	}
	if (!vmha_pcmk_runs_on(s, clone, m->to)) {
		return vmha_err_set(err, -EHOSTUNREACH, "volume %s is not joined on node %s",
				    m->role.volume, m->to);
	}
	return vmha_cluster_address(m->to, NULL, &address, err);
}

static int source_check(struct move *m, const struct vmha_pcmk_state *s, struct vmha_err **err)
{
	const struct vmha_pcmk_resource *x = vmha_pcmk_resource_find(s, m->role.name);
	vmha_autostr struct vmha_str why = { 0 };

	vmha_cluster_why(s, m->role.name, &why);
	if (x && x->blocked) {
		return vmha_err_set(err, -EBUSY, "%s: %s: first run: vmha heal %s", m->role.name,
				    why.text ? why.text : "", m->role.name);
	}
	if (x && strcmp(x->state, "Started") != 0 && strcmp(x->state, "Stopped") != 0) {
		return vmha_err_set(err, -EBUSY, "%s is busy, %s: try again when that has ended",
				    m->role.name, why.text ? why.text : "");
	}
	if (!x || x->nodes_count != 1 || strcmp(x->state, "Started") != 0 || s->maintenance ||
	    !x->managed) {
		return vmha_err_set(err, -EAGAIN, "%s cannot be moved: %s", m->role.name,
				    s->maintenance ? "the cluster is in maintenance mode"
				    : why.text	   ? why.text
						   : "");
	}
	m->from = strdup(x->nodes[0]);
	return m->from ? 0 : vmha_err_set(err, -ENOMEM, "out of memory");
}

/* Tell migrate_to what is wanted; without a mode given the role's own holds. */
static int wish_write(const struct move *m, const char *mode, struct vmha_err **err)
{
	vmha_autofree char *id = NULL;
	struct vmha_wish_record wish = { .expires_s = (int64_t)time(NULL) + m->timeout_s };
	int r;

	if (!mode) {
		return 0;
	}
	r = vmha_file_read("/proc/sys/kernel/random/uuid", 64, &id, NULL, err);
	if (r < 0) {
		return r;
	}
	(void)snprintf(wish.to, sizeof(wish.to), "%s", m->to);
	(void)snprintf(wish.mode, sizeof(wish.mode), "%s", mode);
	(void)snprintf(wish.trace, sizeof(wish.trace), "%.36s", id);
	return vmha_role_store(&m->role, VMHA_RECORD_WISH, &wish, err);
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
		{ "KEPT", "it stays" },
		{ "UNSURE", "neither end confirms: finding out" },
		{ "DONE", "done" },
	};
	size_t i;

	for (i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		if (strcmp(all[i].state, state) == 0) {
			return all[i].words;
		}
	}
	return state;
}

static void progress(void *data, const struct vmha_pcmk_state *s)
{
	struct move *m = data;
	struct vmha_move_record rec;

	(void)s;
	if (!move_record(m, &rec) || strcmp(rec.state, m->state_shown) == 0) {
		return;
	}
	(void)snprintf(m->state_shown, sizeof(m->state_shown), "%s", rec.state);
	vmha_output_step("  %s", state_words(rec.state));
}

static void cancel(struct move *m, int reason)
{
	vmha_autoerr struct vmha_err *err = NULL;

	m->cancelled = reason == -EINTR ? "interrupted" : "out of time";
	vmha_output_step("%s: asking node %s to stop the move", m->cancelled, m->from);
	if (vmha_heal_abort(&m->rec, m->from, &err) < 0) {
		vmha_output_warn("%s", vmha_err_text(err));
	}
}

/* @return 0 it runs on the target; -EAGAIN it does not; -ECANCELED left while it goes on */
static int move_await(struct move *m, struct vmha_pcmk_state **ret_state, struct vmha_err **err)
{
	struct vmha_cluster_wait w = { .role = m->role.name,
				       .goal = VMHA_GOAL_STARTED,
				       .node = m->to,
				       .timeout_s = m->timeout_s,
				       .tick = progress,
				       .data = m };
	int r = vmha_cluster_wait(&w, ret_state, err);

	if (r != -EINTR && r != -ETIMEDOUT) {
		return r;
	}
	cancel(m, r);
	vmha_pcmk_state_free(vmha_steal_ptr(*ret_state));
	w.timeout_s = CANCEL_TIMEOUT_S;
	r = vmha_cluster_wait(&w, ret_state, err);
	if (r != -EINTR && r != -ETIMEDOUT) {
		return r;
	}
	return vmha_err_set(
		err, -ECANCELED,
		"left while the move of %s goes on: 'vmha status' shows it; when it has "
		"ended run: vmha heal %s",
		m->role.name, m->role.name);
}

/* Why it did not move: the agent's record first, else what Pacemaker has from it. */
static void reason_find(const struct move *m, const struct vmha_pcmk_state *s, struct vmha_str *to)
{
	const struct vmha_pcmk_failure *f = s ? vmha_pcmk_failure_find(s, m->role.name) : NULL;
	struct vmha_move_record rec;

	if (m->cancelled) {
		(void)vmha_str_add(to, "%s", m->cancelled);
	} else if (move_record(m, &rec) && *rec.reason) {
		(void)vmha_str_add(to, "%s", rec.reason);
	} else if (f) {
		(void)vmha_str_add(to, "%s failed on %s%s%s", f->op, f->node,
				   *f->reason ? ": " : "", f->reason);
	} else {
		(void)vmha_str_add(to,
				   "Pacemaker decided otherwise (another constraint, or a failure "
				   "before?)");
	}
}

static int moved_report(const struct move *m, struct vmha_err **err)
{
	struct vmha_move_record rec;
	json_t *o = json_pack("{s:s, s:s, s:s, s:s}", "name", m->role.name, "from", m->from, "to",
			      m->to, "result", "moved");

	(void)err;
	if (move_record(m, &rec)) {
		vmha_autofree char *text = vmha_roles_move_text(&rec);

		vmha_output_step("%s runs on %s (%s)", m->role.name, m->to, text ? text : "");
		(void)json_object_set_new(o, "move", vmha_roles_move_json(&rec));
	} else {
		vmha_output_step("%s runs on %s", m->role.name, m->to);
	}
	return vmha_output_json(o);
}

static int kept_report(const struct move *m, const struct vmha_pcmk_state *s, struct vmha_err **err)
{
	const struct vmha_pcmk_resource *x = s ? vmha_pcmk_resource_find(s, m->role.name) : NULL;
	vmha_autostr struct vmha_str why = { 0 };
	vmha_autoerr struct vmha_err *ill = NULL;
	char node[VMHA_NODE_SIZE] = "";
	int r = 0;

	reason_find(m, s, &why);
	if (x && (x->blocked || x->failed || x->nodes_count != 1)) {
		r = vmha_heal_role(&m->role, HEAL_TIMEOUT_S, node, &ill);
	} else if (x) {
		(void)snprintf(node, sizeof(node), "%s", x->nodes[0]);
	}
	if (r < 0) {
		return vmha_err_set(err, r, "%s was not moved to %s: %s. And: %s", m->role.name,
				    m->to, why.text ? why.text : "", vmha_err_text(ill));
	}
	if (strcmp(node, m->to) == 0) { /* it had arrived after all: evidence decides */
		return moved_report(m, err);
	}
	return vmha_err_set(err, -EAGAIN, "%s was not moved to %s: %s. It %s%s, managed as before",
			    m->role.name, m->to, why.text ? why.text : "",
			    *node ? "runs on " : "is stopped", node);
}

static int move_do(struct move *m, const char *mode, struct vmha_err **err)
{
	vmha_autopcmk struct vmha_pcmk_state *s = NULL;
	vmha_autoerr struct vmha_err *why = NULL;
	struct vmha_move_record rec;
	int r;

	if (vmha_role_load(&m->role, VMHA_RECORD_MOVE, &rec, NULL) == 0) {
		(void)snprintf(m->trace_before, sizeof(m->trace_before), "%s", rec.trace);
	}
	r = wish_write(m, mode, err);
	r = r < 0 ? r : vmha_pcmk_move(m->role.name, m->to, err);
	if (r < 0) {
		(void)vmha_role_forget(&m->role, VMHA_RECORD_WISH, NULL);
		return r;
	}
	r = move_await(m, &s, err);
	if (r == -ECANCELED) {
		return r; /* to clear the move now could stop the VM on its way */
	}
	(void)vmha_role_forget(&m->role, VMHA_RECORD_WISH, NULL);
	if (vmha_pcmk_clear(m->role.name, &why) < 0) {
		vmha_output_warn("the move's constraint is left (%s): run: vmha heal %s",
				 vmha_err_text(why), m->role.name);
	}
	if (r == 0) {
		return moved_report(m, err);
	}
	return r == -EAGAIN ? kept_report(m, s, err) : r;
}

static int migrate_plan(struct move *m, const char *name, const char *to, struct vmha_err **err)
{
	vmha_autopcmk struct vmha_pcmk_state *s = NULL;
	int r = vmha_need_root(err);

	r = r < 0 ? r : vmha_cluster_need(&s, err);
	r = r < 0 ? r : vmha_cluster_role(name, &m->role, m->mode, err);
	r = r < 0 ? r : source_check(m, s, err);
	r = r < 0 ? r : vmha_role_load(&m->role, VMHA_RECORD_ROLE, &m->rec, err);
	if (r < 0) {
		return r;
	}
	if (to) {
		m->to = strdup(to);
	} else {
		r = vmha_pcmk_choose_target(m->role.name, m->from, &m->to, err);
	}
	if (r == 0 && !m->to) {
		r = vmha_err_set(err, -ENOMEM, "out of memory");
	}
	return r < 0 ? r : target_check(m, s, err);
}

static bool mode_known(const char *mode)
{
	return !mode || strcmp(mode, "live") == 0 || strcmp(mode, "quick") == 0 ||
	       strcmp(mode, "auto") == 0;
}

static int migrate_run(int argc, char **argv, struct vmha_err **err)
{
	__attribute__((cleanup(move_free))) struct move m = { 0 };
	const char *to = NULL;
	const char *mode = NULL;
	const char *timeout = NULL;
	const struct vmha_option opts[] = {
		{ .name = "to", .value = &to },
		{ .name = "mode", .value = &mode },
		{ .name = "timeout", .value = &timeout },
		{ 0 },
	};
	uint64_t timeout_s = MOVE_TIMEOUT_S;
	sigset_t old;
	int r = vmha_options_take(&argc, argv, opts, err);

	if (r != 0) {
		return r;
	}
	if (argc != 2) {
		return vmha_usage(err, "one VM is needed");
	}
	if (!mode_known(mode)) {
		return vmha_usage(err, "--mode is live, quick or auto, not '%s'", mode);
	}
	if (timeout && vmha_str_u64(timeout, 5, 86400, &timeout_s) < 0) {
		return vmha_usage(err, "--timeout is 5 to 86400 s, not '%s'", timeout);
	}
	m.timeout_s = (unsigned int)timeout_s;
	r = migrate_plan(&m, argv[1], to, err);
	if (r < 0) {
		return r;
	}
	vmha_output_step("moving %s from %s to %s (%s)", m.role.name, m.from, m.to,
			 mode ? mode : m.mode);
	vmha_interrupt_hold(&old);
	r = move_do(&m, mode, err);
	vmha_interrupt_release(&old);
	return r;
}

const struct vmha_command vmha_commands_move[] = {
	{
		.name = "migrate",
		.args = "VM [--to NODE] [--mode live|quick|auto] [--timeout S]",
		.summary = "Move a running VM to another node",
		.help = "Waits until it runs there and prints how long it took. A move that is "
			"refused "
			"or fails leaves the\nVM running where it was, managed as before, and says "
			"why. Ctrl-C cancels the move; a second one\nleaves the command while the "
			"move goes on.\n\n"
			"  --to NODE     where to (default: the node Pacemaker scores best)\n"
			"  --mode MODE   live, quick (save on the volume, restore), or auto (live, "
			"quick where live does\n"
			"                not converge); default: the role's own mode\n"
			"  --timeout S   cancel after S seconds, 5 to 86400 (default: 600)\n",
		.run = migrate_run,
	},
	{ 0 },
};
