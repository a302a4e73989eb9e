# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The scenarios on machines (lab=vm) share one lab: whoever comes first makes it, tests/run takes it down
# after the last.  By hand, without the runner, a scenario has one of its own, or that of VMHA_LAB_NAME.
# Source it first:  . "$(dirname "$0")/lib.sh"
# shellcheck source=tests/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/../lib.sh"
# shellcheck source=tests/packages-lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/../packages-lib.sh"

VM_UP=(--vm --watchdog "softdog,softdog,i6300esb" --disk-4k lun3)

vm_is_up() {
	[[ -r $LAB_STATE/config ]] && grep -qs '^vm=yes' "$LAB_STATE/config" && [[ -e $LAB_STATE/ready ]]
}

# vm_begin: the lab, with all of NODES in the cluster; in it runs the power switch, and $VOLUME if the scenario
# before has left that in good order, without roles.
vm_begin() {
	((EUID == 0)) || skip "needs root"
	LAB_BIN=$(lab_bin) || skip "there is no vmha-lab: build first"
	# one that cannot be cleaned must not fail all scenarios after it
	if vm_is_up && (vm_clean); then
		return
	fi
	[[ ! -d $LAB_STATE ]] || lab down >"$WORK/down.log" 2>&1
	local start=$EPOCHREALTIME
	vm_product
	step "lab $LAB of ${#NODES[@]} nodes up ${VM_UP[*]}"
	[[ -n ${VMHA_CHECK_ID:-} ]] || cleanup_add lab_end
	lab up --nodes "${#NODES[@]}" "${VM_UP[@]}" >"$WORK/up.log" 2>&1 || {
		cat "$WORK/up.log" >&2
		fail "the lab of machines did not come up"
	}
	sed 's/^/        /' "$WORK/up.log"
	on node1 cibadmin --query --scope resources >"$LAB_STATE/ready"
	figure "lab_up_s=$(seconds_since "$start")"
}

# vm_product: what the nodes run is what dpkg installs; by hand also the stage, which is there sooner: VMHA_VM_STAGE=1
vm_product() {
	[[ -z ${VMHA_VM_STAGE:-} ]] || return 0
	step "the product's packages"
	packages_kept "$BUILD/packages" >"$WORK/packages.log" 2>&1 || fail "the packages: $(tail -n 5 "$WORK/packages.log")"
	VM_UP+=(--packages "$BUILD/packages")
}

vm_node_off() {
	lab status | grep "^$1  off" >/dev/null
}

# vm_kept: $VOLUME is on all nodes, in good order and without roles, and no other resource is there.
vm_kept() {
	[[ $(cluster cibadmin --query --scope resources 2>/dev/null | xmllint --xpath 'count(//primitive)' - 2>/dev/null) == 3 ]] &&
		vm_volume_on "${#NODES[@]}" && cluster vmha volume check "$VOLUME" >>"$WORK/clean.log" 2>&1 &&
		[[ $(vm_volume_value '.roles | length') == 0 ]]
}

# vm_clean: what the scenario before left: faults are taken back, all nodes are in the cluster; and unless
# its volume is worth keeping no resource but the power switch is there, and the disks are empty.
vm_clean() {
	local node start=$EPOCHREALTIME
	lab heal all >>"$WORK/clean.log" 2>&1 || true
	for node in "${NODES[@]}"; do
		! vm_node_off "$node" || lab power on "$node"
	done
	vm_nodes
	await 240 "all nodes in the cluster" nodes_online "${#NODES[@]}"
	if vm_kept; then
		figure "kept_s=$(seconds_since "$start")"
		return
	fi
	cluster crm_attribute --name stop-all-resources --update true
	vm_guests_end
	settled 240
	cluster cibadmin --delete-all --force --xpath '/cib/configuration/constraints/*' >>"$WORK/clean.log" 2>&1 || true
	cluster cibadmin --replace --scope resources --xml-pipe <"$LAB_STATE/ready" >>"$WORK/clean.log" 2>&1 ||
		fail "the resources cannot be set back: $(tail -n 3 "$WORK/clean.log")"
	cluster crm_attribute --name stop-all-resources --delete
	cluster crm_resource --refresh >>"$WORK/clean.log" 2>&1 || true
	settled 240
	for node in "${NODES[@]}"; do
		# shellcheck disable=SC2016 # for the node's shell
		on "$node" sh -c 'for disk in /dev/disk/by-id/lun?; do dd if=/dev/zero of=$disk bs=1M count=8 oflag=direct 2>/dev/null; blockdev --flushbufs $disk; done'
	done
	figure "clean_s=$(seconds_since "$start")"
}

