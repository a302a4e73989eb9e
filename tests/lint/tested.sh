#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# vmha-test: timeout=60
# Every public function of lib/base and lib/core is called by a unit test, and every libc call of
# lib/base that can fail is one that the tests make fail.
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

# what cannot fail, or whose failure has no meaning of its own
SAFE='^(vmha_.*|mem.*|str(chr|rchr|cmp|ncmp|len|cspn|spn|pbrk|str|error|toull|tok_r)|__(sn|vsn|d)printf_chk|v?snprintf|dprintf|__isoc99_sscanf|sscanf|__ctype_.*|__errno_location|__stack_chk_fail|_exit|clock_.*|close|closedir|fclose|dirname|dup2|execvp|getenv|getpid|gettid|inet_ntop|inet_pton|setpgid|sig.*|stat|fstat|_GLOBAL_OFFSET_TABLE_)$'
injected=$(sed -n '/^inject_calls = /,/[^\\]$/p' tests/local.mk | sed 's/^inject_calls = //; s/\\$//' | tr -s ' \t' '\n' | sed '/^$/d' | sort -u)
for call in $(nm -u "$VMHA_BUILD/lib/libbase.a" | awk '$1 == "U" { print $2 }' | sort -u | grep -vE "$SAFE"); do
	grep -qx "$call" <<<"$injected" || lint_bad "lib/base calls $call(), which inject.c does not make fail (inject_calls in tests/local.mk)"
done
lint_end
