#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# vmha-test: timeout=900 weight=3 lab=vm
# A volume of type nfs, node3 exports it: what cannot be mounted is refused at once and leaves nothing; all
# nodes write it; a role on it is moved live and quick, its lease follows; its guest goes on over a restart
# of the server; the volume is removed, with VMHA_TEST_AWAY=1 also while its server is away.
# shellcheck source=tests/vm/lib.sh
. "$(dirname "$0")/lib.sh"

EXPORT=node3:/export
vm_begin
VOLUME=nv
DIR=/clusterstorage/$VOLUME

nothing_left() {
	! cluster cibadmin --query --xpath "//*[@id='$VOLUME-clone']" >/dev/null 2>&1 || fail "a refused create left its resource"
	on node1 sh -c '! grep -q /run/vmha/mnt /proc/mounts' || fail "a refused create left its mount"
}

# refused PATTERN EXPORT
refused() {
	local start=$EPOCHREALTIME
	vm_refused "$1" node1 vmha volume create "$VOLUME" --type nfs --device "$2" --options vers=4.2 --io-timeout 5
	figure "$(seconds_since "$start") s: $(tail -n 1 "$WORK/refused.log")"
	nothing_left
}

# server_threads N: 0 ends it; what clients have open is reclaimed from the next.
server_threads() {
	on node3 rpc.nfsd --no-nfs-version 3 "$1" >>"$WORK/nfsd.log" 2>&1 || fail "rpc.nfsd $1: $(cat "$WORK/nfsd.log")"
}

step "node3 exports a directory on a disk of its own"
# shellcheck disable=SC2016 # for the node's shell
on node3 sh -ec 'mkfs.ext4 -q -F /dev/disk/by-id/lun4
	mkdir -p /srv /var/lib/nfs/v4recovery
	mount /dev/disk/by-id/lun4 /srv
	mkdir -p /srv/export
	mountpoint -q /proc/fs/nfsd || mount -t nfsd nfsd /proc/fs/nfsd
	echo 10 >/proc/fs/nfsd/nfsv4gracetime
	echo 10 >/proc/fs/nfsd/nfsv4leasetime
	# the root of a node is an overlay, which the kernel does not export: clients see /srv as the root
	echo "/srv *(rw,fsid=0,sync,no_root_squash,no_subtree_check)" >/etc/exports
	exportfs -ra
	rpc.mountd --foreground --no-nfs-version 3 </dev/null >/var/log/mountd 2>&1 &
	echo $! >/run/mountd.pid' >"$WORK/nfsd.log" 2>&1 || fail "no server: $(cat "$WORK/nfsd.log")"
server_threads 8
server_end() {
	# shellcheck disable=SC2016 # for the node's shell
	on node3 sh -c 'rpc.nfsd 0; exportfs -ua; umount -l /srv; kill "$(cat /run/mountd.pid)"; true' >/dev/null 2>&1 || true
}
cleanup_add server_end

step "refused"
refused "Connection refused" node2:/export
refused "No such file" node3:/nothing
on node1 mount --bind /dev/null /usr/sbin/mount.nfs
refused "install nfs-common" "$EXPORT"
on node1 umount /usr/sbin/mount.nfs

step "made on all nodes"
START=$EPOCHREALTIME
on node1 vmha volume create "$VOLUME" --type nfs --device "$EXPORT" --options vers=4.2 --io-timeout 5 >"$WORK/create.log" 2>&1 ||
	fail "volume create: $(cat "$WORK/create.log")"
figure "volume_create_s=$(seconds_since "$START")"
for NODE in "${NODES[@]}"; do
	on "$NODE" grep -q " $DIR nfs4 .*vers=4.2" /proc/mounts || fail "not mounted on $NODE: $(on "$NODE" grep nfs /proc/mounts)"
	on "$NODE" sh -c "echo 'written by $NODE' >$DIR/$NODE && sync $DIR/$NODE" || fail "$NODE cannot write"
done
[[ $(on node2 cat "$DIR/node1" "$DIR/node2" "$DIR/node3" | wc -l) == 3 ]] || fail "node2 does not see all"
vm_volume_good

step "a role, moved live and quick"
vm_role nfs1
ON=$(role_place nfs1)
TO=$(node_other "$ON")
await 60 "the lease of nfs1 on $ON" vm_lease_on nfs1 "$ON"
vm_moved nfs1 live "$ON" "$TO"
vm_moved nfs1 quick "$TO" "$ON"

step "the server is restarted, and the guest goes on"
vm_mark
BEFORE=$(vm_said nfs1 "$ON")
server_threads 0
server_threads 8
await 60 "the guest counting on from $BEFORE" vm_said_more nfs1 "$ON" "$((BEFORE + 5))"
await 60 "the volume well" cluster vmha volume check "$VOLUME"
! vm_logged ' off ' || fail "a node was fenced"

step "removed"
vm_role_remove nfs1
cluster vmha volume remove "$VOLUME" >"$WORK/remove.log" 2>&1 || fail "volume remove: $(cat "$WORK/remove.log")"
for NODE in "${NODES[@]}"; do
	on "$NODE" sh -c "! grep -q ' $DIR ' /proc/mounts" || fail "mounted still on $NODE"
done

# four minutes: not in every check
[[ -n ${VMHA_TEST_AWAY:-} ]] || exit 0
step "brought in again, and removed while its server is away"
on node1 vmha volume add "$VOLUME" --type nfs --device "$EXPORT" --options vers=4.2 >"$WORK/add.log" 2>&1 ||
	fail "volume add: $(cat "$WORK/add.log")"
server_threads 0
vm_refused 'does not answer on this node.*--force' node1 timeout 60 vmha volume remove "$VOLUME"
START=$EPOCHREALTIME
cluster timeout 400 vmha volume remove "$VOLUME" --force >"$WORK/remove.log" 2>&1 || fail "volume remove: $(cat "$WORK/remove.log")"
figure "remove_without_server_s=$(seconds_since "$START")"
for NODE in "${NODES[@]}"; do
	on "$NODE" sh -c "! grep -q ' $DIR ' /proc/mounts" || fail "mounted still on $NODE"
done
! vm_logged ' off ' || fail "a node was fenced"
