/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What agents say between move-begin and their end. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "clusterd/drive.h"
#include "clusterd/drive_agent.h"

/* --- fields of requests --------------------------------------------------------------------- */

bool drive_text_get(const json_t *body, const char *key, char *to, size_t size)
{
	const char *text = json_string_value(json_object_get(body, key));

	if (!text || strlen(text) >= size) {
		return false;
	}
	memcpy(to, text, strlen(text) + 1);
	return true;
}

void drive_words_get(const json_t *body, const char *key, char *to, size_t size)
{
	const char *text = json_string_value(json_object_get(body, key));

	(void)snprintf(to, size, "%s", text ? text : "");
}

static uint64_t count_get(const json_t *body, const char *key)
{
	json_int_t value = json_integer_value(json_object_get(body, key));

	return value > 0 ? (uint64_t)value : 0;
}

/* -1: unknown */
static int64_t measure_get(const json_t *body, const char *key)
{
	const json_t *value = json_object_get(body, key);

	return json_is_integer(value) && json_integer_value(value) >= 0 ? json_integer_value(value)
									: -1;
}

/* --- reports -------------------------------------------------------------------------------- */

/* @return the agent of @req, whose move is under way; NULL: answered with an error */
static struct drive_agent *agent_of(struct clusterd *c, struct clusterd_request *req)
{
	struct drive_agent *a = drive_agent_by_client(c, clusterd_request_client(req));

	if (!a || !a->mig || a->begin) {
		clusterd_answer_error(req, -ENOENT, "no move was begun over this connection");
		return NULL;
	}
	return a;
}

static void agent_say(struct drive_agent *a, struct clusterd_request *req, struct vmha_cevent *e)
{
	int r;

	e->mig.id = a->mig;
	e->mig.agent = a->token;
	r = clusterd_send(a->c, e);
	if (r < 0) {
		clusterd_answer_error(req, r, "this node is not in touch with the cluster now");
	} else {
		clusterd_answer(req, NULL);
	}
}

void drive_op_report(struct clusterd *c, struct clusterd_request *req, const json_t *body)
{
	struct drive_agent *a = agent_of(c, req);
	const struct vmha_mig *mig;
	struct vmha_progress *p;
	struct vmha_cevent e;
	char state[16];

	if (!a) {
		return;
	}
	drive_event(c, VMHA_CEVENT_REPORT, &e);
	if (!drive_text_get(body, "state", state, sizeof(state)) ||
	    !vmha_move_state_parse(state, &e.report.state)) {
		clusterd_answer_error(req, -EINVAL, "move-report: field state is missing or wrong");
		return;
	}
	if (e.report.state == VMHA_MOVE_POSTCOPY &&
	    !vmha_cluster_can(c->cluster, VMHA_CAN_POSTCOPY)) {
		e.report.state = VMHA_MOVE_COPYING; /* which it is, for all that they can tell */
	}
	drive_words_get(body, "network", e.report.network, sizeof(e.report.network));
	drive_words_get(body, "address", e.report.address, sizeof(e.report.address));
	p = &e.report.progress;
	mig = vmha_cluster_mig(c->cluster, a->mig);
	if (mig && measure_get(body, "percent") < 0) {
		*p = mig->progress; /* a new state only */
		agent_say(a, req, &e);
		return;
	}
	p->percent = (unsigned int)MIN(count_get(body, "percent"), 100);
	p->processed_bytes = count_get(body, "processed");
	p->remaining_bytes = count_get(body, "remaining");
	p->rate_bps = count_get(body, "rate_bps");
	p->dirty_bps = count_get(body, "dirty_bps");
	p->eta_ms = measure_get(body, "eta_ms");
	agent_say(a, req, &e);
}

