/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/cleanup.h"
#include "lib/base/file.h"
#include "lib/base/str.h"
#include "lib/port/pcmk.h"
#include "lib/port/pcmk_change.h"
#include "tests/unit/unit.h"

/* What Pacemaker 2.1.5 printed in a lab of three nodes: tests/unit/pcmk. */
static char *canned(const char *name)
{
	const char *top = getenv("srcdir");
	vmha_autofree char *path =
		vmha_str_printf("%s/tests/unit/pcmk/%s.xml", top ? top : VMHA_SRCDIR, name);
	char *text = NULL;

	CHECK_INT(vmha_file_read(path, 1U << 20, &text, NULL, NULL), 0);
	return text;
}

static struct vmha_pcmk_state *state_of(const char *name)
{
	vmha_autofree char *xml = canned(name);
	struct vmha_pcmk_state *s = NULL;

	CHECK_INT(vmha_pcmk_state_parse(xml, &s, NULL), 0);
	return s;
}

static void a_healthy_cluster_is_read(void)
{
	vmha_autopcmk struct vmha_pcmk_state *s = state_of("healthy");
	const struct vmha_pcmk_node *n = vmha_pcmk_node_find(s, "node3");

	CHECK(s->dc_present && s->quorum && s->stonith && !s->maintenance);
	CHECK_STR(s->dc, "node2");
	CHECK_INT(s->nodes_count, 3);
	CHECK_INT(s->resources_count, 4);
	CHECK_INT(s->failures_count, 0);
	CHECK(n && n->id == 3 && n->online && !n->standby && !n->unclean && !n->dc && !n->remote);
	CHECK(vmha_pcmk_node_find(s, "node2")->dc);
	CHECK(vmha_pcmk_node_find(s, "node4") == NULL);
	CHECK(vmha_pcmk_runs_on(s, "vol1-clone", "node1"));
	CHECK(vmha_pcmk_runs_on(s, "power", "node1"));
	CHECK(!vmha_pcmk_runs_on(s, "power", "node2"));
	CHECK(vmha_pcmk_resource_find(s, "web1") == NULL);
	CHECK(vmha_pcmk_failure_find(s, "web1") == NULL);
}

static void a_blocked_role_and_its_failure_are_read(void)
{
	vmha_autopcmk struct vmha_pcmk_state *s = state_of("blocked");
	const struct vmha_pcmk_resource *r = vmha_pcmk_resource_find(s, "web1");
	const struct vmha_pcmk_failure *f = vmha_pcmk_failure_find(s, "web1");

	CHECK(r && r->blocked && r->failed && !r->managed && r->active);
	CHECK_STR(r->agent, "ocf:vmha:vm");
	CHECK_INT(r->nodes_count, 1);
	CHECK_STR(r->nodes[0], "node2");
	CHECK(f != NULL);
	CHECK_STR(f->role, "web1");
	CHECK_STR(f->op, "migrate_to");
	CHECK_STR(f->node, "node2");
	CHECK_STR(f->result, "error");
}

static void a_moving_role_is_read(void)
{
	vmha_autopcmk struct vmha_pcmk_state *s = state_of("moving");
	const struct vmha_pcmk_resource *r = vmha_pcmk_resource_find(s, "web1");

	CHECK(r && !r->blocked && r->managed);
	CHECK_STR(r->state, "Migrating");
	CHECK_STR(r->nodes[0], "node2");
}

static void an_unclean_node_and_fencing_are_read(void)
{
	vmha_autopcmk struct vmha_pcmk_state *lost = state_of("unclean");
	vmha_autopcmk struct vmha_pcmk_state *after = state_of("fenced");

	CHECK(vmha_pcmk_node_find(lost, "node2")->unclean);
	CHECK_INT(lost->fences_count, 0);
	CHECK(!vmha_pcmk_node_find(after, "node2")->unclean);
	CHECK_INT(after->fences_count, 1);
	CHECK_STR(after->fences[0].target, "node2");
	CHECK_STR(after->fences[0].action, "reboot");
	CHECK_STR(after->fences[0].status, "success");
}

static void lost_quorum_is_read(void)
{
	vmha_autopcmk struct vmha_pcmk_state *s = state_of("noquorum");

	CHECK(s->dc_present && !s->quorum);
}

static void what_is_no_status_is_refused(void)
{
	static const char *const bad[] = {
		"", "hello", "<a/>", "<pacemaker-result/>",
		"<pacemaker-result><status code='102' message='Not connected'/></pacemaker-result>"
	};
	size_t i;

	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		vmha_autoerr struct vmha_err *err = NULL;
		struct vmha_pcmk_state *s = NULL;

		CHECK_INT(vmha_pcmk_state_parse(bad[i], &s, &err), -EBADMSG);
		CHECK_HAS(vmha_err_text(err), "crm_mon");
	}
}

