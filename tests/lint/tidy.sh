#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# vmha-test: timeout=3000 weight=0
# clang-tidy with .clang-tidy; two at a time by itself.
source "$(dirname "$0")/lint.sh"

# shellcheck disable=SC2317 # called by lint_each_c
tidy() {
	local out status=0
	out=$(clang-tidy --quiet "$1" -- "${FLAGS[@]}" -DVMHA_ANALYZER 2>&1) || status=$?
	((!status)) || printf '%s\n' "$out" | grep -vE '^[0-9]+ warnings|^Suppressed|^Use -header'
	return "$status"
}

lint_each_c tidy "$(clang-tidy --version) $(cat .clang-tidy)" tidy
lint_end
