#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# vmha-test: timeout=120
# Man pages format without a warning, and what is installed has one.
source "$(dirname "$0")/lint.sh"

mapfile -t files < <(lint_files 'man/*.[1-8]')
for file in "${files[@]}"; do
	said=$(LC_ALL=C.UTF-8 MANROFFSEQ='' MANWIDTH=80 man --warnings -E UTF-8 -l -Tutf8 -Z "$file" 2>&1 >/dev/null || true)
	[[ -z $said ]] || lint_bad "$file: $said"
	grep -q '^\.SH NAME\|^\.Sh NAME' "$file" || lint_bad "$file: no NAME section"
done
for program in "$VMHA_BUILD"/stage/usr/bin/* "$VMHA_BUILD"/stage/usr/sbin/*; do
	[[ -e $program ]] || continue
	name=${program##*/}
	compgen -G "man/$name.[1-8]" >/dev/null || lint_bad "$name is installed and has no man page man/$name.[1-8]"
done
lint_end