static void failures_name_roles_with_underscores(void)
{
	static const char xml[] = "<pacemaker-result><nodes/><failures>"
				  "<failure op_key='a_start_b_start_0' node='n1' task='start' "
				  "last-rc-change='2026-01-01 00:00:00Z' exitreason='old'/>"
				  "<failure op_key='a_start_b_start_0' node='n2' task='start' "
				  "last-rc-change='2026-01-02 00:00:00Z' exitreason='new'/>"
				  "</failures></pacemaker-result>";
	vmha_autopcmk struct vmha_pcmk_state *s = NULL;

	CHECK_INT(vmha_pcmk_state_parse(xml, &s, NULL), 0);
	CHECK(vmha_pcmk_failure_find(s, "a") == NULL);
	CHECK_STR(vmha_pcmk_failure_find(s, "a_start_b")->reason, "new");
}

static void primitives_are_read(void)
{
	vmha_autofree char *xml = canned("resources");
	vmha_autoprimitives struct vmha_pcmk_primitives *vms = NULL;
	vmha_autoprimitives struct vmha_pcmk_primitives *volumes = NULL;
	struct vmha_pcmk_primitives *none = NULL;

	CHECK_INT(vmha_pcmk_primitives_parse(xml, "vm", &vms, NULL), 0);
	CHECK_INT(vms->count, 1);
	CHECK_STR(vms->items[0].id, "web1");
	CHECK_STR(vms->items[0].name, "web1");
	CHECK_STR(vms->items[0].volume, "vol1");
	CHECK_STR(vms->items[0].parent, "");
	CHECK_STR(vms->items[0].mode, "");
	CHECK_INT(vms->items[0].policy.on_guest_shutdown, VMHA_WISH_STOP);
	CHECK_INT(vms->items[0].policy.on_panic, VMHA_WISH_RESTART);
	CHECK_INT(vmha_pcmk_primitives_parse(xml, "csv", &volumes, NULL), 0);
	CHECK_INT(volumes->count, 1);
	CHECK_STR(volumes->items[0].parent, "vol1-clone");
	CHECK_STR(volumes->items[0].path, "/clusterstorage/vol1");
	CHECK_STR(volumes->items[0].type, "dir");
	CHECK_INT(vmha_pcmk_primitives_parse("no", "vm", &none, NULL), -EBADMSG);
}

static void who_runs_dlm_controld(void)
{
#define DLM "<primitive id='dlm' class='ocf' provider='pacemaker' type='controld'/>"
	static const struct {
		const char *xml;
		int want;
		const char *clone;
	} rows[] = {
		{ "<resources><clone id='c'>" DLM "</clone></resources>", 0, "c" },
		{ "<resources><clone id='c'><group id='g'>" DLM "</group></clone></resources>", 0,
		  "c" },
		{ "<resources><group id='g'>" DLM "</group></resources>", -EINVAL, NULL },
		{ "<resources>" DLM "</resources>", -EINVAL, NULL },
		{ "<resources/>", -ENOENT, NULL },
		{ "no", -EBADMSG, NULL },
	};
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		vmha_autofree char *clone = NULL;

		CHECK_INT(vmha_pcmk_controld_parse(rows[i].xml, &clone, NULL), rows[i].want);
		CHECK_STR(clone, rows[i].clone);
	}
}

#define WEIGHT(node, score)                                                                        \
	"<node_weight function='pcmk__primitive_assign' node='" node "' score='" score             \
	"' id='web1'/>"
#define SCORES(weights)                                                                            \
	"<r><cluster_status><nodes><node name='n1' resources_running='1'/>"                        \
	"<node name='n2' resources_running='5'/><node name='n3' resources_running='2'/>"           \
	"</nodes></cluster_status><allocations>" weights "</allocations></r>"

static void the_best_other_node_is_chosen(void)
{
	static const struct {
		const char *xml;
		const char *want;
	} cases[] = {
		{ SCORES(WEIGHT("n1", "100") WEIGHT("n2", "0") WEIGHT("n3", "50")), "n3" },
		{ SCORES(WEIGHT("n1", "100") WEIGHT("n2", "0") WEIGHT("n3", "0")), "n3" },
		{ SCORES(WEIGHT("n1", "0") WEIGHT("n2", "0") WEIGHT("n3", "-INFINITY")), "n2" },
		{ SCORES(WEIGHT("n1", "0") WEIGHT("n2", "INFINITY") WEIGHT("n3", "7")), "n2" },
		{ SCORES(WEIGHT("n1", "0") WEIGHT("n2", "-INFINITY") WEIGHT("n3", "-5")), NULL },
		{ SCORES(""), NULL },
		{ "not XML", NULL },
	};
	vmha_autofree char *real = canned("scores");
	vmha_autofree char *node = NULL;
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		vmha_autofree char *to = NULL;
		int r = vmha_pcmk_scores_parse(cases[i].xml, "web1", "n1", &to, NULL);

		CHECK_INT(r, cases[i].want ? 0 : -ENOENT);
		CHECK_STR(to, cases[i].want);
	}
	CHECK_INT(vmha_pcmk_scores_parse(real, "web1", "node3", &node, NULL), 0);
	CHECK_STR(node, "node2");
}

