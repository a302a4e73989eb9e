#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# vmha-test: timeout=1200 weight=3 lab=vm
# Roles on GFS2, raw and qcow2: a nested guest that counts on its disk, moved live and quick; its lease
# follows, its count goes on; cache modes that could lose what the guest wrote are refused.
# shellcheck source=tests/vm/lib.sh
. "$(dirname "$0")/lib.sh"

DIR=/clusterstorage/$VOLUME
VM=tiny

# xml FORMAT CACHE
xml() {
	lab guest xml "$VM" --tiny --disk "$DIR/$VM/$VM.$1" |
		sed "s/type='raw'/type='$1'/; s/cache='[a-z]*'/cache='$2'/" | on node1 sh -c 'cat >/root/role.xml'
}

# disk_follows: the newest number on the disk is what the guest said last, or a little newer.
disk_follows() {
	local node=$1 said disk
	on "$node" sh -c "qemu-img convert -q -f $FORMAT -O raw $DIR/$VM/$VM.$FORMAT /root/flat.img && tail -c +513 /root/flat.img | head -c 32768" \
		>"$WORK/sectors"
	said=$(cat "$WORK/said")
	disk=$(python3 - "$WORK/sectors" <<-'END'
		import struct, sys
		data = open(sys.argv[1], "rb").read()
		print(max((struct.unpack("<I", data[i + 4:i + 8])[0] for i in range(0, len(data), 512)
		           if data[i:i + 4] == b"TINY"), default=0))
	END
	)
	((disk >= said && disk <= said + 400)) || fail "$FORMAT: the disk says $disk, the guest said $said"
	figure "$FORMAT: said $said, on the disk $disk"
}

case_format() {
	local from to
	lab guest disk "$DIR/$VM/$VM.raw" --tiny
	[[ $FORMAT == raw ]] || on node1 qemu-img convert -q -f raw -O "$FORMAT" "$DIR/$VM/$VM.raw" "$DIR/$VM/$VM.$FORMAT"
	xml "$FORMAT" none
	on node1 vmha vm add "$VM" --xml /root/role.xml --volume "$VOLUME" >"$WORK/add.log" 2>&1 || fail "vm add: $(cat "$WORK/add.log")"
	from=$(role_place "$VM")
	to=$(node_other "$from")
	await 120 "the guest counting on $from" vm_said_more "$VM" "$from" 0
	vm_lease_on "$VM" "$from" || fail "the lease is not held on $from"
	vm_moved "$VM" live "$from" "$to"
	vm_moved "$VM" quick "$to" "$from"
	vm_moved "$VM" live "$from" "$to"
	vm_deaf "$VM"
	vm_said "$VM" "$to" >"$WORK/said"
	vm_role_remove "$VM"
	disk_follows "$(node_other "$to")"
}

vm_begin
step "a GFS2 volume"
vm_volume lun1

step "cache modes"
lab guest disk "$DIR/$VM/$VM.raw" --tiny
xml raw unsafe
vm_refused "ignores the guest's flushes" node1 vmha vm add "$VM" --xml /root/role.xml --volume "$VOLUME" --disabled

for FORMAT in raw qcow2; do
	step "a role on $FORMAT"
	case_format
done

step "locks"
vm_one_coordinator
vm_volume_good
