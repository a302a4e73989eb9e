/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lib/role/live.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "lib/base/cleanup.h"
#include "lib/base/log.h"
#include "lib/base/proc.h"
#include "lib/base/str.h"
#include "lib/port/tcpabort.h"
#include "lib/port/virt.h"
#include "lib/role/leaserule.h"
#include "lib/role/owner.h"
#include "lib/role/peers.h"
#include "lib/role/present.h"
#include "lib/role/volume.h"

#define LOOK	       VMHA_SPAN_MS(500) /* how often the job is looked at */
#define ASK_PATIENCE   VMHA_SPAN_S(5)
#define DARK_ASK       VMHA_SPAN_S(1) /* likewise in the switchover: the lease rule must not wait */
#define STALL_PATIENCE VMHA_SPAN_S(60) /* without progress */
#define DARK_PATIENCE  VMHA_SPAN_S(30) /* likewise, while nobody runs */
#define DEAF_PATIENCE  VMHA_SPAN_S(20) /* libvirtd here hangs */
#define LOST_LOOK      VMHA_SPAN_S(2)
#define STALE_PATIENCE VMHA_SPAN_S(5) /* the target owns the lease and libvirt leaves us be */
#define SETTLE_MS      30000

/* --- watching the job ----------------------------------------------------------------------- */

struct watch {
	uint64_t processed;
	uint64_t remaining;
	struct vmha_mono progress; /* last seen */
	struct vmha_mono foreign;  /* since when the target holds the lease; 0: it does not */
	struct vmha_mono give_up;
	struct vmha_mono peer_look; /* when the target was last looked for in the cluster */
	struct vmha_mono ended;	    /* since when the job has failed, its call not returned */
	struct vmha_mono silent;    /* since when libvirtd here does not answer */
	bool aborted;
	bool stalled;
	bool deaf; /* libvirtd here hangs: not waited for any more */
};

/*
 * A QEMU in its switchover sends under its big lock: when the target has vanished it hears neither
 * libvirtd nor us until the kernel gives the connection up.  The kernel is told to do that now.
 */
static void stream_break(const struct vmha_action *act, const struct vmha_moving *m,
			 const struct vmha_observation *obs)
{
	vmha_autoerr struct vmha_err *err = NULL;
	int r = vmha_tcp_abort(obs->pid, m->rec.address, &err);

	if (r != 0) {
		vmha_log(r < 0 ? VMHA_LOG_WARNING : VMHA_LOG_INFO, "mig=%s vm=%s %s", m->rec.trace,
			 act->role.name,
			 r < 0 ? vmha_err_text(err) : "memory stream to the target cut off");
	}
}

static struct vmha_span ask_patience(const struct vmha_moving *m)
{
	return m->state == VMHA_MOVE_SWITCHOVER ? DARK_ASK : ASK_PATIENCE;
}

static void job_abort(const struct vmha_action *act, struct vmha_moving *m,
		      const struct vmha_observation *obs, struct watch *w,
		      enum vmha_move_event event, const char *why)
{
	(void)vmha_moving_step(act, m, event, why);
	w->aborted = true;
	w->progress = vmha_mono_now();
	if (m->state == VMHA_MOVE_SWITCHOVER || w->deaf) {
		stream_break(act, m, obs);
	}
	(void)vmha_virt_job_abort(NULL, act->rec.uuid, vmha_action_left(act, ask_patience(m)),
				  NULL);
}

/* Nobody runs while the switchover lasts: a target that the cluster has lost is not waited for. */
static void watch_target(const struct vmha_action *act, struct vmha_moving *m,
			 const struct vmha_observation *obs, struct watch *w)
{
	struct vmha_mono now = vmha_mono_now();
	struct vmha_peer peer = { .online = true };

	if (m->state != VMHA_MOVE_SWITCHOVER || w->aborted ||
	    vmha_mono_diff(w->peer_look, now).ns < LOST_LOOK.ns) {
		return;
	}
	w->peer_look = now;
	if (vmha_peer_find(m->rec.to, &peer, NULL) == 0 && !peer.online) {
		job_abort(act, m, obs, w, VMHA_EVENT_STALLED, "the target was lost");
	}
}

