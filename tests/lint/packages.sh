#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# vmha-test: timeout=60
# packages.list, debian/control and the installed programs agree.
source "$(dirname "$0")/lint.sh"

# section NAME: its packages
section() {
	awk -v want="$1" '/^#/ || !NF { next } /^\[/ { gsub(/[][]/, ""); on = $0 == want; next } on { print $1 }' packages.list | sort -u
}

# field PACKAGE FIELD: the names in a field of debian/control, one a line, without versions and our own
field() {
	awk -v package="$1" -v field="$2" '
		/^(Source|Package):/ { on = $2 == package }
		on && index($0, field ":") == 1 { sub(/^[^:]*:/, ""); inside = 1; print; next }
		/^[^ \t]/ { inside = 0 }
		on && inside { print }' debian/control |
		tr ',' '\n' | tr '|' '\n' | sed -E 's/\([^)]*\)//; s/\[[^]]*\]//; s/\$\{[^}]*\}//; s/[[:blank:]]//g; /^$/d; /^vmha/d; /^debhelper-compat$/d' | sort -u
}

compare() {
	local what=$1 list=$2 control=$3 diff
	diff=$(diff <(printf '%s\n' "$list") <(printf '%s\n' "$control") | sed -n 's/^< /  only in packages.list: /p; s/^> /  only in debian\/control: /p') || true
	[[ -z $diff ]] || lint_bad "$what:" $'\n'"$diff"
}

# build-essential is there for every package build, by definition
compare "[build] and Build-Depends" "$(section build | grep -v '^build-essential$')" "$(field vmha Build-Depends)"
compare "[run] and Depends of vmha" "$(section run)" "$({ field vmha Depends; field vmha Recommends; } | sort -u)"
compare "[lab] and Depends of vmha-lab" "$(section lab)" "$(field vmha-lab Depends)"
twice=$(sed '/^#/d; /^\[/d; /^$/d' packages.list | sort | uniq -d)
[[ -z $twice ]] || lint_bad "twice in packages.list: $twice"
lint_end
