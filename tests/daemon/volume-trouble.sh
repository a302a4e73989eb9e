#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# vmha-test: timeout=400 lab=own weight=1
# What a new volume must not be made of is refused with the reason before anything is changed: devices
# that hold something, are too small or in use; names and options that do not do; directories that are
# full, read-only, or cannot do direct I/O.  Nodes without DLM get no GFS2, and all that was made for it
# is undone.  (GFS2 and exports that work: tests/vm.)
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"
LUN=/dev/disk/by-id/lun4
SMALL=/dev/disk/by-id/lun1

# refused TEXT CMD...: fails with that in its words.
refused() {
	local text=$1 rc=0
	shift
	cluster "$@" >"$WORK/refused.log" 2>&1 || rc=$?
	((rc == 1 || rc == 2)) || fail "status $rc: $*: $(cat "$WORK/refused.log")"
	grep -q -- "$text" "$WORK/refused.log" || fail "'$text' is not in: $(cat "$WORK/refused.log")"
	figure "$(tail -n 1 "$WORK/refused.log")"
}

gfs2() { # DEVICE OPTIONS...
	printf '%s\n' vmha volume create vol2 --type gfs2 --device "$@"
}

# refused_gfs2 TEXT DEVICE OPTIONS...
refused_gfs2() {
	local text=$1 cmd
	shift
	mapfile -t cmd < <(gfs2 "$@")
	refused "$text" "${cmd[@]}"
}

lun_sum() {
	on node1 sh -c "dd if=$LUN bs=1M iflag=direct status=none | md5sum"
}

lun_clear() {
	on node1 sh -c "dd if=/dev/zero of=$LUN bs=1M oflag=direct status=none 2>/dev/null; true"
}

configured() {
	cluster cibadmin --query --xpath "//*[@id='$1']" >/dev/null 2>&1
}

lab_begin --volume lun
cluster_from node1
on node1 sh -c 'command -v mkfs.gfs2 mkfs.ext4' >/dev/null || skip "needs gfs2-utils and e2fsprogs"

step "words that do not do"
refused "--path goes with --type dir" vmha volume create vol2 --type gfs2 --path /clusterstorage
refused "--path goes with --type dir" vmha volume create vol2 --device "$LUN"
refused "--type must be" vmha volume create vol2 --type ocfs2 --device "$LUN"
refused "--journals goes with" vmha volume create vol2 --type nfs --device a:/b --journals 3
refused "cannot be the name of a GFS2 volume" vmha volume create vol.2 --type gfs2 --device "$LUN"
refused_gfs2 "each of the cluster's 3 nodes" "$LUN" --journals 2
refused_gfs2 "lockproto" "$LUN" --options noatime,lockproto=lock_nolock
refused "soft: a write" vmha volume create vol2 --type nfs --device nas:/export --options soft
refused "is no export" vmha volume create vol2 --type nfs --device "$LUN"
refused "exists already" vmha volume create "$VOLUME" --type gfs2 --device "$LUN"

step "devices that do not do"
refused_gfs2 "is no device" /etc/hostname
refused_gfs2 "is not there on this node" /dev/disk/by-id/lun9
refused_gfs2 "is not a block device" /dev/null
refused_gfs2 "needs 147 MiB at least" "$SMALL"

