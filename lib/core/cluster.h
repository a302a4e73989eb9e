/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef VMHA_CORE_CLUSTER_H
#define VMHA_CORE_CLUSTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/core/iface.h"
#include "lib/core/listed.h"
#include "lib/core/move.h"
#include "lib/core/network.h"
#include "lib/core/record.h"
#include "lib/core/settings.h"
#include "lib/core/volumeword.h"

/*
 * The state that every clusterd computes for itself from one totally ordered stream of events
 * (DESIGN.md, sections 2 to 4).  Pure and deterministic: no clock (times come with the events), no
 * I/O.  vmha_cluster_apply() changes the state and says in effects what is to be done, and on which
 * node; the result of an effect comes back as an event.  An effect may be asked for again (its
 * performer was away, or another node takes its place): performing it twice must do no harm.
 */

#define VMHA_CLUSTER_NODES_MAX	  64
#define VMHA_CLUSTER_OPEN_MAX	  512 /* open migrations */
#define VMHA_CLUSTER_ENDED_MAX	  64  /* remembered after their end */
#define VMHA_CLUSTER_MIGS_MAX	  (VMHA_CLUSTER_OPEN_MAX + VMHA_CLUSTER_ENDED_MAX)
#define VMHA_CLUSTER_SETTINGS_MAX 512
#define VMHA_CLUSTER_ROLES_MAX	  1024 /* of drained nodes */
#define VMHA_ATTEMPTS_MAX	  16   /* networks tried by a migration */
#define VMHA_REASON_SIZE	  512
#define VMHA_NETWORK_SIZE	  64
#define VMHA_VERSION_SIZE	  32

/* --- migrations ----------------------------------------------------------------------------- */

/*        phase    holds a slot */
#define VMHA_MIG_PHASES(X)                                                                         \
	X(QUEUED, false)  /* waits for a slot; Pacemaker does not know of it */                    \
	X(CHECKING, true) /* the target is asked once more */                                      \
	X(ADMITTED, true) /* handed to Pacemaker, whose agent has not called yet */                \
	X(RUNNING, true)  /* an agent is at work; its state is in `state` */                       \
	X(ENDING, true)	  /* agent gone: constraint removed, evidence taken, role healed */        \
	X(ENDED, false)

enum vmha_mig_phase {
#define X(name_, slot_) VMHA_MIG_##name_,
	VMHA_MIG_PHASES(X)
#undef X
		VMHA_MIG_PHASES_COUNT
};

#define VMHA_MIG_CAUSES(X) X(USER) X(PACEMAKER) X(DRAIN) X(FAILBACK)
enum vmha_mig_cause {
#define X(name_) VMHA_CAUSE_##name_,
	VMHA_MIG_CAUSES(X)
#undef X
		VMHA_MIG_CAUSES_COUNT
};

#define VMHA_MIG_MODES(X) X(auto) X(live) X(quick) X(cold)
enum vmha_mig_mode {
#define X(name_) VMHA_MODE_##name_,
	VMHA_MIG_MODES(X)
#undef X
		VMHA_MIG_MODES_COUNT
};

#define VMHA_MIG_RESULTS(X)                                                                        \
	X(NONE)	  /* not known yet */                                                              \
	X(DONE)	  /* runs on the target */                                                         \
	X(KEPT)	  /* runs on the source */                                                         \
	X(UNSURE) /* an agent's word only: evidence decides */                                     \
	X(SAVED)  /* an agent's word only: the memory is on the volume, the target goes on */      \
	X(LOST)	  /* runs on neither: the source was lost, or the guest ended on the way */
enum vmha_mig_result {
#define X(name_) VMHA_RESULT_##name_,
	VMHA_MIG_RESULTS(X)
#undef X
		VMHA_MIG_RESULTS_COUNT
};

