/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lib/role/quick.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/cleanup.h"
#include "lib/base/log.h"
#include "lib/base/proc.h"
#include "lib/port/virt.h"
#include "lib/role/leaserule.h"
#include "lib/role/link.h"
#include "lib/role/owner.h"
#include "lib/role/peers.h"
#include "lib/role/present.h"
#include "lib/role/settle.h"
#include "lib/role/start.h"
#include "lib/role/state.h"

#define ASK_PATIENCE VMHA_SPAN_S(5)
#define KEEP_BACK_MS 30000 /* of the action's time, to undo a save that takes too long */

static int target_check(const struct vmha_action *act, const struct vmha_moving *m,
			struct vmha_err **err)
{
	struct vmha_peer peer = { 0 };
	struct vmha_host host = { 0 };
	int r = vmha_virt_ping(NULL, vmha_action_left(act, ASK_PATIENCE), err);

	if (r == 0) {
		r = vmha_peer_find(m->rec.to, &peer, err);
	}
	if (r < 0) {
		return r;
	}
	if (vmha_lockspace_host(act->role.volume, peer.host_id, &host, NULL) < 0 ||
	    host.state != VMHA_HOST_LIVE) {
		return vmha_err_set(err, -ENOSPC, "%s has not joined volume %s", m->rec.to,
				    act->role.volume);
	}
	return 0;
}

/*
 * Crash of the node, or of this agent, after each line, and what a start finds:
 *
 *   saving                        state without record: set aside, boots fresh (the guest's node
 *                                 was lost, or somebody killed the agent: its memory is lost)
 *   process gone, lease free      the same: how far the save came nobody knows
 *   record written, durable       valid: continued exactly; the owner record names this node, so
 *                                 another node first needs proof that this one has no process
 *   owner record removed          valid: continued at once
 */
static int save_seal(const struct vmha_action *act, const struct vmha_observation *was,
		     struct vmha_err **err)
{
	int r = vmha_proc_wait_gone(was->pid, was->start_ticks, act->deadline);

	if (r < 0) {
		return vmha_err_errno(err, r, "QEMU of %s does not end after its save",
				      act->role.name);
	}
	r = vmha_state_seal(act, was->lver, err);
	if (r < 0) {
		return r;
	}
	return vmha_present_forget(act, err);
}

/* An answer that came too late, or never: libvirt marks a complete file in its first 16 bytes. */
static bool save_complete(const char *path)
{
	static const char magic[] = "LibvirtQemudSave";
	char head[sizeof(magic)] = "";
	vmha_autoclose int fd = open(path, O_RDONLY | O_CLOEXEC);

	return fd >= 0 && read(fd, head, sizeof(magic) - 1) == (ssize_t)sizeof(magic) - 1 &&
	       strcmp(head, magic) == 0;
}

/*
 * libvirt lets the guest run on after a failed save; that is not believed but looked at.
 * @return 0 it is saved after all, or proven gone: Pacemaker is to look on the target, and recover
 */
static int save_failed(const struct vmha_action *act, struct vmha_moving *m,
		       const struct vmha_observation *was, const char *why, struct vmha_err **err)
{
	struct vmha_observation obs = { 0 };
	vmha_autoerr struct vmha_err *e = NULL;
	char path[VMHA_PATH_SIZE];
	int r;

	(void)vmha_virt_job_abort(NULL, act->rec.uuid, vmha_action_left(act, ASK_PATIENCE), NULL);
	r = vmha_settle(act, m->rec.to, was->lver, &obs, &e);
	vmha_role_path(&act->role, VMHA_FILE_STATE, path);
	switch (r) {
	case VMHA_SETTLED_HERE:
		(void)vmha_state_remove(act, NULL);
		(void)vmha_moving_step(act, m, VMHA_EVENT_STAYED, why);
		return vmha_err_set(err, -ECANCELED, "%s stays on %s: %s", act->role.name,
				    act->node, why);
	case VMHA_SETTLED_GONE:
		if (save_complete(path) && save_seal(act, was, &e) == 0) {
			(void)vmha_moving_step(act, m, VMHA_EVENT_SAVED, NULL);
			return 0;
		}
		break;
	case VMHA_SETTLED_TARGET:
		break;
	default:
		(void)vmha_moving_step(act, m, VMHA_EVENT_LOST, why);
		return vmha_err_set(err, -EIO, "saving %s failed (%s), and %s", act->role.name, why,
				    vmha_err_text(e));
	}
	(void)vmha_moving_step(act, m, VMHA_EVENT_LOST, why);
	vmha_log(VMHA_LOG_ERROR, "mig=%s vm=%s its QEMU ended in the save: %s", m->rec.trace,
		 act->role.name, why);
	return vmha_present_forget(act, err);
}

