/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/core/cluster.h"
#include "tests/unit/fixture.h"
#include "tests/unit/unit.h"

/* --- nodes and settings --------------------------------------------------------------------- */

static void nodes_are_known(void)
{
	struct fixture f;
	char name[VMHA_NODE_SIZE];
	struct vmha_cevent hello = { .type = VMHA_CEVENT_HELLO,
				     .from = 2,
				     .hello = { .name = "node1", .proto = 1 } };
	struct vmha_cevent forget = { .type = VMHA_CEVENT_FORGET, .from = 1, .node = 2 };

	fixture_begin(&f, 2);
	CHECK_STR(vmha_cluster_node(f.st, 1)->name, "node1");
	CHECK(vmha_cluster_node_by_name(f.st, "node2") == vmha_cluster_node(f.st, 2));
	CHECK(!vmha_cluster_node_by_name(f.st, "node3"));
	CHECK_STR(vmha_cluster_node_name(f.st, 2, name), "node2");
	CHECK_STR(vmha_cluster_node_name(f.st, 7, name), "node 7");
	CHECK_INT(fixture_apply(&f, &hello), -EEXIST);
	(void)strcpy(hello.hello.name, "node2");
	CHECK_INT(fixture_apply(&f, &hello), 0);
	CHECK_INT(vmha_cluster_proto(f.st), 1);
	CHECK_INT(fixture_apply(&f, &forget), -EBUSY);
	CHECK_INT(fixture_left(&f, 2, VMHA_LEAVE_LEFT), 0);
	CHECK_INT(fixture_apply(&f, &forget), 0);
	CHECK(!vmha_cluster_node(f.st, 2));
	CHECK_INT(fixture_apply(&f, &forget), -ENOENT);
	CHECK_INT(fixture_say(&f, VMHA_CEVENT_JOINED, 0), -EINVAL);
	fixture_end(&f);
}

/* An older member that is back reads events before it says again what it understands. */
static void the_protocol_is_that_of_the_oldest_member(void)
{
	struct vmha_cevent hello = { .type = VMHA_CEVENT_HELLO,
				     .from = 2,
				     .hello = { .name = "node2", .proto = 1 } };
	struct fixture f;

	fixture_begin(&f, 2);
	CHECK_INT(vmha_cluster_proto(f.st), VMHA_CLUSTER_PROTO);
	CHECK_INT(fixture_apply(&f, &hello), 0);
	CHECK_INT(vmha_cluster_proto(f.st), 1);
	(void)fixture_left(&f, 2, VMHA_LEAVE_LEFT);
	CHECK_INT(vmha_cluster_proto(f.st), VMHA_CLUSTER_PROTO);
	CHECK_INT(fixture_say(&f, VMHA_CEVENT_JOINED, 2), 0);
	CHECK_INT(vmha_cluster_proto(f.st), 1);
	(void)fixture_join(&f, 2);
	CHECK_INT(vmha_cluster_proto(f.st), VMHA_CLUSTER_PROTO);
	fixture_end(&f);
}

/* As RELEASE does. */
static void recovered(struct fixture *f)
{
	f->st->disturbance = 0;
	f->st->watcher = 0;
}

static void only_nodes_in_no_list_are_forgotten(void)
{
	struct vmha_listed all[] = { { 1, "node1" }, { 2, "node2" }, { 3, "node3" } };
	struct fixture f;

	fixture_begin(&f, 3);
	CHECK_INT(vmha_cluster_forgettable(f.st, all, 3), 0);
	CHECK_INT(vmha_cluster_forgettable(f.st, all, 2), 0); /* a list of the past */
	(void)fixture_left(&f, 3, VMHA_LEAVE_LEFT);
	CHECK_INT(vmha_cluster_forgettable(f.st, all, 2), 0); /* its host is up */
	(void)fixture_join(&f, 3);
	(void)fixture_left(&f, 3, VMHA_LEAVE_NODEDOWN);
	CHECK_INT(vmha_cluster_forgettable(f.st, all, 2), 0); /* no membership has spoken */
	(void)fixture_quorum(&f, true);
	CHECK(f.st->disturbance);
	CHECK_INT(vmha_cluster_forgettable(f.st, all, 2), 0); /* its roles are recovered */
	recovered(&f);
	CHECK_INT(vmha_cluster_forgettable(f.st, all, 3), 0);
	CHECK_INT(vmha_cluster_forgettable(f.st, all, 2), 3);
	CHECK_INT(vmha_cluster_forgettable(f.st, all, 1), 0); /* one is here and not in it */
	CHECK_INT(vmha_cluster_forgettable(f.st, NULL, 0), 0);
	f.st->quorate = false;
	CHECK_INT(vmha_cluster_forgettable(f.st, all, 2), 0);
	fixture_end(&f);
}

