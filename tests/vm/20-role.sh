#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# vmha-test: timeout=1200 weight=3 lab=vm
# A role on qcow2 on GFS2 (on raw: 05-two-nodes): a nested guest that counts on its disk, moved live and
# quick, also while clocks jump; its lease follows, its count goes on; cache modes that could lose what the
# guest wrote are refused.
# shellcheck source=tests/vm/lib.sh
. "$(dirname "$0")/lib.sh"

DIR=/clusterstorage/$VOLUME
VM=tiny

# xml FORMAT CACHE
xml() {
	lab guest xml "$VM" --tiny --disk "$DIR/$VM/$VM.$1" |
		sed "s/type='raw'/type='$1'/; s/cache='[a-z]*'/cache='$2'/" | on node1 sh -c 'cat >/root/role.xml'
}

# clock_jump NODE SECONDS
clock_jump() {
	on "$1" date -s "@$(($(on "$1" date +%s) + $2))" >/dev/null || fail "the clock of $1 cannot be set"
}

vm_begin
step "a GFS2 volume"
vm_volume lun1

step "cache modes"
lab guest disk "$DIR/$VM/$VM.raw" --tiny
xml raw unsafe
vm_refused "ignores the guest's flushes" node1 vmha vm add "$VM" --xml /root/role.xml --volume "$VOLUME" --disabled

step "a role on qcow2"
on node1 qemu-img convert -q -f raw -O qcow2 "$DIR/$VM/$VM.raw" "$DIR/$VM/$VM.qcow2"
xml qcow2 none
on node1 vmha vm add "$VM" --xml /root/role.xml --volume "$VOLUME" >"$WORK/add.log" 2>&1 || fail "vm add: $(cat "$WORK/add.log")"
FROM=$(role_place "$VM")
TO=$(node_other "$FROM")
await 120 "the guest counting on $FROM" vm_said_more "$VM" "$FROM" 0
vm_lease_on "$VM" "$FROM" || fail "the lease is not held on $FROM"
vm_moved "$VM" live "$FROM" "$TO"

step "clocks jump, by hours in both directions"
vm_mark
clock_jump "$FROM" 7200
clock_jump "$TO" -7200
vm_moved "$VM" quick "$TO" "$FROM"
MOVE=$(on "$FROM" vmha vm show "$VM" --output json | jq -c '.last_move | {total_ms, blackout_ms}')
figure "as it is told: $MOVE"
jq -e '.total_ms > .blackout_ms and .blackout_ms > 0 and .total_ms < 600000' <<<"$MOVE" >/dev/null ||
	fail "the times of a move between clocks 4 h apart: $MOVE"
vm_volume_good
clock_jump "$FROM" -7200
clock_jump "$TO" 7200
vm_moved "$VM" live "$FROM" "$TO"
! vm_logged "off node" || fail "a node was fenced for its clock"

step "its disk"
vm_deaf "$VM"
vm_role_remove "$VM"
vm_disk_follows "$DIR/$VM/$VM.qcow2" qcow2 "$(node_other "$TO")" "$(vm_said "$VM" "$TO")"

step "locks"
vm_one_coordinator
vm_volume_good
