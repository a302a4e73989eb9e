#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# vmha-test: timeout=420 lab=own
# vmha migrate, migration and heal: refusals by name, cancelling, and healing without a restart of
# the guest, by clusterd and without it.  The role has moved before each time: Pacemaker 2.1.5
# restarts such a role at a plain clean-up.
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

# undisturbed WHAT NODE: the same boot, on that node, managed, no constraint left.  The node that ended
# the move knows it first.
undisturbed() {
	[[ $(boot_id web1) == "$BOOT" ]] || fail "$1: the guest was restarted"
	await 20 "$1: web1 on $2, as node1 sees it" role_is_on web1 "$2"
	await 20 "$1: web1 managed" role_managed web1
	await 10 "$1: web1's process on $2 alone" process_on web1 "$2"
	await 10 "$1: no constraint left, as node1 sees it" no_constraint
	await 20 "$1: nothing wrong in vmha status" on node1 vmha status
	await 20 "$1: no open migration" migrations_none_open
}

# newest: number of the newest move, as node1 knows.
newest() {
	on node1 vmha migration list --output json | jq '[.[].id] | max // 0'
}

newer_than() {
	(($(newest) > $1))
}

no_constraint() {
	! on node1 cibadmin --query --xpath "//rsc_location[@id='cli-prefer-web1']" >/dev/null 2>&1
}

healed_by_clusterd() {
	role_managed web1 && no_constraint && migrations_none_open
}

# last_told NODE REGEX: of web1's last move, there.
last_told() {
	on "$1" vmha migration show web1 >"$WORK/out.log" && grep -E -- "$2" "$WORK/out.log"
}

# list_has NODE N: moves that were done, as that node knows.
list_has() {
	on "$1" vmha migration list --output json | jq -e "[.[] | select(.result == \"DONE\")] | length >= $2"
}

booted_again() {
	[[ $(boot_id web1) != "$BOOT" ]]
}

blocked() {
	[[ $(on node1 vmha vm list --output json | jq -r '.[0].state') == blocked ]]
}

copying() {
	[[ $(record_value "$(role_file web1 move)" state) == COPYING ]]
}

lab_begin --volume dir
await 60 "clusterd" clusterd_ready
role_make web1
role_to web1 node1
migrate_over mig
BOOT=$(boot_id web1)

step "to and fro; the target is chosen and named; progress on a terminal and without"
for target in node2 node3 node1; do
	on node1 vmha migrate web1 --to "$target" >"$WORK/out.log" 2>&1 || fail "$(cat "$WORK/out.log")"
	sed 's/^/  /' "$WORK/out.log"
	grep -qE "^web1 runs on $target \((live|quick) in [0-9.]+ s, blackout [0-9]+ ms, .* 1 attempt\)$" "$WORK/out.log" ||
		fail "what it took is not told"
	await 10 "web1 on $target, as node1 sees it" role_is_on web1 "$target"
done
undisturbed "three moves" node1
on node1 vmha migrate web1 --output json >"$WORK/out.log" 2>"$WORK/err.log" || fail "$(cat "$WORK/err.log")"
[[ $(jq -r .result "$WORK/out.log") == moved ]] || fail "$(cat "$WORK/out.log")"
[[ $(jq -r .move.stats.blackout_ms "$WORK/out.log") -gt 0 ]] || fail "no blackout told: $(cat "$WORK/out.log")"
place=$(jq -r .to "$WORK/out.log")
await 10 "web1 on $place, as it says" role_is_on web1 "$place"
target=$(node_third node1 "$place")
await 10 "four moves in the list of $target" list_has "$target" 4
on "$target" vmha migration list

step "refused before anything moves"
refused "already" "to where it is" vmha migrate web1 --to "$place"
refused "no node named" "to nowhere" vmha migrate web1 --to node9
refused "no role named" "a VM that is none" vmha migrate web9
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

step "the target's libvirtd is dead; likewise by crm_resource: clusterd heals"
lab service "$target" stop libvirtd
refused "libvirt" "a dead target" vmha migrate web1 --to "$target"
undisturbed "a dead target" "$place"
start=$(now_ms)
before=$(newest)
on node1 crm_resource --resource web1 --move --node "$target"
await 20 "the move begun" newer_than "$before"
await 30 "web1 healed" healed_by_clusterd
figure "crm_resource --move to a dead target: healed_ms=$(($(now_ms) - start))"
undisturbed "crm_resource --move to a dead target" "$place"
lab service "$target" start libvirtd
await 30 "libvirtd of $target" on "$target" virsh -c qemu:///system version

