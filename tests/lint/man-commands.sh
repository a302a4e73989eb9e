#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# vmha-test: timeout=60
# Every command and every option that --help shows is in a manual page too.
source "$(dirname "$0")/lint.sh"

VMHA=$VMHA_BUILD/cli/vmha
pages=$(for page in "$VMHA_SRC"/man/vmha*.8; do
	LC_ALL=C.UTF-8 MANWIDTH=400 man -l "$page" 2>/dev/null
done | sed 's/[‐‑−]/-/g' | tr -s '[:space:]' ' ')

# All options of the usage line, and the one that each line of the list begins with.
options_of() {
	sed -nE '1p; s/^  (--[a-z-]+).*/\1/p' | grep -oE -- '--[a-z-]+' | sort -u
}

while read -ra words; do
	[[ $pages == *"vmha ${words[*]}"* ]] || lint_bad "no manual page in man/ knows 'vmha ${words[*]}'"
	while read -r option; do
		[[ $pages == *"$option"* ]] || lint_bad "no manual page in man/ knows $option of 'vmha ${words[*]}'"
	done < <("$VMHA" "${words[@]}" --help | options_of)
done < <("$VMHA" --help | sed -nE 's/^  ([a-z]+( [a-z]+)?)  .*/\1/p' | grep -vx lab)

# Every setting, with range, default and text as the program has them.
while IFS= read -r setting; do
	[[ $pages == *"$setting"* ]] || lint_bad "man/vmha-config.8 does not say: $setting"
done < <("$VMHA" config --help | sed -n '/^Settings:/,$p' | sed '1d; N; s/\n/ /' | tr -s ' ' | sed 's/^ //')
lint_end
