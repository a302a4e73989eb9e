/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What ocf:vmha:vm does not answer by itself: same arguments, same environment. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/cleanup.h"
#include "lib/base/log.h"
#include "lib/base/str.h"
#include "lib/port/domxml.h"
#include "lib/port/ipc_client.h"
#include "lib/role/journal.h"
#include "lib/role/migrate.h"
#include "lib/role/monitor.h"
#include "lib/role/precheck.h"
#include "lib/role/process.h"
#include "lib/role/start.h"
#include "lib/role/stop.h"
#include "resource-agent/params.h"

#define CLUSTERD_PATIENCE VMHA_SPAN_MS(500)

static int failed(int r, struct vmha_err *err)
{
	switch (r) {
	case 0:
		return OCF_SUCCESS;
	case -EINVAL:
		return vmha_ocf_fail(OCF_ERR_CONFIGURED, vmha_err_text(err));
	default:
		return vmha_ocf_fail(OCF_ERR_GENERIC, vmha_err_text(err));
	}
}

static int do_start(const struct vmha_action *act, const struct vm_params *p)
{
	vmha_autoerr struct vmha_err *err = NULL;
	int r = vmha_start(act, &err);

	(void)p;
	if (r < 0) {
		vmha_journal_action(act, "start", "error", "%s", vmha_err_text(err));
	}
	return failed(r, err);
}

static int do_stop(const struct vmha_action *act, const struct vm_params *p)
{
	vmha_autoerr struct vmha_err *err = NULL;
	int r = vmha_stop(act, &err);

	(void)p;
	if (r < 0) {
		vmha_journal_action(act, "stop", "error", "%s", vmha_err_text(err));
	}
	return failed(r, err);
}

static int do_monitor(const struct vmha_action *act, const struct vm_params *p)
{
	vmha_autoerr struct vmha_err *err = NULL;

	switch (vmha_monitor(act, &err)) {
	case VMHA_MONITOR_RUNNING:
		return OCF_SUCCESS;
	case VMHA_MONITOR_DEGRADED:
		if (!p->interval_ms) { /* a probe asks only whether it is here */
			break;
		}
		return vmha_ocf_fail(OCF_DEGRADED, vmha_err_text(err));
	case VMHA_MONITOR_FAILED:
		if (!p->interval_ms) {
			break;
		}
		return vmha_ocf_fail(OCF_ERR_GENERIC, vmha_err_text(err));
	case VMHA_MONITOR_NOT_RUNNING:
		return OCF_NOT_RUNNING;
	case VMHA_MONITOR_UNKNOWN:
		return vmha_ocf_fail(OCF_ERR_GENERIC, vmha_err_text(err));
	}
	vmha_log(VMHA_LOG_WARNING, "%s", vmha_err_text(err));
	return OCF_SUCCESS;
}

static int do_migrate_to(const struct vmha_action *act, const struct vm_params *p)
{
	vmha_autoerr struct vmha_err *err = NULL;
	int r;

	if (!p->target) {
		return vmha_ocf_fail(OCF_ERR_ARGS, "migrate_to is told no target node: it is for "
						   "Pacemaker to call");
	}
	r = vmha_migrate_to(act, p->target, &err);
	return failed(r, err);
}

static int do_migrate_from(const struct vmha_action *act, const struct vm_params *p)
{
	vmha_autoerr struct vmha_err *err = NULL;
	int r = vmha_migrate_from(act, &err);

	(void)p;
	return failed(r, err);
}

/* Parameters are read afresh by each action; the role must be on the volume that is named now. */
static int do_reload(const struct vmha_action *act, const struct vm_params *p)
{
	vmha_log(VMHA_LOG_INFO, "vm=%s now migration_mode=%s graceful_s=%llu", act->role.name,
		 p->migration_mode, (unsigned long long)p->graceful_s);
	return OCF_SUCCESS;
}

static int do_validate(const struct vmha_action *act, const struct vm_params *p)
{
	vmha_autodomxml struct vmha_domxml *dom = NULL;
	vmha_autoerr struct vmha_err *err = NULL;
	char path[VMHA_PATH_SIZE];
	int r;

	(void)p;
	vmha_role_path(&act->role, VMHA_FILE_XML, path);
	r = vmha_domxml_load(path, &dom, &err);
	if (r == 0) {
		r = vmha_domxml_has_lease(dom, &act->lease, &err);
		r = r == 0 ? vmha_err_set(&err, -EINVAL, "%s has no <lease>", path)
			   : (r > 0 ? 0 : r);
	}
	return failed(r, err);
}

static int checks_print(const struct vmha_check *checks, size_t count)
{
	vmha_autofree char *text = vmha_checks_json(checks, count);

	return text && puts(text) >= 0 ? OCF_SUCCESS : OCF_ERR_GENERIC;
}

/* From clusterd, on standard input; nothing there: they are not to be checked. */
static struct vmha_plan *ways_read(void)
{
	struct vmha_plan *ways = NULL;
	char text[16384];
	size_t len = isatty(STDIN_FILENO) ? 0 : fread(text, 1, sizeof(text) - 1, stdin);

	text[len] = '\0';
	if (len > 0) {
		(void)vmha_move_json_ways(text, &ways, NULL);
	}
	return ways;
}

