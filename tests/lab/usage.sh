#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# vmha-test: timeout=60
# Every verb has --help; bad input gives one clear line and a failure, and makes nothing.
. "$(dirname "$0")/../lib.sh"

((EUID == 0)) || skip "needs root"
LAB_BIN=$(lab_bin) || skip "there is no vmha-lab: build first"

# refused TEXT ARG...: fails, with one line on standard error that has TEXT in it.
refused() {
	local text=$1 out rc=0
	shift
	out=$("$LAB_BIN" --name "$LAB" "$@" 2>&1 </dev/null) || rc=$?
	((rc != 0)) || fail "accepted: $*"
	[[ $(wc -l <<<"$out") == 1 && $out == "vmha-lab: "*"$text"* ]] ||
		fail "'$*' said (status $rc): $out"
}

VERBS=(up down status exec shell power node service cut heal slow stall-storage freeze thaw guest ping-gap
	check-disk)
for verb in "${VERBS[@]}"; do
	"$LAB_BIN" "$verb" --help >"$WORK/help" || fail "$verb --help"
	grep -q "^Usage: vmha-lab \[--name NAME\] $verb" "$WORK/help" || fail "$verb --help says no usage"
	"$LAB_BIN" --help >"$WORK/help"
	grep -q "^  $verb " "$WORK/help" || fail "--help does not name $verb"
done
step "every verb has --help"

refused "what to do"
refused "unknown verb 'fly'" fly
refused "bad number of nodes '7'" up --nodes 7
refused "--nodes needs a value" up --nodes
refused "bad volume 'tape'" up --volume tape
refused "bad io-timeout '0'" up --io-timeout 0
refused "is it a DESTDIR" up --stage "$WORK"
refused "unknown argument '--fast'" up --fast
refused "--env needs NAME=VALUE" up --env 'A B'
refused "needs an existing absolute directory" up --share /does/not/exist
for verb in status "exec 1 true" "power off 1" "cut 1 clu" "freeze 1" "node add" "slow mig 1mbit"; do
	# shellcheck disable=SC2086 # words
	refused "there is no lab '$LAB'" $verb
done
out=$("$LAB_BIN" --name Bad_Name status 2>&1) && fail "a bad name was accepted"
[[ $out == *"bad lab name 'Bad_Name'"* ]] || fail "a bad name: $out"
[[ $("$LAB_BIN" --name "$LAB" down) == "there is no lab '$LAB'" ]] || fail "down of no lab"
step "bad input is refused in one line"
