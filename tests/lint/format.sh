#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# vmha-test: timeout=120
# clang-format decides.
source "$(dirname "$0")/lint.sh"

mapfile -t files < <(lint_files '*.c' '*.h')
if ! clang-format --dry-run -Werror --ferror-limit=3 "${files[@]}"; then
	lint_bad "repair: clang-format -i FILE"
fi
lint_end