static void a_node_with_an_open_move_is_not_forgotten(void)
{
	struct vmha_listed all[] = { { 1, "node1" }, { 2, "node2" } };
	struct vmha_cevent forget = { .type = VMHA_CEVENT_FORGET, .from = 1, .node = 3 };
	struct fixture f;
	uint64_t id;

	fixture_begin(&f, 3);
	id = fixture_enqueued(&f, "web", 3, 1);
	fixture_copying(&f, "web", id, 3, 1);
	(void)fixture_left(&f, 3, VMHA_LEAVE_NODEDOWN);
	(void)fixture_quorum(&f, true);
	recovered(&f);
	CHECK_INT(fixture_phase(&f, id), VMHA_MIG_ENDING);
	CHECK_INT(vmha_cluster_forgettable(f.st, all, 2), 0);
	CHECK_INT(fixture_apply(&f, &forget), -EBUSY);
	fixture_ok(&f, VMHA_CEVENT_SETTLED, vmha_cluster_mig(f.st, id)->performer, id,
		   VMHA_RESULT_LOST);
	CHECK_INT(vmha_cluster_forgettable(f.st, all, 2), 3);
	CHECK_INT(fixture_apply(&f, &forget), 0);
	CHECK_INT(vmha_cluster_slots_used(f.st, 1), 0);
	fixture_end(&f);
}

/* Exchanged in one step: the one that has the name now has to be here first. */
static void a_name_goes_over_to_another_id(void)
{
	struct vmha_listed all[] = { { 1, "node1" }, { 2, "node2" }, { 7, "node3" } };
	struct vmha_cevent hello = { .type = VMHA_CEVENT_HELLO,
				     .from = 7,
				     .hello = { .name = "node3", .proto = 1 } };
	struct vmha_cevent forget = { .type = VMHA_CEVENT_FORGET, .from = 1, .node = 3 };
	struct fixture f;

	fixture_begin(&f, 3);
	(void)fixture_left(&f, 3, VMHA_LEAVE_NODEDOWN);
	(void)fixture_quorum(&f, true);
	recovered(&f);
	CHECK_INT(vmha_cluster_forgettable(f.st, all, 3), 0);
	CHECK_INT(fixture_say(&f, VMHA_CEVENT_JOINED, 7), 0);
	CHECK_INT(fixture_apply(&f, &hello), -EEXIST);
	CHECK_INT(fixture_begun(&f, "web", 7, 3), -EHOSTDOWN); /* it would keep the name */
	CHECK_INT(vmha_cluster_forgettable(f.st, all, 3), 3);
	CHECK_INT(fixture_apply(&f, &forget), 0);
	CHECK_INT(fixture_apply(&f, &hello), 0);
	CHECK(vmha_cluster_node_by_name(f.st, "node3")->ready);
	CHECK_INT(vmha_cluster_forgettable(f.st, all, 3), 0);
	fixture_end(&f);
}

