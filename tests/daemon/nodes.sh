#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# vmha-test: timeout=600 lab=own weight=3
# Nodes come and go while VMs run: a fourth node becomes ready, takes a VM, is drained and taken out;
# nothing is left of it, and it comes again under its name with another id.  No guest notices.
# shellcheck source=tests/clusterd-lib.sh
. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/../clusterd-lib.sh"
declare -A BOOT=()

# node_known NODE FILTER: what NODE's state says of node4.
node_known() {
	[[ $(clusterd_state "$1" | jq -c ".nodes[] | select(.name == \"node4\") | $2") == true ]]
}

node4_ready() {
	local node
	for node in "${NODES[@]}"; do
		node_known "$node" ".ready and .id == $1" || return 1
	done
}

node4_gone() {
	local node
	for node in node1 node2 node3; do
		[[ $(clusterd_state "$node" | jq -c '[.nodes[].name] | sort') == '["node1","node2","node3"]' ]] || return 1
	done
}

untouched() {
	local vm
	for vm in web1 web2; do
		[[ $(boot_id "$vm") == "${BOOT[$vm]}" ]] || fail "$1: $vm was booted again"
		await 20 "$1: $vm managed" role_managed "$vm"
	done
	await 10 "$1: no open migration" moves_ended
	((!$(fences_count))) || fail "$1: fenced: $(fences)"
}

no_node4() {
	# shellcheck disable=SC2086 # words
	cluster $1 >"$WORK/out.log" && ! grep node4 "$WORK/out.log"
}

gone_told() {
	cluster vmha events --node node4 | grep "is no node of the cluster any more"
}

# The volume and the networks are there too.
node4_usable() {
	cluster vmha cluster check >"$WORK/check.log" &&
		cluster vmha network list --output json |
		jq -e '[.[] | select(.state == "up" and any(.addresses[]; .node == "node4"))] | length == 5' >/dev/null
}

# node4_added ID: sets BEGIN.
node4_added() {
	local start
	start=$(now_ms)
	lab node add --id "$1" >"$WORK/node.log" 2>&1 || fail "node add: $(cat "$WORK/node.log")"
	NODES=(node1 node2 node3 node4)
	figure "node4 with id $1 in the cluster after $(($(now_ms) - start)) ms"
	await 20 "node4 ready as id $1 for all nodes" node4_ready "$1"
	await 60 "volume and networks of node4" node4_usable
	figure "... usable after $(($(now_ms) - start)) ms"
	await_agree 20 "${NODES[@]}"
}

migrated() {
	cluster vmha migrate web1 --to "$1" --timeout 120 >"$WORK/out.log" 2>&1 || fail "to $1: $(cat "$WORK/out.log")"
	await 10 "web1 on $1" role_is_on web1 "$1"
	figure "$(tail -n 1 "$WORK/out.log")"
}

lab_begin --volume dir
await 60 "three nodes" nodes_online 3
role_make web1
role_make web2
for vm in web1 web2; do
	BOOT[$vm]=$(boot_id "$vm")
	ping_begin "$vm"
done

step "a fourth node while they run"
node4_added 4
untouched "a node was added"
cluster vmha network list
grep node4 "$WORK/check.log"
migrated node4

step "drained, and taken out"
cluster vmha drain node4 --wait --timeout 120 >"$WORK/out.log" 2>&1 || fail "drain: $(cat "$WORK/out.log")"
tail -n 1 "$WORK/out.log"
[[ $(cluster cibadmin -Q --scope constraints) == *vmha-drain-node4-* ]] || fail "no ban of node4 was written"
untouched "node4 is drained"
start=$(now_ms)
lab node remove node4 >"$WORK/node.log" 2>&1 || fail "node remove: $(cat "$WORK/node.log")"
NODES=(node1 node2 node3)
figure "node4 out of the cluster after $(($(now_ms) - start)) ms"
await 20 "node4 forgotten by all" node4_gone
figure "... forgotten after $(($(now_ms) - start)) ms"
await_agree 20 "${NODES[@]}"
untouched "node4 is gone"
[[ $(clusterd_state node1 | jq '[.drains[]?, .roles[]?] | length') == 0 ]] || fail "left of it: $(clusterd_state node1)"
three_in_status() { [[ $(cluster vmha status --output json | jq -c '[.nodes[].name] | sort') == '["node1","node2","node3"]' ]]; }
await 20 "three nodes in vmha status" three_in_status
for what in "vmha network list" "cibadmin -Q --scope constraints" "cibadmin -Q --scope nodes"; do
	await 20 "no word of node4 in: $what" no_node4 "$what"
done
await 20 "nothing wrong in the cluster's check" cluster vmha cluster check
await 10 "an event that tells that it is gone" gone_told

step "again under its name, with another id"
node4_added 104
migrated node4
migrated node1
untouched "node4 came back as 104"

step "and once more, before all have forgotten it"
cluster vmha drain node4 --wait --timeout 120 >"$WORK/out.log" 2>&1 || fail "drain: $(cat "$WORK/out.log")"
lab node remove node4 >"$WORK/node.log" 2>&1 || fail "node remove: $(cat "$WORK/node.log")"
NODES=(node1 node2 node3)
node4_added 204
migrated node4
untouched "node4 came back as 204"

for vm in web1 web2; do
	ping_end "$vm"
	((PING_GAP_MS < 3000)) || fail "$vm was silent for $PING_GAP_MS ms"
	disk_good "$vm"
done
