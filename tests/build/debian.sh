#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# vmha-test: timeout=1500 weight=2
# The Debian packages build from a clean copy, pass lintian, and hold what Pacemaker looks for.
set -euo pipefail

fail() {
	printf 'FAILED: %s\n' "$*"
	exit 1
}

# files_in DIR: /lib is /usr/lib on this release
files_in() {
	(cd "$1" && find . -type f | sed 's/\.gz$//; s:^\./lib/:./usr/lib/:' | sort)
}

mkdir src
cd "$VMHA_SRC"
if git rev-parse --git-dir >/dev/null 2>&1; then
	git ls-files -co --exclude-standard -z
else
	find . -path ./build -prune -o -type f -print0
fi | tar --null --ignore-failed-read -cf - -T - | tar -C "$VMHA_TEST_TMP/src" -xf -
cd "$VMHA_TEST_TMP/src"
DEB_BUILD_OPTIONS="nocheck parallel=$(nproc)" dpkg-buildpackage -us -uc -b
cd ..
lintian --no-cfg --allow-root --fail-on error ./*.changes || fail "lintian found errors"

# their dependencies can be met on this release, and dpkg installs and removes them in a root of their own
apt-get -s -q install ./vmha_*.deb ./vmha-lab_*.deb >apt.log 2>&1 || fail "apt cannot install them: $(cat apt.log)"
mkdir -p root/var/lib/dpkg/updates root/var/lib/dpkg/info
touch root/var/lib/dpkg/status root/var/lib/dpkg/available
own_dpkg() {
	dpkg --root="$PWD/root" --force-depends --force-not-root --force-script-chrootless --log=/dev/null "$@" >dpkg.log 2>&1 ||
		fail "dpkg $*: $(cat dpkg.log)"
}
own_dpkg --install ./vmha_*.deb ./vmha-lab_*.deb
for file in usr/lib/ocf/resource.d/vmha/vm usr/lib/ocf/resource.d/vmha/csv usr/bin/vmha \
	usr/libexec/vmha/vm-action usr/libexec/vmha/vmha-lab; do
	[[ -x root/$file ]] || fail "no /$file in the packages"
done
version=$(dpkg-parsechangelog -l src/debian/changelog -S Version)
printf 'vmha %s: ' "$version"
# what `make install` puts somewhere is in one of the packages
missing=$(comm -23 <(files_in "$VMHA_STAGE") <(files_in "$VMHA_TEST_TMP/root"))
[[ -z $missing ]] || fail "installed by make and in no package: $missing"
printf '%s files\n' "$(find root/usr root/lib root/etc -type f | wc -l)"
own_dpkg --purge vmha-lab vmha
left=$(find root/usr root/lib root/etc -type f 2>/dev/null || true)
[[ -z $left ]] || fail "dpkg --purge left: $left"
