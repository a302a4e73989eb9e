/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <jansson.h>

#include "clusterd/clusterd.h"
#include "clusterd/group.h"
#include "clusterd/net.h"
#include "lib/base/cleanup.h"
#include "lib/port/codec.h"

#define PUSH_MS 200 /* at most so often are subscribers told of changes */

struct clusterd_ops {
	guint timer; /* running: a change was told less than PUSH_MS ago */
	bool again;
};

static json_t *about(const struct clusterd *c)
{
	const struct clusterd_group *g = c->group;

	return json_pack("{s:s, s:i, s:s, s:i, s:b, s:b, s:I, s:s}", "node", c->name, "id",
			 (int)c->self, "version", PACKAGE_VERSION, "proto", (int)VMHA_CLUSTER_PROTO,
			 "quorate", (int)c->quorate, "synced", (int)c->synced, "seq",
			 (json_int_t)c->seq, "group", clusterd_phase_name(g));
}

static void op_hello(struct clusterd *c, struct clusterd_request *req, const json_t *body)
{
	(void)body;
	clusterd_answer(req, about(c));
}

static json_t *clocks(const struct clusterd *c)
{
	const struct clusterd_group *g = c->group;
	json_t *all = json_array();
	char name[VMHA_NODE_SIZE];
	size_t i;

	for (i = 0; i < g->clocks_count; i++) {
		(void)json_array_append_new(
			all, json_pack("{s:s, s:I}", "node",
				       vmha_cluster_node_name(c->cluster, g->clocks[i].node, name),
				       "skew_ms", (json_int_t)g->clocks[i].skew_ms));
	}
	return all;
}

static void op_state(struct clusterd *c, struct clusterd_request *req, const json_t *body)
{
	vmha_autoerr struct vmha_err *err = NULL;
	vmha_autofree char *text = NULL;
	json_t *answer;
	json_t *state;

	(void)body;
	if (vmha_codec_snapshot_print(c->cluster, &text, &err) < 0) {
		clusterd_answer_err(req, err);
		return;
	}
	answer = about(c);
	(void)json_object_set_new(answer, "clocks", clocks(c));
	state = json_loads(text, 0, NULL);
	(void)json_object_set_new(state, "networks", net_json(c));
	(void)json_object_set_new(answer, "state", state);
	clusterd_answer(req, answer);
}

static void op_subscribe(struct clusterd *c, struct clusterd_request *req, const json_t *body)
{
	(void)body;
	(void)clusterd_service_subscribe(c, clusterd_request_client(req));
	clusterd_answer(req, json_pack("{s:I}", "seq", (json_int_t)c->seq));
}

static const struct clusterd_op ops[] = {
	{ .name = "hello", .handle = op_hello, .early = true },
	{ .name = "state", .handle = op_state, .early = true },
	{ .name = "subscribe", .handle = op_subscribe, .early = true },
	{ 0 },
};

static int start(struct clusterd *c, struct vmha_err **err)
{
	(void)err;
	c->ops = g_new0(struct clusterd_ops, 1);
	return 0;
}

static void stop(struct clusterd *c)
{
	if (c->ops->timer) {
		(void)g_source_remove(c->ops->timer);
	}
	g_free(c->ops);
	c->ops = NULL;
}

static gboolean on_timer(gpointer data)
{
	struct clusterd *c = data;

	if (!c->ops->again) {
		c->ops->timer = 0;
		return G_SOURCE_REMOVE;
	}
	c->ops->again = false;
	clusterd_push_subscribers(
		c, json_pack("{s:s, s:I}", "event", "state", "seq", (json_int_t)c->seq));
	return G_SOURCE_CONTINUE;
}

static void changed(struct clusterd *c)
{
	if (!c->started || !c->service || !clusterd_service_has_subscribers(c)) {
		return;
	}
	c->ops->again = true;
	if (!c->ops->timer) { /* the first of a row at once */
		c->ops->timer = g_timeout_add(PUSH_MS, on_timer, c);
		(void)on_timer(c);
	}
}

const struct clusterd_module clusterd_module_ops = {
	.name = "ops",
	.start = start,
	.stop = stop,
	.changed = changed,
	.ops = ops,
};