void drive_op_network(struct clusterd *c, struct clusterd_request *req, const json_t *body)
{
	struct drive_agent *a = agent_of(c, req);
	struct vmha_cevent e;

	if (!a) {
		return;
	}
	drive_event(c, VMHA_CEVENT_ATTEMPT, &e);
	drive_words_get(body, "network", e.attempt.network, sizeof(e.attempt.network));
	drive_words_get(body, "address", e.attempt.address, sizeof(e.attempt.address));
	drive_words_get(body, "error", e.attempt.error, sizeof(e.attempt.error));
	e.attempt.ok = json_is_true(json_object_get(body, "ok"));
	agent_say(a, req, &e);
}

static void stats_get(const json_t *body, struct vmha_mig_stats *stats)
{
	stats->total_ms = measure_get(body, "total_ms");
	stats->blackout_ms = measure_get(body, "blackout_ms");
	stats->bytes = measure_get(body, "bytes");
}

/* The target's, which ends a quick move: how it ended is settled by what Pacemaker has then. */
static void end_of_target(struct clusterd *c, const json_t *body, const struct vmha_mig *mig)
{
	struct vmha_cevent e;
	char trace[VMHA_ID_SIZE];

	if (!mig || mig->to != c->self || !drive_text_get(body, "trace", trace, sizeof(trace)) ||
	    strcmp(trace, mig->trace) != 0) {
		return;
	}
	drive_event(c, VMHA_CEVENT_AGENT_END, &e);
	e.mig.id = mig->id;
	e.mig.result = VMHA_RESULT_DONE;
	stats_get(body, &e.stats);
	(void)drive_send(c, &e);
}

/*
 * An agent that never began here: the target's, which ends a quick move, or a source's that failed
 * before it could ask (its role is blocked now).
 */
static void end_of_stranger(struct clusterd *c, const json_t *body)
{
	const struct vmha_mig *mig;
	char vm[VMHA_NAME_SIZE];
	struct vmha_cevent e;
	char result[16];

	if (!drive_text_get(body, "vm", vm, sizeof(vm)) ||
	    !drive_text_get(body, "result", result, sizeof(result))) {
		return;
	}
	mig = vmha_cluster_mig_of(c->cluster, vm);
	if (strcmp(result, "DONE") == 0) {
		end_of_target(c, body, mig);
	}
	if (strcmp(result, "KEPT") != 0) {
		return;
	}
	if (mig && mig->from == c->self && mig->phase == VMHA_MIG_ADMITTED) {
		drive_event(c, VMHA_CEVENT_HANDED, &e);
		e.mig.id = mig->id;
		drive_words_get(body, "reason", e.mig.reason, sizeof(e.mig.reason));
		(void)drive_send(c, &e);
	} else {
		drive_blocked_look(c, 0);
	}
}

static bool end_without_begin(struct clusterd *c, struct clusterd_request *req, const json_t *body)
{
	if (drive_agent_by_client(c, clusterd_request_client(req)) || count_get(body, "id")) {
		return false;
	}
	end_of_stranger(c, body);
	clusterd_answer(req, NULL);
	return true;
}

void drive_op_end(struct clusterd *c, struct clusterd_request *req, const json_t *body)
{
	struct drive_agent *a = end_without_begin(c, req, body) ? NULL : agent_of(c, req);
	struct vmha_cevent e;
	char result[16];

	if (!a) {
		return;
	}
	drive_event(c, VMHA_CEVENT_AGENT_END, &e);
	if (!drive_text_get(body, "result", result, sizeof(result)) ||
	    !vmha_mig_result_parse(result, &e.mig.result)) {
		clusterd_answer_error(req, -EINVAL, "move-end: field result is missing or wrong");
		return;
	}
	drive_words_get(body, "reason", e.mig.reason, sizeof(e.mig.reason));
	drive_words_get(body, "network", e.report.network, sizeof(e.report.network));
	drive_words_get(body, "address", e.report.address, sizeof(e.report.address));
	stats_get(body, &e.stats);
	agent_say(a, req, &e);
	g_hash_table_remove(c->drive->agents, &a->token);
}
