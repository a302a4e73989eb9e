#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# vmha-test: timeout=1800 weight=0
# Every shell file, by its first line, passes shellcheck; two at a time by itself.
source "$(dirname "$0")/lint.sh"

version=$(shellcheck --version)

# The sum of a file and of those that it says it sources.
shell_sum() {
	local sourced
	sourced=$(sed -n 's/^[[:blank:]]*# shellcheck source=//p' "$1")
	# shellcheck disable=SC2086 # words are meant
	{ printf '%s\n' "$version" && cat "$1" && { cat $sourced 2>/dev/null || true; }; } | sha256sum | cut -c1-40
}

check_half() {
	local half=$1 i=0 bad=0 file stamp
	for file in "${files[@]}"; do
		((i++ % 2 == half)) || continue
		stamp=$LINT_CACHE/shell-$(shell_sum "$file")
		if [[ -e $stamp ]]; then
			touch "$stamp"
		elif shellcheck -x -P SCRIPTDIR -P "$VMHA_SRC" "$file"; then
			touch "$stamp"
		else
			bad=1
		fi
	done
	return "$bad"
}

files=()
while IFS= read -r file; do
	case $file in
	debian/* | *.md | *.c | *.h) continue ;;
	esac
	line=$(head -n 1 "$file" | tr -d '\0')
	case $line in
	'#!'*sh | '#!'*sh\ * | '# shellcheck shell='*) files+=("$file") ;;
	esac
done < <(lint_files)
((${#files[@]} > 20)) || lint_bad "the search for shell files finds only: ${files[*]}"
check_half 0 &
check_half 1 || LINT_BAD=1
wait $! || LINT_BAD=1
find "$LINT_CACHE" -name 'shell-*' -mtime +14 -delete
lint_end
