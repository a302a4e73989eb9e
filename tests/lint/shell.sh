#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# vmha-test: timeout=300
# Every shell file, by its first line, passes shellcheck.
source "$(dirname "$0")/lint.sh"

while IFS= read -r file; do
	case $file in
	debian/* | *.md | *.c | *.h) continue ;;
	esac
	line=$(head -n 1 "$file" | tr -d '\0')
	case $line in
	'#!'*sh | '#!'*sh\ * | '# shellcheck shell='*) ;;
	*) continue ;;
	esac
	stamp=$LINT_CACHE/shell-$({ shellcheck --version; cat "$file"; } | sha256sum | cut -c1-40)
	if [[ ! -e $stamp ]]; then
		if shellcheck -x -P SCRIPTDIR -P "$VMHA_SRC" "$file"; then
			touch "$stamp"
		else
			LINT_BAD=1
		fi
	fi
done < <(lint_files)
lint_end
