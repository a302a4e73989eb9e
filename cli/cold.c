/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/cluster.h"
#include "cli/output.h"
#include "lib/base/cleanup.h"

#define HALF_S 600

struct cold {
	struct vmha_role role;
	char *from; /* NULL: it is stopped already */
	char *to;
	unsigned int timeout_s;
};

static void cold_free(struct cold *c)
{
	free(c->from);
	free(c->to);
}

static int source_check(struct cold *c, const struct vmha_pcmk_state *s, struct vmha_err **err)
{
	const struct vmha_pcmk_resource *x = vmha_pcmk_resource_find(s, c->role.name);
	vmha_autostr struct vmha_str why = { 0 };

	/* one that was interrupted between its halves is taken up again */
	if (x && x->nodes_count == 0 && strcmp(x->state, "Stopped") == 0 &&
	    strcmp(x->target_role, "Stopped") == 0 && x->managed && !x->blocked) {
		return 0;
	}
	vmha_cluster_why(s, c->role.name, &why);
	if (!x || x->nodes_count != 1 || strcmp(x->state, "Started") != 0 || x->blocked ||
	    !x->managed || s->maintenance) {
		return vmha_err_set(err, -EAGAIN, "%s cannot be moved: %s", c->role.name,
				    s->maintenance ? "the cluster is in maintenance mode"
				    : why.text	   ? why.text
						   : "");
	}
	c->from = strdup(x->nodes[0]);
	return c->from ? 0 : vmha_err_set(err, -ENOMEM, "out of memory");
}

static int target_check(const struct cold *c, const struct vmha_pcmk_state *s,
			struct vmha_err **err)
{
	const struct vmha_pcmk_node *n = vmha_pcmk_node_find(s, c->to);
	vmha_autofree char *clone = NULL;
	int r;

	if (vmha_str_eq(c->to, c->from)) {
		return vmha_err_set(err, -EALREADY, "%s runs on node %s already", c->role.name,
				    c->to);
	}
	r = vmha_cluster_target(s, c->to, err);
	if (r < 0) {
		return r;
	}
	if (n->standby || n->maintenance || !n->online) {
		return vmha_err_set(err, -EHOSTUNREACH, "node %s is %s: it takes no roles", c->to,
				    n->standby	     ? "in standby"
				    : n->maintenance ? "in maintenance"
						     : "not online");
	}
	r = vmha_cluster_volume(c->role.volume, &clone, err);
	if (r == 0 && !vmha_pcmk_runs_on(s, clone, c->to)) {
		r = vmha_err_set(err, -EHOSTUNREACH, "volume %s is not joined on node %s",
				 c->role.volume, c->to);
	}
	return r;
}

static int plan(struct cold *c, const char *vm, const char *to, struct vmha_err **err)
{
	vmha_autopcmk struct vmha_pcmk_state *s = NULL;
	int r = vmha_cluster_need(&s, err);

	r = r < 0 ? r : vmha_cluster_role(vm, &c->role, NULL, err);
	r = r < 0 ? r : source_check(c, s, err);
	if (r < 0) {
		return r;
	}
	c->to = strdup(to);
	return c->to ? target_check(c, s, err) : vmha_err_set(err, -ENOMEM, "out of memory");
}

/* Where it is after all, for the last word. */
static int elsewhere_tell(const struct cold *c, int r, const char *what, struct vmha_err **err)
{
	vmha_autopcmk struct vmha_pcmk_state *s = NULL;
	vmha_autostr struct vmha_str why = { 0 };

	if (vmha_pcmk_state_read(&s, NULL) == 0) {
		vmha_cluster_why(s, c->role.name, &why);
	}
	return vmha_err_set(err, r, "%s was not moved to %s: %s; now %s", c->role.name, c->to, what,
			    why.text ? why.text : "it is not known where it is");
}

