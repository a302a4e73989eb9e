/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ocf:vmha:vm as Pacemaker runs it: thin, for `monitor` comes every few seconds for every VM.  It
 * answers where the answer is plain (our process holds its lease and clusterd knows nothing against
 * it; nothing of the VM is here), and hands everything else to vm-action, which links libvirt.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/cleanup.h"
#include "lib/base/log.h"
#include "lib/base/proc.h"
#include "lib/base/str.h"
#include "lib/core/move.h"
#include "lib/port/ipc_client.h"
#include "lib/port/lease_sanlock.h"
#include "lib/role/process.h"
#include "lib/role/role.h"
#include "resource-agent/params.h"

#define CLUSTERD_PATIENCE VMHA_SPAN_MS(300)
#define CLUSTERD_LOOK	  1 /* its code for a guest that is not well, or that it does not know */

enum answer {
	ANSWER_RUNNING,
	ANSWER_NOT_RUNNING,
	ANSWER_ASK, /* not plain: vm-action is to look */
};

/* The process that was recorded lives and holds the lease. */
static bool plainly_running(const struct vm_params *p, struct vmha_run_record *run)
{
	struct vmha_lease lease = { 0 };
	uint64_t lver = 0;

	memcpy(lease.lockspace, p->role.volume, sizeof(lease.lockspace));
	memcpy(lease.name, p->role.name, sizeof(lease.name));
	if (!vmha_str_eq(run->volume, p->role.volume) ||
	    !vmha_proc_is((pid_t)run->pid, run->start_ticks) ||
	    vmha_lease_held_by(&lease, (pid_t)run->pid, &lver, NULL) != 1) {
		return false;
	}
	if (lver != run->lver) { /* suspended and resumed meanwhile */
		run->lver = lver;
		(void)vmha_role_store(&p->role, VMHA_RECORD_RUN, run, NULL);
	}
	return true;
}

/* The process may stand still with its lease: clusterd knows from libvirt.  Where it does not
 * answer, or libvirtd does not answer it, process and lease must do. */
static bool clusterd_doubts(const struct vm_params *p, const struct vmha_run_record *run)
{
	vmha_autofree char *text =
		vmha_str_printf("{\"v\":1,\"op\":\"monitor\",\"vm\":\"%s\",\"pid\":%lld}",
				p->role.name, (long long)run->pid);
	struct vmha_ipc *ipc = NULL;
	bool doubts = false;

	if (!text || vmha_ipc_open(&ipc, CLUSTERD_PATIENCE, NULL) < 0) {
		return false;
	}
	if (vmha_ipc_call(ipc, text, CLUSTERD_PATIENCE, NULL, NULL) == 0) {
		doubts = vmha_ipc_code(ipc) == CLUSTERD_LOOK;
	}
	vmha_ipc_close(ipc);
	return doubts;
}

/* No process, and no start that began here and whose end nobody saw. */
static bool plainly_absent(const struct vm_params *p)
{
	struct vmha_owner_record owner = { 0 };
	int r;

	if (vmha_process_find(p->role.name, NULL).witness != VMHA_PROCESS_NONE) {
		return false;
	}
	r = vmha_role_load(&p->role, VMHA_RECORD_OWNER, &owner, NULL);
	if (r == -ENOENT) {
		return true; /* also where the volume is not there yet: /proc has the word */
	}
	return r == 0 && p->node && !vmha_str_eq(owner.node, p->node);
}

/* A move whose agent was killed: its record is to be closed.  Looked for by probes only, as after
 * `vmha heal`. */
static bool move_left_open(const struct vm_params *p)
{
	struct vmha_move_record move = { 0 };
	enum vmha_move_state state;

	return !p->interval_ms && vmha_role_load(&p->role, VMHA_RECORD_MOVE, &move, NULL) == 0 &&
	       vmha_move_state_parse(move.state, &state) && !vmha_move_is_final(state);
}

static enum answer monitor(const struct vm_params *p)
{
	struct vmha_run_record run = { 0 };
	int r = vmha_role_load(&p->role, VMHA_RECORD_RUN, &run, NULL);

	if (r == 0) {
		return plainly_running(p, &run) && !move_left_open(p) && !clusterd_doubts(p, &run)
			       ? ANSWER_RUNNING
			       : ANSWER_ASK;
	}
	return r == -ENOENT && plainly_absent(p) ? ANSWER_NOT_RUNNING : ANSWER_ASK;
}

static int monitor_or_ask(char **argv)
{
	vmha_autoerr struct vmha_err *err = NULL;
	struct vm_params p = { 0 };

	if (vm_params_read(&p, &err) < 0) {
		return vmha_ocf_fail(OCF_ERR_CONFIGURED, vmha_err_text(err));
	}
	switch (monitor(&p)) {
	case ANSWER_RUNNING:
		return OCF_SUCCESS;
	case ANSWER_NOT_RUNNING:
		return OCF_NOT_RUNNING;
	case ANSWER_ASK:
		break;
	}
	(void)execv(VMHA_PKGLIBEXECDIR "/vm-action", argv);
	return vmha_ocf_fail(OCF_ERR_INSTALLED, "cannot run " VMHA_PKGLIBEXECDIR
						"/vm-action: install vmha again on this node");
}

static void usage(FILE *to)
{
	(void)fputs("usage: vm {start|stop|monitor|migrate_to|migrate_from|reload|reload-agent|"
		    "validate-all|meta-data}\n"
		    "A resource agent: Pacemaker runs it, with its parameters in the environment.\n"
		    "See ocf_vmha_vm(7).\n",
		    to);
}

int main(int argc, char **argv)
{
	static const char *const others[] = { "start",	      "stop",	"migrate_to",
					      "migrate_from", "reload", "reload-agent",
					      "validate-all" };
	const char *action = argc == 2 ? argv[1] : "";
	size_t i;

	if (strcmp(action, "meta-data") == 0) {
		vm_meta_data();
		return OCF_SUCCESS;
	}
	if (strcmp(action, "usage") == 0 || strcmp(action, "help") == 0) {
		usage(stdout);
		return OCF_SUCCESS;
	}
	if (strcmp(action, "monitor") == 0 || strcmp(action, "status") == 0) {
		return monitor_or_ask(argv);
	}
	for (i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		if (strcmp(action, others[i]) == 0) {
			(void)execv(VMHA_PKGLIBEXECDIR "/vm-action", argv);
			return vmha_ocf_fail(OCF_ERR_INSTALLED,
					     "cannot run " VMHA_PKGLIBEXECDIR
					     "/vm-action: install vmha again on this node");
		}
	}
	usage(stderr);
	return OCF_ERR_UNIMPLEMENTED;
}
