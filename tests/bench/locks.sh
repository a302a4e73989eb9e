#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# vmha-test: timeout=1500 lab=own
# What locks and changes of a volume cost, beside bare libdlm in the same run, with what is locked mastered
# on the node that asks and on the other one: locks through lib/port/lock_dlm.c; a GFS2 volume's admin lock
# by DLM, and by the lease that volumes without DLM have instead; vmha vm add and remove.
# `make bench`; no part of ./check.
# shellcheck source=tests/vm/lib.sh
. "$(dirname "$0")/../vm/lib.sh"

NODES=(node1 node2)
ROUNDS=${VMHA_BENCH_ROUNDS:-100}
ROLES=${VMHA_BENCH_ROLES:-10} # added and removed
DIR=/clusterstorage/$VOLUME

# put FILE: in every node.
put() {
	local node
	for node in "${NODES[@]}"; do
		on "$node" sh -c "cat >/usr/bin/${1##*/} && chmod 755 /usr/bin/${1##*/}" <"$1"
	done
}

# master NODE LOCKSPACE RESOURCE...: locks of the node's that are in nobody's way, so that it masters them.
# Whoever came first does, and for ten seconds after the last lock: until then they are seen as "tossed".
master() {
	local node=$1 lockspace=$2 resource tries=5
	for resource in "${@:3}"; do
		until hold "$node" "$lockspace" "$resource" && is_master "$node" "$lockspace" "$resource"; do
			((tries-- > 0)) || fail "$node does not become the master of $resource"
			let_go
			await 60 "$resource forgotten" is_forgotten "$lockspace" "$resource"
		done
	done
}

hold() {
	# shellcheck disable=SC2016 # for the node's shell
	on "$1" sh -c 'lock-bench hold "$1" "$2" 900 </dev/null >/dev/null 2>&1 & echo $! >>/run/lock-bench.pids' sh "$2" "$3"
	await 60 "$3 locked on $1" is_held "$@"
}

is_held() {
	on "$1" dlm_tool lockdump "$2" >"$WORK/locks" 2>/dev/null && grep -q "gr NL .*\"$3" "$WORK/locks"
}

is_master() {
	is_held "$@" && grep "\"$3" "$WORK/locks" | grep 'master 0' >/dev/null
}

is_forgotten() {
	local node
	for node in "${NODES[@]}"; do
		! on "$node" sh -c "dlm_tool lockdump $1; cat /sys/kernel/debug/dlm/$1_toss" 2>/dev/null | grep -w "$2" >/dev/null ||
			return 1
	done
}

let_go() {
	local node
	for node in "${NODES[@]}"; do
		# shellcheck disable=SC2016 # for the node's shell
		on "$node" sh -c 'for pid in $(cat /run/lock-bench.pids 2>/dev/null); do kill $pid; done; rm -f /run/lock-bench.pids'
	done
}

# figures NAME FILE: of microseconds, one a line, beside those of bare locks: $BARE.
figures() {
	sort -n "$2" | awk -v name="$1" -v bare="$BARE" '{ us[NR] = $1 }
		function rank(percent) { return us[int((NR * percent + 99) / 100)] }
		END {
			split(bare, b)
			printf "figure: %s n=%d p50_us=%d p99_us=%d max_us=%d\n", name, NR, rank(50), rank(99), us[NR]
			printf "figure: %s beside bare: p50 %.1f, p99 %.1f, max %.1f times\n", name, rank(50) / b[1], rank(99) / b[2], us[NR] / b[3]
		}'
}

# roles: a role is added and removed on node1, again and again.
roles() {
	on node1 bash -c "
		set -e
		us() { echo \$((\${EPOCHREALTIME/[.,]/})); }
		for ((i = 0; i < $ROLES; i++)); do
			start=\$(us); vmha vm add bench --xml /root/bench.xml --volume $VOLUME --disabled >/root/bench.log 2>&1
			added=\$(us); vmha vm remove bench >/root/bench.log 2>&1
			echo \$((added - start)) \$((\$(us) - added))
		done" >"$WORK/roles" || fail "vm add and remove: $(on node1 cat /root/bench.log)"
	cut -d' ' -f1 "$WORK/roles" >"$WORK/added"
	cut -d' ' -f2 "$WORK/roles" >"$WORK/removed"
	figures vm_add "$WORK/added"
	figures vm_remove "$WORK/removed"
}

lab_begin --vm --nodes 2
put "$BUILD/tests/bench/lock-bench"
vm_volume lun1
vm_volume_good
on node1 sh -c "mkdir -p $DIR/bench && truncate -s 1M $DIR/bench/bench.img"
lab guest xml bench --tiny --disk "$DIR/bench/bench.img" | on node1 sh -c 'cat >/root/bench.xml'

for MASTER in "${NODES[@]}"; do
	step "node1 locks, $MASTER masters: locks"
	master "$MASTER" vmha-bench "$MASTER"
	on node1 lock-bench locks vmha-bench "$MASTER" "$ROUNDS" || fail "lock-bench locks"
	let_go
	step "node1 locks, $MASTER masters: the volume's admin lock"
	master "$MASTER" "vmha-$VOLUME" admin bench
	on node1 lock-bench volume "$VOLUME" "$ROUNDS" >"$WORK/volume.log" || fail "lock-bench volume"
	cat "$WORK/volume.log"
	BARE=$(sed -n 's/.*bare_new_lock .*p50_us=\([0-9]*\) p99_us=\([0-9]*\) max_us=\([0-9]*\)$/\1 \2 \3/p' "$WORK/volume.log")
	step "node1 changes, $MASTER masters: roles"
	roles
	let_go
done
vm_volume_good
