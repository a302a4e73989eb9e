#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# vmha-test: timeout=3000 weight=0
# All unit tests under the address and undefined-behaviour sanitizers, and under the thread sanitizer; the
# simulation with fewer schedules, for it is some ten times slower there.
set -euo pipefail
export VMHA_SIM_COUNT=500

for list in address,undefined thread; do
	dir=$VMHA_BUILD/sanitize-${list%%,*}
	mkdir -p "$dir"
	cd "$dir"
	[[ -e Makefile ]] || "$VMHA_SRC/configure" --quiet --enable-werror --with-sanitizers="$list" \
		--prefix=/usr --sysconfdir=/etc --localstatedir=/var
	make -s -j "$(nproc)" all
	if ! make -s -j "$(nproc)" check; then
		cat test-suite.log
		exit 1
	fi
	printf '%s: %s\n' "$list" "$(grep -h '^# PASS' test-suite.log)"
done
