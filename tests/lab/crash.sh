#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# vmha-test: timeout=240 lab=own
# up is killed at moments all over its course, alone or with its children; down removes whatever is
# there then, and what those children would still make.
. "$(dirname "$0")/../lib.sh"
# shellcheck source=tests/lab/leftovers.sh
. "$(dirname "$0")/leftovers.sh"

((EUID == 0)) || skip "needs root"
LAB_BIN=$(lab_bin) || skip "there is no vmha-lab: build first"
cleanup_add "lab down >/dev/null"

for ms in 20 150 400 700 1000 1400 2000 3000 6000; do
	setsid "$LAB_BIN" --name "$LAB" up --no-volume --volume lun >"$WORK/up.log" 2>&1 &
	up=$!
	sleep "$(printf '%d.%03d' $((ms / 1000)) $((ms % 1000)))"
	alone=$((1 - ${alone:-1}))
	if ((alone)); then
		kill -KILL "$up" 2>/dev/null || true
	else
		kill -KILL -- "-$up" 2>/dev/null || true
	fi
	wait "$up" 2>/dev/null || true
	there=$(leftovers "$LAB" | wc -l)
	lab down >"$WORK/down.log" 2>&1 || fail "down after a crash at $ms ms: $(cat "$WORK/down.log")"
	expect_gone "$LAB"
	sleep 0.3
	expect_gone "$LAB"
	step "killed after $ms ms$( ((alone)) && echo " (alone)"): there were $there things, and down removed them"
done