/* The job has failed, but QEMU hangs in the end of it and libvirtd waits for QEMU. */
static void watch_ended(const struct vmha_action *act, const struct vmha_moving *m,
			const struct vmha_observation *obs, struct watch *w, bool ended)
{
	struct vmha_mono now = vmha_mono_now();

	if (!ended) {
		w->ended.ns = 0;
	} else if (!w->ended.ns) {
		w->ended = now;
	} else if (vmha_mono_diff(w->ended, now).ns > VMHA_SPAN_S(3).ns) {
		stream_break(act, m, obs);
		w->ended = now;
	}
}

/*
 * A source that resumed itself runs without its lease until the rule is applied: libvirt may take
 * long to report the end of the migration.
 */
static void watch_resumed(const struct vmha_action *act, const struct vmha_moving *m)
{
	struct vmha_observation now = { 0 };

	if (m->state != VMHA_MOVE_SWITCHOVER) {
		return;
	}
	vmha_observe(act, true, &now);
	if (now.verdict.lease_missing && now.w.virt == VMHA_VIRT_RUNNING) {
		(void)vmha_lease_rule(act, &now);
	}
}

/*
 * libvirtd here hangs.  QEMU would copy on, and every recovery of the cluster would wait for this
 * action: the stream is cut, so that QEMU itself ends the migration, and evidence decides.
 *
 *   libvirtd here (stopped)                QEMU here                  this action
 *   hears nothing                          copies                     cuts the stream
 *                                          fails, runs on             process and lease: it is here
 *   goes on: finds the migration failed,
 *   its connection to the target closed    runs on
 *
 * Had QEMU sent everything before, it stands still, and libvirtd, once it goes on, finishes or
 * resumes: heal and the monitors apply the lease rule to what they find then.
 */
static void watch_silent(const struct vmha_action *act, struct vmha_moving *m,
			 const struct vmha_observation *obs, struct watch *w, bool silent)
{
	struct vmha_mono now = vmha_mono_now();

	if (!silent) {
		w->silent.ns = 0;
	} else if (!w->silent.ns) {
		w->silent = now;
	} else if (vmha_mono_diff(w->silent, now).ns > DEAF_PATIENCE.ns) {
		w->deaf = true;
		job_abort(act, m, obs, w, VMHA_EVENT_STALLED, "libvirtd of this node hangs");
	}
}

static void watch_progress(const struct vmha_action *act, struct vmha_moving *m,
			   const struct vmha_observation *obs, struct watch *w)
{
	bool dark = m->state == VMHA_MOVE_SWITCHOVER;
	struct vmha_span patience = dark ? DARK_PATIENCE : STALL_PATIENCE;
	struct vmha_virt_job job = { 0 };
	struct vmha_mono now = vmha_mono_now();
	int r = vmha_virt_job(NULL, act->rec.uuid, ask_patience(m), &job, NULL);

	watch_silent(act, m, obs, w, r == -ETIMEDOUT);
	if (w->deaf) {
		return;
	}
	if (r < 0) {
		job.ended = w->aborted;
	} else if (job.processed_bytes != w->processed || job.remaining_bytes != w->remaining) {
		w->processed = job.processed_bytes;
		w->remaining = job.remaining_bytes;
		w->progress = now;
	}
	watch_ended(act, m, obs, w, job.ended);
	if (vmha_mono_diff(w->progress, now).ns > patience.ns) {
		w->stalled = true;
		job_abort(act, m, obs, w, VMHA_EVENT_STALLED,
			  dark ? "no progress for 30 s in the switchover" : "no progress for 60 s");
	} else if (!w->aborted && vmha_mono_passed(w->give_up)) {
		w->stalled = true;
		job_abort(act, m, obs, w, VMHA_EVENT_STALLED,
			  "it does not converge: the guest changes its memory faster than it is "
			  "copied");
	}
}

/*
 *   source (here)                              target
 *   paused at the end, old memory              Finish: acquires (L+1), runs, writes
 *   libvirtd waits for Finish's reply          loses power
 *   reply lost: libvirtd here would resume,
 *   its acquire waits until the target's
 *   host id is dead or was released by a
 *   fence, then RUNS OLD MEMORY
 * so once the target has held the lease for a while and this process is still here: SIGKILL.
 */
static void watch_lease(const struct vmha_action *act, const struct vmha_observation *obs,
			struct vmha_moving *m, struct watch *w)
{
	struct vmha_lease_owner owner = { 0 };
	struct vmha_mono now = vmha_mono_now();

