#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# vmha-test: timeout=2400 lab=own weight=1
# Power off source or target at random moments of live migrations: at most one runner at any time,
# writes consistent, the VM runs afterwards.  Each round moves two VMs at once, so one loss of power
# hits two moments.  VMHA_TEST_SEED repeats a run, VMHA_TEST_MOMENTS (6; 20 for a full run) says how many moments.
# A moment may fall before the copy, into it, into the switchover or behind the end.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"
# shellcheck source=tests/clusterd-lib.sh
. "$(dirname "$0")/../clusterd-lib.sh"
MOMENTS=${VMHA_TEST_MOMENTS:-6}
SEED=${VMHA_TEST_SEED:-$((RANDOM * 32768 + RANDOM))}
VMS=(web1 web2)
RANDOM=$((SEED % 32768))
SPAN_MS=12000 # how long the moves of both take on the slowed network
declare -A BOOT=() HIT=()
MOVERS=()

random_below() {
	RANDOM_VALUE=$(((RANDOM * 32768 + RANDOM) % $1))
}

# state_at NAME: what the move was doing when power went, as its record and the witness tell.
state_at() {
	local state
	state=$(record_value "$(role_file "$1" move)" state 2>/dev/null || true)
	printf '%s' "${state:-none}"
}

move_in_background() {
	(
		sleep "$(awk -v ms="$2" 'BEGIN { print ms / 1000 }')"
		on node"$3" crm_resource --move --resource "$1" --node "$4" >>"$WORK/move-$1.log" 2>&1
	) &
	MOVERS+=($!)
}

# A move that is asked for after role_clear would still be under way when all is judged.
movers_end() {
	wait "${MOVERS[@]}" || true
	MOVERS=()
}

bring_together() {
	local name
	for name in "${VMS[@]}"; do
		role_clear "$name"
	done
	for name in "${VMS[@]}"; do
		role_to "$name" "$1"
	done
}

vm_runs() {
	role_is_up "$1" && ping_answers "$1"
}

check_vm() {
	local name=$1 round=$2
	unwatch "$name"
	((W[end_leased] == 1)) || fail "round $round: $name runs without its lease"
	((W[unleased_ms] < 10000)) || fail "round $round: $name ran ${W[unleased_ms]} ms without its lease"
	disk_good "$name"
	if [[ $(boot_id "$name") == "${BOOT[$name]}" ]]; then
		HIT[$name]+=", went on"
	else
		HIT[$name]+=", booted"
		BOOT[$name]=$(boot_id "$name")
	fi
}

run_round() {
	local round=$1 from to third victim name moment start delays=() i
	from=$(role_place web1)
	bring_together "$from"
	random_below 2
	to=$(node_others "$from" | sed -n "$((RANDOM_VALUE + 1))p")
	third=$(node_third "$from" "$to")
	random_below 2
	victim=$from
	((RANDOM_VALUE == 0)) || victim=$to
	random_below $((SPAN_MS / 2))
	delays=(0 "$RANDOM_VALUE")
	random_below "$SPAN_MS"
	moment=$((RANDOM_VALUE + 300))
	cluster_from "$third"
	for name in "${VMS[@]}"; do
		watch "$name"
	done
	lab slow "$from:mig" 80mbit
	start=$(now_ms)
	for i in 0 1; do
		move_in_background "${VMS[i]}" "${delays[i]}" "${third#node}" "$to"
	done
	sleep "$(awk -v ms="$moment" 'BEGIN { print ms / 1000 }')"
	for name in "${VMS[@]}"; do
		HIT[$name]=$(state_at "$name")
	done
	lab power off "$victim"
	step "round $round: $from -> $to, $victim off after $moment ms (second move began at ${delays[1]} ms)"
	lab heal "$from" mig
	for name in "${VMS[@]}"; do
		await 260 "$name running" vm_runs "$name"
		figure "round $round: $name answers $(($(now_ms) - start - moment)) ms after the loss"
	done
	movers_end
	for name in "${VMS[@]}"; do
		role_clear "$name"
	done
	settled 240 # its fence, if it gets one, is over
	node_power_restored "$victim"
	await 90 "all nodes online" nodes_online 3
	await 90 "$victim in the volume" node_joined "$victim"
	await 180 "the moves ended" moves_ended
	settled 240
	for name in "${VMS[@]}"; do
		await 60 "$name managed" role_managed "$name"
		check_vm "$name" "$round"
		figure "round $round: $name hit in ${HIT[$name]}"
	done
}

step "seed $SEED, $MOMENTS moments (repeat with VMHA_TEST_SEED=$SEED)"
lab_begin --volume dir
for NAME in "${VMS[@]}"; do
	role_make "$NAME" --dirty 16:4
	BOOT[$NAME]=$(boot_id "$NAME")
done
migrate_over mig
for ((ROUND = 1; ROUND <= (MOMENTS + 1) / 2; ROUND++)); do
	run_round "$ROUND"
done
