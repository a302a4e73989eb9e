#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# vmha-test: timeout=600 lab=own weight=1
# The volume's locks as leases of sanlock: one coordinator, handed over, taken over from a killed process
# and a lost node; commands of two nodes at once; the admin lock of a killed command and of a lost node.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"

owner() {
	cluster vmha volume list --output json | jq -r ".[] | select(.name == \"$VOLUME\") | .owner_node"
}

epoch() {
	cluster vmha volume show "$VOLUME" --output json | jq -r .owner.epoch
}

owned() {
	[[ $(owner) != null ]]
}

owner_is() {
	[[ $(owner) == "$1" ]]
}

owner_is_not() {
	local now
	now=$(owner)
	[[ $now != null && $now != "$1" ]]
}

# told TEXT: an event says so.
told() {
	cluster vmha events --output json | grep -- "$1" >/dev/null
}

# refused TEXT CMD...
refused() {
	local text=$1 rc=0
	shift
	cluster "$@" >"$WORK/refused.log" 2>&1 || rc=$?
	((rc == 1)) || fail "status $rc instead of 1: $*: $(cat "$WORK/refused.log")"
	grep -q -- "$text" "$WORK/refused.log" || fail "'$text' is not in: $(cat "$WORK/refused.log")"
}

# definition NAME: a role that is never started.
definition() {
	local node
	lab guest disk "/clusterstorage/$VOLUME/disk-$1.img"
	lab guest xml "$1" --disk "/clusterstorage/$VOLUME/disk-$1.img" >"$WORK/$1.xml"
	for node in "${NODES[@]}"; do
		on "$node" sh -c "cat >/root/$1.xml" <"$WORK/$1.xml"
	done
}

add() {
	on "$1" vmha vm add "$2" --xml "/root/$2.xml" --volume "$VOLUME" --disabled
}

lab_begin --volume dir

step "one of the nodes coordinates it"
await 60 "a coordinator" owned
FIRST=$(owner)
E=$(epoch)
[[ $(cluster vmha volume show "$VOLUME" --output json | jq -r .owner.lock) == sanlock ]] || fail "the lock's kind"
cluster vmha volume show "$VOLUME" | grep "Owner node.*$FIRST, epoch $E, by its lock of sanlock" ||
	fail "volume show: $(cluster vmha volume show "$VOLUME" | head -n 12)"
await 10 "the event" told "$FIRST coordinates volume $VOLUME now, epoch $E"

step "moved"
NEXT=$(node_other "$FIRST")
START=$(now_ms)
cluster vmha volume move "$VOLUME" "$NEXT" || fail "volume move"
figure "volume_move_ms=$(($(now_ms) - START))"
owner_is "$NEXT" || fail "$(owner) coordinates it"
(($(epoch) > E)) || fail "the epoch did not grow"
await 10 "the event of the move" told "$NEXT coordinates volume $VOLUME now.*asked for by an administrator"
refused "coordinates volume $VOLUME already" vmha volume move "$VOLUME" "$NEXT"
refused "no node named 'nowhere'" vmha volume move "$VOLUME" nowhere
refused "has not started volume nothing" vmha volume move nothing "$NEXT"

step "its process is killed: somebody coordinates it again"
E=$(epoch)
START=$(now_ms)
daemon_signal "$NEXT" vmha-coordinato KILL
newer() {
	(($(epoch) > E)) && owned
}
await 30 "a coordinator" newer
figure "coordinator_killed_to_next_ms=$(($(now_ms) - START)) next=$(owner)"

step "roles are added and removed from two nodes at once"
for I in 1 2 3 4; do
	definition "vm$I"
done
rounds() {
	local node=$1 i
	shift
	for i in 1 2; do
		add "$node" "$1" && on "$node" vmha vm remove "$1" || return 1
		add "$node" "$2" && on "$node" vmha vm remove "$2" || return 1
	done
}
rounds node1 vm1 vm2 >"$WORK/rounds1.log" 2>&1 &
ONE=$!
rounds node2 vm3 vm4 >"$WORK/rounds2.log" 2>&1 || fail "node2: $(tail -n 5 "$WORK/rounds2.log")"
wait "$ONE" || fail "node1: $(tail -n 5 "$WORK/rounds1.log")"
figure "waited for another's command: $(cat "$WORK"/rounds?.log | grep -c 'waiting for a command on' || true) times"
cluster vmha volume show "$VOLUME" --output json | jq -r '.leases[].lease' >"$WORK/leases"
! grep -q '^vm' "$WORK/leases" || fail "leases are left: $(cat "$WORK/leases")"

# held_by NODE: a command of that node sleeps in the middle of its change.
held_by() {
	on "$1" strace -f -o /dev/null -E "ASAN_OPTIONS=${SANITIZER_OPTIONS:-}:detect_leaks=0" -e trace=fsync \
		-e inject=fsync:delay_enter=60000000 \
		vmha vm add vm1 --xml /root/vm1.xml --volume "$VOLUME" --disabled >"$WORK/held.log" 2>&1 &
	await 20 "the lock held by $1" admin_is "$1"
}
admin_is() {
	[[ $(cluster vmha volume show "$VOLUME" --output json |
		jq -r '.leases[] | select(.lease == "volume-admin") | .owner') == "$1" ]]
}

step "a command that holds the lock is killed"
cluster_from node3
held_by node1
START=$(now_ms)
add node2 vm2 >"$WORK/second.log" 2>&1 &
SECOND=$!
waits_for() {
	grep -q "waiting for a command on $1" "$WORK/second.log"
}
await 20 "the second command to say for whom it waits" waits_for node1
daemon_signal node1 vmha KILL
wait "$SECOND" || fail "the second command: $(cat "$WORK/second.log")"
! grep '^vmha: ' "$WORK/second.log" | grep -v '^vmha: warning: ' || fail "it succeeded, and told an error"
figure "holder_killed_total_ms=$(($(now_ms) - START))"
on node2 vmha vm remove vm2 >/dev/null || fail "vm remove vm2"
on node2 vmha vm remove vm1 --volume "$VOLUME" >/dev/null 2>&1 || true

step "the node that holds both locks is lost, and stays off"
# fenced by a reboot it would be back, and coordinate again, before its leases are free for others
cluster crm_attribute --name stonith-action --update off >/dev/null
cluster vmha volume move "$VOLUME" node1 || owner_is node1 || fail "volume move to node1"
held_by node1
START=$(now_ms)
lab power off node1
await 120 "another coordinator" owner_is_not node1
figure "owner_lost_to_next_ms=$(($(now_ms) - START)) next=$(owner)"
await 20 "the event of the loss" told "coordinates volume $VOLUME now.*node1 was lost"
add node2 vm2 || fail "the admin lock of the lost node is not free"
figure "owner_lost_to_command_done_ms=$(($(now_ms) - START))"
on node2 vmha vm remove vm2 >/dev/null || fail "vm remove vm2"

step "the volume is left: nobody coordinates it, and nothing hangs"
BEFORE=$(fences_count)
cluster crm_resource --resource "$VOLUME-clone" --meta --set-parameter target-role \
	--parameter-value Stopped >/dev/null
settled 90
[[ -z $(node_pids node2 'vmha-coordinator')$(node_pids node3 'vmha-coordinator') ]] || fail "a coordinator is left"
[[ $(fences_count) == "$BEFORE" ]] || fail "fenced: $(fences)"
