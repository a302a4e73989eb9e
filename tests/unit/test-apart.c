/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * clusterd's group over a fake corosync with one peer, whose state this node cannot read: each of
 * its tries is a round for all the others, so it makes less and less of them.
 */
#include <endian.h>
#include <glib.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "clusterd/clusterd.h"
#include "clusterd/group.h"
#include "lib/base/cleanup.h"
#include "lib/port/cmap.h"
#include "lib/port/codec.h"
#include "tests/unit/unit.h"

#define SELF	 2U
#define PEER	 1U
#define PEER_PID 10U

static struct {
	const struct vmha_cpg_hooks *hooks;
	void *owner;
	GQueue sent; /* GBytes, of this node: corosync brings them back */
	int silent;  /* a descriptor that is never readable */
} fake;

/* --- the fake corosync ---------------------------------------------------------------------- */

int vmha_cpg_open(struct vmha_cpg **ret, const char *group, const struct vmha_cpg_hooks *hooks,
		  void *owner, struct vmha_err **err)
{
	(void)group, (void)err;
	fake.hooks = hooks;
	fake.owner = owner;
	*ret = (struct vmha_cpg *)(void *)&fake;
	return 0;
}

int vmha_cpg_fd(const struct vmha_cpg *cpg)
{
	(void)cpg;
	return fake.silent;
}

uint32_t vmha_cpg_self(const struct vmha_cpg *cpg)
{
	(void)cpg;
	return SELF;
}

int vmha_cpg_dispatch(struct vmha_cpg *cpg, struct vmha_err **err)
{
	(void)cpg, (void)err;
	return 0;
}

int vmha_cpg_send(struct vmha_cpg *cpg, const void *head, size_t head_len, const void *body,
		  size_t body_len)
{
	char *all = g_malloc(head_len + body_len);

	(void)cpg;
	(void)memcpy(all, head, head_len);
	(void)memcpy(all + head_len, body, body_len);
	g_queue_push_tail(&fake.sent, g_bytes_new_take(all, head_len + body_len));
	return 0;
}

void vmha_cpg_close(struct vmha_cpg *cpg)
{
	(void)cpg;
}

int vmha_quorum_open(struct vmha_quorum **ret, vmha_quorum_hook hook, void *owner,
		     struct vmha_err **err)
{
	(void)hook, (void)owner, (void)err;
	*ret = (struct vmha_quorum *)(void *)&fake;
	return 0;
}

int vmha_quorum_fd(const struct vmha_quorum *q)
{
	(void)q;
	return fake.silent;
}

int vmha_quorum_dispatch(struct vmha_quorum *q, struct vmha_err **err)
{
	(void)q, (void)err;
	return 0;
}

void vmha_quorum_close(struct vmha_quorum *q)
{
	(void)q;
}

int vmha_cmap_nodes(struct vmha_cmap_node **ret_nodes, size_t *ret_count, struct vmha_err **err)
{
	(void)err;
	*ret_nodes = calloc(1, sizeof(**ret_nodes));
	*ret_count = 0;
	return 0;
}

/* --- the rest of the daemon ----------------------------------------------------------------- */

void vmha_qblog(enum vmha_log_level level, const char *fmt, ...)
{
	(void)level, (void)fmt;
}

const struct clusterd_module *const clusterd_modules[] = { NULL };

int clusterd_modules_start(struct clusterd *c, struct vmha_err **err)
{
	(void)err;
	c->started = true;
	return 0;
}

int clusterd_persist_load(const char *path, struct vmha_cluster **ret_state,
			  struct clusterd_worth *ret_worth, struct vmha_err **err)
{
	(void)path, (void)ret_worth, (void)err;
	*ret_state = vmha_cluster_new();
	return 0;
}

void clusterd_persist_save(struct clusterd_group *g)
{
	g->dirty = false;
}

/* --- the peer ------------------------------------------------------------------------------- */

static void loop_run(void)
{
	while (g_main_context_iteration(NULL, FALSE)) {
	}
}