static void planned_moves_spread_over_equal_nodes(void)
{
	static const char xml[] = SCORES(WEIGHT("n1", "100") WEIGHT("n2", "0") WEIGHT("n3", "0"));
	static const struct vmha_pcmk_load planned[] = { { "n3", 2, false }, { "n3", 2, false } };
	static const struct vmha_pcmk_load shut[] = { { "n1", 1, true },
						      { "n2", 1, true },
						      { "n3", 1, true } };
	vmha_autofree char *lower = NULL;
	vmha_autofree char *none = NULL;
	vmha_autofree char *first = NULL;
	vmha_autofree char *next = NULL;

	CHECK_INT(vmha_pcmk_scores_choose(xml, "web1", "n1", planned, 1, &first, NULL), 0);
	CHECK_STR(first, "n3"); /* 2 + 2 roles against 5 on n2 */
	CHECK_INT(vmha_pcmk_scores_choose(xml, "web1", "n1", planned, 2, &next, NULL), 0);
	CHECK_STR(next, "n2");
	CHECK_INT(vmha_pcmk_scores_choose(xml, "web1", "n9", shut, 1, &lower, NULL), 0);
	CHECK(strcmp(lower, "n1") != 0); /* although it scores best */
	CHECK_INT(vmha_pcmk_scores_choose(xml, "web1", "n1", shut + 1, 2, &none, NULL), -ENOENT);
}

static void constraints_of_moves_and_drains_are_written(void)
{
	static const struct vmha_pcmk_place moves[] = { { "web1", "n2" }, { "web2", "n3" } };
	static const struct vmha_pcmk_place bans[] = { { "db", "n1" } };
	static const struct vmha_pcmk_place bad[] = { { "a'/><x", "n1" } };
	vmha_autofree char *both = NULL;
	char *none = NULL;

	CHECK_INT(vmha_pcmk_places_xml(moves, 2, bans, 1, &both, NULL), 0);
	CHECK_STR(both, "<configuration><constraints>"
			"<rsc_location id=\"cli-prefer-web1\" rsc=\"web1\" role=\"Started\" "
			"node=\"n2\" score=\"INFINITY\"/>"
			"<rsc_location id=\"cli-prefer-web2\" rsc=\"web2\" role=\"Started\" "
			"node=\"n3\" score=\"INFINITY\"/>"
			"<rsc_location id=\"vmha-drain-n1-db\" rsc=\"db\" node=\"n1\" "
			"score=\"-INFINITY\"/></constraints></configuration>");
	CHECK_INT(vmha_pcmk_places_xml(NULL, 0, NULL, 0, &none, NULL), -EINVAL);
	CHECK_INT(vmha_pcmk_places_xml(bad, 1, NULL, 0, &none, NULL), -EINVAL);
	CHECK_INT(vmha_pcmk_places_xml(NULL, 0, bad, 1, &none, NULL), -EINVAL);
	CHECK(none == NULL);
}

static void constraints_to_remove_are_named(void)
{
	static const char *const roles[] = { "web1", "web2" };
	static const char *const bad[] = { "web1' or '1'='1" };
	vmha_autofree char *moves = NULL;
	vmha_autofree char *bans = NULL;
	char *none = NULL;

	CHECK_INT(vmha_pcmk_moves_expr(roles, 2, &moves, NULL), 0);
	CHECK_STR(moves, "//constraints/rsc_location[@id='cli-prefer-web1' or "
			 "@id='cli-prefer-web2']");
	CHECK_INT(vmha_pcmk_moves_expr(roles, 0, &none, NULL), -EINVAL);
	CHECK_INT(vmha_pcmk_moves_expr(bad, 1, &none, NULL), -EINVAL);
	CHECK_INT(vmha_pcmk_bans_expr("n1", &bans, NULL), 0);
	CHECK_STR(bans, "//constraints/rsc_location[starts-with(@id,'vmha-drain-n1-') and "
			"@node='n1']");
	CHECK_INT(vmha_pcmk_bans_expr("n1'", &none, NULL), -EINVAL);
}

