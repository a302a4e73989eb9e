# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck disable=SC2054  # commas in QEMU's words
# Nodes that are virtual machines (up --vm): QEMU without KVM, Debian's kernel.  Power is QEMU's process,
# which lives in the node's control group; what the other files do with a node's group, its ports on
# the switch and its storage holds for these nodes too.

VM_PORTS=10 # RELAY_PORTS of lab-vm
VM_BOOT_S=120
VM_WORDS=40 # lines of a console that hold a panic

is_vm() {
	[[ ${CONFIG[vm]:-no} == yes ]]
}

# vm_exec ID [--tty] [--within S] CMD...
VM_EXEC='' # "exec": in the place of this process
vm_exec() {
	local id=$1 options=()
	shift
	while [[ $1 == --* ]]; do
		options+=("$1")
		[[ $1 != --within ]] || {
			options+=("$2")
			shift
		}
		shift
	done
	# shellcheck disable=SC2086  # the setting is a list of words
	$VM_EXEC "$(tool vm/lab-vm)" exec "${options[@]}" "$LAB_RUN/node$id/agent" ${CONFIG[env]:+env ${CONFIG[env]}} "$@"
}

vm_qmp() {
	"$(tool vm/lab-vm)" qmp "$LAB_RUN/node$1/qmp" "$2"
}

vm_uuid() {
	printf '%s/node%s' "$LAB_NAME" "$1" | sha256sum |
		sed -E 's/^(.{8})(.{4}).(.{3}).(.{3})(.{12}).*/\1-\2-4\3-8\4-\5/'
}

# --- parts of QEMU's command line: added to VM_ARGS ------------------------------------------------

