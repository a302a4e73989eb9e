/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The agents that move roles from this node: each is a connection for the length of one move.  A
 * connection that ends without move-end is an agent that was lost.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "clusterd/config.h"
#include "clusterd/drive.h"
#include "clusterd/net.h"
#include "lib/base/cleanup.h"
#include "lib/core/settings.h"

#define NETWORKS_AGAIN_MS 500
#define NETWORKS_ROUNDS	  12

struct drive_agent {
	struct clusterd *c;
	uint64_t token;
	uint64_t client;		/* 0: gone before the cluster knew of it */
	uint64_t mig;			/* 0: not known yet */
	struct clusterd_request *begin; /* not answered yet */
	guint timer;			/* until it has waited long enough, or for networks */
	unsigned int rounds;
	char vm[VMHA_NAME_SIZE];
};

static void agent_free(void *data)
{
	struct drive_agent *a = data;

	if (a->timer) {
		g_source_remove(a->timer);
	}
	g_free(a);
}

void drive_agents_init(struct clusterd_drive *d)
{
	d->agents = g_hash_table_new_full(g_int64_hash, g_int64_equal, NULL, agent_free);
}

void drive_agents_free(struct clusterd_drive *d)
{
	g_hash_table_unref(d->agents);
}

static struct drive_agent *agent_by_token(struct clusterd *c, uint64_t token)
{
	return g_hash_table_lookup(c->drive->agents, &token);
}

static struct drive_agent *agent_by_client(struct clusterd *c, uint64_t client)
{
	GHashTableIter it;
	void *value;

	g_hash_table_iter_init(&it, c->drive->agents);
	while (g_hash_table_iter_next(&it, NULL, &value)) {
		if (((struct drive_agent *)value)->client == client) {
			return value;
		}
	}
	return NULL;
}

static void agent_timer(struct drive_agent *a, unsigned int ms, GSourceFunc func)
{
	if (a->timer) {
		g_source_remove(a->timer);
	}
	a->timer = ms ? g_timeout_add(ms, func, a) : 0;
}

static void agent_lost(struct clusterd *c, uint64_t mig, uint64_t token, const char *why)
{
	struct vmha_cevent e;

	drive_event(c, VMHA_CEVENT_AGENT_LOST, &e);
	e.mig.id = mig;
	e.mig.agent = token;
	(void)snprintf(e.mig.reason, sizeof(e.mig.reason), "%s", why);
	(void)drive_send(c, &e);
}

/* --- fields of requests --------------------------------------------------------------------- */

static bool text_get(const json_t *body, const char *key, char *to, size_t size)
{
	const char *text = json_string_value(json_object_get(body, key));

	if (!text || strlen(text) >= size) {
		return false;
	}
	memcpy(to, text, strlen(text) + 1);
	return true;
}

/* Words for people: cut, never refused. */
static void words_get(const json_t *body, const char *key, char *to, size_t size)
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

/* --- move-begin ----------------------------------------------------------------------------- */

/* It has waited long enough: the cluster refuses it, and queues the move before Pacemaker. */
static gboolean agent_expired(void *data)
{
	struct drive_agent *a = data;
	const struct vmha_mig *mig = vmha_cluster_mig_of(a->c->cluster, a->vm);
	struct vmha_cevent e;

	a->timer = 0;
	if (!a->begin) { /* gone: GO never came, so nothing holds a slot for it */
		g_hash_table_remove(a->c->drive->agents, &a->token);
		return G_SOURCE_REMOVE;
	}
	if (!mig || mig->agent != a->token) {
		clusterd_answer_error(vmha_steal_ptr(a->begin), -EAGAIN,
				      "the cluster does not answer: %s stays where it is", a->vm);
		return G_SOURCE_REMOVE;
	}
	drive_event(a->c, VMHA_CEVENT_EXPIRED, &e);
	e.mig.id = mig->id;
	e.mig.agent = a->token;
	(void)drive_send(a->c, &e);
	return G_SOURCE_REMOVE;
}

