#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# vmha-test: timeout=300 lab=own
# What disks a role may have: cache and I/O modes, formats, backing files, images of others; and a qcow2 role on a
# backing file that starts, moves live and quick, and has lost nothing of what its guest wrote.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"

DIR=/clusterstorage/$VOLUME
REFUSED=0

# put FILE SED-EXPRESSION: web2's good XML, changed, as /root/FILE of node1.
put() {
	lab guest xml web2 --disk "$DIR/web2/web2.img" | sed "$2" | on node1 sh -c "cat >/root/$1"
}

# refused TEXT SED-EXPRESSION [OPTION...]: as role web2.
refused() {
	local text=$1 rc=0
	put bad.xml "$2"
	shift 2
	on node1 vmha vm add web2 --xml /root/bad.xml --volume "$VOLUME" --disabled "$@" >"$WORK/out.log" 2>"$WORK/err.log" || rc=$?
	((rc == 1)) || fail "'$text': status $rc: $(cat "$WORK/out.log" "$WORK/err.log")"
	grep -qF -- "$text" "$WORK/err.log" || fail "not said: '$text': $(cat "$WORK/err.log")"
	[[ ! -e $(role_file web2 role) ]] || fail "'$text': it was made a role"
	REFUSED=$((REFUSED + 1))
}

# img ARGUMENTS...: qemu-img on node1, in the directory of web2.
img() {
	on node1 sh -c "cd $DIR/web2 && qemu-img $*" >"$WORK/img.log" 2>&1 || fail "qemu-img $*: $(cat "$WORK/img.log")"
}

qcow2_to() {
	printf "s:/web2/web2.img:/web2/%s:; s/type='raw'/type='qcow2'/" "$1"
}

lab_begin --volume dir
lab guest disk "$DIR/web2/web2.img"

step "cache and I/O modes"
for MODE in writeback writethrough default unsafe; do
	refused "cache mode '$MODE'" "s/cache='none'/cache='$MODE'/"
	grep -qF "set <driver cache='none'/>" "$WORK/err.log" || fail "does not say what to write: $(cat "$WORK/err.log")"
	grep -qF -- "--unsafe takes it all the same" "$WORK/err.log" || fail "does not name --unsafe"
done
refused "cache mode 'default (writeback)'" "s/cache='none'//"
refused "io='native'" "s/cache='none'/cache='writeback'/; s/ io='[a-z]*'/ io='native'/" --unsafe
refused "<transient/>" "s:</disk>:<transient/></disk>:" --unsafe

step "formats"
img create -q -f qcow2 other.qcow2 8M
refused "is raw by the XML, but is qcow2 inside" "s:/web2/web2.img:/web2/other.qcow2:"
refused "is qcow2 by the XML, but raw inside" "s/type='raw'/type='qcow2'/" --unsafe
img create -q -f vmdk other.vmdk 8M
refused "only raw and qcow2" "s:/web2/web2.img:/web2/other.vmdk:; s/type='raw'/type='vmdk'/" --unsafe

step "backing files and images of others"
img create -q -f qcow2 -b web2.img -F raw top.qcow2
lab guest disk "$DIR/web3/web3.img"
lab guest xml web3 --disk "$DIR/web3/web3.img" | on node1 sh -c "cat >/root/web3.xml"
on node1 vmha vm add web3 --xml /root/web3.xml --volume "$VOLUME" --disabled >"$WORK/out.log" 2>&1 || fail "$(cat "$WORK/out.log")"
img create -q -f qcow2 -b "$DIR/web3/web3.img" -F raw on-web3.qcow2
refused "its backing file $DIR/web3/web3.img is written by role web3" "$(qcow2_to on-web3.qcow2)" --unsafe
on node1 ln "$DIR/web3/web3.img" "$DIR/web2/twin.img"
refused "is another name of role web3's" "s:/web2/web2.img:/web2/twin.img:" --unsafe
refused "are one image" "s:<devices>:<devices><disk type='file' device='disk'><driver name='qemu' type='raw' cache='none'/><source file='$DIR/web2/web2.img'/><target dev='vdz' bus='virtio'/></disk>:"
img create -q -f qcow2 -b /etc/hostname -F raw elsewhere.qcow2
refused "its backing file /etc/hostname is not on the volume" "$(qcow2_to elsewhere.qcow2)" --unsafe
on node1 vmha vm remove web3 >"$WORK/out.log" 2>&1 || fail "$(cat "$WORK/out.log")"
figure "refused=$REFUSED"

