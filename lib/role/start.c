/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lib/role/start.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/cleanup.h"
#include "lib/base/file.h"
#include "lib/base/log.h"
#include "lib/base/str.h"
#include "lib/port/domxml.h"
#include "lib/port/virt.h"
#include "lib/role/journal.h"
#include "lib/role/leaserule.h"
#include "lib/role/moving.h"
#include "lib/role/observe.h"
#include "lib/role/owner.h"
#include "lib/role/present.h"
#include "lib/role/state.h"

#define PACE	      VMHA_SPAN_S(1)
#define SETTLE	      VMHA_SPAN_S(5)
#define PING_PATIENCE VMHA_SPAN_S(5)

/* --- something is here already -------------------------------------------------------------- */

/* @return 1 it is here as it should be; 0 look again; negative errno */
static int adopt_step(const struct vmha_action *act, struct vmha_observation *obs,
		      struct vmha_err **err)
{
	enum vmha_rule rule = vmha_lease_rule(act, obs);

	if (rule == VMHA_RULE_UNPROTECTED) {
		return vmha_err_set(err, -EIO, "%s runs on %s unknown to sanlock (%s)",
				    act->role.name, act->node, obs->text);
	}
	if (obs->w.lease == VMHA_LEASE_HELD || obs->w.virt == VMHA_VIRT_PAUSED ||
	    obs->w.virt == VMHA_VIRT_PAUSED_IOERROR || obs->w.virt == VMHA_VIRT_PAUSED_WATCHDOG) {
		return 1;
	}
	if (vmha_present_is_incoming(act, obs)) {
		/* Pacemaker would not start it here while its source is the guest.  Were it so
		 * all the same: the source runs on when its target ends. */
		return vmha_stale_kill(act, obs,
				       "left over from a migration to this node: it never "
				       "ran here",
				       err);
	}
	if (obs->w.virt == VMHA_VIRT_PAUSED_MIGRATION) {
		return vmha_source_resume(act, obs, NULL) == 0;
	}
	return 0;
}

/*
 * An earlier agent was killed and what it had begun went on (libvirt finishes a start whoever asked
 * for it has died), or somebody started the stored XML by hand: then it is here, with its lease.
 *
 *   killed start (node A)              this start (node A)            a start on node B
 *   owner record {A, pid 0}                                           owner record is A's: waits
 *   libvirt: QEMU up, paused           process here, no lease yet:
 *   libvirt: takes the lease, runs     looks again
 *                                      lease held: adopts it          lease held: waits
 */
static int start_adopt(const struct vmha_action *act, struct vmha_observation *obs,
		       struct vmha_err **err)
{
	for (;;) {
		int r;

		if (obs->verdict.place == VMHA_PLACE_NOT_RUNNING) {
			return 0;
		}
		r = obs->verdict.place == VMHA_PLACE_RUNNING ? adopt_step(act, obs, err) : 0;
		if (r < 0) {
			return r;
		}
		if (r == 1) {
			vmha_log(VMHA_LOG_INFO, "vm=%s node=%s is here already (%s)",
				 act->role.name, act->node, obs->text);
			r = vmha_present_record(act, obs, err);
			return r < 0 ? r : 1;
		}
		if (vmha_mono_passed(act->deadline)) {
			return vmha_err_set(err, -ETIMEDOUT,
					    "cannot tell whether %s runs on %s (%s): not started",
					    act->role.name, act->node, obs->text);
		}
		vmha_mono_pace(PACE);
		vmha_observe(act, true, obs);
	}
}

/* A start that libvirtd still works at shows no process yet: only its end tells. */
static int start_inflight_wait(const struct vmha_action *act, struct vmha_observation *obs,
			       struct vmha_err **err)
{
	bool open = vmha_owner_start_open(act);

	while (obs->verdict.place == VMHA_PLACE_NOT_RUNNING &&
	       (obs->w.virt == VMHA_VIRT_SHUTOFF ||
		(open && obs->w.virt == VMHA_VIRT_SILENT && !vmha_virt_gone()))) {
		if (vmha_mono_passed(act->deadline)) {
			return vmha_err_set(err, -ETIMEDOUT,
					    "libvirtd of %s may still be at an earlier start of %s "
					    "and does not answer: check libvirtd there",
					    act->node, act->role.name);
		}
		vmha_mono_pace(PACE);
		vmha_observe(act, true, obs);
	}
	return 0;
}

/* --- may it run here? ----------------------------------------------------------------------- */

struct claim {
	char said[512];
	unsigned int left_over; /* looks in a row, see vmha_owner_judge_lease() */
};