static int begin_read(struct clusterd *c, const json_t *body, struct vmha_cevent *e,
		      const char **ret_what)
{
	const struct vmha_cnode *to;
	char name[VMHA_NODE_SIZE];
	char mode[8];

	*ret_what = "vm, volume or trace";
	if (!text_get(body, "vm", e->enqueue.vm, sizeof(e->enqueue.vm)) ||
	    !text_get(body, "volume", e->enqueue.volume, sizeof(e->enqueue.volume)) ||
	    !text_get(body, "trace", e->enqueue.trace, sizeof(e->enqueue.trace))) {
		return -EINVAL;
	}
	*ret_what = "mode";
	if (!text_get(body, "mode", mode, sizeof(mode)) ||
	    !vmha_mig_mode_parse(mode, &e->enqueue.mode)) {
		return -EINVAL;
	}
	*ret_what = "to";
	to = text_get(body, "to", name, sizeof(name)) ? vmha_cluster_node_by_name(c->cluster, name)
						      : NULL;
	if (!to) {
		return -EINVAL;
	}
	e->enqueue.from = c->self;
	e->enqueue.to = to->id;
	e->enqueue.cause = VMHA_CAUSE_PACEMAKER;
	(void)snprintf(e->enqueue.requester, sizeof(e->enqueue.requester), "Pacemaker");
	return 0;
}

void drive_op_begin(struct clusterd *c, struct clusterd_request *req, const json_t *body)
{
	int64_t wait_s = vmha_cluster_setting(c->cluster, 0, VMHA_SETTING_MIGRATION_WAIT);
	struct drive_agent *a;
	struct vmha_cevent e;
	const char *what;
	int r;

	drive_event(c, VMHA_CEVENT_BEGUN, &e);
	if (begin_read(c, body, &e, &what) < 0) {
		clusterd_answer_error(req, -EINVAL, "move-begin: field %s is missing or wrong",
				      what);
		return;
	}
	e.mig.agent = ++c->drive->next_token;
	e.mig.ok = json_is_true(json_object_get(body, "attach"));
	r = clusterd_send(c, &e);
	if (r < 0) {
		clusterd_answer_error(req, r, "this node is not in touch with the cluster now");
		return;
	}
	a = agent_by_client(c, clusterd_request_client(req));
	if (a) { /* it asks once more: the new token counts */
		if (a->begin) {
			clusterd_answer_error(vmha_steal_ptr(a->begin), -ECANCELED,
					      "asked once more over the same connection");
		}
		g_hash_table_remove(c->drive->agents, &a->token);
	}
	a = g_new0(struct drive_agent, 1);
	a->c = c;
	a->token = e.mig.agent;
	a->client = clusterd_request_client(req);
	a->begin = req;
	memcpy(a->vm, e.enqueue.vm, sizeof(a->vm));
	g_hash_table_insert(c->drive->agents, &a->token, a);
	agent_timer(a, (unsigned int)wait_s * 1000 + 1, agent_expired);
}

/* --- the plan ------------------------------------------------------------------------------- */

static json_t *plan_settings(const struct clusterd *c)
{
	const struct vmha_settings *s = clusterd_config_settings(c);
	char compression[16] = "";
	json_int_t value[VMHA_SETTINGS_COUNT];
	size_t i;

	for (i = 0; i < VMHA_SETTINGS_COUNT; i++) {
		value[i] = vmha_settings_get(s, (enum vmha_setting_id)i, c->name);
	}
	vmha_setting_format(VMHA_SETTING_MIGRATION_COMPRESSION,
			    value[VMHA_SETTING_MIGRATION_COMPRESSION], compression,
			    sizeof(compression));
	return json_pack("{s:I, s:s, s:b, s:b, s:I, s:I}", "streams",
			 value[VMHA_SETTING_MIGRATION_STREAMS], "compression", compression, "tls",
			 (int)value[VMHA_SETTING_MIGRATION_TLS], "autoconverge",
			 (int)value[VMHA_SETTING_MIGRATION_AUTOCONVERGE], "bandwidth_mib",
			 value[VMHA_SETTING_MIGRATION_BANDWIDTH], "stall_s",
			 value[VMHA_SETTING_MIGRATION_STALL]);
}

/* "NAME: why; NAME: why" as the list of one that it is shown as again. */
json_t *drive_plan_skipped(const char *text)
{
	const char *colon = strstr(text, ": ");

	return json_pack("[{s:s%, s:s}]", "name", text,
			 colon ? (size_t)(colon - text) : strlen(text), "why",
			 colon ? colon + 2 : "");
}

