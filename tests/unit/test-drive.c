/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clusterd/drive_facts.h"
#include "lib/base/cleanup.h"
#include "lib/base/str.h"
#include "tests/unit/unit.h"

#define ROLE(name, meta)                                                                           \
	"<primitive id='" name "' class='ocf' provider='vmha' type='vm'>"                          \
	"<instance_attributes><nvpair name='volume' value='vol1'/></instance_attributes>"          \
	"<meta_attributes>" meta "</meta_attributes></primitive>"
#define PRIORITY(n) "<nvpair name='priority' value='" n "'/>"
#define RES(name, role, rest, nodes)                                                               \
	"<resource id='" name "' resource_agent='ocf:vmha:vm' role='" role "' " rest ">" nodes     \
	"</resource>"
#define WELL	   "active='true' managed='true' blocked='false' failed='false'"
#define NODE(name) "<node name='" name "'/>"

static const char roles_xml[] = "<resources>" ROLE("b", "") ROLE("a", "")
	ROLE("low", PRIORITY("-5")) ROLE("high", PRIORITY("10")) ROLE("gone", "") ROLE("hand", "")
		ROLE("new", "") "</resources>";

/* As Pacemaker 2.1.5 writes it: a migrate_to or migrate_from under way is the role "Migrating", and
 * `pending` is only ever "Monitoring". */
static const char state_xml[] =
	"<crm_mon><summary><current_dc present='true'/></summary><nodes>"
	"<node name='n1' online='true' standby='false'/>"
	"<node name='n2' online='true' standby='true'/></nodes><resources>" /**/
	RES("a", "Started", WELL, NODE("n1"))				    /**/
	RES("b", "Migrating", WELL, NODE("n1"))				    /**/
	RES("low", "Started", WELL, NODE("n2"))				    /**/
	RES("high", "Started", "managed='false' blocked='true' failed='true'",
	    NODE("n1") NODE("n2"))					      /**/
	RES("hand", "Started", "managed='false' blocked='false'", NODE("n1")) /**/
	RES("new", "Started", WELL " pending='Monitoring'", NODE("n1"))	      /* its first */
	"</resources></crm_mon>";

static void facts_read(struct drive_facts *f, const char *node)
{
	vmha_autoprimitives struct vmha_pcmk_primitives *roles = NULL;
	vmha_autopcmk struct vmha_pcmk_state *s = NULL;

	CHECK_INT(vmha_pcmk_primitives_parse(roles_xml, "vm", &roles, NULL), 0);
	CHECK_INT(vmha_pcmk_state_parse(state_xml, &s, NULL), 0);
	CHECK_INT(drive_facts_roles(f, roles), 0);
	drive_facts_places(f, s, node);
}

static void roles_leave_in_the_order_of_their_priority(void)
{
	struct drive_facts f = { 0 };

	facts_read(&f, "n1");
	CHECK_INT(f.count, 7);
	CHECK_STR(f.items[0].vm, "high");
	CHECK_STR(f.items[1].vm, "a");
	CHECK_STR(f.items[2].vm, "b");
	CHECK_STR(f.items[6].vm, "low");
	CHECK_INT(f.items[6].priority, -5);
	CHECK_STR(f.items[1].volume, "vol1");
	drive_facts_clear(&f);
}

static void only_a_role_at_rest_is_steady(void)
{
	struct drive_facts f = { 0 };

	facts_read(&f, "n1");
	CHECK(f.node_ready);
	CHECK(drive_facts_find(&f, "a")->steady && drive_facts_find(&f, "a")->here);
	CHECK(!drive_facts_find(&f, "b")->steady && drive_facts_find(&f, "b")->here);
	CHECK(drive_facts_find(&f, "b")->migrating && !drive_facts_find(&f, "a")->migrating);
	CHECK(!drive_facts_find(&f, "new")->steady && !drive_facts_find(&f, "new")->migrating);
	CHECK(!drive_facts_find(&f, "low")->here);
	CHECK_STR(drive_facts_find(&f, "low")->place, "n2");
	CHECK(drive_facts_find(&f, "high")->here && !drive_facts_find(&f, "high")->steady);
	CHECK(!drive_facts_find(&f, "high")->stuck); /* blocked: being healed */
	CHECK_STR(drive_facts_find(&f, "high")->place, "");
	CHECK(drive_facts_find(&f, "hand")->stuck);
	CHECK(!drive_facts_find(&f, "gone")->here && !drive_facts_find(&f, "gone")->steady);
	CHECK(drive_facts_find(&f, "other") == NULL);
	facts_read(&f, "n2");
	CHECK(!f.node_ready); /* in standby */
	drive_facts_clear(&f);
}