/* What a node is to do.  The result comes back as the event in brackets. */
#define VMHA_CEFFECTS(X)                                                                           \
	X(NONE)                                                                                    \
	X(CHECK)     /* target: can it take the guest? [CHECKED] */                                \
	X(HAND_OVER) /* source: write Pacemaker's constraint [HANDED; SETTLED after a cold move]   \
		      */                                                                           \
	X(GO)	     /* source: answer the waiting agent: begin */                                 \
	X(REFUSE)    /* source: answer the waiting agent: no, with the effect's text */            \
	X(ABORT)     /* source: tell the agent to give up [AGENT_END, AGENT_LOST] */               \
	X(ADOPT)     /* source or substitute: is the agent still there? [BEGUN, AGENT_LOST] */     \
	X(SETTLE)    /* source or substitute: constraint, evidence, heal [SETTLED] */              \
	X(CLEAR)     /* likewise after an agent's DONE or SAVED: wait for Pacemaker [SETTLED] */   \
	X(DRAIN)     /* go on with the drain of `drain_node` [DRAIN_ROLE, DRAIN_STATE, ENQUEUE] */ \
	X(WATCH)     /* wait until the cluster has recovered [RELEASE] */                          \
	X(JOURNAL)   /* every node (performer 0): append `journal` */

enum vmha_ceffect_kind {
#define X(name_) VMHA_CEFFECT_##name_,
	VMHA_CEFFECTS(X)
#undef X
		VMHA_CEFFECTS_COUNT
};

/** One network tried by a migration. */
struct vmha_attempt {
	char network[VMHA_NETWORK_SIZE];
	char address[VMHA_ADDRESS_SIZE];
	bool ok;
	char error[192];
};

struct vmha_progress {
	unsigned int percent;
	uint64_t processed_bytes;
	uint64_t remaining_bytes;
	uint64_t rate_bps;  /* bytes a second */
	uint64_t dirty_bps; /* likewise */
	int64_t eta_ms;	    /* -1 unknown */
};

/** What a migration has cost. -1: unknown. */
struct vmha_mig_stats {
	int64_t total_ms;
	int64_t blackout_ms;
	int64_t bytes;
};

struct vmha_mig {
	uint64_t id; /* > 0, never used again */
	char trace[VMHA_ID_SIZE];
	char vm[VMHA_NAME_SIZE];
	char volume[VMHA_NAME_SIZE]; /* "" unknown */
	char requester[64];	     /* who asked, for people */
	unsigned int from;	     /* corosync node ids */
	unsigned int to;
	enum vmha_mig_mode mode;
	int priority; /* higher first */
	enum vmha_mig_cause cause;
	enum vmha_mig_phase phase;
	enum vmha_move_state state; /* as the agent reports it */
	enum vmha_mig_result agent_result;
	enum vmha_mig_result result;	/* DONE, KEPT or LOST in ENDED */
	bool slot;			/* counts on both nodes */
	bool checked;			/* the target has said yes once */
	bool fresh;			/* ... and just now: need not be asked again */
	bool handed;			/* the constraint is written */
	bool cancel;			/* asked for, and in time */
	bool preempted;			/* aborted in favour of a recovery: to be queued again */
	bool held;			/* queued until the recovery is over */
	bool requeue;			/* to be queued again once settled as KEPT */
	bool again;			/* settle once more: an agent came while it was settled */
	bool stuck;			/* nobody can settle it now: tried on, without a slot */
	unsigned int attempts;		/* times it was admitted */
	uint64_t agent;			/* token of the agent at work or waiting; 0: none known */
	enum vmha_ceffect_kind pending; /* whose result is awaited */
	unsigned int performer;		/* node that was told to; 0: none is there */
	char network[VMHA_NETWORK_SIZE];
	char address[VMHA_ADDRESS_SIZE];
	struct vmha_progress progress;
	struct vmha_mig_stats stats;
	char reason[VMHA_REASON_SIZE];
	int64_t enqueued_ms; /* wall clock of the node that said so; 0: not yet */
	int64_t begun_ms;
	int64_t ended_ms;
	uint64_t ended_seq; /* the oldest are forgotten first */
	unsigned int networks_count;
	struct vmha_attempt networks[VMHA_ATTEMPTS_MAX];
};

