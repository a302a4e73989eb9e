/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/cleanup.h"
#include "lib/base/str.h"
#include "lib/core/record.h"
#include "tests/unit/inject.h"
#include "tests/unit/unit.h"

union any {
	struct vmha_role_record role;
	struct vmha_owner_record owner;
	struct vmha_run_record run;
	struct vmha_state_record state;
	struct vmha_move_record move;
	struct vmha_volume_record volume;
	struct vmha_joined_record joined;
	struct vmha_health_record health;
	struct vmha_intent_record intent;
};

static const struct vmha_owner_record OWNER = {
	.node = "node2",
	.host_id = 2,
	.generation = UINT64_MAX,
	.pid = 4711,
	.start_ticks = 99,
	.trace = "t-1",
};

/* A record as it may stand on a volume: @body with the right last line. */
static char *summed(const char *body)
{
	char *text =
		vmha_str_printf("%ssum=%016" PRIx64 "\n", body, vmha_fnv64(body, strlen(body)));

	CHECK(text != NULL);
	return text;
}

static void fnv64_is_the_published_one(void)
{
	CHECK(vmha_fnv64("", 0) == 0xcbf29ce484222325ULL);
	CHECK(vmha_fnv64("a", 1) == 0xaf63dc4c8601ec8cULL);
	CHECK(vmha_fnv64("foobar", 6) == 0x85944171f73967e8ULL);
}

static void owner_round_trip(void)
{
	vmha_autofree char *text = vmha_record_print(VMHA_RECORD_OWNER, &OWNER);
	struct vmha_owner_record got;

	CHECK_HAS(text, "vmha-record=owner/1\nnode=node2\n");
	CHECK_INT(vmha_record_parse(VMHA_RECORD_OWNER, text, &got, NULL), 0);
	CHECK_STR(got.node, "node2");
	CHECK(got.generation == UINT64_MAX && got.host_id == 2 && got.start_ticks == 99);
	CHECK_INT(got.pid, 4711);
	CHECK_STR(got.trace, "t-1");
}

static void state_round_trip_with_images(void)
{
	struct vmha_state_record *st = calloc(1, sizeof(*st));
	struct vmha_state_record *got = calloc(1, sizeof(*got));
	vmha_autofree char *text = NULL;
	vmha_autofree char *again = NULL;
	unsigned int i;

	CHECK(st && got);
	st->images_count = VMHA_IMAGES_MAX;
	st->saved_at_s = -5;
	for (i = 0; i < VMHA_IMAGES_MAX; i++) {
		(void)snprintf(st->images[i].path, VMHA_PATH_SIZE, "/clusterstorage/v 1/d = %u", i);
		st->images[i].size_bytes = 1ULL << i;
		st->images[i].mtime_ns = 1000000007LL * i;
	}
	text = vmha_record_print(VMHA_RECORD_STATE, st);
	CHECK_INT(vmha_record_parse(VMHA_RECORD_STATE, text, got, NULL), 0);
	again = vmha_record_print(VMHA_RECORD_STATE, got);
	CHECK_STR(again, text);
	CHECK_INT(got->images_count, VMHA_IMAGES_MAX);
	CHECK_STR(got->images[31].path, "/clusterstorage/v 1/d = 31");
	free(st);
	free(got);
}

static void every_kind_round_trips_empty(void)
{
	int kind;

	for (kind = VMHA_RECORD_ROLE; kind <= VMHA_RECORD_INTENT; kind++) {
		static const union any in;
		static union any out;
		vmha_autofree char *text = NULL;
		vmha_autofree char *again = NULL;

		memset(&out, 1, sizeof(out));
		text = vmha_record_print((enum vmha_record_kind)kind, &in);
		CHECK_INT(vmha_record_parse((enum vmha_record_kind)kind, text, &out, NULL), 0);
		again = vmha_record_print((enum vmha_record_kind)kind, &out);
		CHECK_STR(again, text);
	}
}

/* Every changed byte and every lost tail is found: damage is never taken for another content. */
static void damage_is_found(void)
{
	vmha_autofree char *good = vmha_record_print(VMHA_RECORD_OWNER, &OWNER);
	size_t len = strlen(good);
	size_t i;

	for (i = 0; i < len; i++) {
		vmha_autofree char *bad = strdup(good);
		vmha_autofree char *cut = strndup(good, i);
		struct vmha_owner_record got;
		int bit;

		CHECK(bad && cut);
		CHECK_INT(vmha_record_parse(VMHA_RECORD_OWNER, cut, &got, NULL), -EBADMSG);
		for (bit = 0; bit < 8; bit++) {
			bad[i] = (char)(good[i] ^ (1 << bit));
			CHECK_INT(vmha_record_parse(VMHA_RECORD_OWNER, bad, &got, NULL), -EBADMSG);
		}
	}
}

