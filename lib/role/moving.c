/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lib/role/moving.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "lib/base/cleanup.h"
#include "lib/base/log.h"
#include "lib/base/str.h"

int64_t vmha_wall_ms(void)
{
	struct timespec ts = { 0 };

	(void)clock_gettime(CLOCK_REALTIME, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

static int moving_store(const struct vmha_action *act, struct vmha_moving *m, struct vmha_err **err)
{
	(void)snprintf(m->rec.state, sizeof(m->rec.state), "%s", vmha_move_state_name(m->state));
	return vmha_role_store(&act->role, VMHA_RECORD_MOVE, &m->rec, err);
}

int vmha_moving_begin(const struct vmha_action *act, const char *to, enum vmha_move_mode mode,
		      uint64_t lver, struct vmha_moving *ret_moving, struct vmha_err **err)
{
	struct vmha_moving m = { .state = VMHA_MOVE_PREPARING };
	int r;

	m.rec.lver = lver;
	m.rec.begun_ms = vmha_wall_ms();
	m.rec.total_ms = -1;
	m.rec.blackout_ms = -1;
	m.rec.bytes = -1;
	memcpy(m.rec.trace, act->trace, sizeof(m.rec.trace));
	memcpy(m.rec.from, act->node, sizeof(m.rec.from));
	(void)snprintf(m.rec.to, sizeof(m.rec.to), "%s", to);
	(void)snprintf(m.rec.mode, sizeof(m.rec.mode), "%s", vmha_move_mode_name(mode));
	m.since = m.begun = vmha_mono_now();
	r = moving_store(act, &m, err);
	if (r == 0) {
		vmha_log(VMHA_LOG_INFO, "mig=%s vm=%s %s from=%s to=%s mode=%s lver=%" PRIu64,
			 m.rec.trace, act->role.name, m.rec.state, m.rec.from, m.rec.to, m.rec.mode,
			 lver);
		*ret_moving = m;
	}
	return r;
}

unsigned int vmha_moving_step(const struct vmha_action *act, struct vmha_moving *moving,
			      enum vmha_move_event event, const char *reason)
{
	vmha_autoerr struct vmha_err *err = NULL;
	enum vmha_move_state was = moving->state;
	struct vmha_mono now = vmha_mono_now();
	struct vmha_move_step step;

	if (!vmha_move_step(was, event, &step)) {
		vmha_log(VMHA_LOG_ERROR, "mig=%s vm=%s event %s is illegal in %s: ignored",
			 moving->rec.trace, act->role.name, vmha_move_event_name(event),
			 vmha_move_state_name(was));
		return 0;
	}
	moving->state = step.next;
	if (reason && reason != moving->rec.reason) {
		(void)snprintf(moving->rec.reason, sizeof(moving->rec.reason), "%s", reason);
	}
	/* a record that cannot be written must not stop a move that is under way: evidence decides
	 * without it */
	if (moving_store(act, moving, &err) < 0) {
		vmha_log(VMHA_LOG_WARNING, "%s", vmha_err_text(err));
	}
	vmha_log(VMHA_LOG_INFO, "mig=%s vm=%s %s --%s--> %s after_ms=%" PRId64 "%s%s",
		 moving->rec.trace, act->role.name, vmha_move_state_name(was),
		 vmha_move_event_name(event), vmha_move_state_name(step.next),
		 vmha_span_ms(vmha_mono_diff(moving->since, now)), reason ? " reason=" : "",
		 reason ? reason : "");
	moving->since = now;
	if (moving->told) {
		moving->told(moving);
	}
	return step.effects;
}

int vmha_moving_load(const struct vmha_action *act, struct vmha_moving *ret_moving,
		     struct vmha_err **err)
{
	struct vmha_moving m = { .since = vmha_mono_now() };
	int r = vmha_role_load(&act->role, VMHA_RECORD_MOVE, &m.rec, err);

	if (r < 0) {
		return r;
	}
	if (!vmha_move_state_parse(m.rec.state, &m.state)) {
		return vmha_err_set(err, -EBADMSG, "the last move of %s is in an unknown state %s",
				    act->role.name, m.rec.state);
	}
	m.begun = m.since;
	*ret_moving = m;
	return 0;
}

bool vmha_moving_open(const struct vmha_action *act, struct vmha_moving *ret_moving)
{
	struct vmha_moving m = { 0 };

	if (vmha_moving_load(act, &m, NULL) < 0 || !vmha_str_eq(m.rec.from, act->node) ||
	    vmha_move_is_final(m.state)) {
		return false;
	}
	if (ret_moving) {
		*ret_moving = m;
	}
	return true;
}

bool vmha_moving_postcopy(const struct vmha_action *act, struct vmha_moving *ret_moving)
{
	return vmha_moving_open(act, ret_moving) && ret_moving->state == VMHA_MOVE_POSTCOPY;
}
