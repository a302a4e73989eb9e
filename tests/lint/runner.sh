#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# vmha-test: timeout=120
# The runner itself: it counts right, ends what is out of time, and finds what a test leaves.
source "$(dirname "$0")/lint.sh"

top=${VMHA_TEST_TMP:?}/tree
mkdir -p "$top/tests/unit" "$top/tests/lint" "$top/tests/build" "$top/build/tests/unit"
cp tests/run "$top/tests/run"
printf 'print-unit-tests:\n\t@echo tests/unit/test-good\n' >"$top/build/Makefile"

# fake FILE HEADER BODY
fake() {
	printf '#!/bin/bash\n# vmha-test: %s\n%s\n' "$2" "$3" >"$1"
	chmod +x "$1"
}

# expect STATUS 'LAST LINE' ARGUMENTS...
expect() {
	local status=0 want=$1 last=$2 out
	shift 2
	out=$(env -u VMHA_CHECK_ID "$top/tests/run" --build "$top/build" "$@" 2>&1) || status=$?
	if [[ $status != "$want" || $(tail -n 1 <<<"$out") != "$last" ]]; then
		lint_bad "tests/run $*: status $status, not $want, or another end than '$last':"
		printf '%s\n' "$out"
	fi
	OUT=$out
}

fake "$top/build/tests/unit/test-good" '' 'true'
# shellcheck disable=SC2016 # for the test's shell
fake "$top/tests/lint/pass.sh" 'timeout=20' '[[ $PWD == "$VMHA_TEST_TMP" ]] && ! read -r'
fake "$top/tests/lint/none.sh" 'timeout=20' 'echo "SKIP: no such thing here"; exit 77'
expect 0 '2 passed, 0 failed, 1 skipped'
[[ $OUT == *'SKIP: no such thing here'* ]] || lint_bad "the reason of a skip is not shown: $OUT"
expect 0 '1 passed, 0 failed' unit/good
expect 0 '1 passed, 0 failed' pass
expect 2 "tests/run: no test is called so: nosuch (see --list)" nosuch

fake "$top/tests/build/bad.sh" 'timeout=20' 'echo "this is why"; exit 3'
expect 1 '0 passed, 1 failed' bad
[[ $OUT == *'this is why'* ]] || lint_bad "the log of a failed test is not shown: $OUT"
# shellcheck disable=SC2016 # for the test's shell
late='echo "FAIL: waited in vain for: rain"; touch "$VMHA_BUILD/late"; exit 75'
fake "$top/tests/build/bad.sh" 'timeout=20' "[[ ! -e \$VMHA_BUILD/late ]] || exit 0; $late"
expect 0 '3 passed, 0 failed' bad good pass
[[ $OUT == *'for: rain'*'late the first time: build/bad'* ]] || lint_bad "a second try is not told: $OUT"
fake "$top/tests/build/bad.sh" 'timeout=20' "$late"
expect 1 '0 passed, 1 failed' bad
[[ $(grep -c 'for: rain' <<<"$OUT") == 4 && $OUT == *'the second time; exit 75'* ]] ||
	lint_bad "a test that is late twice was not tried twice, or is not told so: $OUT"
for i in 1 2 3 4; do
	fake "$top/tests/build/late$i.sh" 'timeout=20' "$late"
done
expect 1 '0 passed, 4 failed' 'late?'
[[ $(grep -c '^late  ' <<<"$OUT") == 3 ]] || lint_bad "more than three tests were tried twice: $OUT"
rm "$top/tests/build"/late?.sh
fake "$top/tests/build/bad.sh" 'timeout=1 weight=3' 'sleep 60'
expect 1 '0 passed, 1 failed' bad
[[ $OUT == *'out of time (1 s)'* ]] || lint_bad "a time-out is not told: $OUT"
fake "$top/tests/build/bad.sh" 'timeout=20' 'setsid sleep 8 & disown'
expect 1 '1 passed, 1 failed' bad
[[ $OUT == *'sleep 8'* ]] || lint_bad "a process left behind is not named: $OUT"
fake "$top/tests/build/bad.sh" 'timeout=20 tiemout=30' 'true'
expect 2 "tests/run: build/bad: 'tiemout=30' in its vmha-test line is not known" bad
fake "$top/tests/build/bad.sh" 'timeout=20' 'true'
fake "$top/tests/build/longer.sh" 'timeout=90' 'true'
expect 0 '4 passed, 0 failed, 1 skipped'
[[ $(grep -o 'build/[a-z]*' <<<"$("$top/tests/run" --build "$top/build" --list)" | tr '\n' ' ') == 'build/longer build/bad ' ]] ||
	lint_bad "the test with the longest timeout does not come first"
rm "$top/tests/build"/*.sh
# one of weight 0 runs beside one that wants the machine for itself, another of weight 0 does not
# shellcheck disable=SC2016 # for the test's shell
until='until [[ -e $VMHA_BUILD/'
# shellcheck disable=SC2016
fake "$top/tests/build/sum.sh" 'timeout=20 weight=0' \
	'[[ $(nice) == 19 ]] || exit 1; touch "$VMHA_BUILD/sum"; '"$until"'alone ]]; do sleep 0.1; done; sleep 1; rm "$VMHA_BUILD/sum"'
# shellcheck disable=SC2016
fake "$top/tests/build/sum2.sh" 'timeout=20 weight=0' '[[ ! -e $VMHA_BUILD/sum ]]'
# shellcheck disable=SC2016
fake "$top/tests/build/alone.sh" 'timeout=20 weight=3' \
	'touch "$VMHA_BUILD/alone"; (($(nice) < 19)) || exit 1; '"$until"'sum ]]; do sleep 0.1; done'
expect 0 '3 passed, 0 failed' sum sum2 alone
rm "$top/tests/build"/*.sh
# slots that get free one by one are kept for one that wants two
mkdir "$top/tests/vm"
for i in 1 2 3; do
	fake "$top/tests/lint/slot$i.sh" 'timeout=20' "sleep $i"
done
# shellcheck disable=SC2016
fake "$top/tests/vm/two.sh" 'timeout=20 weight=2 lab=vm' 'touch "$VMHA_BUILD/two"'
# shellcheck disable=SC2016
fake "$top/tests/build/one.sh" 'timeout=20' '[[ -e $VMHA_BUILD/two ]]'
expect 0 '5 passed, 0 failed' 'slot?' two one
rm "$top/tests/build/one.sh" "$top/tests/vm/two.sh" "$top/tests/lint"/slot?.sh
lint_end
