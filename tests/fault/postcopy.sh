#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# vmha-test: timeout=1500 lab=own weight=1
# A guest that changes its memory faster than the network carries it is moved by post-copy, which is
# left alone by everybody; and what becomes of the guest when the network or the target is lost in it.
# VMHA_TEST_CASES: some of them.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"
# shellcheck source=tests/stall-lib.sh
. "$(dirname "$0")/../stall-lib.sh"

state_is() {
	[[ $(record_value "$(role_file web1 move)" state) == "$1" ]]
}

paused_there() {
	on node1 virsh domstate --reason web1 | grep 'paused (post-copy)' >/dev/null
}

# postcopy_begin: begun, until the guest runs on node2; most of its memory has still to come then.
postcopy_begin() {
	parameter postcopy
	move_begin
	await 90 "post-copy" state_is POSTCOPY
	await 20 "the guest paused on its source" paused_there
	lab slow node1:mig 20mbit
	# until node2 has the lease, its libvirtd is told by node1's what to do
	await 60 "the lease with node2" witness_says web1 'lease owned by host 2'
}

# Whoever looks at the source meanwhile leaves it alone.
case_postcopy() {
	local rc=0 pid
	postcopy_begin
	pid=$(qemu_pid node1 web1)
	agent node1 web1 monitor OCF_RESKEY_CRM_meta_on_node=node1 >"$WORK/monitor.log" 2>&1 || rc=$?
	figure "monitor on the source meanwhile: $rc"
	((rc == 7)) || fail "the monitor on the source says $rc: $(cat "$WORK/monitor.log")"
	! process_gone "$pid" || fail "the source was killed"
	! cluster vmha migration cancel web1 >"$WORK/cancel.log" 2>&1 || fail "a post-copy was cancelled"
	figure "$(cat "$WORK/cancel.log")"
	grep -q "too late" "$WORK/cancel.log" || fail "cancel: $(cat "$WORK/cancel.log")"
	on node1 virsh domjobabort web1 >/dev/null 2>&1 || true
	move_wait
	((RC == 0)) || fail "status $RC: $(cat "$WORK/out.log")"
	say 'web1 does not get across .*: it goes on on node2 now and fetches the rest of its memory'
	moved node2 15000
}

case_agent() {
	postcopy_begin
	agent_kill node1
	await 120 "web1 managed on node2" arrived_managed
	move_wait
	moved node2 15000
}

# libvirtd of the source hangs for longer than a stream may stand still: the QEMUs do not need it.
case_deaf() {
	postcopy_begin
	lab slow node1:mig 4mbit
	daemon_signal node1 libvirtd STOP
	sleep 35
	[[ -n $(qemu_pid node1 web1) ]] || fail "all memory was there too early: it proves nothing"
	daemon_signal node1 libvirtd CONT
	lab slow node1:mig 60mbit
	move_wait
	((RC == 0)) || fail "status $RC: $(cat "$WORK/out.log")"
	moved node2 60000
}

arrived_managed() {
	role_managed web1 && role_is_on web1 node2 && process_on web1 node2
}

booted_again() {
	[[ $(boot_id web1) != "$BOOT" ]] && role_managed web1
}

# lose CMD...: in the post-copy; the guest is started again, once.
lose() {
	local start
	postcopy_begin
	start=$(now_ms)
	lab "$@"
	await 240 "web1 started again" booted_again
	figure "$*: runs again after $(($(now_ms) - start)) ms on $(role_place web1)"
	move_wait
	await 60 "no open migration" migrations_none_open
	unwatch web1
	((W[boots] == 2)) || fail "${W[boots]} boots"
}

case_broken() {
	lose cut node1 mig
	say 'the memory of web1 is lost, it is started again'
	[[ $(fences_count) == 0 ]] || fail "somebody was fenced: $(fences)"
	await 60 "web1 answering" ping_answers web1
	settled 60
}

case_lost() {
	lose power off node2
	node_power_restored node2
	await 90 "node2 back" nodes_online 3
	await 90 "node2 has joined the volume" node_joined node2
	await 60 "clusterd" clusterd_ready
	settled 90
}

# shellcheck disable=SC2086 # names
stall_cases ${VMHA_TEST_CASES:-postcopy deaf agent broken lost}
