#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# vmha-test: timeout=1500 lab=own
# Moves that Pacemaker begins by itself and moves that are asked for go the same way: through the
# queue.  A refusal leaves the guest untouched and the cluster clean; what has no slot is queued; a
# death of the agent or of any clusterd ends truthfully; a recovery does not wait for a copy.
# shellcheck disable=SC2016,SC2153 # programs of awk and of shells in the nodes; STATE is of clusterd-lib.sh
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"
# shellcheck source=tests/clusterd-lib.sh
. "$(dirname "$0")/../clusterd-lib.sh"

CASES=${VMHA_TEST_CASES:-"move refusal agent clusterd recovery queue cold"}

# last_move NAME: number of the newest of that role.
last_move() {
	moves "[.[] | select(.vm == \"$1\") | .id] | max // 0"
}

# move_is ID FIELD VALUE
move_is() {
	[[ $(moves ".[] | select(.id == $1) | .$2") == "$3" ]]
}

move_ended() {
	move_is "$1" phase ENDED
}

newer_move() {
	(($(last_move "$1") > $2))
}

no_constraint() {
	! cluster cibadmin --query --xpath "//rsc_location[@id='cli-prefer-$1']" >/dev/null 2>&1
}

clean() {
	role_managed "$1" && no_constraint "$1"
}

# untouched WHAT NAME NODE: the same boot there, once, managed, as node1 hears of it.
untouched() {
	[[ $(boot_id "$2") == "${BOOT[$2]}" ]] || fail "$1: the guest $2 was restarted"
	await 10 "$1: the process of $2 on $3 alone" process_on "$2" "$3"
	await 20 "$1: $2 on $3" role_is_on "$2" "$3"
	await 20 "$1: $2 managed" role_managed "$2"
}

no_slot_leaks() {
	await 20 "no open move" moves_ended
}

events_say() {
	cluster vmha events --vm "$1" 2>/dev/null | grep -F -- "$2" >/dev/null
}

case_move() {
	step "crm resource move goes through the queue"
	local id before
	before=$(last_move web1)
	role_move web1 node2
	await 10 "clusterd knowing of it" newer_move web1 "$before"
	id=$(last_move web1)
	await 10 "the record ended" move_ended "$id"
	move_is "$id" cause PACEMAKER || fail "cause: $(moves ".[] | select(.id == $id)")"
	move_is "$id" result DONE || fail "result: $(moves ".[] | select(.id == $id)")"
	role_clear web1
	untouched "crm resource move" web1 node2
	cluster vmha migrate web1 --to node1 >"$WORK/out.log" 2>&1 || fail "$(cat "$WORK/out.log")"
	figure "vmha migrate: $(tail -n 1 "$WORK/out.log")"
	await 10 "its constraint removed" no_constraint web1
	untouched "vmha migrate" web1 node1
	no_slot_leaks
}

case_refusal() {
	step "crm resource move to a node that fails a check"
	local start xml before
	before=$(last_move web1)
	xml=$(role_file web1 xml)
	cp "$xml" "$WORK/stored.xml"
	sed 's:bridge="vmbr0":bridge="vmbr9":' "$WORK/stored.xml" >"$WORK/changed.xml"
	cat "$WORK/changed.xml" >"$xml"
	watch web1
	start=$(now_ms)
	cluster crm resource move web1 node2 >>"$WORK/crm.log" 2>&1 || fail "crm resource move"
	await 20 "the constraint removed" no_constraint web1
	await 20 "web1 managed on node1" role_managed web1
	figure "refused_clean_ms=$(($(now_ms) - start))"
	await 10 "its record" newer_move web1 "$before"
	await 10 "the record ended" move_ended "$(last_move web1)"
	move_is "$(last_move web1)" result KEPT || fail "result: $(cluster vmha migration show web1)"
	figure "reason: $(moves ".[] | select(.id == $(last_move web1)) | .words")"
	await 20 "an event that says why" events_say web1 "node2 has no bridge vmbr9"
	! cluster vmha migrate web1 --to node3 >"$WORK/out.log" 2>&1 || fail "vmha migrate is not refused"
	grep -qF vmbr9 "$WORK/out.log" || fail "no reason: $(cat "$WORK/out.log")"
	figure "vmha migrate: $(cat "$WORK/out.log")"
	cat "$WORK/stored.xml" >"$xml"
	unwatch web1 1000
	untouched "a refusal" web1 node1
	no_slot_leaks
}

