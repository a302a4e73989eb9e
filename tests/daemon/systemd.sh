#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# vmha-test: timeout=240 weight=1 lab=none
# The units under a real systemd, beside Debian's own of corosync, Pacemaker, sanlock and libvirt:
# setup enables and starts them, clusterd comes back when it is killed or hangs, a restart of it or
# of its neighbours disturbs nothing, and a shutdown drains before anything that VMs need is stopped.
set -euo pipefail
# shellcheck source=tests/systemd-lib.sh
. "$(dirname "$0")/../systemd-lib.sh"

STAGE=${VMHA_STAGE:-$VMHA_BUILD/stage}
NEEDED=(libvirt-guests pacemaker vmha-clusterd corosync libvirtd sanlock)

# failed STATUS WHAT
failed() {
	printf 'FAIL: %s\n' "$2"
	[[ -z $MACHINE_PID ]] || machine journalctl --no-pager -b 0 2>&1 | tail -n 60 || true
	exit "$1"
}

fail() {
	failed 1 "$*"
}

# see lib.sh
late() {
	failed 75 "waited in vain for: $1"
}

step() {
	printf 'step: %s\n' "$*"
}

# await SECONDS WHAT COMMAND...
await() {
	local end=$((SECONDS + $1)) what=$2
	shift 2
	until "$@" >/dev/null 2>&1; do
		((SECONDS < end)) || late "$what"
		sleep 0.2
	done
}

property() {
	machine systemctl show -P "$2" "$1"
}

is() {
	[[ $(property "$1" "$2") == "$3" ]]
}

# The host that is to become a node: a cluster of one, with Debian's units.
conf_write() {
	local etc=$MACHINE_DIR/upper/etc units=$MACHINE_DIR/upper/usr/lib/systemd/system
	mkdir -p "$etc"/default "$units/sanlock.service.d"
	cp -a "$STAGE"/usr/. "$MACHINE_DIR"/upper/usr/
	echo node1 >"$etc/hostname"
	# what a container is not allowed
	echo 'sanlock_opts="-w 0 -h 0 -l 0 -U sanlock -G sanlock"' >"$etc/default/sanlock"
	printf '[Service]\nEnvironment=SANLOCK_PRIVILEGED=0\n' >"$units/sanlock.service.d/test.conf"
}

setup() {
	machine vmha node setup "$@"
}

doctor() {
	machine vmha node doctor 2>&1 || true
}

in_sync() {
	machine vmha-clusterd --check
}

# Not what VMs need, and yet Debian's: they run as on any host.
cluster_start() {
	machine systemctl enable --now corosync.service pacemaker.service libvirt-guests.service 2>&1 | grep -i fail || true
	await 30 "corosync" is corosync ActiveState active
	await 30 "Pacemaker" machine cibadmin -Q
	await 30 "a cluster without fencing" machine crm_attribute -t crm_config -n stonith-enabled -v false
	await 30 "a DC soon" machine crm_attribute -t crm_config -n dc-deadtime -v 5s
}

test_setup() {
	local out unit
	step "setup enables and starts"
	out=$(setup --dry-run)
	for unit in vmha-clusterd vmha-shutdown; do
		[[ $out == *"Would enable $unit.service"* && $out == *"Would start $unit.service"* ]] || fail "$out"
		is "$unit" ActiveState inactive || fail "a dry run has started $unit"
	done
	out=$(setup --restart)
	[[ $out == *"Started vmha-clusterd.service"* ]] || fail "$out"
	for unit in vmha-clusterd vmha-shutdown libvirtd sanlock; do
		is "$unit" ActiveState active || fail "$unit is not active"
		is "$unit" UnitFileState enabled || fail "$unit is not enabled"
	done
	[[ $(setup) == *'nothing to change'* ]] || fail "again: $(setup)"
	out=$(setup --dry-run --output json)
	[[ $(jq -c '[.enable, .start]' <<<"$out") == '[[],[]]' ]] || fail "$out"
	step "doctor sees what does not run, setup starts it again"
	machine systemctl stop vmha-clusterd vmha-shutdown
	out=$(doctor)
	[[ $out == *"vmha-clusterd.service is not active"* && $out == *"vmha-shutdown.service is not active"* ]] ||
		fail "$out"
	out=$(setup --dry-run)
	[[ $out != *"Would enable"* && $out == *"Would start vmha-shutdown.service"* ]] || fail "$out"
	setup >/dev/null
	is vmha-clusterd ActiveState active || fail "not started again"
	[[ $(doctor) != *"is not active"* ]] || fail "$(doctor)"
}

