# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Shared by the runner and the tests of the lab: what of a lab is still on this machine.

# leftovers NAME: prints one line for each thing; nothing if the lab is gone.
leftovers() {
	local name=$1 file dir groups
	groups=$(awk '$3 == "cgroup2" { print $2; exit }' /proc/self/mounts)
	[[ ! -e /run/netns/vmha-$name ]] || echo "network namespace vmha-$name"
	for dir in "/var/lib/vmha-lab/$name" "/run/vmha-lab/$name" "${groups:-/run/vmha-lab/.cgroup}/vmha-lab.$name"; do
		[[ ! -e $dir ]] || echo "directory $dir"
	done
	awk -v name="$name" 'index($5 "/", "/vmha-lab/" name "/") { print "mount " $5 }' /proc/self/mountinfo
	for file in /sys/block/loop*/loop/backing_file; do
		[[ ! -r $file ]] || grep -H "/vmha-lab/$name/" "$file" || true
	done
}

expect_gone() {
	local left
	left=$(leftovers "$1")
	[[ -z $left ]] || fail "lab $1 is down, but this is left: $left"
}
