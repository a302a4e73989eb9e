#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# vmha-test: timeout=1200 weight=3 lab=vm
# A GFS2 volume by the product's own commands: made, refused where something is, written by all nodes, its
# coordinator moved, lost with its node and followed by another; a role's removed directory holds up no
# node that leaves; taken out of the cluster and brought in again.
# shellcheck source=tests/vm/lib.sh
. "$(dirname "$0")/lib.sh"

DIR=/clusterstorage/$VOLUME
vm_begin

step "made on all nodes"
vm_volume lun1
[[ $(vm_volume_value .type) == gfs2 && $(vm_volume_value .lock) == dlm ]] || fail "$(cluster vmha volume show "$VOLUME")"
for NODE in "${NODES[@]}"; do
	on "$NODE" sh -c "echo 'written by $NODE' >$DIR/$NODE && sync $DIR/$NODE" || fail "$NODE cannot write"
done
for NODE in "${NODES[@]}"; do
	[[ $(on "$NODE" cat "$DIR/node1" "$DIR/node2" "$DIR/node3" | wc -l) == 3 ]] || fail "$NODE does not see all"
done
vm_volume_good

step "refused"
on node1 mke2fs -q -F /dev/disk/by-id/lun2 >"$WORK/mkfs.log" 2>&1 || fail "mke2fs: $(cat "$WORK/mkfs.log")"
vm_refused 'ext[234]' node1 vmha volume create other --type gfs2 --device /dev/disk/by-id/lun2
vm_refused 'already the device of volume' node2 vmha volume create other --type gfs2 --device /dev/disk/by-id/lun1 --force
vm_refused 'exists already' node2 vmha volume create "$VOLUME" --type gfs2 --device /dev/disk/by-id/lun3
vm_refused '/dev/nothing' node2 vmha volume create other --type gfs2 --device /dev/nothing
# shellcheck disable=SC2016 # for the node's shell
on node1 sh -c 'chmod 600 $(realpath /dev/disk/by-id/lun3)'
vm_refused 'user sanlock' node1 vmha volume create other --type gfs2 --device /dev/disk/by-id/lun3 --io-timeout 2
on node1 /usr/lib/vmha-lab/devices
[[ -z $(on node1 blkid /dev/disk/by-id/lun3) ]] || fail "a failed create has left something on the device"
on node1 blkid /dev/disk/by-id/lun2 | grep ext2 >/dev/null || fail "a refused create has touched the device"
vm_volume_good

step "the coordinator is moved"
await 60 "a coordinator" vm_owned
OWNER=$(vm_owner)
EPOCH=$(vm_epoch)
NEXT=$(node_other "$OWNER")
START=$(now_ms)
cluster vmha volume move "$VOLUME" "$NEXT" >"$WORK/move.log" 2>&1 || fail "volume move: $(cat "$WORK/move.log")"
figure "volume_move_ms=$(($(now_ms) - START))"
[[ $(vm_owner) == "$NEXT" ]] || fail "$(vm_owner) coordinates it, not $NEXT"
(($(vm_epoch) > EPOCH)) || fail "the epoch did not grow"
vm_one_coordinator

step "a node leaves after a role was removed whose directory others have looked up"
on node1 sh -c "mkdir -p $DIR/gone && truncate -s 1M $DIR/gone/gone.img"
lab guest xml gone --tiny --disk "$DIR/gone/gone.img" | on node1 sh -c 'cat >/root/gone.xml'
on node1 vmha vm add gone --xml /root/gone.xml --volume "$VOLUME" --disabled >"$WORK/add.log" 2>&1 || fail "vm add: $(cat "$WORK/add.log")"
for NODE in node2 node3; do
	on "$NODE" sh -c "ls -l $DIR/gone; stat $DIR/gone/gone.none" >/dev/null 2>&1 || true
done
on node1 vmha vm remove gone --disks >"$WORK/remove.log" 2>&1 || fail "vm remove: $(cat "$WORK/remove.log")"
vm_mark
START=$(now_ms)
cluster crm_attribute --node node3 --name standby --update on
settled 180
! vm_logged 'off node3' || fail "node3 was fenced because it could not leave"
on node3 sh -c "! grep -q ' $DIR ' /proc/mounts" || fail "the volume is still mounted on node3"
figure "node_leaves_ms=$(($(now_ms) - START))"
cluster crm_attribute --node node3 --name standby --delete
await 120 "the volume on all nodes" vm_volume_on 3

step "the coordinator's node loses its power, and for a while nobody can fence it"
OWNER=$(vm_owner)
EPOCH=$(vm_epoch)
cluster_from "$(node_other "$OWNER")"
vm_mark
for NODE in $(node_others "$OWNER"); do
	lab cut "$NODE" mgt