	/* from storage: an inquiry just when libvirt releases the lease would make that fail, for
	 * sanlock takes one command a process at a time (EBUSY) */
	if (m->state == VMHA_MOVE_COPYING && vmha_lease_owner(&act->lease, &owner, NULL) == 0 &&
	    (!owner.held || owner.host.host_id != act->host_id)) {
		w->progress = now;
		(void)vmha_moving_step(act, m, VMHA_EVENT_STOPPED, NULL);
	}
	if (m->state != VMHA_MOVE_SWITCHOVER || vmha_lease_foreign(act, &owner, NULL) != 1) {
		w->foreign.ns = 0;
		return;
	}
	if (!w->foreign.ns) {
		w->foreign = now;
	} else if (vmha_mono_diff(w->foreign, now).ns > STALE_PATIENCE.ns &&
		   vmha_proc_is(obs->pid, obs->start_ticks)) {
		(void)vmha_stale_kill(act, obs,
				      "the target has taken the lease and runs: the memory here is "
				      "stale",
				      NULL);
	}
}

static int job_follow(const struct vmha_action *act, struct vmha_moving *m,
		      const struct vmha_observation *obs, struct vmha_virt_migration *job,
		      struct watch *w, struct vmha_err **err)
{
	for (;;) {
		struct vmha_virt_job now = { .kind = VMHA_VIRT_JOB_NONE };
		int r;

		if (job) {
			r = vmha_virt_migrate_wait(job, LOOK, err);
		} else { /* attached: the job's caller is gone, its end is not told to us */
			vmha_mono_pace(LOOK);
			r = vmha_virt_job(NULL, act->rec.uuid, ASK_PATIENCE, &now, NULL);
			r = r == 0 && now.kind == VMHA_VIRT_JOB_OUT
				    ? -EAGAIN
				    : vmha_err_set(err, -ECANCELED, "the job ended");
		}
		if (r != -EAGAIN) {
			return r;
		}
		if (vmha_mono_passed(vmha_mono_add(act->deadline, VMHA_SPAN_MS(-SETTLE_MS)))) {
			if (w->aborted) {
				return vmha_err_set(
					err, -ETIMEDOUT,
					"the migration does not end within the action's "
					"time");
			}
			job_abort(act, m, obs, w, VMHA_EVENT_CANCELLED,
				  "the action's time is over");
		}
		watch_lease(act, obs, m, w);
		watch_resumed(act, m);
		watch_target(act, m, obs, w);
		watch_progress(act, m, obs, w);
		if (w->deaf) {
			return vmha_err_set(err, -ETIMEDOUT, "libvirtd of this node hangs");
		}
	}
}

/* --- how it ended --------------------------------------------------------------------------- */

static bool target_has_it(const struct vmha_action *act, const char *target)
{
	struct vmha_lease_owner owner = { 0 };
	struct vmha_peer peer = { 0 };

	return vmha_lease_foreign(act, &owner, NULL) == 1 &&
	       vmha_peer_find(target, &peer, NULL) == 0 && owner.host.host_id == peer.host_id;
}

/* Nothing is left here.  The lease tells whether the target was the guest: it may have died. */
static int settle_gone(const struct vmha_action *act, uint64_t lver)
{
	uint64_t host_id = 0;
	int r = vmha_lease_taken_since(&act->lease, lver, act->host_id, &host_id, NULL);

	if (r < 0) {
		return -EAGAIN;
	}
	return r == 1 ? VMHA_SETTLED_TARGET : VMHA_SETTLED_GONE;
}

static int settle_paused(const struct vmha_action *act, struct vmha_observation *obs)
{
	vmha_autoerr struct vmha_err *err = NULL;

	if (obs->w.virt == VMHA_VIRT_PAUSED || obs->w.virt == VMHA_VIRT_PAUSED_IOERROR) {
		return VMHA_SETTLED_HERE; /* but not by the migration */
	}
	if (vmha_source_resume(act, obs, &err) == 0) {
		return VMHA_SETTLED_HERE;
	}
	vmha_log(VMHA_LOG_WARNING, "vm=%s %s", act->role.name, vmha_err_text(err));
	return -EAGAIN;
}

