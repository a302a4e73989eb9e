#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# vmha-test: timeout=900 weight=2 lab=vm
# Three machines: DLM and GFS2 by hand on a shared disk, written by all; one that loses its power is
# fenced, the others go on and see what it wrote, it comes back.
# shellcheck source=tests/vm/lib.sh
. "$(dirname "$0")/lib.sh"

LUN=/dev/disk/by-id/lun1
vm_begin

step "DLM on all nodes"
start=$EPOCHREALTIME
vm_dlm
figure "dlm_s=$(seconds_since "$start")"

step "GFS2 on all nodes"
start=$EPOCHREALTIME
on node1 mkfs.gfs2 -O -K -p lock_dlm -t "$LAB:byhand" -j 3 -J 8 "$LUN" >"$WORK/mkfs.log" 2>&1 ||
	fail "mkfs.gfs2: $(tail -n 3 "$WORK/mkfs.log")"
vm_all sh -c "mkdir -p /mnt/gfs && mount -t gfs2 -o noatime $LUN /mnt/gfs" || fail "GFS2 does not mount"
figure "gfs2_s=$(seconds_since "$start")"
# shellcheck disable=SC2016 # for the node's shell
vm_all sh -c 'echo "written by $(hostname)" >/mnt/gfs/$(hostname) && sync /mnt/gfs/$(hostname)' || fail "a node cannot write"
for node in "${NODES[@]}"; do
	for other in "${NODES[@]}"; do
		[[ $(on "$node" cat "/mnt/gfs/$other") == "written by $other" ]] || fail "$node does not see what $other wrote"
	done
done

step "node3 loses its power"
vm_mark
start=$EPOCHREALTIME
lab power off node3
await 120 "the fence of node3" vm_logged 'off node3 proven'
figure "fenced_s=$(seconds_since "$start")"
timeout 180 "$LAB_BIN" --name "$LAB" exec node1 -- sh -c 'echo after >/mnt/gfs/after && sync /mnt/gfs/after' ||
	fail "node1 cannot write after the loss of node3"
figure "writes_again_s=$(seconds_since "$start")"
[[ $(on node2 cat /mnt/gfs/after /mnt/gfs/node3) == $'after\nwritten by node3' ]] || fail "node2 does not see what was written"
rejoined() { nodes_online 3 && vm_dlm_runs; }
await 240 "node3 in the cluster again" rejoined
figure "rejoined_s=$(seconds_since "$start")"
on node3 sh -c "mount -t gfs2 -o noatime $LUN /mnt/gfs" || fail "GFS2 does not mount on node3 again"
[[ $(on node3 cat /mnt/gfs/after) == after ]] || fail "node3 does not see what was written meanwhile"

vm_all umount /mnt/gfs || fail "GFS2 does not unmount"