static int stop(const struct cold *c, struct vmha_err **err)
{
	struct vmha_cluster_wait w = { .role = c->role.name,
				       .goal = VMHA_GOAL_STOPPED,
				       .timeout_s = c->timeout_s };
	vmha_autoerr struct vmha_err *why = NULL;
	int r = vmha_pcmk_meta_set(c->role.name, "target-role", "Stopped", err);

	if (r < 0) {
		return r;
	}
	vmha_output_step("  stopping it on %s", c->from);
	r = vmha_cluster_wait(&w, NULL, &why);
	if (r == 0) {
		return 0;
	}
	(void)vmha_pcmk_meta_set(c->role.name, "target-role", NULL, NULL);
	return elsewhere_tell(c, r,
			      r == -EINTR	? "interrupted"
			      : r == -ETIMEDOUT ? "it did not stop in time"
			      : why		? vmha_err_text(why)
						: "it did not stop",
			      err);
}

/* The constraint first: enabled without it, the VM would start anywhere. */
static int start(const struct cold *c, struct vmha_err **err)
{
	struct vmha_cluster_wait w = { .role = c->role.name,
				       .goal = VMHA_GOAL_STARTED,
				       .node = c->to,
				       .timeout_s = c->timeout_s };
	vmha_autoerr struct vmha_err *why = NULL;
	int r = vmha_pcmk_move(c->role.name, c->to, &why);
	int enabled = vmha_pcmk_meta_set(c->role.name, "target-role", NULL, err);

	if (enabled < 0) {
		return enabled;
	}
	vmha_output_step("  starting it on %s", c->to);
	if (r == 0) {
		r = vmha_cluster_wait(&w, NULL, &why);
	}
	if (vmha_pcmk_clear(c->role.name, NULL, NULL) < 0) {
		vmha_output_warn("the move's constraint is left: run: vmha heal %s", c->role.name);
	}
	return r == 0 ? 0
		      : elsewhere_tell(c, r, why ? vmha_err_text(why) : "it did not start there",
				       err);
}

static int cold_do(const char *vm, const char *to, unsigned int timeout_s, struct vmha_err **err)
{
	__attribute__((cleanup(cold_free))) struct cold c = { .timeout_s = timeout_s };
	int r = vmha_need_root(err);

	r = r < 0 ? r : plan(&c, vm, to, err);
	if (r == 0 && c.from) {
		r = stop(&c, err);
	}
	r = r < 0 ? r : start(&c, err);
	if (r < 0) {
		return r;
	}
	vmha_output_step("%s runs on %s", vm, c.to);
	return vmha_output_json(json_pack("{s:s, s:s*, s:s, s:s}", "name", vm, "from", c.from, "to",
					  c.to, "result", "moved"));
}

static int cold_run(int argc, char **argv, struct vmha_err **err)
{
	const char *to = NULL;
	const char *timeout = NULL;
	const struct vmha_option opts[] = {
		{ .name = "to", .value = &to },
		{ .name = "timeout", .value = &timeout },
		{ 0 },
	};
	uint64_t timeout_s = HALF_S;
	sigset_t old;
	int r = vmha_options_take(&argc, argv, opts, err);

	if (r != 0) {
		return r;
	}
	if (argc != 2 || !to) {
		return vmha_usage(err, "one VM and --to are needed");
	}
	if (timeout && vmha_str_u64(timeout, 5, 86400, &timeout_s) < 0) {
		return vmha_usage(err, "--timeout is 5 to 86400 s, not '%s'", timeout);
	}
	vmha_interrupt_hold(&old);
	r = cold_do(argv[1], to, (unsigned int)timeout_s, err);
	vmha_interrupt_release(&old);
	return r;
}

const struct vmha_command vmha_commands_cold[] = {
	{
		.name = "cold",
		.args = "VM --to NODE [--timeout S]",
		.summary = "Stop a running VM and start it on another node, for clusterd",
		.help = "What 'vmha migrate --mode cold' has clusterd do when its turn has come. "
			"When it does not stop,\nor is interrupted, it is enabled again where the "
			"cluster likes.\n\n"
			"  --to NODE     where to\n"
			"  --timeout S   for each half, 5 to 86400 (default: 600)\n",
		.run = cold_run,
		.internal = true,
	},
	{ 0 },
};
