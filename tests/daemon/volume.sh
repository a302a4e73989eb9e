#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# vmha-test: timeout=420 lab=own weight=1
# The volume's agent: stop refuses while leases are held; loss of sanlock without VMs fences nobody;
# loss of sanlock under a running VM fences that node, and the VM comes back.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"

csv_agent() {
	local node=$1 action=$2
	on "$node" env OCF_ROOT=/usr/lib/ocf OCF_RA_VERSION_MAJOR=1 OCF_RA_VERSION_MINOR=1 \
		OCF_RESOURCE_INSTANCE="$VOLUME" OCF_RESOURCE_PROVIDER=vmha OCF_RESOURCE_TYPE=csv \
		OCF_RESKEY_CRM_meta_timeout=60000 OCF_RESKEY_volume="$VOLUME" \
		/usr/lib/ocf/resource.d/vmha/csv "$action"
}

lab_begin --volume dir
role_make web1
role_to web1 node1
cluster_from node3

step "what vmha says of the volume"
on node3 vmha volume list || fail "vmha volume list"
on node3 vmha volume show "$VOLUME" | tee "$WORK/show.log" || fail "vmha volume show"
for WORD in node1 node2 node3 web1; do
	grep -q "$WORD" "$WORK/show.log" || fail "vmha volume show does not name $WORD"
done
on node3 vmha volume show "$VOLUME" --output json | jq -e . >/dev/null || fail "volume show: no JSON"

step "stop is refused while a VM holds its lease"
RC=0
csv_agent node1 stop >"$WORK/stop.log" 2>&1 || RC=$?
((RC != 0)) || fail "the volume was left under a running VM: $(cat "$WORK/stop.log")"
grep -q web1 "$WORK/stop.log" || fail "the refusal does not name web1: $(cat "$WORK/stop.log")"
figure "stop refused: $(tail -n 1 "$WORK/stop.log")"
node_joined node1 || fail "node1 has left the volume"
agent node1 web1 monitor >/dev/null 2>&1 || fail "web1 is not well any more"

step "sanlock is killed on node2, where no VM runs: nobody is fenced"
daemon_signal node2 sanlock KILL
sleep 25
[[ $(fences_count) == 0 ]] || fail "fenced: $(fences)"
figure "node2 without sanlock for 25 s: $(cluster crm_mon -1 | grep -c Online) line of nodes online, nobody fenced"
lab service node2 start sanlock
on node2 crm_resource --cleanup --resource "$VOLUME" >/dev/null 2>&1 || true
await 60 "node2 back in the volume" node_joined node2
await 60 "all nodes online" nodes_online 3

booted_anew() {
	role_is_up web1 && [[ $(boot_id web1) != "$BOOT" ]]
}

step "sanlock is killed on node1 under web1: node1 is fenced"
BOOT=$(boot_id web1)
watch web1
START=$(now_ms)
daemon_signal node1 sanlock KILL
await 60 "node1 fenced" fenced node1
figure "sanlock_lost_to_fence_ms=$(($(now_ms) - START))"
await 200 "web1 running anew" booted_anew
SEQ=$(disk_seq web1)
await 60 "web1 answering" ping_answers web1
figure "sanlock_lost_to_answer_ms=$(($(now_ms) - START))"
await 20 "web1 writing" has_written web1 "$SEQ"
unwatch web1
[[ $(fences | sort -u) == node1 ]] || fail "fenced: $(fences | tr '\n' ' ')"
disk_good web1
