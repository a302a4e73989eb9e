#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# vmha-test: timeout=600 weight=0
# Licence line, white space, length of files and functions.
source "$(dirname "$0")/lint.sh"

mapfile -t files < <(lint_files)
for file in "${files[@]}"; do
	case $file in
	COPYING* | *.md | debian/* | *.xml | *.json | *.patch | *.golden | *.txt | *.list) licence='' ;;
	lib/*.[ch] | include/*) licence=LGPL-2.1-or-later ;;
	*) licence=GPL-2.0-or-later ;;
	esac
	if [[ -n $licence && -s $file ]] && ! grep -qm 1 "SPDX-License-Identifier: $licence" <(head -n 3 "$file"); then
		lint_bad "$file:1: no line 'SPDX-License-Identifier: $licence' among the first three"
	fi
	case $file in
	*.patch | COPYING*) continue ;;
	esac
	grep -Iq . "$file" || continue
	if grep -nE '[[:blank:]]$' "$file"; then
		lint_bad "$file: white space at the end of the lines above"
	fi
	[[ -z $(tail -c 1 "$file") ]] || lint_bad "$file: no line end at its end"
done

mapfile -t files < <(lint_files '*.c' '*.h' '*.sh' '*.py' check demo lab/vmha-lab tests/run)
for file in "${files[@]}"; do
	lines=$(wc -l <"$file")
	((lines <= 600)) || lint_bad "$file: $lines lines; at most 600 (split it by object)"
done

# A function is what stands between a '{' and a '}' of column 0 behind a line that ends with ')'.
mapfile -t files < <(lint_files '*.c' '*.h')
awk -v max=80 '
	FNR == 1 { start = 0 }
	/^\{/ && previous ~ /\)$/ { start = FNR; head = previous }
	/^\}/ && start { if (FNR - start - 1 > max) { printf "%s:%d: %d lines; at most %d: %s\n", FILENAME, start, FNR - start - 1, max, head; bad = 1 } start = 0 }
	{ previous = $0 }
	END { exit bad }' "${files[@]}" || lint_bad "functions are too long"
lint_end
