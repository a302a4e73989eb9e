/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/cleanup.h"
#include "lib/base/str.h"
#include "lib/port/move_json.h"
#include "tests/unit/unit.h"

#define NETWORK                                                                                    \
	"{\"name\":\"Cluster Network "                                                             \
	"2\",\"address\":\"10.71.2.2\",\"local\":\"10.71.2.1\",\"metric\":1000}"

static int parse(const char *text, struct vmha_plan *ret)
{
	vmha_autofree struct vmha_plan *plan = NULL;
	int r = vmha_move_json_plan(text, &plan, NULL);

	if (r == 0) {
		*ret = *plan;
	}
	return r;
}

static void plan_is_read(void)
{
	struct vmha_plan p = { 0 };

	CHECK_INT(parse("{\"ok\":true,\"id\":42,\"trace\":\"ab\",\"mode\":\"auto\",\"networks\":"
			"[" NETWORK ",{\"name\":\"six\",\"address\":\"fd00::2\"}],\"streams\":4,"
			"\"compression\":\"zstd\",\"tls\":false,\"autoconverge\":false,"
			"\"bandwidth_mib\":100,\"stall_s\":30,\"lost\":2,\"on_stall\":\"quick\","
			"\"excluded\":[{\"name\":\"mgt\",\"why\":\"excluded\"}],\"later\":1}",
			&p),
		  0);
	CHECK_INT(p.id, 42);
	CHECK_STR(p.trace, "ab");
	CHECK_STR(p.mode, "auto");
	CHECK_INT(p.networks_count, 2);
	CHECK_STR(p.networks[0].name, "Cluster Network 2");
	CHECK_STR(p.networks[0].local, "10.71.2.1");
	CHECK_STR(p.networks[1].address, "fd00::2");
	CHECK_STR(p.networks[1].local, "");
	CHECK_INT(p.streams, 4);
	CHECK_STR(p.compression, "zstd");
	CHECK(!p.tls && !p.autoconverge);
	CHECK_INT(p.bandwidth_mib, 100);
	CHECK_INT(p.stall_s, 30);
	CHECK_INT(p.lost, 2);
	CHECK_STR(p.on_stall, "quick");
	CHECK_STR(p.excluded, "mgt: excluded");
}

static int age(const char *text, struct vmha_move_age *ret)
{
	return vmha_move_json_age_read(text, ret, NULL);
}

static void age_is_read(void)
{
	struct vmha_move_age a = { .begun_ms = 7, .stopped_ms = 7 };
	vmha_autofree char *text = vmha_move_json_age("ab");

	CHECK_HAS(text, "\"op\":\"move-age\"");
	CHECK_HAS(text, "\"trace\":\"ab\"");
	CHECK_INT(age("{\"ok\":false,\"error\":\"no\"}", &a), -ECANCELED);
	CHECK_INT(age("{\"ok\":true,\"begun_ms\":1}", &a), -EBADMSG);
	CHECK_INT(age("{\"ok\":true,\"begun_ms\":1,\"stopped_ms\":-2}", &a), -EBADMSG);
	CHECK_INT(a.begun_ms, 7);
	CHECK_INT(age("{\"ok\":true,\"begun_ms\":16700,\"stopped_ms\":-1}", &a), 0);
	CHECK_INT(a.begun_ms, 16700);
	CHECK_INT(a.stopped_ms, -1);
}

static void what_is_missing_has_a_default(void)
{
	struct vmha_plan p = { 0 };

	CHECK_INT(parse("{\"ok\":true,\"id\":1}", &p), 0);
	CHECK_INT(p.networks_count, 0);
	CHECK_INT(p.streams, 2);
	CHECK(p.tls && p.autoconverge);
	CHECK_STR(p.compression, "none");
	CHECK_INT(p.stall_s, 60);
	CHECK_INT(p.bandwidth_mib, 0);
}

