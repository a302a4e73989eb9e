#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# vmha-test: timeout=300 lab=own
# vmha vm add, edit, remove: whatever is wrong is refused by name, and leaves nothing behind.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"

DIR=/clusterstorage/$VOLUME
REFUSED=0

# put NAME: standard input becomes /root/NAME on node1.
put() {
	on node1 sh -c "cat >'/root/$1'"
}

# good NAME: XML of a guest that may become a role; its disk exists.
good() {
	lab guest xml "$1" --disk "$DIR/$1/$1.img"
}

# nothing_left NAME: no lease, no resource, no files of a role.
nothing_left() {
	local left
	left=$(on node1 vmha volume show "$VOLUME" --output json |
		jq -r --arg n "$1" '.leases[] | select(.lease == $n) | .lease')
	[[ -z $left ]] || fail "$2: a lease named $1 was left"
	! on node1 cibadmin --query --xpath "//primitive[@id='$1']" >/dev/null 2>&1 ||
		fail "$2: a resource named $1 was left"
	[[ ! -e $(role_file "$1" role) && ! -e $(role_file "$1" xml) ]] || fail "$2: files were left"
}

# refused STATUS TEXT WHAT CMD...: CMD on node1 ends with STATUS and says TEXT on standard error.
refused() {
	local status=$1 text=$2 what=$3 rc=0
	shift 3
	on node1 "$@" >"$WORK/out.log" 2>"$WORK/err.log" || rc=$?
	((rc == status)) || fail "$what: status $rc, not $status: $(cat "$WORK/out.log" "$WORK/err.log")"
	grep -qF -- "$text" "$WORK/err.log" || fail "$what: does not say '$text': $(cat "$WORK/err.log")"
	REFUSED=$((REFUSED + 1))
}

# add_refused TEXT WHAT: /root/bad.xml as role web2.
add_refused() {
	refused 1 "$1" "$2" vmha vm add web2 --xml /root/bad.xml --volume "$VOLUME"
	nothing_left web2 "$2"
}

# bad TEXT WHAT SED-EXPRESSION: web2's good XML, spoiled.
bad() {
	good web2 | sed "$3" | put bad.xml
	add_refused "$1" "$2"
}

lab_begin --volume dir
step "one role to collide with"
role_make web1
BOOT=$(boot_id web1)
lab guest disk "$DIR/web2/web2.img"

step "usage"
refused 2 "a NAME, --xml FILE and --volume VOLUME are needed" "no arguments" vmha vm add
refused 2 "cannot be a role's name" "a bad name" vmha vm add a/b --xml /root/x --volume "$VOLUME"
refused 2 "cannot be a role's name" "a long name" \
	vmha vm add "$(printf 'a%.0s' {1..48})" --xml /root/x --volume "$VOLUME"
refused 2 "unknown option --xlm" "an unknown option" vmha vm add web2 --xlm x
refused 2 "--mode is live, quick or auto" "a bad mode" \
	vmha vm add web2 --xml /root/x --volume "$VOLUME" --mode fast
refused 2 "unknown command 'vm ad'" "an unknown command" vmha vm ad web2
refused 2 "--output is text or json" "a bad output" vmha --output xml status
refused 1 "there is no role named 'web9'" "an unknown VM shown" vmha vm show web9
refused 1 "there is no role named 'web9'" "an unknown VM edited" vmha vm edit web9 --xml /root/web1.xml
refused 1 "there is no role named 'web9'" "an unknown VM removed" vmha vm remove web9
refused 1 "there is no role named 'web9'" "an unknown VM moved" vmha migrate web9
refused 1 "there is no role named 'web9'" "an unknown VM healed" vmha heal web9
refused 1 "there is no node named 'node9'" "a move to nowhere" vmha migrate web1 --to node9
refused 1 "this needs root" "an ordinary user" \
	setpriv --reuid nobody --clear-groups vmha vm add web2 --xml /root/web1.xml --volume "$VOLUME"

step "files"
refused 1 "No such file" "no XML file" vmha vm add web2 --xml /root/none.xml --volume "$VOLUME"
refused 1 "irectory" "a directory" vmha vm add web2 --xml /root --volume "$VOLUME"
refused 1 "there is no volume 'vol9'" "an unknown volume" \
	vmha vm add web2 --xml /root/web1.xml --volume vol9
