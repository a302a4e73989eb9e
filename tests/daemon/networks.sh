#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# vmha-test: timeout=420 lab=own weight=1
# Cluster networks on real nodes: defaults of metric and role, settings, order and exclusion, the
# same on all nodes at once; cards that come, go and lose their cable; a restart of everything; and
# a VM that moves over IPv6.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"
AGREE_MS=$(limit_ms 1000)

networks() {
	on "$1" vmha network list --output json
}

# says NODE JQ: does that node's list of networks fulfil it?
says() {
	networks "$1" 2>/dev/null | jq -e "$2" >/dev/null
}

# field SUBNET NAME: of that network, on the cluster's node
field() {
	networks "$CLUSTER_NODE" | jq -r ".[] | select(.subnet == \"$1\") | .$2"
}

# words_are SUBNET WORDS: said once every node has reported. A node whose probe was in vain is named
# as long as nobody has told whose card it is.
words_are() {
	[[ $(field "$1" words) == "$2" ]]
}

# agree WHAT JQ CMD...: CMD makes all nodes say so; how long after its end, as each node sees it.  Three
# nodes that look without a pause would take the processor from those who are to agree.
agree() {
	local what=$1 query=$2 node start last=0 at pids=()
	shift 2
	for node in "${NODES[@]}"; do
		on "$node" sh -c "echo begun; until vmha network list --output json 2>/dev/null |
			jq -e '$query' >/dev/null; do sleep 0.1; done; date +%s%3N" >"$WORK/agree-$node.log" &
		pids+=($!)
	done
	await 10 "nodes that look" agree_lines 1
	# a trap for tests that wait for what is so already
	if says "$CLUSTER_NODE" "$query"; then
		fail "$what: it is so before anything is done"
	fi
	"$@" >"$WORK/agree.log" 2>&1 || fail "$what: $(cat "$WORK/agree.log")"
	start=$(now_ms)
	await 15 "all nodes see: $what" agree_lines 2
	wait "${pids[@]}" || fail "$what: not seen"
	for node in "${NODES[@]}"; do
		at=$(($(tail -n 1 "$WORK/agree-$node.log") - start))
		((at <= last)) || last=$at
	done
	figure "agree_ms=$last $what"
	((last <= ${LIMIT_MS:-$AGREE_MS})) || late "$what: within ${LIMIT_MS:-$AGREE_MS} ms, not only after $last ms"
}

agree_lines() {
	local node
	for node in "${NODES[@]}"; do
		[[ $(wc -l <"$WORK/agree-$node.log") == "$1" ]] || return 1
	done
}

table_of() {
	networks "$1" |
		jq -r '.[] | "\(.name | ltrimstr("Cluster Network ")) \(.metric) \(.autometric) \(.role) \(.subnet)"'
}

order_of() {
	on "$1" vmha network order --output json | jq -r '[.[].name | ltrimstr("Cluster Network ")] | join(" ")'
}

shows() {
	GOT=$("$1" "$2")
	[[ $GOT == "$3" ]]
}

# all_show WHAT FUNCTION WANT: what FUNCTION prints of every node.
all_show() {
	local node end
	for node in "${NODES[@]}"; do
		end=$(($(now_ms) + 10000))
		until shows "$2" "$node" "$3"; do
			(($(now_ms) < end)) || late "$1: $node shows"$'\n'"$GOT"$'\n'"instead of"$'\n'"$3"
			sleep 0.1
		done
	done
	figure "$1: the same on all nodes"
}

# table WHAT: what all nodes must show, from standard input: number, metric, AutoMetric, role, subnet
table() {
	all_show "$1" table_of "$(cat)"
}

# order NUMBER...: the migration order, as all nodes show it
order() {
	all_show "migration order $*" order_of "$*"
}

refused() {
	local text=$1 rc=0
	shift
	cluster vmha network "$@" >"$WORK/refused.log" 2>&1 || rc=$?
	if ((!rc)) || ! grep -qF -- "$text" "$WORK/refused.log"; then
		fail "vmha network $*: status $rc: $(cat "$WORK/refused.log")"
	fi
}

# of NUMBER FIELD OP VALUE as a jq condition
of() {
	printf '.[] | select(.name == "Cluster Network %s") | .%s == %s' "$1" "$2" "$3"
}

