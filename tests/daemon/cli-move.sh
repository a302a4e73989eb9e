#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# vmha-test: timeout=420 lab=own
# vmha migrate and heal: refusals by name, cancelling, and healing without a restart of the guest.
# The role has moved before each time: Pacemaker 2.1.5 restarts such a role at a plain clean-up.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"

# refused TEXT WHAT CMD...: CMD fails on node1 with TEXT on standard error; the guest is untouched.
refused() {
	local text=$1 what=$2 rc=0
	shift 2
	on node1 "$@" >"$WORK/out.log" 2>"$WORK/err.log" || rc=$?
	((rc == 1)) || fail "$what: status $rc: $(cat "$WORK/out.log" "$WORK/err.log")"
	grep -qF -- "$text" "$WORK/err.log" || fail "$what: does not say '$text': $(cat "$WORK/err.log")"
	figure "$what: $(cat "$WORK/err.log")"
}

# undisturbed WHAT NODE: the same boot, on that node, managed, no constraint left.
undisturbed() {
	[[ $(boot_id web1) == "$BOOT" ]] || fail "$1: the guest was restarted"
	role_is_on web1 "$2" || fail "$1: web1 is on $(role_place web1), not on $2"
	role_managed web1 || fail "$1: web1 is not managed"
	[[ $(qemu_nodes web1) == "$2" ]] || fail "$1: processes on $(qemu_nodes web1 | tr '\n' ' ')"
	! on node1 cibadmin --query --xpath "//rsc_location[@id='cli-prefer-web1']" >/dev/null 2>&1 ||
		fail "$1: a constraint was left"
	[[ ! -e $(role_file web1 wish) ]] || fail "$1: a wish was left"
	on node1 vmha status >"$WORK/status.log" || fail "$1: $(cat "$WORK/status.log")"
}

blocked() {
	[[ $(on node1 vmha vm list --output json | jq -r '.[0].state') == blocked ]]
}

copying() {
	[[ $(record_value "$(role_file web1 move)" state) == COPYING ]]
}

lab_begin --volume dir
role_make web1
role_to web1 node1
BOOT=$(boot_id web1)

step "to and fro; the target is chosen and named"
for target in node2 node3 node1; do
	on node1 vmha migrate web1 --to "$target" >"$WORK/out.log" 2>&1 || fail "$(cat "$WORK/out.log")"
	figure "$(tail -n 1 "$WORK/out.log")"
done
undisturbed "three moves" node1
on node1 vmha migrate web1 --output json >"$WORK/out.log" 2>"$WORK/err.log" || fail "$(cat "$WORK/err.log")"
[[ $(jq -r .result "$WORK/out.log") == moved ]] || fail "$(cat "$WORK/out.log")"
[[ $(jq -r .move.blackout_ms "$WORK/out.log") -gt 0 ]] || fail "no blackout told: $(cat "$WORK/out.log")"
place=$(role_place web1)
[[ $(jq -r .to "$WORK/out.log") == "$place" ]] || fail "it is on $place: $(cat "$WORK/out.log")"
target=$(node_third node1 "$place")

step "refused before anything moves"
refused "runs on node $place already" "to where it is" vmha migrate web1 --to "$place"
on node1 crm_standby --node "$target" --update on
refused "is in standby" "to a node in standby" vmha migrate web1 --to "$target"
on node1 crm_standby --node "$target" --delete >/dev/null
settled 60
on node1 crm_attribute --name maintenance-mode --update true
refused "maintenance mode" "in maintenance" vmha migrate web1 --to "$target"
rc=0
on node1 vmha status >"$WORK/status.log" || rc=$?
((rc == 3)) || fail "status says $rc in maintenance: $(cat "$WORK/status.log")"
on node1 crm_attribute --name maintenance-mode --delete >/dev/null
settled 60
undisturbed "refusals" "$place"

step "the target's libvirtd is dead"
lab service "$target" stop libvirtd
refused "was not moved to $target" "a dead target" vmha migrate web1 --to "$target"
undisturbed "a dead target" "$place"
step "likewise by crm_resource; heal while it is still dead"
on node1 crm_resource --resource web1 --move --node "$target"
await 30 "web1 blocked" blocked
rc=0
on node1 vmha status >"$WORK/status.log" || rc=$?
((rc == 3)) || fail "status says $rc with a blocked role: $(cat "$WORK/status.log")"
refused "vmha heal web1" "a move of a blocked role" vmha migrate web1 --to "$target"
refused "vmha heal web1" "removal of a blocked role" vmha vm remove web1
on "$(node_other node1)" vmha heal || fail "heal"
undisturbed "healed" "$place"
lab service "$target" start libvirtd
[[ $(on node1 vmha heal) == "nothing to heal" ]] || fail "heal finds something"

step "cancelled by time, and by Ctrl-C"
lab slow mig 8mbit
refused "out of time" "out of time" vmha migrate web1 --to "$target" --timeout 5
undisturbed "out of time" "$place"
rc=0
lab exec node1 -- timeout --preserve-status -s INT 6 vmha migrate web1 --to "$target" >"$WORK/out.log" 2>&1 || rc=$?
((rc == 1)) || fail "interrupted: status $rc: $(cat "$WORK/out.log")"
grep -q "was not moved to $target: interrupted" "$WORK/out.log" || fail "$(cat "$WORK/out.log")"
undisturbed "interrupted" "$place"

step "the agent is killed while it copies; a second command; heal ends the copy"
on node1 crm_resource --resource web1 --move --node "$target"
await 20 "the copy" copying
refused "is busy" "a second move at the same time" vmha migrate web1 --to "$target"
for pid in $(node_pids "$place" 'vm migrate_to'); do
	kill -9 "$pid" || :
done
await 30 "web1 blocked" blocked
start=$(now_ms)
on node1 vmha heal web1 >"$WORK/out.log" 2>&1 || fail "heal: $(cat "$WORK/out.log")"
figure "heal_ms=$(($(now_ms) - start)) of a copy without its agent: $(tail -n 1 "$WORK/out.log")"
lab slow mig off
undisturbed "healed after the agent's death" "$place"
on node1 vmha migrate web1 --to "$target" >"$WORK/out.log" 2>&1 || fail "$(cat "$WORK/out.log")"
undisturbed "moved at last" "$target"

step "a disabled role"
on node1 crm_resource --resource web1 --meta --set-parameter target-role --parameter-value Stopped >/dev/null
settled 120
refused "cannot be moved" "a stopped VM" vmha migrate web1
on node1 vmha status >/dev/null || fail "a disabled role is no problem: $(on node1 vmha status)"
disk_good web1
