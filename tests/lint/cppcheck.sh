#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# vmha-test: timeout=1800 weight=0
# cppcheck.  It knows no cleanup attributes (memleak, resourceLeak), takes readdir(), getpwnam() and getgrnam() for unsafe, and believes that mmap() takes no descriptor of -1.
source "$(dirname "$0")/lint.sh"

# shellcheck disable=SC2317 # called by lint_each_c
check() {
	local includes=() flag
	for flag in "${FLAGS[@]}"; do
		[[ $flag != -I"$VMHA_SRC"* && $flag != -I"$VMHA_BUILD"* ]] || includes+=("$flag")
	done
	cppcheck --quiet --std=c11 --library=posix --enable=warning,performance,portability --inline-suppr \
		--suppress=memleak --suppress=resourceLeak --suppress=readdirCalled --suppress=getpwnamCalled --suppress=getgrnamCalled --suppress=invalidFunctionArg --suppress=missingInclude \
		--suppress=missingIncludeSystem --error-exitcode=1 "${includes[@]}" -D__GNUC__=12 "$1"
}

lint_each_c cppcheck "$(cppcheck --version)" check
lint_end
