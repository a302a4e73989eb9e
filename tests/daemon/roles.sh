#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# vmha-test: timeout=420 lab=own weight=1
# A VM as a role, end to end: added, moved live by crm, moved quickly by command and by its option,
# drained, edited, removed.  The guest is one and the same boot until the end; not a record is lost.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"
GAP_LIVE_MS=1000
GAP_QUICK_MS=15000

move_figures() {
	local file
	file=$(role_file web1 move)
	printf 'from=%s to=%s mode=%s state=%s total_ms=%s blackout_ms=%s' \
		"$(record_value "$file" from)" "$(record_value "$file" to)" \
		"$(record_value "$file" mode)" "$(record_value "$file" state)" \
		"$(record_value "$file" total_ms)" "$(record_value "$file" blackout_ms)"
}

# moved WHAT TO GAP_MS CMD...: CMD moves web1 there.
moved() {
	local what=$1 to=$2 gap=$3 start
	shift 3
	watch web1
	sleep 0.5
	start=$(now_ms)
	"$@" >"$WORK/move.log" 2>&1 || fail "$what: $(cat "$WORK/move.log")"
	# asked for on another node, the cluster may seem settled before this one knows of it
	await 120 "$what: web1 on $to" role_is_on web1 "$to"
	settled 120
	figure "$what: $(($(now_ms) - start)) ms until settled; $(move_figures)"
	await 20 "no open migration" migrations_none_open
	role_is_on web1 "$to" || fail "$what: web1 is on $(role_place web1), not on $to"
	process_on web1 "$to" || fail "$what: processes on $(qemu_nodes web1 | tr '\n' ' ')"
	sleep 0.5
	unwatch web1 "$gap"
	((W[boots] == 1 && W[runners] == 2 && W[unleased_ms] == 0 && W[end_leased] == 1)) ||
		fail "$what: not one leased runner"
	[[ $(boot_id web1) == "$BOOT" ]] || fail "$what: the guest was restarted"
	role_clear web1
	settled 60
	role_is_on web1 "$to" || fail "$what: web1 did not stay on $to"
}

refused() {
	local what=$1
	shift
	"$@" >"$WORK/refused.log" 2>&1 && fail "$what was not refused"
	figure "$what refused: $(tail -n 1 "$WORK/refused.log")"
}

lab_begin --volume dir
step "role added"
role_make web1 --dirty 16:4
await 20 "nothing wrong in vmha status" on node1 vmha status
on node1 vmha status || true
{ on node1 vmha status --output json || true; } | jq -e . >/dev/null || fail "vmha status: no JSON"
role_to web1 node1
BOOT=$(boot_id web1)
refused "the same VM again" on node1 vmha vm add web1 --xml /root/web1.xml --volume "$VOLUME"
lab guest xml web2 | sed "s:<uuid>.*</uuid>:<uuid>$(guest_uuid web1)</uuid>:" |
	on node1 sh -c 'cat >/root/web2.xml'
lab guest disk "/clusterstorage/$VOLUME/web2/web2.img"
refused "a VM with the same UUID" on node1 vmha vm add web2 --xml /root/web2.xml --volume "$VOLUME"

step "live, by crm resource move"
moved live node2 "$GAP_LIVE_MS" on node1 crm resource move web1 node2
[[ $(record_value "$(role_file web1 move)" mode) == live ]] || fail "not live: $(move_figures)"
step "quick, by vmha migrate"
moved quick node3 "$GAP_QUICK_MS" on node1 vmha migrate web1 --to node3 --mode quick
[[ $(record_value "$(role_file web1 move)" mode) == quick ]] || fail "not quick: $(move_figures)"
[[ ! -e $(role_file web1 state) ]] || fail "the saved state is still on the volume"
step "quick, by the role's option migration_mode, without a restart"
on node1 crm_resource --resource web1 --set-parameter migration_mode --parameter-value quick >/dev/null
settled 60
[[ $(boot_id web1) == "$BOOT" ]] || fail "setting migration_mode restarted the guest"
moved "quick by option" node1 "$GAP_QUICK_MS" on node2 crm resource move web1 node1
[[ $(record_value "$(role_file web1 move)" mode) == quick ]] || fail "not quick: $(move_figures)"
on node1 crm_resource --resource web1 --delete-parameter migration_mode >/dev/null
settled 60
step "live, by vmha migrate"
moved "vmha migrate" node2 "$GAP_LIVE_MS" on node1 vmha migrate web1 --to node2 --mode live

step "drained by crm node standby"
watch web1
on node1 crm node standby node2 >/dev/null
settled 120
drained() { [[ $(role_place web1) == node[13] ]]; }
await 60 "web1 away from node2" drained
sleep 0.5
unwatch web1 "$GAP_LIVE_MS"
[[ $(boot_id web1) == "$BOOT" ]] || fail "the drain restarted the guest"
on node1 crm node online node2 >/dev/null
settled 120
await 60 "node2 back in the volume" node_joined node2
disk_good web1

step "edited: not restarted"
on node1 env EDITOR="sed -i s:</uuid>:</uuid><title>changed</title>:" vmha vm edit web1 ||
	fail "vmha vm edit"
grep -q '<title>changed</title>' "$(role_file web1 xml)" || fail "the stored XML was not changed"
settled 60
[[ $(boot_id web1) == "$BOOT" ]] || fail "vm edit restarted the guest"
await 10 "web1 managed after the edit" role_managed web1

step "stopped by Pacemaker: the guest shuts itself down"
START=$(now_ms)
cluster crm resource stop web1 >/dev/null
settled 180
figure "stop_ms=$(($(now_ms) - START))"
[[ -z $(qemu_nodes web1) ]] || fail "processes are left on $(qemu_nodes web1)"
lab guest console web1 | grep -i power >/dev/null || fail "the guest saw no power button"
[[ ! -e $(role_file web1 owner) ]] || fail "the owner record is still there: $(cat "$(role_file web1 owner)")"

step "removed: the disk is kept"
on node1 vmha vm remove web1 || fail "vmha vm remove"
on node1 crm_resource --resource web1 --locate >/dev/null 2>&1 && fail "the role is still in the cluster"
[[ -e $(real_path "${DISK[web1]}") ]] || fail "the disk is gone"
[[ ! -e $(role_file web1 role) ]] || fail "the role's record is still on the volume"
disk_good web1
