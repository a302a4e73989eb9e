#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# vmha-test: timeout=1200 lab=own
# The end of a move is not waited for without end.  Fencing that does not work: the role is healed by
# evidence all the same, and the journal says what is waited for.  clusterd of the source stopped for
# good in a copy: the copy goes on, and another node ends the record, whether the agent lives or not.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"
# shellcheck source=tests/clusterd-lib.sh
. "$(dirname "$0")/../clusterd-lib.sh"
CASES=${VMHA_TEST_CASES:-"fencing away agent"}

events_say() {
	cluster vmha events --vm web1 2>/dev/null | grep -F -- "$1" >/dev/null
}

slot_is_free() {
	[[ $(migration "$1" .slot) == false ]]
}

node_unclean() {
	cluster crm_mon -1 --output-as=xml | xmllint --xpath "boolean(//nodes/node[@name='$1' and @unclean='true'])" - | grep -x true >/dev/null
}

# move_copies TO: of web1, from $FROM; so slowly that whatever is done next falls into the copy.
move_copies() {
	FROM=$(role_place web1)
	BOOT=$(boot_id web1)
	cluster_from "$(node_third "$FROM" "$1")"
	lab slow mig 8mbit
	watch web1
	move_begin "$1"
	await 30 "memory flowing" copy_runs "$FROM"
}

# No node can ask the power switch, and a third one is lost: the copy is broken off for the recovery,
# which does not come.
case_fencing() {
	local start
	move_copies node2
	cluster_from node1
	lab cut node1 mgt
	lab cut node2 mgt
	start=$(now_ms)
	lab power off node3
	# beside a fence that lasts each try to heal has its time: 20 s, 40 s, 60 s
	await 180 "the copy broken off and web1 healed" migration_is "$ID" QUEUED
	figure "healed beside a fence that fails: after_ms=$(($(now_ms) - start))"
	await 20 "web1 managed" role_managed web1
	await 20 "web1 on node1" role_is_on web1 node1
	await 20 "its slot free" slot_is_free "$ID"
	await 20 "what is waited for, in the journal" events_say "waits: the fencing of node3"
	node_unclean node3 || fail "node3 was fenced: this proves nothing"
	lab heal all
	lab slow mig 100mbit
	cluster crm_resource --cleanup --resource power >/dev/null 2>&1 || true
	await 120 "node3 fenced" fenced node3
	await 240 "the move at its end" migration_is "$ID" ENDED
	await_true "$ID"
	figure "after the fence: result=$RESULT"
	ran_once "fencing" "$BOOT"
	node_power_restored node3
	await 90 "all nodes online" nodes_online 3
	await 60 "clusterd on all nodes" clusterd_ready
}

case_away() {
	local to start
	to=$(node_other "$(role_place web1)")
	move_copies "$to"
	lab service "$FROM" stop clusterd
	sleep 3
	copy_runs "$FROM" || fail "the copy has ended with its clusterd"
	lab slow mig 100mbit
	await 120 "web1 arrived" role_is_on web1 "$to"
	start=$(now_ms)
	await 60 "migration $ID ended by another node" migration_is "$ID" ENDED
	figure "clusterd of the source stopped: ended_after_ms=$(($(now_ms) - start))"
	await_true "$ID"
	[[ $RESULT == DONE* ]] || fail "it has not moved: $RESULT"
	await 30 "the role managed" role_managed web1
	ran_once "away" "$BOOT"
	lab service "$FROM" start clusterd
	await 60 "clusterd on all nodes" clusterd_ready
}

case_agent() {
	local to start
	to=$(node_other "$(role_place web1)")
	move_copies "$to"
	lab service "$FROM" stop clusterd
	start=$(now_ms)
	agent_kill "$FROM"
	await 90 "migration $ID ended by another node" migration_is "$ID" ENDED
	figure "clusterd stopped and the agent killed: ended_after_ms=$(($(now_ms) - start))"
	await_true "$ID"
	figure "result=$RESULT"
	await 30 "the role managed" role_managed web1
	ran_once "agent" "$BOOT"
	lab slow mig off
	lab service "$FROM" start clusterd
	await 60 "clusterd on all nodes" clusterd_ready
}

lab_begin --volume dir
await 60 "clusterd" clusterd_ready
role_make web1 --dirty 16:4
role_to web1 node1
for name in $CASES; do
	step "case $name"
	"case_$name"
done
