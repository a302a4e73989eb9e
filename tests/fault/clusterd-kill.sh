#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# vmha-test: timeout=1500 lab=own weight=1
# clusterd of the source, of the target, of all nodes killed (-9) at random moments of migrations,
# some of them in the switchover, and started again as its unit would: the VM runs exactly once and is
# not booted, the record ends with the truth, no slot is left taken.  A copy goes on while clusterd of
# its source is away for long.  VMHA_TEST_MOMENTS (4; 10 for a full run), VMHA_TEST_SEED repeats a run.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"
# shellcheck source=tests/clusterd-lib.sh
. "$(dirname "$0")/../clusterd-lib.sh"
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

migration_in() {
	[[ $(migration "$1" .state) == "$2" ]]
}

# Moments 2, 4 and 6 are in the switchover: of the target, of the source, of all.
is_dark() {
	(($1 % 2 == 0 && $1 <= 6))
}

# The moment has come; what it was is left in $MOMENT.
await_moment() {
	local n=$1 id=$2 from=$3 ms
	if is_dark "$n"; then
		# so slowly that the switchover is still under way when it has been seen
		lab slow "$from:mig" 30mbit
		await 30 "memory flowing" copy_runs "$from"
		on "$from" virsh migrate-setmaxdowntime web1 60000 >/dev/null
		await 30 "migration $id in SWITCHOVER" migration_in "$id" SWITCHOVER
		MOMENT=SWITCHOVER
		return
	fi
	ms=$((RANDOM % SPAN_MS))
	sleep "$(awk -v ms="$ms" 'BEGIN { print ms / 1000 }')"
	MOMENT="$ms ms, $(record_value "$(role_file web1 move)" state 2>/dev/null)"
}

run_moment() {
	local n=$1 from to who nodes boot start
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
	move_begin "$to"
	await_moment "$n" "$ID" "$from"
	start=$(now_ms)
	daemons_kill vmha-clusterd "${nodes[@]}"
	lab slow "$from:mig" 100mbit
	step "moment $n of $MOMENTS: $from to $to, clusterd of $who killed in $MOMENT, now $(record_value "$(role_file web1 move)" state 2>/dev/null)"
	sleep 1 # as RestartSec
	clusterd_start "${nodes[@]}"
	await 60 "clusterd on all nodes" clusterd_ready
	await 120 "migration $ID at its end" migration_is "$ID" ENDED
	await 30 "the role managed" role_managed web1
	await_true "$ID"
	figure "moment $n: killed_in=$MOMENT victim=$who result=$RESULT ended_after_ms=$(($(now_ms) - start))"
	ran_once "moment $n" "$boot"
}

progress_beyond() {
	(($(migration "$1" .progress.percent) > $2))
}

# An agent copies on without its clusterd, and is found again by the next one, which does not know the
# networks yet.
run_away() {
	local from to boot moves percent
	from=$(role_place web1)
	to=$(node_other "$from")
	cluster_from "$(node_third "$from" "$to")"
	boot=$(boot_id web1)
	moves=$(operations web1 migrate_to)
	lab slow mig 8mbit # more than a minute for all of it
	watch web1
	move_begin "$to"
	await 30 "memory flowing" copy_runs "$from"
	daemons_kill vmha-clusterd "$from"
	step "clusterd of $from stays away from a copy for 8 s"
	sleep 8 # longer than any patience with an agent
	copy_runs "$from" || fail "the copy was over, or ended: it proves nothing"
	percent=$(migration "$ID" .progress.percent)
	clusterd_start "$from"
	await 20 "the agent telling clusterd how far it is" progress_beyond "$ID" "$percent"
	migration_is "$ID" RUNNING || fail "migration $ID is $(migration "$ID" .phase), not RUNNING"
	copy_runs "$from" || fail "the copy has ended"
	figure "clusterd away for 8 s: at $percent %, now at $(migration "$ID" .progress.percent) %"
	lab slow mig 100mbit
	await 120 "migration $ID at its end" migration_is "$ID" ENDED
	await_true "$ID"
	figure "clusterd away for 8 s: result=$RESULT"
	[[ $RESULT == DONE* ]] || fail "the copy did not go on: $RESULT"
	[[ $(operations web1 migrate_to) == $((moves + 1)) ]] || fail "it was moved more than once"
	ran_once "clusterd away" "$boot"
}

lab_begin --volume dir
await 60 "clusterd" clusterd_ready
role_make web1 --dirty 16:4
figure "seed=$SEED moments=$MOMENTS"
lab slow mig 100mbit
run_away
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