# vm_watchdog ID: prints its kind, or nothing
vm_watchdog() {
	local kinds
	IFS=, read -ra kinds <<<"${CONFIG[watchdog]}"
	((!${#kinds[@]})) || printf '%s' "${kinds[$1 - 1]:-${kinds[-1]}}"
}

vm_args_machine() {
	local id=$1 khz watchdog
	watchdog=$(vm_watchdog "$id")
	khz=$("$(tool vm/lab-vm)" tsc-khz)
	VM_ARGS+=(-nodefaults -no-user-config -display none -no-reboot -name "vmha-$LAB_NAME-node$id"
		-machine pc -accel tcg,thread=multi,tb-size=128 -cpu 'Nehalem,+rdrand' -smp 1
		-m "${CONFIG[memory]}" -uuid "$(vm_uuid "$id")"
		-kernel "${CONFIG[image]}/vmlinux" -initrd "${CONFIG[image]}/initrd"
		-append "console=ttyS0 quiet loglevel=4 panic=1 nokaslr mitigations=off no_timer_check \
tsc=reliable tsc_early_khz=$khz random.trust_cpu=on net.ifnames=0 audit=0 selinux=0 apparmor=0 \
cryptomgr.notests lab.id=$id lab.subnet=$LAB_SUBNET lab.ports=$VM_PORTS lab.watchdog=$watchdog"
		-chardev "file,id=console,path=$LAB_STATE/node$id/console.log,append=on" -serial chardev:console
		-qmp "unix:$LAB_RUN/node$id/qmp,server=on,wait=off"
		-qmp "unix:$LAB_RUN/node$id/qmp-watch,server=on,wait=off" -device virtio-rng-pci)
	[[ $watchdog != i6300esb ]] || VM_ARGS+=(-device i6300esb -action watchdog=reset)
}

vm_args_ports() {
	local id=$1 k
	VM_ARGS+=(-device "virtio-serial-pci,max_ports=$((VM_PORTS + 1))")
	for ((k = 0; k < VM_PORTS; k++)); do
		VM_ARGS+=(-chardev "socket,id=port$k,path=$LAB_RUN/node$id/port$k,server=on,wait=off"
			-device "virtserialport,chardev=port$k,nr=$((k + 1)),name=lab.$k")
	done
}

vm_args_disks() {
	local id=$1 k disks=${CONFIG[disks]}
	VM_ARGS+=(-blockdev "driver=raw,node-name=base,read-only=on,file.driver=file,file.locking=off,file.filename=${CONFIG[image]}/root.erofs"
		-device virtio-blk-pci,drive=base
		-blockdev "driver=raw,node-name=layer,read-only=on,file.driver=file,file.locking=off,file.filename=${CONFIG[layer]}/layer.erofs"
		-device virtio-blk-pci,drive=layer
		-blockdev "driver=raw,node-name=disk,cache.no-flush=on,file.driver=file,file.filename=$LAB_STATE/node$id/disk.img"
		-device virtio-blk-pci,drive=disk)
	for ((k = 1; k <= disks; k++)); do
		VM_ARGS+=(-blockdev "driver=raw,node-name=lun$k,cache.no-flush=on,file.driver=file,file.locking=off,file.filename=$LAB_RUN/node$id/storage/luns/lun$k.img"
			-device "$(vm_lun_device "$k")")
	done
}

# All nodes of this machine's page cache: no flush is needed for them to see each other's writes.
vm_lun_device() {
	local size=512
	[[ ${CONFIG[disk4k]} != "$1" ]] || size=4096
	printf '{"driver":"virtio-blk-pci","drive":"lun%s","id":"lun%s-device","serial":"lun%s","share-rw":true,"logical_block_size":%s,"physical_block_size":%s}' \
		"$1" "$1" "$1" "$size" "$size"
}

vm_args_cards() {
	local id=$1 net index=0
	for net in "${LAB_NETS[@]}"; do
		index=$((index + 1))
		VM_ARGS+=(-netdev "tap,id=$net,ifname=$net$id,script=no,downscript=no"
			-device "virtio-net-pci,netdev=$net,mac=02:00:$LAB_MAC:0$index:00:0$id,romfile=")
	done
}

vm_plug_cables() {
	local net
	for net in "${LAB_NETS[@]}"; do
		ip -n "$LAB_SWITCH" link del "$net$1" 2>/dev/null || true
		in_switch ip tuntap add dev "$net$1" mode tap
		ip -n "$LAB_SWITCH" link set "$net$1" master "br-$net" up
	done
}

# --- power ----------------------------------------------------------------------------------------

vm_make_disk() {
	local dir=$LAB_STATE/node$1
	mkdir -p "$dir"
	[[ ! -e $dir/disk.img ]] || return 0
	truncate -s 4G "$dir/disk.img.new"
	mkfs.ext4 -q -E lazy_itable_init=1,lazy_journal_init=1,nodiscard "$dir/disk.img.new" || return 1
	mv "$dir/disk.img.new" "$dir/disk.img"
}

# Part of node_boot: the node is off, its control group and its storage are there.  A kernel that panics on
# its way up resets itself, as one of a host does, and is booted again here: power-reset waits for our lock.
vm_boot() {
	local id=$1 tries=3
	vm_start "$id"
	until vm_answers "$id"; do
		! node_is_on "$id" || die "node$id did not boot within $VM_BOOT_S s: $(vm_last_words "$id")"
		power_log "node$id reset itself in its boot: $(vm_last_words "$id" | tr '\n' ' ')"
		tries=$((tries - 1))
		((tries)) || die "node$id did not boot: $(vm_last_words "$id")"
		node_prepare "$id"
		vm_start "$id"
	done
}

vm_start() {
	local id=$1 VM_ARGS=()
	vm_make_disk "$id" || die "cannot make the disk of node$id"
	vm_plug_cables "$id" || die "cannot plug the cables of node$id"
	rm -f "$LAB_RUN/node$id"/{port*,qmp*,agent}
	vm_args_machine "$id"
	vm_args_ports "$id"
	vm_args_disks "$id"
	vm_args_cards "$id"
	(cgroup_run host nsenter --net="/run/netns/$LAB_SWITCH" -- "$(tool vm/lab-vm)" run \
		--cgroup "$LAB_CGROUP/node$id/os" --pidfile "$LAB_RUN/node$id/pid" --dir "$LAB_RUN/node$id" \
		--log "$LAB_STATE/node$id/qemu.log" --qmp "$LAB_RUN/node$id/qmp-watch" \
		--events "$LAB_STATE/node$id/events.log" \
		--on-reset "exec '$LAB_SELF' --name '$LAB_NAME' power-reset 'node$id' \"\$1\" >>'$LAB_STATE/power.log' 2>&1" \
		-- qemu-system-x86_64 "${VM_ARGS[@]}" 9>&-) ||
		die "node$id did not boot: $(tail -n 3 "$LAB_STATE/node$id/qemu.log" 2>/dev/null)"
}

# vm_answers ID: 1: it went off before, or is silent.
vm_answers() {
	local until=$((SECONDS + VM_BOOT_S))
	until vm_exec "$1" --within 2 true 2>/dev/null; do
		node_is_on "$1" && ((SECONDS < until)) || return 1
	done
}

vm_last_words() {
	tail -n "$VM_WORDS" "$LAB_STATE/node$1/console.log" 2>/dev/null
}

# The services are started by the node itself.
vm_services_wait() {
	wait_for 180 vm_exec "$1" test -e /run/vmha-lab/booted
}

# Runs when the node has reset itself: $2 is what its pid file said then.
verb_power-reset() {
	lab_require
	node_id "$1"
	cgroup_join
	node_locked "$ID" vm_reset_locked "$2"
}

# vm_reset_locked WHO ID: another may have switched it off meanwhile, or off and on.
vm_reset_locked() {
	[[ $(cat "$LAB_RUN/node$2/pid" 2>/dev/null) == "$1" ]] || return 0
	power_log "node$2 reset itself"
	node_off "$2"
	node_boot "$2"
}

# --- the node's own files ---------------------------------------------------------------------------

# vm_seed ID: what conf_write made for it goes into the node, with the owners' names.
vm_seed() {
	local dir=$LAB_STATE/node$1
	tar -C "$dir" -cf - etc var | vm_exec "$1" tar -C / -xf - --no-overwrite-dir ||
		die "node$1 does not take its files"
}

# vm_services_write ID: what the node starts at a boot.
vm_services_write() {
	local id=$1 row name waits
	for row in "${SERVICES[@]}"; do
		name=${row%%|*}
		waits=''
		case $name in
		clusterd) waits="sanlock corosync" ;;
		wdmd) [[ -n ${CONFIG[watchdog]} ]] || continue ;;
		esac
		[[ $name != sanlock || -z ${CONFIG[watchdog]} ]] || waits=wdmd
		printf '%s|%s\n' "$row" "$waits"
	done | vm_exec "$id" sh -c 'cat >/etc/vmha-lab/services; sync'
}

# --- storage ----------------------------------------------------------------------------------------

vm_pull_disk() {
	vm_qmp "$1" "{\"execute\":\"device_del\",\"arguments\":{\"id\":\"$2-device\"}}" >/dev/null ||
		die "node$1 has no $2 to pull"
}

vm_disk_there() {
	vm_qmp "$1" "{\"execute\":\"qom-list\",\"arguments\":{\"path\":\"/machine/peripheral/$2-device\"}}" >/dev/null 2>&1
}

vm_disk_gone() {
	! vm_disk_there "$@"
}

# Plugs in again what was pulled.
vm_heal_disks() {
	local id=$1 k disks=${CONFIG[disks]} plugged=no
	node_is_on "$id" || return 0
	for ((k = 1; k <= disks; k++)); do
		vm_disk_there "$id" "lun$k" && continue
		vm_qmp "$id" "{\"execute\":\"device_add\",\"arguments\":$(vm_lun_device "$k")}" >/dev/null ||
			die "lun$k cannot be plugged into node$id again"
		plugged=yes
	done
	[[ $plugged == no ]] || vm_exec "$id" sh -c 'sleep 1; exec /usr/lib/vmha-lab/devices'
}

verb_pull-disk() {
	lab_require
	(($# == 2)) || usage_error "pull-disk needs NODE and a disk"
	node_id "$1"
	is_vm || die "lab '$LAB_NAME' has no machines: pull-disk is for up --vm"
	[[ $2 =~ ^lun[1-9]$ && ${2#lun} -le ${CONFIG[disks]} ]] ||
		usage_error "no disk '$2': lun1 to lun${CONFIG[disks]}"
	node_is_on "$ID" || die "node$ID is off"
	vm_pull_disk "$ID" "$2"
	wait_for 30 vm_disk_gone "$ID" "$2" || die "node$ID does not let go of $2"
	# the cluster may have it switched off for that at once
	vm_exec "$ID" /usr/lib/vmha-lab/devices || ! node_is_on "$ID"
}