step "a qcow2 role on a backing file"
put web2.xml "$(qcow2_to top.qcow2)"
on node1 vmha vm add web2 --xml /root/web2.xml --volume "$VOLUME" >"$WORK/out.log" 2>&1 || fail "$(cat "$WORK/out.log")"
await 60 "guest web2 answering" ping_answers web2
SUM=$(sha256sum <"$(real_path "$DIR/web2/web2.img")")
lab guest xml web3 --disk "$DIR/web2/web2.img" | on node1 sh -c "cat >/root/web3.xml"
on node1 vmha vm add web3 --xml /root/web3.xml --volume "$VOLUME" --disabled >"$WORK/out.log" 2>&1 &&
	fail "another role may write the backing file"
grep -q "which this VM writes (role web2)" "$WORK/out.log" || fail "$(cat "$WORK/out.log")"
AT=$(role_place web2)
for MODE in live quick; do
	TO=$(node_other "$AT")
	cluster vmha migrate web2 --to "$TO" --mode "$MODE" >"$WORK/migrate.log" 2>&1 || fail "$MODE: $(cat "$WORK/migrate.log")"
	await 30 "web2 on $TO alone" process_on web2 "$TO"
	await 30 "guest web2 answering" ping_answers web2
	[[ $(on "$TO" vmha vm show web2 --output json | jq -r .lease.holder) == "$TO" ]] || fail "$MODE: the lease is not held on $TO"
	figure "qcow2 $MODE $AT -> $TO: $(tail -n 1 "$WORK/migrate.log")"
	AT=$TO
done

step "refused in an edit, taken with --unsafe, moved all the same and said"
put edit.xml "$(qcow2_to top.qcow2); s/cache='none'/cache='writeback'/"
on node1 vmha vm edit web2 --xml /root/edit.xml >"$WORK/out.log" 2>&1 && fail "an edit took an unsafe mode"
grep -q "cache mode 'writeback'" "$WORK/out.log" || fail "$(cat "$WORK/out.log")"
on node1 vmha vm edit web2 --xml /root/edit.xml --unsafe >"$WORK/out.log" 2>&1 || fail "$(cat "$WORK/out.log")"
[[ $(on node1 vmha vm show web2 --output json | jq -r .unsafe) == true ]] || fail "not noted with the role"
cluster crm_resource --restart --resource web2 >"$WORK/restart.log" 2>&1 || fail "$(cat "$WORK/restart.log")"
await 60 "guest web2 answering" ping_answers web2
AT=$(role_place web2)
TO=$(node_other "$AT")
cluster vmha migrate web2 --to "$TO" --mode live >"$WORK/migrate.log" 2>&1 || fail "unsafe: $(cat "$WORK/migrate.log")"
await 30 "web2 on $TO alone" process_on web2 "$TO"
grep -hq "was made a role with --unsafe" "$LAB_STATE"/node*/var/log/pacemaker/pacemaker.log ||
	fail "the move does not say that it was unsafe"

step "what the guest wrote"
on node1 vmha vm remove web2 >"$WORK/out.log" 2>&1 || fail "$(cat "$WORK/out.log")"
[[ $SUM == "$(sha256sum <"$(real_path "$DIR/web2/web2.img")")" ]] || fail "the backing file was written"
img check -q top.qcow2
img convert -q -f qcow2 -O raw top.qcow2 flat.img
lab check-disk "$DIR/web2/flat.img" >"$WORK/disk.log" || fail "the disk of web2: $(cat "$WORK/disk.log")"
figure "disk web2: $(tail -n 1 "$WORK/disk.log")"
