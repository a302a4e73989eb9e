/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/port/codec.h"
#include "tests/unit/fixture.h"
#include "tests/unit/unit.h"

static const struct vmha_setting_pair pairs[] = {
	{ .name = "migration-slots", .value = "3" },
	{ .node = "node2", .name = "net.10.0.0.0_24.metric", .value = "77" },
};
static const struct vmha_iface ifaces[] = {
	{ .ifname = "eth0",
	  .address = "fd00::1",
	  .prefix = 128,
	  .speed_mbps = 4294967295U,
	  .up = true,
	  .default_gateway = true,
	  .cluster = true },
	{ .ifname = "eth1", .address = "10.0.0.1", .prefix = 24 },
};
static const struct vmha_cguest guests[] = { { .vm = "web", .state = "panicked" } };

static const struct vmha_reach reaches[] = {
	{ .address = "10.0.0.2", .ok = true },
	{ .address = "10.0.0.3" },
};

/* Every part of it says something. */
static struct vmha_cevent full(enum vmha_cevent_type type)
{
	struct vmha_cevent e = {
		.type = type,
		.from = 3,
		.wall_ms = 1234567890123,
		.node = 5,
		.disturbance = 99,
		.hello = { .name = "node3", .version = "1.2", .proto = 7 },
		.quorum = { .ring_seq = 88, .quorate = true, .hosts_count = 2, .hosts = { 1, 3 } },
		.enqueue = { .vm = "web",
			     .volume = "vol1",
			     .trace = "t-1",
			     .requester = "root@node3",
			     .from = 1,
			     .to = 2,
			     .mode = VMHA_MODE_quick,
			     .cause = VMHA_CAUSE_FAILBACK,
			     .priority = -5 },
		.mig = { .id = 42,
			 .agent = INT64_MAX,
			 .ok = true,
			 .result = VMHA_RESULT_SAVED,
			 .reason = "because of \"this\" \xc3\xa4" },
		.report = { .state = VMHA_MOVE_COPYING,
			    .network = "Cluster Network 1",
			    .address = "10.0.0.2",
			    .progress = { 55, 1, 2, 3, 4, -1 } },
		.attempt = { .network = "n", .address = "a", .ok = true, .error = "e" },
		.stats = { 1000, -1, 12345678901 },
		.drain = { .node = 2,
			   .state = VMHA_DRAIN_INCOMPLETE,
			   .policy = VMHA_DRAIN_POLICY_cold,
			   .failback = VMHA_FAILBACK_window,
			   .requester = "root",
			   .reason = "why",
			   .role = { .vm = "db",
				     .priority = 9,
				     .state = VMHA_DROLE_FAILED,
				     .mig = 8,
				     .reason = "no room" } },
		.volume = { .word = VMHA_VOLUME_WORD_REFUSED,
			    .volume = "vol1",
			    .vm = "web",
			    .node = 3,
			    .epoch = 7,
			    .text = "not started here" },
		.journal = { .level = VMHA_LEVEL_error,
			     .kind = "guest",
			     .vm = "web",
			     .mig = 3,
			     .text = "it panicked" },
		.settings = pairs,
		.settings_count = 2,
		.ifaces = ifaces,
		.ifaces_count = 2,
		.reaches = reaches,
		.reaches_count = 2,
		.guests = guests,
		.guests_count = 1,
	};

	return e;
}

static char *printed(const struct vmha_cevent *e)
{
	char *text = NULL;

	CHECK_INT(vmha_codec_event_print(e, &text, NULL), 0);
	return text;
}

static int parse(const char *text)
{
	struct vmha_cevent *e = NULL;
	struct vmha_err *err = NULL;
	int r = vmha_codec_event_parse(text, strlen(text), &e, &err);

	CHECK_INT(r < 0, err != NULL);
	CHECK_INT(r == 0, e != NULL);
	vmha_cevent_free(e);
	vmha_err_free(err);
	return r;
}

/* Structs are compared whole on purpose: padding too is the same on every node. */
static bool same_bytes(const void *a, const void *b, size_t size)
{
	return memcmp(a, b, size) == 0;
}

static bool travels(int type)
{
	return type != VMHA_CEVENT_JOINED && type != VMHA_CEVENT_LEFT;
}

static void events_round_trip(void)
{
	int type;

	for (type = 0; type < VMHA_CEVENTS_COUNT; type++) {
		struct vmha_cevent e = full((enum vmha_cevent_type)type);
		struct vmha_cevent *back = NULL;
		char *text;
		char *again;

		if (!travels(type)) {
			CHECK_INT(vmha_codec_event_print(&e, &text, NULL), -EINVAL);
			continue;
		}
		text = printed(&e);
		CHECK_INT(vmha_codec_event_parse(text, strlen(text), &back, NULL), 0);
		CHECK_INT(back->type, type);
		CHECK_INT(back->from, 3);
		CHECK_INT(back->wall_ms, e.wall_ms);
		again = printed(back);
		CHECK_STR(again, text);
		vmha_cevent_free(back);
		free(again);
		free(text);
	}
}

