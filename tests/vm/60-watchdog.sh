#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# vmha-test: timeout=1200 weight=3 lab=vm
# A node that can neither renew nor end its VM, for both hang on storage, is reset by its watchdog (softdog on
# node2, i6300esb on node3) in sanlock's time.  Pacemaker is kept out of it.
# shellcheck source=tests/vm/lib.sh
. "$(dirname "$0")/lib.sh"

IO_TIMEOUT_S=2
WATCHDOG_S=60 # compiled into sanlock
declare -A BOOT

unmanaged() {
	cluster crm_mon -1 --output-as=xml | xmllint --xpath "string(//cluster_options/@maintenance-mode)" - 2>/dev/null | grep -x true >/dev/null
}

# place VM NODE: it is there.
place() {
	role_is_on "$1" "$2" || cluster vmha migrate "$1" --to "$2" >"$WORK/move.log" 2>&1 || fail "migrate: $(cat "$WORK/move.log")"
	await 60 "$1 on $2" role_is_on "$1" "$2"
}

# reset_by NODE KIND: a VM is on it.
reset_by() {
	local node=$1 kind=$2 events=$LAB_STATE/$1/events.log lines start reset_ms limit_ms
	on "$node" lsmod | grep "^$kind" >/dev/null || fail "$node has no $kind"
	BOOT[$node]=$(on "$node" cat /proc/sys/kernel/random/boot_id)
	lines=$(wc -l <"$events")
	reset_seen() {
		tail -n "+$((lines + 1))" "$events" | grep 'guest-reset\|"WATCHDOG"' >/dev/null
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
}

booted() {
	local now
	now=$(on "$1" cat /proc/sys/kernel/random/boot_id 2>/dev/null) && [[ -n $now && $now != "${BOOT[$1]}" ]]
}

vm_begin
vm_volume lun1
cluster_from node1
vm_role tiny2
vm_role tiny3
place tiny2 node2
place tiny3 node3
cluster crm_attribute --name maintenance-mode --update true
await 30 "Pacemaker keeping out of it" unmanaged

step "softdog"
reset_by node2 softdog

step "i6300esb"
await 240 "node2 after its reset" booted node2
await 120 "node2 in the cluster" nodes_online 3
reset_by node3 i6300esb

step "back"
await 240 "node3 after its reset" booted node3
cluster crm_attribute --name maintenance-mode --delete
await 300 "the volume on all nodes" vm_volume_on 3
for VM in tiny2 tiny3; do
	await 240 "$VM somewhere" role_runs "$VM"
	vm_role_remove "$VM"
done
vm_volume_good