# holds NAME TEXT CMD...: what CMD leaves on the device is named, and left alone.
holds() {
	local text=$1 before
	shift
	lun_clear
	on node1 sh -c "$*" >"$WORK/holds.log" 2>&1 || fail "$*: $(cat "$WORK/holds.log")"
	before=$(lun_sum)
	refused_gfs2 "$text" "$LUN"
	[[ $(lun_sum) == "$before" ]] || fail "a refused create has written to the device"
}
holds "holds a signature of ext4 (data)" "mkfs.ext4 -q -F -L data $LUN"
holds "holds a signature of swap\|holds swap space" "mkswap $LUN"
# one Linux partition of 2 MiB from 1 MiB on
holds "holds a partition table (dos)" "{ head -c 446 /dev/zero; printf '\\000\\000\\000\\000\\203\\000\\000\\000\\000\\010\\000\\000\\000\\020\\000\\000'; head -c 48 /dev/zero; printf '\\125\\252'; } >/tmp/mbr; dd if=/tmp/mbr of=$LUN bs=512 oflag=direct status=none"
holds "holds a GFS2 file system (other:vol2)" "mkfs.gfs2 -O -q -p lock_dlm -t other:vol2 -j 2 -J 8 $LUN"
NAME=$(on node1 corosync-cmapctl -g totem.cluster_name | sed 's/.* = //')
holds "if an interrupted create left it, repeat with --force" \
	"mkfs.gfs2 -O -q -p lock_dlm -t $NAME:vol2 -j 2 -J 8 $LUN"
holds "holds a lockspace or leases of sanlock (other)" \
	"dd if=/dev/zero of=/tmp/ls bs=1M count=1 status=none; sanlock direct init -s other:0:/tmp/ls:0 >/dev/null; dd if=/tmp/ls of=$LUN bs=1M oflag=direct status=none"
lun_clear

step "without DLM in the kernel there is no GFS2, and all is undone"
if on node1 modinfo dlm >/dev/null 2>&1; then
	figure "this kernel has DLM: left to tests/vm"
else
	BEFORE=$(lun_sum)
	refused_gfs2 "dlm" "$LUN"
	grep -q "all that was made has been undone" "$WORK/refused.log" || fail "not undone: $(cat "$WORK/refused.log")"
	! configured dlm-clone || fail "dlm-clone is left"
	! configured vol2-clone || fail "vol2-clone is left"
	[[ $(lun_sum) == "$BEFORE" ]] || fail "the device was changed"
fi

step "a server that is not there"
refused "cannot mount\|hangs" vmha volume create vol2 --type nfs --device 127.0.0.1:/nowhere --options retry=0
! configured vol2-clone || fail "vol2-clone is left"

step "directories that do not do"
if on node1 sh -c 'mkdir -p /srv/full /srv/ro && mount -t tmpfs -o size=16m tmpfs /srv/full &&
	mount -t tmpfs -o size=128m tmpfs /srv/ro && mount -o remount,ro /srv/ro' 2>/dev/null; then
	refused "has less than 64 MiB free" vmha volume create vol2 --path /srv/full
	refused "Read-only" vmha volume create vol2 --path /srv/ro
else
	figure "nodes of this lab may not mount: left to tests/vm"
fi
step "a lockspace of that name is joined on another node already: refused, undone, and nobody is fenced for it"
on node1 vmha volume remove "$VOLUME" >"$WORK/remove.log" 2>&1 || fail "volume remove: $(cat "$WORK/remove.log")"
on node2 sh -c 'dd if=/dev/zero of=/tmp/foreign bs=1M count=1 status=none && chown sanlock /tmp/foreign &&
	sanlock direct init -s '"$VOLUME"':0:/tmp/foreign:0 >/dev/null &&
	sanlock client add_lockspace -s '"$VOLUME"':7:/tmp/foreign:0 -o 1' >"$WORK/foreign.log" 2>&1 ||
	fail "the foreign lockspace: $(cat "$WORK/foreign.log")"
refused "node2.*is joined, but from /tmp/foreign" vmha volume add "$VOLUME" --path "/clusterstorage/$VOLUME"
! configured "$VOLUME-clone" || fail "$VOLUME-clone is left"
on node2 sanlock client rem_lockspace -s "$VOLUME:7:/tmp/foreign:0" >>"$WORK/foreign.log" 2>&1 || fail "$(cat "$WORK/foreign.log")"
[[ $(fences_count) == 0 ]] || fail "fenced: $(fences)"
cluster vmha volume list