static void settings_are_replaced(void)
{
	static const struct vmha_setting_pair pairs[] = {
		{ .name = "migration-slots", .value = "3" },
		{ .node = "node2", .name = "migration-slots", .value = "2" },
		{ .node = "node1", .name = "migration-slots", .value = "17" },
	};
	struct vmha_cevent e = {
		.type = VMHA_CEVENT_SETTINGS, .from = 1, .settings = pairs, .settings_count = 3
	};
	struct fixture f;

	fixture_begin(&f, 3);
	CHECK_INT(vmha_cluster_slots(f.st, 1), 1);
	CHECK_INT(fixture_apply(&f, &e), 0);
	CHECK_INT(vmha_cluster_slots(f.st, 2), 2);
	CHECK_INT(vmha_cluster_slots(f.st, 3), 3);
	CHECK_INT(vmha_cluster_slots(f.st, 1), 3); /* its own is none */
	CHECK_INT(vmha_cluster_setting(f.st, 0, VMHA_SETTING_MIGRATION_SLOTS), 3);
	CHECK_INT(vmha_cluster_setting(f.st, 1, VMHA_SETTING_MIGRATION_WAIT), 10);
	e.settings_count = 0;
	CHECK_INT(fixture_apply(&f, &e), 0);
	CHECK_INT(vmha_cluster_slots(f.st, 2), 1);
	e.settings_count = VMHA_CLUSTER_SETTINGS_MAX + 1;
	CHECK_INT(fixture_apply(&f, &e), -ENOSPC);
	fixture_end(&f);
}

static void addresses_are_kept_by_node(void)
{
	static const struct vmha_iface iface = {
		.ifname = "eth0", .address = "10.0.0.1", .prefix = 24, .up = true
	};
	static const struct vmha_reach reach = { .address = "10.0.0.2", .ok = true };
	struct vmha_cevent e = { .type = VMHA_CEVENT_INTERFACES,
				 .from = 1,
				 .ifaces = &iface,
				 .ifaces_count = 1,
				 .reaches = &reach,
				 .reaches_count = 1 };
	struct fixture f;

	fixture_begin(&f, 2);
	CHECK(!vmha_cluster_node(f.st, 1)->ifaces_known);
	CHECK_INT(fixture_apply(&f, &e), 0);
	CHECK(vmha_cluster_node(f.st, 1)->ifaces_known);
	CHECK(*f.st->numbers.keys[0]);
	e.type = VMHA_CEVENT_REACH;
	CHECK_INT(fixture_apply(&f, &e), 0);
	CHECK_STR(vmha_cluster_node(f.st, 1)->reaches[0].address, "10.0.0.2");
	CHECK_INT(fixture_left(&f, 1, VMHA_LEAVE_PROCDOWN), 0);
	CHECK_INT(vmha_cluster_node(f.st, 1)->reaches_count, 0);
	CHECK_INT(vmha_cluster_node(f.st, 1)->ifaces_count, 1);
	fixture_end(&f);
}

/* Known to all while its clusterd is there to say so. */
static void guests_that_stand_still_are_told(void)
{
	static const struct vmha_cguest guest = { .vm = "web", .state = "panicked" };
	struct vmha_cevent e = {
		.type = VMHA_CEVENT_GUESTS, .from = 1, .guests = &guest, .guests_count = 1
	};
	struct fixture f;

	fixture_begin(&f, 2);
	CHECK_INT(fixture_apply(&f, &e), 0);
	CHECK_INT(vmha_cluster_node(f.st, 1)->guests_count, 1);
	CHECK_STR(vmha_cluster_node(f.st, 1)->guests[0].state, "panicked");
	e.guests_count = VMHA_CGUESTS_MAX + 1;
	CHECK_INT(fixture_apply(&f, &e), -ENOSPC);
	e.guests_count = 0;
	CHECK_INT(fixture_apply(&f, &e), 0);
	CHECK_INT(vmha_cluster_node(f.st, 1)->guests_count, 0);
	e.guests_count = 1;
	CHECK_INT(fixture_apply(&f, &e), 0);
	CHECK_INT(fixture_left(&f, 1, VMHA_LEAVE_PROCDOWN), 0);
	CHECK_INT(vmha_cluster_node(f.st, 1)->guests_count, 0);
	fixture_end(&f);
}