/* --- nodes, drains -------------------------------------------------------------------------- */

#define VMHA_HOSTS(X) X(UNKNOWN) X(UP) X(DOWN)
enum vmha_host {
#define X(name_) VMHA_HOST_##name_,
	VMHA_HOSTS(X)
#undef X
		VMHA_HOSTS_COUNT
};

/*         state    takes no roles   work to be done */
#define VMHA_DRAIN_STATES(X)                                                                       \
	X(OPEN, false, false)                                                                      \
	X(CLOSING, true, true)	   /* bans are being written, roles looked up */                   \
	X(DRAINING, true, true)	   /* roles move away */                                           \
	X(DRAINED, true, false)	   /* nothing left, standby */                                     \
	X(INCOMPLETE, true, false) /* some roles could not move */                                 \
	X(RESUMING, true, true)	   /* bans are being removed */                                    \
	X(FAILBACK, false, true)   /* open; roles come back */
enum vmha_drain_state {
#define X(name_, closed_, work_) VMHA_DRAIN_##name_,
	VMHA_DRAIN_STATES(X)
#undef X
		VMHA_DRAIN_STATES_COUNT
};

#define VMHA_FAILBACKS(X) X(no) X(now) X(window)
enum vmha_failback {
#define X(name_) VMHA_FAILBACK_##name_,
	VMHA_FAILBACKS(X)
#undef X
		VMHA_FAILBACKS_COUNT
};

/* How far a drain may go where live is impossible; `role`: as the role's own policy says. */
#define VMHA_DRAIN_POLICIES(X) X(role) X(live) X(quick) X(cold)
enum vmha_drain_policy {
#define X(name_) VMHA_DRAIN_POLICY_##name_,
	VMHA_DRAIN_POLICIES(X)
#undef X
		VMHA_DRAIN_POLICIES_COUNT
};
#define VMHA_DRAIN_ROLES(X)                                                                        \
	X(WAITING) /* no move of it is open */                                                     \
	X(MOVING)                                                                                  \
	X(MOVED)                                                                                   \
	X(FAILED) /* cannot move: the reason says why */                                           \
	X(GONE)	  /* an event only: forget it */
enum vmha_drain_role_state {
#define X(name_) VMHA_DROLE_##name_,
	VMHA_DRAIN_ROLES(X)
#undef X
		VMHA_DRAIN_ROLES_COUNT
};

/** A role that lived on a drained node. */
struct vmha_drain_role {
	unsigned int node; /* its home */
	char vm[VMHA_NAME_SIZE];
	int priority;
	enum vmha_drain_role_state state;
	uint64_t mig; /* last move; 0 none */
	char reason[192];
};

#define VMHA_CGUESTS_MAX 64 /* of one node; more are left out */

/** A role's guest that stands still on a node, or has ended there: a word of lib/core/guest.h. */
struct vmha_cguest {
	char vm[VMHA_NAME_SIZE];
	char state[24];
};

struct vmha_cnode {
	unsigned int id; /* corosync's, > 0 */
	char name[VMHA_NODE_SIZE];
	char version[VMHA_VERSION_SIZE]; /* of vmha, for people */
	unsigned int proto;
	bool member; /* its clusterd is in the group */
	bool ready;  /* ... and has said HELLO: can perform effects */
	enum vmha_host host;
	enum vmha_drain_state drain;
	enum vmha_drain_policy drain_policy;
	enum vmha_failback failback;
	unsigned int drain_performer; /* 0 none */
	char drain_requester[64];
	char drain_reason[VMHA_REASON_SIZE];
	int64_t drain_ms;  /* wall clock: of the last change of `drain` */
	bool ifaces_known; /* it has said INTERFACES once */
	unsigned int ifaces_count;
	struct vmha_iface ifaces[VMHA_IFACES_MAX];
	unsigned int reaches_count; /* 0 while it is away */
	struct vmha_reach reaches[VMHA_REACHES_MAX];
	unsigned int guests_count; /* likewise */
	struct vmha_cguest guests[VMHA_CGUESTS_MAX];
};

