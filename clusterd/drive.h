/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef VMHA_CLUSTERD_DRIVE_H
#define VMHA_CLUSTERD_DRIVE_H

#include "clusterd/clusterd.h"
#include "clusterd/drive_pcmk.h"
#include "clusterd/worker.h"
#include "lib/core/cluster.h"

/*
 * The hands of clusterd: performs the effects of the replicated state that move roles, and tells
 * their results as events.  It decides nothing: what it was asked for may be asked for again, by
 * another node too, and everything here can be begun anew after a restart.
 *
 *   drive.c          the module; HAND_OVER
 *   drive_check.c    CHECK
 *   drive_settle.c   SETTLE, CLEAR, ADOPT: how did it end, and is the role well again?
 *   drive_agents.c   the agents' side: move-begin; GO, REFUSE, ABORT; agents that are lost
 *   drive_reports.c  ... move-report to move-end
 *   drive_plan.c     what agents are told of how to move
 *   drive_blocked.c  roles that are blocked without a move
 *   drive_watch.c    WATCH: when has the cluster recovered?
 *   drive_drain.c    DRAIN: empties a node, and brings roles back
 *   drive_leave.c    how single roles leave it
 *   ops_move.c       the commands' side: migrate, cancel
 *   ops_node.c       drain, resume, precheck
 *   drive_asks.c     commands that wait for an outcome
 *   drive_pcmk.c     Pacemaker, through children
 */

/* So long a source's clusterd may take to be started again before another node's goes on. */
#define DRIVE_SUBSTITUTE_AFTER_MS 10000

/* One effect under way for one migration. */
struct drive_job {
	struct clusterd_drive *d;
	uint64_t serial; /* what callbacks are given: the job may be gone when they come */
	uint64_t mig;
	enum vmha_ceffect_kind kind;
	char vm[VMHA_NAME_SIZE];
	char volume[VMHA_NAME_SIZE];
	char from[VMHA_NODE_SIZE];
	char to[VMHA_NODE_SIZE];
	unsigned int rounds;
	bool waits; /* HAND_OVER: for others, to go together */
	bool stuck; /* SETTLE: the cluster knows that it lasts */
	struct vmha_mono begun;
	struct clusterd_worker *worker;
	guint timer;
	char told[256];		       /* the trouble that the journal has already */
	char waits_for[160];	       /* SETTLE: likewise */
	struct vmha_mono unable_since; /* SETTLE: Pacemaker is not ready; 0: it was */
};

struct drive_watch;
struct drive_blocked;

struct clusterd_drive {
	struct clusterd *c;
	struct drive_pcmk *pcmk;
	GHashTable *jobs;   /* serial -> struct drive_job */
	GHashTable *agents; /* token -> struct drive_agent */
	GPtrArray *asks;    /* struct drive_ask: commands that wait for an outcome */
	GHashTable *drains; /* node id -> struct drive_drain */
	struct drive_blocked *blocked;
	struct drive_watch *watch;
	uint64_t next_serial;
	uint64_t next_token;
};

/* --- jobs (drive.c) --- */

/** @return NULL when that job is over */
struct drive_job *drive_job_of(struct clusterd *c, void *data);
void *drive_job_data(const struct drive_job *job);
/** Call @step(job) after @ms; one timer a job. */
void drive_job_later(struct drive_job *job, unsigned int ms, void (*step)(struct drive_job *job));
void drive_job_end(struct drive_job *job);
/** Tell the cluster how @job's effect went; the job is over. It is kept and told again while the
 * group cannot be reached. */
void drive_job_tell(struct drive_job *job, enum vmha_cevent_type type, bool ok,
		    enum vmha_mig_result result, const char *reason);

/** An event of this node's, with its time. */
void drive_event(struct clusterd *c, enum vmha_cevent_type type, struct vmha_cevent *ret_event);
/** Send; a failure is logged only: whoever waits times out or is told again. */
int drive_send(struct clusterd *c, const struct vmha_cevent *event);
/** A line for the journal of every node. */
void drive_journal(struct clusterd *c, enum vmha_level level, const struct vmha_mig *mig,
		   const char *fmt, ...) __attribute__((format(printf, 4, 5)));

/* --- drive_check.c --- */
void drive_check_begin(struct drive_job *job);

