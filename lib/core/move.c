/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lib/core/move.h"

#include <stddef.h>
#include <string.h>

#define ABORT  VMHA_EFFECT_ABORT_JOB
#define RULE   VMHA_EFFECT_LEASE_RULE
#define HAND   VMHA_EFFECT_OWNER_TO_TARGET
#define LEAVE  VMHA_EFFECT_OWNER_NONE
#define DROP   VMHA_EFFECT_DROP_STATE
#define REPORT VMHA_EFFECT_REPORT

struct cell {
	bool legal;
	struct vmha_move_step step;
};

#define GO(state_, event_, next_, effects_)                                                        \
	[VMHA_MOVE_##state_][VMHA_EVENT_##event_] = { true, { VMHA_MOVE_##next_, effects_ } }

/* A pair that is missing here is illegal. */
static const struct cell table[VMHA_MOVE_STATES_COUNT][VMHA_MOVE_EVENTS_COUNT] = {
	GO(QUEUED, ADMITTED, PREPARING, 0),
	GO(QUEUED, REFUSED, KEPT, REPORT),
	GO(QUEUED, CANCELLED, KEPT, REPORT),

	GO(PREPARING, READY, CONNECTING, 0),
	GO(PREPARING, READY_QUICK, SAVING, 0),
	GO(PREPARING, REFUSED, KEPT, REPORT),
	GO(PREPARING, CANCELLED, KEPT, REPORT),

	GO(CONNECTING, CONNECTED, COPYING, 0),
	GO(CONNECTING, NEXT, CONNECTING, REPORT),
	GO(CONNECTING, REFUSED, KEPT, REPORT),
	GO(CONNECTING, CANCELLED, KEPT, REPORT),

	/* a job that is told to end is COPYING until it has: it may still arrive */
	GO(COPYING, STALLED, COPYING, ABORT),
	GO(COPYING, CANCELLED, COPYING, ABORT),
	GO(COPYING, STOPPED, SWITCHOVER, 0),
	GO(COPYING, ARRIVED, HANDOFF, HAND),
	GO(COPYING, CONFIRMED, CLEANUP, HAND),
	GO(COPYING, STAYED, KEPT, RULE | REPORT),
	GO(COPYING, READY_QUICK, SAVING, RULE),
	GO(COPYING, LOST, UNSURE, ABORT | RULE | REPORT),

	/* no way back: from here on neither a wish nor a deadline aborts it */
	GO(COPYING, POSTCOPY, POSTCOPY, 0),
	GO(POSTCOPY, REFUSED, COPYING, 0), /* libvirt has not begun it */
	GO(POSTCOPY, ARRIVED, HANDOFF, HAND),
	GO(POSTCOPY, CONFIRMED, CLEANUP, HAND),
	GO(POSTCOPY, STAYED, KEPT, RULE | REPORT), /* the copy had failed before it began */
	GO(POSTCOPY, LOST, UNSURE, RULE | REPORT),

	GO(SWITCHOVER, STALLED, SWITCHOVER, ABORT),
	GO(SWITCHOVER, ARRIVED, HANDOFF, HAND),
	GO(SWITCHOVER, CONFIRMED, CLEANUP, HAND),
	GO(SWITCHOVER, STAYED, KEPT, RULE | REPORT),
	GO(SWITCHOVER, READY_QUICK, SAVING, RULE),
	GO(SWITCHOVER, LOST, UNSURE, RULE | REPORT),

	GO(HANDOFF, CONFIRMED, CLEANUP, 0),
	GO(HANDOFF, LOST, UNSURE, REPORT),

	GO(CLEANUP, CLEANED, DONE, DROP | REPORT),

	GO(UNSURE, CONFIRMED, CLEANUP, HAND),
	GO(UNSURE, STAYED, KEPT, RULE | REPORT),
	GO(UNSURE, LOST, UNSURE, RULE),
	GO(UNSURE, FRESH, DONE, REPORT),

	GO(SAVING, SAVED, SAVED, LEAVE),
	GO(SAVING, STAYED, KEPT, RULE | DROP | REPORT),
	GO(SAVING, LOST, UNSURE, RULE | REPORT),

	GO(SAVED, RESTORE, RESTORING, 0),
	GO(SAVED, FRESH, DONE, REPORT),

	GO(RESTORING, RESTORE, RESTORING, 0), /* again, after a crash in it */
	GO(RESTORING, CONFIRMED, CLEANUP, 0),
	GO(RESTORING, FRESH, DONE, REPORT),
};

static const struct {
	const char *name;
	enum vmha_move_party guest;
	enum vmha_move_party lease;
	bool final;
} states[] = {
#define X(name_, guest_, lease_, final_)                                                           \
	[VMHA_MOVE_##name_] = { #name_, VMHA_PARTY_##guest_, VMHA_PARTY_##lease_, final_ },
	VMHA_MOVE_STATES(X)
#undef X
};

static const char *const event_names[] = {
#define X(name_) [VMHA_EVENT_##name_] = #name_,
	VMHA_MOVE_EVENTS(X)
#undef X
};

bool vmha_move_step(enum vmha_move_state state, enum vmha_move_event event,
		    struct vmha_move_step *ret_step)
{
	const struct cell *cell = &table[state][event];

	if (cell->legal) {
		*ret_step = cell->step;
	}
	return cell->legal;
}

const char *vmha_move_state_name(enum vmha_move_state state)
{
	return states[state].name;
}

const char *vmha_move_event_name(enum vmha_move_event event)
{
	return event_names[event];
}

bool vmha_move_state_parse(const char *name, enum vmha_move_state *ret_state)
{
	size_t i;

	for (i = 0; i < VMHA_MOVE_STATES_COUNT; i++) {
		if (strcmp(states[i].name, name) == 0) {
			*ret_state = (enum vmha_move_state)i;
			return true;
		}
	}
	return false;
}

bool vmha_move_is_final(enum vmha_move_state state)
{
	return states[state].final;
}

enum vmha_move_party vmha_move_runner(enum vmha_move_state state)
{
	return states[state].guest;
}

enum vmha_move_party vmha_move_lease(enum vmha_move_state state)
{
	return states[state].lease;
}

int64_t vmha_move_span_ms(int64_t from_ms, int64_t to_ms)
{
	return from_ms > 0 && to_ms >= from_ms ? to_ms - from_ms : -1;
}
