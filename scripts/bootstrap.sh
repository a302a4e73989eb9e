# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
# What `check` and `demo` have in common: packages, build, stage.  To be sourced; sets SRC and BUILD.

SRC=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
BUILD=${VMHA_BUILD:-$SRC/build}
export LC_ALL=C
umask 022
STAGE=$BUILD/stage
# the services of these packages are for real hosts: here they would only stand in the way
SERVICES='^(corosync|pacemaker|sanlock|wdmd|sanlk-resetd|logd|libvirt|virt|pcsd|pcs_|open-iscsi|iscsid|multipath|lvm2-lvm)'

boot_die() {
	printf '%s: %s\n' "${0##*/}" "$*" >&2
	exit 1
}

boot_say() {
	printf '== %s\n' "$*"
}

# An escape for another release: VMHA_ANY_OS=1, without any promise.
boot_need_host() {
	local id='' version=''
	[[ $EUID -eq 0 ]] || boot_die "must be root: sudo ./${0##*/}"
	if [[ -r /etc/os-release ]]; then
		id=$(sed -n 's/^ID=//p' /etc/os-release) version=$(sed -n 's/^VERSION_ID="\?\([^"]*\)"\?/\1/p' /etc/os-release)
	fi
	[[ $id == debian && $version == 12 || -n ${VMHA_ANY_OS:-} ]] ||
		boot_die "needs Debian 12; this is '${id:-unknown} ${version:-}' (VMHA_ANY_OS=1 tries all the same)"
	# a clone of the user that called sudo is nothing to be afraid of
	export GIT_CONFIG_COUNT=1 GIT_CONFIG_KEY_0=safe.directory GIT_CONFIG_VALUE_0='*'
}

# boot_packages SECTION...: the packages of packages.list, one a line
boot_packages() {
	awk -v want=" $* " '/^#/ || !NF { next } /^\[/ { gsub(/[][]/, ""); on = index(want, " " $0 " "); next } on { print $1 }' \
		"$SRC/packages.list" | sort -u
}

boot_missing() {
	local have
	have=$(dpkg-query -W -f '${db:Status-Status} ${Package}\n' | sed -n 's/^installed //p' | sort -u)
	comm -23 <(boot_packages "$@") <(printf '%s\n' "$have")
}

boot_units_enabled() {
	[[ -z $(type -P systemctl) ]] ||
		systemctl --root=/ list-unit-files --state=enabled --no-legend 2>/dev/null | awk '{ print $1 }' | sort
}

# Daemons must neither start now (policy-rc.d) nor at the next boot (disabled), unless they did before.
boot_install() {
	local policy=/usr/sbin/policy-rc.d made='' missing log=$BUILD/packages.log before unit
	missing=$(boot_missing "$@")
	[[ -n $missing ]] || return 0
	boot_say "installing $(wc -l <<<"$missing") packages (log: $log)"
	mkdir -p "$BUILD"
	before=$(boot_units_enabled)
	if [[ ! -e $policy ]]; then
		made=$policy
		# shellcheck disable=SC2064 # now, not then
		trap "rm -f '$policy'" EXIT
		printf '#!/bin/sh\n# made by vmha while it installs packages; removed at once afterwards\nexit 101\n' >"$policy"
		chmod 755 "$policy"
	fi
	# shellcheck disable=SC2086 # words are meant
	# a repository that cannot be reached may not matter: the install tells
	if ! { DEBIAN_FRONTEND=noninteractive apt-get -q update || true
		DEBIAN_FRONTEND=noninteractive apt-get -q -y --no-install-recommends \
			-o Dpkg::Options::=--force-confold -o DPkg::Lock::Timeout=300 install $missing; } \
		</dev/null >"$log" 2>&1; then
		tail -n 30 "$log" >&2
		boot_die "packages could not be installed (the whole log: $log)"
	fi
	if [[ -n $made ]]; then
		rm -f "$made"
		trap - EXIT
	fi
	for unit in $(comm -13 <(printf '%s\n' "$before") <(boot_units_enabled) | grep -E "$SERVICES"); do
		systemctl --root=/ disable "$unit" >>"$log" 2>&1 || true
	done
	[[ -z $(boot_missing "$@") ]] || boot_die "still missing: $(boot_missing "$@" | tr '\n' ' ')"
}

boot_quietly() {
	local what=$1 log=$BUILD/build.log
	shift
	if ! "$@" >"$log" 2>&1 </dev/null; then
		tail -n 40 "$log" >&2
		boot_die "$what failed (the whole log: $log)"
	fi
}

boot_jobs() {
	nproc
}

# Only what changed: make itself knows when configure and the Makefiles are out of date.
boot_build() {
	mkdir -p "$BUILD"
	if [[ ! -e $SRC/configure || ! -e $SRC/Makefile.in || ! -e $SRC/config.h.in ]]; then
		boot_say "autoreconf"
		(cd "$SRC" && boot_quietly autoreconf autoreconf -fi)
	fi
	if [[ ! -e $BUILD/Makefile ]]; then
		boot_say "configure"
		(cd "$BUILD" && boot_quietly configure "$SRC/configure" --enable-werror --prefix=/usr \
			--sysconfdir=/etc --localstatedir=/var)
	fi
	boot_say "make"
	boot_quietly make make -C "$BUILD" -j "$(boot_jobs)" "$@"
}

# The installed tree, for labs and tests; made again only when something is newer.
boot_stage() {
	local stamp=$BUILD/stage.stamp
	if [[ -e $stamp && -d $STAGE && -z $(find "$BUILD" "$SRC" -newer "$stamp" -type f \
		-not -path "$STAGE/*" -not -path '*/.git/*' -not -path '*/test-logs/*' -not -name '*.log' \
		-not -path "$BUILD/lint-cache/*" -print -quit) ]]; then
		return 0
	fi
	boot_say "stage $STAGE"
	rm -rf "$STAGE"
	boot_quietly "make install" make -C "$BUILD" install DESTDIR="$STAGE"
	touch "$stamp"
}
