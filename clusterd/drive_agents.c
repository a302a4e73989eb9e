/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The agents that move roles from this node: each is a connection for the length of one move.  An
 * agent whose connection ends without move-end may only have lost it: while its process lives it
 * is given a while to call again.
 *
 *   agent                        clusterd (source)                     what comes of it
 *   killed                       connection closed, process ended      lost at once
 *   tired of waiting: closes     connection closed, process lives      grace
 *   calls again: move-begin      within the grace                      goes on, newly connected
 *   does not call again          grace over                            lost
 */
#include <errno.h>
#include <glib-unix.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/pidfd.h>
#include <unistd.h>

#include "clusterd/drive.h"
#include "clusterd/drive_agent.h"
#include "lib/base/cleanup.h"

#define NETWORKS_AGAIN_MS 500
#define NETWORKS_ROUNDS	  12
#define GRACE_MS	  5000 /* an agent calls again every 2 s */

static void agent_free(void *data)
{
	struct drive_agent *a = data;

	if (a->timer) {
		g_source_remove(a->timer);
	}
	if (a->exit_watch) {
		g_source_remove(a->exit_watch);
	}
	if (a->pidfd >= 0) {
		(void)close(a->pidfd);
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

struct drive_agent *drive_agent_by_client(struct clusterd *c, uint64_t client)
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

/* --- away: no connection, but perhaps a process ---------------------------------------------- */

static void away_over(struct drive_agent *a, const char *why)
{
	const struct vmha_mig *mig = a->mig ? vmha_cluster_mig(a->c->cluster, a->mig) : NULL;

	if (mig && mig->agent == a->token) { /* else another connection has taken over */
		agent_lost(a->c, a->mig, a->token, why);
	}
	g_hash_table_remove(a->c->drive->agents, &a->token);
}

static gboolean away_expired(void *data)
{
	struct drive_agent *a = data;

	a->timer = 0;
	away_over(a, "its agent does not answer");
	return G_SOURCE_REMOVE;
}

static gboolean away_ended(gint fd, GIOCondition condition, gpointer data)
{
	struct drive_agent *a = data;

	(void)fd;
	(void)condition;
	a->exit_watch = 0;
	away_over(a, "its agent was killed");
	return G_SOURCE_REMOVE;
}

/* @a has a move under way here and no connection: lost, unless it comes back.  Frees @a when it has
 * ended already. */
static void away_begin(struct drive_agent *a)
{
	struct pollfd process = { .fd = a->pidfd, .events = POLLIN };

	a->client = 0;
	if (a->pidfd >= 0 && poll(&process, 1, 0) > 0) {
		away_over(a, "its agent was killed");
		return;
	}
	clusterd_log(VMHA_LOG_INFO, "mig=%llu vm=%s its agent's connection is closed",
		     (unsigned long long)a->mig, a->vm);
	if (a->pidfd >= 0 && !a->exit_watch) {
		a->exit_watch = g_unix_fd_add(a->pidfd, G_IO_IN, away_ended, a);
	}
	agent_timer(a, GRACE_MS, away_expired);
}

/* It is calling again: until the cluster has heard that, nobody declares it lost. */
static void away_calls(struct clusterd *c, const char *vm)
{
	GHashTableIter it;
	void *value;

	g_hash_table_iter_init(&it, c->drive->agents);
	while (g_hash_table_iter_next(&it, NULL, &value)) {
		struct drive_agent *a = value;

		if (a->client == 0 && a->mig && strcmp(a->vm, vm) == 0) {
			agent_timer(a, GRACE_MS, away_expired);
		}
	}
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
	if (!drive_text_get(body, "vm", e->enqueue.vm, sizeof(e->enqueue.vm)) ||
	    !drive_text_get(body, "volume", e->enqueue.volume, sizeof(e->enqueue.volume)) ||
	    !drive_text_get(body, "trace", e->enqueue.trace, sizeof(e->enqueue.trace))) {
		return -EINVAL;
	}
	*ret_what = "mode";
	if (!drive_text_get(body, "mode", mode, sizeof(mode)) ||
	    !vmha_mig_mode_parse(mode, &e->enqueue.mode)) {
		return -EINVAL;
	}
	*ret_what = "to";
	to = drive_text_get(body, "to", name, sizeof(name))
		     ? vmha_cluster_node_by_name(c->cluster, name)
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

static struct drive_agent *agent_new(struct clusterd *c, struct clusterd_request *req,
				     const struct vmha_cevent *e, int64_t pid)
{
	struct drive_agent *a = g_new0(struct drive_agent, 1);

	a->c = c;
	a->token = e->mig.agent;
	a->client = clusterd_request_client(req);
	a->begin = req;
	a->attach = e->mig.ok;
	a->pidfd = pid > 0 && pid <= INT32_MAX ? pidfd_open((pid_t)pid, 0) : -1;
	memcpy(a->vm, e->enqueue.vm, sizeof(a->vm));
	g_hash_table_insert(c->drive->agents, &a->token, a);
	return a;
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
	a = drive_agent_by_client(c, clusterd_request_client(req));
	if (a) { /* it asks once more: the new token counts */
		if (a->begin) {
			clusterd_answer_error(vmha_steal_ptr(a->begin), -ECANCELED,
					      "asked once more over the same connection");
		}
		g_hash_table_remove(c->drive->agents, &a->token);
	}
	away_calls(c, e.enqueue.vm);
	a = agent_new(c, req, &e, json_integer_value(json_object_get(body, "pid")));
	agent_timer(a, (unsigned int)wait_s * 1000 + 1, agent_expired);
}

/* --- the plan ------------------------------------------------------------------------------- */

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
	json_t *plan = drive_plan_settings(a->c);
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
	r = a->attach ? 0 : drive_plan_networks(a->c, mig, plan, &err);
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

	if (!a) {
		if (effect->kind != VMHA_CEFFECT_REFUSE) {
			agent_lost(c, effect->mig, effect->agent, "its agent was killed");
		}
		return;
	}
	a->mig = effect->mig;
	if (!a->client && effect->kind != VMHA_CEFFECT_REFUSE) {
		if (!a->exit_watch) {
			away_begin(a);
		} /* an abort: it is told when it calls again, or evidence does it */
	} else if (effect->kind == VMHA_CEFFECT_GO) {
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
	struct drive_agent *a = drive_agent_by_client(c, client);
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
		a->mig = mig->id;
		away_begin(a);
		return;
	}
	if (!a->mig) { /* its BEGUN is still on the way: told when it comes back as GO */
		a->client = 0;
		return;
	}
	g_hash_table_remove(c->drive->agents, &a->token);
}