int vmha_quick_save(const struct vmha_action *act, struct vmha_moving *moving,
		    const struct vmha_observation *obs, struct vmha_err **err)
{
	struct vmha_span most = vmha_action_left(act, VMHA_SPAN_S(3600));
	struct vmha_observation was = *obs;
	vmha_autoerr struct vmha_err *e = NULL;
	char path[VMHA_PATH_SIZE];
	int r = target_check(act, moving, &e);

	if (r == 0) {
		r = vmha_state_remove(act,
				      &e); /* of an earlier save: it must never meet our record */
	}
	if (r < 0) {
		(void)vmha_moving_step(act, moving,
				       moving->state == VMHA_MOVE_PREPARING ? VMHA_EVENT_REFUSED
									    : VMHA_EVENT_STAYED,
				       vmha_err_text(e));
		return vmha_err_set(err, -ECANCELED, "%s stays on %s: %s", act->role.name,
				    act->node, vmha_err_text(e));
	}
	(void)vmha_moving_step(act, moving, VMHA_EVENT_READY_QUICK, NULL);
	moving->rec.stopped_ms = vmha_wall_ms();
	moving->rec.lver = was.lver;
	vmha_role_path(&act->role, VMHA_FILE_STATE, path);
	most.ns -= most.ns > VMHA_SPAN_MS(2 * KEEP_BACK_MS).ns ? VMHA_SPAN_MS(KEEP_BACK_MS).ns : 0;
	r = vmha_virt_save(act->rec.uuid, path, most, &e);
	if (r < 0) {
		return save_failed(act, moving, &was, vmha_err_text(e), err);
	}
	r = save_seal(act, &was, err);
	if (r < 0) {
		(void)vmha_moving_step(act, moving, VMHA_EVENT_LOST, vmha_err_text(*err));
		return r;
	}
	(void)vmha_moving_step(act, moving, VMHA_EVENT_SAVED, NULL);
	return 0;
}

static void restored(const struct vmha_action *act, const struct vmha_state_record *rec,
		     struct vmha_moving *m)
{
	m->rec.bytes = (int64_t)rec->state_bytes;
	vmha_link_times(m->link, m);
	(void)vmha_moving_step(act, m, VMHA_EVENT_CONFIRMED, NULL);
	(void)vmha_moving_step(act, m, VMHA_EVENT_CLEANED, NULL);
	vmha_log(VMHA_LOG_INFO,
		 "mig=%s vm=%s moved quick %s -> %s total_ms=%" PRId64 " blackout_ms=%" PRId64
		 " bytes=%" PRId64,
		 m->rec.trace, act->role.name, m->rec.from, m->rec.to, m->rec.total_ms,
		 m->rec.blackout_ms, m->rec.bytes);
}

int vmha_quick_restore(const struct vmha_action *act, struct vmha_err **err)
{
	vmha_autofree struct vmha_state_record *rec = calloc(1, sizeof(*rec));
	enum vmha_state_answer answer = VMHA_STATE_NONE;
	struct vmha_observation obs = { 0 };
	vmha_autolink struct vmha_link *link = NULL;
	struct vmha_moving m = { 0 };
	bool moving = vmha_moving_load(act, &m, NULL) == 0 &&
		      (m.state == VMHA_MOVE_SAVED || m.state == VMHA_MOVE_RESTORING);
	int r = rec ? vmha_state_check(act, &answer, rec, err) : -ENOMEM;

	if (r < 0) {
		return r;
	}
	if (answer != VMHA_STATE_VALID) {
		vmha_err_prefix(err, "the saved memory of %s must not run", act->role.name);
		return answer == VMHA_STATE_NONE
			       ? vmha_err_set(err, -ENOENT,
					      "%s does not run on %s and has no saved memory",
					      act->role.name, act->node)
			       : -ESTALE;
	}
	r = vmha_start_claim(act, err);
	if (r < 0) {
		return r;
	}
	if (moving) { /* the source's agent ended with SAVED; this one says how it goes on */
		link = vmha_link_join(act, m.rec.trace);
		vmha_link_follow(link, &m);
		(void)vmha_moving_step(act, &m, VMHA_EVENT_RESTORE, NULL);
	}
	r = vmha_state_restore(act, rec, &obs, err);
	if (r < 0) {
		return r;
	}
	r = vmha_present_record(act, &obs, err);
	if (moving) {
		restored(act, rec, &m);
		vmha_link_end(link, &m);
	}
	return r;
}