# The agent is called as Pacemaker would call it: whether Pacemaker itself calls two at once is its
# own business (load, migration-limit).
case_queue() {
	step "a move that finds no slot is refused, queued, and goes later by itself"
	local rc=0 start took
	role_to web1 node1
	role_to web2 node2
	lab slow node1:mig 20mbit
	watch web1
	watch web2
	cluster vmha migrate web1 --to node3 >"$WORK/out.log" 2>&1 &
	await 30 "memory flowing" copy_runs node1
	start=$(now_ms)
	agent node2 web2 migrate_to OCF_RESKEY_CRM_meta_on_node=node2 \
		OCF_RESKEY_CRM_meta_migrate_target=node3 >"$WORK/agent.log" 2>&1 || rc=$?
	took=$(($(now_ms) - start))
	figure "agent: status $rc after $took ms: $(tail -n 1 "$WORK/agent.log")"
	((rc == 1)) || fail "the agent was not refused: $(cat "$WORK/agent.log")"
	grep -qF "queued as number" "$WORK/agent.log" || fail "no reason: $(cat "$WORK/agent.log")"
	((took < 20000)) || late "an answer to the agent, which itself waits 10 s: $took ms"
	process_on web2 node2 || fail "web2 has processes on $(qemu_nodes web2 | tr '\n' ' ')"
	lab heal all
	await 120 "web1 on node3" role_is_on web1 node3
	await 120 "web2 on node3" role_is_on web2 node3
	await 30 "both moves ended" moves_ended
	wait $! || true
	unwatch web1 3000 # a busy machine stretches the blackout
	unwatch web2 3000
	untouched "the queue" web1 node3
	untouched "the queue" web2 node3
	no_slot_leaks
	cluster vmha migrate web1 --to node1 >"$WORK/out.log" 2>&1 || fail "$(cat "$WORK/out.log")"
}

case_agent() {
	step "the agent is killed in the copy"
	local start seen healed
	lab slow node1:mig 20mbit
	watch web1
	cluster vmha migrate web1 --to node2 >"$WORK/out.log" 2>&1 &
	await 30 "memory flowing" copy_runs node1
	start=$(now_ms)
	agent_kill node1
	await 20 "web1 managed again" clean web1
	seen=$(($(now_ms) - start))
	wait $! || true
	figure "vmha migrate: $(tail -n 1 "$WORK/out.log")"
	lab heal all
	await 10 "the record ended" moves_ended
	# when clusterd had it well: under load a look at it takes longer than a second
	healed=$(($(moves 'max_by(.id).ended_ms') - start))
	figure "agent_killed_healed_ms=$healed seen_ms=$seen"
	((healed <= 10000)) || late "web1 healed within 10 s: $healed ms"
	move_is "$(last_move web1)" result KEPT || fail "result: $(cluster vmha migration show web1)"
	unwatch web1 1000
	untouched "agent killed" web1 node1
}

case_clusterd() {
	local where node nodes id
	for where in node1 node2 "node1 node2 node3"; do
		read -ra nodes <<<"$where"
		step "clusterd is killed on $where in the copy"
		lab slow node1:mig 120mbit
		watch web1
		cluster crm_resource --resource web1 --move --node node2
		await 30 "memory flowing" copy_runs node1
		id=$(last_move web1)
		for node in "${nodes[@]}"; do
			daemon_signal "$node" vmha-clusterd KILL
		done
		for node in "${nodes[@]}"; do
			lab service "$node" start clusterd
		done
		await 120 "the record ended" move_ended "$id"
		lab heal all
		figure "$where killed: $(moves ".[] | select(.id == $id) | .words")"
		await 20 "web1 managed" role_managed web1
		role_clear web1
		unwatch web1 3000 # the last round goes over a slow network
		[[ $(boot_id web1) == "${BOOT[web1]}" ]] || fail "the guest was restarted"
		case $(moves ".[] | select(.id == $id) | .result") in
		DONE) untouched "$where killed" web1 node2 ;;
		KEPT) untouched "$where killed" web1 node1 ;;
		*) fail "result: $(cluster vmha migration show "$id")" ;;
		esac
		no_slot_leaks
		role_is_on web1 node1 || cluster vmha migrate web1 --to node1 >/dev/null 2>&1 ||
			fail "web1 does not go back"
	done
}

