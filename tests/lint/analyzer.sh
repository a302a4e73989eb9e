#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# vmha-test: timeout=3000 weight=0
# gcc -fanalyzer over every C file; two at a time by itself.  Unoptimised: else what a cleanup attribute
# reads counts as never written.  Leaks are left to the sweep and LeakSanitizer: this gcc sees one
# wherever a pointer moves into a structure.  Uninitialised values are left to clang and cppcheck.
source "$(dirname "$0")/lint.sh"

# shellcheck disable=SC2317 # called by lint_each_c
analyze() {
	gcc -O0 -fanalyzer -Wall -Wextra -Wno-missing-field-initializers -Werror -Wno-analyzer-malloc-leak -Wno-analyzer-use-of-uninitialized-value \
		"${FLAGS[@]}" -DVMHA_ANALYZER -c -o /dev/null "$1"
}

lint_each_c analyzer "$(gcc --version)" analyze
lint_end
