/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef VMHA_CORE_CLUSTER_INT_H
#define VMHA_CORE_CLUSTER_INT_H

#include "lib/core/cluster.h"

/* Between the files of cluster*.c only. */

/** One call of vmha_cluster_apply(). */
struct cl_turn {
	struct vmha_cluster *st;
	const struct vmha_cevent *ev;
	struct vmha_ceffects *fx;
};

/* What can happen to a migration: columns of the table in cluster_mig.c. */
#define CL_MIG_EVENTS(X)                                                                           \
	X(CHECK_OK)                                                                                \
	X(CHECK_BAD)                                                                               \
	X(ADMIT)                                                                                   \
	X(HAND_OK)                                                                                 \
	X(HAND_BAD)                                                                                \
	X(BEGUN)       /* its agent, or one that repeats the action */                             \
	X(BEGUN_OTHER) /* an agent that is to move the role elsewhere */                           \
	X(EXPIRED)                                                                                 \
	X(REPORT)                                                                                  \
	X(ATTEMPT)                                                                                 \
	X(AGENT_END)                                                                               \
	X(TARGET_END) /* the target's, which ends a quick move: measures it */                     \
	X(AGENT_LOST)                                                                              \
	X(SETTLED)                                                                                 \
	X(UNSETTLED) /* and it cannot be now */                                                    \
	X(CANCEL)                                                                                  \
	X(PREEMPT)                                                                                 \
	X(SOURCE_AWAY) /* its clusterd */                                                          \
	X(TARGET_AWAY)                                                                             \
	X(SOURCE_DOWN) /* the host */                                                              \
	X(TARGET_DOWN)                                                                             \
	X(TARGET_CLOSED)                                                                           \
	X(HOME_OPEN) /* the drain that it belongs to was called off */

enum cl_mig_event {
#define X(name_) CL_EV_##name_,
	CL_MIG_EVENTS(X)
#undef X
		CL_MIG_EVENTS_COUNT
};

