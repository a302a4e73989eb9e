#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# vmha-test: timeout=1500 lab=own weight=1
# clusterd of the source, of the target, of all nodes killed (-9) at random moments of migrations,
# and started again as its unit would: the VM runs exactly once and is not booted, the record ends
# with the truth, no slot is left taken.  VMHA_TEST_MOMENTS (4; 10 for a full run),
# VMHA_TEST_SEED repeats a run.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"
MOMENTS=${VMHA_TEST_MOMENTS:-4}
SEED=${VMHA_TEST_SEED:-$((RANDOM * 32768 + RANDOM))}
RANDOM=$((SEED % 32768))
SPAN_MS=9000 # how long a move takes on the slowed network
VICTIMS=(source target all)

clusterd_start() {
	local node
	for node in "$@"; do
		lab service "$node" start clusterd
	done
}

# Where the record says that it is.
record_true() {
	local result from to place
	result=$(migration "$1" .result)
	from=$(migration "$1" .from)
	to=$(migration "$1" .to)
	place=$(role_place web1)
	RESULT="$result: $(migration "$1" '.reason')"
	case $result in
	DONE) [[ $place == "$to" ]] ;;
	KEPT) [[ $place == "$from" ]] ;;
	*) false ;;
	esac
}

run_moment() {
	local n=$1 from to who nodes id moment boot start
	from=$(role_place web1)
	to=$(node_others "$from" | sed -n "$((RANDOM % 2 + 1))p")
	who=${VICTIMS[$(((n - 1) % 3))]}
	case $who in
	source) nodes=("$from") ;;
	target) nodes=("$to") ;;
	all) nodes=("${NODES[@]}") ;;
	esac
	cluster_from "$(node_third "$from" "$to")"
	boot=$(boot_id web1)
	watch web1
	id=$(cluster vmha migrate web1 --to "$to" --no-wait --output json 2>/dev/null | jq .id)
	[[ $id == [1-9]* ]] || fail "moment $n: vmha migrate gave no id"
	moment=$((RANDOM % SPAN_MS))
	sleep "$(awk -v ms="$moment" 'BEGIN { print ms / 1000 }')"
	step "moment $n of $MOMENTS: $from to $to, clusterd of $who killed after $moment ms, in $(record_value "$(role_file web1 move)" state 2>/dev/null)"
	start=$(now_ms)
	daemons_kill vmha-clusterd "${nodes[@]}"
	sleep 1 # as RestartSec
	clusterd_start "${nodes[@]}"
	await 60 "clusterd on all nodes" clusterd_ready
	await 120 "migration $id at its end" migration_is "$id" ENDED
	await 30 "the role managed" role_managed web1
	await 20 "the record true: $(migration "$id" '"\(.result) \(.from) \(.to)"'), it is on $(role_place web1)" record_true "$id"
	record_true "$id"
	figure "moment $n: killed_ms=$moment victim=$who result=$RESULT ended_after_ms=$(($(now_ms) - start))"
	unwatch web1
	((W[end_leased] == 1)) || fail "moment $n: web1 runs without its lease"
	[[ $(qemu_nodes web1 | wc -l) == 1 ]] || fail "moment $n: processes on $(qemu_nodes web1 | tr '\n' ' ')"
	[[ $(boot_id web1) == "$boot" ]] || fail "moment $n: the guest was booted again"
	await 20 "no open migration" migrations_none_open
	disk_good web1
}

lab_begin --volume dir
await 60 "clusterd" clusterd_ready
role_make web1 --dirty 16:4
figure "seed=$SEED moments=$MOMENTS"
lab slow mig 100mbit
for ((n = 1; n <= MOMENTS; n++)); do
	run_moment "$n"
done
lab slow mig off
step "no slot is left taken: two moves at once take their turn"
place=$(role_place web1)
for node in $(node_others "$place") "$place"; do
	cluster vmha migrate web1 --to "$node" --timeout 120 >"$WORK/out.log" 2>&1 || fail "$(cat "$WORK/out.log")"
	figure "$(tail -n 1 "$WORK/out.log")"
done
