#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# vmha-test: timeout=900 weight=3 lab=vm
# A disk with sectors of 4 KiB: a volume that one node sees smaller than the others is refused and undone;
# then all write to it, and a role on it holds its lease; with all leases in use no role is added, and said so.
# shellcheck source=tests/vm/lib.sh
. "$(dirname "$0")/lib.sh"

vm_begin
VOLUME=four
DIR=/clusterstorage/$VOLUME
VM=tiny
LUN=/dev/disk/by-id/lun3

step "smaller on one node"
[[ $(on node2 blockdev --getss $LUN) == 4096 ]] || fail "lun3 has sectors of $(on node2 blockdev --getss $LUN) bytes"
# what a node sees of a LUN that has grown, before it is rescanned
# shellcheck disable=SC2016 # for the node's shell
on node3 sh -c 'ln -sfn "$(losetup --show --find --sector-size 4096 --sizelimit 512M $(realpath '$LUN'))" '$LUN ||
	fail "no smaller device on node3"
vm_refused 'node3.*rescan it' node1 vmha volume create "$VOLUME" --type gfs2 --device $LUN --io-timeout 2
figure "$(tail -n 1 "$WORK/refused.log")"
[[ -z $(on node1 blkid $LUN) ]] || fail "a failed create has left something on the device"

step "a file comes onto it while its create is undone: kept"
# shellcheck disable=SC2016 # for the node's shell
on node1 sh -c 'mkdir -p /root/late && cat >/root/late/crm_resource && chmod +x /root/late/crm_resource' <<-END
	#!/bin/sh
	case \$* in *target-role*) echo kept >$DIR/late && sync $DIR/late ;; esac
	exec /usr/sbin/crm_resource "\$@"
END
vm_refused 'late is there; .vmha volume add' node1 env PATH=/root/late:/usr/sbin:/usr/bin:/sbin:/bin \
	vmha volume create "$VOLUME" --type gfs2 --device $LUN --io-timeout 2
figure "$(grep 'late is there' "$WORK/refused.log")"
# shellcheck disable=SC2016 # for the node's shell
on node3 sh -c 'losetup --detach "$(realpath '$LUN')" && /usr/lib/vmha-lab/devices'

step "a volume on it"
on node1 vmha volume add "$VOLUME" --type gfs2 --device $LUN >"$WORK/add.log" 2>&1 || fail "volume add: $(cat "$WORK/add.log")"
[[ $(on node2 cat "$DIR/late") == kept ]] || fail "what was kept is not there"
on node1 rm "$DIR/late"
figure "leases_at=$(vm_volume_value '.leases_at | tojson')"
for NODE in "${NODES[@]}"; do
	on "$NODE" sh -c "echo 'written by $NODE' >$DIR/$NODE && sync $DIR/$NODE" || fail "$NODE cannot write"
done
vm_role "$VM"
FROM=$(role_place "$VM")
await 120 "the guest counting on $FROM" vm_said_more "$VM" "$FROM" 0
vm_lease_on "$VM" "$FROM" || fail "the lease is not held on $FROM"

step "all leases in use"
INDEX=$VOLUME:$(vm_volume_value .leases_at.path):$(vm_volume_value .leases_at.index_offset)
# each by sanlock's own tool, until it has no room
on node1 sh -c "i=0; while sanlock client create -x '$INDEX' -e spare\$i; do i=\$((i + 1)); done; echo \$i >/root/spares" >"$WORK/spares.log" 2>&1
rc=0
on node1 vmha volume check "$VOLUME" >"$WORK/check.log" 2>&1 || rc=$?
[[ $rc == 3 && $(<"$WORK/check.log") == *"all 24 leases are in use"* ]] || fail "volume check: status $rc: $(cat "$WORK/check.log")"
lab guest disk "$DIR/more/more.raw" --tiny
lab guest xml more --tiny --disk "$DIR/more/more.raw" | on node1 sh -c 'cat >/root/more.xml'
vm_refused 'cannot create lease.*index is full' node1 vmha vm add more --xml /root/more.xml --volume "$VOLUME" --disabled
[[ $(on node1 ls "$DIR/more") == more.raw ]] || fail "a refused add left: $(on node1 ls "$DIR/more")"
on node1 sh -c "i=0; while [ \$i -lt \$(cat /root/spares) ]; do sanlock client delete -x '$INDEX' -e spare\$i || exit 1; i=\$((i + 1)); done" >"$WORK/spares.log" 2>&1 ||
	fail "sanlock client delete: $(tail -n 3 "$WORK/spares.log")"
vm_volume_good

vm_role_remove "$VM"
vm_disk_follows "$DIR/$VM/$VM.raw" raw "$(node_other "$FROM")" "$(vm_said "$VM" "$FROM")"
vm_volume_good
vm_volume_remove
[[ -z $(on node1 blkid $LUN) ]] || fail "something is left on the device"