static void only_what_a_move_wrote_is_named(void)
{
	vmha_autofree char *plain = NULL;
	vmha_autofree char *forced = NULL;
	char *none = NULL;

	CHECK_INT(vmha_pcmk_move_expr("web1", NULL, &plain, NULL), 0);
	CHECK_STR(plain, "//constraints/rsc_location[@id='cli-prefer-web1']");
	CHECK_INT(vmha_pcmk_move_expr("web1", "n1", &forced, NULL), 0);
	CHECK_STR(forced, "//constraints/rsc_location[@id='cli-prefer-web1' or "
			  "@id='cli-ban-web1-on-n1']");
	CHECK_INT(vmha_pcmk_move_expr("web1'", NULL, &none, NULL), -EINVAL);
	CHECK_INT(vmha_pcmk_move_expr("web1", "n1'", &none, NULL), -EINVAL);
	CHECK(none == NULL);
}

static void bans_of_one_node_are_read(void)
{
	static const char xml[] =
		"<constraints><rsc_location id='cli-prefer-a' rsc='a' node='n1' score='INFINITY'/>"
		"<rsc_location id='vmha-drain-n1-a' rsc='a' node='n1' score='-INFINITY'/>"
		"<rsc_location id='vmha-drain-n1-b-c' rsc='c' node='n1-b' score='-INFINITY'/>"
		"<rsc_order id='vmha-drain-n1-x' first='a' then='b'/>"
		"<rsc_location id='vmha-drain-n1-b' rsc='b' node='n1' score='-INFINITY'/>"
		"</constraints>";
	vmha_autofree char **roles = NULL;
	vmha_autofree char **empty = NULL;
	size_t count = 9;

	CHECK_INT(vmha_pcmk_bans_parse(xml, "n1", &roles, &count, NULL), 0);
	CHECK_INT(count, 2);
	CHECK_STR(roles[0], "a");
	CHECK_STR(roles[1], "b");
	CHECK_INT(vmha_pcmk_bans_parse("<constraints/>", "n1", &empty, &count, NULL), 0);
	CHECK_INT(count, 0);
	CHECK_INT(vmha_pcmk_bans_parse("<other/>", "n1", &empty, &count, NULL), -EBADMSG);
	CHECK_INT(vmha_pcmk_bans_parse("", "n1", &empty, &count, NULL), -EBADMSG);
}

static void what_is_left_to_do_is_counted(void)
{
	vmha_autofree char *unfenced = canned("unfenced"); /* crm_simulate ended with 1 */
	size_t n = 9;

	CHECK_INT(vmha_pcmk_pending_parse(unfenced, &n, NULL), 0);
	CHECK_INT(n, 1);
	CHECK_INT(vmha_pcmk_pending_parse("<r><actions/><transition/></r>", &n, NULL), 0);
	CHECK_INT(n, 0);
	CHECK_INT(vmha_pcmk_pending_parse("<r><transition>"
					  "<pseudo_action task='stop' node='a'/>"
					  "<rsc_action resource='web1' op='monitor' node='a'/>"
					  "<rsc_action resource='web1' op='start' node='a'/>"
					  "</transition></r>",
					  &n, NULL),
		  0);
	CHECK_INT(n, 2);
	CHECK_INT(vmha_pcmk_pending_parse("<r/>", &n, NULL), -EBADMSG);
	CHECK_INT(vmha_pcmk_pending_parse("", &n, NULL), -EBADMSG);
}

static void an_attribute_is_read(void)
{
	vmha_autofree char *value = NULL;
	char *none = NULL;

	CHECK_INT(vmha_pcmk_attribute_parse(
			  "<pacemaker-result><attribute name='a' host='n' value='10.0.0.1'/>"
			  "</pacemaker-result>",
			  &value),
		  0);
	CHECK_STR(value, "10.0.0.1");
	CHECK_INT(vmha_pcmk_attribute_parse("<pacemaker-result/>", &none), -ENOENT);
	CHECK_INT(vmha_pcmk_attribute_parse("", &none), -ENOENT);
}

static const struct unit_test tests[] = {
	UNIT_TEST(a_healthy_cluster_is_read),
	UNIT_TEST(a_blocked_role_and_its_failure_are_read),
	UNIT_TEST(a_moving_role_is_read),
	UNIT_TEST(an_unclean_node_and_fencing_are_read),
	UNIT_TEST(lost_quorum_is_read),
	UNIT_TEST(what_is_no_status_is_refused),
	UNIT_TEST(failures_name_roles_with_underscores),
	UNIT_TEST(primitives_are_read),
	UNIT_TEST(who_runs_dlm_controld),
	UNIT_TEST(the_best_other_node_is_chosen),
	UNIT_TEST(planned_moves_spread_over_equal_nodes),
	UNIT_TEST(constraints_of_moves_and_drains_are_written),
	UNIT_TEST(constraints_to_remove_are_named),
	UNIT_TEST(only_what_a_move_wrote_is_named),
	UNIT_TEST(bans_of_one_node_are_read),
	UNIT_TEST(what_is_left_to_do_is_counted),
	UNIT_TEST(an_attribute_is_read),
};

UNIT_MAIN(tests)
