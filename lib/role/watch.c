/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lib/role/watch.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "lib/base/cleanup.h"
#include "lib/base/log.h"
#include "lib/base/proc.h"
#include "lib/base/str.h"
#include "lib/port/tcpabort.h"
#include "lib/role/leaserule.h"
#include "lib/role/link.h"
#include "lib/role/peers.h"

#define LOOK		 VMHA_SPAN_MS(500) /* how often the job is looked at */
#define ASK_PATIENCE	 VMHA_SPAN_S(5)
#define DARK_ASK	 VMHA_SPAN_S(1) /* likewise in the switchover: the lease rule must not wait */
#define DARK_PATIENCE	 VMHA_SPAN_S(30) /* without progress while nobody runs */
#define DEAF_PATIENCE	 VMHA_SPAN_S(20) /* libvirtd here hangs */
#define CONNECT_PATIENCE VMHA_SPAN_S(20) /* until memory flows */
#define LIBVIRT_TLS	 16514		 /* port */
#define LIBVIRT_SILENT	 VMHA_SPAN_S(10) /* it sends a keepalive every 5 s, once it is connected */
#define LOST_LOOK	 VMHA_SPAN_S(2)
#define REPORT_PACE	 VMHA_SPAN_S(1)
#define STALE_PATIENCE	 VMHA_SPAN_S(5) /* the target owns the lease and libvirt leaves us be */
#define POSTCOPY_ASK	 VMHA_SPAN_S(10)
#define POSTCOPY_STALL	 VMHA_SPAN_S(30) /* then the connection counts as dead */
#define SETTLE_MS	 30000 /* of the action's time, kept for finding out how it ended */

void vmha_watch_begin(struct vmha_watch *w, struct vmha_span stall, struct vmha_mono give_up)
{
	*w = (struct vmha_watch){
		.stall = stall,
		.give_up = give_up,
		.progress = vmha_mono_now(),
		.percent = -1,
	};
}

/* Bytes flow: from here on this network has it. */
static void connected(const struct vmha_action *act, struct vmha_moving *m)
{
	if (m->state == VMHA_MOVE_CONNECTING) {
		(void)vmha_moving_step(act, m, VMHA_EVENT_CONNECTED, NULL);
	}
}

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

/*
 * The copy does not converge and its role wants post-copy then (lib/role/leaserule.c has the
 * interleaving).  The record comes first, durable: whoever finds the process here later must not
 * take it for a stale one.
 * @return false it has not begun, and will not
 */
static bool postcopy_begin(const struct vmha_action *act, struct vmha_moving *m,
			   struct vmha_watch *w, const char *why)
{
	vmha_autoerr struct vmha_err *err = NULL;
	struct vmha_moving stored = { 0 };
	int r = -EIO;

	w->postcopy = false;
	vmha_link_say(m->link, m,
		      "%s does not get across (%s): it goes on on %s now and fetches the rest of "
		      "its memory; until that is there it needs both nodes",
		      act->role.name, why, m->rec.to);
	(void)vmha_moving_step(act, m, VMHA_EVENT_POSTCOPY, why);
	if (vmha_moving_load(act, &stored, &err) == 0 && stored.state == VMHA_MOVE_POSTCOPY) {
		r = vmha_virt_postcopy(act->rec.uuid, vmha_action_left(act, POSTCOPY_ASK), &err);
	}
	w->progress = vmha_mono_now();
	if (r == 0 || r == -ETIMEDOUT) {
		return true;
	}
	(void)vmha_moving_step(act, m, VMHA_EVENT_REFUSED, NULL);
	vmha_link_say(m->link, m, "post-copy of %s is not possible: %s", act->role.name,
		      vmha_err_text(err));
	return false;
}

static struct vmha_span ask_patience(const struct vmha_moving *m)
{
	return m->state == VMHA_MOVE_SWITCHOVER ? DARK_ASK : ASK_PATIENCE;
}

