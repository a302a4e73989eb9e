#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# vmha-test: timeout=300 lab=own
# Whoever may not ask is refused; garbage over IPC and in the process group harms nothing and fills
# no log.
# shellcheck disable=SC2016,SC2153 # programs of awk and of shells in the nodes; STATE is of clusterd-lib.sh
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"
# shellcheck source=tests/clusterd-lib.sh
. "$(dirname "$0")/../clusterd-lib.sh"
IPC=${VMHA_TEST_IPC:-4000}
GROUP=${VMHA_TEST_GROUP:-1500}
SEED=${VMHA_TEST_SEED:-7}

lab_begin --nodes 3 --volume dir
await_agree 20 "${NODES[@]}"
declare -A PID
for node in "${NODES[@]}"; do
	PID[$node]=$(clusterd_pid "$node")
done

# nobody_fell: the very same daemons run, in sync
nobody_fell() {
	local node
	for node in "${NODES[@]}"; do
		on "$node" kill -0 "${PID[$node]}" || fail "clusterd of $node fell: $(clusterd_log "$node" | tail -n 30)"
	done
	await_agree 30 "${NODES[@]}"
}

lines() {
	clusterd_log "$1" | wc -l
}

step "other users"
clusterd_call node1 '{"v":1,"op":"hello"}' >/dev/null
OUT=$(on node1 setpriv --reuid nobody --regid nogroup --clear-groups /root/clusterd-tool call '{"v":1,"op":"hello"}' 2>&1) &&
	fail "nobody is answered: $OUT"
[[ $OUT == *'refuses this user'* ]] || fail "nobody is told: $OUT"
OUT=$(on node1 setpriv --reuid nobody --regid haclient --clear-groups /root/clusterd-tool call '{"v":1,"op":"hello"}' 2>&1) ||
	fail "group haclient is refused: $OUT"

on node1 setpriv --reuid nobody --regid nogroup --groups haclient /root/clusterd-tool call '{"v":1,"op":"hello"}' >/dev/null ||
	fail "a member of the group haclient by its supplementary groups is refused"

step "a crowd that is not root leaves room for root"
exec {CROWD}> >(on node1 setpriv --reuid nobody --regid haclient --clear-groups /root/clusterd-tool crowd 140 >"$WORK/crowd")
await 60 "the crowd" test -s "$WORK/crowd"
[[ $(cat "$WORK/crowd") == 'connected 96' ]] || fail "140 clients: $(cat "$WORK/crowd")"
[[ $(clusterd_call node1 '{"v":1,"op":"hello"}') == *'"ok":true'* ]] || fail "root is not answered"
exec {CROWD}>&-
answered_again() {
	on node1 setpriv --reuid nobody --regid haclient --clear-groups /root/clusterd-tool call '{"v":1,"op":"hello"}'
}
await 20 "room again" answered_again

step "requests that wait are counted"
# fewer are refused when one has its answer before the last is sent: once all came at once
flooded() {
	OUT=$(on node1 /root/clusterd-tool flood 200 '{"v":1,"op":"migrate","vm":"nosuch","requester":"test"}')
	printf '200 at once: %s\n' "$OUT" >>"$WORK/flood.log"
	[[ $OUT == 'answered 200, refused 168' ]]
}
await 30 "of 200 at once 32 waiting, 168 refused" flooded
figure "$(cat "$WORK/flood.log")"
awk '$5 != "200," || $7 > 168 { exit 1 }' "$WORK/flood.log" || fail "more than 32 wait, or fewer are answered: $(cat "$WORK/flood.log")"
[[ $(clusterd_call node1 '{"v":1,"op":"migrate","vm":"nosuch","requester":"test"}') == *nosuch* ]] || fail "no answer after the flood"

step "nesting is counted outside of strings"
DEEP=$(printf '[%.0s' {1..40})
[[ $(clusterd_call node1 '{"v":1,"op":"hello","text":"\" '"$DEEP"'"}') == *'"ok":true'* ]] || fail "brackets in a text are refused"
[[ $(clusterd_call node1 '{"v":1,"op":"hello","text":"\"","deep":'"$DEEP$(tr '[' ']' <<<"$DEEP")"'}') == *'"ok":false'* ]] ||
	fail "a request of 40 levels is taken"

step "$IPC requests of garbage over IPC"
BEFORE=$(lines node1)
on node1 /root/clusterd-tool ipc "$IPC" "$SEED" || fail "the service does not answer any more"
nobody_fell
figure "log lines: $(($(lines node1) - BEFORE))"
(($(lines node1) - BEFORE < 60)) || fail "the log is filled: $(clusterd_log node1 | tail -n 20)"
figure "rss after it: $(on node1 awk '/^VmRSS/ { print $2 }' "/proc/${PID[node1]}/status") KiB, descriptors: $(on node1 sh -c "ls /proc/${PID[node1]}/fd | wc -l")"

step "$GROUP messages of garbage in the group"
BEFORE=$(lines node2)
on node1 /root/clusterd-tool group "$GROUP" "$SEED" || fail "cannot join the group"
nobody_fell
figure "log lines: $(($(lines node2) - BEFORE))"
(($(lines node2) - BEFORE < 60)) || fail "the log is filled: $(clusterd_log node2 | tail -n 20)"

step "the end"
clusterd_sane "${NODES[@]}"
