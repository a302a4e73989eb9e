#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# vmha-test: timeout=3000 weight=0
# The Debian packages build from a clean copy, pass lintian, and hold what Pacemaker looks for.  Their
# scripts under a real systemd: nothing starts by itself, an upgrade restarts clusterd and nothing
# else, a removal stops all and is refused while roles need the agents.
set -euo pipefail
# shellcheck source=tests/systemd-lib.sh
. "$(dirname "$0")/../systemd-lib.sh"
# shellcheck source=tests/packages-lib.sh
. "$(dirname "$0")/../packages-lib.sh"

fail() {
	printf 'FAILED: %s\n' "$*"
	exit 1
}

# files_in DIR: /lib is /usr/lib on this release
files_in() {
	(cd "$1" && find . -type f | sed 's/\.gz$//; s:^\./lib/:./usr/lib/:' | sort)
}

packages_build "$VMHA_TEST_TMP"
cd "$VMHA_TEST_TMP"
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

# --- the scripts of vmha, under systemd ---------------------------------------------------------

property() {
	machine systemctl show -P "$2" "$1"
}

# state CLUSTERD SHUTDOWN WHEN: what systemd must say of them
state() {
	local is
	is="$(property vmha-clusterd ActiveState) $(property vmha-shutdown ActiveState)"
	[[ $is == "$1 $2" ]] || fail "$3: $is instead of $1 $2"
}

install_again() {
	machine dpkg --force-depends -i /usr/local/vmha.deb >dpkg.log 2>&1 || fail "upgrade: $(cat dpkg.log)"
}

machine_prepare "$VMHA_TEST_TMP/machine"
mkdir -p "$MACHINE_DIR/upper/usr/local"
cp vmha_*.deb "$MACHINE_DIR/upper/usr/local/vmha.deb"
machine_boot
machine dpkg --force-depends -i /usr/local/vmha.deb >dpkg.log 2>&1 || fail "install: $(cat dpkg.log)"
state inactive inactive "after the installation"
[[ $(property vmha-clusterd UnitFileState) == disabled ]] || fail "enabled by the installation"
install_again
state inactive inactive "after an upgrade of a host that is no node"

machine systemctl enable --now corosync pacemaker vmha-clusterd vmha-shutdown 2>/dev/null
state active active "started"
pid=$(property vmha-clusterd MainPID)
since=$(property vmha-shutdown ActiveEnterTimestampMonotonic)
# what clusterd has started lives in its group
machine sh -c 'echo $$ >/sys/fs/cgroup/system.slice/vmha-clusterd.service/cgroup.procs && exec sleep 1000' &
for ((i = 0; i < 100; i++)); do
	child=$(machine pgrep -x sleep || true)
	[[ -z $child ]] || break
	sleep 0.1
done
install_again
state active active "after an upgrade"
[[ $(property vmha-clusterd MainPID) != "$pid" ]] || fail "an upgrade does not restart clusterd"
[[ $(property vmha-shutdown ActiveEnterTimestampMonotonic) == "$since" ]] || fail "an upgrade restarts vmha-shutdown"
[[ -n $child && $(machine pgrep -x sleep) == "$child" ]] || fail "an upgrade ends what clusterd has started"
[[ $(property pacemaker ActiveState) == active ]] || fail "an upgrade disturbs Pacemaker"
printf 'an upgrade restarts clusterd, only\n'

for ((i = 0; i < 100; i++)); do
	machine cibadmin -Q >/dev/null 2>&1 && break
	sleep 0.3
done
machine cibadmin -C -o resources -X '<primitive id="web" class="ocf" provider="vmha" type="vm"><meta_attributes id="m">
	<nvpair id="r" name="target-role" value="Stopped"/></meta_attributes></primitive>'
! machine dpkg --remove vmha >dpkg.log 2>&1 || fail "removed although a role needs it"
grep -q 'remove them first' dpkg.log || fail "says only: $(cat dpkg.log)"
state active active "after a removal that was refused"
machine cibadmin -D -o resources -X '<primitive id="web"/>'
machine dpkg --remove vmha >dpkg.log 2>&1 || fail "remove: $(cat dpkg.log)"
state inactive inactive "after the removal"
[[ -z $(machine pgrep vmha || true) ]] || fail "still runs: $(machine pgrep -l vmha)"
machine touch /var/log/vmha/events.jsonl
machine dpkg --purge vmha >dpkg.log 2>&1 || fail "purge: $(cat dpkg.log)"
for path in /var/log/vmha /var/lib/vmha/cluster.json /etc/systemd/system/multi-user.target.wants/vmha-clusterd.service; do
	! machine test -e "$path" -o -L "$path" || fail "a purge leaves $path"
done
printf 'a removal stops and removes all, and is refused while a role is there\n'
