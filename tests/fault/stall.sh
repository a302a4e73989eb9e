#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# vmha-test: timeout=1200 lab=own weight=1
# A guest that changes its memory faster than the network carries it: slowed down until it gets
# across; given up; out of the operation's time; moved quick; moved by post-copy, which is left
# alone by everybody and told where it is not possible; and what becomes of the guest when the
# network or the target is lost in it.
# VMHA_TEST_CASES: some of them.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"
CASES=${VMHA_TEST_CASES:-"giveup time converge quick fallback postcopy deaf agent broken lost"}

setting() {
	cluster vmha set "$@" >>"$WORK/set.log" 2>&1 || fail "vmha set $*: $(tail -n 2 "$WORK/set.log")"
}

# Pacemaker 2.1.5 restarts a role whose parameter changes after it was healed (man page).
parameter() {
	cluster crm_resource --resource web1 --set-parameter on_stall --parameter-value "$1" >/dev/null
	settled 120
	await 60 "web1 answering" ping_answers web1
	await 20 "web1 writing" guest_writes web1
	BOOT=$(boot_id web1)
}

events_say() {
	cluster vmha events --vm web1 2>/dev/null | grep -E -- "$1" >/dev/null
}

say() {
	await 10 "an event: $1" events_say "$1"
	figure "$(cluster vmha events --vm web1 2>/dev/null | grep -E -- "$1" | tail -n 1)"
}

# dirties: at 20 MiB/s or more, by a sample of a second.
dirties() {
	local rate
	on node1 virsh domdirtyrate-calc web1 --seconds 1 || return 1
	sleep 1.5
	rate=$(on node1 virsh domstats --dirtyrate web1 | sed -n 's/.*megabytes_per_second=//p')
	((${rate:-0} >= 20))
}

round_two() {
	on node1 virsh domjobinfo web1 2>/dev/null | grep -qE 'Iteration: *([2-9]|[1-9][0-9])'
}

# move_begin RATE: from node1 to node2; that slow once all memory has been copied a first time.
move_begin() {
	await 120 "the guest changing its memory" dirties
	watch web1
	lab slow node1:mig 60mbit
	background mover lab exec node3 -- vmha migrate web1 --to node2 --wait >"$WORK/out.log" 2>&1
	await 90 "the second round" round_two
	lab slow node1:mig "$1"
}

move_wait() {
	RC=0
	wait "${PIDS[mover]}" || RC=$?
	unset "PIDS[mover]"
	lab heal all
	figure "$(tail -n 1 "$WORK/out.log")"
}

# move STATUS RATE: begun, until it has ended.
move() {
	move_begin "$2"
	move_wait
	((RC == $1)) || fail "status $RC: $(cat "$WORK/out.log")"
}

# postcopy_begin RATE: begun, until the guest is to run on node2, with that rate then.
postcopy_begin() {
	parameter postcopy
	move_begin 8mbit
	await 90 "post-copy" state_is POSTCOPY
	await 20 "the guest paused on its source" paused_there
	lab slow node1:mig "$1"
}

# moved NODE GAP_MS: it runs there, with the same memory.
moved() {
	await 30 "no open migration" migrations_none_open
	role_is_on web1 "$1" || fail "web1 is on $(role_place web1)"
	await 30 "web1 managed" role_managed web1
	[[ $(qemu_nodes web1) == "$1" ]] || fail "processes on $(qemu_nodes web1 | tr '\n' ' ')"
	unwatch web1 "$2"
	[[ $(boot_id web1) == "$BOOT" ]] || fail "the guest was restarted"
}

state_is() {
	[[ $(record_value "$(role_file web1 move)" state) == "$1" ]]
}

home() {
	role_is_on web1 node1 || cluster vmha migrate web1 --to node1 --mode quick >"$WORK/out.log" 2>&1 ||
		fail "back: $(cat "$WORK/out.log")"
	await 30 "no open migration" migrations_none_open
	BOOT=$(boot_id web1)
}

case_giveup() {
	parameter giveup
	move 1 8mbit
	grep -qE 'was not moved to node2: no progress for 5 s \(setting migration-stall\): the guest changes its memory as fast as it is copied. It runs on node1' "$WORK/out.log" ||
		fail "not why"
	moved node1 3000
}

op_timeout() {
	cluster cibadmin --query --xpath "//primitive[@id='web1']//op[@name='migrate_to']" |
		sed "s/timeout=\"[^\"]*\"/timeout=\"$1\"/" >"$WORK/op.xml"
	cluster cibadmin --modify --xml-text "$(<"$WORK/op.xml")" 2>"$WORK/cib.log" || fail "$(cat "$WORK/cib.log")"
	parameter giveup # settled again
}

