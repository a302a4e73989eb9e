/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdlib.h>
#include <string.h>

#include "cli/view.h"
#include "lib/base/cleanup.h"
#include "tests/unit/unit.h"

static json_t *state_load(void)
{
	json_t *state = json_load_file(VMHA_SRCDIR "/tests/unit/cli/state.json", 0, NULL);

	CHECK(state);
	return state;
}

static struct vmha_view_move move_of(const json_t *state, int64_t id)
{
	struct vmha_view_move m;

	CHECK(vmha_view_find(state, id));
	vmha_view_move_read(state, vmha_view_find(state, id), &m);
	return m;
}

static void a_copy_says_how_far_it_is(void)
{
	json_t *state = state_load();
	struct vmha_view_move m = move_of(state, 7);
	vmha_autofree char *words = vmha_view_words(state, &m);
	vmha_autofree char *figures = vmha_view_figures(&m);
	vmha_autofree char *bar = vmha_view_bar(&m, words, 200);
	vmha_autofree char *narrow = vmha_view_bar(&m, words, 25);

	CHECK_STR(m.from, "node1");
	CHECK_STR(m.to, "node2");
	CHECK(!vmha_view_ended(&m));
	CHECK_STR(words, "copying memory");
	CHECK_STR(figures, "over mig, 43 %, 112 MiB/s, dirtied 12 MiB/s, 640 MiB left, 6 s to go");
	CHECK_STR(bar, "[########............] copying memory, over mig, 43 %, 112 MiB/s, dirtied "
		       "12 MiB/s, 640 MiB left, 6 s to go");
	CHECK_STR(narrow, "[########............] co");
	json_decref(state);
}

static void a_node_that_was_removed_is_said_to_be(void)
{
	json_t *state = state_load();
	json_t *nodes = json_object_get(state, "nodes");
	struct vmha_view_move m;
	size_t i;

	for (i = json_array_size(nodes); i-- > 0;) {
		json_t *n = json_array_get(nodes, i);

		if (strcmp(json_string_value(json_object_get(n, "name")), "node1") == 0) {
			(void)json_array_remove(nodes, i);
		}
	}
	m = move_of(state, 7);
	CHECK_STR(m.from, "(removed)");
	CHECK_STR(m.to, "node2");
	json_decref(state);
}

static void settings_of_the_state_are_those_that_hold(void)
{
	json_t *state = json_pack("{s:[{s:s,s:s,s:s},{s:s,s:s,s:s},{s:s,s:s,s:s}]}", "settings",
				  "node", "", "name", "migration-slots", "value", "3", "node",
				  "node2", "name", "migration-slots", "value", "17", "node", "",
				  "name", "shutdown-drain", "value", "-1");
	struct vmha_settings s;

	vmha_view_settings(state, &s);
	CHECK_INT(vmha_settings_get(&s, VMHA_SETTING_MIGRATION_SLOTS, "node2"), 3);
	CHECK_INT(vmha_settings_get(&s, VMHA_SETTING_SHUTDOWN_DRAIN, "node2"), 600);
	vmha_view_settings(NULL, &s);
	CHECK_INT(vmha_settings_get(&s, VMHA_SETTING_MIGRATION_SLOTS, NULL), 1);
	json_decref(state);
}

static void a_queued_one_says_whom_it_waits_for(void)
{
	json_t *state = state_load();
	struct vmha_view_move m = move_of(state, 8);
	vmha_autofree char *words = vmha_view_words(state, &m);
	vmha_autofree char *held = NULL;
	vmha_autofree char *alone = NULL;

	CHECK_STR(words, "waiting for its turn: node1 is in migration 7 (web2)");
	m.held = true;
	held = vmha_view_words(state, &m);
	CHECK_STR(held, "held back until the cluster has recovered");
	m.held = false;
	m.cancel = true;
	(void)json_object_set_new(state, "quorate", json_false());
	alone = vmha_view_words(state, &m);
	CHECK_STR(alone, "waiting: the cluster has no quorum (being cancelled)");
	json_decref(state);
}