static const char local_is_no_text[] = "{\"ok\":true,\"id\":1,\"networks\":["
				       "{\"name\":\"a\",\"address\":\"::1\",\"local\":0}]}";

static void garbage_is_refused(void)
{
	static const char *const bad[] = {
		"",
		"{",
		"[]",
		"null",
		"{}",
		"{\"ok\":1}",
		"{\"ok\":true}",
		"{\"ok\":true,\"id\":0}",
		"{\"ok\":true,\"id\":-1}",
		"{\"ok\":true,\"id\":\"1\"}",
		"{\"ok\":true,\"id\":1,\"mode\":\"warm\"}",
		"{\"ok\":true,\"id\":1,\"mode\":7}",
		"{\"ok\":true,\"id\":1,\"streams\":17}",
		"{\"ok\":true,\"id\":1,\"compression\":\"lzo\"}",
		"{\"ok\":true,\"id\":1,\"on_stall\":\"panic\"}",
		"{\"ok\":true,\"id\":1,\"networks\":{}}",
		"{\"ok\":true,\"id\":1,\"networks\":[1]}",
		"{\"ok\":true,\"id\":1,\"networks\":[{\"name\":\"a\",\"address\":\"node2\"}]}",
		"{\"ok\":true,\"id\":1,\"networks\":[{\"name\":\"a\",\"address\":\"1.2.3.4/24\"}]}",
		"{\"ok\":true,\"id\":1,\"networks\":[{\"address\":\"1.2.3.4\"}]}",
		local_is_no_text,
		"{\"ok\":true,\"id\":1,\"trace\":\"0123456789012345678901234567890123456789\"}",
	};
	struct vmha_plan p = { 0 };
	size_t i;

	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		CHECK_INT(parse(bad[i], &p), -EBADMSG);
	}
}

static void too_many_networks_are_cut(void)
{
	vmha_autostr struct vmha_str text = { 0 };
	struct vmha_plan p = { 0 };
	int i;

	CHECK_INT(vmha_str_add(&text, "{\"ok\":true,\"id\":1,\"networks\":[" NETWORK), 0);
	for (i = 0; i < 40; i++) {
		CHECK_INT(vmha_str_add(&text, "," NETWORK), 0);
	}
	CHECK_INT(vmha_str_add(&text, "]}"), 0);
	CHECK_INT(parse(text.text, &p), 0);
	CHECK_INT(p.networks_count, VMHA_PLAN_NETWORKS_MAX);
}

static void refusal_has_its_words(void)
{
	vmha_autoerr struct vmha_err *err = NULL;
	vmha_autofree struct vmha_plan *plan = NULL;

	CHECK_INT(vmha_move_json_plan("{\"ok\":false,\"errno\":-11,\"error\":\"queued as #7\"}",
				      &plan, &err),
		  -ECANCELED);
	CHECK_STR(vmha_err_text(err), "queued as #7");
	CHECK_INT(vmha_move_json_ok("{\"ok\":true}", NULL), 0);
	CHECK_INT(vmha_move_json_ok("{\"ok\":false}", NULL), -ECANCELED);
	CHECK_INT(vmha_move_json_ok("ok", NULL), -EBADMSG);
}

static void abort_is_for_its_move(void)
{
	vmha_autofree char *why = NULL;

	CHECK_INT(vmha_move_json_abort("{\"event\":\"abort\",\"id\":8,\"why\":\"x\"}", 7, &why), 0);
	CHECK_INT(vmha_move_json_abort("{\"event\":\"state\",\"id\":7}", 7, &why), 0);
	CHECK_INT(vmha_move_json_abort("nonsense", 7, &why), 0);
	CHECK(!why);
	CHECK_INT(vmha_move_json_abort("{\"event\":\"abort\",\"id\":7,\"why\":\"node3 was lost\"}",
				       7, &why),
		  1);
	CHECK_STR(why, "node3 was lost");
}