static int claim_once(const struct vmha_action *act, struct claim *claim, struct vmha_err **err)
{
	vmha_autofree struct vmha_clearance *c = calloc(1, sizeof(*c));
	struct vmha_owner_record me;
	int r;

	if (!c) {
		return vmha_err_set(err, -ENOMEM, "out of memory");
	}
	r = vmha_clearance_read(act, claim->left_over, c, err);
	if (r < 0) {
		return r;
	}
	claim->left_over = c->left_over ? claim->left_over + 1 : 0;
	if (c->owner == VMHA_CLEAR_YES && c->lease == VMHA_CLEAR_YES) {
		vmha_owner_self(act, 0, 0, &me);
		return vmha_owner_claim(act, &me, c->has_record ? &c->record : NULL, err);
	}
	if (strcmp(claim->said, c->why) != 0) {
		(void)snprintf(claim->said, sizeof(claim->said), "%s", c->why);
		vmha_log(VMHA_LOG_INFO, "vm=%s start waits: %s", act->role.name, claim->said);
		vmha_journal_action(act, "start", "warning", "the start of %s on %s waits: %s",
				    act->role.name, act->node, claim->said);
	}
	return -EAGAIN;
}

int vmha_start_claim(const struct vmha_action *act, struct vmha_err **err)
{
	struct claim claim = { 0 };

	for (;;) {
		vmha_autoerr struct vmha_err *e = NULL;
		int r = claim_once(act, &claim, &e);

		if (r == 0) {
			return 0;
		}
		if (r != -EAGAIN && strcmp(claim.said, vmha_err_text(e)) != 0) {
			(void)snprintf(claim.said, sizeof(claim.said), "%s", vmha_err_text(e));
			vmha_log(VMHA_LOG_WARNING, "vm=%s start waits: %s", act->role.name,
				 claim.said);
		}
		if (vmha_mono_passed(act->deadline)) {
			return vmha_err_set(err, -ETIMEDOUT, "%s is not started on %s: %s",
					    act->role.name, act->node, claim.said);
		}
		vmha_mono_pace(PACE); /* storage tells nobody when a lease becomes free */
	}
}

/* A start that has begun cannot be called back: none is begun with a libvirtd that may hang. */
static int libvirtd_wait(const struct vmha_action *act, struct vmha_err **err)
{
	for (;;) {
		vmha_autoerr struct vmha_err *e = NULL;
		int r = vmha_virt_ping(NULL, vmha_action_left(act, PING_PATIENCE), &e);

		if (r == 0) {
			return 0;
		}
		if (vmha_mono_passed(act->deadline)) {
			return vmha_err_set(err, r, "%s is not started on %s: %s", act->role.name,
					    act->node, vmha_err_text(e));
		}
		vmha_mono_pace(PACE);
	}
}

/* --- boot ----------------------------------------------------------------------------------- */

static int xml_load(const struct vmha_action *act, char **ret_xml, struct vmha_err **err)
{
	vmha_autodomxml struct vmha_domxml *dom = NULL;
	char path[VMHA_PATH_SIZE];
	int r;

	vmha_role_path(&act->role, VMHA_FILE_XML, path);
	r = vmha_domxml_load(path, &dom, err);
	if (r < 0) {
		return r;
	}
	r = vmha_domxml_has_lease(dom, &act->lease, err);
	if (r < 0) {
		return r;
	}
	if (r == 0) {
		return vmha_err_set(err, -EINVAL,
				    "%s has no <lease>: nothing would keep a second copy away; "
				    "store it again with `vmha vm edit %s`",
				    path, act->role.name);
	}
	*ret_xml = vmha_domxml_print(dom);
	return *ret_xml ? 0 : vmha_err_set(err, -ENOMEM, "out of memory");
}

/* @return always the failure; the owner record goes only when nothing can come of it any more */
static int create_failed(const struct vmha_action *act, int code, struct vmha_err **err)
{
	struct vmha_observation obs = { 0 };

	if (code != -ETIMEDOUT) {
		vmha_observe_settled(act, SETTLE, &obs);
		if (obs.verdict.place == VMHA_PLACE_NOT_RUNNING && obs.w.virt == VMHA_VIRT_ABSENT) {
			(void)vmha_present_forget(act, NULL);
		}
	}
	vmha_err_prefix(err, "cannot start %s on %s", act->role.name, act->node);
	return code;
}

static int start_boot(const struct vmha_action *act, struct vmha_observation *obs,
		      struct vmha_err **err)
{
	vmha_autofree char *xml = NULL;
	int r = xml_load(act, &xml, err);

	if (r < 0) {
		(void)vmha_owner_drop(act, NULL);
		return r;
	}
	r = vmha_virt_create(xml, vmha_action_left(act, VMHA_SPAN_S(3600)), err);
	if (r < 0) {
		return create_failed(act, r, err);
	}
	vmha_observe_settled(act, SETTLE, obs);
	return 0;
}