step "cancelled by time, by Ctrl-C, and by another command; queued behind another move"
lab slow mig 16mbit
refused "web1 was not moved to $target: cancelled: out of time: not over after 5 s (--timeout), asked for by root. It runs on $place" \
	"out of time" vmha migrate web1 --to "$target" --timeout 5
undisturbed "out of time" "$place"
rc=0
lab exec node1 -- timeout --preserve-status -s INT 6 vmha migrate web1 --to "$target" >"$WORK/out.log" 2>&1 || rc=$?
sed 's/^/  /' "$WORK/out.log"
((rc == 1)) || fail "interrupted: status $rc: $(cat "$WORK/out.log")"
grep -q "was not moved to $target: cancelled: interrupted, asked for by root. It runs on $place" "$WORK/out.log" ||
	fail "$(cat "$WORK/out.log")"
undisturbed "interrupted" "$place"
on node1 vmha migrate web1 --to "$target" --no-wait
await 20 "the copy" copying
refused "" "a second move at the same time" vmha migrate web1 --to "$target"
on "$target" vmha migration show web1
on "$target" vmha migration cancel web1 || fail "cancel from another node"
undisturbed "cancelled from another node" "$place"
await 10 "the cancelled move as node1 knows it" last_told node1 "not moved: cancelled: asked for by root"

step "the agent is killed while it copies: clusterd ends the copy and heals"
on node1 vmha migrate web1 --to "$target" --no-wait
await 20 "the copy" copying
agent_kill "$place"
start=$(now_ms)
await 60 "web1 healed" healed_by_clusterd
figure "healed_ms=$(($(now_ms) - start)) after the agent's death"
undisturbed "healed after the agent's death" "$place"

step "without clusterd: nothing is moved, status says so, heal works"
for node in "${NODES[@]}"; do
	lab service "$node" stop clusterd
done
refused "systemctl start vmha-clusterd" "no clusterd" vmha migrate web1 --to "$target"
rc=0
on node1 vmha status >"$WORK/status.log" || rc=$?
((rc == 3)) || fail "status says $rc without clusterd: $(cat "$WORK/status.log")"
on node1 crm_resource --resource web1 --move --node "$target"
await 60 "web1 blocked" blocked
on "$(node_other node1)" vmha heal || fail "heal"
for node in "${NODES[@]}"; do
	lab service "$node" start clusterd
done
await 60 "clusterd" clusterd_ready
lab slow mig off
undisturbed "healed without clusterd" "$place"
[[ $(on node1 vmha heal) == "nothing to heal" ]] || fail "heal finds something"
on node1 vmha migrate web1 --to "$target" >"$WORK/out.log" 2>&1 || fail "$(cat "$WORK/out.log")"
undisturbed "moved at last" "$target"

step "quick: what it took is told too, by every node"
on node1 vmha migrate web1 --to "$place" --mode quick >"$WORK/out.log" 2>&1 || fail "$(cat "$WORK/out.log")"
figure "$(tail -n 1 "$WORK/out.log")"
grep -qE "^web1 runs on $place \(quick in [0-9.]+ s, blackout [0-9]+ ms, [1-9][0-9]* MiB, 1 attempt\)$" "$WORK/out.log" ||
	fail "what a quick move took is not told"
await 10 "the quick move as $target knows it" last_told "$target" 'quick in [0-9.]+ s, blackout [0-9]+ ms, [1-9][0-9]* MiB, 1 attempt'
undisturbed "moved quick" "$place"
on node1 vmha migrate web1 --to "$target" >"$WORK/out.log" 2>&1 || fail "$(cat "$WORK/out.log")"

step "cold: only when named"
on node1 vmha migrate web1 --to "$place" --mode cold >"$WORK/out.log" 2>&1 || fail "$(cat "$WORK/out.log")"
await 10 "web1 on $place" role_is_on web1 "$place"
await 60 "another boot" booted_again

step "a disabled role"
on node1 crm_resource --resource web1 --meta --set-parameter target-role --parameter-value Stopped >/dev/null
settled 120
refused "cannot be moved" "a stopped VM" vmha migrate web1
await 10 "nothing wrong in vmha status with a disabled role" on node1 vmha status
disk_good web1
