#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# vmha-test: timeout=900 weight=3 lab=vm
# A GFS2 volume is taken away for good: not while it has roles, nor definitions of any; then nothing is left
# on its device, and another volume is made on it.
# shellcheck source=tests/vm/lib.sh
. "$(dirname "$0")/lib.sh"

DIR=/clusterstorage/$VOLUME
VM=tiny

vm_begin
vm_volume lun1

step "refused while it has a role"
vm_role "$VM"
vm_refused "has roles: $VM" node2 vmha volume remove "$VOLUME" --destroy
vm_volume_good
vm_role_remove "$VM"

step "for good"
START=$(now_ms)
on node2 vmha volume remove "$VOLUME" --destroy >"$WORK/destroy.log" 2>&1 || fail "volume remove --destroy: $(cat "$WORK/destroy.log")"
figure "volume_destroy_ms=$(($(now_ms) - START))"
[[ -z $(on node1 blkid /dev/disk/by-id/lun1) ]] || fail "something is left on the device"
on node3 sh -c "! grep -q ' $DIR ' /proc/mounts" || fail "it is still mounted on node3"
vm_refused 'holds nothing instead of volume' node1 vmha volume add "$VOLUME" --type gfs2 --device /dev/disk/by-id/lun1