/* @return 0; -EAGAIN not known yet; else there is no way, and @err says why */
static int plan_networks(struct clusterd *c, const struct vmha_mig *mig, json_t *plan,
			 struct vmha_err **err)
{
	vmha_autopaths struct vmha_network_paths paths = { 0 };
	json_t *excluded;
	json_t *list;
	size_t i;
	int r;

	if (mig->mode == VMHA_MODE_quick) {
		return 0; /* by way of the volume */
	}
	r = net_paths(c, mig->from, mig->to, &paths, err);
	if (r < 0) {
		return r;
	}
	list = json_array();
	excluded = paths.skipped.len ? drive_plan_skipped(paths.skipped.text) : json_array();
	for (i = 0; i < paths.count; i++) {
		const struct vmha_network_path *p = &paths.items[i];

		(void)json_array_append_new(list,
					    json_pack("{s:s, s:s, s:s, s:I}", "name", p->name,
						      "address", p->address, "local", p->local,
						      "metric", (json_int_t)p->metric));
		if (!p->reachable) { /* tried last all the same */
			paths.lost++;
			(void)json_array_append_new(
				excluded, json_pack("{s:s, s:s}", "name", p->name, "why",
						    "the nodes do not answer each other there"));
		}
	}
	(void)json_object_set_new(plan, "networks", list);
	(void)json_object_set_new(plan, "excluded", excluded);
	(void)json_object_set_new(plan, "lost", json_integer((json_int_t)paths.lost));
	return 0;
}

static void plan_answer(struct drive_agent *a);

static gboolean plan_again(void *data)
{
	struct drive_agent *a = data;

	a->timer = 0;
	plan_answer(a);
	return G_SOURCE_REMOVE;
}

static void plan_answer(struct drive_agent *a)
{
	const struct vmha_mig *mig = vmha_cluster_mig(a->c->cluster, a->mig);
	vmha_autoerr struct vmha_err *err = NULL;
	json_t *plan = plan_settings(a->c);
	int r;

	if (!a->begin) {
		json_decref(plan);
		return;
	}
	if (!mig || !plan || mig->agent != a->token) {
		clusterd_answer_error(vmha_steal_ptr(a->begin), -ECANCELED,
				      "the move of %s is over already", a->vm);
		json_decref(plan);
		return;
	}
	r = plan_networks(a->c, mig, plan, &err);
	if (r == -EAGAIN && ++a->rounds < NETWORKS_ROUNDS) {
		agent_timer(a, NETWORKS_AGAIN_MS, plan_again);
	} else if (r < 0) {
		clusterd_answer_err(vmha_steal_ptr(a->begin), err);
	} else {
		(void)json_object_set_new(plan, "id", json_integer((json_int_t)mig->id));
		(void)json_object_set_new(plan, "trace", json_string(mig->trace));
		(void)json_object_set_new(plan, "mode", json_string(vmha_mig_mode_name(mig->mode)));
		clusterd_answer(vmha_steal_ptr(a->begin), vmha_steal_ptr(plan));
	}
	json_decref(plan);
}

/* --- effects -------------------------------------------------------------------------------- */

static void agent_abort(struct clusterd *c, struct drive_agent *a,
			const struct vmha_ceffect *effect)
{
	int r = clusterd_push(c, a->client,
			      json_pack("{s:s, s:I, s:s}", "event", "abort", "id",
					(json_int_t)effect->mig, "why",
					*effect->text ? effect->text : "cancelled"));

	clusterd_log(VMHA_LOG_INFO, "mig=%llu vm=%s abort asked for: %s%s%s",
		     (unsigned long long)effect->mig, a->vm, effect->text, r < 0 ? ": " : "",
		     r < 0 ? strerror(-r) : "");
}

