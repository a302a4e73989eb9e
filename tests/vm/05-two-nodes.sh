#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# vmha-test: timeout=1200 weight=3 lab=vm
# A cluster of two nodes: both write to a GFS2 volume, a role on it moves live and quick and its lease follows.
# A third node joins the cluster and has the volume by itself, with a journal that its coordinator adds.
# shellcheck source=tests/vm/lib.sh
. "$(dirname "$0")/lib.sh"

NODES=(node1 node2)
DIR=/clusterstorage/$VOLUME
VM=tiny

# scenarios may have gone before when this one is run by hand
if vm_is_up && [[ -e $LAB_STATE/node3 ]]; then
	lab heal all >"$WORK/heal.log" 2>&1 || true
	lab node remove node3 >"$WORK/leave.log" 2>&1 || fail "node remove: $(cat "$WORK/leave.log")"
	cluster vmha volume remove "$VOLUME" --destroy >"$WORK/destroy.log" 2>&1 || true
fi
vm_begin

journals() {
	on node1 gfs2_edit -p journals /dev/disk/by-id/lun1 | grep -c '^journal[0-9]'
}

step "both nodes"
vm_volume lun1
figure "journals=$(journals)"
for NODE in "${NODES[@]}"; do
	on "$NODE" sh -c "echo 'written by $NODE' >$DIR/$NODE && sync $DIR/$NODE" || fail "$NODE cannot write"
done
for NODE in "${NODES[@]}"; do
	[[ $(on "$NODE" cat "$DIR/node1" "$DIR/node2" | wc -l) == 2 ]] || fail "$NODE does not see all"
done
await 60 "a coordinator" vm_owned
vm_one_coordinator

step "a role"
vm_role "$VM"
FROM=$(role_place "$VM")
TO=$(node_other "$FROM")
await 120 "the guest counting on $FROM" vm_said_more "$VM" "$FROM" 0
vm_lease_on "$VM" "$FROM" || fail "the lease is not held on $FROM"
vm_moved "$VM" live "$FROM" "$TO"
vm_moved "$VM" quick "$TO" "$FROM"
vm_role_remove "$VM"
vm_disk_follows "$DIR/$VM/$VM.raw" raw "$TO" "$(vm_said "$VM" "$FROM")"
vm_volume_good

step "a third node"
BEFORE=$(journals)
START=$(now_ms)
lab node add >"$WORK/node.log" 2>&1 || fail "node add: $(cat "$WORK/node.log")"
figure "node_add_ms=$(($(now_ms) - START))"
NODES+=(node3)
await 240 "the volume on three nodes" vm_volume_on 3
figure "volume_on_third_ms=$(($(now_ms) - START)) journals=$(journals) before=$BEFORE"
(($(journals) == 3)) || fail "it has $(journals) journals"
[[ $(on node3 cat "$DIR/node1") == "written by node1" ]] || fail "node3 does not see the volume"
on node3 sh -c "echo 'written by node3' >$DIR/node3 && sync $DIR/node3" || fail "node3 cannot write"
cluster vmha events 2>/dev/null | grep "1 journal added" >"$WORK/events" || fail "no event tells of the journal"
figure "$(tail -n 1 "$WORK/events")"
vm_volume_good