struct vmha_cluster {
	uint64_t seq; /* events applied */
	uint64_t next_id;
	int64_t wall_ms; /* of the last event that had one */
	bool quorate;
	uint64_t ring_seq;     /* of the membership that `quorate` is about */
	bool ring_over;	       /* a host was lost since: the next membership is to speak */
	uint64_t disturbance;  /* number of the last one that is not over; 0: none */
	unsigned int watcher;  /* node that waits for its end; 0: none is there */
	uint64_t settings_seq; /* raised by each SETTINGS event */
	unsigned int nodes_count;
	unsigned int migs_count;
	unsigned int settings_count;
	unsigned int roles_count;
	struct vmha_network_numbers numbers;		 /* learnt from INTERFACES */
	struct vmha_cnode nodes[VMHA_CLUSTER_NODES_MAX]; /* by id */
	struct vmha_mig migs[VMHA_CLUSTER_MIGS_MAX];	 /* by id */
	struct vmha_setting_pair settings[VMHA_CLUSTER_SETTINGS_MAX];
	struct vmha_drain_role roles[VMHA_CLUSTER_ROLES_MAX];
};

/* --- events --------------------------------------------------------------------------------- */

#define VMHA_CLUSTER_PROTO 3U /* what this release speaks */

/*
 * What came to the machine later, and with which protocol.  While a member speaks an older one all
 * do as that one does (vmha_cluster_can()): releases that come to different states from the same
 * events would give the slots of moves to different ones.
 */
#define VMHA_CFEATURES(X)                                                                          \
	X(SUBSTITUTE, 2)  /* another node performs what a stopped clusterd left open */            \
	X(STUCK, 2)	  /* SETTLED with NONE: a move that nobody can settle holds no slot */     \
	X(GIVE_UP, 2)	  /* CANCEL with ok: a drain wants another target than one that is away */ \
	X(TAKEN_IN, 2)	  /* BEGUN only of a node that is ready */                                 \
	X(SUPERSEDE, 2)	  /* BEGUN that leads elsewhere ends what is being settled */              \
	X(STAY, 2)	  /* what is settled when its drain is called off is not queued again */   \
	X(REASON, 2)	  /* what is superseded keeps the reason that it had */                    \
	X(FAILED_ROLE, 2) /* a role that cannot leave stays so when its move has ended */          \
	X(TARGET_END, 2)  /* AGENT_END of a quick move's target */                                 \
	X(BY_VOLUME, 2)	  /* a live move that was saved is a quick one */                          \
	X(GUESTS, 2)	  /* GUESTS */                                                             \
	X(POSTCOPY, 2)	  /* REPORT with POSTCOPY */                                               \
	X(VOLUME, 3)	  /* VOLUME */
enum vmha_cfeature {
#define X(name_, since_) VMHA_CAN_##name_,
	VMHA_CFEATURES(X)
#undef X
		VMHA_CFEATURES_COUNT
};