# vm_nodes: as many as in NODES; 05-two-nodes begins with two.
vm_nodes() {
	until [[ -e $LAB_STATE/node${#NODES[@]} ]]; do
		lab node add >>"$WORK/clean.log" 2>&1 || fail "node add: $(tail -n 3 "$WORK/clean.log")"
	done
}

# Guests here do not hear the power button.
vm_guests_end() {
	local node
	for node in "${NODES[@]}"; do
		# shellcheck disable=SC2016 # for the node's shell
		on "$node" sh -c 'for vm in $(virsh -q list --name); do virsh -q destroy "$vm"; done' >>"$WORK/clean.log" 2>&1 || true
	done
}

# vm_logged WORDS: the power switch has written that since vm_mark.
vm_mark() {
	VM_MARK=$(wc -l <"$LAB_STATE/power.log")
}

vm_logged() {
	tail -n "+$((VM_MARK + 1))" "$LAB_STATE/power.log" | grep -- "$1" >/dev/null
}

# vm_dlm: dlm_controld on all nodes, by hand.
vm_dlm() {
	cluster crm -F configure primitive dlm ocf:pacemaker:controld op start timeout=120 op stop timeout=120 \
		op monitor interval=60 timeout=60 >>"$WORK/crm.log" 2>&1 || fail "crm configure: $(tail -n 3 "$WORK/crm.log")"
	cluster crm -F configure clone dlm-clone dlm meta interleave=true ordered=true >>"$WORK/crm.log" 2>&1 ||
		fail "crm configure: $(tail -n 3 "$WORK/crm.log")"
	await 120 "dlm_controld on all nodes" vm_dlm_runs
}

vm_dlm_runs() {
	local node
	for node in "${NODES[@]}"; do
		on "$node" dlm_tool status 2>/dev/null | grep '^cluster nodeid' >/dev/null || return 1
	done
}

# vm_all CMD...: on all nodes at once; all must succeed.
vm_all() {
	local node pid pids=() rc=0
	for node in "${NODES[@]}"; do
		on "$node" "$@" &
		pids+=($!)
	done
	for pid in "${pids[@]}"; do
		wait "$pid" || rc=$?
	done
	return "$rc"
}

# --- a volume of the product's ----------------------------------------------------------------------

# vm_volume LUN [OPTION...]: $VOLUME, a GFS2 on that shared disk.
vm_volume() {
	local lun=$1 start=$EPOCHREALTIME
	shift
	! vm_kept || return 0
	on node1 vmha volume create "$VOLUME" --type gfs2 --device "/dev/disk/by-id/$lun" --io-timeout 2 "$@" \
		>"$WORK/create.log" 2>&1 || fail "volume create: $(cat "$WORK/create.log")"
	figure "volume_create_s=$(seconds_since "$start")"
}

# vm_said VM NODE: the last number that its guest has said there, 0 for none.
vm_said() {
	local text
	text=$(on "$2" sh -c "tr -d '\r' </var/log/libvirt/qemu/$1-console.log 2>/dev/null | grep -aE '^[0-9a-f]{8}\$' | tail -n 1") || true
	printf '%s' $((16#${text:-0}))
}

vm_said_more() {
	(($(vm_said "$1" "$2") > $3))
}

# vm_lease_on VM NODE: as another node reads it.
vm_lease_on() {
	[[ $(on "$(node_other "$2")" vmha vm show "$1" --output json | jq -r .lease.holder) == "$2" ]]
}

# vm_moved VM MODE FROM TO: its lease is there too, and the guest counts on.
vm_moved() {
	local vm=$1 mode=$2 from=$3 to=$4 start=$EPOCHREALTIME before
	before=$(vm_said "$vm" "$from")
	on "$from" sh -c ": >/var/log/libvirt/qemu/$vm-console.log"
	cluster vmha migrate "$vm" --to "$to" --mode "$mode" >"$WORK/migrate.log" 2>&1 ||
		fail "$mode $from -> $to: $(cat "$WORK/migrate.log")"
	figure "$mode $from -> $to: $(seconds_since "$start") s: $(tail -n 1 "$WORK/migrate.log")"
	await 60 "the lease of $vm on $to" vm_lease_on "$vm" "$to"
	await 60 "the guest counting on from $before on $to" vm_said_more "$vm" "$to" "$before"
}

# vm_disk_follows DISK FORMAT NODE SAID: the newest number on it is the last that the guest said, or the next.
vm_disk_follows() {
	local said=$4 disk
	on "$3" sh -c "qemu-img convert -q -f $2 -O raw $1 /root/flat.img && tail -c +513 /root/flat.img | head -c 32768" >"$WORK/sectors"
	disk=$(python3 - "$WORK/sectors" <<-'END'
		import struct, sys
		data = open(sys.argv[1], "rb").read()
		print(max((struct.unpack("<I", data[i + 4:i + 8])[0] for i in range(0, len(data), 512)
		           if data[i:i + 4] == b"TINY"), default=0))
	END
	)
	((disk >= said && disk <= said + 5)) || fail "$2: the disk says $disk, the guest said $said"
	figure "$2: said $said, on the disk $disk"
}

# vm_deaf VM: it does not hear the power button: no use to wait for it when it is stopped.
vm_deaf() {
	cluster crm_resource --resource "$1" --set-parameter graceful_s --parameter-value 2 >"$WORK/set.log" 2>&1 ||
		fail "$(cat "$WORK/set.log")"
	settled 60
}

# vm_role VM: a role on $VOLUME that runs a guest which counts.
vm_role() {
	local disk=/clusterstorage/$VOLUME/$1/$1.raw
	lab guest disk "$disk" --tiny
	lab guest xml "$1" --tiny --disk "$disk" | on node1 sh -c 'cat >/root/role.xml'
	on node1 vmha vm add "$1" --xml /root/role.xml --volume "$VOLUME" >"$WORK/add.log" 2>&1 || fail "vm add: $(cat "$WORK/add.log")"
	vm_deaf "$1"
	await 240 "$1 somewhere" role_runs "$1"
}

vm_role_remove() {
	cluster vmha vm remove "$1" >"$WORK/remove.log" 2>&1 || fail "vm remove: $(cat "$WORK/remove.log")"
}

vm_volume_remove() {
	cluster vmha volume remove "$VOLUME" --destroy >"$WORK/destroy.log" 2>&1 || fail "volume remove: $(cat "$WORK/destroy.log")"
}

# vm_volume_value FILTER: of `volume show`.
vm_volume_value() {
	cluster vmha volume show "$VOLUME" --output json 2>/dev/null | jq -r "$1"
}

vm_owner() {
	vm_volume_value .owner.node
}

vm_epoch() {
	vm_volume_value .owner.epoch
}

vm_owned() {
	local now
	now=$(vm_owner)
	[[ -n $now && $now != null ]]
}

# vm_volume_on N: Pacemaker has it on N nodes, and starts or stops it on none.
vm_volume_on() {
	nodes_online "${#NODES[@]}" &&
		(($(cluster crm_mon -1 --output-as=xml 2>/dev/null |
			xmllint --xpath "count(//resource[@id='$VOLUME' and @role='Started' and not(@pending)]/node)" - 2>/dev/null) == $1))
}

vm_volume_good() {
	cluster vmha volume check "$VOLUME" >"$WORK/check.log" 2>&1 || fail "volume check: $(cat "$WORK/check.log")"
}

# vm_refused PATTERN NODE CMD...: status not 0, and the pattern in what it says.
vm_refused() {
	local pattern=$1 node=$2
	shift 2
	! on "$node" "$@" >"$WORK/refused.log" 2>&1 || fail "not refused: $*: $(cat "$WORK/refused.log")"
	grep -q -- "$pattern" "$WORK/refused.log" || fail "'$pattern' is not in: $(cat "$WORK/refused.log")"
}

# vm_one_coordinator: DLM has granted its lock once in the cluster.
vm_one_coordinator() {
	local node count=0
	for node in "${NODES[@]}"; do
		on "$node" dlm_tool lockdump "vmha-$VOLUME" >"$WORK/locks.$node" 2>&1 || true
		! grep -q 'gr EX .*coordinator' "$WORK/locks.$node" || count=$((count + 1))
		figure "$node: $(grep 'coordinator' "$WORK/locks.$node" | tr -s ' ' | head -n 1)"
	done
	# a lock is shown by its holder and by the master of its resource
	((count >= 1 && count <= 2)) || fail "the coordinator's lock: $(cat "$WORK"/locks.*)"
}