printf '<domain>\n<name>web2</domain>' | put bad.xml
add_refused "not well-formed XML, line 2" "malformed XML"
printf '<!DOCTYPE d [<!ENTITY x SYSTEM "file:///etc/shadow">]><domain>&x;</domain>' | put bad.xml
add_refused "DOCTYPE" "an external entity"
head -c 1100000 /dev/zero | tr '\0' ' ' | put bad.xml
refused 1 "" "a huge file" vmha vm add web2 --xml /root/bad.xml --volume "$VOLUME"

step "what would collide"
refused 1 "has a role named web1 already" "the same role" \
	vmha vm add web1 --xml /root/web1.xml --volume "$VOLUME"
refused 1 "'$VOLUME' already" "the volume's own name" \
	vmha vm add "$VOLUME" --xml /root/web1.xml --volume "$VOLUME" --rename
good web1 | put bad.xml
add_refused "not 'web2'" "another name in the XML"
bad "is role web1's: give the VM its own" "the same UUID" \
	"s:<uuid>.*</uuid>:<uuid>$(guest_uuid web1)</uuid>:"
mac=$(sed -n "s/.*<mac address='\([^']*\)'.*/\1/p" "$WORK/web1.xml")
bad "is role web1's" "the same MAC, in capitals" "s/<mac address='[^']*'/<mac address='${mac^^}'/"
bad "is used by role web1" "the same disk" "s:/web2/web2.img:/web1/web1.img:"
on node1 ln "$DIR/web1/web1.img" "$DIR/web2/twin.img"
bad "is another name of role web1's $DIR/web1/web1.img" "the same disk by another name" "s:/web2/web2.img:/web2/twin.img:"
on node2 sh -c 'cat >/root/run.xml' < <(good web2 | sed '/<disk/,/<\/disk>/d')
on node2 virsh -q create /root/run.xml >/dev/null
good web2 | put bad.xml
add_refused "runs on node node2" "a VM that runs already on another node"
on node2 virsh -q destroy web2

step "disks"
bad "is not on the volume" "a disk elsewhere" "s:$DIR/web2/web2.img:/var/lib/web2.img:"
bad "does not exist" "a disk that is missing" "s:/web2/web2.img:/web2/none.img:"
on node1 sh -c "truncate -s 1M /root/local.img && ln -s /root/local.img $DIR/web2/link.img"
bad "leads out of the volume" "a link to a local file" "s:/web2/web2.img:/web2/link.img:"
bad "is not a regular file" "a directory as disk" "s:/web2/web2.img:/web2:"
bad "is not a block device" "a file as block device" "s/<disk type='file'/<disk type='block'/; s/source file=/source dev=/"
bad "cache mode 'writeback'" "cache=writeback" "s/cache='none'/cache='writeback'/"
on node1 sh -c "qemu-img create -q -f raw /root/base.img 1M &&
	qemu-img create -q -f qcow2 -b /root/base.img -F raw $DIR/web2/top.qcow2"
bad "backing file /root/base.img is not on the volume" "a backing file elsewhere" \
	"s:/web2/web2.img:/web2/top.qcow2:; s/type='raw'/type='qcow2'/"

step "devices and networks"
bad "<hostdev>" "a host device" "s:</devices>:<hostdev mode='subsystem' type='usb'/></devices>:"
bad "there is no bridge 'br-none'" "a bridge that is missing" "s/bridge='vmbr0'/bridge='br-none'/"
bad "no active libvirt network 'nowhere'" "a network that is missing" \
	"s/interface type='bridge'/interface type='network'/; s/bridge='vmbr0'/network='nowhere'/"
bad "emulator /usr/bin/nothing" "a QEMU that is missing" "s:<emulator>.*</emulator>:<emulator>/usr/bin/nothing</emulator>:"
bad "a <lease> of its own" "a foreign lease" "s:</devices>:<lease><lockspace>x</lockspace><key>y</key><target path='/x'/></lease></devices>:"
bad "3 reasons" "three reasons at once" \
	"s:$DIR/web2/web2.img:/x.img:; s/cache='none'//; s:</devices>:<hostdev/></devices>:"
[[ $(grep -c '^vmha: /root/bad.xml: ' "$WORK/err.log") == 3 ]] || fail "not three lines of reasons: $(cat "$WORK/err.log")"

step "a full disk, a node without the volume"
good web2 | put good.xml
lab guest xml web3 --disk "$DIR/web2/web2.img" | put web3.xml
# No write of a file succeeds: "File too large" stands for a full disk, which one cannot make here.
on node1 sh -c "trap '' XFSZ; ulimit -f 0; exec vmha vm add web3 --xml /root/web3.xml --volume $VOLUME" 2>&1 |
	cat >"$WORK/full.log" && rc=0 || rc=$?
