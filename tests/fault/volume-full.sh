#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# vmha-test: timeout=300 lab=own
# A volume that is full, or that denies to make files: adding, changing and removing roles and quick moves say so
# and lose nothing; the VM runs on.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"

DIR=/clusterstorage/$VOLUME
VM=web1

storage() { # MODE: of every node
	local node
	for node in "${NODES[@]}"; do
		if [[ $1 == ok ]]; then
			lab heal "$node"
		else
			lab stall-storage "$node" "$1"
		fi
	done
}

# fails TEXT CMD...: on node1, with status 1 and TEXT.
fails() {
	local text=$1 rc=0
	shift
	on node1 "$@" >"$WORK/fails.log" 2>&1 || rc=$?
	((rc == 1)) || fail "$*: status $rc: $(cat "$WORK/fails.log")"
	grep -qF "$text" "$WORK/fails.log" || fail "$*: does not say '$text': $(cat "$WORK/fails.log")"
	figure "${*:1:3}: $(grep -m1 -F "$text" "$WORK/fails.log")"
}

# runs_on_as_before NODE BOOT PID: nobody started or stopped it.
runs_on_as_before() {
	[[ $(qemu_pid "$1" "$VM") == "$3" ]] || fail "the VM's process is another one"
	[[ $(boot_id "$VM") == "$2" ]] || fail "the guest was booted again"
	[[ $(on "$1" virsh domstate "$VM") == running ]] || fail "the guest does not run: $(on "$1" virsh domstate "$VM")"
	ping_answers "$VM" || fail "the guest does not answer"
}

lab_begin --volume dir
role_make "$VM"
AT=$(role_place "$VM")
TO=$(node_other "$AT")
BOOT=$(boot_id "$VM")
PID=$(qemu_pid "$AT" "$VM")
lab guest disk "$DIR/web2/web2.img"
lab guest xml web2 --disk "$DIR/web2/web2.img" | on node1 sh -c 'cat >/root/web2.xml'
sed 's:<vcpu>1</vcpu>:<vcpu>2</vcpu>:' "$(role_file "$VM" xml)" | on node1 sh -c 'cat >/root/edit.xml'
XML=$(sha256sum <"$(role_file "$VM" xml)")

for MODE in full denied; do
	TEXT="No space left on device"
	[[ $MODE == full ]] || TEXT="Permission denied"
	step "$MODE: add, edit"
	storage "$MODE"
	fails "$TEXT" vmha vm add web2 --xml /root/web2.xml --volume "$VOLUME" --disabled
	fails "$TEXT" vmha vm edit "$VM" --xml /root/edit.xml
	[[ $XML == "$(sha256sum <"$(role_file "$VM" xml)")" ]] || fail "$MODE: the definition has changed"
	[[ ! -e $(role_file web2 xml) ]] || fail "$MODE: half a role"

	step "$MODE: a quick move"
	SEQ=$(disk_seq "$VM")
	fails "$VM" vmha migrate "$VM" --to "$TO" --mode quick
	await 30 "$VM on $AT alone" process_on "$VM" "$AT"
	await 30 "the guest writing on" has_written "$VM" "$SEQ"
	runs_on_as_before "$AT" "$BOOT" "$PID"
	[[ $(on "$AT" vmha vm show "$VM" --output json | jq -r .lease.holder) == "$AT" ]] || fail "$MODE: runs without its lease"
	figure "$MODE: $(migration "$VM" '.phase + ": " + (.reason // "")')"
	storage ok
	await 60 "$VM managed again" role_managed "$VM"
	[[ ! -s $(role_file "$VM" state) ]] || fail "$MODE: the part of a saved memory was left"
done

step "removing makes room on a full volume"
on node1 vmha vm add web2 --xml /root/web2.xml --volume "$VOLUME" --disabled >"$WORK/add.log" 2>&1 || fail "$(cat "$WORK/add.log")"
storage full
on node1 vmha vm remove web2 --disks >"$WORK/remove.log" 2>&1 || fail "$(cat "$WORK/remove.log")"
[[ ! -e $(real_path "$DIR/web2") ]] || fail "something is left: $(ls "$(real_path "$DIR/web2")")"
storage ok

step "and then it moves"
cluster vmha migrate "$VM" --to "$TO" --mode quick >"$WORK/migrate.log" 2>&1 || fail "$(cat "$WORK/migrate.log")"
await 30 "$VM on $TO alone" process_on "$VM" "$TO"
[[ $(boot_id "$VM") == "$BOOT" ]] || fail "the guest was booted again"
disk_good "$VM"
[[ $(fences_count) == 0 ]] || fail "fenced: $(fences)"