static void refused_with(const char *body, const char *why)
{
	vmha_autoerr struct vmha_err *e = NULL;
	vmha_autofree char *text = summed(body);
	struct vmha_intent_record got = { .node = "untouched" };

	CHECK_INT(vmha_record_parse(VMHA_RECORD_INTENT, text, &got, &e), -EBADMSG);
	CHECK_HAS(vmha_err_text(e), why);
	CHECK_STR(got.node, "untouched");
}

#define FIELDS "name=r\nvolume=v\ndisks=0\nnode=n\n"
#define ADD    FIELDS "op=add\n"

static void what_is_wrong_is_said(void)
{
	refused_with("vmha-record=intent/1\n" ADD, "lacks begun_s");
	refused_with("vmha-record=intent/1\n" ADD "op=add\nbegun_s=1\n", "of op");
	refused_with("vmha-record=intent/1\n" FIELDS "op=much too long\nbegun_s=1\n", "of op");
	refused_with("vmha-record=intent/1\n" ADD "begun_s=soon\n", "of begun_s");
	refused_with("vmha-record=intent/1\n" ADD "begun_s=1\nnonsense\n", "'='");
	refused_with("vmha-record=intent/2\n" ADD "begun_s=1\n", "intent/1");
	refused_with("vmha-record=owner/1\n" ADD "begun_s=1\n", "intent/1");
}

static void a_newer_release_may_add_keys(void)
{
	vmha_autofree char *text = summed("vmha-record=intent/1\n" ADD "colour=blue\nbegun_s=-1\n");
	struct vmha_intent_record got;

	CHECK_INT(vmha_record_parse(VMHA_RECORD_INTENT, text, &got, NULL), 0);
	CHECK_STR(got.node, "n");
	CHECK_INT(got.begun_s, -1);
}

static void a_line_end_in_a_text_becomes_a_blank(void)
{
	struct vmha_move_record move = { .reason = "libvirt said:\nsum=0\r\tno" };
	struct vmha_move_record got;
	vmha_autofree char *text = vmha_record_print(VMHA_RECORD_MOVE, &move);

	CHECK_INT(vmha_record_parse(VMHA_RECORD_MOVE, text, &got, NULL), 0);
	CHECK_STR(got.reason, "libvirt said: sum=0  no");
}

static void a_volume_of_an_older_release_has_defaults(void)
{
	vmha_autofree char *oldest =
		summed("vmha-record=volume/1\nname=vol1\nid=i\nio_timeout_s=10\n");
	vmha_autofree char *older =
		summed("vmha-record=volume/1\nname=vol1\nid=i\ntype=dir\nio_timeout_s=10\n");
	const struct vmha_volume_record gfs2 = { .name = "vol2", .type = "gfs2", .lock = "dlm" };
	vmha_autofree char *new = vmha_record_print(VMHA_RECORD_VOLUME, &gfs2);
	struct vmha_volume_record got;

	CHECK_INT(vmha_record_parse(VMHA_RECORD_VOLUME, oldest, &got, NULL), 0);
	CHECK_STR(got.type, "dir");
	CHECK_STR(got.lock, "sanlock");
	CHECK_INT(got.size_bytes, 0);
	CHECK_INT(vmha_record_parse(VMHA_RECORD_VOLUME, older, &got, NULL), 0);
	CHECK_INT(got.latency_count, 0); /* not measured */
	CHECK_STR(got.lock, "sanlock");
	CHECK_INT(vmha_record_parse(VMHA_RECORD_VOLUME, new, &got, NULL), 0);
	CHECK_STR(got.type, "gfs2");
	CHECK_STR(got.lock, "dlm");
}

static int op_round_trip(struct vmha_err **err)
{
	vmha_autofree char *text = vmha_record_print(VMHA_RECORD_OWNER, &OWNER);
	struct vmha_owner_record got;
	int r;

	if (!text) {
		return vmha_err_set(err, -ENOMEM, "print");
	}
	r = vmha_record_parse(VMHA_RECORD_OWNER, text, &got, err);
	CHECK(r == 0 || r == -ENOMEM); /* memory that runs out is no damage */
	return r;
}

static void without_memory(void)
{
	inject_sweep(op_round_trip, NULL);
}

static const struct unit_test tests[] = {
	UNIT_TEST(fnv64_is_the_published_one),
	UNIT_TEST(owner_round_trip),
	UNIT_TEST(state_round_trip_with_images),
	UNIT_TEST(every_kind_round_trips_empty),
	UNIT_TEST(damage_is_found),
	UNIT_TEST(what_is_wrong_is_said),
	UNIT_TEST(a_newer_release_may_add_keys),
	UNIT_TEST(a_line_end_in_a_text_becomes_a_blank),
	UNIT_TEST(a_volume_of_an_older_release_has_defaults),
	UNIT_TEST(without_memory),
};

UNIT_MAIN(tests)
