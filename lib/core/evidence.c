/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lib/core/evidence.h"

/* libvirt says that there is a guest, whatever it does */
static bool virt_claims_guest(enum vmha_virt_witness virt)
{
	switch (virt) {
	case VMHA_VIRT_RUNNING:
	case VMHA_VIRT_RUNNING_POSTCOPY:
	case VMHA_VIRT_PAUSED:
	case VMHA_VIRT_PAUSED_IOERROR:
	case VMHA_VIRT_PAUSED_WATCHDOG:
	case VMHA_VIRT_PAUSED_MIGRATION:
	case VMHA_VIRT_POSTCOPY:
	case VMHA_VIRT_POSTCOPY_BROKEN:
	case VMHA_VIRT_PAUSED_OTHER:
		return true;
	case VMHA_VIRT_UNASKED:
	case VMHA_VIRT_SILENT:
	case VMHA_VIRT_ABSENT:
	case VMHA_VIRT_CRASHED:
	case VMHA_VIRT_SHUTOFF:
		break;
	}
	return false;
}

/* Nobody says that the guest stands still, so its vCPUs may run. */
static bool virt_may_run(enum vmha_virt_witness virt)
{
	switch (virt) {
	case VMHA_VIRT_UNASKED:
	case VMHA_VIRT_SILENT:
	case VMHA_VIRT_ABSENT: /* libvirt lost it: nobody watches that process */
	case VMHA_VIRT_RUNNING:
	case VMHA_VIRT_RUNNING_POSTCOPY:
		return true;
	case VMHA_VIRT_PAUSED:
	case VMHA_VIRT_PAUSED_IOERROR:
	case VMHA_VIRT_PAUSED_WATCHDOG:
	case VMHA_VIRT_PAUSED_MIGRATION:
	case VMHA_VIRT_POSTCOPY:
	case VMHA_VIRT_POSTCOPY_BROKEN:
	case VMHA_VIRT_PAUSED_OTHER:
	case VMHA_VIRT_CRASHED:
	case VMHA_VIRT_SHUTOFF:
		break;
	}
	return false;
}

static struct vmha_verdict judge_alive(const struct vmha_witnesses *w)
{
	struct vmha_verdict v = { .place = VMHA_PLACE_RUNNING };

	switch (w->lease) {
	case VMHA_LEASE_HELD:
		v.healthy = virt_may_run(w->virt);
		break;
	case VMHA_LEASE_REGISTERED:
		v.lease_missing = virt_may_run(w->virt);
		break;
	case VMHA_LEASE_NOT_REGISTERED: /* nobody would kill it when its lease expires */
	case VMHA_LEASE_SILENT:
		v.unprotected = true;
		break;
	case VMHA_LEASE_UNASKED:
	case VMHA_LEASE_NO_PID:
		break;
	}
	return v;
}

struct vmha_verdict vmha_evidence_judge(const struct vmha_witnesses *w)
{
	struct vmha_verdict unknown = { .place = VMHA_PLACE_UNKNOWN };

	switch (w->process) {
	case VMHA_PROCESS_ALIVE:
		return judge_alive(w);
	case VMHA_PROCESS_NONE:
		/* a lease held or a guest claimed without a process: the witnesses disagree */
		if (w->lease == VMHA_LEASE_HELD || virt_claims_guest(w->virt)) {
			return unknown;
		}
		return (struct vmha_verdict){ .place = VMHA_PLACE_NOT_RUNNING };
	case VMHA_PROCESS_UNASKED:
	case VMHA_PROCESS_UNREADABLE:
		/* sanlock is the strongest witness: it watches that pid by a pipe of its own */
		return w->lease == VMHA_LEASE_HELD ? judge_alive(w) : unknown;
	case VMHA_PROCESS_SEVERAL:
		break;
	}
	return unknown;
}

static const char *process_name(enum vmha_process_witness process)
{
	switch (process) {
	case VMHA_PROCESS_UNASKED:
		break;
	case VMHA_PROCESS_ALIVE:
		return "alive";
	case VMHA_PROCESS_NONE:
		return "none";
	case VMHA_PROCESS_UNREADABLE:
		return "unreadable";
	case VMHA_PROCESS_SEVERAL:
		return "several";
	}
	return "not asked";
}

static const char *lease_name(enum vmha_lease_witness lease)
{
	switch (lease) {
	case VMHA_LEASE_UNASKED:
		break;
	case VMHA_LEASE_SILENT:
		return "sanlock silent";
	case VMHA_LEASE_HELD:
		return "held";
	case VMHA_LEASE_REGISTERED:
		return "not held";
	case VMHA_LEASE_NOT_REGISTERED:
		return "process unknown to sanlock";
	case VMHA_LEASE_NO_PID:
		return "no process";
	}
	return "not asked";
}

static const char *virt_name(enum vmha_virt_witness virt)
{
	switch (virt) {
	case VMHA_VIRT_UNASKED:
		break;
	case VMHA_VIRT_SILENT:
		return "silent";
	case VMHA_VIRT_ABSENT:
		return "absent";
	case VMHA_VIRT_RUNNING:
		return "running";
	case VMHA_VIRT_RUNNING_POSTCOPY:
		return "running in a post-copy";
	case VMHA_VIRT_PAUSED:
		return "paused by user";
	case VMHA_VIRT_PAUSED_IOERROR:
		return "paused on I/O error";
	case VMHA_VIRT_PAUSED_WATCHDOG:
		return "paused by watchdog";
	case VMHA_VIRT_PAUSED_MIGRATION:
		return "paused for migration";
	case VMHA_VIRT_POSTCOPY:
		return "paused, its memory is being fetched";
	case VMHA_VIRT_POSTCOPY_BROKEN:
		return "in a post-copy that broke off";
	case VMHA_VIRT_PAUSED_OTHER:
		return "paused";
	case VMHA_VIRT_CRASHED:
		return "crashed";
	case VMHA_VIRT_SHUTOFF:
		return "shut off";
	}
	return "not asked";
}

int vmha_evidence_describe(const struct vmha_witnesses *w, struct vmha_str *to)
{
	return vmha_str_add(to, "process=%s lease=%s libvirt=%s", process_name(w->process),
			    lease_name(w->lease), virt_name(w->virt));
}

const char *vmha_place_name(enum vmha_place place)
{
	switch (place) {
	case VMHA_PLACE_UNKNOWN:
		break;
	case VMHA_PLACE_RUNNING:
		return "RUNNING";
	case VMHA_PLACE_NOT_RUNNING:
		return "NOT_RUNNING";
	}
	return "UNKNOWN";
}
