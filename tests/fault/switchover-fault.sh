#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# vmha-test: timeout=900 lab=own weight=1
# The switchover, stretched to many seconds (slow migration network, large allowed downtime: QEMU
# lifts its own limit there), is hit between the source's STOP and its end.  At most one runner at
# any time, the lease rule holds, no stale memory, writes consistent.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"

CASES="
target-qemu-killed
source-libvirtd-killed
target-libvirtd-killed
target-frozen
target-power-off
"

inject() {
	case $1 in
	target-power-off) lab power off node2 ;;
	target-frozen) lab freeze node2 ;;
	target-qemu-killed) kill -9 "$(qemu_pid node2 web1)" ;;
	source-libvirtd-killed) daemon_signal node1 libvirtd KILL ;;
	target-libvirtd-killed) daemon_signal node2 libvirtd KILL ;;
	esac
}

# The lease is free: the source has stopped, the target has not begun.
in_blackout() {
	grep -E '^\+[0-9.]+ lease' "$WORK/witness-web1.log" | tail -n 1 | grep 'lease is free' >/dev/null
}

# Exactly one process, and it holds the lease.  (Pacemaker counts a blocked role on two nodes.)
one_and_leased() {
	local place
	place=$(qemu_nodes web1)
	[[ $place == node[1-9] ]] &&
		on "$place" sanlock client status 2>/dev/null | grep "^r $VOLUME:web1:" >/dev/null
}

# The source or the target owns the lease again; a paused process may be left where nobody can end it.
leased() {
	local node
	for node in $(qemu_nodes web1); do
		if on "$node" sanlock client status 2>/dev/null | grep "^r $VOLUME:web1:" >/dev/null; then
			return 0
		fi
	done
	return 1
}

# offs: how often the fence of node2 has taken its power away, to the end.
offs() {
	grep -c 'off node2 proven' "$LAB_STATE/power.log" || true
}

fenced_since() {
	(($(offs) > $1))
}

# back_to_normal NAME OFFS: the fence of node2, if there is to be one, before anything is done to it.
back_to_normal() {
	local node
	case $1 in
	target-power-off | target-frozen) await 90 "the fence of node2" fenced_since "$2" ;;
	esac
	for node in node1 node2; do
		node_power_restored "$node"
		lab service "$node" start libvirtd
	done
	await 90 "all nodes online" nodes_online 3
	await 60 "node2 in the volume" node_joined node2
}

run_case() {
	local name=$1 boot start fenced offs
	step "case $name"
	boot=$(boot_id web1)
	fenced=$(fences_count)
	offs=$(offs)
	watch web1
	lab slow node1:mig 30mbit
	cluster crm resource move web1 node2 >>"$WORK/crm.log" 2>&1
	await 30 "memory flowing" copy_runs node1
	on node1 virsh migrate-setmaxdowntime web1 60000
	await 30 "the source's STOP" in_blackout
	sleep "${VMHA_TEST_DELAY_S:-2}"
	in_blackout || fail "$name: the switchover was over before the fault"
	start=$(now_ms)
	inject "$name"
	step "fault injected in the blackout"
	await 180 "the guest answering" ping_answers web1
	figure "$name: answers $(($(now_ms) - start)) ms after the fault"
	await 60 "a process with its lease" leased
	figure "$name: it has its lease $(($(now_ms) - start)) ms after the fault"
	lab slow node1:mig off
	back_to_normal "$name" "$offs"
	# until its agent has ended there is nothing to be healed
	await 180 "no open migration" migrations_none_open
	on node3 vmha heal web1 || fail "$name: vmha heal web1 failed"
	settled 240
	await 60 "web1 managed again" role_managed web1
	await 10 "one process, leased" one_and_leased
	sleep 1
	unwatch web1
	((W[end_leased] == 1)) || fail "$name: it runs without its lease"
	((W[unleased_ms] < 10000)) || fail "$name: it ran ${W[unleased_ms]} ms without its lease"
	role_is_on web1 "$(qemu_nodes web1)" || fail "$name: Pacemaker has it on $(role_place web1)"
	if [[ $(boot_id web1) == "$boot" ]]; then
		figure "$name: the guest went on (same boot), unleased_ms=${W[unleased_ms]}"
	else
		figure "$name: the guest was booted again, unleased_ms=${W[unleased_ms]}"
		case $name in
		target-power-off | target-frozen) ;; # had the target begun: its memory is lost
		*) fail "$name: the guest was restarted" ;;
		esac
	fi
	case $name in
	target-power-off | target-frozen)
		[[ $(fences | tail -n +$((fenced + 1)) | sort -u) == node2 ]] ||
			fail "$name: fenced: $(fences | tail -n +$((fenced + 1)) | tr '\n' ' ')"
		;;
	*) [[ $(fences_count) == "$fenced" ]] || fail "$name: somebody was fenced: $(fences)" ;;
	esac
	role_to web1 node1
	disk_good web1
}

lab_begin --volume lun
role_make web1 --disk "/clusterstorage/$VOLUME/lun1" --dirty 16:4
role_to web1 node1
migrate_over mig
cluster_from node3
for CASE in ${VMHA_TEST_CASES:-$CASES}; do
	run_case "$CASE"
done
