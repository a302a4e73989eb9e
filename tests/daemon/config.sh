#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# vmha-test: timeout=300 lab=own
# Settings: a change is known to every clusterd within a second, in one write of the CIB; wrong ones
# are refused and write nothing; the end of Pacemaker, of clusterd or of its helper loses none.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"

# node_log NODE: its journal of events, as this machine sees it
node_log() {
	printf '%s/%s/var/log/vmha/events.jsonl' "$LAB_STATE" "$1"
}

# knows NODE TEXT SKIP: TEXT is among the events of the node, behind the first SKIP lines
knows() {
	tail -n "+$(($3 + 1))" "$(node_log "$1")" 2>/dev/null | grep -F -- "$2" >/dev/null
}

lines() {
	wc -l 2>/dev/null <"$(node_log "$1")" || printf 0
}

# set_seen SECONDS NODE TEXT ARGUMENTS...: `vmha set ARGUMENTS` on NODE, whose TEXT every node's
# clusterd then has as an event within SECONDS after the command's end
set_seen() {
	local limit_ms=$(($1 * 1000)) from=$2 text=$3 node end worst=0 took
	shift 3
	local -A behind=()
	for node in "${NODES[@]}"; do
		behind[$node]=$(lines "$node")
	done
	on "$from" vmha set "$@" >"$WORK/set.log" 2>&1 || fail "vmha set $*: $(cat "$WORK/set.log")"
	end=$(now_ms)
	for node in "${NODES[@]}"; do
		until knows "$node" "$text" "${behind[$node]}"; do
			(($(now_ms) - end < limit_ms)) || late "'$text' known on $node within $limit_ms ms"
			sleep 0.01
		done
		took=$(($(now_ms) - end))
		((took <= worst)) || worst=$took
	done
	SEEN_MS=$worst
}

# value NODE NAME [NODE]: what `vmha config` on NODE says
value() {
	on "$1" vmha config --output json |
		jq -r --arg name "$2" --arg node "${3:-}" \
			'.[] | select(.name == $name and (.node // "") == $node) | .value'
}

# epoch NODE: of its copy of the CIB, which has what was written from there.
epoch() {
	on "$1" cibadmin --query --no-children | sed -n 's/.* epoch="\([0-9]*\)".*/\1/p'
}

limit_is() {
	[[ $(on node1 crm_attribute --query --name migration-limit --quiet) == "$1" ]]
}

# slots_are NODE N M: N of the cluster, M of node2, as NODE says
slots_are() {
	[[ $(value "$1" migration-slots) == "$2" && $(value "$1" migration-slots node2) == "$3" ]]
}

# refused TEXT ARGUMENTS...: said why, and nothing was written
refused() {
	local text=$1 before rc=0
	shift
	before=$(epoch node1)
	on node1 vmha set "$@" >"$WORK/out.log" 2>"$WORK/err.log" || rc=$?
	((rc == 1 || rc == 2)) || fail "vmha set $*: status $rc"
	grep -qF -- "$text" "$WORK/err.log" || fail "vmha set $*: does not say '$text': $(cat "$WORK/err.log")"
	[[ $(epoch node1) == "$before" ]] || fail "vmha set $*: refused, and the CIB was written"
	figure "set $*: $(head -n 1 "$WORK/err.log")"
}

lab_begin --volume dir

step "what a new cluster has"
await 10 "migration-limit of 1" limit_is 1
[[ $(value node2 migration-slots) == 1 && $(value node2 migration-tls) == on ]] || fail "no defaults"

step "a change is known to all within a second"
all=()
for i in 2 3 4 5 6; do
	set_seen 1 node1 "migration-slots is $i now" "migration-slots=$i"
	all+=("$SEEN_MS")
done
figure "known to all nodes after the command's end: ${all[*]} ms"
set_seen 1 node3 "migration-slots of node node2 is 9 now" --node node2 migration-slots=9
for node in "${NODES[@]}"; do
	await 10 "6 and 9 slots as $node has them" slots_are "$node" 6 9
done
await 10 "migration-limit the most that a node may have" limit_is 9

