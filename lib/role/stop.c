/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lib/role/stop.h"

#include <errno.h>
#include <signal.h>

#include "lib/base/cleanup.h"
#include "lib/base/log.h"
#include "lib/base/proc.h"
#include "lib/port/qmp.h"
#include "lib/port/virt.h"
#include "lib/role/journal.h"
#include "lib/role/leaserule.h"
#include "lib/role/observe.h"
#include "lib/role/owner.h"
#include "lib/role/present.h"

#define SETTLE		VMHA_SPAN_S(5)
#define PACE		VMHA_SPAN_S(1)
#define ASK_PATIENCE	VMHA_SPAN_S(5)
#define PRESS_AGAIN	VMHA_SPAN_S(10) /* a guest that still boots does not hear the first press */
#define LEFT_OVER_LOOKS 3
#define FORCE_MS	15000 /* kept back of the time for the forced end */

/* Through libvirtd; where it is dead, to QEMU itself. @return 0 pressed */
static int power_button(const struct vmha_action *act, const struct vmha_observation *obs)
{
	vmha_autoerr struct vmha_err *err = NULL;
	char socket_path[VMHA_PATH_SIZE];
	int r = vmha_virt_shutdown(act->rec.uuid, vmha_action_left(act, ASK_PATIENCE), &err);

	if (r < 0 && vmha_virt_gone() && vmha_monitor_socket(obs, socket_path) == 0) {
		vmha_autoerr struct vmha_err *e = NULL;

		r = vmha_qmp_run(socket_path, "system_powerdown",
				 vmha_action_left(act, ASK_PATIENCE), NULL, &e);
		if (r == 0) {
			vmha_log(VMHA_LOG_INFO,
				 "vm=%s libvirtd is dead: asked QEMU itself to power off",
				 act->role.name);
			return 0;
		}
		vmha_log(VMHA_LOG_WARNING, "vm=%s %s", act->role.name, vmha_err_text(e));
	}
	if (r < 0) {
		vmha_log(VMHA_LOG_WARNING, "vm=%s cannot press its power button: %s",
			 act->role.name, vmha_err_text(err));
	}
	return r;
}

static struct vmha_mono earlier(struct vmha_mono a, struct vmha_mono b)
{
	return a.ns < b.ns ? a : b;
}

/* libvirt starts QEMU so that it stays when its guest has powered off, and ends it itself: with
 * libvirtd dead that is for us to do. */
static void quit_if_off(const struct vmha_action *act, const struct vmha_observation *obs)
{
	char socket_path[VMHA_PATH_SIZE];

	if (vmha_virt_gone() && vmha_monitor_socket(obs, socket_path) == 0 &&
	    vmha_qmp_status(socket_path, vmha_action_left(act, ASK_PATIENCE)) ==
		    VMHA_QMP_SHUTDOWN) {
		(void)vmha_qmp_run(socket_path, "quit", vmha_action_left(act, ASK_PATIENCE), NULL,
				   NULL);
	}
}

/* @return true gone */
static bool wait_gone(const struct vmha_action *act, const struct vmha_observation *obs,
		      struct vmha_mono end)
{
	while (!vmha_mono_passed(end)) {
		struct vmha_mono look = earlier(end, vmha_mono_add(vmha_mono_now(), PACE));

		if (vmha_proc_wait_gone(obs->pid, obs->start_ticks, look) == 0) {
			return true;
		}
		quit_if_off(act, obs);
	}
	return vmha_proc_wait_gone(obs->pid, obs->start_ticks, end) == 0;
}

/* @return true gone */
static bool stop_gracefully(const struct vmha_action *act, const struct vmha_observation *obs)
{
	struct vmha_mono last = vmha_mono_add(act->deadline, VMHA_SPAN_MS(-FORCE_MS));
	struct vmha_mono end = earlier(last, vmha_mono_add(vmha_mono_now(), act->graceful));

	while (!vmha_mono_passed(end)) {
		struct vmha_mono next = vmha_mono_add(vmha_mono_now(), PRESS_AGAIN);

		(void)power_button(act, obs);
		if (wait_gone(act, obs, earlier(end, next))) {
			return true;
		}
	}
	return false;
}

/* With its lease QEMU may flush (SIGTERM, as libvirt does first); without, it must not (I3). */
static int stop_forced(const struct vmha_action *act, const struct vmha_observation *obs,
		       struct vmha_err **err)
{
	struct vmha_mono flush = vmha_mono_add(vmha_mono_now(), VMHA_SPAN_S(5));
	int r;