/*
 *   source (here)                          target
 *   paused at the end, lver L              Finish: takes the lease (L+1), runs, writes
 *   the reply is lost                      its QEMU dies: the lease is free at once
 *   libvirtd resumes the guest; its
 *   plugin takes the lease at any
 *   generation (L+2): old memory runs
 * The lease is held, so only the blocks of the other hosts tell.
 */
static bool resumed_stale(const struct vmha_action *act, uint64_t lver,
			  const struct vmha_observation *obs)
{
	uint64_t host_id = 0;

	return obs->lver > lver + 1 &&
	       vmha_lease_taken_since(&act->lease, lver, act->host_id, &host_id, NULL) == 1 &&
	       vmha_stale_kill(act, obs,
			       "libvirt resumed it after the target had been the guest: its memory "
			       "is stale",
			       NULL) == 0;
}

/* @return of enum vmha_settled; -EAGAIN look again */
static int settle_once(const struct vmha_action *act, const char *target, uint64_t lver,
		       struct vmha_observation *obs)
{
	vmha_observe(act, true, obs);
	if (target_has_it(act, target)) {
		if (obs->w.process == VMHA_PROCESS_ALIVE &&
		    vmha_stale_kill(act, obs, "the target has its lease and runs", NULL) < 0) {
			return -EAGAIN;
		}
		return VMHA_SETTLED_TARGET;
	}
	if (obs->verdict.place == VMHA_PLACE_NOT_RUNNING) {
		return settle_gone(act, lver);
	}
	if (obs->verdict.healthy) {
		return resumed_stale(act, lver, obs) ? -EAGAIN : VMHA_SETTLED_HERE;
	}
	switch (vmha_lease_rule(act, obs)) {
	case VMHA_RULE_RETAKEN:
		return VMHA_SETTLED_HERE;
	case VMHA_RULE_KEPT:
		return obs->verdict.healthy			   ? VMHA_SETTLED_HERE
		       : obs->w.virt == VMHA_VIRT_PAUSED_MIGRATION ? settle_paused(act, obs)
								   : -EAGAIN;
	case VMHA_RULE_PAUSED:
		return settle_paused(act, obs);
	case VMHA_RULE_KILLED:
	case VMHA_RULE_UNPROTECTED:
	case VMHA_RULE_UNKNOWN:
		break;
	}
	return -EAGAIN;
}

int vmha_live_settle(const struct vmha_action *act, const char *target, uint64_t lver,
		     struct vmha_observation *ret_obs, struct vmha_err **err)
{
	struct vmha_mono end =
		vmha_mono_add(vmha_mono_now(), vmha_action_left(act, VMHA_SPAN_MS(SETTLE_MS)));
	/* libvirt cleans up after its own failure first: it resumes the source, with its lease */
	struct vmha_mono patient = vmha_mono_add(vmha_mono_now(), VMHA_SPAN_S(2));

	for (;;) {
		int r;

		if (!vmha_mono_passed(patient)) {
			vmha_observe(act, true, ret_obs);
			if (ret_obs->w.virt == VMHA_VIRT_PAUSED_MIGRATION) {
				vmha_mono_pace(VMHA_SPAN_MS(200));
				continue;
			}
		}
		r = settle_once(act, target, lver, ret_obs);
		if (r >= 0) {
			return r;
		}
		if (vmha_mono_passed(end)) {
			return vmha_err_set(err, -EIO,
					    "neither %s (%s) nor %s confirms to run %s with its "
					    "lease",
					    act->node, ret_obs->text, target, act->role.name);
		}
		vmha_mono_pace(VMHA_SPAN_MS(500));
	}
}

/* --- the steps ------------------------------------------------------------------------------ */

static int target_check(const struct vmha_action *act, struct vmha_moving *m, struct vmha_err **err)
{
	struct vmha_peer peer = { 0 };
	struct vmha_host host = { 0 };
	int r = vmha_peer_address(m->rec.to, m->rec.address, NULL);

	if (r < 0) {
		return vmha_err_set(err, r,
				    "%s has published no migration address: run `vmha node setup` "
				    "there, then restart its volume %s",
				    m->rec.to, act->role.volume);
	}
	r = vmha_virt_ping(NULL, vmha_action_left(act, ASK_PATIENCE), err);
	if (r < 0) {
		return r;
	}
	r = vmha_virt_ping(m->rec.address, vmha_action_left(act, ASK_PATIENCE), err);
	if (r < 0) {
		vmha_err_prefix(err, "%s cannot take %s", m->rec.to, act->role.name);
		return r;
	}
	r = vmha_peer_find(m->rec.to, &peer, err);
	if (r == 0) {
		r = vmha_lockspace_host(act->role.volume, peer.host_id, &host, err);
	}
	if (r < 0 || host.state != VMHA_HOST_LIVE) {
		return vmha_err_set(err, -ENOSPC, "%s has not joined volume %s", m->rec.to,
				    act->role.volume);
	}
	return 0;
}

