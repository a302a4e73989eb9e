#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# vmha-test: timeout=1200 weight=3 lab=vm
# Storage of one node is taken away: it hangs on a node without VMs, the disk is pulled from under a VM, GFS2
# gives itself up.
# That node is fenced, and only that one; the others write on within its recovery; the VM runs elsewhere.
# shellcheck source=tests/vm/lib.sh
. "$(dirname "$0")/lib.sh"

DIR=/clusterstorage/$VOLUME
VM=tiny
LIMIT_S=16 # 8 x io_timeout

# pulse_start NODE...: each writes to the volume five times a second and notes when it was done.
pulse_start() {
	local node
	for node in "$@"; do
		# shellcheck disable=SC2016 # for the node's shell
		on "$node" sh -c 'rm -f /run/pulse; setsid -f sh -c '"'"'
			echo $$ >/run/pulse.pid
			while [ -e /run/pulse.pid ]; do
				echo x >'"$DIR"'/pulse.$(hostname) && sync '"$DIR"'/pulse.$(hostname) && date +%s%N >>/run/pulse
				sleep 0.2
			done'"'"' </dev/null >/dev/null 2>&1'
	done
}

# pulse_end NODE: prints its largest pause in ms.
pulse_end() {
	on "$1" rm -f /run/pulse.pid
	on "$1" cat /run/pulse | awk 'NR > 1 && $1 - last > gap { gap = $1 - last } { last = $1 } END { printf "%d", gap / 1000000 }'
}

# fenced_alone NODE: figures of the loss that began at START.
fenced_alone() {
	local node
	await 150 "the fence of $1" vm_logged "off $1 proven"
	figure "$CASE: fenced_ms=$(($(now_ms) - START)) (limit of renewals $((LIMIT_S * 1000)))"
	for node in $(node_others "$1"); do
		! vm_logged "off $node" || fail "$node was fenced too: $(tail -n 5 "$LAB_STATE/power.log")"
	done
}

# pauses NODE: of the others, until they write again.
pauses() {
	local node gap
	for node in $(node_others "$1"); do
		timeout 60 "$LAB_BIN" --name "$LAB" exec "$node" sh -c "echo again >$DIR/again.$node && sync $DIR/again.$node" ||
			fail "$node cannot write after $1 was fenced"
		gap=$(pulse_end "$node")
		figure "$CASE: pause_ms of $node=$gap"
		((gap < PAUSE_MAX_MS)) || fail "$node could not write for $gap ms"
	done
}

# renewed NODE: the others' sanlock has not given the lockspace up; their slowest renewal is told.
renewed() {
	local node
	for node in $(node_others "$1"); do
		on "$node" sanlock client status | grep "^s $VOLUME:" >/dev/null || fail "$node has lost the lockspace"
		figure "$CASE: slowest renewal of $node: $(on "$node" sanlock client renewal -s "$VOLUME" |
			sed -nE 's/.*read_ms=([0-9]+) write_ms=([0-9]+).*/\1 \2/p' |
			awk '$1 + $2 > max { max = $1 + $2 } END { printf "%d ms of %d", max, NR }')"
	done
}

back() {
	lab heal "$1"
	await 300 "$1 back in the volume" vm_volume_on 3
	vm_volume_good
}

vm_begin
vm_volume lun1
vm_role "$VM"
OWNER=$(role_place "$VM")

CASE="hang without a VM"
step "$CASE"
PAUSE_MAX_MS=90000
VICTIM=$(node_other "$OWNER")
cluster_from "$OWNER"
# shellcheck disable=SC2046 # a list
pulse_start $(node_others "$VICTIM")
vm_mark
START=$(now_ms)
lab stall-storage "$VICTIM" hang
fenced_alone "$VICTIM"
pauses "$VICTIM"
renewed "$VICTIM"
[[ $(role_place "$VM") == "$OWNER" ]] || fail "$VM has left $OWNER"
back "$VICTIM"

CASE="disk pulled from under a VM"
step "$CASE"
cluster_from "$(node_other "$OWNER")"
# shellcheck disable=SC2046 # a list
pulse_start $(node_others "$OWNER")
vm_mark
START=$(now_ms)
lab pull-disk "$OWNER" lun1
fenced_alone "$OWNER"
elsewhere() {
	local now
	now=$(role_place "$VM")
	[[ $now != none && $now != "$OWNER" ]]
}
await 240 "$VM on another node" elsewhere
cluster grep -rqs "device /dev/disk/by-id/lun1 is gone from this node" /var/log/pacemaker || fail "why it was fenced is not told"
figure "$CASE: vm_elsewhere_ms=$(($(now_ms) - START))"
pauses "$OWNER"
renewed "$OWNER"
back "$OWNER"

CASE="withdrawal"
step "$CASE"
OWNER=$(role_place "$VM")
VICTIM=$(node_other "$OWNER")
cluster_from "$OWNER"
# shellcheck disable=SC2046 # a list
pulse_start $(node_others "$VICTIM")
vm_mark
START=$(now_ms)
# the kernel's own way to try it; it waits until the others have recovered the journal
on "$VICTIM" sh -c "echo /sys/fs/gfs2/*:$VOLUME/withdraw" >"$WORK/withdraw"
on "$VICTIM" test -w "$(<"$WORK/withdraw")" || fail "no file to withdraw by: $(<"$WORK/withdraw")"
on "$VICTIM" sh -c "setsid -f sh -c 'echo 1 >$(<"$WORK/withdraw")' </dev/null >/dev/null 2>&1"
fenced_alone "$VICTIM"
cluster grep -rqs "GFS2 has withdrawn here after an I/O error or damage" /var/log/pacemaker || fail "why it was fenced is not told"
pauses "$VICTIM"
renewed "$VICTIM"
[[ $(role_place "$VM") == "$OWNER" ]] || fail "$VM has left $OWNER"
back "$VICTIM"
vm_role_remove "$VM"
vm_volume_good
