#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# vmha-test: timeout=1500 lab=own weight=3
# Six VMs, one node of three drained: at no instant takes a node part in more migrations than it has
# slots (by the records and by the processes that libvirt has made), no guest is booted again.
# Resume with failback; the same with two slots, as a shutdown of the host does it; a role that
# cannot move, and a restart of clusterd meanwhile.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"
# shellcheck source=tests/drain-lib.sh
. "$(dirname "$0")/../drain-lib.sh"
VMS=(web1 web2 web3 web4 web5 web6)

# Prints, whenever it has grown, how many VMs have a process on a node and on another one too: that
# is how many migrations libvirt works on there.
sampler() {
	local node pid name max=0 words
	declare -A at=() count=()
	while :; do
		at=() count=()
		for node in "${NODES[@]}"; do
			while read -r pid; do
				words=()
				mapfile -d '' words 2>/dev/null <"/proc/$pid/cmdline" || continue
				[[ ${words[0]:-} == *qemu-system* ]] || continue
				name=${words[*]}
				# not one that libvirtd asks what it can do
				[[ $name =~ \ guest=([^,]+), ]] || continue
				name=${BASH_REMATCH[1]}
				at[$name]+="$node "
			done 2>/dev/null <"$(node_procs "$node")"
		done
		for name in "${!at[@]}"; do
			[[ ${at[$name]} == *' '*' ' ]] || continue
			for node in ${at[$name]}; do
				count[$node]=$((${count[$node]:-0} + 1))
				((count[$node] <= max)) || {
					max=${count[$node]}
					printf 'max=%s node=%s vm=%s\n' "$max" "$node" "$name"
				}
			done
		done
		sleep 0.05
	done
}

sampled_max() {
	local max
	max=$(sed -n 's/^max=\([0-9]*\).*/\1/p' "$WORK/sampler.log" | tail -n 1)
	printf '%s' "${max:-0}"
}

# records_max: how many migrations a node took part in at once, by the records' begin and end.
records_max() {
	cluster vmha migration list --output json | jq "[ .[] | select(.begun_ms > $1) ] as \$all
		| [ \$all[] as \$m | (\$m.from, \$m.to) as \$node
			| [ \$all[] | select((.from == \$node or .to == \$node)
				and .begun_ms <= \$m.begun_ms and .ended_ms > \$m.begun_ms) ] | length ] | max // 0"
}

gone_from() {
	local vm
	for vm in "${VMS[@]}"; do
		[[ -z $(qemu_pid "$1" "$vm") ]] || return 1
	done
}

untouched() {
	local vm
	for vm in "${VMS[@]}"; do
		[[ $(boot_id "$vm") == "${BOOT[$vm]}" ]] || fail "$1: $vm was booted again"
		await 20 "$1: $vm managed" role_managed "$vm"
	done
	await 10 "no open migration" migrations_none_open
}

# drained SLOTS NODE COMMAND...: drains node1, with as many at once as that.
drained() {
	local slots=$1 node=$2 begin start
	shift 2
	begin=$(date +%s%3N)
	DRAIN_BEGIN=$begin
	start=$(now_ms)
	background sampler sampler >"$WORK/sampler.log"
	on "$node" "$@" >"$WORK/drain.log" 2>&1 || {
		cat "$WORK/drain.log"
		fail "drain with $slots slots"
	}
	kill "${PIDS[sampler]}"
	sed 's/^/  /' "$WORK/drain.log"
	figure "drain slots=$slots roles=${#VMS[@]} ms=$(($(now_ms) - start)) at_once_by_processes=$(sampled_max) at_once_by_records=$(records_max "$begin")"
	await 10 "no VM left on node1" gone_from node1
	(($(sampled_max) <= slots)) || fail "$(sampled_max) migrations at once on a node of $slots slots: $(cat "$WORK/sampler.log")"
	(($(records_max "$begin") <= slots)) || fail "records: $(records_max "$begin") at once"
	await 30 "node1 in standby" in_standby node1
	untouched "drain with $slots slots"
}