# recover NAME LOST: how long until it answers again, in ms; the fence switches the node on.
recover() {
	local start seq
	start=$(now_ms)
	lab power off "$2"
	await 200 "$1 running" role_is_up "$1"
	seq=$(disk_seq "$1")
	await 60 "$1 answering" ping_answers "$1"
	RECOVERED_MS=$(($(now_ms) - start))
	await 90 "$2 back" nodes_online 3
	await 90 "$2 has joined the volume" node_joined "$2"
	await 20 "$1 writing" has_written "$1" "$seq"
	BOOT[$1]=$(boot_id "$1")
}

case_recovery() {
	step "recovery of another guest, nothing else under way"
	role_to web2 node3
	recover web2 node3
	local alone=$RECOVERED_MS
	settled 120
	role_to web2 node3
	step "the same during a long copy"
	lab slow node1:mig 2mbit
	watch web1
	cluster vmha migrate web1 --to node2 >"$WORK/out.log" 2>&1 &
	await 30 "memory flowing" copy_runs node1
	recover web2 node3
	figure "recovery_alone_ms=$alone recovery_in_a_copy_ms=$RECOVERED_MS"
	# the copy takes five minutes; a node that was lost and is back first need not wait for the end of its
	# lease, another one waits for more than a minute
	((RECOVERED_MS < alone + 75000)) || fail "recovery waited for the copy"
	lab heal all
	wait $! || true
	figure "vmha migrate: $(tail -n 1 "$WORK/out.log")"
	await 120 "web1's move ended" moves_ended
	unwatch web1 3000
	move_is "$(last_move web1)" result DONE ||
		fail "web1's move was not taken up again: $(cluster vmha migration show web1)"
	untouched "recovery" web1 node2
}

cold_stops() {
	cluster crm_resource --resource web1 --meta --get-parameter target-role 2>/dev/null |
		grep -qx Stopped
}

cold_over() {
	role_managed web1 && moves_ended && ! cold_stops
}

case_cold() {
	step "a cold move is cancelled in its middle: the guest runs again, enabled"
	role_to web1 node1
	cluster vmha migrate web1 --to node2 --mode cold >"$WORK/out.log" 2>&1 &
	await 30 "web1 being stopped" cold_stops
	cluster vmha migration cancel web1 >"$WORK/cancel.log" 2>&1 || true
	figure "vmha migration cancel: $(tail -n 1 "$WORK/cancel.log")"
	await 90 "web1 running and enabled" cold_over
	wait $! || true
	figure "vmha migrate: $(tail -n 1 "$WORK/out.log")"
	await 10 "no constraint left" no_constraint web1
	await 60 "web1 answering" ping_answers web1
	step "a cold move"
	role_to web1 node1
	cluster vmha migrate web1 --to node2 --mode cold >"$WORK/out.log" 2>&1 || fail "$(cat "$WORK/out.log")"
	figure "vmha migrate: $(tail -n 1 "$WORK/out.log")"
	await 20 "web1 running and enabled" cold_over
	await 10 "web1 on node2" role_is_on web1 node2
}

declare -A BOOT=()
lab_begin --volume dir
for name in web1 web2; do
	role_make "$name" --dirty 24:10
	BOOT[$name]=$(boot_id "$name")
done
role_to web1 node1
migrate_over mig
role_to web2 node2
for name in $CASES; do
	"case_$name"
done
disk_good web1
disk_good web2
[[ $(fences_count) == 0 || $CASES == *recovery* ]] || fail "somebody was fenced: $(fences)"