static void bans_are_noted(void)
{
	char low[] = "low";
	char unknown[] = "unknown";
	char *const bans[] = { low, unknown };
	struct drive_facts f = { 0 };

	facts_read(&f, "n1");
	drive_facts_bans(&f, bans, 2);
	CHECK(drive_facts_find(&f, "low")->banned);
	CHECK(!drive_facts_find(&f, "a")->banned);
	drive_facts_clear(&f);
}

static void a_role_that_a_move_brings_is_not_banned_yet(void)
{
	vmha_autofree struct vmha_cluster *state = vmha_cluster_new();
	struct drive_fact fact = { .vm = "a", .place = "n1" };
	struct vmha_mig *m;

	CHECK(state != NULL);
	CHECK(!drive_drain_arrives(state, 2, 10, &fact));
	m = &state->migs[state->migs_count++];
	(void)snprintf(m->vm, sizeof(m->vm), "a");
	m->id = 1;
	m->from = 1;
	m->to = 2;
	m->phase = VMHA_MIG_RUNNING;
	CHECK(drive_drain_arrives(state, 2, 10, &fact));
	m->phase = VMHA_MIG_ENDING; /* its agent is done, Pacemaker is not */
	CHECK(drive_drain_arrives(state, 2, 10, &fact));
	CHECK(!drive_drain_arrives(state, 1, 10, &fact)); /* leaves that one */
	*fact.place = '\0';				  /* being healed: it may be there still */
	CHECK(drive_drain_arrives(state, 1, 10, &fact));
	CHECK(!drive_drain_arrives(state, 3, 10, &fact));
	(void)snprintf(fact.place, sizeof(fact.place), "n1");
	fact.migrating = true;
	CHECK(!drive_drain_arrives(state, 3, 10, &fact)); /* goes elsewhere */
	fact.migrating = false;
	m->phase = VMHA_MIG_ENDED;
	m->ended_seq = 11; /* after the look: what it saw is no longer true */
	CHECK(drive_drain_arrives(state, 2, 10, &fact));
	CHECK(!drive_drain_arrives(state, 2, 11, &fact));
	(void)snprintf(m->vm, sizeof(m->vm), "b");
	CHECK(!drive_drain_arrives(state, 2, 10, &fact));
	fact.migrating = true; /* nobody has said to which node */
	CHECK(drive_drain_arrives(state, 2, 11, &fact));
	fact.here = true;
	CHECK(!drive_drain_arrives(state, 2, 11, &fact));
}

static void a_drain_goes_as_far_as_its_policy(void)
{
	static const struct {
		enum vmha_drain_policy policy;
		enum vmha_mig_mode own;
		enum vmha_mig_mode want[5];
		unsigned int count;
	} cases[] = {
		{ VMHA_DRAIN_POLICY_role,
		  VMHA_MODE_quick,
		  { VMHA_MODE_quick, VMHA_MODE_quick },
		  2 },
		{ VMHA_DRAIN_POLICY_live, VMHA_MODE_quick, { VMHA_MODE_live, VMHA_MODE_live }, 2 },
		{ VMHA_DRAIN_POLICY_quick,
		  VMHA_MODE_live,
		  { VMHA_MODE_live, VMHA_MODE_live, VMHA_MODE_quick },
		  3 },
		{ VMHA_DRAIN_POLICY_cold,
		  VMHA_MODE_live,
		  { VMHA_MODE_live, VMHA_MODE_live, VMHA_MODE_quick, VMHA_MODE_cold },
		  4 },
	};
	enum vmha_mig_mode mode = VMHA_MODE_auto;
	unsigned int tries;
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		for (tries = 0; tries < cases[i].count; tries++) {
			CHECK(drive_drain_mode(cases[i].policy, cases[i].own, tries, &mode));
			CHECK_INT(mode, cases[i].want[tries]);
		}
		CHECK(!drive_drain_mode(cases[i].policy, cases[i].own, tries, &mode));
	}
}

static void only_what_is_not_well_recovers(void)
{
	struct vmha_pcmk_resource role = { .state = "Started",
					   .target_role = "",
					   .pending = "",
					   .managed = true,
					   .nodes_count = 1,
					   .nodes = { "n1" } };

	CHECK(!drive_role_recovers(&role)); /* an old failure, long over */
	role.state = "Migrating";
	CHECK(!drive_role_recovers(&role));
	role.state = "Started";
	role.failed = true;
	CHECK(drive_role_recovers(&role));
	role.blocked = true;
	CHECK(!drive_role_recovers(&role)); /* healed, not recovered */
	role.blocked = false;
	role.managed = false;
	CHECK(!drive_role_recovers(&role));
	role.managed = true;
	role.failed = false;
	role.state = "Stopped";
	role.nodes_count = 0;
	CHECK(drive_role_recovers(&role));
	role.target_role = "Stopped";
	CHECK(!drive_role_recovers(&role));
}

