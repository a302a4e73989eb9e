/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lib/role/migrate.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/cleanup.h"
#include "lib/base/log.h"
#include "lib/base/str.h"
#include "lib/port/virt.h"
#include "lib/role/leaserule.h"
#include "lib/role/link.h"
#include "lib/role/live.h"
#include "lib/role/moving.h"
#include "lib/role/observe.h"
#include "lib/role/peers.h"
#include "lib/role/present.h"
#include "lib/role/quick.h"

#define SETTLE		VMHA_SPAN_S(5)
#define ASK_PATIENCE	VMHA_SPAN_S(5)
#define BROKEN_PATIENCE VMHA_SPAN_S(5) /* libvirt may have lost the source only */

/*
 * Nothing of it is here.  A new DC may repeat a migrate_to that is done; or the guest ended by
 * itself.  A failure would block the role with nothing running: Pacemaker is to look on the target,
 * and recover if it finds nothing.
 */
static int done_already(const struct vmha_action *act, const char *target,
			const struct vmha_observation *obs, struct vmha_err **err)
{
	struct vmha_lease_owner owner = { 0 };
	char name[VMHA_NODE_SIZE] = "nobody";

	if (vmha_lease_foreign(act, &owner, NULL) == 1) {
		vmha_peer_name(owner.host.host_id, name);
	}
	vmha_log(VMHA_LOG_WARNING,
		 "vm=%s is not on %s any more (%s), its lease is held by %s; %s is "
		 "to look",
		 act->role.name, act->node, obs->text, name, target);
	return vmha_present_forget(act, err);
}

/* A job of an agent that was killed: followed when it goes where we are to go, else ended. */
static bool attach(const struct vmha_action *act, const char *target, struct vmha_moving *m)
{
	struct vmha_virt_job job = { 0 };

	if (vmha_virt_job(NULL, act->rec.uuid, vmha_action_left(act, ASK_PATIENCE), &job, NULL) <
		    0 ||
	    job.kind != VMHA_VIRT_JOB_OUT) {
		vmha_present_close_move(act);
		return false;
	}
	if (vmha_moving_open(act, m) && vmha_str_eq(m->rec.to, target) &&
	    (m->state == VMHA_MOVE_CONNECTING || m->state == VMHA_MOVE_COPYING ||
	     m->state == VMHA_MOVE_SWITCHOVER || m->state == VMHA_MOVE_POSTCOPY)) {
		vmha_log(VMHA_LOG_INFO, "mig=%s vm=%s is under way to %s: followed", m->rec.trace,
			 act->role.name, target);
		return true;
	}
	vmha_log(VMHA_LOG_WARNING, "vm=%s has a migration under way that nobody follows: aborted",
		 act->role.name);
	(void)vmha_virt_job_abort(NULL, act->rec.uuid, vmha_action_left(act, ASK_PATIENCE), NULL);
	vmha_present_close_move(act);
	return false;
}

/* What clusterd plans goes before the role's own. */
static void plan_apply(struct vmha_action *act, const struct vmha_plan *plan)
{
	if (*plan->trace) {
		memcpy(act->trace, plan->trace, sizeof(act->trace));
	}
	if (*plan->mode) {
		(void)vmha_move_mode_parse(plan->mode, &act->mode);
	}
	if (*plan->on_stall) {
		act->quick_on_stall = vmha_str_eq(plan->on_stall, "quick");
		act->postcopy_on_stall = vmha_str_eq(plan->on_stall, "postcopy");
	}
	if (act->mode == VMHA_MODE_AUTO) {
		act->quick_on_stall = true;
	}
}

static int move_live(const struct vmha_action *act, struct vmha_moving *m,
		     struct vmha_observation *obs, const struct vmha_plan *plan, bool attached,
		     struct vmha_err **err)
{
	int r = attached ? vmha_live_attach(act, m, obs, err)
			 : vmha_live_run(act, m, obs, plan, err);

	if (r == -ETIME) {
		vmha_link_say(m->link, m,
			      "%s cannot be moved live (%s): moved quick instead, it will stand "
			      "still for some seconds",
			      act->role.name, vmha_err_text(*err));
		r = vmha_quick_save(act, m, obs, err);
	}
	return r;
}

/* An earlier agent's job: clusterd is told if it is there, the job goes on in any case. */
static int move_attached(const struct vmha_action *act, struct vmha_moving *m,
			 struct vmha_observation *obs, struct vmha_err **err)
{
	vmha_autolink struct vmha_link *link = NULL;
	vmha_autoerr struct vmha_err *e = NULL;
	int r;

