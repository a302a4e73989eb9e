#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# vmha-test: timeout=1200 lab=own
# What a lock of a volume costs: DLM's through lib/port/lock_dlm.c beside bare libdlm in the same run, with
# the resource mastered here and on the other node.  `make bench`; no part of ./check.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"

NODES=(node1 node2)
ROUNDS=${VMHA_BENCH_ROUNDS:-100}

# put FILE: in every node.
put() {
	local node
	for node in "${NODES[@]}"; do
		on "$node" sh -c "cat >/usr/bin/${1##*/} && chmod 755 /usr/bin/${1##*/}" <"$1"
	done
}

dlm_runs() {
	local node
	for node in "${NODES[@]}"; do
		on "$node" dlm_tool status 2>/dev/null | grep -q "^node 2 M" || return 1
	done
}

lab_begin --vm --nodes 2
cluster crm configure primitive dlm ocf:pacemaker:controld op start timeout=90s op stop timeout=100s \
	op monitor interval=30s on-fail=fence
cluster crm configure clone dlm-clone dlm meta interleave=true
await 180 "dlm_controld on both nodes" dlm_runs
put "$BUILD/tests/bench/lock-bench"

step "mastered on the node that locks"
on node1 lock-bench vmha-bench here "$ROUNDS" || fail "lock-bench"

step "mastered on the other node"
background holder on node2 lock-bench hold vmha-bench there 600
held() {
	on node2 dlm_tool lockdump vmha-bench | grep -q there
}
await 60 "the other node's lock" held
# a lock of the same resource that is in nobody's way: node2 masters it
on node1 lock-bench vmha-bench beside "$ROUNDS" || fail "lock-bench"