static void words_go_to_every_journal(void)
{
	struct fixture f;
	struct vmha_cevent e = { .type = VMHA_CEVENT_JOURNAL,
				 .from = 1,
				 .journal = { .text = "the guest panicked" } };

	fixture_begin(&f, 1);
	CHECK_INT(fixture_apply(&f, &e), 0);
	CHECK_INT(f.fx.count, 1);
	CHECK_INT(f.fx.items[0].node, 0);
	CHECK_STR(f.fx.items[0].journal.text, "the guest panicked");
	CHECK(f.fx.items[0].journal.wall_ms);
	fixture_end(&f);
}

static void events_are_freed(void)
{
	struct vmha_cevent *e = calloc(1, sizeof(*e));

	CHECK(e);
	e->owned = malloc(1);
	vmha_cevent_free(e);
	vmha_cevent_free(NULL);
}

static void broken_laws_are_named(void)
{
	struct fixture f;

	fixture_begin(&f, 2);
	(void)fixture_enqueued(&f, "web", 1, 2);
	CHECK(!vmha_cluster_check(f.st));
	f.st->migs[0].slot = true;
	CHECK_HAS(vmha_cluster_check(f.st), "slots");
	f.st->migs[0].slot = false;
	f.st->migs[0].performer = 9;
	CHECK_HAS(vmha_cluster_check(f.st), "performer");
	f.st->migs[0].performer = 2;
	f.st->nodes[1].id = 1;
	CHECK_HAS(vmha_cluster_check(f.st), "nodes are in order");
	fixture_end(&f);
}

/* --- drains --------------------------------------------------------------------------------- */

static int drain_say(struct fixture *f, enum vmha_cevent_type type, unsigned int from,
		     unsigned int node, enum vmha_drain_state state)
{
	struct vmha_cevent e = { .type = type, .from = from };

	e.drain.node = node;
	e.drain.state = state;
	e.drain.failback = VMHA_FAILBACK_now;
	return fixture_apply(f, &e);
}

static int drain_role(struct fixture *f, unsigned int from, unsigned int node, const char *vm,
		      enum vmha_drain_role_state state)
{
	struct vmha_cevent e = { .type = VMHA_CEVENT_DRAIN_ROLE, .from = from };

	e.drain.node = node;
	e.drain.role.state = state;
	(void)snprintf(e.drain.role.vm, sizeof(e.drain.role.vm), "%s", vm);
	return fixture_apply(f, &e);
}

static uint64_t drain_move(struct fixture *f, const char *vm, unsigned int from, unsigned int to,
			   enum vmha_mig_cause cause)
{
	struct vmha_cevent e = { .type = VMHA_CEVENT_ENQUEUE, .from = 1 };

	(void)snprintf(e.enqueue.vm, sizeof(e.enqueue.vm), "%s", vm);
	(void)snprintf(e.enqueue.trace, sizeof(e.enqueue.trace), "drain-%s", vm);
	e.enqueue.from = from;
	e.enqueue.to = to;
	e.enqueue.cause = cause;
	CHECK_INT(fixture_apply(f, &e), 0);
	return f->fx.mig;
}

static enum vmha_drain_role_state role_state(const struct fixture *f, const char *vm)
{
	unsigned int i;

	for (i = 0; i < f->st->roles_count; i++) {
		if (strcmp(f->st->roles[i].vm, vm) == 0) {
			return f->st->roles[i].state;
		}
	}
	return VMHA_DROLE_GONE;
}