/*        event    travels in messages (else: made by each node from the group's view) */
#define VMHA_CEVENTS(X)                                                                            \
	X(JOINED, false)     /* view */                                                            \
	X(LEFT, false)	     /* view */                                                            \
	X(HELLO, true)	     /* hello: sent when in sync */                                        \
	X(QUORUM, true)	     /* quorum */                                                          \
	X(SETTINGS, true)    /* settings: all of them */                                           \
	X(INTERFACES, true)  /* ifaces: all of the sender's */                                     \
	X(REACH, true)	     /* reaches: all of the sender's */                                    \
	X(GUESTS, true)	     /* guests: all of the sender's that do not run */                     \
	X(ENQUEUE, true)     /* enqueue */                                                         \
	X(CHECKED, true)     /* mig: ok, reason */                                                 \
	X(HANDED, true)	     /* mig: ok, reason */                                                 \
	X(BEGUN, true)	     /* enqueue, mig.agent: an agent of the sender calls */                \
	X(EXPIRED, true)     /* mig: the agent has waited long enough for a slot */                \
	X(REPORT, true)	     /* mig.agent, report */                                               \
	X(ATTEMPT, true)     /* mig.agent, attempt */                                              \
	X(AGENT_END, true)   /* mig.agent, mig.result, mig.reason, report (network), stats; by     \
				the target of a quick move: mig.result DONE, stats */              \
	X(AGENT_LOST, true)  /* mig.agent (0: whichever it was), mig.reason */                     \
	X(SETTLED, true)     /* mig.result DONE, KEPT or LOST; NONE: not yet; mig.reason */        \
	X(CANCEL, true)	     /* mig.id, mig.reason: who; mig.ok: its target is away */             \
	X(DISTURBED, true)   /* mig.reason: what (a node's loss disturbs by itself) */             \
	X(RELEASE, true)     /* disturbance */                                                     \
	X(DRAIN, true)	     /* drain: node, policy, requester */                                  \
	X(DRAIN_ROLE, true)  /* drain: node, role */                                               \
	X(DRAIN_STATE, true) /* drain: node, state, reason */                                      \
	X(RESUME, true)	     /* drain: node, failback, requester */                                \
	X(FORGET, true)	     /* node: not a node of the cluster any more */                        \
	X(VOLUME, true)	     /* volume: a word between nodes, nothing of the state */              \
	X(JOURNAL, true)     /* journal */

enum vmha_cevent_type {
#define X(name_, wire_) VMHA_CEVENT_##name_,
	VMHA_CEVENTS(X)
#undef X
		VMHA_CEVENTS_COUNT
};

#define VMHA_LEAVES(X) X(LEFT) X(PROCDOWN) X(NODEDOWN)
enum vmha_leave {
#define X(name_) VMHA_LEAVE_##name_,
	VMHA_LEAVES(X)
#undef X
		VMHA_LEAVES_COUNT
};
#define VMHA_LEVELS(X) X(info) X(warning) X(error)
enum vmha_level {
#define X(name_) VMHA_LEVEL_##name_,
	VMHA_LEVELS(X)
#undef X
		VMHA_LEVELS_COUNT
};

/** A line of the journal (invariant I6). */
struct vmha_cjournal {
	int64_t wall_ms;
	enum vmha_level level;
	char kind[24];		   /* "migration", "node", "drain", "quorum", "guest", ... */
	char vm[VMHA_NAME_SIZE];   /* "" none */
	char node[VMHA_NODE_SIZE]; /* "" none */
	char trace[VMHA_ID_SIZE];
	char cause[24];
	uint64_t mig; /* 0 none */
	char text[VMHA_REASON_SIZE];
};

/** Fields of ENQUEUE and BEGUN. */
struct vmha_cenqueue {
	char vm[VMHA_NAME_SIZE];
	char volume[VMHA_NAME_SIZE];
	char trace[VMHA_ID_SIZE];
	char requester[64];
	unsigned int from;
	unsigned int to;
	enum vmha_mig_mode mode;
	enum vmha_mig_cause cause;
	int priority;
};

/** Fields of events about one migration. */
struct vmha_cmigevent {
	uint64_t id;
	uint64_t agent; /* > 0, chosen by the source's clusterd, never used again by that node */
	bool ok;
	enum vmha_mig_result result;
	char reason[VMHA_REASON_SIZE];
};

struct vmha_creport {
	enum vmha_move_state state;
	char network[VMHA_NETWORK_SIZE];
	char address[VMHA_ADDRESS_SIZE];
	struct vmha_progress progress;
};

struct vmha_cdrain {
	unsigned int node;
	enum vmha_drain_state state;
	enum vmha_drain_policy policy;
	enum vmha_failback failback;
	char requester[64];
	char reason[VMHA_REASON_SIZE];
	struct vmha_drain_role role;
};

struct vmha_chello {
	char name[VMHA_NODE_SIZE];
	char version[VMHA_VERSION_SIZE];
	unsigned int proto;
};