step "several in one write, set and taken back"
before=$(epoch node2)
set_seen 1 node2 "event-files is 7 now" migration-streams=4 migration-tls=off event-files=7 migration-slots=2
[[ $(epoch node2) == $((before + 1)) ]] || fail "it took $(($(epoch node2) - before)) writes of the CIB"
before=$(epoch node2)
set_seen 1 node2 "migration-tls has its default again" --reset migration-streams migration-tls event-files
[[ $(epoch node2) == $((before + 1)) ]] || fail "it took $(($(epoch node2) - before)) writes of the CIB"
set_seen 1 node1 "migration-slots of node node2 has its default again" --reset migration-slots --node node2
await 10 "migration-limit of 2" limit_is 2
before=$(epoch node1)
on node1 vmha set migration-slots=2 >/dev/null || fail "what is so already"
[[ $(epoch node1) == "$before" ]] || fail "what is so already was written"

step "wrong ones"
refused "there is no setting 'nosuch'" nosuch=1
refused "it takes 1 to 16" migration-slots=17
refused "it takes 5 to 3600 s" migration-streams=3 migration-stall=4
refused "it takes on or off" migration-tls=yes
refused "one for the whole cluster" migration-tls=off --node node2
refused "no node named 'node9'" migration-slots=2 --node node9
refused "is not NAME=VALUE" migration-slots
refused "without a value" --reset migration-slots=1
refused "given twice" migration-slots=1 migration-slots=2
refused "vmha network" migration-order=x
[[ $(value node1 migration-streams) == 2 ]] || fail "half of a refused command was done"

step "one put there by other means that cannot be: its default holds, and all nodes say so"
skip=$(lines node3)
on node1 crm_attribute --name vmha-network-probe --update 900
await 10 "a warning on node3" knows node3 'not used: network-probe cannot be' "$skip"
default_is_shown() { [[ $(value node1 network-probe 2>/dev/null) == 2 ]]; }
await 10 "node1 showing the default" default_is_shown
on node1 crm_attribute --name vmha-network-probe --delete >/dev/null

step "the helper is killed"
pid=$(daemon_pid node1 vmha-cibwatch) || fail "no vmha-cibwatch on node1"
kill -9 "$pid"
set_seen 5 node2 "migration-stall is 61 now" migration-stall=61
figure "known to all with node1's helper just killed: $SEEN_MS ms"
await 10 "another vmha-cibwatch" daemon_pid node1 vmha-cibwatch

step "Pacemaker is down on node1: another node speaks for it; and it is restarted"
clusterd=$(daemon_pid node1 vmha-clusterd) || fail "no clusterd on node1"
lab service node1 stop pacemaker
cluster_from node2
await 60 "two nodes, and no election" nodes_online 2
set_seen 5 node2 "migration-stall is 62 now" migration-stall=62
figure "known to all with node1's Pacemaker down: $SEEN_MS ms"
lab service node1 start pacemaker
on node1 crm_resource --wait --timeout 60 >/dev/null 2>&1 || true
await 60 "three nodes, and no election" nodes_online 3
await 30 "node1's CIB" on node1 vmha config
set_seen 5 node3 "migration-stall is 63 now" migration-stall=63
figure "known to all after Pacemaker's restart: $SEEN_MS ms"
# node1's helper may be about to look for its CIB again: another node speaks for it after 2 s
set_seen 5 node1 "migration-stall is 64 now" migration-stall=64
[[ $(daemon_pid node1 vmha-clusterd) == "$clusterd" ]] || fail "clusterd did not live through it"

step "clusterd is restarted on all nodes at once: settings are there, no helper is left over"
for node in "${NODES[@]}"; do
	daemon_signal "$node" vmha-clusterd KILL
	lab service "$node" stop clusterd >/dev/null 2>&1 || true
done
await 20 "the helpers' end" eval '! daemon_pid node1 vmha-cibwatch && ! daemon_pid node2 vmha-cibwatch'
for node in "${NODES[@]}"; do
	lab service "$node" start clusterd
done
await 60 "clusterd" clusterd_ready
set_seen 5 node1 "migration-slots is 1 now (was 2)" migration-slots=1
[[ $(value node3 migration-stall) == 64 ]] || fail "migration-stall was lost"
