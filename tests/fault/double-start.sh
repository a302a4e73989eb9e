#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# vmha-test: timeout=500 lab=own weight=1
# A running VM is started a second time on another node: by hand with the stored XML, and through
# the agent.  Refused by its lease, where QEMU's own image lock helps (files) and where not (LUN).
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"

process_none() {
	[[ -z $(qemu_pid "$1" "$2") ]]
}

# refused NAME NODE: both ways, and nothing of it is left on NODE.
refused() {
	local name=$1 node=$2 out rc=0 start
	start=$EPOCHREALTIME
	out=$(on "$node" virsh create "/clusterstorage/$VOLUME/$name/$name.xml" 2>&1) &&
		fail "virsh create of $name on $node succeeded: $out"
	figure "virsh create on $node refused after $(seconds_since "$start") s: $(tail -n 1 <<<"$out")"
	[[ ${3:-} != lease ]] || grep -q 'Lease is held by another host' <<<"$out" ||
		fail "not refused by the lease: $out"
	start=$EPOCHREALTIME
	out=$(agent "$node" "$name" start OCF_RESKEY_CRM_meta_timeout=15000 2>&1) || rc=$?
	((rc != 0)) || fail "the agent's start of $name on $node succeeded: $out"
	figure "agent start on $node refused after $(seconds_since "$start") s, rc $rc: $(tail -n 1 <<<"$out")"
	grep -qE 'node[123]' <<<"$out" || fail "the agent does not say which node has $name: $out"
	await 10 "no process of $name on $node" process_none "$node" "$name"
}

# volume_case TYPE LEASE-WORDS
volume_case() {
	local name=web1 disk=/clusterstorage/$VOLUME/web1/web1.img home there boot
	lab_begin --volume "$1"
	[[ $1 == dir ]] || disk=/clusterstorage/$VOLUME/lun1
	role_make "$name" --disk "$disk"
	home=$(role_place "$name")
	boot=$(boot_id "$name")
	watch "$name"
	for there in $(node_others "$home"); do
		refused "$name" "$there" "${2:-}"
	done
	sleep 1
	unwatch "$name" 1000
	((W[runners] == 1 && W[boots] == 1 && W[unleased_ms] == 0)) || fail "$1: more than one runner"
	[[ $(boot_id "$name") == "$boot" ]] || fail "the guest was restarted"
	role_is_on "$name" "$home" || fail "$name is on $(role_place "$name"), was on $home"
	role_managed "$name" || fail "$name is not managed any more"
	disk_good "$name"
}

step "a LUN: no image lock of QEMU helps"
volume_case lun lease
lab down
step "files"
volume_case dir