/* node1 is drained: web moves to node2, db cannot. */
static void drained(struct fixture *f)
{
	uint64_t id;

	fixture_begin(f, 3);
	CHECK_INT(drain_say(f, VMHA_CEVENT_DRAIN, 2, 1, VMHA_DRAIN_OPEN), 0);
	CHECK_INT(fixture_effect(f, VMHA_CEFFECT_DRAIN)->node, 1);
	CHECK_INT(fixture_effect(f, VMHA_CEFFECT_DRAIN)->drain_node, 1);
	CHECK(vmha_cluster_closed(f->st, 1));
	CHECK_INT(drain_say(f, VMHA_CEVENT_DRAIN_STATE, 1, 1, VMHA_DRAIN_DRAINING), 0);
	CHECK_INT(drain_role(f, 1, 1, "web", VMHA_DROLE_WAITING), 0);
	id = drain_move(f, "web", 1, 2, VMHA_CAUSE_DRAIN);
	CHECK_INT(role_state(f, "web"), VMHA_DROLE_MOVING);
	CHECK_INT(drain_role(f, 1, 1, "web", VMHA_DROLE_FAILED), -EBUSY);
	fixture_copying(f, "web", id, 1, 2);
	fixture_ended(f, id, 1, VMHA_RESULT_DONE);
	CHECK_INT(role_state(f, "web"), VMHA_DROLE_MOVED);
	CHECK(fixture_effect(f, VMHA_CEFFECT_DRAIN));
	id = drain_move(f, "db", 1, 2, VMHA_CAUSE_DRAIN);
	CHECK_INT(fixture_mig(f, VMHA_CEVENT_CHECKED, 2, id, false, VMHA_RESULT_NONE), 0);
	CHECK_INT(role_state(f, "db"), VMHA_DROLE_WAITING);
}

static void a_drain_and_back(void)
{
	struct fixture f;
	uint64_t id;

	drained(&f);
	CHECK_INT(drain_role(&f, 1, 1, "db", VMHA_DROLE_FAILED), 0);
	CHECK_HAS(fixture_effect(&f, VMHA_CEFFECT_JOURNAL)->journal.text, "db cannot leave");
	CHECK_INT(drain_say(&f, VMHA_CEVENT_DRAIN_STATE, 2, 1, VMHA_DRAIN_INCOMPLETE), -EPERM);
	CHECK_INT(drain_say(&f, VMHA_CEVENT_DRAIN_STATE, 1, 1, VMHA_DRAIN_FAILBACK), -EPROTO);
	CHECK_INT(drain_say(&f, VMHA_CEVENT_DRAIN_STATE, 1, 1, VMHA_DRAIN_INCOMPLETE), 0);
	CHECK(vmha_cluster_closed(f.st, 1));
	CHECK_INT(fixture_enqueue(&f, "mail", 2, 1, 0), -EAGAIN);
	CHECK_INT(drain_say(&f, VMHA_CEVENT_RESUME, 2, 1, VMHA_DRAIN_OPEN), 0);
	CHECK(fixture_effect(&f, VMHA_CEFFECT_DRAIN));
	CHECK_INT(drain_role(&f, 1, 1, "db", VMHA_DROLE_GONE), 0);
	CHECK_INT(drain_say(&f, VMHA_CEVENT_DRAIN_STATE, 1, 1, VMHA_DRAIN_FAILBACK), 0);
	CHECK(!vmha_cluster_closed(f.st, 1));
	id = drain_move(&f, "web", 2, 1, VMHA_CAUSE_FAILBACK);
	CHECK_INT(role_state(&f, "web"), VMHA_DROLE_MOVING);
	fixture_copying(&f, "web", id, 2, 1);
	fixture_ended(&f, id, 2, VMHA_RESULT_DONE);
	CHECK_INT(vmha_cluster_node(f.st, 1)->drain, VMHA_DRAIN_OPEN);
	CHECK_INT(f.st->roles_count, 0);
	CHECK_INT(drain_say(&f, VMHA_CEVENT_RESUME, 2, 1, VMHA_DRAIN_OPEN), -EPROTO);
	fixture_end(&f);
}

