/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lib/role/migrate.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "lib/base/cleanup.h"
#include "lib/base/log.h"
#include "lib/base/str.h"
#include "lib/port/virt.h"
#include "lib/role/leaserule.h"
#include "lib/role/live.h"
#include "lib/role/moving.h"
#include "lib/role/observe.h"
#include "lib/role/peers.h"
#include "lib/role/present.h"
#include "lib/role/quick.h"

#define SETTLE	     VMHA_SPAN_S(5)
#define ASK_PATIENCE VMHA_SPAN_S(5)

/* The wish counts once, for its target, until it expires. */
static void wish_take(const struct vmha_action *act, const char *target,
		      struct vmha_action *ret_act)
{
	struct vmha_wish_record wish = { 0 };

	*ret_act = *act;
	if (vmha_role_load(&act->role, VMHA_RECORD_WISH, &wish, NULL) < 0) {
		return;
	}
	if (!vmha_str_eq(wish.to, target) || wish.expires_s < (int64_t)time(NULL)) {
		return;
	}
	(void)vmha_role_forget(&act->role, VMHA_RECORD_WISH, NULL);
	if (vmha_move_mode_parse(wish.mode, &ret_act->mode) < 0) {
		vmha_log(VMHA_LOG_WARNING, "vm=%s unknown migration mode %s wished: ignored",
			 act->role.name, wish.mode);
	}
	if (*wish.trace) {
		memcpy(ret_act->trace, wish.trace, sizeof(ret_act->trace));
	}
}

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
	    (m->state == VMHA_MOVE_COPYING || m->state == VMHA_MOVE_SWITCHOVER)) {
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

static int move(const struct vmha_action *act, const char *target, struct vmha_observation *obs,
		struct vmha_err **err)
{
	struct vmha_moving m = { 0 };
	bool attached = attach(act, target, &m);
	int r;

	if (!attached) {
		vmha_observe_settled(act, SETTLE, obs);
		r = obs->verdict.healthy
			    ? vmha_moving_begin(act, target, act->mode, obs->lver, &m, err)
			    : vmha_err_set(err, -EAGAIN, "%s does not run properly on %s (%s)",
					   act->role.name, act->node, obs->text);
		if (r < 0) {
			return r;
		}
	}
	if (act->mode == VMHA_MODE_QUICK && !attached) {
		return vmha_quick_save(act, &m, obs, err);
	}
	r = vmha_live_run(act, &m, obs, attached, err);
	if (r == -ETIME) {
		vmha_log(VMHA_LOG_WARNING,
			 "mig=%s vm=%s cannot be moved live (%s): moved quick instead, it will "
			 "stand still for some seconds",
			 m.rec.trace, act->role.name, vmha_err_text(*err));
		return vmha_quick_save(act, &m, obs, err);
	}
	return r;
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

int vmha_migrate_to(const struct vmha_action *act, const char *target, struct vmha_err **err)
{
	vmha_autofree struct vmha_action *mine = calloc(1, sizeof(*mine));
	struct vmha_observation obs = { 0 };
	struct vmha_virt_job job = { 0 };
	enum vmha_rule rule;
	int r = vmha_action_need_lockspace(act, err);

	if (r < 0 || !mine) {
		return r < 0 ? r : -ENOMEM;
	}
	wish_take(act, target, mine);
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
		return move(mine, target, &obs, err);
	}
	rule = vmha_lease_rule(act, &obs);
	if (rule == VMHA_RULE_PAUSED) {
		return obs.w.virt == VMHA_VIRT_PAUSED_MIGRATION &&
				       vmha_source_resume(act, &obs, err) == 0
			       ? move(mine, target, &obs, err)
			       : refuse_paused(act, &obs, err);
	}
	if (rule > VMHA_RULE_RETAKEN) {
		return vmha_err_set(err, -EIO, "%s is not moved: %s (%s)", act->role.name,
				    vmha_rule_name(rule), obs.text);
	}
	return move(mine, target, &obs, err);
}

int vmha_migrate_from(const struct vmha_action *act, struct vmha_err **err)
{
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
		if (obs.verdict.healthy) {
			r = vmha_present_record(act, &obs, err);
			vmha_log(VMHA_LOG_INFO, "vm=%s has arrived on %s (%s)", act->role.name,
				 act->node, obs.text);
			return r;
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