# restarted WHAT PID: systemd has another one that is ready
restarted() {
	local began=$EPOCHREALTIME
	await "$3" "clusterd after $1" eval "is vmha-clusterd ActiveState active && ! is vmha-clusterd MainPID $2"
	await 30 "in sync again" in_sync
	printf 'figure: clusterd again in sync %d ms after %s\n' $(((${EPOCHREALTIME/./} - ${began/./}) / 1000)) "$1"
}

# journal_says UNIT TEXT: since this boot
journal_says() {
	machine journalctl -b 0 -u "$1" --no-pager | grep -F "$2"
}

corosync_uses() {
	machine vmha network list --output json | jq -e --arg subnet "$1" 'any(.[]; .subnet == $subnet and .cluster)'
}

test_comes_back() {
	local pid
	await 20 "clusterd in sync" in_sync
	step "killed"
	is vmha-clusterd Type notify || fail "no notify"
	pid=$(property vmha-clusterd MainPID)
	machine kill -KILL "$pid"
	restarted "SIGKILL" "$pid" 30
	step "hung: the watchdog sees it"
	pid=$(property vmha-clusterd MainPID)
	machine kill -STOP "$pid"
	restarted "SIGSTOP, with a watchdog of 8 s" "$pid" 60
	await 10 "that it was by the watchdog" journal_says vmha-clusterd 'Watchdog timeout'
	step "a restart of one's neighbours, corosync on another network"
	pid=$(property vmha-clusterd MainPID)
	machine systemctl restart libvirtd.service
	machine sh -c 'ip link add clu type bridge && ip address add 10.71.1.1/24 dev clu && ip link set clu up'
	machine sed -i 's/10.71.2.1/10.71.1.1/' /etc/corosync/corosync.conf
	machine systemctl restart corosync.service # and with it Pacemaker, which requires it
	await 30 "in sync with the new corosync" in_sync
	is vmha-clusterd MainPID "$pid" || fail "clusterd was restarted by it"
	await 30 "clusterd knows corosync's network" corosync_uses 10.71.1.0/24
	machine systemctl restart vmha-clusterd
	await 30 "in sync" in_sync
	is vmha-shutdown ActiveState active || fail "vmha-shutdown was stopped by it"
	[[ $(machine journalctl -u vmha-shutdown --no-pager) != *'draining node1'* ]] || fail "drained though nothing went down"
	is pacemaker ActiveState active || machine systemctl start pacemaker
}

# line PATTERN: its first line in the journal of the shutdown
line() {
	grep -nE "$1" "$MACHINE_DIR/journal" | head -n 1 | cut -d: -f1 || true
}

test_shutdown() {
	local unit drained stopping
	step "the host goes down"
	await 60 "Pacemaker" eval "machine crm_mon -1 | grep 'Current DC: node1'"
	await 20 "clusterd" in_sync
	machine systemd-cat echo "from here on it goes down"
	machine_shutdown
	journalctl -D "$MACHINE_DIR/upper/var/log/journal" --no-pager -o short-monotonic |
		sed '1,/from here on it goes down/d' >"$MACHINE_DIR/journal"
	drained=$(line 'Stopped vmha-shutdown.service')
	[[ -n $drained ]] || fail "vmha-shutdown was not stopped: $(tail "$MACHINE_DIR/journal")"
	[[ -n $(line 'vmha\[[0-9]+\]: .*node1 is drained') ]] || fail "not drained: $(grep 'vmha\[' "$MACHINE_DIR/journal" | tail)"
	for unit in "${NEEDED[@]}"; do
		stopping=$(line "Stopping $unit.service")
		[[ -n $stopping ]] || fail "$unit was not stopped"
		((stopping > drained)) || fail "$unit was stopped before VMs had left: $(sed -n "${stopping}p" "$MACHINE_DIR/journal")"
	done
	[[ $(line 'Stopping libvirt-guests.service') -gt $(line 'Stopped pacemaker.service') ]] ||
		fail "libvirt-guests overtakes Pacemaker"
	step "and comes up again: the node is open"
	machine_boot
	await 60 "clusterd in sync after boot" in_sync
	await 60 "the node takes roles again" journal_says vmha-shutdown 'takes roles again'
}

machine_prepare "$VMHA_TEST_TMP/machine"
conf_write
machine_boot
cluster_start
test_setup
printf '[Service]\nWatchdogSec=8s\n' | machine sh -c 'mkdir -p /etc/systemd/system/vmha-clusterd.service.d &&
	cat >/etc/systemd/system/vmha-clusterd.service.d/test.conf && systemctl daemon-reload && systemctl restart vmha-clusterd'
test_comes_back
test_shutdown
step "done"
