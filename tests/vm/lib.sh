# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The scenarios on machines (lab=vm) share one lab: whoever comes first makes it, tests/run takes it down
# after the last.  By hand, without the runner, a scenario has one of its own, or that of VMHA_LAB_NAME.
# Source it first:  . "$(dirname "$0")/lib.sh"
# shellcheck source=tests/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/../lib.sh"

VM_UP=(--vm --nodes 3 --watchdog softdog)

vm_is_up() {
	[[ -r $LAB_STATE/config ]] && grep -qs '^vm=yes' "$LAB_STATE/config" && [[ -e $LAB_STATE/ready ]]
}

# vm_begin: the lab, with all nodes in the cluster and nothing but the power switch running in it.
vm_begin() {
	((EUID == 0)) || skip "needs root"
	LAB_BIN=$(lab_bin) || skip "there is no vmha-lab: build first"
	if vm_is_up; then
		vm_clean
		return
	fi
	[[ ! -d $LAB_STATE ]] || lab down >"$WORK/down.log" 2>&1
	local start=$EPOCHREALTIME
	step "lab $LAB up ${VM_UP[*]}"
	[[ -n ${VMHA_CHECK_ID:-} ]] || cleanup_add lab_end
	lab up "${VM_UP[@]}" >"$WORK/up.log" 2>&1 || {
		cat "$WORK/up.log" >&2
		fail "the lab of machines did not come up"
	}
	sed 's/^/        /' "$WORK/up.log"
	on node1 cibadmin --query --scope resources >"$LAB_STATE/ready"
	figure "lab_up_s=$(seconds_since "$start")"
}

vm_node_off() {
	lab status | grep -q "^$1  off"
}

# vm_clean: what the scenario before left: faults are taken back, all nodes are in the cluster, no
# resource but the power switch is there, the disks are empty.
vm_clean() {
	local node start=$EPOCHREALTIME
	lab heal all >>"$WORK/clean.log" 2>&1 || true
	for node in "${NODES[@]}"; do
		! vm_node_off "$node" || lab power on "$node"
	done
	await 240 "all nodes in the cluster" nodes_online "${#NODES[@]}"
	cluster crm_attribute --name stop-all-resources --update true
	settled 240
	cluster cibadmin --delete --xpath '/cib/configuration/constraints/*' --force >>"$WORK/clean.log" 2>&1 || true
	cluster cibadmin --replace --scope resources --xml-pipe <"$LAB_STATE/ready" >>"$WORK/clean.log" 2>&1 ||
		fail "the resources cannot be set back: $(tail -n 3 "$WORK/clean.log")"
	cluster crm_attribute --name stop-all-resources --delete
	cluster crm_resource --refresh >>"$WORK/clean.log" 2>&1 || true
	settled 240
	for node in "${NODES[@]}"; do
		# shellcheck disable=SC2016 # for the node's shell
		on "$node" sh -c 'for disk in /dev/disk/by-id/lun?; do dd if=/dev/zero of=$disk bs=1M count=8 oflag=direct 2>/dev/null; blockdev --flushbufs $disk; done'
	done
	figure "clean_s=$(seconds_since "$start")"
}

# vm_logged WORDS: the power switch has written that since vm_mark.
vm_mark() {
	VM_MARK=$(wc -l <"$LAB_STATE/power.log")
}

vm_logged() {
	tail -n "+$((VM_MARK + 1))" "$LAB_STATE/power.log" | grep -q -- "$1"
}

# vm_dlm: dlm_controld on all nodes, by hand.
vm_dlm() {
	cluster crm -F configure primitive dlm ocf:pacemaker:controld op start timeout=120 op stop timeout=120 \
		op monitor interval=60 timeout=60 >>"$WORK/crm.log" 2>&1 || fail "crm configure: $(tail -n 3 "$WORK/crm.log")"
	cluster crm -F configure clone dlm-clone dlm meta interleave=true ordered=true >>"$WORK/crm.log" 2>&1 ||
		fail "crm configure: $(tail -n 3 "$WORK/crm.log")"
	await 120 "dlm_controld on all nodes" vm_dlm_runs
}

vm_dlm_runs() {
	local node
	for node in "${NODES[@]}"; do
		on "$node" dlm_tool status 2>/dev/null | grep -q '^cluster nodeid' || return 1
	done
}

# vm_all CMD...: on all nodes at once; all must succeed.
vm_all() {
	local node pid pids=() rc=0
	for node in "${NODES[@]}"; do
		on "$node" "$@" &
		pids+=($!)
	done
	for pid in "${pids[@]}"; do
		wait "$pid" || rc=$?
	done
	return "$rc"
}
