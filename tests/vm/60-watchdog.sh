#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# vmha-test: timeout=1200 weight=3 lab=vm
# A node that can neither renew nor end its VM, for both hang on storage, is reset by its watchdog (softdog on
# node2, i6300esb on node3) in sanlock's time.  Pacemaker is kept out of it.
# shellcheck source=tests/vm/lib.sh
. "$(dirname "$0")/lib.sh"

VM=tiny
IO_TIMEOUT_S=2
WATCHDOG_S=60 # compiled into sanlock

unmanaged() {
	cluster crm_mon -1 --output-as=xml | xmllint --xpath "string(//cluster_options/@maintenance-mode)" - 2>/dev/null | grep -qx true
}

# reset_by NODE KIND: the VM is on it.
reset_by() {
	local node=$1 kind=$2 boot events lines start reset_ms limit_ms
	cluster_from "$(node_other "$node")"
	on "$node" lsmod | grep -q "^$kind" || fail "$node has no $kind"
	cluster crm_attribute --name maintenance-mode --update true
	await 30 "Pacemaker keeping out of it" unmanaged
	boot=$(on "$node" cat /proc/sys/kernel/random/boot_id)
	events=$LAB_STATE/$node/events.log
	lines=$(wc -l <"$events")
	reset_seen() {
		tail -n "+$((lines + 1))" "$events" | grep -q 'guest-reset\|"WATCHDOG"'
	}
	start=$(now_ms)
	lab stall-storage "$node" hang
	await 150 "the reset of $node" reset_seen
	reset_ms=$(($(now_ms) - start))
	limit_ms=$(((8 * IO_TIMEOUT_S + WATCHDOG_S) * 1000))
	figure "watchdog=$kind reset_ms=$reset_ms limit_ms=$limit_ms (8 x $IO_TIMEOUT_S + $WATCHDOG_S s)"
	# the host is dead for the others after the limit and the age of the last renewal they saw
	((reset_ms <= limit_ms + 2000)) || fail "reset too late for those who take over after $limit_ms ms"
	((reset_ms > 8 * IO_TIMEOUT_S * 1000)) || fail "reset before renewals were over"
	lab heal "$node"
	booted() {
		local now
		now=$(on "$node" cat /proc/sys/kernel/random/boot_id 2>/dev/null) && [[ -n $now && $now != "$boot" ]]
	}
	await 240 "$node after its reset" booted
	cluster crm_attribute --name maintenance-mode --delete
	await 300 "the volume on all nodes" vm_volume_on 3
	await 240 "$VM somewhere" role_runs "$VM"
}

# place NODE: the VM is there.
place() {
	role_is_on "$VM" "$1" || cluster vmha migrate "$VM" --to "$1" >"$WORK/move.log" 2>&1 || fail "migrate: $(cat "$WORK/move.log")"
	await 60 "$VM on $1" role_is_on "$VM" "$1"
}

vm_begin
vm_volume lun1
vm_role "$VM"

step "softdog"
place node2
reset_by node2 softdog

step "i6300esb"
place node3
reset_by node3 i6300esb

vm_role_remove "$VM"
vm_volume_good