	if (vmha_link_begin(act, m->rec.to, true, &link, &e) < 0) {
		vmha_log(VMHA_LOG_WARNING, "mig=%s vm=%s followed without clusterd: %s",
			 m->rec.trace, act->role.name, vmha_err_text(e));
	}
	vmha_link_follow(link, m);
	r = move_live(act, m, obs, NULL, true, err);
	vmha_link_end(link, m);
	return r;
}

/* clusterd has not admitted it: nothing is touched, the record says why. */
static int not_admitted(const struct vmha_action *act, const char *target,
			const struct vmha_observation *obs, const char *why, struct vmha_err **err)
{
	struct vmha_moving m = { 0 };

	if (vmha_moving_begin(act, target, act->mode, obs->lver, &m, NULL) == 0) {
		(void)vmha_moving_step(act, &m, VMHA_EVENT_REFUSED, why);
	}
	return vmha_err_set(err, -ECANCELED, "%s stays on %s: %s", act->role.name, act->node, why);
}

static int move_anew(struct vmha_action *act, const char *target, struct vmha_observation *obs,
		     struct vmha_err **err)
{
	vmha_autolink struct vmha_link *link = NULL;
	vmha_autoerr struct vmha_err *e = NULL;
	const struct vmha_plan *plan = NULL;
	struct vmha_moving m = { 0 };
	int r = vmha_link_begin(act, target, false, &link, &e);

	if (r < 0) {
		return not_admitted(act, target, obs, vmha_err_text(e), err);
	}
	plan = vmha_link_plan(link);
	plan_apply(act, plan);
	r = vmha_moving_begin(act, target, act->mode, obs->lver, &m, err);
	if (r == 0) {
		vmha_link_follow(link, &m);
		r = act->mode == VMHA_MODE_QUICK ? vmha_quick_save(act, &m, obs, err)
						 : move_live(act, &m, obs, plan, false, err);
	}
	vmha_link_end(link, &m);
	return r;
}

static int move(struct vmha_action *act, const char *target, struct vmha_observation *obs,
		bool *told, struct vmha_err **err)
{
	struct vmha_moving m = { 0 };

	if (attach(act, target, &m)) {
		*told = true;
		return move_attached(act, &m, obs, err);
	}
	vmha_observe_settled(act, SETTLE, obs);
	if (!obs->verdict.healthy) {
		return vmha_err_set(err, -EAGAIN, "%s does not run properly on %s (%s)",
				    act->role.name, act->node, obs->text);
	}
	*told = true;
	return move_anew(act, target, obs, err);
}

static int refuse_paused(const struct vmha_action *act, const struct vmha_observation *obs,
			 struct vmha_err **err)
{
	return vmha_err_set(
		err, -EPERM, "%s is not moved: it is %s on %s; %s", act->role.name,
		obs->w.virt == VMHA_VIRT_PAUSED_IOERROR ? "paused by an I/O error" : "paused",
		act->node,
		obs->w.virt == VMHA_VIRT_PAUSED_IOERROR ? "repair its storage and resume it"
							: "resume it first");
}

/* @param[out] told clusterd knows of it: it was asked */
static int migrate_to(struct vmha_action *act, const char *target, bool *told,
		      struct vmha_err **err)
{
	struct vmha_observation obs = { 0 };
	struct vmha_virt_job job = { 0 };
	enum vmha_rule rule;
	int r = vmha_action_need_lockspace(act, err);

	if (r < 0) {
		return r;
	}
	vmha_observe_settled(act, SETTLE, &obs);
	if (obs.verdict.place == VMHA_PLACE_NOT_RUNNING) {
		return done_already(act, target, &obs, err);
	}
	if (obs.verdict.place != VMHA_PLACE_RUNNING) {
		return vmha_err_set(err, -EAGAIN, "cannot tell whether %s runs on %s (%s)",
				    act->role.name, act->node, obs.text);
	}
	if (obs.w.virt == VMHA_VIRT_SILENT) {
		rule = vmha_lease_rule(act, &obs); /* a job may have died with its libvirtd */
		return vmha_err_set(err, -ETIMEDOUT,
				    "%s stays on %s: libvirtd there does not answer (lease %s)",
				    act->role.name, act->node, vmha_rule_name(rule));
	}
	/* a job in its switchover: no rule yet, the outcome is open */
	if (obs.verdict.healthy ||
	    (vmha_virt_job(NULL, act->rec.uuid, ASK_PATIENCE, &job, NULL) == 0 &&
	     job.kind == VMHA_VIRT_JOB_OUT)) {
		return move(act, target, &obs, told, err);
	}
	rule = vmha_lease_rule(act, &obs);
	if (rule == VMHA_RULE_PAUSED) {
		return obs.w.virt == VMHA_VIRT_PAUSED_MIGRATION &&
				       vmha_source_resume(act, &obs, err) == 0
			       ? move(act, target, &obs, told, err)
			       : refuse_paused(act, &obs, err);
	}
	if (rule > VMHA_RULE_RETAKEN) {
		return vmha_err_set(err, -EIO, "%s is not moved: %s (%s)", act->role.name,
				    vmha_rule_name(rule), obs.text);
	}
	return move(act, target, &obs, told, err);
}