/** Fields of QUORUM, as corosync's notification has them. */
struct vmha_cquorum {
	uint64_t ring_seq;
	bool quorate;
	unsigned int hosts_count;
	unsigned int hosts[VMHA_CLUSTER_NODES_MAX];
};

/**
 * An event.  Zero-initialise it, set what its type uses.  Arrays are borrowed, unless `owned` holds
 * them (events that the codec made).
 */
struct vmha_cevent {
	enum vmha_cevent_type type;
	unsigned int from; /* sender; in JOINED and LEFT the node concerned */
	int64_t wall_ms;   /* of the sender; view events: 0 */
	enum vmha_leave leave;
	unsigned int node;    /* FORGET */
	uint64_t disturbance; /* RELEASE */
	struct vmha_chello hello;
	struct vmha_cquorum quorum;
	struct vmha_cenqueue enqueue;
	struct vmha_cmigevent mig;
	struct vmha_creport report;
	struct vmha_attempt attempt;
	struct vmha_mig_stats stats;
	struct vmha_cdrain drain;
	struct vmha_cvolume volume;
	struct vmha_cjournal journal;
	const struct vmha_setting_pair *settings;
	size_t settings_count;
	const struct vmha_iface *ifaces;
	size_t ifaces_count;
	const struct vmha_reach *reaches;
	size_t reaches_count;
	const struct vmha_cguest *guests;
	size_t guests_count;
	void *owned; /* by vmha_cevent_free() */
};

void vmha_cevent_free(struct vmha_cevent *event); /* @event itself too */

/* --- effects -------------------------------------------------------------------------------- */

struct vmha_ceffect {
	enum vmha_ceffect_kind kind;
	unsigned int node; /* performer; 0: every node */
	uint64_t mig;	   /* look it up: vmha_cluster_mig() */
	uint64_t agent;	   /* GO, REFUSE, ABORT */
	unsigned int drain_node;
	uint64_t disturbance; /* WATCH: to be given back in RELEASE */
	char text[VMHA_REASON_SIZE];
	struct vmha_cjournal journal;
};

/** Zero-initialised is empty. */
struct vmha_ceffects {
	struct vmha_ceffect *items;
	size_t count;
	size_t size;
	struct vmha_ceffect spare;    /* filled in vain when memory ran out */
	bool failed;		      /* memory ran out */
	uint64_t mig;		      /* the migration that the event concerned or made; 0 none */
	char error[VMHA_REASON_SIZE]; /* why vmha_cluster_apply() refused; "" */
};

void vmha_ceffects_clear(struct vmha_ceffects *effects);

/* --- the machine ---------------------------------------------------------------------------- */

/** An empty state. @return NULL when memory ran out; free() it */
struct vmha_cluster *vmha_cluster_new(void);

/**
 * Apply the next event.  A refused event changes nothing but `seq` and `wall_ms`: the refusal is
 * the same on every node, and the sender tells whoever asked.
 * @param effects cleared first; what is to be done, in this order
 * @return 0; -ENOENT no such migration or node; -EEXIST a move of that role is open; -EPERM the
 * sender may not say this; -ESTALE another agent has taken over; -EPROTO not in this phase; -EBUSY
 * too late to cancel, or still in use; -EINVAL a field is wrong; -ENOSPC a limit is reached;
 * -EHOSTDOWN a node is not there; -EAGAIN the target takes no roles; -ENOLINK no quorum;
 * -EOPNOTSUPP a member cannot read it: nothing has changed at all, as on that one; -ENOMEM memory
 * ran out: this node has to start over
 */
int vmha_cluster_apply(struct vmha_cluster *state, const struct vmha_cevent *event,
		       struct vmha_ceffects *effects);

/**
 * A state that was read from disk: nobody is known to be there, no quorum, no agent at work is
 * known.  JOINED and HELLO of the members must follow.
 */
void vmha_cluster_restart(struct vmha_cluster *state);

/**
 * Do the parts of @state agree with each other?  For tests and for a snapshot that came in.
 * @return NULL, or the law that is broken
 */