/*
 * libvirtd here waits without a limit for the first words of a target's libvirtd that hangs, or
 * that was cut off just then, and hears of no abort until it has them.  Connections of other
 * migrations to the same node are heard from all the time.
 */
static void connecting_break(const struct vmha_action *act, const struct vmha_moving *m)
{
	int n = vmha_tcp_abort_silent(m->rec.address, LIBVIRT_TLS, LIBVIRT_SILENT, NULL);

	if (n > 0) {
		vmha_log(VMHA_LOG_WARNING,
			 "mig=%s vm=%s libvirtd of %s (%s) does not answer: connection cut off",
			 m->rec.trace, act->role.name, m->rec.to, m->rec.address);
	}
}

static void job_abort(const struct vmha_action *act, struct vmha_moving *m,
		      const struct vmha_observation *obs, struct vmha_watch *w,
		      enum vmha_move_event event, const char *why)
{
	w->unheard = w->unheard || m->state == VMHA_MOVE_CONNECTING;
	connected(act, m); /* a job that is told to end is COPYING until it has */
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
			 const struct vmha_observation *obs, struct vmha_watch *w)
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
			const struct vmha_observation *obs, struct vmha_watch *w, bool ended)
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
 * long to report the end of the migration.  libvirtd is asked first, and sanlock only of a guest
 * that runs: sanlock takes one command a process at a time, so an inquiry would fail the acquire
 * that libvirt does as it resumes the guest.
 */