services() {
	local node service pids
	for service in "${@:2}"; do
		pids=()
		for node in "${NODES[@]}"; do
			lab service "$node" "$1" "$service" >"$WORK/$1-$service-$node.log" 2>&1 &
			pids+=($!)
		done
		wait "${pids[@]}"
	done
}

ready() {
	local node
	for node in "${NODES[@]}"; do
		says "$node" 'length == 5 and all(.[]; .state == "up")' || return 1
	done
}

event() {
	on node2 vmha events 2>/dev/null | grep -F -- "$1"
}

same_as_before() {
	networks "$1" | diff "$WORK/before.log" -
}

lab_begin --volume dir
NET=$(on node1 ip -o -4 address show dev clu | awk '{ split($4, a, "."); print a[1] "." a[2] }')
V6=fd00:${NET#10.}:2::/64
await 20 "five networks, all up" ready

step "defaults"
table "without a gateway" <<-T
	1 1000 true cluster $NET.1.0/24
	2 1100 true cluster $NET.2.0/24
	3 1200 true cluster $NET.3.0/24
	4 1300 true cluster $NET.4.0/24
	5 1400 true cluster $V6
T
order 2 3 5 1 4
used() {
	[[ $(networks node2 | jq -r '[.[] | select(.csv).name, select(.cluster).name] | join(",")') == \
		'Cluster Network 1,Cluster Network 1,Cluster Network 4' ]]
}
await 10 "the networks that corosync and the volumes use" used
agree "a default gateway on one node" "$(of 3 metric 10000)" on node2 ip route add default via "$NET.3.254"
table "with a gateway" <<-T
	1 1000 true cluster $NET.1.0/24
	2 1100 true cluster $NET.2.0/24
	3 10000 true cluster-and-client $NET.3.0/24
	4 1200 true cluster $NET.4.0/24
	5 1300 true cluster $V6
T
order 2 5 3 1 4
agree "the gateway gone" "$(of 3 metric 1200)" on node2 ip route del default

step "set by hand, and given back"
agree "metric 700" "$(of 4 metric 700)" on node1 vmha network set "Cluster Network 4" --metric 700
table "set by hand" <<-T
	1 1000 true cluster $NET.1.0/24
	2 1100 true cluster $NET.2.0/24
	3 1200 true cluster $NET.3.0/24
	4 700 false cluster $NET.4.0/24
	5 1400 true cluster $V6
T
[[ $(field "$NET.4.0/24" csv) == true ]] || fail "the lowest metric does not carry the volumes"
agree "AutoMetric again" "$(of 4 autometric true)" on node3 vmha network set "$NET.4.0/24" --auto-metric on
[[ $(field "$NET.4.0/24" metric) == 1300 ]] || fail "AutoMetric gives $(field "$NET.4.0/24" metric)"
agree "role" "$(of 3 role '"none"')" on node2 vmha network set "Cluster Network 3" --role none
order 2 5 1 4
agree "role given back" "$(of 3 role '"cluster"')" on node2 vmha network set "Cluster Network 3" --role default
agree "name" '.[1].name == "Moves"' on node3 vmha network set "Cluster Network 2" --name Moves
refused "is called 'Moves' already" set "Cluster Network 1" --name Moves
agree "name given back" "$(of 2 metric 1100)" on node1 vmha network set Moves --name ''

step "order and exclusion"
agree "order" "$(of 4 rank 1)" on node1 vmha network order "Cluster Network 4,$V6"
order 4 5 2 3 1
agree "exclusion" "$(of 5 exclude true)" on node2 vmha network set "$V6" --exclude yes
order 4 2 3 1
refused "it is excluded" order "$V6"
agree "no order" "$(of 2 rank 1)" on node3 vmha network order --reset
order 2 3 1 4
agree "no exclusion" "$(of 5 rank 3)" on node3 vmha network set "$V6" --exclude no
order 2 3 5 1 4
refused "there is no network 'Nix'" set Nix --metric 5
refused "a metric is a number from 1 to 1000000, not '0'" set "$V6" --metric 0
refused "a network's role is none, cluster or cluster-and-client" set "$V6" --role client
refused "there is no network 'Nix'" order "$V6,Nix"
refused "is there twice" order "$V6,$V6"

step "cards and cables"
agree "a cable pulled" "$(of 2 state '"partitioned"')" lab cut node1 mig
await 20 "its words" words_are "$NET.2.0/24" 'partitioned: node1'
agree "plugged in again" "$(of 2 state '"up"')" lab heal node1
LIMIT_MS=6000 agree "one direction only" "$(of 3 state '"partitioned"')" lab cut node3 pub --out
await 20 "its words" words_are "$NET.3.0/24" 'partitioned: node3'
await 20 "its event" event "Cluster Network 3 ($NET.3.0/24) is partitioned: node3"
LIMIT_MS=6000 agree "healed" "$(of 3 state '"up"')" lab heal node3
lab cut node1 mig
agree "two of three cables" "$(of 2 state '"down"')" lab cut node3 mig
LIMIT_MS=6000 agree "all plugged in" "$(of 2 state '"up"')" lab heal all
on node1 ip link add new0 type veth peer name new1
on node1 ip link set new1 up
on node1 ip link set new0 up
agree "a new card" 'length == 6' on node1 ip address add "$NET.0.1/24" dev new0
[[ $(field "$NET.0.0/24" name) == "Cluster Network 6" ]] || fail "the new one is $(field "$NET.0.0/24" name)"
[[ $(field "$NET.0.0/24" csv) == false ]] || fail "volumes over a network of one node"
[[ $(field "$NET.1.0/24" name) == "Cluster Network 1" ]] || fail "the others changed their names"
agree "gone again" 'length == 5' on node1 ip link del new0

await 20 "the events" event "Cluster Network 2 ($NET.2.0/24) is up again"

step "garbage on the port of the calls"
before=$(daemon_pid node1 vmha-clusterd)
on node2 bash -c "for i in {1..300}; do head -c \$((RANDOM % 80)) /dev/urandom >/dev/udp/$NET.2.1/5409
	printf 'vmhaecho\\1\\2garbage-of-the-right-len' >/dev/udp/$NET.2.1/5409; done" 2>/dev/null || true
sleep 1
[[ $(daemon_pid node1 vmha-clusterd) == "$before" ]] || fail "clusterd fell"
await 10 "five networks, all up, after the garbage" ready

step "restart of everything"
on node1 vmha network set "Cluster Network 3" --metric 333 --name Guests
on node2 vmha network order "Guests,Cluster Network 1"
for node in "${NODES[@]}"; do
	await 10 "the last settings on $node" says "$node" '.[0].rank == 2 and .[2].name == "Guests" and .[2].metric == 333'
done
networks node1 >"$WORK/before.log"
services stop pacemaker clusterd corosync
on node1 vmha network list >"$WORK/off.log" 2>&1 && fail "clusterd answers: $(cat "$WORK/off.log")"
start=$(now_ms)
services start corosync clusterd pacemaker
await 60 "five networks, all up" ready
figure "networks known again $(($(now_ms) - start)) ms after the start of all daemons"
await 30 "the settings" says node1 '.[2].name == "Guests" and .[2].metric == 333 and .[0].rank == 2'
for node in "${NODES[@]}"; do
	await 20 "the same on $node" same_as_before "$node"
done
on node1 vmha network order --reset
on node1 vmha network set Guests --auto-metric on --name ''

step "a VM moves over IPv6"
cluster_from node2
await 60 "the cluster" nodes_online 3
settled 60
role_make web1
place=$(role_place web1)
target=$(node_other "$place")
for net in 1 2 3 4; do
	cluster vmha network set "Cluster Network $net" --exclude yes
done
for node in "${NODES[@]}"; do
	await 10 "only IPv6 on $node" says "$node" '[.[] | select(.rank > 0)] | length == 1'
done
cluster vmha migrate web1 --to "$target" --wait >"$WORK/out.log" 2>&1 || fail "$(cat "$WORK/out.log")"
figure "$(tail -n 1 "$WORK/out.log")"
await 10 "web1 on $target" role_is_on web1 "$target"
[[ $(record_value "$(role_file web1 move)" address) == "${V6%/64}${target#node}" ]] ||
	fail "it went to $(record_value "$(role_file web1 move)" address)"

step "moved just after the start of clusterd: it waits for the networks"
services restart clusterd
await 20 "clusterd" cluster vmha network list
start=$(now_ms)
cluster vmha migrate web1 --to "$place" --wait >"$WORK/out.log" 2>&1 || fail "$(cat "$WORK/out.log")"
figure "just after the start, $(($(now_ms) - start)) ms: $(tail -n 1 "$WORK/out.log")"
disk_good web1
