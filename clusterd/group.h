/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef VMHA_CLUSTERD_GROUP_H
#define VMHA_CLUSTERD_GROUP_H

#include <glib.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "clusterd/ratelimit.h"
#include "lib/base/err.h"
#include "lib/core/cluster.h"
#include "lib/port/cpg.h"
#include "lib/port/quorum.h"

/*
 * @internal of group.c, sync.c and persist.c: the process group `vmha`, whose total order of events
 * makes every node compute the same state.
 *
 * A round brings members to one state.  It begins for all at the same message or change of the
 * membership, whenever somebody has joined (a start, the end of a partition).  From there on events
 * are dropped by everybody (their senders send them again after the round).  Every member OFFERs
 * what it has; when all have, the best offer's owner multicasts its SNAPSHOT, and all go on from
 * it. A member that does not answer in time is skipped: a SKIP message, so that all skip it alike;
 * it reads the same messages and follows.
 */
#define CLUSTERD_GROUP	      "vmha"
#define CLUSTERD_FRAME	      1U
#define CLUSTERD_PART_BYTES   (200UL * 1024)
#define CLUSTERD_OUTBOX_MAX   2048
#define CLUSTERD_LEFT_MAX     VMHA_CPG_MEMBERS_MAX
#define CLUSTERD_SNAPSHOT_MAX (9UL * 1024 * 1024)

enum clusterd_frame_kind {
	CLUSTERD_FRAME_EVENT = 1,
	CLUSTERD_FRAME_OFFER,
	CLUSTERD_FRAME_SKIP,
	CLUSTERD_FRAME_SNAPSHOT,
};

/* In front of every message, big-endian. */
struct clusterd_frame {
	char magic[4]; /* "VMHA" */
	uint16_t version;
	uint16_t kind;
	uint64_t epoch;	 /* EVENT: the state's it is meant for */
	uint64_t number; /* EVENT: the sender's */
	uint32_t part;
	uint32_t parts;
};

/** How much a state is worth: what was quorate last wins, then what has seen more. */
struct clusterd_worth {
	uint64_t quorate_ring; /* corosync's ring in which it was quorate last */
	uint64_t quorate_seq;  /* events applied by then */
	bool live;
	uint64_t seq;
};

enum clusterd_phase {
	CLUSTERD_OUT,	 /* no member of the group */
	CLUSTERD_GATHER, /* waits for offers */
	CLUSTERD_WAIT,	 /* ... for the snapshot */
	CLUSTERD_LIVE,
};

struct clusterd_offer {
	bool there;
	bool skipped;
	struct clusterd_worth worth;
};

struct clusterd_left {
	uint32_t node;
	enum vmha_leave leave;
};

struct clusterd_out {
	uint64_t number;
	uint64_t epoch; /* it was sent in that one */
	char *text;
	bool sent; /* and not come back yet */
	bool once; /* made anew after a round */
};

struct clusterd_control {
	struct clusterd_frame frame;
	char *body;
	size_t len;
};

/** How far a node's wall clock is ahead of ours; the least delayed of the last minute's events. */
struct clusterd_clock {
	uint32_t node;
	int64_t skew_ms;
	int64_t seen_ms; /* wall clock of here */
};

struct clusterd_group {
	struct clusterd *c;
	uint32_t pid; /* of this process */
	struct vmha_cpg *cpg;
	struct vmha_quorum *quorum;
	guint cpg_watch;
	guint quorum_watch;
	guint connect_timer;
	guint send_timer;
	guint round_timer;
	guint changed_idle;
	guint persist_timer;
	unsigned int round_tries;
	unsigned int apart_ms; /* how long it stays out of the group this time; 0: it does not */
	bool told_waiting;

	enum clusterd_phase phase;
	bool live; /* c->cluster is the state of the members I was with */
	size_t view_count;
	struct vmha_cpg_member view[VMHA_CPG_MEMBERS_MAX];
	struct clusterd_offer offers[VMHA_CPG_MEMBERS_MAX]; /* as view */
	uint64_t view_hash;
	size_t authority; /* in WAIT: index into view */
	GString *snapshot;
	uint32_t snapshot_parts; /* received */
	size_t left_count;	 /* since the state stands still */
	struct clusterd_left left[CLUSTERD_LEFT_MAX];
	uint64_t epoch;
	struct clusterd_worth worth; /* of c->cluster */