#define FAILURE(op, node, reason)                                                                  \
	"<failures><failure op_key='high_" op "_0' node='" node "' exitstatus='error' "            \
	"exitreason='" reason "' task='" op "' last-rc-change='2026-11-22 04:00:00'/></failures>"

static void a_blocked_role_says_what_pacemaker_has_against_it(void)
{
	vmha_autofree char *xml =
		vmha_str_printf("%.*s" FAILURE("stop", "n1", "no space left") "</crm_mon>",
				(int)(strlen(state_xml) - strlen("</crm_mon>")), state_xml);
	vmha_autoprimitives struct vmha_pcmk_primitives *roles = NULL;
	vmha_autopcmk struct vmha_pcmk_state *s = NULL;
	struct drive_facts f = { 0 };

	facts_read(&f, "n1");
	CHECK(drive_facts_find(&f, "high")->blocked);
	CHECK(!drive_facts_find(&f, "high")->stuck); /* it may be healed */
	CHECK_STR(drive_facts_find(&f, "high")->why, "Pacemaker has blocked it");
	CHECK(!drive_facts_find(&f, "hand")->blocked);
	drive_facts_clear(&f);
	CHECK_INT(vmha_pcmk_primitives_parse(roles_xml, "vm", &roles, NULL), 0);
	CHECK_INT(vmha_pcmk_state_parse(xml, &s, NULL), 0);
	CHECK_INT(drive_facts_roles(&f, roles), 0);
	drive_facts_places(&f, s, "n1");
	CHECK_STR(drive_facts_find(&f, "high")->why,
		  "Pacemaker has blocked it: stop failed on n1: no space left");
	drive_facts_clear(&f);
}

static void only_a_queued_move_gives_its_target_up(void)
{
	struct vmha_cluster *st = vmha_cluster_new();
	struct vmha_mig *m = &st->migs[0];
	struct vmha_drain_role role = { .node = 1, .mig = 7 };

	st->nodes_count = 2;
	st->nodes[0] = (struct vmha_cnode){ .id = 1, .member = true, .ready = true, .proto = 2 };
	st->nodes[1] = (struct vmha_cnode){ .id = 2 };
	st->migs_count = 1;
	*m = (struct vmha_mig){ .id = 7, .from = 1, .to = 2, .cause = VMHA_CAUSE_DRAIN };
	CHECK(drive_drain_target_away(st, 1, m));
	CHECK(!drive_drain_target_away(st, 2, m));
	m->agent = 5; /* Pacemaker moves it already */
	CHECK(!drive_drain_target_away(st, 1, m));
	m->agent = 0;
	m->phase = VMHA_MIG_ADMITTED;
	CHECK(!drive_drain_target_away(st, 1, m));
	m->phase = VMHA_MIG_QUEUED;
	m->cause = VMHA_CAUSE_FAILBACK; /* to another node that is being resumed */
	CHECK(!drive_drain_target_away(st, 1, m));
	m->cause = VMHA_CAUSE_USER;
	CHECK(drive_drain_target_away(st, 1, m));
	m->cause = VMHA_CAUSE_DRAIN;
	st->nodes[0].proto = 1;
	CHECK(!drive_drain_target_away(st, 1, m));
	st->nodes[0].proto = 2;
	st->nodes[1].ready = true;
	st->nodes[1].proto = 2;
	CHECK(!drive_drain_target_away(st, 1, m));
	CHECK(!drive_drain_stuck(st, &role));
	m->stuck = true;
	CHECK(drive_drain_stuck(st, &role));
	role.mig = 8;
	CHECK(!drive_drain_stuck(st, &role));
	free(st);
}

static void a_window_may_go_over_midnight(void)
{
	const int64_t night = (int64_t)90 * VMHA_DAY_MINUTES + 300;
	const int64_t midnight = (int64_t)1320 * VMHA_DAY_MINUTES + 240;

	CHECK(drive_window_open(-1, 700));
	CHECK(drive_window_open(night, 90));
	CHECK(!drive_window_open(night, 89));
	CHECK(!drive_window_open(night, 300));
	CHECK(drive_window_open(midnight, 1439));
	CHECK(drive_window_open(midnight, 10));
	CHECK(!drive_window_open(midnight, 600));
}

static const struct unit_test tests[] = {
	UNIT_TEST(roles_leave_in_the_order_of_their_priority),
	UNIT_TEST(only_a_role_at_rest_is_steady),
	UNIT_TEST(bans_are_noted),
	UNIT_TEST(a_role_that_a_move_brings_is_not_banned_yet),
	UNIT_TEST(a_drain_goes_as_far_as_its_policy),
	UNIT_TEST(only_what_is_not_well_recovers),
	UNIT_TEST(a_blocked_role_says_what_pacemaker_has_against_it),
	UNIT_TEST(only_a_queued_move_gives_its_target_up),
	UNIT_TEST(a_window_may_go_over_midnight),
};

UNIT_MAIN(tests)