case_time() {
	setting migration-stall=120
	op_timeout 75s
	move 1 8mbit
	grep -qE "out of time: it was not over within [34][0-9] s \(timeout of the role's operation migrate_to, less what an orderly end takes\). It runs on node1" "$WORK/out.log" ||
		fail "not why: $(cat "$WORK/out.log")"
	moved node1 3000
	op_timeout 600s
	setting migration-stall=5
}

# Slowed down by auto-converge it gets across: what it cannot do without, in the same network.
case_converge() {
	parameter giveup
	setting migration-stall=120 migration-autoconverge=on
	move 0 250mbit # at 60 it would take for ever
	setting migration-stall=5 migration-autoconverge=off
	moved node2 8000
}

case_quick() {
	parameter quick
	move 0 8mbit
	grep -qE "^web1 runs on node2 \(quick in [0-9.]+ s, blackout [0-9]+ ms, [1-9][0-9]* MiB, 1 attempt\): no progress" "$WORK/out.log" ||
		fail "what it took: $(tail -n 1 "$WORK/out.log")"
	say 'web1 cannot be moved live \(no progress for 5 s .*\): moved quick instead'
	moved node2 15000
}

# QEMU on the target may not use userfaultfd: that is said, and nothing else is lost by it.
case_fallback() {
	parameter postcopy
	lab service node2 stop libvirtd
	on node2 sh -c 'setpriv --bounding-set -sys_ptrace --inh-caps -sys_ptrace libvirtd --listen -d -p /run/libvirtd.pid'
	await 20 "libvirtd of node2" on node2 virsh list
	move 1 8mbit
	say 'web1 is moved without a possible post-copy, which is not possible here .*: if it does not get across it stays'
	moved node1 3000
	daemon_signal node2 libvirtd TERM
	await 10 "libvirtd of node2 gone" libvirtd_gone node2
	lab service node2 start libvirtd
}

libvirtd_gone() {
	! daemon_pid "$1" libvirtd
}

# Whoever looks at the source meanwhile leaves it alone.
case_postcopy() {
	local rc=0 pid
	postcopy_begin 20mbit
	pid=$(qemu_pid node1 web1)
	agent node1 web1 monitor OCF_RESKEY_CRM_meta_on_node=node1 >"$WORK/monitor.log" 2>&1 || rc=$?
	figure "monitor on the source meanwhile: $rc"
	((rc == 7)) || fail "the monitor on the source says $rc: $(cat "$WORK/monitor.log")"
	[[ -d /proc/$pid ]] || fail "the source was killed"
	! cluster vmha migration cancel web1 >"$WORK/cancel.log" 2>&1 || fail "a post-copy was cancelled"
	figure "$(cat "$WORK/cancel.log")"
	grep -q "too late" "$WORK/cancel.log" || fail "cancel: $(cat "$WORK/cancel.log")"
	on node1 virsh domjobabort web1 >/dev/null 2>&1 || true
	move_wait
	((RC == 0)) || fail "status $RC: $(cat "$WORK/out.log")"
	say 'web1 does not get across .*: it goes on on node2 now and fetches the rest of its memory'
	moved node2 15000
}

paused_there() {
	on node1 virsh domstate --reason web1 | grep -q 'paused (post-copy)'
}

case_agent() {
	local pids
	postcopy_begin 20mbit
	pids=$(node_pids node1 'vmha/(vm-action|vm) migrate_to')
	# shellcheck disable=SC2086
	kill -9 $pids
	await 120 "web1 managed on node2" arrived_managed
	move_wait
	moved node2 15000
}

# libvirtd of the source hangs for longer than a stream may stand still: the QEMUs do not need it.
case_deaf() {
	postcopy_begin 8mbit
	daemon_signal node1 libvirtd STOP
	sleep 40
	daemon_signal node1 libvirtd CONT
	lab slow node1:mig 60mbit
	move_wait
	((RC == 0)) || fail "status $RC: $(cat "$WORK/out.log")"
	moved node2 60000
}

arrived_managed() {
	role_managed web1 && role_is_on web1 node2 && [[ $(qemu_nodes web1) == node2 ]]
}

booted_again() {
	[[ $(boot_id web1) != "$BOOT" ]] && role_managed web1
}

# lose CMD...: in the post-copy; the guest is started again, once.
lose() {
	local start
	postcopy_begin 20mbit
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
	lab power on node2
	await 90 "node2 back" nodes_online 3
	await 90 "node2 has joined the volume" node_joined node2
	await 60 "clusterd" clusterd_ready
	settled 90
}

lab_begin --volume dir
await 60 "clusterd" clusterd_ready
cluster_from node3
# at full speed: a guest that is to pace itself does not when its clock was calibrated under load
role_make web1 --memory 192 --dirty 40:0
migrate_over mig
setting migration-stall=5 migration-autoconverge=off
home
for name in $CASES; do
	step "$name"
	"case_$name"
	home
done
disk_good web1