/* cluster.c */
struct vmha_cnode *cl_node(struct vmha_cluster *st, unsigned int id);
bool cl_node_ready(const struct vmha_cluster *st, unsigned int id);
bool cl_node_down(const struct vmha_cluster *st, unsigned int id);
struct vmha_mig *cl_mig(struct vmha_cluster *st, uint64_t id);
bool cl_mig_open(const struct vmha_mig *m);
bool cl_drain_closed(enum vmha_drain_state state);
bool cl_drain_works(enum vmha_drain_state state);
/** Refuse the event. @return @code */
int cl_refuse(struct cl_turn *t, int code, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
void cl_copy(char *to, size_t size, const char *from);
#define CL_COPY(array, from) cl_copy(array, sizeof(array), from)

/** A node's name for a message; good until the end of the block. */
struct cl_name {
	char text[VMHA_NODE_SIZE];
};
#define CL_NAME(st, id) vmha_cluster_node_name(st, id, (struct cl_name){ { 0 } }.text)

/* cluster_effect.c */
/** @return an effect to be filled; memory ran out: one that goes nowhere */
struct vmha_ceffect *cl_effect(struct cl_turn *t, enum vmha_ceffect_kind kind, unsigned int node);
/** Ask a node to do something for @m and wait for its answer; NONE: wait for nothing. */
void cl_pend(struct cl_turn *t, struct vmha_mig *m, enum vmha_ceffect_kind kind);
void cl_drain_pend(struct cl_turn *t, struct vmha_cnode *node);
/** Give what nobody performs to a node that is there. */
void cl_pending_assign(struct cl_turn *t);
/** Ask @node once more for all that it was asked. */
void cl_pending_repeat(struct cl_turn *t, unsigned int node);
void cl_mig_note(struct cl_turn *t, const struct vmha_mig *m, enum vmha_level level,
		 const char *fmt, ...) __attribute__((format(printf, 4, 5)));
void cl_node_note(struct cl_turn *t, const char *kind, unsigned int node, enum vmha_level level,
		  const char *fmt, ...) __attribute__((format(printf, 5, 6)));
/* The state that the agent is in now. */
void cl_say_state(struct cl_turn *t, const struct vmha_mig *m);
/* How long it took and how much went; the agent has said so at its end. */
void cl_say_stats(struct cl_turn *t, const struct vmha_mig *m);

/* cluster_way.c: all return 0 */
/** Ends @m, which may be forgotten by it: the last that is done with it. */
int cl_end(struct cl_turn *t, struct vmha_mig *m, enum vmha_mig_result result);
int cl_end_kept(struct cl_turn *t, struct vmha_mig *m);
int cl_ending(struct cl_turn *t, struct vmha_mig *m, enum vmha_ceffect_kind kind);
int cl_settle(struct cl_turn *t, struct vmha_mig *m);
/** What is being settled is not tried again: its drain was called off. */
int cl_stay(struct cl_turn *t, struct vmha_mig *m);
/** Its memory was saved on the volume, whatever it was to be: it is a quick move. */
void cl_by_volume(struct vmha_mig *m);
/** It goes on being settled, and holds nobody up any more. */
int cl_stuck(struct cl_turn *t, struct vmha_mig *m);
int cl_to_queue(struct cl_turn *t, struct vmha_mig *m);
int cl_hand_over(struct cl_turn *t, struct vmha_mig *m);
int cl_run(struct cl_turn *t, struct vmha_mig *m);
/** The reason that its end will have. */
void cl_because(struct vmha_mig *m, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/** ... the event's words, where it has any. */
void cl_because_event(const struct cl_turn *t, struct vmha_mig *m);
void cl_say_refused(struct cl_turn *t, const struct vmha_mig *m, uint64_t agent, const char *fmt,
		    ...) __attribute__((format(printf, 4, 5)));

/** Once for every open migration that is @wanted. */
void cl_mig_step_all(struct cl_turn *t, enum cl_mig_event event,
		     bool (*wanted)(const struct cl_turn *t, const struct vmha_mig *m));

/* cluster_mig.c */
int cl_mig_step(struct cl_turn *t, struct vmha_mig *m, enum cl_mig_event event);

/* cluster_event.c: events about migrations */
int cl_event_enqueue(struct cl_turn *t);
int cl_event_begun(struct cl_turn *t);
int cl_event_checked(struct cl_turn *t);
int cl_event_handed(struct cl_turn *t);
int cl_event_agent(struct cl_turn *t);
int cl_event_settled(struct cl_turn *t);
int cl_event_cancel(struct cl_turn *t);

/* cluster_admit.c */
void cl_admit(struct cl_turn *t);

/* cluster_node.c */
int cl_event_joined(struct cl_turn *t);
int cl_event_left(struct cl_turn *t);
int cl_event_hello(struct cl_turn *t);
int cl_event_quorum(struct cl_turn *t);
int cl_event_interfaces(struct cl_turn *t);
int cl_event_reach(struct cl_turn *t);
int cl_event_guests(struct cl_turn *t);
/** What a node says only while its clusterd is there. */
void cl_node_silent(struct vmha_cnode *node);
int cl_event_settings(struct cl_turn *t);
int cl_event_disturbed(struct cl_turn *t);
int cl_event_release(struct cl_turn *t);
int cl_event_forget(struct cl_turn *t);
/** What follows from hosts that are down and nodes that take no roles. */
void cl_hosts_follow(struct cl_turn *t);

/* cluster_drain.c */
int cl_event_drain(struct cl_turn *t);
int cl_event_drain_role(struct cl_turn *t);
int cl_event_drain_state(struct cl_turn *t);
int cl_event_resume(struct cl_turn *t);
void cl_drain_enqueued(struct cl_turn *t, const struct vmha_mig *m);
void cl_drain_ended(struct cl_turn *t, const struct vmha_mig *m);
void cl_drain_stuck(struct cl_turn *t, const struct vmha_mig *m);
void cl_drain_forget(struct vmha_cluster *st, unsigned int node);

#endif
