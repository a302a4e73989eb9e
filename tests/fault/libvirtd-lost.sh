#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# vmha-test: timeout=700 lab=own weight=1
# libvirtd hung (web1's node) and killed (web2's node) for 60 s: no restart, no second start, no
# stop; the monitor says running.  Afterwards all is managed again.  Hung once more, and the node
# powered off: its VM comes back elsewhere and nobody else is fenced.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"
SECONDS_LOST=${VMHA_TEST_LIBVIRTD_LOST_S:-60}

monitor_says_running() {
	local rc=0
	agent "$1" "$2" monitor OCF_RESKEY_CRM_meta_interval=10000 OCF_RESKEY_CRM_meta_timeout=30000 \
		>"$WORK/monitor.log" 2>&1 || rc=$?
	((rc == 0)) || fail "monitor of $2 on $1 says $rc: $(cat "$WORK/monitor.log")"
}

operations_of_all() {
	local name op
	for name in web1 web2; do
		for op in start stop migrate_to; do
			printf '%s %s=%s ' "$name" "$op" "$(operations "$name" "$op")"
		done
	done
}

lab_begin --volume dir
step "two VMs on two nodes"
role_make web1
role_make web2
role_to web1 node1
role_to web2 node2
cluster_from node3
BOOT1=$(boot_id web1)
BOOT2=$(boot_id web2)
BEFORE=$(operations_of_all)

step "libvirtd of node1 hangs, libvirtd of node2 is killed, for $SECONDS_LOST s"
watch web1
daemon_signal node1 libvirtd STOP
daemon_signal node2 libvirtd KILL
END=$(($(now_ms) + SECONDS_LOST * 1000))
while (($(now_ms) < END)); do
	monitor_says_running node1 web1
	monitor_says_running node2 web2
	sleep 5
done
expect "web1 was moved" role_is_on web1 node1
expect "web2 was moved" role_is_on web2 node2
cluster crm_mon -1 --output-as=xml | xmllint --xpath 'count(//failure)' - | grep -x 0 >/dev/null ||
	fail "Pacemaker saw failures: $(cluster crm_mon -1 -f)"
step "libvirtd is back on both"
daemon_signal node1 libvirtd CONT
lab service node2 start libvirtd
sleep 12
unwatch web1 1000
[[ $(operations_of_all) == "$BEFORE" ]] ||
	fail "operations were: $BEFORE, now: $(operations_of_all)"
[[ $(boot_id web1) == "$BOOT1" && $(boot_id web2) == "$BOOT2" ]] || fail "a guest was restarted"
monitor_says_running node1 web1
monitor_says_running node2 web2
await 20 "web1 managed again" role_managed web1
await 20 "web2 managed again" role_managed web2
for NODE in node1 node2; do
	await 20 "libvirtd of $NODE knows its guest" on "$NODE" virsh domstate "web${NODE#node}"
done
figure "after libvirtd came back: $(on node1 virsh domstate web1 | head -n 1)," \
	"$(on node2 virsh domstate web2 | head -n 1)"
step "a move works again"
role_move web1 node3
await 20 "web1 on node3" role_is_on web1 node3
role_clear web1
role_to web1 node1
[[ $(boot_id web1) == "$BOOT1" ]] || fail "web1 was restarted by the move"

step "libvirtd of node1 hangs again, then node1 loses power"
[[ $(fences_count) == 0 ]] || fail "somebody was fenced: $(fences)"
watch web1
daemon_signal node1 libvirtd STOP
sleep 3
START=$(now_ms)
lab power off node1
await 300 "web1 running" role_is_up web1
await 60 "web1 answering" ping_answers web1
figure "libvirtd_hung_failover_ms=$(($(now_ms) - START))"
unwatch web1
[[ $(fences | sort -u) == node1 ]] || fail "fenced: $(fences | tr '\n' ' '), only node1 was lost"
[[ $(boot_id web2) == "$BOOT2" ]] || fail "web2 was restarted"
await 20 "web2 on node2, where it was" role_is_on web2 node2
disk_good web1
disk_good web2
