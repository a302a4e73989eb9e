#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# vmha-test: timeout=300
# Every header compiles alone.
source "$(dirname "$0")/lint.sh"

lint_flags
mapfile -t files < <(lint_files '*.h')
for file in "${files[@]}"; do
	gcc -fsyntax-only -Wall -Wextra -Werror -Wno-unused-function "${FLAGS[@]}" -x c - <<<"#include \"$file\"" ||
		lint_bad "$file does not compile alone"
done
lint_end