	GQueue controls; /* struct clusterd_control */
	GQueue outbox;	 /* struct clusterd_out */
	uint64_t last_number;
	struct vmha_ceffects effects;

	size_t clocks_count;
	struct clusterd_clock clocks[VMHA_CLUSTER_NODES_MAX];

	bool quorum_known; /* what corosync says here */
	bool quorum_here;
	uint64_t quorum_ring;
	unsigned int hosts_count;
	unsigned int hosts[VMHA_CLUSTER_NODES_MAX];

	bool dirty;  /* not on disk */
	bool saving; /* a thread writes */
	struct clusterd_ratelimit garbage;
};

/* group.c, towards main.c */

/** Read what is on disk; connect as soon as corosync is there, for ever. */
int clusterd_group_open(struct clusterd *c, struct vmha_err **err);
void clusterd_group_close(struct clusterd *c);
/** For people. */
const char *clusterd_phase_name(const struct clusterd_group *g);

/* outbox.c */

/** Queue a message of the group's own; @body is stolen. */
void clusterd_group_control(struct clusterd_group *g, enum clusterd_frame_kind kind, uint32_t part,
			    uint32_t parts, char *body, size_t len);
/** Send what may be sent now. */
void clusterd_group_pump(struct clusterd_group *g);
/** Queue an event. @param once made anew after each round */
int clusterd_outbox_add(struct clusterd_group *g, const struct vmha_cevent *event, bool once);
/** The event came back. */
void clusterd_outbox_done(struct clusterd_group *g, uint64_t number);
/** What waited before a round goes once more, behind what waits now; @waiting is emptied. */
void clusterd_outbox_again(struct clusterd_group *g, GQueue *waiting);
void clusterd_outbox_clear(struct clusterd_group *g);

/* group.c, towards sync.c */

/** Apply an event and tell the modules. @param own it came from this very process */
void clusterd_group_apply(struct clusterd_group *g, const struct vmha_cevent *e, bool own);
/** The state is the group's: send what waited, tell the modules. */
void clusterd_group_synced(struct clusterd_group *g, bool replaced);
/** Begin from nothing in a second: corosync was lost. */
void clusterd_group_reconnect(struct clusterd_group *g, const char *why);
/**
 * Likewise because the group's state cannot be followed: after 1 s, and twice as long each time, up
 * to a minute, since every try is a round for all the others.
 */
void clusterd_group_stay_apart(struct clusterd_group *g, const char *why);
/** One rate-limited line for garbage. */
void clusterd_group_garbage(struct clusterd_group *g, uint32_t node, const char *what);

/* sync.c */
void clusterd_sync_members(struct clusterd_group *g, const struct vmha_cpg_member *members,
			   size_t count, const struct vmha_cpg_member *left, size_t left_count,
			   size_t joined_count);
void clusterd_sync_offer(struct clusterd_group *g, uint32_t node, uint32_t pid, const char *body,
			 size_t len);
void clusterd_sync_skip(struct clusterd_group *g, uint32_t node, const char *body, size_t len);
void clusterd_sync_snapshot(struct clusterd_group *g, uint32_t node, uint32_t pid, uint32_t part,
			    uint32_t parts, const char *body, size_t len);
void clusterd_sync_stop(struct clusterd_group *g);

/* worth.c: pure */
/** @return < 0, 0, > 0 as @a is worth less, the same, more */
int clusterd_worth_compare(const struct clusterd_worth *a, const struct clusterd_worth *b);
/** Keep @worth what @state is worth. */
void clusterd_worth_update(struct clusterd_worth *worth, const struct vmha_cluster *state);

/* persist.c */

/** @param[out] ret_state an empty one when there is none on disk */
int clusterd_persist_load(const char *path, struct vmha_cluster **ret_state,
			  struct clusterd_worth *ret_worth, struct vmha_err **err);
/** Write the state: survives the end of this process at once, a power loss soon after. */
void clusterd_persist_save(struct clusterd_group *g);

#endif
