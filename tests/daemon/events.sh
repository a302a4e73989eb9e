#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# vmha-test: timeout=400 lab=own
# The journal of events: what a real move, stop and start leave on every node, following it, its
# rotation, a cut line, a full disk, a dead clusterd.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"

# log_of NODE: its journal, as this machine sees it
log_of() {
	printf '%s/%s/var/log/vmha/events.jsonl' "$LAB_STATE" "$1"
}

# texts NODE JQ-FILTER: of the entries that pass it
texts() {
	on "$1" vmha events --output json | jq -r ".[] | select($2) | .text"
}

has_text() {
	grep -qF -- "$2" <(on "$1" vmha events)
}

why_tells() {
	grep -qF -- "$2" <(on "$1" vmha why web1)
}

followed() {
	grep -qF -- "$1" "$WORK/follow.jsonl"
}

daemon_log() {
	cat "$LAB_STATE/$1/var/log/vmha-lab-clusterd.log"
}

log_says() {
	grep -qF -- "$2" <(daemon_log "$1")
}

lab_begin --volume dir
background follow on node3 vmha events --follow --output json >"$WORK/follow.jsonl"
role_make web1
role_to web1 node1

step "a move: every step, with cause and one trace, the same on every node"
on node2 vmha migrate web1 --to node2 >"$WORK/move.log" 2>&1 || fail "$(cat "$WORK/move.log")"
await 10 "the end of the move, followed on node3" followed "web1 moved from node1 to node2"
await 10 "the end of the move on node1" has_text node1 "web1 moved from node1 to node2"
trace=$(on node1 vmha events --vm web1 --output json |
	jq -r '[.[] | select(.text | startswith("web1 moved from node1 to node2"))][-1].trace')
[[ $trace == ????????-* ]] || fail "the move has no trace: $trace"
same_story() {
	local node
	for node in "${NODES[@]}"; do
		texts "$node" ".trace == \"$trace\"" >"$WORK/texts-$node"
	done
	cmp "$WORK/texts-node1" "$WORK/texts-node2" && cmp "$WORK/texts-node1" "$WORK/texts-node3" &&
		grep -F "the guest stood still for" "$WORK/texts-node1"
}
await 10 "the same story on all nodes" same_story
for words in "is to move from node1 to node2" "has its slot" "begins" "copies memory over" "has arrived" \
	"the guest stood still for" "web1 moved from node1 to node2"; do
	grep -qF "$words" "$WORK/texts-node1" || fail "no '$words' in: $(cat "$WORK/texts-node1")"
done
[[ $(texts node1 ".trace == \"$trace\" and .cause != \"USER\"") == "" ]] || fail "a step without its cause"
figure "lines of one move: $(wc -l <"$WORK/texts-node1")"

step "stop, start, a refusal; why"
rc=0
on node1 vmha migrate web1 --to node2 >"$WORK/out.log" 2>&1 || rc=$?
((rc != 0)) || fail "a move to where it is"
on node1 vmha vm stop web1 >/dev/null 2>&1 || on node1 crm resource stop web1
settled 60
on node1 vmha vm start web1 >/dev/null 2>&1 || on node1 crm resource start web1
settled 60
await 10 "the start in node3's journal" why_tells node3 "web1 was started on"
await 10 "the stop in node3's journal" why_tells node3 "powered off on node2" # told by another node than the start
on node3 vmha why web1 >"$WORK/why.log"
grep -qF "web1 moved from node1 to node2" "$WORK/why.log" || fail "why does not tell of the move: $(cat "$WORK/why.log")"
grep -qF "asked for by an administrator" "$WORK/why.log" || fail "why gives no cause: $(cat "$WORK/why.log")"
[[ $(on node3 vmha why nosuch) == "nothing is known of nosuch"* ]] || fail "why nosuch: $(on node3 vmha why nosuch)"

step "filters"
[[ $(on node1 vmha events --vm web1 --output json | jq '[.[] | select(.vm != "web1")] | length') == 0 ]] || fail "--vm"
[[ $(on node1 vmha events --node node2 --output json | jq '[.[] | select(.node != "node2")] | length') == 0 ]] || fail "--node"
since_1d_is_all() { # unless one came between
	[[ $(on node1 vmha events --since 1d --output json | jq length) == $(on node1 vmha events --output json | jq length) ]]
}
await 10 "--since 1d is all" since_1d_is_all
[[ $(on node1 vmha events --since 2030-01-01) == "no events" ]] || fail "--since 2030-01-01"
rc=0
on node1 vmha events --since nonsense >/dev/null 2>"$WORK/err.log" || rc=$?
((rc == 2)) || fail "--since nonsense: status $rc"

step "rotation, with a reader at work"
on node1 vmha set event-size=1 event-files=2 >/dev/null
await 10 "the setting" has_text node3 "event-size is 1 now"
for round in 1 2 3 4; do
	line='{"time":"2026-01-01T00:00:00.000Z","ms":1767225600000,"seq":0,"level":"info","kind":"test","text":"filler '$round'"}'
	awk -v line="$line" 'BEGIN { for (i = 0; i < 12000; i++) print line }' >>"$(log_of node3)"
	on node1 vmha set migration-stall=$((60 + round)) >/dev/null
	await 30 "event $round followed through the rotation" followed "migration-stall is $((60 + round)) now"