int vmha_migrate_to(const struct vmha_action *act, const char *target, struct vmha_err **err)
{
	vmha_autofree struct vmha_action *mine = calloc(1, sizeof(*mine));
	vmha_autoerr struct vmha_err *e = NULL;
	bool told = false;
	int r;

	if (!mine) {
		return vmha_err_set(err, -ENOMEM, "out of memory");
	}
	*mine = *act; /* for what clusterd's plan changes */
	r = migrate_to(mine, target, &told, &e);
	if (r < 0 && !told) {
		vmha_link_refuse(mine, vmha_err_text(e));
	}
	if (err) {
		*err = vmha_steal_ptr(e);
	}
	return r;
}

/* Nothing more will come: its post-copy broke off, here already running or not yet. */
static bool is_lost(const struct vmha_action *act, const struct vmha_observation *obs)
{
	struct vmha_moving m = { 0 };

	return obs->w.virt == VMHA_VIRT_POSTCOPY_BROKEN ||
	       (vmha_present_is_incoming(act, obs) && vmha_moving_load(act, &m, NULL) == 0 &&
		m.state == VMHA_MOVE_UNSURE);
}

static int lost(const struct vmha_action *act, const struct vmha_observation *obs,
		struct vmha_err **err)
{
	return vmha_err_set(err, -EIO,
			    "%s has to be started again: the rest of its memory did not come (%s)",
			    act->role.name, obs->text);
}

/*
 * Post-copy, the network lost in it:
 *
 *   source                                 target (here)
 *   cuts the stream, QEMU says that it
 *   broke off: killed, record: lost        hears nothing of it, waits for memory that will not come
 *   gone                                   "running", for as long as TCP tries: a quarter hour
 *
 * All of it may be there nevertheless: then libvirt here has ended its post-copy.
 */
static bool waits_in_vain(const struct vmha_action *act, const struct vmha_observation *obs)
{
	struct vmha_moving m = { 0 };

	return obs->w.virt == VMHA_VIRT_RUNNING_POSTCOPY && vmha_moving_load(act, &m, NULL) == 0 &&
	       m.state == VMHA_MOVE_UNSURE && vmha_str_eq(m.rec.to, act->node) &&
	       vmha_str_eq(m.rec.reason, VMHA_REASON_POSTCOPY_LOST);
}

int vmha_migrate_from(const struct vmha_action *act, struct vmha_err **err)
{
	struct vmha_mono patient = vmha_mono_add(vmha_mono_now(), BROKEN_PATIENCE);
	struct vmha_observation obs = { 0 };
	struct vmha_moving m = { 0 };
	bool quick = vmha_moving_load(act, &m, NULL) == 0 &&
		     (m.state == VMHA_MOVE_SAVED || m.state == VMHA_MOVE_RESTORING);
	int r = vmha_action_need_lockspace(act, err);

	if (r < 0) {
		return r;
	}
	for (;;) {
		vmha_observe_settled(act, SETTLE, &obs);
		if (waits_in_vain(act, &obs)) {
			(void)vmha_stale_kill(act, &obs, "the rest of its memory is lost", NULL);
			return lost(act, &obs, err);
		}
		if (obs.verdict.healthy) {
			r = vmha_present_record(act, &obs, err);
			vmha_log(VMHA_LOG_INFO, "vm=%s has arrived on %s (%s)", act->role.name,
				 act->node, obs.text);
			return r;
		}
		if (vmha_mono_passed(patient) && is_lost(act, &obs)) {
			return lost(act, &obs, err);
		}
		if (obs.verdict.place == VMHA_PLACE_NOT_RUNNING) {
			return quick ? vmha_quick_restore(act, err)
				     : vmha_err_set(err, -ENOENT, "%s has not arrived on %s (%s)",
						    act->role.name, act->node, obs.text);
		}
		if (obs.verdict.lease_missing || obs.verdict.unprotected) {
			(void)vmha_lease_rule(act, &obs);
		}
		if (vmha_mono_passed(act->deadline)) {
			return vmha_err_set(err, -ETIMEDOUT, "%s does not run properly on %s (%s)",
					    act->role.name, act->node, obs.text);
		}
		vmha_mono_pace(VMHA_SPAN_MS(500));
	}
}