/* Not only does the text come back: it is what was meant. */
static void fields_arrive(void)
{
	struct vmha_cevent e = full(VMHA_CEVENT_BEGUN);
	struct vmha_cevent *back = NULL;
	char *text = printed(&e);

	CHECK_INT(vmha_codec_event_parse(text, strlen(text), &back, NULL), 0);
	CHECK(same_bytes(&back->enqueue, &e.enqueue, sizeof(e.enqueue)));
	CHECK(same_bytes(&back->mig, &e.mig, sizeof(e.mig)));
	vmha_cevent_free(back);
	free(text);
	e = full(VMHA_CEVENT_INTERFACES);
	text = printed(&e);
	CHECK_INT(vmha_codec_event_parse(text, strlen(text), &back, NULL), 0);
	CHECK_INT(back->ifaces_count, 2);
	CHECK_STR(back->ifaces[0].address, "fd00::1");
	CHECK_INT(back->ifaces[0].prefix, 128);
	CHECK_INT(back->ifaces[0].speed_mbps, 4294967295U);
	vmha_cevent_free(back);
	free(text);
	e = full(VMHA_CEVENT_QUORUM);
	text = printed(&e);
	CHECK_INT(vmha_codec_event_parse(text, strlen(text), &back, NULL), 0);
	CHECK(same_bytes(&back->quorum, &e.quorum, sizeof(e.quorum)));
	vmha_cevent_free(back);
	free(text);
}

static void strangers_are_refused(void)
{
	char *deep = calloc(1, 100001);
	char *big = malloc(VMHA_CODEC_EVENT_MAX + 1);
	struct vmha_cevent *e = NULL;

	CHECK(deep && big);
	CHECK_INT(parse(""), -EBADMSG);
	CHECK_INT(parse("[]"), -EBADMSG);
	CHECK_INT(parse("{}"), -EBADMSG);
	CHECK_INT(parse("{\"v\":\"1\",\"t\":\"CANCEL\"}"), -EBADMSG);
	CHECK_INT(parse("{\"v\":2,\"t\":\"CANCEL\"}"), -ENOTSUP);
	CHECK_INT(parse("{\"v\":1}"), -EBADMSG);
	CHECK_INT(parse("{\"v\":1,\"t\":\"TELEPORT\"}"), -ENOTSUP);
	CHECK_INT(parse("{\"v\":1,\"t\":\"JOINED\",\"from\":1}"), -ENOTSUP);
	CHECK_INT(parse("{\"v\":1,\"t\":\"CANCEL\"} trailing"), -EBADMSG);
	CHECK_INT(parse("{\"v\":1,\"v\":1,\"t\":\"CANCEL\"}"), -EBADMSG);
	memset(deep, '[', 100000);
	CHECK_INT(parse(deep), -EBADMSG);
	memset(big, ' ', VMHA_CODEC_EVENT_MAX + 1);
	CHECK_INT(vmha_codec_event_parse(big, VMHA_CODEC_EVENT_MAX + 1, &e, NULL), -E2BIG);
	free(deep);
	free(big);
}

#define CANCEL(mig_) "{\"v\":1,\"t\":\"CANCEL\",\"from\":1,\"mig\":" mig_ "}"

static void values_have_ranges(void)
{
	char text[2048];
	char reason[VMHA_REASON_SIZE + 1] = { 0 };

	CHECK_INT(parse(CANCEL("{\"id\":1}")), 0);
	/* what a newer release may add */
	CHECK_INT(parse(CANCEL("{\"id\":1,\"colour\":[1,2]},\"mood\":{}")), 0);
	CHECK_INT(parse(CANCEL("{\"id\":-1}")), -EBADMSG);
	CHECK_INT(parse(CANCEL("{\"id\":1.5}")), -EBADMSG);
	CHECK_INT(parse(CANCEL("{\"id\":99999999999999999999}")), -EBADMSG);
	CHECK_INT(parse(CANCEL("{\"id\":null}")), -EBADMSG);
	CHECK_INT(parse(CANCEL("{\"ok\":1}")), -EBADMSG);
	CHECK_INT(parse(CANCEL("{\"result\":\"GREAT\"}")), -EBADMSG);
	CHECK_INT(parse(CANCEL("{\"result\":3}")), -EBADMSG);
	CHECK_INT(parse(CANCEL("{\"reason\":\"a\\u0000b\"}")), -EBADMSG);
	CHECK_INT(parse(CANCEL("{\"reason\":\"\xff\"}")), -EBADMSG);
	CHECK_INT(parse(CANCEL("[]")), -EBADMSG);
	CHECK_INT(parse("{\"v\":1,\"t\":\"CANCEL\",\"from\":-1}"), -EBADMSG);
	memset(reason, 'x', VMHA_REASON_SIZE);
	(void)snprintf(text, sizeof(text), CANCEL("{\"reason\":\"%s\"}"), reason);
	CHECK_INT(parse(text), -EBADMSG);
	reason[VMHA_REASON_SIZE - 1] = '\0';
	(void)snprintf(text, sizeof(text), CANCEL("{\"reason\":\"%s\"}"), reason);
	CHECK_INT(parse(text), 0);
	CHECK_INT(parse("{\"v\":1,\"t\":\"REACH\",\"from\":1}"), -EBADMSG);
	CHECK_INT(parse("{\"v\":1,\"t\":\"REACH\",\"from\":1,\"reaches\":[]}"), 0);
	CHECK_INT(parse("{\"v\":1,\"t\":\"REACH\",\"from\":1,\"reaches\":[1]}"), -EBADMSG);
}

