#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# vmha-test: timeout=900 lab=own weight=1
# Live migrations that cannot succeed: target's libvirtd dead, migration network cut before and
# during the copy, libvirtd of source or target killed in it, that of the source hanging in it, the
# agent killed in it.  The VM runs exactly once, undisturbed; clusterd brings the role back to normal
# by itself.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"
GAP_MS=1000

# What each case does before the move, in the middle of the copy, and to take the cause away.
CASES="
target-libvirtd-dead
network-cut-before
network-cut-in-copy
source-libvirtd-killed
target-libvirtd-killed
source-libvirtd-hung
agent-killed
"

case_before() {
	case $1 in
	target-libvirtd-dead) daemon_signal node2 libvirtd KILL ;;
	network-cut-before) lab cut node2 mig ;;
	# The copy must not end meanwhile, however slowly the guest dirties its memory: one that waits
	# for a hung libvirtd to switch over stands still as long.
	source-libvirtd-hung) lab slow node1:mig 8mbit ;;
	*) lab slow node1:mig 30mbit ;;
	esac
}

case_in_copy() {
	case $1 in
	network-cut-in-copy) lab cut node2 mig ;;
	source-libvirtd-killed) daemon_signal node1 libvirtd KILL ;;
	target-libvirtd-killed) daemon_signal node2 libvirtd KILL ;;
	source-libvirtd-hung) daemon_signal node1 libvirtd STOP ;;
	agent-killed) agent_kill node1 ;;
	esac
}

case_after() {
	local node
	lab heal all
	[[ $1 != source-libvirtd-hung ]] || daemon_signal node1 libvirtd CONT
	for node in node1 node2; do
		lab service "$node" start libvirtd
	done
}

run_case() {
	local name=$1 boot start
	step "case $name"
	boot=$(boot_id web1)
	watch web1
	case_before "$name"
	start=$(now_ms)
	cluster crm resource move web1 node2 >>"$WORK/crm.log" 2>&1 || true
	case $name in
	target-libvirtd-dead | network-cut-before) ;;
	*)
		await 30 "memory flowing" copy_runs node1
		sleep 1
		case_in_copy "$name"
		;;
	esac
	await 150 "the move to have ended" move_has_ended
	figure "$name: ended after $(($(now_ms) - start)) ms, $(move_result)"
	[[ $(boot_id web1) == "$boot" ]] || fail "$name: the guest was restarted"
	case_after "$name"
	await 60 "web1 managed again" is_well
	figure "$name: managed again $(($(now_ms) - start)) ms after the move was asked for"
	await 60 "no open migration" migrations_none_open
	settled 120
	unwatch web1 "$GAP_MS"
	((W[boots] == 1)) || fail "$name: the guest was restarted"
	((W[end_leased] == 1)) || fail "$name: it runs without its lease"
	process_on web1 "$(role_place web1)" ||
		fail "$name: processes on $(qemu_nodes web1 | tr '\n' ' '), role on $(role_place web1)"
	[[ $(fences_count) == 0 ]] || fail "$name: somebody was fenced: $(fences)"
	role_to web1 node1
	[[ $(boot_id web1) == "$boot" ]] || fail "$name: the guest was restarted on its way back"
}

# clusterd has healed it: managed, no constraint of the move left.
is_well() {
	role_managed web1 &&
		! cluster cibadmin --query --xpath "//rsc_location[@id='cli-prefer-web1']" >/dev/null 2>&1
}

# No migrate_to runs any more: Pacemaker has the result of one that began since.
move_has_ended() {
	[[ -z $(node_pids node1 'vmha/(vm-action|vm) migrate_to') ]] && (($(results) > RESULTS))
}

results() {
	grep -cE 'log_executor_event.*Result of migrate_to operation for web1 ' \
		"$LAB_STATE/node1/var/log/pacemaker/pacemaker.log" || true
}

move_result() {
	sed -n 's/^state=/result /p; s/^reason=/because /p' "$(role_file web1 move)" 2>/dev/null |
		tr '\n' ' '
}

lab_begin --volume dir
role_make web1 --dirty 24:10
role_to web1 node1
migrate_over mig
cluster_from node3
for CASE in ${VMHA_TEST_CASES:-$CASES}; do
	RESULTS=$(results)
	run_case "$CASE"
done
disk_good web1