((rc == 1)) || fail "status $rc without space: $(cat "$WORK/full.log")"
grep -q "File too large" "$WORK/full.log" || fail "$(cat "$WORK/full.log")"
[[ ! -e $(real_path "$DIR/web3") ]] || fail "the role's directory was left"
nothing_left web3 "no space for the definition"
on node1 crm_standby --node node3 --update on
settled 60
on node3 sh -c 'cat >/root/good.xml' < <(good web2)
on node3 vmha vm add web2 --xml /root/good.xml --volume "$VOLUME" >"$WORK/out.log" 2>&1 &&
	fail "added from a node that has not joined the volume"
grep -qE "has not joined|there is no volume" "$WORK/out.log" || fail "$(cat "$WORK/out.log")"
on node1 crm_standby --node node3 --delete
settled 60

step "an old definition with autostart"
on node2 sh -c 'cat >/root/good.xml' < <(good web2)
on node2 virsh -q define /root/good.xml
on node2 virsh -q autostart web2
on node1 vmha vm add web2 --xml /root/good.xml --volume "$VOLUME" --disabled >"$WORK/out.log" 2>"$WORK/err.log" ||
	fail "vm add --disabled: $(cat "$WORK/err.log")"
grep -q "autostart of web2 on node node2 switched off" "$WORK/out.log" || fail "$(cat "$WORK/out.log")"
grep -q "virsh undefine" "$WORK/err.log" || fail "the old definition was not named"
[[ -z $(on node2 virsh -q list --all --autostart --name) ]] || fail "autostart is still on"
on node2 virsh -q undefine web2
web2_disabled() { on node1 vmha vm list --output json | jq -e '.[] | select(.name == "web2") | .state == "disabled"'; }
await 10 "web2 disabled" web2_disabled

step "edit"
on node1 vmha vm edit web1 --xml "$DIR/web1/web1.xml" >"$WORK/out.log"
grep -q "nothing has changed" "$WORK/out.log" || fail "$(cat "$WORK/out.log")"
sed "s:<uuid>.*</uuid>:<uuid>00000000-1111-2222-3333-444444444444</uuid>:" "$WORK/web1.xml" | put bad.xml
refused 1 "<uuid> is not the role's" "another UUID" vmha vm edit web1 --xml /root/bad.xml
sed "s/cache='none'/cache='unsafe'/" "$WORK/web1.xml" | put bad.xml
refused 1 "cache mode 'unsafe'" "an edit that could not move" vmha vm edit web1 --xml /root/bad.xml
on node1 env EDITOR="sed -i s:<vcpu>1</vcpu>:<vcpu>2</vcpu>:" vmha vm edit web1 >"$WORK/out.log" 2>&1 ||
	fail "edit by \$EDITOR: $(cat "$WORK/out.log")"
grep -q "keeps the old one" "$WORK/out.log" || fail "does not say when it takes effect: $(cat "$WORK/out.log")"
grep -q "<vcpu>2</vcpu>" "$(role_file web1 xml)" || fail "the edit was not stored"
grep -q "<key>web1</key>" "$(role_file web1 xml)" || fail "the edit lost the lease"
refused 1 "ended with an error" "an editor that fails" env EDITOR=false vmha vm edit web1
[[ $(boot_id web1) == "$BOOT" ]] || fail "an edit restarted the guest"

step "remove"
on node1 vmha vm remove web2 --disks >"$WORK/out.log" 2>&1 || fail "remove web2: $(cat "$WORK/out.log")"
nothing_left web2 "vm remove"
[[ ! -e $(real_path "$DIR/web2/web2.img") ]] || fail "--disks kept the disk"
# and while Pacemaker's history of it is cleaned up again and again, in which it looks stopped
on node2 sh -c 'for i in 1 2 3 4 5 6; do crm_resource --refresh --resource web1 --force; done' >"$WORK/refresh.log" 2>&1 &
REFRESH=$!
on node1 vmha vm remove web1 >"$WORK/out.log" 2>&1 || fail "remove web1: $(cat "$WORK/out.log")"
wait "$REFRESH" || true
nothing_left web1 "vm remove"
[[ -e $(real_path "$DIR/web1/web1.img") ]] || fail "the disk was not kept"
[[ -z $(qemu_nodes web1) ]] || fail "web1 still runs"
await 10 "nothing wrong in vmha status after the removal" on node1 vmha status
figure "refused=$REFUSED"
