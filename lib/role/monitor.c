/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lib/role/monitor.h"

#include <errno.h>

#include "lib/base/cleanup.h"
#include "lib/base/log.h"
#include "lib/port/virt.h"
#include "lib/role/leaserule.h"
#include "lib/role/observe.h"
#include "lib/role/owner.h"
#include "lib/role/present.h"

#define SETTLE VMHA_SPAN_S(5)

static enum vmha_monitor unknown(const struct vmha_action *act, const struct vmha_observation *obs,
				 const char *what, struct vmha_err **err)
{
	(void)vmha_err_set(err, -EAGAIN, "%s on %s: %s (%s)", act->role.name, act->node, what,
			   obs->text);
	return VMHA_MONITOR_UNKNOWN;
}

static enum vmha_monitor absent(const struct vmha_action *act, const struct vmha_observation *obs,
				struct vmha_err **err)
{
	if (vmha_owner_start_open(act) && obs->w.virt == VMHA_VIRT_SILENT && !vmha_virt_gone()) {
		return unknown(act, obs, "a start may be under way in a libvirtd that hangs", err);
	}
	(void)vmha_role_forget(&act->role, VMHA_RECORD_RUN, NULL);
	return VMHA_MONITOR_NOT_RUNNING;
}

/* It stands still for a reason of its own: as its role wants it (parameters on_...). */
static enum vmha_monitor still(const struct vmha_action *act, enum vmha_guest_state state,
			       const char *remedy, struct vmha_err **err)
{
	bool restart = vmha_guest_wish_still(&act->policy, state) == VMHA_WISH_RESTART;

	(void)vmha_err_set(err, -EIO, "%s on %s is %s%s%s", act->role.name, act->node,
			   vmha_guest_state_text(state), restart ? "" : ": ",
			   restart ? "" : remedy);
	return restart ? VMHA_MONITOR_FAILED : VMHA_MONITOR_DEGRADED;
}

static enum vmha_monitor present_migrating(const struct vmha_action *act,
					   struct vmha_observation *obs, struct vmha_err **err)
{
	vmha_autoerr struct vmha_err *e = NULL;
	struct vmha_virt_job job = { 0 };

	if (vmha_virt_job(NULL, act->rec.uuid, VMHA_SPAN_S(5), &job, NULL) == 0 &&
	    job.kind != VMHA_VIRT_JOB_NONE) {
		return VMHA_MONITOR_RUNNING; /* in its switchover */
	}
	if (vmha_source_resume(act, obs, &e) == 0) {
		return VMHA_MONITOR_RUNNING;
	}
	return unknown(act, obs, vmha_err_text(e), err);
}

static enum vmha_monitor present_paused(const struct vmha_action *act, struct vmha_observation *obs,
					struct vmha_err **err)
{
	switch (obs->w.virt) {
	case VMHA_VIRT_PAUSED_IOERROR:
		return still(act, VMHA_GUEST_IOERROR,
			     "repair the storage, then run virsh resume on that node", err);
	case VMHA_VIRT_PAUSED_WATCHDOG:
		return still(act, VMHA_GUEST_WATCHDOG, "reset it, or run virsh resume on that node",
			     err);
	case VMHA_VIRT_CRASHED:
		return still(act, VMHA_GUEST_PANICKED, "look at it, then restart it", err);
	case VMHA_VIRT_PAUSED:
		return still(act, VMHA_GUEST_PAUSED, "continue it by virsh resume on that node",
			     err);
	case VMHA_VIRT_PAUSED_MIGRATION:
		return present_migrating(act, obs, err);
	case VMHA_VIRT_POSTCOPY_BROKEN:
		(void)vmha_err_set(err, -EIO,
				   "%s on %s has to be started again: its post-copy broke off, the "
				   "rest of its memory is lost",
				   act->role.name, act->node);
		return VMHA_MONITOR_FAILED;
	case VMHA_VIRT_POSTCOPY:
	case VMHA_VIRT_UNASKED:
	case VMHA_VIRT_SILENT:
	case VMHA_VIRT_ABSENT:
	case VMHA_VIRT_RUNNING:
	case VMHA_VIRT_RUNNING_POSTCOPY:
	case VMHA_VIRT_PAUSED_OTHER:
	case VMHA_VIRT_SHUTOFF:
		vmha_log(VMHA_LOG_WARNING, "vm=%s node=%s stands still (%s)", act->role.name,
			 act->node, obs->text);
		break;
	}
	return VMHA_MONITOR_RUNNING;
}

static enum vmha_monitor present(const struct vmha_action *act, struct vmha_observation *obs,
				 struct vmha_err **err)
{
	if (vmha_present_is_incoming(act, obs)) {
		vmha_log(VMHA_LOG_INFO, "vm=%s node=%s is only expected here (%s)", act->role.name,
			 act->node, obs->text);
		return VMHA_MONITOR_NOT_RUNNING;
	}
	if (vmha_source_feeds(act, obs)) {
		vmha_log(VMHA_LOG_INFO, "vm=%s node=%s runs on its target by now (%s)",
			 act->role.name, act->node, obs->text);
		return VMHA_MONITOR_NOT_RUNNING;
	}
	switch (vmha_lease_rule(act, obs)) {
	case VMHA_RULE_KEPT:
	case VMHA_RULE_RETAKEN:
		break;
	case VMHA_RULE_PAUSED:
		return present_paused(act, obs, err);
	case VMHA_RULE_KILLED:
		(void)vmha_present_forget(act, NULL);
		return VMHA_MONITOR_NOT_RUNNING;
	case VMHA_RULE_UNPROTECTED:
		/*
		 * Not a failure: Pacemaker would stop the guest and start it elsewhere, where its
		 * lease stays taken until this host counts as dead.  The volume's monitor, told by
		 * the marker, fences this node, and that frees the lease.
		 */
		(void)unknown(act, obs, "it runs unknown to sanlock: the node is to be fenced",
			      err);
		return VMHA_MONITOR_DEGRADED;
	case VMHA_RULE_UNKNOWN:
		return unknown(act, obs, "it runs without its lease", err);
	}
	if (obs->w.process == VMHA_PROCESS_NONE) {
		return absent(act, obs, err);
	}
	if (vmha_present_record(act, obs, err) < 0) {
		vmha_log(VMHA_LOG_WARNING, "%s", err ? vmha_err_text(*err) : "records not written");
	}
	vmha_present_close_move(act);
	return obs->verdict.healthy ? VMHA_MONITOR_RUNNING : present_paused(act, obs, err);
}

enum vmha_monitor vmha_monitor(const struct vmha_action *act, struct vmha_err **err)
{
	struct vmha_observation obs = { 0 };

	vmha_observe_settled(act, SETTLE, &obs);
	switch (obs.verdict.place) {
	case VMHA_PLACE_RUNNING:
		return present(act, &obs, err);
	case VMHA_PLACE_NOT_RUNNING:
		return absent(act, &obs, err);
	case VMHA_PLACE_UNKNOWN:
		break;
	}
	return unknown(act, &obs, "cannot be told", err);
}