/* A move whose end nobody can settle: the drain goes on without that role. */
static void a_drain_ends_although_a_move_does_not(void)
{
	struct vmha_cevent e = { .type = VMHA_CEVENT_SETTLED, .from = 1 };
	struct fixture f;
	uint64_t next;
	uint64_t id;

	drained(&f);
	id = drain_move(&f, "db", 1, 2, VMHA_CAUSE_DRAIN);
	fixture_copying(&f, "db", id, 1, 2);
	fixture_ok(&f, VMHA_CEVENT_AGENT_END, 1, id, VMHA_RESULT_UNSURE);
	next = drain_move(&f, "mail", 1, 3, VMHA_CAUSE_DRAIN);
	fixture_ok(&f, VMHA_CEVENT_CHECKED, 3, next, VMHA_RESULT_NONE);
	CHECK_INT(fixture_phase(&f, next), VMHA_MIG_QUEUED); /* the only slot is taken */
	e.mig.id = id;
	(void)strcpy(e.mig.reason, "libvirt is silent");
	e.from = 2;
	CHECK_INT(fixture_apply(&f, &e), -EPERM);
	e.from = 1;
	CHECK_INT(fixture_apply(&f, &e), 0);
	CHECK_INT(role_state(&f, "db"), VMHA_DROLE_FAILED);
	CHECK(fixture_effect(&f, VMHA_CEFFECT_DRAIN));
	CHECK_INT(fixture_phase(&f, id), VMHA_MIG_ENDING);
	CHECK_INT(vmha_cluster_mig(f.st, id)->pending, VMHA_CEFFECT_SETTLE);
	CHECK(fixture_phase(&f, next) != VMHA_MIG_QUEUED);
	CHECK_INT(fixture_apply(&f, &e), 0);
	CHECK(!fixture_effect(&f, VMHA_CEFFECT_JOURNAL)); /* said once */
	fixture_copying(&f, "mail", next, 1, 3);
	fixture_ended(&f, next, 1, VMHA_RESULT_DONE);
	CHECK_INT(drain_say(&f, VMHA_CEVENT_DRAIN_STATE, 1, 1, VMHA_DRAIN_INCOMPLETE), 0);
	/* once more: what is stuck stays so */
	CHECK_INT(drain_say(&f, VMHA_CEVENT_DRAIN, 2, 1, VMHA_DRAIN_OPEN), 0);
	CHECK_INT(role_state(&f, "db"), VMHA_DROLE_FAILED);
	CHECK_INT(drain_say(&f, VMHA_CEVENT_DRAIN_STATE, 1, 1, VMHA_DRAIN_INCOMPLETE), 0);
	fixture_ok(&f, VMHA_CEVENT_SETTLED, 1, id, VMHA_RESULT_KEPT);
	CHECK_INT(role_state(&f, "db"), VMHA_DROLE_FAILED);
	CHECK(!vmha_cluster_mig(f.st, id)->stuck);
	fixture_end(&f);
}

/* It is settled while the drain still goes on: the role leaves after all. */
static void a_stuck_move_is_settled_after_all(void)
{
	struct fixture f;
	uint64_t id;

	drained(&f);
	id = drain_move(&f, "db", 1, 2, VMHA_CAUSE_DRAIN);
	fixture_copying(&f, "db", id, 1, 2);
	fixture_ok(&f, VMHA_CEVENT_AGENT_END, 1, id, VMHA_RESULT_UNSURE);
	fixture_ok(&f, VMHA_CEVENT_SETTLED, 1, id, VMHA_RESULT_NONE);
	CHECK_INT(role_state(&f, "db"), VMHA_DROLE_FAILED);
	fixture_ok(&f, VMHA_CEVENT_SETTLED, 1, id, VMHA_RESULT_KEPT);
	CHECK_INT(role_state(&f, "db"), VMHA_DROLE_WAITING);
	/* one that comes back holds no resume up */
	CHECK_INT(drain_say(&f, VMHA_CEVENT_RESUME, 2, 1, VMHA_DRAIN_OPEN), 0);
	CHECK_INT(drain_role(&f, 1, 1, "db", VMHA_DROLE_GONE), 0);
	CHECK_INT(drain_say(&f, VMHA_CEVENT_DRAIN_STATE, 1, 1, VMHA_DRAIN_FAILBACK), 0);
	id = drain_move(&f, "web", 2, 1, VMHA_CAUSE_FAILBACK);
	fixture_copying(&f, "web", id, 2, 1);
	fixture_ok(&f, VMHA_CEVENT_AGENT_END, 2, id, VMHA_RESULT_UNSURE);
	fixture_ok(&f, VMHA_CEVENT_SETTLED, 2, id, VMHA_RESULT_NONE);
	CHECK_INT(vmha_cluster_node(f.st, 1)->drain, VMHA_DRAIN_OPEN);
	fixture_ok(&f, VMHA_CEVENT_SETTLED, 2, id, VMHA_RESULT_DONE);
	fixture_end(&f);
}

