/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Beside a member of an older release all do as that one does. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "lib/core/cluster.h"
#include "tests/unit/fixture.h"
#include "tests/unit/unit.h"

#define OLDER 3 /* node that is upgraded last */

static void says(struct fixture *f, unsigned int proto)
{
	struct vmha_cevent e = { .type = VMHA_CEVENT_HELLO,
				 .from = OLDER,
				 .hello = { .name = "node3", .proto = proto } };

	CHECK_INT(fixture_apply(f, &e), 0);
}

static void begin(struct fixture *f)
{
	fixture_begin(f, 3);
	says(f, 1);
}

static void each_feature_waits_for_all(void)
{
	struct fixture f;
	unsigned int i;

	begin(&f);
	for (i = 0; i < VMHA_CFEATURES_COUNT; i++) {
		CHECK(!vmha_cluster_can(f.st, (enum vmha_cfeature)i));
	}
	says(&f, VMHA_CLUSTER_PROTO);
	for (i = 0; i < VMHA_CFEATURES_COUNT; i++) {
		CHECK(vmha_cluster_can(f.st, (enum vmha_cfeature)i));
	}
	fixture_end(&f);
}

/* The number of a recovery is the number of an event: who counts one more waits for another. */
static void what_it_cannot_read_does_not_count(void)
{
	struct vmha_cguest guest = { .vm = "web", .state = "paused" };
	struct vmha_cevent e = {
		.type = VMHA_CEVENT_GUESTS, .from = 1, .guests = &guest, .guests_count = 1
	};
	struct fixture f;
	uint64_t seq;
	int64_t wall_ms;

	begin(&f);
	seq = f.st->seq;
	wall_ms = f.st->wall_ms;
	CHECK_INT(fixture_apply(&f, &e), -EOPNOTSUPP);
	CHECK_INT(vmha_cluster_node(f.st, 1)->guests_count, 0);
	CHECK_INT(f.st->seq, seq);
	CHECK_INT(f.st->wall_ms, wall_ms);
	CHECK_INT(fixture_say(&f, VMHA_CEVENT_DISTURBED, 1), 0);
	CHECK_INT(f.st->disturbance, seq + 1);
	says(&f, 2);
	CHECK_INT(fixture_apply(&f, &e), 0);
	CHECK_INT(vmha_cluster_node(f.st, 1)->guests_count, 1);
	fixture_end(&f);
}

static void words_of_volumes_wait_for_all(void)
{
	struct vmha_cevent e = {
		.type = VMHA_CEVENT_VOLUME,
		.from = 1,
		.volume = { .word = VMHA_VOLUME_WORD_OWNER, .volume = "vol1", .epoch = 3 }
	};
	struct fixture f;

	begin(&f);
	says(&f, 2);
	CHECK_INT(fixture_apply(&f, &e), -EOPNOTSUPP);
	says(&f, 3);
	CHECK_INT(fixture_apply(&f, &e), 0);
	CHECK_INT(f.fx.count, 0);
	e.volume.volume[0] = '\0';
	CHECK_INT(fixture_apply(&f, &e), -EINVAL);
	fixture_end(&f);
}

/* To the older one it is a copy, which can be cancelled. */
static void a_postcopy_stays_a_copy(void)
{
	struct fixture f;
	uint64_t seq;
	uint64_t id;

	begin(&f);
	id = fixture_enqueued(&f, "web", 1, 2);
	fixture_copying(&f, "web", id, 1, 2);
	seq = f.st->seq;
	CHECK_INT(fixture_report(&f, id, VMHA_MOVE_POSTCOPY), -EOPNOTSUPP);
	CHECK_INT(f.st->seq, seq);
	CHECK_INT(vmha_cluster_mig(f.st, id)->state, VMHA_MOVE_COPYING);
	CHECK(vmha_mig_may_cancel(vmha_cluster_mig(f.st, id)));
	says(&f, 2);
	CHECK_INT(fixture_report(&f, id, VMHA_MOVE_POSTCOPY), 0);
	CHECK(!vmha_mig_may_cancel(vmha_cluster_mig(f.st, id)));
	fixture_end(&f);
}