/* Saved memory that lies on the volume is continued, or set aside if it must not run. */
static int start_memory(const struct vmha_action *act, struct vmha_observation *obs,
			struct vmha_err **err)
{
	vmha_autofree struct vmha_state_record *rec = calloc(1, sizeof(*rec));
	vmha_autoerr struct vmha_err *why = NULL;
	enum vmha_state_answer answer = VMHA_STATE_NONE;
	struct vmha_moving m = { 0 };
	bool moving = vmha_moving_load(act, &m, NULL) == 0;
	int r = rec ? vmha_state_check(act, &answer, rec, &why) : -ENOMEM;

	if (r < 0) {
		return vmha_err_set(err, r, "cannot tell whether %s has saved memory: %s",
				    act->role.name, vmha_err_text(why));
	}
	if (answer == VMHA_STATE_NONE) {
		return 0;
	}
	if (answer == VMHA_STATE_VALID) {
		if (moving && (m.state == VMHA_MOVE_SAVED || m.state == VMHA_MOVE_RESTORING)) {
			(void)vmha_moving_step(act, &m, VMHA_EVENT_RESTORE, NULL);
		}
		r = vmha_state_restore(act, rec, obs, &why);
		if (r == 0) {
			return 1;
		}
		if (r != -EPERM && r != -EILSEQ) {
			return vmha_err_set(err, r, "%s", vmha_err_text(why));
		}
	}
	return vmha_state_aside(act, vmha_err_text(why), err);
}

/* A quick move that this start carried to its end, in one way or the other. */
static void move_end(const struct vmha_action *act, bool continued)
{
	struct vmha_moving m;

	if (vmha_moving_load(act, &m, NULL) < 0 || vmha_move_is_final(m.state)) {
		return;
	}
	(void)snprintf(m.rec.to, sizeof(m.rec.to), "%s", act->node);
	m.rec.total_ms = vmha_move_span_ms(m.rec.begun_ms, vmha_wall_ms());
	if (m.state == VMHA_MOVE_RESTORING && continued) {
		m.rec.blackout_ms = vmha_move_span_ms(m.rec.stopped_ms, vmha_wall_ms());
		(void)vmha_moving_step(act, &m, VMHA_EVENT_CONFIRMED, NULL);
		(void)vmha_moving_step(act, &m, VMHA_EVENT_CLEANED, NULL);
	} else if (m.state == VMHA_MOVE_SAVED || m.state == VMHA_MOVE_RESTORING) {
		(void)vmha_moving_step(act, &m, VMHA_EVENT_FRESH,
				       "its saved memory could not be used: booted fresh");
	} else {
		/* the source was lost in the middle of it */
		m.state = VMHA_MOVE_UNSURE;
		(void)vmha_moving_step(act, &m, VMHA_EVENT_FRESH,
				       "it was interrupted; the VM was started anew");
	}
}

static int start_new(const struct vmha_action *act, struct vmha_err **err)
{
	struct vmha_observation obs = { 0 };
	int continued;
	int r = libvirtd_wait(act, err);

	if (r == 0) {
		r = vmha_start_claim(act, err);
	}
	if (r < 0) {
		return r;
	}
	/* again: the wait for the lease may have been long */
	r = vmha_virt_ping(NULL, vmha_action_left(act, PING_PATIENCE), err);
	if (r < 0) {
		(void)vmha_owner_drop(act, NULL);
		return r;
	}
	continued = start_memory(act, &obs, err);
	r = continued;
	if (r == 0) {
		r = start_boot(act, &obs, err);
	}
	if (r < 0) {
		return r;
	}
	if (obs.w.lease != VMHA_LEASE_HELD && vmha_lease_rule(act, &obs) > VMHA_RULE_RETAKEN) {
		return vmha_err_set(err, -EIO,
				    "%s was started but does not run with its lease (%s)",
				    act->role.name, obs.text);
	}
	r = vmha_present_record(act, &obs, err);
	if (r < 0) {
		return r;
	}
	move_end(act, continued == 1);
	vmha_log(VMHA_LOG_INFO, "vm=%s node=%s started pid=%d lver=%" PRIu64 " trace=%s%s",
		 act->role.name, act->node, (int)obs.pid, obs.lver, act->trace,
		 continued ? " from saved memory" : "");
	vmha_journal_action(act, "start", "info", "%s was started on %s%s", act->role.name,
			    act->node, continued ? ", from saved memory" : "");
	return 0;
}

int vmha_start(const struct vmha_action *act, struct vmha_err **err)
{
	struct vmha_observation obs = { 0 };
	int r = vmha_action_need_lockspace(act, err);

	if (r < 0) {
		return r;
	}
	vmha_observe_settled(act, SETTLE, &obs);
	r = start_inflight_wait(act, &obs, err);
	if (r == 0) {
		r = start_adopt(act, &obs, err);
	}
	if (r != 0) {
		return r < 0 ? r : 0;
	}
	return start_new(act, err);
}
