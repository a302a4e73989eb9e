#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# vmha-test: timeout=420 lab=own weight=1
# Migrations and networks: memory goes over the chosen network and no other; the first network cut
# (its cable, or silently): the next is used, and the journal says so; all cut: refused within five
# seconds with each network and its error, the VM untouched.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"
NETS=(clu mig pub mgt)
MANY=$((20 << 20)) # memory of a guest; nothing else sends as much here
FEW=$((4 << 20))

declare -A BEFORE=()
sent() {
	on "$1" cat "/sys/class/net/$2/statistics/tx_bytes"
}

# The cards themselves: what goes through a bridge is counted on its port.
counters_begin() {
	local net
	for net in "${NETS[@]}"; do
		BEFORE[$net]=$(sent "$1" "$net")
	done
}

# counters_end NODE NET: only that network has carried much since.
counters_end() {
	local net bytes
	for net in "${NETS[@]}"; do
		bytes=$(($(sent "$1" "$net") - BEFORE[$net]))
		figure "$1 sent over $net: $((bytes >> 10)) KiB"
		if [[ $net == "$2" ]]; then
			((bytes > MANY)) || fail "$net did not carry the memory"
		else
			((bytes < FEW)) || fail "$net carried $bytes bytes, only $2 should have"
		fi
	done
}

# move_over FROM TO NET: a move succeeds, over NET alone.
move_over() {
	counters_begin "$1"
	cluster vmha migrate web1 --to "$2" --wait >"$WORK/out.log" 2>&1 || fail "$(cat "$WORK/out.log")"
	figure "$(tail -n 1 "$WORK/out.log")"
	await 20 "web1 on $2" role_is_on web1 "$2"
	counters_end "$1" "$3"
	[[ $(record_value "$(role_file web1 move)" address) == "$(address "$2" "$3")" ]] ||
		fail "it went to $(record_value "$(role_file web1 move)" address)"
	undisturbed
}

address() {
	on "$1" ip -o -4 address show dev "$(network_card "$2")" | awk '{ sub("/.*", "", $4); print $4; exit }'
}

undisturbed() {
	[[ $(boot_id web1) == "$BOOT" ]] || fail "the guest was restarted"
}

# fell_back WHY: the journal's last word on networks is a fallback for that reason.
fell_back() {
	await 10 "an event that says '$1'" last_word_is "$1"
	figure "$(grep -F 'web1 is moved over' "$WORK/events.log" | tail -n 1)"
}

last_word_is() {
	cluster vmha events --vm web1 >"$WORK/events.log" 2>&1 || return 1
	[[ $(grep -F 'web1 is moved over' "$WORK/events.log" | tail -n 1) == *$1* ]]
}

# all_see NET WORDS: every node says that of the network.
all_see() {
	local node subnet
	subnet=$(network_of "$1")
	for node in "${NODES[@]}"; do
		[[ $(on "$node" vmha network list --output json |
			jq -r --arg subnet "$subnet" '.[] | select(.subnet == $subnet) | .state + " " + .words') == "$2" ]] ||
			return 1
	done
}

managed_on() {
	role_is_on "$1" "$2" && role_managed "$1"
}

no_constraint() {
	! cluster cibadmin --query --xpath "//rsc_location[@id='cli-prefer-web1']" >/dev/null 2>&1
}

lab_begin --volume dir
role_make web1
role_to web1 node1
cluster_from node3
BOOT=$(boot_id web1)
migrate_over mig mgt pub
watch web1

step "over the first network"
move_over node1 node2 mig
step "order changed: over that one"
migrate_over mgt mig pub
move_over node2 node1 mgt
migrate_over mig mgt pub

step "the first network's cable is pulled"
lab cut node2 mig
await 20 "all nodes know it" all_see mig "partitioned partitioned: node2"
move_over node1 node2 mgt
fell_back "node2's card is down"
lab heal all
await 20 "all nodes know it" all_see mig "up up"
step "it drops all silently"
lab cut node2 mig --in
start=$(now_ms)
move_over node2 node1 mgt
figure "silent: moved within $(($(now_ms) - start)) ms"
fell_back "no* answer*" # as clusterd's echoes or the agent's connect have it
lab heal all

step "all are cut"
for net in mig mgt pub; do
	lab cut node2 "$net"
done
rc=0
start=$(now_ms)
cluster vmha migrate web1 --to node2 --wait >"$WORK/out.log" 2>&1 || rc=$?
took=$(($(now_ms) - start))
((rc == 1)) || fail "status $rc: $(cat "$WORK/out.log")"
figure "refused after $took ms: $(tail -n 1 "$WORK/out.log")"
((took < $(limit_ms 5000))) || fail "it took $took ms"
undisturbed
role_is_on web1 node1 || fail "web1 is on $(role_place web1)"
await 10 "web1 managed" role_managed web1
step "likewise by crm_resource"
start=$(now_ms)
cluster crm_resource --resource web1 --move --node node2
await 40 "the constraint gone" no_constraint
await 40 "web1 managed" role_managed web1
await 40 "no open migration" migrations_none_open
figure "clean again after $(($(now_ms) - start)) ms"
undisturbed
await 10 "web1 managed on node1" managed_on web1 node1
lab heal all
unwatch web1 3000 # a busy machine stretches the blackout
((W[boots] == 1)) || fail "the guest was restarted"
disk_good web1
