#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# vmha-test: timeout=600 lab=own
# A drain ends although something is in its way: a role that Pacemaker has blocked and that nobody
# heals is named with Pacemaker's reason, and a queued move whose target has no clusterd goes to
# another node.  Healed, the role leaves as well.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"
# shellcheck source=tests/drain-lib.sh
. "$(dirname "$0")/../drain-lib.sh"
VMS=(web1 web2 web3 web4)

untouched() {
	local vm
	for vm in "${VMS[@]}"; do
		[[ $(boot_id "$vm") == "${BOOT[$vm]}" ]] || fail "$1: $vm was booted again"
	done
}

blocked() {
	cluster vmha vm list --output json | jq -e ".[] | select(.name == \"$1\") | .state == \"blocked\""
}

role_is_elsewhere() {
	[[ $(role_place "$1") == node[23] ]]
}

# queued: "ID TARGET" of a move that waits.
queued() {
	cluster vmha migration list --open --output json |
		jq -r '[.[] | select(.phase == "QUEUED")][0] | "\(.id) \(.to)"'
}

one_copies_two_wait() {
	cluster vmha migration list --open --output json |
		jq -e '([.[] | select(.phase == "QUEUED")] | length == 2) and
			([.[] | select(.state == "COPYING")] | length == 1)'
}

lab_begin --volume dir
await 60 "clusterd" clusterd_ready
step "four VMs on node1"
vms_on_node1
migrate_over mig

step "web1 is blocked, its guest runs on"
cluster crm_attribute --type op_defaults --name on-fail --update block
settled 60
cluster crm_resource --resource web1 --fail --node node1 >/dev/null
await 20 "web1 blocked" blocked web1
untouched "blocked"

step "drain; the clusterd of a queued move's target stops"
lab slow mig 20mbit # the copy goes on until the queued move's target is away
start=$(now_ms)
cluster vmha drain node1 >/dev/null
await 40 "one copy, two queued" one_copies_two_wait
read -r id away < <(queued)
lab service "$away" stop clusterd
gone_ms=$(now_ms)
await 30 "move $id given up" migration_is "$id" ENDED
figure "given_up_ms=$(($(now_ms) - gone_ms)) move=$id: $(migration "$id" .reason)"
[[ $(migration "$id" .result) == KEPT ]] || fail "move $id: $(migration "$id" .result)"
[[ $(migration "$id" .reason) == *"clusterd does not run on $away"* ]] || fail "move $id: $(migration "$id" .reason)"
lab slow mig off
rc=0
cluster vmha drain node1 --wait --timeout 180 >"$WORK/drain.log" 2>&1 || rc=$?
figure "drain with a blocked role and a target away: ms=$(($(now_ms) - start))"
sed 's/^/  /' "$WORK/drain.log"
((rc == 1)) || fail "a drain that leaves a role ends with status $rc"
grep -q 'not empty: web1 (.*Pacemaker has blocked it: asyncmon failed on node1' "$WORK/drain.log" ||
	fail "Pacemaker's reason is not named"
process_on web1 node1 || fail "web1 is on $(qemu_nodes web1)"
for vm in web2 web3 web4; do
	await 10 "$vm away from node1" role_is_elsewhere "$vm"
	await 20 "$vm managed" role_managed "$vm"
done
await 20 "no open migration" migrations_none_open
untouched "the drain"

step "healed, it leaves as well"
lab service "$away" start clusterd
await 60 "clusterd" clusterd_ready
cluster vmha heal web1 || fail "heal"
cluster vmha drain node1 --wait --timeout 120 || fail "drain"
await 10 "web1 away from node1" role_is_elsewhere web1
untouched "drained"
for vm in "${VMS[@]}"; do
	disk_good "$vm"
done