static void lists_are_bounded(void)
{
	char text[8192] = "{\"v\":1,\"t\":\"INTERFACES\",\"from\":1,\"ifaces\":[{}";
	int i;

	for (i = 0; i < VMHA_IFACES_MAX; i++) {
		(void)strcat(text, ",{}");
	}
	(void)strcat(text, "]}");
	CHECK_INT(parse(text), -EBADMSG);
}

/* Nothing that moves a terminal's cursor gets in; what is no UTF-8 gets out as '?'. */
static void texts_are_cleaned(void)
{
	struct vmha_cevent e = { .type = VMHA_CEVENT_CANCEL, .from = 1 };
	struct vmha_cevent *back = NULL;
	char *text;

	(void)strcpy(e.mig.reason, "a\033[2Jb\nc\xff");
	text = printed(&e);
	CHECK_INT(vmha_codec_event_parse(text, strlen(text), &back, NULL), 0);
	CHECK_STR(back->mig.reason, "a [2Jb c?");
	vmha_cevent_free(back);
	free(text);
}

/* --- snapshots ------------------------------------------------------------------------------ */

/* A state with something of all in it. */
static void rich(struct fixture *f)
{
	struct vmha_cevent e;
	uint64_t id;

	fixture_begin(f, 4);
	CHECK_INT(fixture_slots(f, "2"), 0);
	e = full(VMHA_CEVENT_INTERFACES);
	CHECK_INT(fixture_apply(f, &e), 0);
	e = full(VMHA_CEVENT_REACH);
	CHECK_INT(fixture_apply(f, &e), 0);
	id = fixture_enqueued(f, "web", 1, 2);
	fixture_copying(f, "web", id, 1, 2);
	e = full(VMHA_CEVENT_ATTEMPT);
	e.from = 1;
	e.mig.id = id;
	e.mig.agent = vmha_cluster_mig(f->st, id)->agent;
	CHECK_INT(fixture_apply(f, &e), 0);
	e = full(VMHA_CEVENT_REPORT);
	e.from = 1;
	e.mig.id = id;
	e.mig.agent = vmha_cluster_mig(f->st, id)->agent;
	CHECK_INT(fixture_apply(f, &e), 0);
	CHECK_INT(fixture_enqueue(f, "db", 2, 3, -7), 0);
	id = fixture_enqueued(f, "mail", 3, 4);
	CHECK_INT(fixture_mig(f, VMHA_CEVENT_CANCEL, 2, id, false, VMHA_RESULT_NONE), 0);
	e = (struct vmha_cevent){ .type = VMHA_CEVENT_DRAIN, .from = 1, .drain.node = 4 };
	CHECK_INT(fixture_apply(f, &e), 0);
	e = (struct vmha_cevent){ .type = VMHA_CEVENT_DRAIN_ROLE, .from = 4, .drain.node = 4 };
	(void)strcpy(e.drain.role.vm, "files");
	CHECK_INT(fixture_apply(f, &e), 0);
	CHECK_INT(fixture_say(f, VMHA_CEVENT_DISTURBED, 2), 0);
}

static char *snapshot(const struct vmha_cluster *st)
{
	char *text = NULL;

	CHECK_INT(vmha_codec_snapshot_print(st, &text, NULL), 0);
	return text;
}

static void snapshots_round_trip(void)
{
	struct vmha_cluster *back = NULL;
	struct fixture f;
	char *text;
	char *again;

	rich(&f);
	text = snapshot(f.st);
	CHECK_HAS(text, "\"migrations\":[{\"id\":1");
	CHECK_HAS(text, "\"phase\":\"RUNNING\"");
	CHECK_HAS(text, "\"quorate\":true");
	CHECK_INT(vmha_codec_snapshot_parse(text, strlen(text), &back, NULL), 0);
	again = snapshot(back);
	CHECK_STR(again, text);
	/* every byte of it, not only what is printed */
	CHECK(same_bytes(back, f.st, sizeof(*back)));
	free(back);
	free(again);
	free(text);
	fixture_end(&f);
}

