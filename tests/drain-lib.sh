# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
# What the tests of drains share.  Source it behind lib.sh, with the VMs' names in VMS.
declare -A BOOT=()

all_on() {
	local vm
	for vm in "${VMS[@]}"; do
		role_is_on "$vm" "$1" || return 1
	done
}

# vms_on_node1: made where alone they can start; BOOT has what each was booted as.
vms_on_node1() {
	local vm
	cluster vmha drain node2 --wait
	cluster vmha drain node3 --wait
	for vm in "${VMS[@]}"; do
		role_make "$vm"
		# shellcheck disable=SC2034 # the tests compare it
		BOOT[$vm]=$(boot_id "$vm")
	done
	cluster vmha resume node2
	cluster vmha resume node3
	await 60 "node2 in the volume" node_joined node2
	await 60 "node3 in the volume" node_joined node3
	await 20 "all on node1" all_on node1
}
