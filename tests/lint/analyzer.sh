#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# vmha-test: timeout=1500 weight=2
# gcc -fanalyzer over every C file; two at a time by itself.
source "$(dirname "$0")/lint.sh"

# shellcheck disable=SC2317 # called by lint_each_c
analyze() {
	gcc -O2 -fanalyzer -Wall -Wextra -Wno-missing-field-initializers -Werror "${FLAGS[@]}" -c -o /dev/null "$1"
}

lint_each_c analyzer "$(gcc --version)" analyze
lint_end
