/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lib/role/present.h"

#include <errno.h>
#include <inttypes.h>

#include "lib/base/cleanup.h"
#include "lib/base/log.h"
#include "lib/port/qmp.h"
#include "lib/port/virt.h"
#include "lib/role/moving.h"
#include "lib/role/owner.h"

#define ASK_PATIENCE VMHA_SPAN_S(5)

int vmha_present_record(const struct vmha_action *act, const struct vmha_observation *obs,
			struct vmha_err **err)
{
	struct vmha_owner_record now = { 0 };
	struct vmha_owner_record me;
	uint64_t lver = 0;
	int r;

	vmha_owner_self(act, obs->pid, obs->start_ticks, &me);
	r = vmha_role_load(&act->role, VMHA_RECORD_OWNER, &now, NULL);
	if (r < 0 || !vmha_owner_is_self(act, &now) || now.pid != me.pid ||
	    now.start_ticks != me.start_ticks) {
		r = vmha_owner_store(act, &me, err);
		if (r < 0) {
			return r;
		}
	}
	if (obs->w.lease != VMHA_LEASE_HELD) {
		return 0;
	}
	if (vmha_run_lver(act, obs, &lver) == 0 && lver == obs->lver) {
		return 0;
	}
	return vmha_run_store(act, obs, obs->lver, err);
}

int vmha_present_forget(const struct vmha_action *act, struct vmha_err **err)
{
	int r = vmha_owner_drop(act, err);

	if (r < 0) {
		return r;
	}
	return vmha_role_forget(&act->role, VMHA_RECORD_RUN, err);
}

bool vmha_present_is_incoming(const struct vmha_action *act, const struct vmha_observation *obs)
{
	uint64_t lver = 0;

	return obs->w.process == VMHA_PROCESS_ALIVE && obs->w.lease == VMHA_LEASE_REGISTERED &&
	       obs->w.virt == VMHA_VIRT_PAUSED_MIGRATION && vmha_run_lver(act, obs, &lver) < 0;
}

/* libvirtd's job first; where libvirtd is dead QEMU may still wait for its word to switch over. */
static void job_clear(const struct vmha_action *act, const char *socket_path)
{
	if (vmha_virt_job_abort(NULL, act->rec.uuid, vmha_action_left(act, ASK_PATIENCE), NULL) <
		    0 &&
	    socket_path && vmha_virt_gone()) {
		(void)vmha_qmp_run(socket_path, "migrate_cancel",
				   vmha_action_left(act, ASK_PATIENCE), NULL, NULL);
	}
}

static int guest_continue(const struct vmha_action *act, const char *socket_path,
			  struct vmha_err **err)
{
	/* not virDomainResume(): its plugin would take the lease again and fail, for it is held */
	int r = vmha_virt_qmp(act->rec.uuid, "{\"execute\":\"cont\"}",
			      vmha_action_left(act, ASK_PATIENCE), NULL, err);

	if (r == 0 || !socket_path || !vmha_virt_gone()) {
		return r;
	}
	return vmha_qmp_run(socket_path, "cont", vmha_action_left(act, ASK_PATIENCE), NULL, err);
}

/*
 * The paused source of a migration that ended without success.
 *
 *   source (here)                       target
 *   paused, lease free, lver L          Finish under way?      lost, late, or died with the node
 *   acquire exactly at L
 *     0      it can never get the lease now: a late Finish fails there; the guest goes on here
 *     EPERM  it had the lease (L+1) and wrote to the disks: our memory is stale -> SIGKILL, also
 *     EBUSY  when its node is dead by now and libvirtd here would resume as soon as it can
 */
int vmha_source_resume(const struct vmha_action *act, struct vmha_observation *obs,
		       struct vmha_err **err)
{
	char buf[VMHA_PATH_SIZE];
	const char *socket_path = vmha_monitor_socket(obs, buf) == 0 ? buf : NULL;
	uint64_t lver = 0;
	int r;

	job_clear(act, socket_path);
	vmha_observe(act, true, obs); /* a cancelled source resumes itself */
	if (obs->verdict.healthy || obs->verdict.lease_missing) {
		return vmha_lease_rule(act, obs) <= VMHA_RULE_RETAKEN ? 0 : -EAGAIN;
	}
	if (obs->w.process != VMHA_PROCESS_ALIVE) {
		return vmha_err_set(err, -ESRCH, "the QEMU process of %s has ended",
				    act->role.name);
	}
	r = vmha_lease_stale(act, obs, &lver, err);
	if (r < 0) {
		vmha_err_prefix(err, "%s is paused and is left as it is", act->role.name);
		return r;
	}
	if (r == 1) {
		r = -EPERM;
	} else if (obs->w.lease != VMHA_LEASE_HELD) {
		r = vmha_lease_acquire(&act->lease, obs->pid, lver, err);
	}
	if (r == -EPERM || r == -EBUSY) {
		(void)vmha_stale_kill(act, obs,
				      "the target had the lease since: the memory here is "
				      "stale",
				      NULL);
	}
	if (r < 0) {
		return r;
	}
	r = guest_continue(act, socket_path, err);
	vmha_observe(act, true, obs);
	if (r == 0 && obs->w.lease == VMHA_LEASE_HELD) {
		(void)vmha_run_store(act, obs, obs->lver, NULL);
		vmha_log(VMHA_LOG_WARNING,
			 "vm=%s was left paused by a migration; it has its lease again (lver "
			 "%" PRIu64 ") and goes on",
			 act->role.name, obs->lver);
	}
	return r;
}

void vmha_present_close_move(const struct vmha_action *act)
{
	struct vmha_virt_job job = { 0 };
	struct vmha_moving m;

	if (!vmha_moving_open(act, &m)) {
		return;
	}
	if (vmha_virt_job(NULL, act->rec.uuid, vmha_action_left(act, ASK_PATIENCE), &job, NULL) <
		    0 ||
	    job.kind != VMHA_VIRT_JOB_NONE) {
		return; /* it may still arrive */
	}
	if (m.state == VMHA_MOVE_PREPARING || m.state == VMHA_MOVE_CONNECTING) {
		(void)vmha_moving_step(act, &m, VMHA_EVENT_CANCELLED,
				       "its agent was interrupted before anything moved");
	} else {
		(void)vmha_moving_step(act, &m, VMHA_EVENT_STAYED,
				       "it was interrupted; the VM runs on where it was");
	}
}
