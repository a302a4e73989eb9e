/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * How long ago this node heard of a move's beginning and of its guest's stop, by a clock that
 * nobody sets.  The agent that ends a quick move asks: the other end's wall clock may be hours
 * away.
 */
#include "clusterd/clusterd.h"
#include "lib/core/move.h"

struct heard {
	gint64 begun_us; /* g_get_monotonic_time(); 0: not heard of */
	gint64 stopped_us;
};

struct clusterd_moveage {
	GHashTable *heard; /* trace -> struct heard */
};

static int start(struct clusterd *c, struct vmha_err **err)
{
	(void)err;
	c->moveage = g_new0(struct clusterd_moveage, 1);
	c->moveage->heard = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
	return 0;
}

static void stop(struct clusterd *c)
{
	if (c->moveage) {
		g_hash_table_unref(c->moveage->heard);
		g_free(c->moveage);
		c->moveage = NULL;
	}
}

static gboolean is_over(gpointer key, gpointer value, gpointer data)
{
	const struct vmha_mig *mig = vmha_cluster_mig_by_trace(data, key);

	(void)value;
	return !mig || mig->phase == VMHA_MIG_ENDED;
}

static void applied(struct clusterd *c, const struct vmha_cevent *e)
{
	const struct vmha_mig *mig =
		e->type == VMHA_CEVENT_REPORT ? vmha_cluster_mig(c->cluster, e->mig.id) : NULL;
	struct heard *h;

	if (!mig) {
		return;
	}
	h = g_hash_table_lookup(c->moveage->heard, mig->trace);
	if (!h) {
		(void)g_hash_table_foreach_remove(c->moveage->heard, is_over, c->cluster);
		h = g_new0(struct heard, 1);
		(void)g_hash_table_insert(c->moveage->heard, g_strdup(mig->trace), h);
	}
	if (e->report.state == VMHA_MOVE_PREPARING) { /* perhaps once more: it was queued again */
		*h = (struct heard){ .begun_us = g_get_monotonic_time() };
	} else if (e->report.state == VMHA_MOVE_SAVING && !h->stopped_us) {
		h->stopped_us = g_get_monotonic_time();
	}
}

static json_t *since(gint64 us)
{
	return json_integer(us ? (g_get_monotonic_time() - us) / 1000 : -1);
}

static void op_age(struct clusterd *c, struct clusterd_request *req, const json_t *body)
{
	const char *trace = json_string_value(json_object_get(body, "trace"));
	const struct heard *h = trace ? g_hash_table_lookup(c->moveage->heard, trace) : NULL;

	if (!h) {
		clusterd_answer_error(req, -ENOENT, "no step of that move was heard of here");
		return;
	}
	clusterd_answer(req, json_pack("{s:o, s:o}", "begun_ms", since(h->begun_us), "stopped_ms",
				       since(h->stopped_us)));
}

static const struct clusterd_op ops[] = {
	{ .name = "move-age", .handle = op_age },
	{ 0 },
};

const struct clusterd_module clusterd_module_moveage = {
	.name = "moveage",
	.start = start,
	.stop = stop,
	.applied = applied,
	.ops = ops,
};
