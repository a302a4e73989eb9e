#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# vmha-test: timeout=1200 lab=own weight=1
# A guest that changes its memory faster than the network carries it: slowed down until it gets
# across; given up; out of the operation's time; moved quick; and told where post-copy is not possible.
# VMHA_TEST_CASES: some of them.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"
# shellcheck source=tests/stall-lib.sh
. "$(dirname "$0")/../stall-lib.sh"

case_giveup() {
	parameter giveup
	move 1
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
	move 1
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
	move 0 250mbit # at 30 it would take for ever
	setting migration-stall=5 migration-autoconverge=off
	moved node2 8000
}

case_quick() {
	parameter quick
	move 0
	grep -qE "^web1 runs on node2 \(quick in [0-9.]+ s, blackout [0-9]+ ms, [1-9][0-9]* MiB, 1 attempt\): no progress" "$WORK/out.log" ||
		fail "what it took: $(tail -n 1 "$WORK/out.log")"
	say 'web1 cannot be moved live \(no progress for 5 s .*\): moved quick instead'
	moved node2 15000
}

libvirtd_gone() {
	! daemon_pid "$1" libvirtd
}

# QEMU on the target may not use userfaultfd: that is said, and nothing else is lost by it.
case_fallback() {
	parameter postcopy
	lab service node2 stop libvirtd
	on node2 sh -c 'setpriv --bounding-set -sys_ptrace --inh-caps -sys_ptrace libvirtd --listen -d -p /run/libvirtd.pid'
	await 20 "libvirtd of node2" on node2 virsh list
	move 1
	say 'web1 is moved without a possible post-copy, which is not possible here .*: if it does not get across it stays'
	moved node1 3000
	daemon_signal node2 libvirtd TERM
	await 30 "libvirtd of node2 gone" libvirtd_gone node2
	lab service node2 start libvirtd
}

# shellcheck disable=SC2086 # names
stall_cases ${VMHA_TEST_CASES:-giveup time converge quick fallback}
