#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# vmha-test: timeout=900 weight=3
# A part of the lab tests on builds with sanitizers: for addresses and undefined behaviour clusterd
# among hostile neighbours, its state, roles that start, stop and move, moves that are cancelled; for
# threads clusterd's state, for nothing else has threads.  How to run all: CONTRIBUTING.md.
set -euo pipefail
((EUID == 0)) || {
	echo "SKIP: needs root"
	exit 77
}

# run LIST TEST...: in the directories of build/sanitizers.
run() {
	local list=$1 dir=$VMHA_BUILD/sanitize-${1%%,*}
	shift
	mkdir -p "$dir"
	cd "$dir"
	[[ -e Makefile ]] || "$VMHA_SRC/configure" --quiet --enable-werror --with-sanitizers="$list" \
		--prefix=/usr --sysconfdir=/etc --localstatedir=/var
	make -s -j "$(nproc)" all
	make -s -j "$(nproc)" check TESTS= >check.log 2>&1 || {
		cat check.log
		exit 1
	}
	make -s install DESTDIR="$dir/stage" >install.log 2>&1
	# the sanitizers make everything slower
	VMHA_CHECK_SLOTS=2 "$VMHA_SRC/tests/run" --build "$dir" "$@"
}

export VMHA_TEST_MOMENTS=1 VMHA_TEST_IDLE_S=5
run address,undefined daemon/clusterd-hostile daemon/clusterd-state daemon/roles fault/cancel
run thread daemon/clusterd-state
