#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# vmha-test: timeout=60
# Every public function of lib/base and lib/core is called by a unit test.
source "$(dirname "$0")/lint.sh"

mapfile -t tests < <(lint_files 'tests/unit/*.c')
functions=$(cat lib/base/*.h lib/core/*.h | awk '
	/\/\*/ { comment = 1 }
	!comment && !/^(#|\t| |typedef|static)/ && match($0, /vmha_[a-z0-9_]+\(/) { print substr($0, RSTART, RLENGTH - 1) }
	/\*\// { comment = 0 }' | sort -u)
[[ $(wc -l <<<"$functions") -gt 30 ]] || lint_bad "the search for public functions finds almost none: $functions"
for function in $functions; do
	grep -qw "$function" "${tests[@]}" || lint_bad "$function() has no unit test in tests/unit"
done
lint_end