/* The target of a queued move has no clusterd: the drain may look for another one. */
static void a_target_that_is_away_is_given_up(void)
{
	struct vmha_cevent e = { .type = VMHA_CEVENT_CANCEL, .from = 1, .mig.ok = true };
	struct fixture f;
	uint64_t user;
	uint64_t id;

	drained(&f);
	id = drain_move(&f, "db", 1, 2, VMHA_CAUSE_DRAIN);
	e.mig.id = id;
	CHECK_INT(fixture_apply(&f, &e), -EAGAIN); /* it is there */
	CHECK_INT(fixture_left(&f, 2, VMHA_LEAVE_PROCDOWN), 0);
	CHECK_INT(fixture_phase(&f, id), VMHA_MIG_QUEUED); /* it may be back in a moment */
	CHECK_INT(fixture_apply(&f, &e), 0);
	CHECK_INT(fixture_phase(&f, id), VMHA_MIG_ENDED);
	CHECK(!vmha_cluster_mig(f.st, id)->cancel);
	CHECK_HAS(vmha_cluster_mig(f.st, id)->reason, "does not run on node2");
	CHECK_INT(role_state(&f, "db"), VMHA_DROLE_WAITING);
	/* a person's cancel is one, wherever the target is */
	CHECK_INT(fixture_join(&f, 2), 0);
	user = drain_move(&f, "db", 1, 2, VMHA_CAUSE_DRAIN);
	CHECK_INT(fixture_left(&f, 2, VMHA_LEAVE_PROCDOWN), 0);
	CHECK_INT(fixture_mig(&f, VMHA_CEVENT_CANCEL, 1, user, false, VMHA_RESULT_NONE), 0);
	CHECK(vmha_cluster_mig(f.st, user)->cancel);
	fixture_end(&f);
}

/* While an older release takes part, all do as it does. */
static void an_older_release_is_followed(void)
{
	struct vmha_cevent hello = { .type = VMHA_CEVENT_HELLO,
				     .from = 3,
				     .hello = { .name = "node3", .proto = 1 } };
	struct vmha_cevent e = { .type = VMHA_CEVENT_CANCEL, .from = 1, .mig.ok = true };
	struct fixture f;
	uint64_t id;

	drained(&f);
	CHECK_INT(fixture_apply(&f, &hello), 0);
	id = drain_move(&f, "db", 1, 2, VMHA_CAUSE_DRAIN);
	fixture_copying(&f, "db", id, 1, 2);
	fixture_ok(&f, VMHA_CEVENT_AGENT_END, 1, id, VMHA_RESULT_UNSURE);
	CHECK_INT(fixture_mig(&f, VMHA_CEVENT_SETTLED, 1, id, true, VMHA_RESULT_NONE), -EINVAL);
	e.mig.id = drain_move(&f, "mail", 1, 2, VMHA_CAUSE_DRAIN);
	CHECK_INT(fixture_left(&f, 2, VMHA_LEAVE_PROCDOWN), 0);
	CHECK_INT(fixture_apply(&f, &e), 0);
	CHECK(vmha_cluster_mig(f.st, e.mig.id)->cancel);
	fixture_end(&f);
}