done
START=$(now_ms)
lab power off "$OWNER"
# the survivors say what they wait for, and do not hang
told() {
	timeout 60 "$LAB_BIN" --name "$LAB" exec "$CLUSTER_NODE" vmha volume show "$VOLUME" --output json >"$WORK/show" &&
		jq -r '.trouble // empty' "$WORK/show" | grep "until a lost node is fenced"
}
await 120 "DLM's waiting for the fence being told" told
! vm_logged "off $OWNER proven" || fail "$OWNER was fenced without a way to the power switch"
figure "told_ms=$(($(now_ms) - START)): $(jq -r .trouble "$WORK/show")"
[[ $(vm_owner) == "$OWNER" || $(vm_owner) == null ]] || fail "$(vm_owner) coordinates it before $OWNER is fenced"
HEALED=$(now_ms)
for NODE in $(node_others "$OWNER"); do
	lab heal "$NODE" mgt
done
await 180 "the fence of $OWNER" vm_logged "off $OWNER proven"
FENCED=$(now_ms)
vm_owned_by_another() {
	local now
	now=$(vm_owner)
	[[ $now != null && -n $now && $now != "$OWNER" ]]
}
await 120 "another coordinator" vm_owned_by_another
figure "fence_after_heal_ms=$((FENCED - HEALED)) takeover_after_fence_ms=$(($(now_ms) - FENCED))"
(($(vm_epoch) > EPOCH)) || fail "the epoch did not grow"
timeout 60 "$LAB_BIN" --name "$LAB" exec "$CLUSTER_NODE" sh -c "echo after >$DIR/after && sync $DIR/after" ||
	fail "$CLUSTER_NODE cannot write after the loss"
await 240 "$OWNER back in the volume" vm_volume_on 3
[[ $(on "$OWNER" cat "$DIR/after") == after ]] || fail "$OWNER does not see what was written meanwhile"
vm_volume_good
vm_one_coordinator

header() {
	on node1 dd if=/dev/disk/by-id/lun1 bs=4096 skip=4 count=1 iflag=direct status=none | grep -a '^vmha-record=leases' >/dev/null
}

checked_by_fsck() {
	on node3 fsck.gfs2 -y /dev/disk/by-id/lun1 >"$WORK/fsck.log" 2>&1 || (($? < 4)) || fail "fsck.gfs2: $(tail -n 3 "$WORK/fsck.log")"
	! header || fail "fsck.gfs2 leaves the header: nothing is tried here"
}

step "fsck.gfs2 erases what is before the file system: it is written again"
header || fail "no header on the device"
cluster crm_resource --resource "$VOLUME-clone" --meta --set-parameter target-role --parameter-value Stopped
settled 120
checked_by_fsck
cluster crm_resource --resource "$VOLUME-clone" --meta --delete-parameter target-role
await 120 "the volume on all nodes" vm_volume_on 3
header || fail "the header was not written again"
[[ $(on node2 cat "$DIR/after") == after ]] || fail "the volume has lost what was on it"
vm_volume_good

step "out of the cluster, and in again from another node"
AT=/dev/disk/by-id/lun1:$(vm_volume_value .leases_at.lockspace_offset)
START=$(now_ms)
cluster vmha volume remove "$VOLUME" >"$WORK/remove.log" 2>&1 || fail "volume remove: $(cat "$WORK/remove.log")"
figure "volume_remove_ms=$(($(now_ms) - START))"
# as a host of another cluster would
on node2 sanlock client add_lockspace -s "$VOLUME:7:$AT" >"$WORK/foreign.log" 2>&1 || fail "host 7: $(cat "$WORK/foreign.log")"
vm_refused 'host id 7 renews' node3 vmha volume add "$VOLUME" --type gfs2 --device /dev/disk/by-id/lun1 --force
vm_refused 'host id 7 renews' node1 vmha volume create other --type gfs2 --device /dev/disk/by-id/lun1 --force
on node2 sanlock client rem_lockspace -s "$VOLUME:7:$AT" >"$WORK/foreign.log" 2>&1 || fail "host 7: $(cat "$WORK/foreign.log")"
checked_by_fsck
vm_refused 'all of it' node1 vmha volume create "$VOLUME" --type gfs2 --device /dev/disk/by-id/lun1 --force
! header || fail "a refused create has written to the device"
START=$(now_ms)
on node3 vmha volume add "$VOLUME" --type gfs2 --device /dev/disk/by-id/lun1 >"$WORK/add.log" 2>&1 || fail "volume add: $(cat "$WORK/add.log")"
figure "volume_add_ms=$(($(now_ms) - START))"
[[ $(on node2 cat "$DIR/after") == after ]] || fail "the volume has lost what was on it"
vm_volume_good