static void watch_resumed(const struct vmha_action *act, const struct vmha_moving *m)
{
	enum vmha_virt_witness virt = VMHA_VIRT_SILENT;
	struct vmha_observation now = { 0 };

	if ((m->state != VMHA_MOVE_SWITCHOVER && m->state != VMHA_MOVE_POSTCOPY) ||
	    vmha_virt_ask(act->rec.uuid, vmha_action_left(act, DARK_ASK), &virt, NULL) < 0 ||
	    virt != VMHA_VIRT_RUNNING) {
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
			 const struct vmha_observation *obs, struct vmha_watch *w, bool silent)
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

static void progress_tell(struct vmha_moving *m, struct vmha_watch *w,
			  const struct vmha_virt_job *job)
{
	struct vmha_mono now = vmha_mono_now();
	struct vmha_move_progress p = {
		.percent = -1,
		.processed_bytes = job->processed_bytes,
		.remaining_bytes = job->remaining_bytes,
		.rate_bps = job->rate_bps,
		.dirty_bps = job->dirty_bps,
		.eta_ms = -1,
		.iteration = job->iteration,
	};
	int percent = -1;

	if ((m->state != VMHA_MOVE_COPYING && m->state != VMHA_MOVE_POSTCOPY) ||
	    vmha_mono_diff(w->reported, now).ns < REPORT_PACE.ns) {
		return;
	}
	w->reported = now;
	if (job->total_bytes && job->remaining_bytes <= job->total_bytes) {
		percent = (int)(100 - job->remaining_bytes * 100 / job->total_bytes);
	}
	w->percent = percent > w->percent ? percent : w->percent;
	p.percent = w->percent;
	if (job->rate_bps > job->dirty_bps) {
		p.eta_ms =
			(int64_t)(job->remaining_bytes / (job->rate_bps - job->dirty_bps) * 1000);
	}
	vmha_link_progress(m->link, m, &p);
}

static void stalled(const struct vmha_action *act, struct vmha_moving *m,
		    const struct vmha_observation *obs, struct vmha_watch *w, const char *why)
{
	if (w->postcopy && !w->aborted && m->state == VMHA_MOVE_COPYING &&
	    postcopy_begin(act, m, w, why)) {
		return;
	}
	w->stalled = w->stalled || !w->aborted;
	job_abort(act, m, obs, w, VMHA_EVENT_STALLED, why);
}

/* A connection that carries nothing any more would keep both QEMUs waiting for a quarter hour. */
static void postcopy_watch(const struct vmha_action *act, struct vmha_moving *m,
			   const struct vmha_observation *obs, struct vmha_watch *w)
{
	if (vmha_mono_diff(w->progress, vmha_mono_now()).ns > POSTCOPY_STALL.ns) {
		stream_break(act, m, obs);
		w->progress = vmha_mono_now();
	}
}

static void give_up(const struct vmha_action *act, struct vmha_moving *m,
		    const struct vmha_observation *obs, struct vmha_watch *w)
{
	bool dark = m->state == VMHA_MOVE_SWITCHOVER;
	struct vmha_span patience = dark ? DARK_PATIENCE : w->stall;
	struct vmha_mono now = vmha_mono_now();
	char why[150];

	if (m->state == VMHA_MOVE_CONNECTING) {
		if (!w->unheard && vmha_mono_diff(w->progress, now).ns > CONNECT_PATIENCE.ns) {
			w->unheard = true;
			(void)vmha_virt_job_abort(NULL, act->rec.uuid,
						  vmha_action_left(act, ASK_PATIENCE), NULL);
		}
		return;
	}
	if (vmha_mono_diff(w->progress, now).ns > patience.ns) {
		(void)snprintf(why, sizeof(why), "no progress for %lld s%s%s",
			       (long long)vmha_span_ms(patience) / 1000,
			       dark ? "" : " (setting migration-stall)",
			       dark ? " in the switchover"
			       : w->copy.iteration > 2
				       ? ": the guest changes its memory as fast as it "
					 "is copied"
				       : "");
		stalled(act, m, obs, w, why);
	} else if (!w->aborted && !dark && vmha_mono_passed(w->give_up)) {
		stalled(act, m, obs, w,
			"it does not converge: the guest changes its memory faster than it is "
			"copied");
	}
}

static bool has_progressed(const struct vmha_moving *m, struct vmha_watch *w,
			   const struct vmha_virt_job *job)
{
	bool moved = job->processed_bytes != w->processed;
	bool better = vmha_stall_progress(&w->copy, job->processed_bytes, job->remaining_bytes,
					  job->iteration);

	w->processed = job->processed_bytes;
	return better || (moved && m->state != VMHA_MOVE_COPYING);
}

static void watch_progress(const struct vmha_action *act, struct vmha_moving *m,
			   const struct vmha_observation *obs, struct vmha_watch *w)
{
	struct vmha_virt_job job = { 0 };
	int r = vmha_virt_job(NULL, act->rec.uuid, ask_patience(m), &job, NULL);

	if (m->state != VMHA_MOVE_POSTCOPY) {
		watch_silent(act, m, obs, w, r == -ETIMEDOUT);
	}
	if (w->deaf) {
		return;
	}
	if (r < 0 && m->state == VMHA_MOVE_POSTCOPY) {
		w->progress = vmha_mono_now(); /* libvirtd is silent: the QEMUs need it not */
		return;
	}
	if (r < 0) {
		job.ended = w->aborted;
	} else {
		if (job.processed_bytes > 0) {
			connected(act, m);
		}
		if (has_progressed(m, w, &job)) {
			w->progress = vmha_mono_now();
		}
		progress_tell(m, w, &job);
	}
	if (m->state == VMHA_MOVE_POSTCOPY) {
		postcopy_watch(act, m, obs, w);
		return;
	}
	watch_ended(act, m, obs, w, job.ended);
	give_up(act, m, obs, w);
}

/* Ended in time, before Pacemaker kills this action and blocks the role. */
static int out_of_time(const struct vmha_action *act, struct vmha_moving *m,
		       const struct vmha_observation *obs, struct vmha_watch *w,
		       struct vmha_err **err)
{
	char why[150];

	if (w->aborted || m->state == VMHA_MOVE_POSTCOPY) {
		return vmha_err_set(err, -ETIMEDOUT,
				    "the migration does not end within the action's time");
	}
	(void)snprintf(why, sizeof(why),
		       "out of time: it was not over within %lld s (timeout of the role's "
		       "operation migrate_to, less what an orderly end takes)",
		       (long long)(vmha_span_ms(act->time) - SETTLE_MS) / 1000);
	job_abort(act, m, obs, w,
		  m->state == VMHA_MOVE_SWITCHOVER ? VMHA_EVENT_STALLED : VMHA_EVENT_CANCELLED,
		  why);
	return 0;
}

/* clusterd's wish, and the action's own time. */
static int watch_wishes(const struct vmha_action *act, struct vmha_moving *m,
			const struct vmha_observation *obs, struct vmha_watch *w,
			struct vmha_err **err)
{
	const char *why = vmha_link_abort(m->link);

	if (why && !w->aborted &&
	    (m->state == VMHA_MOVE_CONNECTING || m->state == VMHA_MOVE_COPYING)) {
		job_abort(act, m, obs, w, VMHA_EVENT_CANCELLED, why);
	}
	if (vmha_mono_passed(vmha_mono_add(act->deadline, VMHA_SPAN_MS(-SETTLE_MS)))) {
		return out_of_time(act, m, obs, w, err);
	}
	return 0;
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
			struct vmha_moving *m, struct vmha_watch *w)
{
	struct vmha_lease_owner owner = { 0 };
	struct vmha_mono now = vmha_mono_now();

	/* from storage: an inquiry just when libvirt releases the lease would make that fail, for
	 * sanlock takes one command a process at a time (EBUSY) */
	if ((m->state == VMHA_MOVE_COPYING || m->state == VMHA_MOVE_CONNECTING) &&
	    vmha_lease_owner(&act->lease, &owner, NULL) == 0 &&
	    (!owner.held || owner.host.host_id != act->host_id)) {
		connected(act, m);
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

static int job_wait(const struct vmha_action *act, struct vmha_virt_migration *job,
		    struct vmha_err **err)
{
	struct vmha_virt_job now = { .kind = VMHA_VIRT_JOB_NONE };
	int r;

	if (job) {
		return vmha_virt_migrate_wait(job, LOOK, err);
	}
	vmha_mono_pace(LOOK); /* attached: the job's caller is gone, its end is not told to us */
	r = vmha_virt_job(NULL, act->rec.uuid, ASK_PATIENCE, &now, NULL);
	return r == 0 && now.kind == VMHA_VIRT_JOB_OUT
		       ? -EAGAIN
		       : vmha_err_set(err, -ECANCELED, "the job ended");
}

bool vmha_watch_postcopy(const struct vmha_action *act, struct vmha_moving *m,
			 struct vmha_observation *obs, struct vmha_watch *w)
{
	do {
		vmha_observe(act, true, obs);
		if (obs->w.process != VMHA_PROCESS_ALIVE) {
			return true;
		}
		if (obs->w.virt == VMHA_VIRT_POSTCOPY) {
			watch_progress(act, m, obs, w);
		}
		if (!vmha_source_feeds(act, obs)) {
			return false;
		}
		vmha_mono_pace(LOOK);
	} while (!vmha_mono_passed(vmha_mono_add(act->deadline, VMHA_SPAN_MS(-SETTLE_MS))));
	return false;
}

int vmha_watch_job(const struct vmha_action *act, struct vmha_moving *m,
		   const struct vmha_observation *obs, struct vmha_virt_migration *job,
		   struct vmha_watch *w, struct vmha_err **err)
{
	int r;

	for (;;) {
		r = job_wait(act, job, err);
		if (r == 0) {
			connected(act, m);
		}
		if (r != -EAGAIN) {
			return r;
		}
		watch_lease(act, obs, m, w);
		watch_resumed(act, m);
		r = watch_wishes(act, m, obs, w, err);
		if (r < 0) {
			return r;
		}
		watch_target(act, m, obs, w);
		watch_progress(act, m, obs, w);
		if (w->unheard && !w->processed) {
			connecting_break(act, m);
		}
		if (w->deaf) {
			return vmha_err_set(err, -ETIMEDOUT, "libvirtd of this node hangs");
		}
	}
}
