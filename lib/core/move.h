/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef VMHA_CORE_MOVE_H
#define VMHA_CORE_MOVE_H

#include <stdbool.h>
#include <stdint.h>

/*
 * A move of a role as a state machine (DESIGN.md, section 4).  Pure: step() says what comes next
 * and what is to be done; the agent does it and tells the next event.
 */

/* In each state: who may run the guest, who holds the lease. */
enum vmha_move_party {
	VMHA_PARTY_NOBODY,
	VMHA_PARTY_SOURCE,
	VMHA_PARTY_TARGET,
	VMHA_PARTY_ONE, /* one of the two, evidence decides which */
};

/*         state       guest   lease   final */
#define VMHA_MOVE_STATES(X)                                                                        \
	X(QUEUED, SOURCE, SOURCE, false)                                                           \
	X(PREPARING, SOURCE, SOURCE, false)                                                        \
	X(CONNECTING, SOURCE, SOURCE, false)                                                       \
	X(COPYING, SOURCE, SOURCE, false)                                                          \
	X(SWITCHOVER, NOBODY, ONE, false)                                                          \
	X(HANDOFF, TARGET, TARGET, false)                                                          \
	X(CLEANUP, TARGET, TARGET, false)                                                          \
	X(DONE, TARGET, TARGET, true)                                                              \
	X(KEPT, SOURCE, SOURCE, true)                                                              \
	X(UNSURE, ONE, ONE, false)                                                                 \
	X(SAVING, NOBODY, ONE, false)                                                              \
	X(SAVED, NOBODY, NOBODY, false)                                                            \
	X(RESTORING, NOBODY, NOBODY, false)                                                        \
	X(POSTCOPY, ONE, ONE, false)

#define VMHA_MOVE_EVENTS(X)                                                                        \
	X(ADMITTED)                                                                                \
	X(READY)       /* the target can take it */                                                \
	X(READY_QUICK) /* likewise, by way of the volume */                                        \
	X(REFUSED)     /* it cannot, or no network is left */                                      \
	X(NEXT)	       /* this network failed, another is left */                                  \
	X(CONNECTED)                                                                               \
	X(CANCELLED)                                                                               \
	X(STALLED)   /* no progress */                                                             \
	X(STOPPED)   /* the source's vCPUs stand */                                                \
	X(ARRIVED)   /* libvirt reports success */                                                 \
	X(STAYED)    /* confirmed: runs here with its lease, no job is left */                     \
	X(CONFIRMED) /* confirmed: runs on the target with its lease */                            \
	X(LOST)	     /* neither end confirms */                                                    \
	X(CLEANED)                                                                                 \
	X(SAVED)    /* memory is on the volume, with its record, durable */                        \
	X(RESTORE)  /* the target begins */                                                        \
	X(POSTCOPY) /* the guest is to run on the target before its memory is there */             \
	X(FRESH)    /* the memory could not be used: booted instead */

enum vmha_move_state {
#define X(name_, guest_, lease_, final_) VMHA_MOVE_##name_,
	VMHA_MOVE_STATES(X)
#undef X
		VMHA_MOVE_STATES_COUNT
};

enum vmha_move_event {
#define X(name_) VMHA_EVENT_##name_,
	VMHA_MOVE_EVENTS(X)
#undef X
		VMHA_MOVE_EVENTS_COUNT
};

/* What is to be done on the way; the record is written at every step. */
enum vmha_move_effect {
	VMHA_EFFECT_NONE = 0,
	VMHA_EFFECT_ABORT_JOB = 1 << 0,	      /* libvirt's, on both ends */
	VMHA_EFFECT_LEASE_RULE = 1 << 1,      /* on the source */
	VMHA_EFFECT_OWNER_TO_TARGET = 1 << 2, /* owner record */
	VMHA_EFFECT_OWNER_NONE = 1 << 3,
	VMHA_EFFECT_DROP_STATE = 1 << 4, /* saved memory */
	VMHA_EFFECT_REPORT = 1 << 5,	 /* statistics, reason */
};

struct vmha_move_step {
	enum vmha_move_state next;
	unsigned int effects; /* of enum vmha_move_effect */
};

/** @return true and the step; false: @event is illegal in @state */
bool vmha_move_step(enum vmha_move_state state, enum vmha_move_event event,
		    struct vmha_move_step *ret_step);

const char *vmha_move_state_name(enum vmha_move_state state);
const char *vmha_move_event_name(enum vmha_move_event event);
/** @return true and the state of that name; false: there is none */
bool vmha_move_state_parse(const char *name, enum vmha_move_state *ret_state);
bool vmha_move_is_final(enum vmha_move_state state);
enum vmha_move_party vmha_move_runner(enum vmha_move_state state);
enum vmha_move_party vmha_move_lease(enum vmha_move_state state);

/** Between two times of day in ms, perhaps of two nodes. @return -1 when a clock was set back
 * meanwhile, or @from_ms is 0: not known */
int64_t vmha_move_span_ms(int64_t from_ms, int64_t to_ms);

#endif
