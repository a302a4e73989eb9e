/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/cluster.h"
#include "cli/daemon.h"
#include "cli/heal.h"
#include "cli/output.h"
#include "cli/roles.h"
#include "cli/view.h"
#include "cli/watch.h"
#include "lib/base/cleanup.h"
#include "lib/base/mono.h"

#define HEAL_TIMEOUT_S 60
#define OWN_VARIABLE   "VMHA_HEAL_OWN" /* set where clusterd itself runs this command */

/*
 * A role in a migration is clusterd's to settle: one that is being settled is awaited, one that
 * still moves is left alone.  Without clusterd nobody else does it.
 */
static int migration_await(const char *name, unsigned int timeout_s, struct vmha_err **err)
{
	vmha_autowatch struct vmha_watch w = { 0 };
	struct vmha_mono deadline = vmha_mono_add(vmha_mono_now(), VMHA_SPAN_S(timeout_s));
	struct vmha_view_move m;

	if (getenv(OWN_VARIABLE) || vmha_watch_open(&w, NULL) < 0) {
		return 0;
	}
	do {
		vmha_autojson json_t *state = NULL;

		if (vmha_daemon_state(w.ipc, &state, NULL) < 0) {
			return 0;
		}
		vmha_view_move_read(state, vmha_view_find_vm(state, name), &m);
		if (m.id < 0 || vmha_view_ended(&m) || strcmp(m.phase, "QUEUED") == 0) {
			return 0;
		}
		if (strcmp(m.phase, "ENDING") != 0) {
			return vmha_err_set(err, -EBUSY,
					    "%s is in migration %" PRId64
					    ", nothing is to be healed: "
					    "'vmha migration cancel %" PRId64 "' ends it",
					    name, m.id, m.id);
		}
		vmha_watch_show(&w, "clusterd heals it: waiting for that");
		vmha_mono_pace(VMHA_SPAN_MS(500));
	} while (!vmha_mono_passed(deadline));
	return vmha_err_set(err, -ETIMEDOUT,
			    "clusterd has not healed %s in time: 'vmha events --vm %s' says what "
			    "it waits for",
			    name, name);
}

static int heal_one(const char *name, unsigned int timeout_s, json_t *results,
		    struct vmha_err **err)
{
	char node[VMHA_NODE_SIZE] = "";
	struct vmha_role role;
	int r = vmha_cluster_role(name, &role, NULL, err);

	r = r < 0 ? r : migration_await(name, timeout_s, err);
	r = r < 0 ? r : vmha_heal_role(&role, timeout_s, node, err);
	(void)json_array_append_new(results,
				    json_pack("{s:s, s:b, s:s?, s:s?}", "name", name, "healed",
					      r == 0, "node", *node ? node : NULL, "problem",
					      r < 0 && err ? vmha_err_text(*err) : NULL));
	if (r == 0) {
		vmha_output_step("%s: %s%s, managed", name, *node ? "runs on " : "stopped", node);
	}
	return r;
}

/* Roles that need it: not as they should be, or with a move's constraint left. */
static int heal_names(json_t *names, struct vmha_err **err)
{
	vmha_autoprimitives struct vmha_pcmk_primitives *list = NULL;
	vmha_autopcmk struct vmha_pcmk_state *s = NULL;
	vmha_autojson json_t *moves = NULL; /* of clusterd; NULL: it does not answer */
	vmha_autoipc struct vmha_ipc *ipc = NULL;
	size_t i;
	int r = vmha_cluster_need(&s, err);

	if (vmha_daemon_open(&ipc, NULL) == 0) {
		(void)vmha_daemon_state(ipc, &moves, NULL);
	}

	r = r < 0 ? r : vmha_pcmk_primitives_read("vm", &list, err);
	for (i = 0; r == 0 && i < list->count; i++) {
		json_t *one = vmha_roles_one(s, &list->items[i]);
		vmha_autofree char *left = vmha_str_printf("cli-prefer-%s", list->items[i].id);
		struct vmha_view_move m;

		vmha_view_move_read(moves, vmha_view_find_vm(moves, list->items[i].id), &m);
		if (m.id >= 0 && !vmha_view_ended(&m)) {
			json_decref(one); /* on its way, or being settled */
			continue;
		}
		if (!json_is_true(json_object_get(one, "ok")) ||
		    (left && vmha_pcmk_id_used(left, NULL) == 1)) {
			(void)json_array_append_new(names, json_string(list->items[i].id));
		}
		json_decref(one);
	}
	return r;
}

static int heal_all(json_t *names, unsigned int timeout_s, json_t *results, struct vmha_err **err)
{
	int failed = 0;
	size_t i;

	for (i = 0; i < json_array_size(names); i++) {
		vmha_autoerr struct vmha_err *why = NULL;

		if (heal_one(json_string_value(json_array_get(names, i)), timeout_s, results,
			     &why) < 0) {
			failed++;
			(void)vmha_err_set(err, -EIO, "%s", vmha_err_text(why));
			if (json_array_size(names) > 1) {
				(void)fprintf(stderr, "vmha: %s\n", vmha_err_text(why));
			}
		}
	}
	if (failed > 0 && json_array_size(names) > 1) {
		(void)vmha_err_set(err, -EIO, "%d of %zu roles could not be healed", failed,
				   json_array_size(names));
	}
	return failed ? -EIO : 0;
}

static int heal_run(int argc, char **argv, struct vmha_err **err)
{
	const char *timeout = NULL;
	const struct vmha_option opts[] = { { .name = "timeout", .value = &timeout }, { 0 } };
	uint64_t timeout_s = HEAL_TIMEOUT_S;
	json_t *results = NULL;
	json_t *names = NULL;
	int r = vmha_options_take(&argc, argv, opts, err);
	int i;

	if (r != 0) {
		return r;
	}
	if (timeout && vmha_str_u64(timeout, 5, 3600, &timeout_s) < 0) {
		return vmha_usage(err, "--timeout is 5 to 3600 s, not '%s'", timeout);
	}
	r = vmha_need_root(err);
	if (r < 0) {
		return r;
	}
	results = json_array();
	names = json_array();
	for (i = 1; i < argc; i++) {
		(void)json_array_append_new(names, json_string(argv[i]));
	}
	r = argc > 1 ? 0 : heal_names(names, err);
	if (r == 0 && json_array_size(names) == 0) {
		vmha_output_step("nothing to heal");
	}
	r = r < 0 ? r : heal_all(names, (unsigned int)timeout_s, results, err);
	json_decref(names);
	if (vmha_output_json(results) < 0 && r == 0) {
		r = -EIO;
	}
	return r;
}

const struct vmha_command vmha_commands_heal[] = {
	{
		.name = "heal",
		.args = "[VM...] [--timeout S]",
		.summary = "Bring roles back under management after a failed move",
		.help = "Aborts what is left of a move, removes its constraint, confirms by lease "
			"and "
			"libvirt who runs the\nVM, then makes the cluster forget the failure and "
			"waits "
			"until the VM is managed again. Never stops\na VM. Without VM: all roles "
			"that "
			"need it.\n\n"
			"  --timeout S   for each role, 5 to 3600 (default: 60)\n",
		.run = heal_run,
	},
	{ 0 },
};
