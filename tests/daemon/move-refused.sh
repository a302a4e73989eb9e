#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# vmha-test: timeout=420 lab=own
# `crm resource move` to a node that cannot take the VM (its bridge is missing there): the VM is
# untouched, the constraint is gone, an event says why, the cluster is clean within 10 s.  Beside it
# ocf:heartbeat:VirtualDomain in the same situation, which boots its guest again: shown, not judged.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"

constraint_left() {
	cluster cibadmin --query --xpath "//rsc_location[@id='cli-prefer-$1']" >/dev/null 2>&1
}

# newest: number of the newest move.
newest() {
	cluster vmha migration list --output json | jq '[.[].id] | max // 0'
}

newer_than() {
	(($(newest) > $1))
}

# ended_ms: when the newest move had ended, its role managed and its constraint gone.
ended_ms() {
	cluster vmha migration list --output json | jq 'max_by(.id).ended_ms'
}

clean() {
	role_managed web1 && ! constraint_left web1 && migrations_none_open &&
		! cluster crm_mon -1 --output-as=xml | grep '<failure ' >/dev/null
}

events_name_it() {
	cluster vmha events --since "$((($(date +%s) - since) + 1))s" --vm web1 >"$WORK/events.log" && grep vmbr0 "$WORK/events.log"
}

theirs_runs() {
	[[ $(role_place theirs) != none ]] && ping_answers theirs && guest_writes theirs
}

# ocf:heartbeat:VirtualDomain on the same volume, with the same test guest.
theirs_make() {
	local disk=/clusterstorage/$VOLUME/theirs/theirs.img
	DISK[theirs]=$disk
	lab guest disk "$disk"
	lab guest xml theirs --disk "$disk" >"$WORK/theirs.xml"
	on node1 sh -c "cat >/clusterstorage/$VOLUME/theirs/theirs.xml" <"$WORK/theirs.xml"
	cluster cibadmin --create --scope resources --xml-text "
		<primitive id='theirs' class='ocf' provider='heartbeat' type='VirtualDomain'>
		<meta_attributes id='theirs-meta'>
		<nvpair id='theirs-allow' name='allow-migrate' value='true'/></meta_attributes>
		<instance_attributes id='theirs-attr'>
		<nvpair id='theirs-config' name='config' value='/clusterstorage/$VOLUME/theirs/theirs.xml'/>
		<nvpair id='theirs-hv' name='hypervisor' value='qemu:///system'/>
		<nvpair id='theirs-transport' name='migration_transport' value='tls'/>
		<nvpair id='theirs-suffix' name='migration_network_suffix' value='-mig'/>
		<nvpair id='theirs-cpu' name='autoset_utilization_cpu' value='false'/>
		<nvpair id='theirs-mem' name='autoset_utilization_hv_memory' value='false'/>
		<nvpair id='theirs-host' name='autoset_utilization_host_memory' value='false'/>
		</instance_attributes>
		<operations><op id='theirs-start' name='start' interval='0' timeout='90s'/>
		<op id='theirs-stop' name='stop' interval='0' timeout='60s'/>
		<op id='theirs-mon' name='monitor' interval='10s' timeout='30s'/>
		<op id='theirs-to' name='migrate_to' interval='0' timeout='120s'/>
		<op id='theirs-from' name='migrate_from' interval='0' timeout='60s'/></operations></primitive>"
	await 90 "VirtualDomain's guest" theirs_runs
}

# bridge_away NODE, bridge_back NODE
bridge_away() {
	on "$1" ip link set vmbr0 down
	on "$1" ip link set vmbr0 name vmbr9
}

bridge_back() {
	on "$1" ip link set vmbr9 name vmbr0
	on "$1" ip link set vmbr0 up
}

lab_begin --volume dir
await 60 "clusterd" clusterd_ready
role_make web1
from=$(role_place web1)
to=$(node_other "$from")
boot=$(boot_id web1)
since=$(date +%s)
watch web1
bridge_away "$to"

step "refused by vmha migrate within a second"
start=$(now_ms)
! cluster vmha migrate web1 --to "$to" >"$WORK/out.log" 2>&1 || fail "not refused: $(cat "$WORK/out.log")"
figure "refused_ms=$(($(now_ms) - start)): $(cat "$WORK/out.log")"
grep -q vmbr0 "$WORK/out.log" || fail "the bridge is not named"

step "refused all the same while libvirtd of $to hangs: nobody needs its word then"
daemon_signal "$to" libvirtd STOP
start=$(now_ms)
! cluster vmha migrate web1 --to "$to" >"$WORK/out.log" 2>&1 || fail "not refused: $(cat "$WORK/out.log")"
figure "refused_ms=$(($(now_ms) - start)): $(cat "$WORK/out.log")"
daemon_signal "$to" libvirtd CONT
grep -q vmbr0 "$WORK/out.log" || fail "the bridge is not named"
! grep -q libvirtd "$WORK/out.log" || fail "libvirtd was asked: $(cat "$WORK/out.log")"

step "crm_resource --move to $to, which lacks the bridge"
before=$(newest)
start=$(now_ms)
cluster crm_resource --resource web1 --move --node "$to"
await 20 "the move begun" newer_than "$before"
await 20 "the cluster clean" clean
seen=$(($(now_ms) - start))
# when clusterd had it clean: under load a look at it takes longer than a second
ms=$(($(ended_ms) - start))
figure "ocf:vmha:vm: clean_ms=$ms seen_ms=$seen same_boot=$([[ $(boot_id web1) == "$boot" ]] && echo yes || echo no)"
await 10 "an event that names the bridge" events_name_it
sed 's/^/  /' "$WORK/events.log"
unwatch web1 1000
await 10 "web1 on $from" role_is_on web1 "$from"
[[ $(boot_id web1) == "$boot" ]] || fail "the guest was booted again"
disk_good web1
((ms <= $(limit_ms 10000))) || late "the cluster clean within 10 s: $ms ms"
bridge_back "$to"

step "the same with ocf:heartbeat:VirtualDomain"
theirs_make
from=$(role_place theirs)
to=$(node_other "$from")
boot=$(boot_id theirs)
bridge_away "$to"
ping_begin theirs
cluster crm_resource --resource theirs --move --node "$to"
(settled 180 && await 90 "VirtualDomain's guest somewhere" theirs_runs) 2>/dev/null || true # not judged
sleep 2
ping_end theirs
figure "ocf:heartbeat:VirtualDomain: same_boot=$([[ $(boot_id theirs) == "$boot" ]] && echo yes || echo no) now on $(role_place theirs) ping_gap_ms=$PING_GAP_MS constraint_left=$(constraint_left theirs && echo yes || echo no)"
cluster crm_mon -1 | grep -A9 'Failed' | sed 's/^/  /' || true