/**
 * Run the checks of a role's move on this node, as its target, in a child.
 * @param action of vm-action: "precheck", or "admit": no more than it takes to refuse it
 * @param ways to the source, as JSON (lib/port/move_json.h); NULL: not checked
 * @param done gets {"ok":bool,"text":...,"checks":[...]} as text
 */
int drive_precheck_run(struct clusterd *c, const char *action, const char *vm, const char *volume,
		       const char *mode, const char *ways, clusterd_worker_done done, void *data,
		       struct clusterd_worker **ret_worker, struct vmha_err **err);
/** @return true: it can; else @ret_text says why not (VMHA_REASON_SIZE) */
bool drive_precheck_read(const struct clusterd_worker_result *res, const char *node,
			 char *ret_text);

/* --- drive_settle.c --- */
void drive_settle_begin(struct drive_job *job); /* SETTLE, and a CLEAR that finds trouble */
void drive_clear_begin(struct drive_job *job);
void drive_adopt_begin(struct drive_job *job);

/* --- drive_agents.c --- */
void drive_agents_init(struct clusterd_drive *d);
void drive_agents_free(struct clusterd_drive *d);
void drive_agents_effect(struct clusterd *c, const struct vmha_ceffect *effect);
void drive_agents_refused(struct clusterd *c, const struct vmha_cevent *e, int r, const char *why);
void drive_agents_closed(struct clusterd *c, uint64_t client);
void drive_op_begin(struct clusterd *c, struct clusterd_request *req, const json_t *body);

/* --- drive_reports.c --- */
void drive_op_report(struct clusterd *c, struct clusterd_request *req, const json_t *body);
void drive_op_network(struct clusterd *c, struct clusterd_request *req, const json_t *body);
void drive_op_end(struct clusterd *c, struct clusterd_request *req, const json_t *body);

/* --- drive_plan.c --- */
/** As the agent is told them; NULL: no memory. */
json_t *drive_plan_settings(const struct clusterd *c);
/**
 * Add the networks of a move to @plan.
 * @return 0; -EAGAIN not known yet; else there is no way, and @err says why
 */
int drive_plan_networks(struct clusterd *c, const struct vmha_mig *mig, json_t *plan,
			struct vmha_err **err);
/** Networks that are left out, "NAME: why; ...", as the plan has them. */
json_t *drive_plan_skipped(const char *text);

/* --- drive_watch.c --- */
void drive_watch_begin(struct clusterd *c, uint64_t disturbance);
void drive_watch_free(struct clusterd_drive *d);

/* --- drive_blocked.c --- */
void drive_blocked_init(struct clusterd_drive *d);
void drive_blocked_free(struct clusterd_drive *d);
/** The CIB has changed: look in a moment for roles that nobody heals. @param ms 0: soon */
void drive_blocked_look(struct clusterd *c, unsigned int ms);

/* --- drive_drain.c --- */
void drive_drain_init(struct clusterd_drive *d);
void drive_drain_free(struct clusterd_drive *d);
void drive_drain_refused(struct clusterd *c, const struct vmha_cevent *e);
void drive_drain_effect(struct clusterd *c, unsigned int node);

/* --- drive_asks.c, ops_move.c, ops_node.c --- */
void drive_asks_init(struct clusterd_drive *d);
void drive_asks_free(struct clusterd_drive *d);
/** The state has changed: is an outcome there that a command waits for? */
void drive_asks_look(struct clusterd *c);
void drive_asks_applied(struct clusterd *c, const struct vmha_cevent *e);
void drive_asks_refused(struct clusterd *c, const struct vmha_cevent *e, int r, const char *why);
void drive_op_migrate(struct clusterd *c, struct clusterd_request *req, const json_t *body);
void drive_op_cancel(struct clusterd *c, struct clusterd_request *req, const json_t *body);
void drive_op_drain(struct clusterd *c, struct clusterd_request *req, const json_t *body);
void drive_op_resume(struct clusterd *c, struct clusterd_request *req, const json_t *body);
void drive_op_precheck(struct clusterd *c, struct clusterd_request *req, const json_t *body);

/** The command line tool, which clusterd runs for what it can do already. */
extern const char drive_vmha[];

#endif
