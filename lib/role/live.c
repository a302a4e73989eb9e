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
#include "lib/port/virt.h"
#include "lib/role/connect.h"
#include "lib/role/leaserule.h"
#include "lib/role/link.h"
#include "lib/role/owner.h"
#include "lib/role/peers.h"
#include "lib/role/present.h"
#include "lib/role/settle.h"
#include "lib/role/volume.h"
#include "lib/role/watch.h"

#define ASK_PATIENCE VMHA_SPAN_S(5)

/* One live move from its plan to its end. */
struct live {
	const struct vmha_action *act;
	struct vmha_moving *m;
	struct vmha_observation *obs;
	struct vmha_watch w;
	struct vmha_virt_migrate_options options;
	struct vmha_mono give_up;
};

static int target_check(const struct vmha_action *act, const struct vmha_moving *m,
			struct vmha_err **err)
{
	struct vmha_peer peer = { 0 };
	struct vmha_host host = { 0 };
	int r = vmha_virt_ping(NULL, vmha_action_left(act, ASK_PATIENCE), err);

	if (r < 0) {
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

/* libvirt trusts only some file systems to be shared; a volume is, by declaration.  And an
 * administrator may have insisted on disks that it takes for unsafe to move. */
static bool needs_unsafe(const struct vmha_action *act, const struct vmha_moving *m)
{
	struct vmha_volume_record vol = { 0 };

	if (act->rec.unsafe) {
		vmha_log(VMHA_LOG_WARNING,
			 "mig=%s vm=%s its disks may be unsafe to move: moved all the same, for it "
			 "was made a role with --unsafe",
			 m->rec.trace, act->role.name);
		return true;
	}

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
	    vmha_virt_job_completed(m->rec.address, act->rec.uuid, ASK_PATIENCE, &job, NULL) == 0 &&
	    job.has_stats) { /* libvirt keeps none of a post-copy */
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
		  const struct vmha_observation *obs, const struct vmha_watch *w, const char *why,
		  struct vmha_err **err)
{
	if (m->state == VMHA_MOVE_HANDOFF) {
		(void)vmha_moving_step(act, m, VMHA_EVENT_LOST, NULL);
	}
	if (w->stalled && act->quick_on_stall && obs->verdict.healthy) {
		return vmha_err_set(err, -ETIME, "%s", why ? why : "it does not converge");
	}
	(void)vmha_moving_step(
		act, m, m->state == VMHA_MOVE_CONNECTING ? VMHA_EVENT_REFUSED : VMHA_EVENT_STAYED,
		why);
	(void)vmha_present_record(act, obs, NULL);
	return vmha_err_set(err, -ECANCELED, "%s stays on %s: %s", act->role.name, act->node,
			    why ? why : "the migration failed");
}

/*
 * Whatever libvirt's call returned: where is the guest?  Only "it runs on here" and "nobody can
 * tell" are failures (Pacemaker then blocks the role and leaves it alone).  A guest that is proven
 * gone from here is no reason to block: Pacemaker is to look on the target, and recover.
 */
static int conclude(const struct live *l, int settled, const struct vmha_observation *was,
		    const char *why, const char *doubt, struct vmha_err **err)
{
	const struct vmha_action *act = l->act;
	struct vmha_moving *m = l->m;

	if (m->state == VMHA_MOVE_CONNECTING && settled != VMHA_SETTLED_HERE) {
		(void)vmha_moving_step(act, m, VMHA_EVENT_CONNECTED, NULL);
	}
	switch (settled) {
	case VMHA_SETTLED_TARGET:
		if (m->state != VMHA_MOVE_HANDOFF) {
			(void)vmha_moving_step(act, m, VMHA_EVENT_CONFIRMED, why);
		}
		return arrived(act, m, was);
	case VMHA_SETTLED_HERE:
		return stayed(act, m, l->obs, &l->w, why, err);
	case VMHA_SETTLED_GONE:
		(void)vmha_moving_step(act, m, VMHA_EVENT_LOST, why);
		vmha_log(VMHA_LOG_ERROR, "mig=%s vm=%s its QEMU ended in the migration: %s",
			 m->rec.trace, act->role.name, why ? why : "?");
		return vmha_present_forget(act, err);
	default:
		break;
	}
	(void)vmha_moving_step(act, m, VMHA_EVENT_LOST, doubt);
	return vmha_err_set(err, -EIO, "%s: %s (%s)", act->role.name, doubt,
			    why ? why : "the migration ended");
}

/* What its role has risked has come: Pacemaker is to look on the target, and start it again. */
static int postcopy_lost(const struct live *l, const char *why, struct vmha_err **err)
{
	vmha_link_say(
		l->m->link, l->m,
		"the memory of %s is lost, it is started again: its post-copy to %s broke off "
		"(%s)",
		l->act->role.name, l->m->rec.to, why ? why : "the migration ended");
	(void)vmha_moving_step(l->act, l->m, VMHA_EVENT_LOST, VMHA_REASON_POSTCOPY_LOST);
	return vmha_present_forget(l->act, err);
}

/* Follow one job to its end and find out what came of it. @param[out] ret_r what libvirt said
 * @return as vmha_live_run(); -EAGAIN no memory had flowed: it may be tried otherwise */
static int follow(struct live *l, struct vmha_virt_migration *job, bool attach, int *ret_r,
		  struct vmha_err **err)
{
	struct vmha_observation was = *l->obs;
	vmha_autoerr struct vmha_err *doubt = NULL;
	vmha_autoerr struct vmha_err *e = NULL;
	const char *why = NULL;
	bool broken = false;
	int settled;

	*ret_r = vmha_watch_job(l->act, l->m, l->obs, job, &l->w, &e);
	if (*ret_r == 0) {
		(void)vmha_moving_step(l->act, l->m, VMHA_EVENT_ARRIVED, NULL);
	}
	if (l->w.aborted) {
		why = l->m->rec.reason;
	} else if (*ret_r < 0 && !attach) {
		why = vmha_err_text(e);
	}
	if (*ret_r < 0 && l->m->state == VMHA_MOVE_POSTCOPY) {
		broken = !vmha_watch_postcopy(l->act, l->m, l->obs, &l->w) &&
			 !vmha_source_feeds(l->act, l->obs);
	}
	settled = vmha_settle(l->act, l->m->rec.to, l->m->rec.lver, l->obs, &doubt);
	if (settled < 0 && l->m->state == VMHA_MOVE_POSTCOPY && vmha_source_feeds(l->act, l->obs)) {
		/* the record stays: without it the process here would count as stale */
		return vmha_err_set(err, -EIO,
				    "%s runs on %s and still fetches its memory from here: the "
				    "action's time is over before that",
				    l->act->role.name, l->m->rec.to);
	}
	if (settled == VMHA_SETTLED_HERE && l->m->state == VMHA_MOVE_CONNECTING && !l->w.aborted &&
	    l->obs->verdict.healthy) {
		return vmha_err_set(err, -EAGAIN, "%s", why ? why : "the migration ended");
	}
	if (l->w.processed > 0 && l->m->rec.bytes < 0 && settled == VMHA_SETTLED_TARGET) {
		l->m->rec.bytes = (int64_t)l->w.processed; /* as last seen */
	}
	if (broken && (settled == VMHA_SETTLED_TARGET || settled == VMHA_SETTLED_GONE)) {
		return postcopy_lost(l, why, err);
	}
	return conclude(l, settled, &was, why, vmha_err_text(doubt), err);
}

/* QEMU asks its kernel only now (userfaultfd), on the target, and libvirt passes its words on. */
static bool about_postcopy(const char *why)
{
	return strcasestr(why, "postcopy") || strcasestr(why, "post-copy");
}

/* What an older QEMU or libvirt does not know is left out, one thing after the other. */
static bool reduce(struct live *l, const struct vmha_plan *plan, const char *why)
{
	struct vmha_virt_migrate_options *o = &l->options;

	if (o->postcopy) {
		vmha_link_say(l->m->link, l->m,
			      "%s is moved without a possible post-copy, which is not possible "
			      "here (%s): if it does not get across it %s",
			      l->act->role.name, why,
			      l->act->quick_on_stall ? "is moved quick" : "stays");
		o->postcopy = false;
		o->streams = plan->streams;
		o->compression = plan->compression;
		return true;
	}
	if (o->compression && strcmp(o->compression, "none") != 0) {
		vmha_link_say(l->m->link, l->m,
			      "%s is moved without compression: %s of several streams is not "
			      "known here (%s)",
			      l->act->role.name, o->compression, why);
		o->compression = NULL;
		return true;
	}
	if (o->streams > 1) {
		vmha_link_say(l->m->link, l->m,
			      "%s is moved over one stream: %u are not possible here (%s)",
			      l->act->role.name, o->streams, why);
		o->streams = 1;
		return true;
	}
	return false;
}

/* @return as follow() */
static int attempt(struct live *l, const struct vmha_plan *plan, int *ret_r, struct vmha_err **err)
{
	struct vmha_virt_migration *job = NULL;
	int r;

	vmha_watch_begin(&l->w, VMHA_SPAN_S(plan->stall_s), l->give_up);
	l->w.postcopy = l->options.postcopy;
	l->options.address = l->m->rec.address;
	vmha_link_network(l->m->link, l->m->network, l->m->rec.address, NULL);
	r = vmha_virt_migrate_start(l->act->rec.uuid, &l->options, &job, err);
	if (r == 0) {
		r = follow(l, job, false, ret_r, err);
	}
	vmha_virt_migrate_free(job);
	return r;
}

static int refuse(const struct live *l, enum vmha_move_event event, const char *why,
		  struct vmha_err **err)
{
	(void)vmha_moving_step(l->act, l->m, event, why);
	return vmha_err_set(err, -ECANCELED, "%s stays on %s: %s", l->act->role.name, l->act->node,
			    why);
}

/* Network after network, until memory has flowed over one. */
static int over_networks(struct live *l, const struct vmha_plan *plan, struct vmha_err **err)
{
	vmha_autoconnect struct vmha_connect c;
	vmha_autoerr struct vmha_err *e = NULL;
	bool same = false;
	int said = 0;
	int r;

	vmha_connect_begin(&c, plan);
	for (;;) {
		const char *cancelled = vmha_link_abort(l->m->link);

		if (cancelled) {
			return refuse(l, VMHA_EVENT_CANCELLED, cancelled, err);
		}
		r = same ? 0 : vmha_connect_next(l->act, &c, l->m, &e);
		if (r < 0) {
			return refuse(l, VMHA_EVENT_REFUSED, vmha_err_text(e), err);
		}
		if ((c.tried > 1 || plan->lost > 0) && !same) {
			vmha_link_say(l->m->link, l->m, "%s is moved over %s (%s): %s%s%s",
				      l->act->role.name, l->m->network, l->m->rec.address,
				      c.failures.text ? c.failures.text : "",
				      c.failures.len && *plan->excluded ? "; " : "",
				      plan->excluded);
		}
		r = attempt(l, plan, &said, &e);
		if (r != -EAGAIN) {
			break;
		}
		(void)vmha_moving_step(l->act, l->m, VMHA_EVENT_NEXT, vmha_err_text(e));
		*l->m->rec.reason = '\0'; /* of this attempt only */
		same = (said == -ENOTSUP ||
			(l->options.postcopy && about_postcopy(vmha_err_text(e)))) &&
		       reduce(l, plan, vmha_err_text(e));
		if (!same) {
			vmha_connect_failed(&c, l->m, vmha_err_text(e));
			c.deadline = vmha_mono_add(vmha_mono_now(), VMHA_SPAN_S(2));
		}
	}
	if (err) {
		*err = vmha_steal_ptr(e);
	}
	return r;
}

int vmha_live_run(const struct vmha_action *act, struct vmha_moving *moving,
		  struct vmha_observation *obs, const struct vmha_plan *plan, struct vmha_err **err)
{
	struct vmha_span half = vmha_mono_diff(vmha_mono_now(), act->deadline);
	struct live l = { .act = act, .m = moving, .obs = obs, .give_up = act->deadline };
	vmha_autoerr struct vmha_err *e = NULL;

	half.ns /= 2;
	if (act->quick_on_stall || act->postcopy_on_stall) { /* the second half is for these */
		l.give_up = vmha_mono_add(vmha_mono_now(), half);
	}
	if (target_check(act, moving, &e) < 0) {
		return refuse(&l, VMHA_EVENT_REFUSED, vmha_err_text(e), err);
	}
	l.options = (struct vmha_virt_migrate_options){
		.shared_unsafe = needs_unsafe(act, moving),
		.streams = plan->streams,
		.compression = plan->compression,
		.tls = plan->tls,
		.autoconverge = plan->autoconverge,
		.bandwidth_mib = plan->bandwidth_mib,
		.postcopy = act->postcopy_on_stall,
	};
	if (l.options.postcopy) { /* QEMU refuses both at once */
		l.options.streams = 1;
		l.options.compression = NULL;
	}
	(void)vmha_moving_step(act, moving, VMHA_EVENT_READY, NULL);
	return over_networks(&l, plan, err);
}

int vmha_live_attach(const struct vmha_action *act, struct vmha_moving *moving,
		     struct vmha_observation *obs, struct vmha_err **err)
{
	struct live l = { .act = act, .m = moving, .obs = obs };
	int said = 0;
	int r;

	vmha_watch_begin(&l.w, VMHA_SPAN_S(60), act->deadline);
	r = follow(&l, NULL, true, &said, err);
	return r == -EAGAIN ? refuse(&l, VMHA_EVENT_REFUSED, "the migration ended", err) : r;
}