void drive_agents_effect(struct clusterd *c, const struct vmha_ceffect *effect)
{
	struct drive_agent *a = agent_by_token(c, effect->agent);

	if (!a || !a->client) {
		if (effect->kind != VMHA_CEFFECT_REFUSE) {
			agent_lost(c, effect->mig, effect->agent, "its agent was killed");
		}
		if (a) {
			g_hash_table_remove(c->drive->agents, &a->token);
		}
		return;
	}
	a->mig = effect->mig;
	if (effect->kind == VMHA_CEFFECT_GO) {
		agent_timer(a, 0, NULL);
		plan_answer(a);
	} else if (effect->kind == VMHA_CEFFECT_REFUSE) {
		if (a->begin) {
			clusterd_answer_error(vmha_steal_ptr(a->begin), -ECANCELED, "%s",
					      effect->text);
		}
		/* it ends by itself; the cluster does not wait for its word */
		g_hash_table_remove(c->drive->agents, &a->token);
	} else {
		agent_abort(c, a, effect);
	}
}

/* The cluster did not take this node's word. */
void drive_agents_refused(struct clusterd *c, const struct vmha_cevent *e, int r, const char *why)
{
	struct drive_agent *a =
		e->type == VMHA_CEVENT_BEGUN ? agent_by_token(c, e->mig.agent) : NULL;

	if (a) {
		if (a->begin) {
			clusterd_answer_error(vmha_steal_ptr(a->begin), r, "%s", why);
		}
		g_hash_table_remove(c->drive->agents, &a->token);
	}
}

void drive_agents_closed(struct clusterd *c, uint64_t client)
{
	struct drive_agent *a = agent_by_client(c, client);
	const struct vmha_mig *mig;

	if (!a) {
		return;
	}
	if (a->begin) { /* nobody is there to read it; the request is to be answered all the same */
		clusterd_answer_error(vmha_steal_ptr(a->begin), -ECONNRESET, "the agent is gone");
	}
	mig = a->mig ? vmha_cluster_mig(c->cluster, a->mig)
		     : vmha_cluster_mig_of(c->cluster, a->vm);
	if (mig && mig->agent == a->token) {
		agent_lost(c, mig->id, a->token, "its agent was killed");
	} else if (!a->mig) { /* its BEGUN is still on the way: told when it comes back as GO */
		a->client = 0;
		return;
	}
	g_hash_table_remove(c->drive->agents, &a->token);
}

/* --- reports -------------------------------------------------------------------------------- */

/* @return the agent of @req, whose move is under way; NULL: answered with an error */
static struct drive_agent *agent_of(struct clusterd *c, struct clusterd_request *req)
{
	struct drive_agent *a = agent_by_client(c, clusterd_request_client(req));

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
	if (!text_get(body, "state", state, sizeof(state)) ||
	    !vmha_move_state_parse(state, &e.report.state)) {
		clusterd_answer_error(req, -EINVAL, "move-report: field state is missing or wrong");
		return;
	}
	words_get(body, "network", e.report.network, sizeof(e.report.network));
	words_get(body, "address", e.report.address, sizeof(e.report.address));
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
	words_get(body, "network", e.attempt.network, sizeof(e.attempt.network));
	words_get(body, "address", e.attempt.address, sizeof(e.attempt.address));
	words_get(body, "error", e.attempt.error, sizeof(e.attempt.error));
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

	if (!mig || mig->to != c->self || !text_get(body, "trace", trace, sizeof(trace)) ||
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

	if (!text_get(body, "vm", vm, sizeof(vm)) ||
	    !text_get(body, "result", result, sizeof(result))) {
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
		words_get(body, "reason", e.mig.reason, sizeof(e.mig.reason));
		(void)drive_send(c, &e);
	} else {
		drive_blocked_look(c, 0);
	}
}

static bool end_without_begin(struct clusterd *c, struct clusterd_request *req, const json_t *body)
{
	if (agent_by_client(c, clusterd_request_client(req)) || count_get(body, "id")) {
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
	if (!text_get(body, "result", result, sizeof(result)) ||
	    !vmha_mig_result_parse(result, &e.mig.result)) {
		clusterd_answer_error(req, -EINVAL, "move-end: field result is missing or wrong");
		return;
	}
	words_get(body, "reason", e.mig.reason, sizeof(e.mig.reason));
	words_get(body, "network", e.report.network, sizeof(e.report.network));
	words_get(body, "address", e.report.address, sizeof(e.report.address));
	stats_get(body, &e.stats);
	agent_say(a, req, &e);
	g_hash_table_remove(c->drive->agents, &a->token);
}