static int checks_run(const struct vmha_action *act, bool all)
{
	vmha_autofree struct vmha_plan *ways = ways_read();
	vmha_autofree struct vmha_check *checks = calloc(VMHA_CHECKS_MAX, sizeof(*checks));
	vmha_autoerr struct vmha_err *err = NULL;
	int n = checks ? vmha_precheck(act, ways, all, checks, &err) : -ENOMEM;

	return n < 0 ? vmha_ocf_fail(OCF_ERR_GENERIC,
				     n == -ENOMEM ? "out of memory" : vmha_err_text(err))
		     : checks_print(checks, (size_t)n);
}

/* For clusterd, on the node that a guest is to move to: all that is wrong, for people. */
static int do_precheck(const struct vmha_action *act, const struct vm_params *p)
{
	(void)p;
	return checks_run(act, true);
}

/* Likewise, for a move that is refused as soon as something is. */
static int do_admit(const struct vmha_action *act, const struct vm_params *p)
{
	(void)p;
	return checks_run(act, false);
}

static const struct {
	const char *name;
	int (*run)(const struct vmha_action *act, const struct vm_params *p);
	bool announced; /* it may end or begin the guest's process here */
} actions[] = {
	{ "start", do_start, true },
	{ "stop", do_stop, true },
	{ "monitor", do_monitor, false },
	{ "status", do_monitor, false },
	{ "migrate_to", do_migrate_to, true },
	{ "migrate_from", do_migrate_from, true },
	{ "reload", do_reload, false },
	{ "reload-agent", do_reload, false },
	{ "validate-all", do_validate, false },
	{ "precheck", do_precheck, false },
	{ "admit", do_admit, false },
};

/* clusterd takes no end of the guest for a crash while this connection lasts. */
static struct vmha_ipc *announce(const char *action, const struct vm_params *p)
{
	vmha_autofree char *text =
		vmha_str_printf("{\"v\":1,\"op\":\"action-begin\",\"vm\":\"%s\",\"action\":\"%s\"}",
				p->role.name, action);
	struct vmha_ipc *ipc = NULL;

	if (text && vmha_ipc_open(&ipc, CLUSTERD_PATIENCE, NULL) == 0) {
		(void)vmha_ipc_call(ipc, text, CLUSTERD_PATIENCE, NULL, NULL);
	}
	return ipc;
}

static void ipc_cleanup(struct vmha_ipc **ipc)
{
	vmha_ipc_close(*ipc);
}

/*
 * The volume cannot be read or knows no such role.  What is not here needs no volume to be stopped:
 * /proc has the word.
 */
static int without_role(const char *action, const struct vm_params *p, int r, struct vmha_err *err)
{
	struct vmha_process found = vmha_process_find(p->role.name, NULL);
	bool none = found.witness == VMHA_PROCESS_NONE;
	struct vmha_check volume = { .check = "volume" };

	if (strcmp(action, "stop") == 0 && none) {
		(void)vmha_role_forget(&p->role, VMHA_RECORD_RUN, NULL);
		vmha_log(VMHA_LOG_INFO, "vm=%s is stopped: no process (%s)", p->role.name,
			 vmha_err_text(err));
		return OCF_SUCCESS;
	}
	if ((strcmp(action, "monitor") == 0 || strcmp(action, "status") == 0) && none) {
		return OCF_NOT_RUNNING;
	}
	if (strcmp(action, "precheck") == 0 || strcmp(action, "admit") == 0) {
		(void)snprintf(volume.text, sizeof(volume.text), "%s: %s",
			       p->node ? p->node : "here", vmha_err_text(err));
		return checks_print(&volume, 1);
	}
	return vmha_ocf_fail(r == -ENOENT ? OCF_ERR_INSTALLED : OCF_ERR_GENERIC,
			     vmha_err_text(err));
}

int main(int argc, char **argv)
{
	const char *action = argc == 2 ? argv[1] : "";
	vmha_autofree struct vmha_action *act = calloc(1, sizeof(*act));
	VMHA_CLEANUP(ipc_cleanup) struct vmha_ipc *ipc = NULL;
	vmha_autoerr struct vmha_err *err = NULL;
	struct vm_params p = { 0 };
	size_t i;
	int r;

	if (!act || vm_params_read(&p, &err) < 0) {
		return vmha_ocf_fail(act ? OCF_ERR_CONFIGURED : OCF_ERR_GENERIC,
				     vmha_err_text(err));
	}
	for (i = 0; i < sizeof(actions) / sizeof(actions[0]); i++) {
		if (actions[i].announced && strcmp(action, actions[i].name) == 0) {
			ipc = announce(action, &p);
		}
	}
	r = vmha_action_open(&p.role, p.node, VMHA_SPAN_MS(p.timeout_ms), act, &err);
	if (r < 0) {
		return without_role(action, &p, r, err);
	}
	(void)vmha_move_mode_parse(p.migration_mode, &act->mode);
	act->quick_on_stall = vmha_str_eq(p.on_stall, "quick");
	act->postcopy_on_stall = vmha_str_eq(p.on_stall, "postcopy");
	act->graceful = VMHA_SPAN_S(p.graceful_s);
	act->policy = p.policy;
	for (i = 0; i < sizeof(actions) / sizeof(actions[0]); i++) {
		if (strcmp(action, actions[i].name) == 0) {
			return actions[i].run(act, &p);
		}
	}
	(void)fprintf(stderr, "vm-action is run by the resource agent vm\n");
	return OCF_ERR_UNIMPLEMENTED;
}
