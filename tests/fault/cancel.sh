#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# vmha-test: timeout=1200 lab=own weight=1
# Migrations cancelled at random moments, queued ones too.  When the command returns, the VM is on
# its source, managed, undisturbed; or it says that it was too late, and the VM arrives.
# VMHA_TEST_MOMENTS (5; 10 for a full run), VMHA_TEST_SEED repeats a run.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"
MOMENTS=${VMHA_TEST_MOMENTS:-5}
SEED=${VMHA_TEST_SEED:-$((RANDOM * 32768 + RANDOM))}
RANDOM=$((SEED % 32768))
SPAN_MS=9000

source_only() {
	[[ $(qemu_nodes web1) == "$1" ]]
}

run_moment() {
	local n=$1 from to id moment boot start state rc=0
	from=$(role_place web1)
	to=$(node_others "$from" | sed -n "$((RANDOM % 2 + 1))p")
	cluster_from "${NODES[$((RANDOM % 3))]}"
	boot=$(boot_id web1)
	watch web1
	id=$(cluster vmha migrate web1 --to "$to" --no-wait --output json 2>/dev/null | jq .id)
	[[ $id == [1-9]* ]] || fail "moment $n: vmha migrate gave no id"
	moment=$((RANDOM % SPAN_MS))
	sleep "$(awk -v ms="$moment" 'BEGIN { print ms / 1000 }')"
	state=$(migration "$id" '"\(.phase) \(.state)"')
	start=$(now_ms)
	cluster vmha migration cancel "$id" >"$WORK/out.log" 2>&1 || rc=$?
	figure "moment $n: $from to $to, after $moment ms in $state: status $rc in $(($(now_ms) - start)) ms: $(cat "$WORK/out.log")"
	if ((rc == 0)); then
		# at the very return: confirmed on the source
		source_only "$from" || fail "moment $n: processes on $(qemu_nodes web1 | tr '\n' ' ')"
		role_is_on web1 "$from" || fail "moment $n: web1 is on $(role_place web1)"
		role_managed web1 || fail "moment $n: web1 is not managed"
		[[ $(migration "$id" .result) == KEPT ]] || fail "moment $n: the record says $(migration "$id" .result)"
	else
		await 60 "the migration at its end" migration_is "$id" ENDED
		[[ $(migration "$id" .result) == DONE ]] || fail "moment $n: not cancelled, and $(migration "$id" .result)"
		role_is_on web1 "$to" || fail "moment $n: web1 is on $(role_place web1)"
	fi
	await 20 "no open migration" migrations_none_open
	unwatch web1 2000
	[[ $(boot_id web1) == "$boot" ]] || fail "moment $n: the guest was booted again"
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
