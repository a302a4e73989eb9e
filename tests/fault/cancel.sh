#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# vmha-test: timeout=1200 lab=own weight=1
# Migrations cancelled while they are queued, connect and copy, in the switchover, and at random
# moments.  When the command returns, the VM is on its source, managed, undisturbed; or it says that
# it was too late, and the VM arrives.
# VMHA_TEST_MOMENTS (5; 10 for a full run), VMHA_TEST_SEED repeats a run, VMHA_TEST_CASES picks cases.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"
MOMENTS=${VMHA_TEST_MOMENTS:-5}
SEED=${VMHA_TEST_SEED:-$((RANDOM * 32768 + RANDOM))}
RANDOM=$((SEED % 32768))
SPAN_MS=9000

# migrate_begin NAME NODE: sets ID.
migrate_begin() {
	ID=$(cluster vmha migrate "$1" --to "$2" --no-wait --output json 2>"$WORK/migrate.log" | jq .id) ||
		fail "vmha migrate $1: $(cat "$WORK/migrate.log")"
	[[ $ID == [1-9]* ]] || fail "vmha migrate $1 gave no id"
}

# cancel WHAT ID: sets RC and CANCEL_MS; what it says is in $WORK/out.log.
cancel() {
	local start
	start=$(now_ms)
	RC=0
	cluster vmha migration cancel "$2" >"$WORK/out.log" 2>&1 || RC=$?
	CANCEL_MS=$(($(now_ms) - start))
	figure "$1: status $RC in $CANCEL_MS ms: $(cat "$WORK/out.log")"
}

# kept WHAT ID NAME NODE: at the very return of cancel the VM is confirmed on its source.  What its source
# has told Pacemaker this node may read a moment later.
kept() {
	((RC == 0)) || fail "$1: not cancelled"
	process_on "$3" "$4" || fail "$1: processes on $(qemu_nodes "$3" | tr '\n' ' ')"
	[[ $(migration "$2" .result) == KEPT ]] || fail "$1: the record says $(migration "$2" .result)"
	await 5 "$1: $3 on $4, not $(role_place "$3")" role_is_on "$3" "$4"
	await 5 "$1: $3 managed" role_managed "$3"
}

# went_on WHAT ID NAME NODE: it was too late.
went_on() {
	await 60 "the migration at its end" migration_is "$2" ENDED
	[[ $(migration "$2" .result) == DONE ]] || fail "$1: not cancelled, and $(migration "$2" .result)"
	await 20 "$3 on $4" role_is_on "$3" "$4"
}

run_moment() {
	local n=$1 from to moment boot state gap_ms=2000
	from=$(role_place web1)
	to=$(node_others "$from" | sed -n "$((RANDOM % 2 + 1))p")
	cluster_from "${NODES[$((RANDOM % 3))]}"
	await 10 "no open migration, as $CLUSTER_NODE has it" migrations_none_open
	boot=$(boot_id web1)
	watch web1
	migrate_begin web1 "$to"
	moment=$((RANDOM % SPAN_MS))
	sleep "$(awk -v ms="$moment" 'BEGIN { print ms / 1000 }')"
	state=$(migration "$ID" '"\(.phase) \(.state)"')
	cancel "moment $n: $from to $to, after $moment ms in $state" "$ID"
	if ((RC == 0)); then
		kept "moment $n" "$ID" web1 "$from"
	else
		went_on "moment $n" "$ID" web1 "$to"
		gap_ms=5000 # the blackout of a move over the slowed network
	fi
	await 20 "no open migration" migrations_none_open
	unwatch web1 "$gap_ms"
	[[ $(boot_id web1) == "$boot" ]] || fail "moment $n: the guest was booted again"
	disk_good web1
}

in_state() {
	[[ $(migration "$1" .state) == "$2" ]]
}

agent_begins() {
	[[ $(migration "$1" .phase) =~ ^(ADMITTED|RUNNING)$ ]]
}

# One slot a node and three nodes: no second move fits beside the first.
case_queued() {
	local first second
	# the first one must be copying to the end, however long the commands take
	lab slow "$FROM:mig" 8mbit
	migrate_begin web1 "$TO"
	first=$ID
	await 30 "web1 copying" in_state "$first" COPYING
	migrate_begin web2 "$TO"
	second=$ID
	await 10 "web2 queued" migration_is "$second" QUEUED
	cancel "queued" "$second"
	kept "queued" "$second" web2 "$FROM"
	# the one before it would take a minute and more
	((CANCEL_MS < $(limit_ms 5000))) || fail "queued: it took $CANCEL_MS ms to forget a wish"
	in_state "$first" COPYING || fail "queued: the move before it is in $(migration "$first" .state)"
	cancel "copying" "$first"
	kept "copying" "$first" web1 "$FROM"
	lab slow mig 100mbit
}

# libvirtd of the target hangs from before it is asked: its kernel accepts, nobody answers.  Woken up
# it may begin what it was asked for, until it sees that nobody is there any more.
case_connecting() {
	migrate_begin web1 "$TO"
	await 30 "web1 handed over" agent_begins "$ID"
	daemon_signal "$TO" libvirtd STOP
	await 30 "web1 connecting" in_state "$ID" CONNECTING
	cancel "connecting" "$ID"
	kept "connecting" "$ID" web1 "$FROM"
	daemon_signal "$TO" libvirtd CONT
	await 30 "libvirtd of $TO" on "$TO" virsh list
	await 30 "web1 on its source alone" process_on web1 "$FROM"
}

# The lease is free: the source has stopped, the target has not begun.
case_switchover() {
	lab slow "$FROM:mig" 30mbit
	migrate_begin web1 "$TO"
	await 30 "web1 copying" in_state "$ID" COPYING
	on "$FROM" virsh migrate-setmaxdowntime web1 60000
	await 60 "web1 in the switchover" in_state "$ID" SWITCHOVER
	cancel "switchover" "$ID"
	((RC != 0)) || fail "switchover: it says that it was cancelled"
	grep -q 'too late: .*SWITCHOVER' "$WORK/out.log" || fail "switchover: $(cat "$WORK/out.log")"
	((CANCEL_MS < $(limit_ms 3000))) || fail "switchover: it took $CANCEL_MS ms to say so"
	lab slow mig 100mbit
	went_on "switchover" "$ID" web1 "$TO"
}

run_case() {
	local boot
	step "case $1"
	FROM=$(role_place web1)
	TO=$(node_other "$FROM")
	cluster_from "$(node_third "$FROM" "$TO")"
	boot=$(boot_id web1)
	watch web1
	"case_$1"
	await 20 "no open migration" migrations_none_open
	unwatch web1
	[[ $(boot_id web1) == "$boot" ]] || fail "$1: the guest was booted again"
	disk_good web1
}

lab_begin --volume dir
await 60 "clusterd" clusterd_ready
role_make web1 --dirty 16:4
role_make web2
role_to web2 "$(role_place web1)"
figure "seed=$SEED moments=$MOMENTS"
migrate_over mig
lab slow mig 100mbit
for CASE in ${VMHA_TEST_CASES-queued connecting switchover}; do
	run_case "$CASE"
done
for ((n = 1; n <= MOMENTS; n++)); do
	run_moment "$n"
done
lab slow mig off