static void an_empty_state_round_trips(void)
{
	struct vmha_cluster *st = vmha_cluster_new();
	struct vmha_cluster *back = NULL;
	char *text = snapshot(st);

	CHECK_INT(vmha_codec_snapshot_parse(text, strlen(text), &back, NULL), 0);
	CHECK(same_bytes(back, st, sizeof(*back)));
	free(st);
	free(back);
	free(text);
}

static void a_cut_snapshot_is_refused(void)
{
	struct fixture f;
	size_t len;
	char *text;

	rich(&f);
	text = snapshot(f.st);
	for (len = 0; len < strlen(text); len++) {
		struct vmha_cluster *back = NULL;

		CHECK_INT(vmha_codec_snapshot_parse(text, len, &back, NULL), -EBADMSG);
		CHECK(!back);
	}
	free(text);
	fixture_end(&f);
}

/* Whatever a flipped bit makes of it: refused, or a state that obeys the laws and can go on. */
static void flipped_bits_do_no_harm(void)
{
	struct fixture f;
	struct vmha_ceffects fx = { 0 };
	size_t i;
	size_t taken = 0;
	char *text;

	rich(&f);
	text = snapshot(f.st);
	for (i = 0; i < strlen(text) * 8; i += 3) {
		struct vmha_cluster *back = NULL;
		size_t len = strlen(text);

		text[i / 8] ^= (char)(1 << i % 8);
		if (vmha_codec_snapshot_parse(text, len, &back, NULL) == 0) {
			struct vmha_cevent e = { .type = VMHA_CEVENT_JOINED, .from = 1 };

			taken++;
			CHECK(!vmha_cluster_check(back));
			(void)vmha_cluster_apply(back, &e, &fx);
			vmha_cluster_restart(back);
			CHECK(!vmha_cluster_check(back));
			free(back);
		}
		text[i / 8] ^= (char)(1 << i % 8);
	}
	CHECK(taken > 100);
	vmha_ceffects_clear(&fx);
	free(text);
	fixture_end(&f);
}

static void cut_and_flipped_events_do_no_harm(void)
{
	int type;

	for (type = 0; type < VMHA_CEVENTS_COUNT; type++) {
		struct vmha_cevent e = full((enum vmha_cevent_type)type);
		char *text;
		size_t i;
		size_t len;

		if (!travels(type)) {
			continue;
		}
		text = printed(&e);
		len = strlen(text);
		for (i = 0; i < len; i++) {
			struct vmha_cevent *back = NULL;

			CHECK(vmha_codec_event_parse(text, i, &back, NULL) < 0);
		}
		for (i = 0; i < len * 8; i++) {
			struct fixture f;
			struct vmha_cevent *back = NULL;

			text[i / 8] ^= (char)(1 << i % 8);
			if (vmha_codec_event_parse(text, len, &back, NULL) == 0 && i % 5 == 0) {
				fixture_begin(&f, 3);
				back->from = 3;
				(void)fixture_apply(&f, back);
				fixture_end(&f);
			}
			vmha_cevent_free(back);
			text[i / 8] ^= (char)(1 << i % 8);
		}
		free(text);
	}
}

static void lawless_states_are_refused(void)
{
	struct vmha_cluster *back = NULL;
	struct vmha_err *err = NULL;
	struct fixture f;
	char *text;

	fixture_begin(&f, 2);
	(void)fixture_enqueued(&f, "web", 1, 2);
	f.st->migs[0].slot = true;
	text = snapshot(f.st);
	CHECK_INT(vmha_codec_snapshot_parse(text, strlen(text), &back, &err), -EBADMSG);
	CHECK_HAS(vmha_err_text(err), "slots");
	vmha_err_free(err);
	free(text);
	fixture_end(&f);
}

static const struct unit_test tests[] = {
	UNIT_TEST(events_round_trip),
	UNIT_TEST(fields_arrive),
	UNIT_TEST(strangers_are_refused),
	UNIT_TEST(values_have_ranges),
	UNIT_TEST(lists_are_bounded),
	UNIT_TEST(texts_are_cleaned),
	UNIT_TEST(snapshots_round_trip),
	UNIT_TEST(an_empty_state_round_trips),
	UNIT_TEST(a_cut_snapshot_is_refused),
	UNIT_TEST(flipped_bits_do_no_harm),
	UNIT_TEST(cut_and_flipped_events_do_no_harm),
	UNIT_TEST(lawless_states_are_refused),
};

UNIT_MAIN(tests)
