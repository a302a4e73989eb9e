/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What commands ask about volumes. */
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "clusterd/volumes.h"
#include "lib/base/cleanup.h"
#include "lib/base/str.h"

#define MOVE_MS 25000 /* a DLM recovery, or some tries at a lease */

struct volumes_ask {
	struct clusterd *c;
	struct clusterd_request *req;
	char volume[VMHA_NAME_SIZE];
	unsigned int node;
	guint timer;
};

void volumes_ask_free(void *ask)
{
	struct volumes_ask *a = ask;

	if (a->timer) {
		g_source_remove(a->timer);
	}
	if (a->req) { /* clusterd ends */
		clusterd_answer_error(a->req, -EAGAIN, "clusterd of %s ends: ask again",
				      a->c->name);
	}
	g_free(a);
}

static struct clusterd_request *ask_end(struct volumes_ask *a)
{
	struct clusterd_request *req = vmha_steal_ptr(a->req);

	(void)g_ptr_array_remove_fast(a->c->volumes->asks, a);
	return req;
}

static gboolean on_late(gpointer data)
{
	struct volumes_ask *a = data;
	char volume[VMHA_NAME_SIZE];
	char name[VMHA_NODE_SIZE];
	struct clusterd *c = a->c;
	unsigned int node = a->node;

	a->timer = 0;
	memcpy(volume, a->volume, sizeof(volume));
	clusterd_answer_error(ask_end(a), -ETIMEDOUT,
			      "%s has not become the coordinator of volume %s in %d s; it may "
			      "still: see 'vmha volume show %s'",
			      vmha_cluster_node_name(c->cluster, node, name), volume,
			      MOVE_MS / 1000, volume);
	return G_SOURCE_REMOVE;
}

void volumes_asks_look(struct clusterd *c, const struct vmha_cevent *e)
{
	const struct vmha_cvolume *w = &e->volume;
	guint i;

	/* from the end: one that is answered leaves, and the last one takes its place */
	for (i = c->volumes->asks->len; i-- > 0;) {
		struct volumes_ask *a = g_ptr_array_index(c->volumes->asks, i);

		if (strcmp(a->volume, w->volume) != 0 || a->node != e->from) {
			continue;
		}
		if (w->word == VMHA_VOLUME_WORD_OWNER) {
			clusterd_answer(ask_end(a),
					json_pack("{s:I}", "epoch", (json_int_t)w->epoch));
		} else if (w->word == VMHA_VOLUME_WORD_REFUSED && w->node == c->self) {
			clusterd_answer_error(ask_end(a), -EPERM, "%s", w->text);
		}
	}
}

static bool text_take(const json_t *body, const char *key, char *to, size_t size)
{
	const char *text = json_string_value(json_object_get(body, key));

	return text && *text && (size_t)snprintf(to, size, "%s", text) < size;
}

/* @return 0; else the request is answered */
static int say(struct clusterd *c, struct clusterd_request *req, const struct vmha_cvolume *word)
{
	int r = volumes_say(c, word);

	if (r == -EOPNOTSUPP) {
		clusterd_answer_error(req, r,
				      "a node of the cluster has an older release of vmha, which "
				      "knows nothing of coordinators: upgrade it first");
	} else if (r < 0) {
		clusterd_answer_error(req, r, "this node is not in touch with the cluster now: %s",
				      strerror(-r));
	}
	return r;
}

static void ask_begin(struct clusterd *c, struct clusterd_request *req,
		      const struct vmha_cvolume *word)
{
	struct volumes_ask *a = g_new0(struct volumes_ask, 1);

	a->c = c;
	a->req = req;
	a->node = word->node;
	memcpy(a->volume, word->volume, sizeof(a->volume));
	a->timer = g_timeout_add(MOVE_MS, on_late, a);
	g_ptr_array_add(c->volumes->asks, a);
}

void volumes_op_move(struct clusterd *c, struct clusterd_request *req, const json_t *body)
{
	struct vmha_cvolume word = { .word = VMHA_VOLUME_WORD_MOVE };
	char name[VMHA_NODE_SIZE];
	const struct vmha_cnode *node;

	if (!text_take(body, "volume", word.volume, sizeof(word.volume)) ||
	    !vmha_str_is_name(word.volume) || !text_take(body, "node", name, sizeof(name))) {
		clusterd_answer_error(req, -EINVAL, "volume-move: a volume and a node are wanted");
		return;
	}
	node = vmha_cluster_node_by_name(c->cluster, name);
	if (!node) {
		clusterd_answer_error(req, -ENOENT,
				      "there is no node named '%s': 'vmha status' lists the nodes",
				      name);
		return;
	}
	if (!node->ready) {
		clusterd_answer_error(req, -EHOSTDOWN,
				      "clusterd of node %s is not there: only a node that is up "
				      "can coordinate a volume",
				      name);
		return;
	}
	word.node = node->id;
	if (say(c, req, &word) == 0) {
		ask_begin(c, req, &word);
	}
}

void volumes_op_lookup(struct clusterd *c, struct clusterd_request *req, const json_t *body)
{
	struct vmha_cvolume word = { .word = VMHA_VOLUME_WORD_LOOKUP };

	if (!text_take(body, "volume", word.volume, sizeof(word.volume)) ||
	    !vmha_str_is_name(word.volume) || !text_take(body, "vm", word.vm, sizeof(word.vm)) ||
	    !vmha_str_is_name(word.vm)) {
		clusterd_answer_error(req, -EINVAL,
				      "volume-lookup: a volume and a role are wanted");
	} else if (say(c, req, &word) == 0) {
		clusterd_answer(req, NULL);
	}
}