static void requests_are_written(void)
{
	const struct vmha_move_ask ask = { .vm = "web1",
					   .volume = "vol1",
					   .from = "node1",
					   .to = "node2",
					   .trace = "t",
					   .mode = "live",
					   .timeout_ms = 1000,
					   .pid = 12 };
	const struct vmha_move_progress p = { .percent = 40, .processed_bytes = 5, .eta_ms = 900 };
	const struct vmha_move_end end = { .result = "KEPT", .reason = "a \"b\"", .total_ms = -1 };
	vmha_autofree char *begin = vmha_move_json_begin(&ask);
	vmha_autofree char *with = vmha_move_json_report(7, "web1", "t", "COPYING", "n", "a", &p);
	vmha_autofree char *without =
		vmha_move_json_report(7, "web1", "t", "HANDOFF", NULL, NULL, NULL);
	vmha_autofree char *used = vmha_move_json_network(7, "web1", "n", "a", NULL);
	vmha_autofree char *failed = vmha_move_json_network(7, "web1", "n", "a", "no answer");
	vmha_autofree char *ended = vmha_move_json_end(7, "web1", "t", &end);
	vmha_autofree char *journal = vmha_move_json_journal("web1", "node1", "t", "text");

	CHECK_HAS(begin, "\"op\":\"move-begin\"");
	CHECK_HAS(begin, "\"to\":\"node2\"");
	CHECK_HAS(begin, "\"attach\":false");
	CHECK_HAS(with, "\"percent\":40");
	CHECK_HAS(with, "\"eta_ms\":900");
	CHECK_HAS(without, "\"percent\":-1");
	CHECK_HAS(without, "\"network\":\"\"");
	CHECK_HAS(used, "\"ok\":true");
	CHECK_HAS(failed, "\"ok\":false");
	CHECK_HAS(failed, "\"error\":\"no answer\"");
	CHECK_HAS(ended, "\"reason\":\"a \\\"b\\\"\"");
	CHECK_HAS(ended, "\"total_ms\":-1");
	CHECK_HAS(journal, "\"op\":\"journal\"");
}

static void checks_are_summed_up(void)
{
	const struct vmha_check checks[] = {
		{ "memory", true, "enough" },
		{ "network", false, "no bridge vmbr0" },
		{ "volume", false, "not joined" },
	};
	vmha_autofree char *bad = vmha_checks_json(checks, 3);
	vmha_autofree char *good = vmha_checks_json(checks, 1);

	CHECK_HAS(bad, "\"ok\":false,\"text\":\"no bridge vmbr0; not joined\"");
	CHECK_HAS(bad, "{\"check\":\"memory\",\"ok\":true,\"text\":\"enough\"}");
	CHECK_HAS(good, "\"ok\":true,\"text\":\"\"");
}

static void ways_are_read(void)
{
	vmha_autofree struct vmha_plan *p = NULL;

	CHECK_INT(vmha_move_json_ways("{}", &p, NULL), 0);
	CHECK_INT(p->networks_count, 0);
	free(vmha_steal_ptr(p));
	CHECK_INT(vmha_move_json_ways("{\"networks\":[" NETWORK "]}", &p, NULL), 0);
	CHECK_STR(p->networks[0].address, "10.71.2.2");
	CHECK_INT(vmha_move_json_ways("{\"networks\":[{}]}", &p, NULL), -EBADMSG);
	CHECK_INT(vmha_move_json_ways("x", &p, NULL), -EBADMSG);
}

static const struct unit_test tests[] = {
	UNIT_TEST(ways_are_read),	  UNIT_TEST(plan_is_read),
	UNIT_TEST(age_is_read),		  UNIT_TEST(what_is_missing_has_a_default),
	UNIT_TEST(garbage_is_refused),	  UNIT_TEST(too_many_networks_are_cut),
	UNIT_TEST(refusal_has_its_words), UNIT_TEST(abort_is_for_its_move),
	UNIT_TEST(requests_are_written),  UNIT_TEST(checks_are_summed_up),
};
UNIT_MAIN(tests)