static void peer_says(enum clusterd_frame_kind kind, const char *body)
{
	struct clusterd_frame frame = { .magic = { 'V', 'M', 'H', 'A' },
					.version = htobe16(CLUSTERD_FRAME),
					.kind = htobe16((uint16_t)kind),
					.parts = htobe32(1) };
	GByteArray *all = g_byte_array_new();

	(void)g_byte_array_append(all, (const guint8 *)&frame, sizeof(frame));
	(void)g_byte_array_append(all, (const guint8 *)body, (guint)strlen(body));
	fake.hooks->deliver(fake.owner, PEER, PEER_PID, all->data, all->len);
	(void)g_byte_array_free(all, TRUE);
}

static void own_words_come_back(const struct clusterd_group *g)
{
	GBytes *bytes;

	while ((bytes = g_queue_pop_head(&fake.sent)) != NULL) {
		gsize len;
		const void *data = g_bytes_get_data(bytes, &len);

		fake.hooks->deliver(fake.owner, SELF, g->pid, data, len);
		g_bytes_unref(bytes);
	}
}

/* This node joins; the peer's state is worth more. */
static void round_with(struct clusterd_group *g, const char *state)
{
	const struct vmha_cpg_member view[] = { { .node = PEER, .pid = PEER_PID },
						{ .node = SELF, .pid = g->pid } };
	char text[256];
	g_autofree char *snapshot = NULL;

	fake.hooks->members(fake.owner, view, 2, NULL, 0, &view[1], 1);
	own_words_come_back(g);
	(void)snprintf(text, sizeof(text),
		       "{\"v\":1,\"view\":\"%016llx\",\"live\":true,\"quorate_ring\":8,"
		       "\"quorate_seq\":5,\"seq\":5}",
		       (unsigned long long)g->view_hash);
	peer_says(CLUSTERD_FRAME_OFFER, text);
	CHECK_INT(g->phase, CLUSTERD_WAIT);
	(void)snprintf(text, sizeof(text),
		       "{\"view\":\"%016llx\",\"epoch\":\"0000000000000001\",\"events\":[[1,"
		       "\"JOINED\"],[2,\"JOINED\"]]}",
		       (unsigned long long)g->view_hash);
	snapshot = g_strdup_printf("%s\n%s", text, state);
	peer_says(CLUSTERD_FRAME_SNAPSHOT, snapshot);
}

/* The wait is over, without waiting for it. */
static void connect_now(const struct clusterd_group *g)
{
	g_source_set_ready_time(g_main_context_find_source_by_id(NULL, g->connect_timer), 0);
	loop_run();
	CHECK(g->cpg);
}

static void who_cannot_follow_stays_apart(void)
{
	static const unsigned int waits_ms[] = {
		1000, 2000, 4000, 8000, 16000, 32000, 60000, 60000
	};
	vmha_autofree struct vmha_cluster *state = vmha_cluster_new();
	vmha_autofree char *good = NULL;
	struct clusterd c = { .state_file = "" };
	struct clusterd_group *g;
	size_t i;

	fake.silent = eventfd(0, EFD_CLOEXEC);
	CHECK_INT(vmha_codec_snapshot_print(state, &good, NULL), 0);
	CHECK_INT(clusterd_group_open(&c, NULL), 0);
	g = c.group;
	loop_run();
	for (i = 0; i < sizeof(waits_ms) / sizeof(waits_ms[0]); i++) {
		round_with(g, "{\"of\":\"a release to come\"}");
		CHECK_INT(g->phase, CLUSTERD_OUT);
		CHECK_INT(g->apart_ms, waits_ms[i]);
		CHECK_STR(clusterd_phase_name(g), "apart: cannot follow the others");
		CHECK(!c.synced);
		loop_run();
		CHECK(!g->cpg);
		connect_now(g);
	}
	round_with(g, good);
	CHECK_INT(g->phase, CLUSTERD_LIVE);
	CHECK_INT(g->apart_ms, 0);
	CHECK_STR(clusterd_phase_name(g), "in sync");
	/* the next time it begins with a second again */
	clusterd_group_stay_apart(g, "a test");
	CHECK_INT(g->apart_ms, 1000);
	clusterd_group_close(&c);
	g_queue_clear_full(&fake.sent, (GDestroyNotify)g_bytes_unref);
	(void)close(fake.silent);
}

static const struct unit_test tests[] = {
	UNIT_TEST(who_cannot_follow_stays_apart),
};

int main(int argc, char **argv)
{
	(void)g_main_context_default(); /* keeps a descriptor, of which no test is guilty */
	return unit_main(tests, sizeof(tests) / sizeof(tests[0]), argc, argv);
}