/* libvirt trusts only some file systems to be shared; a volume is, by declaration */
static bool volume_needs_unsafe(const struct vmha_action *act)
{
	struct vmha_volume_record vol = { 0 };

	return vmha_volume_load(act->role.volume, VMHA_VOLUME_RECORD, &vol, NULL) < 0 ||
	       vmha_str_eq(vol.type, "dir");
}

static void hand_over(const struct vmha_action *act, const char *target)
{
	vmha_autoerr struct vmha_err *err = NULL;
	struct vmha_owner_record owner = { 0 };
	struct vmha_peer peer = { 0 };
	struct vmha_host host = { 0 };

	if (vmha_peer_find(target, &peer, &err) < 0 ||
	    vmha_lockspace_host(act->role.volume, peer.host_id, &host, &err) < 0) {
		vmha_log(VMHA_LOG_WARNING, "vm=%s owner record not handed over: %s", act->role.name,
			 vmha_err_text(err));
		return;
	}
	owner.host_id = peer.host_id;
	owner.generation = host.generation;
	(void)snprintf(owner.node, sizeof(owner.node), "%s", target);
	memcpy(owner.trace, act->trace, sizeof(owner.trace));
	if (vmha_owner_store(act, &owner, &err) < 0) {
		vmha_log(VMHA_LOG_WARNING, "vm=%s %s", act->role.name, vmha_err_text(err));
	}
}

static void statistics(const struct vmha_action *act, struct vmha_moving *m)
{
	struct vmha_virt_job job = { .downtime_ms = -1 };

	m->rec.total_ms = vmha_span_ms(vmha_mono_diff(m->begun, vmha_mono_now()));
	if (*m->rec.address &&
	    vmha_virt_job_completed(m->rec.address, act->rec.uuid, ASK_PATIENCE, &job, NULL) == 0) {
		m->rec.blackout_ms = job.downtime_ms;
		m->rec.bytes = (int64_t)job.processed_bytes;
	}
}

static int arrived(const struct vmha_action *act, struct vmha_moving *m,
		   const struct vmha_observation *obs)
{
	struct vmha_mono end = vmha_mono_add(vmha_mono_now(), VMHA_SPAN_S(10));

	hand_over(act, m->rec.to);
	if (m->state == VMHA_MOVE_HANDOFF) {
		(void)vmha_moving_step(act, m, VMHA_EVENT_CONFIRMED, NULL);
	}
	if (vmha_proc_wait_gone(obs->pid, obs->start_ticks, end) < 0) {
		(void)vmha_stale_kill(act, obs, "the guest has arrived on the target", NULL);
	}
	(void)vmha_role_forget(&act->role, VMHA_RECORD_RUN, NULL);
	statistics(act, m);
	(void)vmha_moving_step(act, m, VMHA_EVENT_CLEANED, NULL);
	vmha_log(VMHA_LOG_INFO,
		 "mig=%s vm=%s moved live %s -> %s over %s total_ms=%" PRId64
		 " blackout_ms=%" PRId64 " bytes=%" PRId64,
		 m->rec.trace, act->role.name, m->rec.from, m->rec.to, m->rec.address,
		 m->rec.total_ms, m->rec.blackout_ms, m->rec.bytes);
	return 0;
}

static int stayed(const struct vmha_action *act, struct vmha_moving *m,
		  const struct vmha_observation *obs, const struct watch *w, const char *why,
		  struct vmha_err **err)
{
	if (m->state == VMHA_MOVE_HANDOFF) {
		(void)vmha_moving_step(act, m, VMHA_EVENT_LOST, NULL);
	}
	if (w->stalled && act->mode == VMHA_MODE_AUTO && obs->verdict.healthy) {
		return vmha_err_set(err, -ETIME, "%s", why ? why : "it does not converge");
	}
	(void)vmha_moving_step(act, m, VMHA_EVENT_STAYED, why);
	(void)vmha_present_record(act, obs, NULL);
	return vmha_err_set(err, -ECANCELED, "%s stays on %s: %s", act->role.name, act->node,
			    why ? why : "the migration failed");
}

