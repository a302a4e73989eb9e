#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# vmha-test: timeout=300 lab=own
# Each fault the lab can make does what it says, and heal takes it back.
. "$(dirname "$0")/../lib.sh"

lab_begin --no-volume --volume lun
status_has() { lab status >"$WORK/status" && grep -q -- "$1" "$WORK/status"; }
address() { on "$1" getent hosts "$1-$2" | cut -d' ' -f1; }
reaches() { on "$1" ping -n -q -c 1 -W 1 "$(address "$2" "$3")" >/dev/null 2>&1; }

step "cut, both ways and one way"
await 5 "a ping before the cut" reaches node1 node2 mig
lab cut node2 mig
[[ $(on node2 cat /sys/class/net/mig/carrier) == 0 ]] || fail "a pulled cable has a carrier"
reaches node1 node2 mig && fail "the cut does not cut"
await 5 "a ping to node3: the cut is of node2" reaches node1 node3 mig
lab heal node2 mig
await 5 "mig healed" reaches node1 node2 mig
lab cut node2 mig --out
reaches node2 node1 mig && fail "cut --out does not cut"
[[ $(on node2 cat /sys/class/net/mig/carrier) == 1 ]] || fail "cut --out took the link down"
lab heal node2
await 5 "mig healed" reaches node2 node1 mig
lab cut node2 mig --in
reaches node2 node1 mig && fail "cut --in does not cut"
lab heal node2
await 5 "mig healed" reaches node2 node1 mig
status_has cut && fail "status still shows a cut"

step "slow"
transfer_ms() {
	on node1 timeout 30 socat -u "TCP-LISTEN:5001,reuseaddr" - >"$WORK/received" &
	local receiver=$! start
	await 20 "the receiver" on node1 sh -c 'ss -Hltn "sport = :5001" | grep -q .'
	start=$(now_ms)
	on node2 sh -c "head -c 4000000 /dev/zero | socat -u - TCP:$(address node1 mig):5001"
	wait "$receiver"
	[[ $(stat -c %s "$WORK/received") == 4000000 ]] || fail "transfer"
	TRANSFER_MS=$(($(now_ms) - start))
}
transfer_ms
fast=$TRANSFER_MS
lab slow mig 8mbit
transfer_ms
figure "transfer of 4 MB: $fast ms, at 8 mbit $TRANSFER_MS ms (4000 by calculation)"
((TRANSFER_MS > 3500)) || fail "slow is not slow"
lab slow mig off
lab slow node2:mig 8mbit
status_has '^node2.*mig slow' || fail "status does not show slow"
status_has '^node1.*mig slow' && fail "node1 is slow too"
lab heal all
transfer_ms
((TRANSFER_MS < 3500)) || fail "heal did not heal: $TRANSFER_MS ms"

step "storage: error, delay, hang; files and LUN"
on node2 sh -c 'echo data >/clusterstorage/vol1/file'
read_lun() { on "$1" timeout 10 dd if=/clusterstorage/vol1/lun1 of=/dev/null bs=4096 count=1 iflag=direct status=none; }
write_lun() { echo "$2" | on "$1" sh -c 'dd of=/clusterstorage/vol1/lun1 bs=4096 count=1 conv=sync,notrunc oflag=direct status=none'; }
lun_text() { on "$1" sh -c 'dd if=/clusterstorage/vol1/lun1 bs=4096 count=1 iflag=direct status=none' | tr -d '\0 '; }
write_lun node1 from-node1
[[ $(lun_text node3) == from-node1 ]] || fail "the LUN is not shared"
lab stall-storage node2 eio
on node2 cat /clusterstorage/vol1/file 2>/dev/null && fail "eio does not fail"
read_lun node2 2>/dev/null && fail "eio does not fail on the LUN"
[[ $(on node1 cat /clusterstorage/vol1/file) == data ]] || fail "eio of node2 hurts node1"
read_lun node1 || fail "eio of node2 hurts node1's LUN"
lab heal node2
[[ $(on node2 cat /clusterstorage/vol1/file) == data ]] || fail "heal of eio"
read_lun node2 || fail "heal of eio on the LUN"
lab stall-storage node2 delay 200
start=$(now_ms)
read_lun node2 || fail "delay fails"
(($(now_ms) - start >= 200)) || fail "delay does not delay"
lab stall-storage node2 hang
# in the background: who waits for storage that hangs cannot be killed
on node2 sh -c 'setsid cat /clusterstorage/vol1/file >/tmp/read 2>/dev/null &
	setsid dd if=/clusterstorage/vol1/lun1 of=/tmp/lun bs=4096 count=1 iflag=direct status=none &'
sleep 1
on node2 test ! -s /tmp/read || fail "hang does not hang"
on node2 test ! -s /tmp/lun || fail "hang does not hang on the LUN"
lab heal node2
await 20 "the reads go on" on node2 sh -c 'test -s /tmp/read && test -s /tmp/lun'

step "power off while storage hangs: nothing is written afterwards"
lab stall-storage node2 hang
on node2 sh -c 'echo late | setsid dd of=/clusterstorage/vol1/lun1 bs=4096 count=1 conv=sync,notrunc oflag=direct >/dev/null 2>&1 &'
sleep 0.5
before=$(fences_count)
more_fences() { (($(fences_count) > before)); }
start=$(now_ms)
lab power off node2
figure "power_off_hanging_ms=$(($(now_ms) - start))"
await 30 "the fence of node2, which switches it on again" more_fences
await 60 "three nodes online" nodes_online 3
[[ $(lun_text node2) == from-node1 && $(lun_text node1) == from-node1 ]] || fail "a lost node wrote late"

step "a frozen node stands still"
# not a member, or the cluster would take it away from under the test
lab service node3 stop pacemaker
lab service node3 stop corosync
await 60 "node3 out of the cluster" nodes_online 2
lab freeze node3
status_has '^node3 .*FROZEN' || fail "node3 is not frozen"
rc=0
lab exec node3 true 2>"$WORK/frozen" || rc=$?
if ((rc == 0)) || ! grep -q 'is frozen' "$WORK/frozen"; then
	fail "exec in a frozen node: $(cat "$WORK/frozen")"
fi
lab thaw node3
lab service node3 start corosync
lab service node3 start pacemaker
await 60 "three nodes online" nodes_online 3

step "a frozen node is fenced and comes back thawed"
before=$(fences_count)
start=$(now_ms)
lab freeze node3
await 60 "the fence of node3" more_fences
figure "frozen_to_fence_ms=$(($(now_ms) - start))"
[[ $(fences | tail -n 1) == node3 ]] || fail "another node was fenced: $(fences)"
await 60 "three nodes online" nodes_online 3

step "both cluster links cut: fenced"
before=$(fences_count)
lab cut node3 clu
sleep 2
await 20 "three nodes online with one link of two cut" nodes_online 3
(($(fences_count) == before)) || fail "one link of two cut, and a node was fenced"
lab cut node3 mgt
await 60 "a fence" more_fences
[[ $(fences | tail -n 1) == node3 ]] || fail "another node was fenced: $(fences)"
lab heal all
await 60 "three nodes online" nodes_online 3