static void saved(bool older)
{
	struct vmha_cevent e = { .type = VMHA_CEVENT_AGENT_END, .from = 2 };
	struct fixture f;
	uint64_t id;

	begin(&f);
	says(&f, older ? 1 : 2);
	CHECK_INT(fixture_enqueue(&f, "web", 1, 2, 0), 0);
	id = f.fx.mig;
	f.st->migs[0].mode = VMHA_MODE_live;
	fixture_copying(&f, "web", id, 1, 2);
	fixture_ok(&f, VMHA_CEVENT_AGENT_END, 1, id, VMHA_RESULT_SAVED);
	CHECK_INT(vmha_cluster_mig(f.st, id)->mode, older ? VMHA_MODE_live : VMHA_MODE_quick);
	e.mig.id = id;
	e.mig.result = VMHA_RESULT_DONE;
	e.stats = (struct vmha_mig_stats){ .total_ms = 7, .blackout_ms = 5, .bytes = 3 };
	CHECK_INT(fixture_apply(&f, &e), older ? -EPERM : 0);
	CHECK_INT(vmha_cluster_mig(f.st, id)->stats.blackout_ms, older ? 0 : 5);
	fixture_end(&f);
}

static void a_saved_move_keeps_its_mode_and_source(void)
{
	saved(true);
	saved(false);
}

/* Preempted while it was copied, then Pacemaker moves it elsewhere. */
static void superseded(bool older)
{
	struct fixture f;
	uint64_t id;

	begin(&f);
	says(&f, older ? 1 : 2);
	id = fixture_enqueued(&f, "web", 1, 2);
	(void)strcpy(f.st->migs[0].reason, "as it was before");
	CHECK_INT(fixture_begun(&f, "web", 1, 3), 0);
	CHECK_INT(fixture_phase(&f, id), VMHA_MIG_ENDED);
	CHECK_STR(vmha_cluster_mig(f.st, id)->reason,
		  older ? "superseded by a move to node3" : "as it was before");
	fixture_end(&f);
}

static void what_is_superseded_says_so(void)
{
	superseded(true);
	superseded(false);
}

static void role_ended(bool older)
{
	struct vmha_cevent e = { .type = VMHA_CEVENT_DRAIN, .from = 1, .drain = { .node = 1 } };
	struct fixture f;
	uint64_t id;

	begin(&f);
	says(&f, older ? 1 : 2);
	CHECK_INT(fixture_apply(&f, &e), 0);
	e.type = VMHA_CEVENT_ENQUEUE;
	(void)strcpy(e.enqueue.vm, "web");
	(void)strcpy(e.enqueue.trace, "t");
	e.enqueue.from = 1;
	e.enqueue.to = 2;
	e.enqueue.cause = VMHA_CAUSE_DRAIN;
	CHECK_INT(fixture_apply(&f, &e), 0);
	id = f.fx.mig;
	/* given up meanwhile, as a move that cannot be settled is */
	f.st->nodes[0].drain = VMHA_DRAIN_INCOMPLETE;
	f.st->nodes[0].drain_performer = 0;
	f.st->roles[0].state = VMHA_DROLE_FAILED;
	CHECK_INT(fixture_mig(&f, VMHA_CEVENT_CANCEL, 1, id, false, VMHA_RESULT_NONE), 0);
	CHECK_INT(fixture_phase(&f, id), VMHA_MIG_ENDED);
	CHECK_INT(f.st->roles[0].state, older ? VMHA_DROLE_WAITING : VMHA_DROLE_FAILED);
	fixture_end(&f);
}

static void a_failed_role_waits_again(void)
{
	role_ended(true);
	role_ended(false);
}

static void nothing_is_stuck(void)
{
	struct fixture f;
	uint64_t id;

	begin(&f);
	id = fixture_enqueued(&f, "web", 1, 2);
	fixture_copying(&f, "web", id, 1, 2);
	fixture_ok(&f, VMHA_CEVENT_AGENT_END, 1, id, VMHA_RESULT_UNSURE);
	CHECK_INT(fixture_mig(&f, VMHA_CEVENT_SETTLED, 1, id, false, VMHA_RESULT_NONE), -EINVAL);
	CHECK(vmha_cluster_mig(f.st, id)->slot);
	says(&f, 2);
	CHECK_INT(fixture_mig(&f, VMHA_CEVENT_SETTLED, 1, id, false, VMHA_RESULT_NONE), 0);
	CHECK(!vmha_cluster_mig(f.st, id)->slot);
	fixture_end(&f);
}

static const struct unit_test tests[] = {
	UNIT_TEST(each_feature_waits_for_all),
	UNIT_TEST(what_it_cannot_read_does_not_count),
	UNIT_TEST(words_of_volumes_wait_for_all),
	UNIT_TEST(a_postcopy_stays_a_copy),
	UNIT_TEST(a_saved_move_keeps_its_mode_and_source),
	UNIT_TEST(what_is_superseded_says_so),
	UNIT_TEST(a_failed_role_waits_again),
	UNIT_TEST(nothing_is_stuck),
};
UNIT_MAIN(tests)
