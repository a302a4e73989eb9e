#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# vmha-test: timeout=300 lab=own
# The replicated state: one on all nodes, whatever is killed; a side without quorum takes the other's.
# An idle clusterd costs next to nothing.
# shellcheck disable=SC2016,SC2153 # programs of awk and of shells in the nodes; STATE is of clusterd-lib.sh
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"
# shellcheck source=tests/clusterd-lib.sh
. "$(dirname "$0")/../clusterd-lib.sh"
IDLE_S=${VMHA_TEST_IDLE_S:-20}

start() {
	local node
	for node in "$@"; do
		lab service "$node" start clusterd >/dev/null || fail "clusterd of $node does not come back"
	done
}

# is_member STATE-OF NODE true|false
is_member() {
	[[ $(clusterd_state "$1" | jq ".nodes[] | select(.name == \"$2\") | .member") == "$3" ]]
}

all_there() {
	clusterd_agree "${NODES[@]}" &&
		[[ $(jq -c '[.quorate] + [.nodes[] | .member and .ready]' <<<"$STATE") == '[true,true,true,true]' ]]
}

# is_quorate NODE true|false
is_quorate() {
	[[ $(clusterd_state "$1" | jq .quorate) == "$2" ]]
}

# What must outlive every daemon.
records() {
	jq -S '{next_id, migrations, settings, roles, nodes: [.nodes[] | {id, name, drain}]}' <<<"$STATE"
}

# ticks NODE: processor time of its clusterd, in 1/100 s; rss NODE: KiB
ticks() {
	on "$1" awk '{ print $14 + $15 }' "/proc/$(clusterd_pid "$1")/stat"
}

rss() {
	on "$1" awk '/^VmRSS/ { print $2 }' "/proc/$(clusterd_pid "$1")/status"
}

lab_begin --nodes 3 --volume dir

step "all agree"
await_agree 20 "${NODES[@]}"
figure "seq=$(jq .seq <<<"$STATE") nodes=$(jq -c '[.nodes[].name]' <<<"$STATE")"
await 20 "all there, with quorum" all_there

step "idle for $IDLE_S s"
declare -A BEFORE
for node in "${NODES[@]}"; do
	BEFORE[$node]=$(ticks "$node")
done
BEGIN=$(now_ms)
sleep "$IDLE_S"
for node in "${NODES[@]}"; do
	CPU=$(awk -v t="$(($(ticks "$node") - BEFORE[$node]))" -v ms="$(($(now_ms) - BEGIN))" \
		-v hz="$(getconf CLK_TCK)" 'BEGIN { printf "%.2f", t / hz / (ms / 1000) * 100 }')
	RSS=$(rss "$node")
	figure "$node: idle cpu ${CPU} % of a core, rss $RSS KiB"
	awk -v c="$CPU" 'BEGIN { exit !(c < 0.5) }' || fail "clusterd of $node is not idle: $CPU %"
	((RSS < 32 * 1024)) || [[ -n $(sanitizers) ]] || fail "clusterd of $node takes $RSS KiB"
done

step "one is killed and comes back"
await_agree 20 "${NODES[@]}"
SEQ=$(jq .seq <<<"$STATE")
KEEP=$(records)
daemons_kill vmha-clusterd node2
await 20 "node1 misses node2's clusterd" is_member node1 node2 false
start node2
await_agree 20 "${NODES[@]}"
(($(jq .seq <<<"$STATE") > SEQ)) || fail "the state went back"
[[ $(records) == "$KEEP" ]] || fail "records changed: $(diff <(echo "$KEEP") <(records))"

step "all are killed at once"
SEQ=$(jq .seq <<<"$STATE")
daemons_kill vmha-clusterd "${NODES[@]}"
start "${NODES[@]}"
await_agree 20 "${NODES[@]}"
(($(jq .seq <<<"$STATE") >= SEQ)) || fail "the state went back: $(jq .seq <<<"$STATE") after $SEQ"
[[ $(records) == "$KEEP" ]] || fail "records changed: $(diff <(echo "$KEEP") <(records))"

step "the state on a node's disk is damaged"
lab service node1 stop clusterd >/dev/null
on node1 sh -c 'for f in /var/lib/vmha/cluster.json*; do head -c 40 /dev/urandom >"$f"; done'
start node1
await_agree 20 "${NODES[@]}"
[[ $(records) == "$KEEP" ]] || fail "records changed"

step "a partition: the side that was quorate wins"
on node1 crm_attribute -t crm_config -n stonith-enabled -v false
lab cut node3 clu
lab cut node3 mgt
await 20 "node1 misses node3" is_member node1 node3 false
await 20 "node3 is alone" is_member node3 node1 false
await 10 "node3 without a quorum" is_quorate node3 false
# the minority's state moves on: it must not win by its number of events
for _ in 1 2 3 4 5; do
	lab service node3 restart clusterd >/dev/null
done
daemons_kill vmha-clusterd node1
start node1
await_agree 20 node1 node2
lab heal node3
await_agree 40 "${NODES[@]}"
await 20 "all there again, with quorum" all_there
[[ $(records) == "$KEEP" ]] || fail "records changed: $(diff <(echo "$KEEP") <(records))"

step "corosync is restarted below one"
lab service node2 stop pacemaker >/dev/null
PID=$(clusterd_pid node2)
lab service node2 restart corosync >/dev/null
await_agree 40 "${NODES[@]}"
[[ $(clusterd_pid node2) == "$PID" ]] || fail "clusterd of node2 was restarted"

step "without corosync clusterd waits, and answers that it does"
lab service node2 stop corosync >/dev/null
lab service node2 stop clusterd >/dev/null
background late start node2 # which waits until it is in sync
await 20 "an answer" clusterd_call node2 '{"v":1,"op":"hello"}'
PID=$(clusterd_pid node2)
clusterd_call node2 '{"v":1,"op":"monitor","vm":"web1","pid":1}' >"$WORK/monitor.log" 2>&1 || true
clusterd_call node2 '{"v":1,"op":"hello"}' >/dev/null || fail "no answer: $(clusterd_log node2 | tail -n 5)"
lab service node2 start corosync >/dev/null
wait "${PIDS[late]}" || fail "clusterd of node2 does not come to be in sync"
await_agree 40 "${NODES[@]}"
[[ $(clusterd_pid node2) == "$PID" ]] || fail "clusterd of node2 fell"

step "a node that hangs while another joins does not stop the rest"
PID=$(clusterd_pid node3)
on node3 kill -STOP "$PID"
daemons_kill vmha-clusterd node2
BEGIN=$(now_ms)
start node2
await_agree 20 node1 node2
figure "node2 in sync beside a clusterd that hangs after $(($(now_ms) - BEGIN)) ms"
on node3 kill -CONT "$PID"
await_agree 20 "${NODES[@]}"
[[ $(records) == "$KEEP" ]] || fail "records changed"

step "the end"
clusterd_sane "${NODES[@]}"