in_standby() {
	cluster crm_mon -1 --output-as=xml | grep "<node name=\"$1\".*standby=\"true\"" >/dev/null
}

node1_open() {
	! in_standby node1 && (($(bans) == 0))
}

no_bans() {
	(($(bans) == 0))
}

# roles_of NODE: their names, one line
roles_of() {
	{ cluster vmha status --output json || true; } |
		jq -r "[.roles[] | select(.node == \"$1\") | .name] | join(\" \")"
}

bans() {
	cluster cibadmin --query --xpath "//rsc_location[starts-with(@id,'vmha-drain-')]" 2>/dev/null | grep -c '<rsc_location' || true
}

# says_of_slots ok|warn: vmha cluster check
says_of_slots() {
	{ cluster vmha cluster check --output json || true; } |
		jq -e ".checks[] | select(.check == \"slots\") | .state == \"$1\""
}

failed_back() {
	local start
	start=$(now_ms)
	cluster vmha resume node1 --failback now --wait --timeout 600 >"$WORK/resume.log" 2>&1 || {
		cat "$WORK/resume.log"
		fail "resume"
	}
	await 30 "all back on node1" all_on node1
	figure "failback ms=$(($(now_ms) - start))"
	untouched "failback"
	await 10 "no constraint of the drain left, node1 not in standby" node1_open
}

lab_begin --volume dir
await 60 "clusterd" clusterd_ready
step "six VMs on node1, where alone they can start now"
vms_on_node1

step "Pacemaker's own throttle is told, and put aside: slots alone hold moves back"
cluster vmha set migration-slots=2
await 10 "the setting" says_of_slots warn
cluster crm_attribute --name load-threshold --update 10000%
await 10 "the property" says_of_slots ok
cluster vmha set --reset migration-slots

step "drain, one slot a node"
cluster_from node2
drained 1 node2 vmha drain node1 --wait --timeout 600
step "resume, all come back"
failed_back

step "two slots a node; the host shuts down, and is back" # the throttle has followed: 30 s
cluster vmha set migration-slots=2
lab slow mig 60mbit # so that copies overlap
migrate_over mig
drained 2 node1 vmha drain --shutdown
(($(sampled_max) == 2)) || late "two migrations at once, by the processes"
(($(records_max "$DRAIN_BEGIN") == 2)) || late "two migrations at once, by the records"
lab slow mig off
on node1 vmha resume --after-shutdown || fail "resume --after-shutdown"
await 60 "node1 open" node1_open
await 60 "node1 in the volume" node_joined node1

step "a role that cannot move is named, the rest goes; clusterd restarted meanwhile"
HERE=$(role_place web3)
for node in $(node_others "$HERE"); do
	cluster cibadmin --create --scope constraints --xml-text \
		"<rsc_location id='not-$node' rsc='web3' node='$node' score='-INFINITY'/>"
done
cluster vmha drain "$HERE" >"$WORK/drain.log" 2>&1 || fail "drain: $(cat "$WORK/drain.log")"
sleep 2
for node in "${NODES[@]}"; do
	lab service "$node" restart clusterd
done
await 60 "clusterd" clusterd_ready
rc=0
cluster vmha drain "$HERE" --wait --timeout 300 >"$WORK/drain.log" 2>&1 || rc=$?
sed 's/^/  /' "$WORK/drain.log"
((rc == 1)) || fail "a drain that leaves a role ends with status $rc"
grep -q 'web3' "$WORK/drain.log" || fail "web3 is not named"
role_is_on web3 "$HERE" || fail "web3 is on $(role_place web3)"
web3_alone() { [[ $(roles_of "$HERE") == web3 ]]; }
await 10 "web3 alone on $HERE" web3_alone
! in_standby "$HERE" || fail "$HERE is in standby with a role that cannot move"
untouched "incomplete drain"
cluster cibadmin --delete-all --force --xpath "//rsc_location[@rsc='web3' and starts-with(@id,'not-')]"
cluster vmha resume "$HERE" --wait
await 30 "no ban left" no_bans
untouched "resume"
for vm in "${VMS[@]}"; do
	disk_good "$vm"
done