const char *vmha_cluster_check(const struct vmha_cluster *state);

/* Questions.  Pointers are into the state. */
const struct vmha_mig *vmha_cluster_mig(const struct vmha_cluster *state, uint64_t id);
const struct vmha_mig *vmha_cluster_mig_of(const struct vmha_cluster *state,
					   const char *vm); /* open */
const struct vmha_mig *vmha_cluster_mig_by_trace(const struct vmha_cluster *state,
						 const char *trace); /* the newest */
const struct vmha_cnode *vmha_cluster_node(const struct vmha_cluster *state, unsigned int id);
const struct vmha_cnode *vmha_cluster_node_by_name(const struct vmha_cluster *state,
						   const char *name);
/** @return its name, or "node 7" in @buffer */
const char *vmha_cluster_node_name(const struct vmha_cluster *state, unsigned int id,
				   char buffer[VMHA_NODE_SIZE]);
/** As vmha_setting_number(). @param node 0: the cluster's */
int64_t vmha_cluster_setting(const struct vmha_cluster *state, unsigned int node,
			     enum vmha_setting_id id);
/** @return the ready node of the lowest id; 0: there is none */
unsigned int vmha_cluster_lowest(const struct vmha_cluster *state);
/**
 * One that is back counts from its JOINED on with what it has said before: it reads what comes in
 * front of its HELLO, too.
 * @return the lowest protocol of the members; 0: none is known
 */
unsigned int vmha_cluster_proto(const struct vmha_cluster *state);
/** @return true when all members know it */
bool vmha_cluster_can(const struct vmha_cluster *state, enum vmha_cfeature feature);
unsigned int vmha_cluster_slots(const struct vmha_cluster *state, unsigned int node);
unsigned int vmha_cluster_slots_used(const struct vmha_cluster *state, unsigned int node);
/** @return 1 for the next to be admitted, ...; 0: it does not wait */
unsigned int vmha_cluster_place(const struct vmha_cluster *state, uint64_t id);
/**
 * Find a node that is to be forgotten (FORGET): neither in the group nor up, in none of the lists
 * under its id, and without an open move or a recovery that may still concern it.  While its name
 * is listed under another id, that other one has to be here.  Lists that lack a node of the group
 * say nothing, nor does a part of the cluster without quorum.
 * @param listed corosync's nodelist and Pacemaker's nodes, in one
 * @return its id; 0: there is none
 */
unsigned int vmha_cluster_forgettable(const struct vmha_cluster *state,
				      const struct vmha_listed *listed, size_t count);
/** @return true when @node takes no roles (drain) */
bool vmha_cluster_closed(const struct vmha_cluster *state, unsigned int node);
/** May it still be cancelled?  Not once the guest stands still. */
bool vmha_mig_may_cancel(const struct vmha_mig *mig);

/* Names, as JSON and people see them; _parse: false when there is no such name. */
#define VMHA_ENUM_NAMES(X)                                                                         \
	X(vmha_mig_phase)                                                                          \
	X(vmha_mig_cause)                                                                          \
	X(vmha_mig_mode)                                                                           \
	X(vmha_mig_result)                                                                         \
	X(vmha_ceffect_kind)                                                                       \
	X(vmha_host)                                                                               \
	X(vmha_drain_state)                                                                        \
	X(vmha_failback)                                                                           \
	X(vmha_drain_policy)                                                                       \
	X(vmha_drain_role_state)                                                                   \
	X(vmha_cevent_type)                                                                        \
	X(vmha_leave)                                                                              \
	X(vmha_volume_word)                                                                        \
	X(vmha_level)
/* NOLINTBEGIN(bugprone-macro-parentheses): a type's name takes none */
#define X(enum_)                                                                                   \
	const char *enum_##_name(enum enum_ value);                                                \
	bool enum_##_parse(const char *name, enum enum_ *ret_value);
VMHA_ENUM_NAMES(X)
#undef X
/* NOLINTEND(bugprone-macro-parentheses) */

#endif