/*
 * Whatever libvirt's call returned: where is the guest?  Only "it runs on here" and "nobody can
 * tell" are failures (Pacemaker then blocks the role and leaves it alone).  A guest that is proven
 * gone from here is no reason to block: Pacemaker is to look on the target, and recover.
 */
static int conclude(const struct vmha_action *act, struct vmha_moving *m,
		    struct vmha_observation *obs, const struct watch *w, const char *why,
		    struct vmha_err **err)
{
	struct vmha_observation was = *obs;
	vmha_autoerr struct vmha_err *e = NULL;
	int r = vmha_live_settle(act, m->rec.to, m->rec.lver, obs, &e);

	switch (r) {
	case VMHA_SETTLED_TARGET:
		if (m->state != VMHA_MOVE_HANDOFF) {
			(void)vmha_moving_step(act, m, VMHA_EVENT_CONFIRMED, why);
		}
		return arrived(act, m, &was);
	case VMHA_SETTLED_HERE:
		return stayed(act, m, obs, w, why, err);
	case VMHA_SETTLED_GONE:
		(void)vmha_moving_step(act, m, VMHA_EVENT_LOST, why);
		vmha_log(VMHA_LOG_ERROR, "mig=%s vm=%s its QEMU ended in the migration: %s",
			 m->rec.trace, act->role.name, why ? why : "?");
		return vmha_present_forget(act, err);
	default:
		break;
	}
	(void)vmha_moving_step(act, m, VMHA_EVENT_LOST, vmha_err_text(e));
	return vmha_err_set(err, -EIO, "%s: %s (%s)", act->role.name, vmha_err_text(e),
			    why ? why : "the migration ended");
}

static int live_begin(const struct vmha_action *act, struct vmha_moving *m,
		      struct vmha_virt_migration **ret_job, struct vmha_err **err)
{
	int r = target_check(act, m, err);

	if (r < 0) {
		(void)vmha_moving_step(act, m, VMHA_EVENT_REFUSED, vmha_err_text(*err));
		return -ECANCELED;
	}
	(void)vmha_moving_step(act, m, VMHA_EVENT_READY, NULL);
	r = vmha_virt_migrate_start(act->rec.uuid, m->rec.address, volume_needs_unsafe(act),
				    ret_job, err);
	if (r < 0) {
		(void)vmha_moving_step(act, m, VMHA_EVENT_REFUSED, vmha_err_text(*err));
		return -ECANCELED;
	}
	(void)vmha_moving_step(act, m, VMHA_EVENT_CONNECTED, NULL);
	return 0;
}

int vmha_live_run(const struct vmha_action *act, struct vmha_moving *moving,
		  struct vmha_observation *obs, bool attach, struct vmha_err **err)
{
	struct vmha_span half = vmha_mono_diff(vmha_mono_now(), act->deadline);
	struct vmha_virt_migration *job = NULL;
	vmha_autoerr struct vmha_err *e = NULL;
	struct watch w = { .progress = vmha_mono_now() };
	const char *why = NULL;
	int r = 0;

	/* auto: the second half of the time belongs to the quick move */
	half.ns /= 2;
	w.give_up =
		act->mode == VMHA_MODE_AUTO ? vmha_mono_add(vmha_mono_now(), half) : act->deadline;
	if (!attach) {
		r = live_begin(act, moving, &job, &e);
	}
	if (r < 0) {
		return vmha_err_set(err, r, "%s stays on %s: %s", act->role.name, act->node,
				    vmha_err_text(e));
	}
	r = job_follow(act, moving, obs, job, &w, &e);
	vmha_virt_migrate_free(job);
	if (r == 0) {
		(void)vmha_moving_step(act, moving, VMHA_EVENT_ARRIVED, NULL);
	}
	if (w.aborted) {
		why = moving->rec.reason;
	} else if (r < 0 && !attach) {
		why = vmha_err_text(e);
	}
	return conclude(act, moving, obs, &w, why, err);
}