static void an_ended_one_says_what_it_cost_or_why_not(void)
{
	json_t *state = state_load();
	struct vmha_view_move done = move_of(state, 5);
	struct vmha_view_move kept = move_of(state, 9);
	vmha_autofree char *total = vmha_view_total(&done);
	vmha_autofree char *words = vmha_view_words(state, &kept);
	vmha_autofree char *figures = vmha_view_figures(&kept);

	CHECK(vmha_view_done(&done));
	CHECK_STR(total, "live in 3.2 s, blackout 45 ms, 80 MiB over mig (10.71.2.2), 1 attempt");
	CHECK(vmha_view_ended(&kept) && !vmha_view_done(&kept));
	CHECK_STR(words, "not moved: node3 has not enough free memory");
	CHECK_STR(figures, "");
	json_decref(state);
}

static void a_vm_names_its_open_or_newest_migration(void)
{
	json_t *state = state_load();
	struct vmha_view_move m;

	vmha_view_move_read(state, vmha_view_find_vm(state, "web2"), &m);
	CHECK_INT(m.id, 7);
	vmha_view_move_read(state, vmha_view_find_vm(state, "web1"), &m);
	CHECK_INT(m.id, 9);
	CHECK(!vmha_view_find_vm(state, "web9"));
	CHECK(!vmha_view_find(state, 6));
	json_decref(state);
}

static void open_migrations_come_first(void)
{
	json_t *state = state_load();
	json_t *all = vmha_view_rows(state, true);
	json_t *open = vmha_view_rows(state, false);

	CHECK_INT(json_array_size(all), 4);
	CHECK_INT(json_array_size(open), 2);
	CHECK_INT(json_integer_value(json_object_get(json_array_get(all, 0), "id")), 7);
	CHECK_STR(json_string_value(json_object_get(json_array_get(all, 0), "from")), "node1");
	CHECK_INT(json_integer_value(json_object_get(json_array_get(all, 3), "id")), 9);
	json_decref(all);
	json_decref(open);
	json_decref(state);
}

static const char *role_words(const json_t *drain, size_t i)
{
	const json_t *role = json_array_get(json_object_get(drain, "roles"), i);

	return json_string_value(json_object_get(role, "words"));
}

static void a_drain_names_each_role(void)
{
	json_t *state = state_load();
	const json_t *node = vmha_view_node(state, "node1");
	json_t *drain = vmha_view_drain(state, node);

	CHECK_INT(vmha_view_drain_kind(node), VMHA_VIEW_AT_WORK);
	CHECK_INT(json_integer_value(json_object_get(drain, "total")), 3);
	CHECK_INT(json_integer_value(json_object_get(drain, "moved")), 1);
	CHECK_STR(role_words(drain, 0), "to node2: copying memory");
	CHECK_STR(role_words(drain, 1), "cannot move: no node has its bridge vmbr7");
	CHECK_STR(role_words(drain, 2), "moved to node2");
	json_decref(drain);
	CHECK_INT(vmha_view_drain_kind(vmha_view_node(state, "node2")), VMHA_VIEW_OPEN);
	CHECK_INT(vmha_view_drain_kind(vmha_view_node(state, "node3")), VMHA_VIEW_INCOMPLETE);
	CHECK(!vmha_view_node(state, "node4"));
	json_decref(state);
}

static void an_answer_without_fields_is_no_trouble(void)
{
	json_t *state = json_pack("{s:[{s:i}, {}], s:[{}]}", "migrations", "id", 1, "nodes");
	json_t *rows = vmha_view_rows(state, true);
	json_t *drain = vmha_view_drain(state, NULL);

	CHECK_INT(json_array_size(rows), 2);
	CHECK(drain);
	json_decref(drain);
	json_decref(rows);
	json_decref(state);
}

static const struct unit_test tests[] = {
	UNIT_TEST(a_copy_says_how_far_it_is),
	UNIT_TEST(a_node_that_was_removed_is_said_to_be),
	UNIT_TEST(settings_of_the_state_are_those_that_hold),
	UNIT_TEST(a_queued_one_says_whom_it_waits_for),
	UNIT_TEST(an_ended_one_says_what_it_cost_or_why_not),
	UNIT_TEST(a_vm_names_its_open_or_newest_migration),
	UNIT_TEST(open_migrations_come_first),
	UNIT_TEST(a_drain_names_each_role),
	UNIT_TEST(an_answer_without_fields_is_no_trouble),
};

UNIT_MAIN(tests)