	if (obs->w.lease == VMHA_LEASE_HELD) {
		vmha_log(VMHA_LOG_WARNING, "vm=%s does not power off by itself: ended by force",
			 act->role.name);
		if (vmha_proc_is(obs->pid, obs->start_ticks)) {
			(void)kill(obs->pid, SIGTERM);
		}
		if (vmha_proc_wait_gone(obs->pid, obs->start_ticks,
					earlier(flush, act->deadline)) == 0) {
			return 0;
		}
	}
	r = vmha_proc_kill(obs->pid, obs->start_ticks, act->deadline);
	return r < 0 ? vmha_err_errno(err, r,
				      "QEMU process %d of %s hangs in the kernel of %s and does "
				      "not end",
				      (int)obs->pid, act->role.name, act->node)
		     : 0;
}

static bool guest_can_hear(const struct vmha_observation *obs)
{
	return obs->w.lease == VMHA_LEASE_HELD &&
	       (obs->w.virt == VMHA_VIRT_RUNNING || obs->w.virt == VMHA_VIRT_RUNNING_POSTCOPY ||
		obs->w.virt == VMHA_VIRT_SILENT);
}

static int stop_process(const struct vmha_action *act, const struct vmha_observation *obs,
			struct vmha_err **err)
{
	int r;

	if (guest_can_hear(obs) && stop_gracefully(act, obs)) {
		vmha_journal_action(act, "stop", "info", "%s powered off on %s, as asked to",
				    act->role.name, act->node);
		return 0;
	}
	r = stop_forced(act, obs, err);
	if (r == 0) {
		vmha_journal_action(act, "stop", "warning", "%s was stopped on %s by force",
				    act->role.name, act->node);
	}
	return r;
}

/*
 * No process, but libvirtd may be about to make one: a start whose agent was killed.
 *
 *   libvirtd                                this stop
 *   works at the start of a killed agent    no process, no lease; owner record {us, pid 0}
 *   (answers)                               libvirt says "shut off" of a transient domain: ends
 *                                           that job, waits until the domain is unknown
 *   (hangs)                                 cannot tell: waits; fails at the end -> fence
 *   (is dead)                               the start died with it: nothing can come
 */
static int stop_inflight(const struct vmha_action *act, const struct vmha_observation *obs)
{
	if (obs->w.virt == VMHA_VIRT_SHUTOFF) {
		(void)vmha_virt_destroy(act->rec.uuid, vmha_action_left(act, VMHA_SPAN_S(20)),
					NULL);
		return -EAGAIN;
	}
	if (obs->w.virt == VMHA_VIRT_SILENT && vmha_owner_start_open(act) && !vmha_virt_gone()) {
		return -EAGAIN;
	}
	return 0;
}

/* Storage that failed when sanlock released the lease has it still: no other node could start the
 * role while this one lives.  A release under way is given its time. */
static void lease_clear(const struct vmha_action *act)
{
	vmha_autoerr struct vmha_err *err = NULL;
	struct vmha_lease_owner owner = { 0 };
	int i;

	for (i = 0; i < LEFT_OVER_LOOKS; i++) {
		if (i) {
			vmha_mono_pace(VMHA_SPAN_MS(200)); /* a lease on storage has no event */
		}
		if (!act->host_id || vmha_lease_owner(&act->lease, &owner, NULL) < 0 ||
		    !owner.held || owner.host.host_id != act->host_id ||
		    owner.host.generation != act->generation) {
			return;
		}
	}
	if (vmha_lease_reclaim(&act->lease, &err) < 0) {
		vmha_log(VMHA_LOG_WARNING, "vm=%s %s", act->role.name, vmha_err_text(err));
		return;
	}
	vmha_log(VMHA_LOG_WARNING, "vm=%s its lease was left on the storage and is free now",
		 act->role.name);
}

int vmha_stop(const struct vmha_action *act, struct vmha_err **err)
{
	struct vmha_observation obs = { 0 };

	vmha_observe_settled(act, SETTLE, &obs);
	for (;;) {
		int r = 0;

		switch (obs.verdict.place) {
		case VMHA_PLACE_RUNNING:
			r = stop_process(act, &obs, err);
			if (r < 0) {
				return r;
			}
			break;
		case VMHA_PLACE_NOT_RUNNING:
			if (stop_inflight(act, &obs) == 0) {
				vmha_log(VMHA_LOG_INFO, "vm=%s node=%s is stopped (%s)",
					 act->role.name, act->node, obs.text);
				lease_clear(act);
				return vmha_present_forget(act, err);
			}
			break;
		case VMHA_PLACE_UNKNOWN:
			break;
		}
		if (vmha_mono_passed(act->deadline)) {
			return vmha_err_set(err, -ETIMEDOUT,
					    "it is not proven that %s does not run on %s (%s)",
					    act->role.name, act->node, obs.text);
		}
		if (obs.verdict.place != VMHA_PLACE_RUNNING) {
			vmha_mono_pace(PACE);
		}
		vmha_observe_settled(act, SETTLE, &obs);
	}
}