done
[[ -e $(log_of node3).2 && ! -e $(log_of node3).3 ]] || fail "files: $(ls "$(log_of node3)"*)"
[[ ! -e $(log_of node1).1 ]] || fail "node1 rotated, too"
(($(stat -c %s "$(log_of node3)") < 100000)) || fail "no new file was begun"
[[ $(stat -c '%a %U %G' "$(log_of node3)") == "640 root haclient" ]] || fail "$(stat -c '%a %U %G' "$(log_of node3)")"
grep -x '{.*}' "$WORK/follow.jsonl" >"$WORK/followed.jsonl" # what has come so far, a line that is under way left out
(($(grep -c . "$WORK/followed.jsonl") == $(jq -c . "$WORK/followed.jsonl" | sort -u | grep -cv filler) + $(grep -c filler "$WORK/followed.jsonl"))) ||
	fail "a line was followed twice"

step "clusterd is killed in the middle of a line"
daemon_signal node2 vmha-clusterd KILL
printf '{"time":"2026-01-0' >>"$(log_of node2)"
on node2 vmha events >"$WORK/out.log" || fail "events without clusterd"
why_tells node2 "web1 moved" || fail "why without clusterd"
lab service node2 stop clusterd >/dev/null 2>&1 || true
lab service node2 start clusterd
await 20 "clusterd in sync" on node2 vmha-clusterd --check
on node1 vmha set migration-stall=71 >/dev/null
await 10 "an event behind the cut line" has_text node2 "migration-stall is 71 now"

step "the disk of the journal is full"
# a node may not mount by itself
nsenter --target "$(daemon_pid node2 vmha-clusterd)" --mount mount -t tmpfs -o size=16k tmpfs /var/log/vmha
on node2 sh -c 'head -c 100k /dev/zero >/var/log/vmha/fill 2>/dev/null' || true
for value in 72 73 74; do
	on node1 vmha set migration-stall=$value >/dev/null
	await 10 "event $value on node3" has_text node3 "migration-stall is $value now"
done
await 10 "clusterd not suffering from a full disk" on node2 vmha-clusterd --check
await 10 "a word in node2's log" log_says node2 "events are not written"
[[ $(daemon_log node2 | grep -c "events are not written") == 1 ]] || fail "it is said more than once"
on node2 rm /var/log/vmha/fill
on node1 vmha set migration-stall=75 >/dev/null
await 10 "events again" has_text node2 "migration-stall is 75 now"
await 10 "a word in node2's log" log_says node2 "events are written again"

step "the others have all of it; every line but the cut one is an event"
await 10 "the last of them on node3" has_text node3 "migration-stall is 75 now"
on node3 vmha events --output json | jq -e '[.[] | select(.kind == "setting" and (.text | startswith("migration-stall is 7")))] | length == 5' \
	>/dev/null || fail "node3 misses events: $(on node3 vmha events --since 1h | tail)"
for node in "${NODES[@]}"; do
	bad=$(jq -Rc 'try (fromjson | select(.ms == null)) catch .' "$(log_of "$node")" | grep -c . || true)
	[[ $node == node2 ]] && ((bad <= 1)) || ((bad == 0)) || fail "$node: $bad lines are no events"
done

# fencings NODE: the lines about a fencing in its journal, each with the trace of the fencing.
fencings() {
	on "$1" vmha events --output json | jq -r '.[] | select(.kind == "fence") | .trace + " " + .text' | sort
}

fencings_agree() {
	fencings node1 >"$WORK/fence-node1"
	[[ $(fencings node2) == "$(cat "$WORK/fence-node1")" ]]
}

# fencings_once: on both nodes the same, each once.
fencings_once() {
	await 20 "the same story on node1 and node2" fencings_agree
	[[ -z $(cut -d ' ' -f 1 "$WORK/fence-node1" | uniq -d) ]] || fail "told twice: $(cat "$WORK/fence-node1")"
}

step "a lost node, and its fencing"
lab power off node3
await 60 "the loss" has_text node1 "node3 is lost"
await 60 "the fencing" has_text node1 "node3 was fenced"
figure "$(on node1 vmha events --node node3 | grep -F "was fenced")"
await 90 "three nodes" nodes_online 3
settled 60
fencings_once

step "likewise, while the node that tells hears nothing of it"
before=$(wc -l <"$WORK/fence-node1")
fenced_again() {
	(($(fencings "$1" | wc -l) > before))
}
daemon_signal node1 vmha-cibwatch STOP
start=$(now_ms)
lab power off node3
await 60 "the fencing" fenced_again node2
figure "told by another one $(($(now_ms) - start)) ms after the loss of power"
daemon_signal node1 vmha-cibwatch CONT
await 90 "three nodes" nodes_online 3
settled 60
# node1 has heard of it now, too: what it has to say comes behind this
on node1 vmha set migration-stall=76 >/dev/null
await 10 "an event of node1's" has_text node2 "migration-stall is 76 now"
fencings_once