static void a_drain_survives_its_performer(void)
{
	struct fixture f;

	drained(&f);
	CHECK_INT(fixture_left(&f, 1, VMHA_LEAVE_LEFT), 0);
	CHECK_INT(fixture_effect(&f, VMHA_CEFFECT_DRAIN)->node, 2);
	CHECK_INT(drain_say(&f, VMHA_CEVENT_DRAIN_STATE, 2, 1, VMHA_DRAIN_DRAINED), 0);
	/* a drained node that goes down disturbs nobody */
	CHECK_INT(fixture_quorum(&f, true), 0);
	CHECK_INT(vmha_cluster_node(f.st, 1)->host, VMHA_HOST_DOWN);
	CHECK_INT(f.st->disturbance, 0);
	CHECK_INT(drain_say(&f, VMHA_CEVENT_DRAIN, 2, 1, VMHA_DRAIN_OPEN), 0);
	CHECK_INT(vmha_cluster_node(f.st, 1)->drain, VMHA_DRAIN_DRAINED);
	fixture_end(&f);
}

static void a_drain_is_called_off(void)
{
	struct fixture f;
	uint64_t id;
	uint64_t waits;

	drained(&f);
	id = drain_move(&f, "db", 1, 2, VMHA_CAUSE_DRAIN);
	fixture_copying(&f, "db", id, 1, 2);
	waits = drain_move(&f, "mail", 1, 3, VMHA_CAUSE_DRAIN);
	CHECK_INT(drain_say(&f, VMHA_CEVENT_RESUME, 2, 1, VMHA_DRAIN_OPEN), 0);
	CHECK_INT(fixture_phase(&f, waits), VMHA_MIG_ENDED);
	CHECK_INT(fixture_effect(&f, VMHA_CEFFECT_ABORT)->mig, id);
	fixture_ended(&f, id, 1, VMHA_RESULT_KEPT);
	fixture_end(&f);
}

/* One that a recovery had broken off, and that is settled just then, does not go on either. */
static void a_drain_is_called_off_amid_a_recovery(void)
{
	struct fixture f;
	uint64_t id;

	drained(&f);
	id = drain_move(&f, "db", 1, 2, VMHA_CAUSE_DRAIN);
	fixture_admitted(&f, id, 2);
	fixture_ok(&f, VMHA_CEVENT_HANDED, 1, id, VMHA_RESULT_NONE);
	CHECK_INT(fixture_say(&f, VMHA_CEVENT_DISTURBED, 2), 0);
	CHECK(vmha_cluster_mig(f.st, id)->requeue);
	CHECK_INT(drain_say(&f, VMHA_CEVENT_RESUME, 2, 1, VMHA_DRAIN_OPEN), 0);
	fixture_ok(&f, VMHA_CEVENT_SETTLED, 1, id, VMHA_RESULT_KEPT);
	CHECK_INT(fixture_phase(&f, id), VMHA_MIG_ENDED);
	fixture_end(&f);
}

static const struct unit_test tests[] = {
	UNIT_TEST(nodes_are_known),
	UNIT_TEST(the_protocol_is_that_of_the_oldest_member),
	UNIT_TEST(only_nodes_in_no_list_are_forgotten),
	UNIT_TEST(a_node_with_an_open_move_is_not_forgotten),
	UNIT_TEST(a_name_goes_over_to_another_id),
	UNIT_TEST(settings_are_replaced),
	UNIT_TEST(addresses_are_kept_by_node),
	UNIT_TEST(guests_that_stand_still_are_told),
	UNIT_TEST(words_go_to_every_journal),
	UNIT_TEST(events_are_freed),
	UNIT_TEST(broken_laws_are_named),
	UNIT_TEST(a_drain_and_back),
	UNIT_TEST(a_drain_ends_although_a_move_does_not),
	UNIT_TEST(a_stuck_move_is_settled_after_all),
	UNIT_TEST(a_target_that_is_away_is_given_up),
	UNIT_TEST(an_older_release_is_followed),
	UNIT_TEST(a_drain_survives_its_performer),
	UNIT_TEST(a_drain_is_called_off),
	UNIT_TEST(a_drain_is_called_off_amid_a_recovery),
};

UNIT_MAIN(tests)
