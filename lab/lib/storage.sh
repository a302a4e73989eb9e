# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The shared storage: one directory of this machine that every node sees through its own FUSE
# daemon (faultfs), where it can be made slow, failing or hanging for that node alone; LUNs are
# loop devices, one per node, on files seen through the same daemon.

LUN_COUNT=4
LUN_MIB=(0 64 64 64 256) # the last is large enough for a cluster file system

storage_make() {
	mkdir -p "$LAB_STATE/storage/vol1" "$LAB_STATE/storage/luns"
	chmod 755 "$LAB_STATE/storage/vol1"
	local k disks=${CONFIG[disks]:-0}
	if is_vm; then
		for ((k = 1; k <= disks; k++)); do
			truncate -s "${CONFIG[disk_size]}M" "$LAB_STATE/storage/luns/lun$k.img"
		done
	elif [[ ${CONFIG[volume]} == lun ]]; then
		for ((k = 1; k <= LUN_COUNT; k++)); do
			truncate -s "${LUN_MIB[k]}M" "$LAB_STATE/storage/luns/lun$k.img"
			ln -s "/dev/disk/by-id/lun$k" "$LAB_STATE/storage/vol1/lun$k"
		done
	fi
}

# storage_attach ID: the node's daemon and its loop devices; sets NODE_LUNS.
storage_attach() {
	local run=$LAB_RUN/node$1 k dev
	mkdir -p "$run/storage"
	printf '%-16s\n' ok >"$run/fault"
	(cgroup_run "node$1/io" setsid "$(tool lab-faultfs)" "$LAB_STATE/storage" "$run/fault" \
		"$run/storage" </dev/null >>"$LAB_STATE/node$1/faultfs.log" 2>&1 9>&-) &
	disown # its end is no news to this shell
	wait_for 10 mountpoint -q "$run/storage" || die "the storage of node$1 did not mount"
	NODE_LUNS=
	[[ ${CONFIG[volume]} == lun ]] || return 0
	for ((k = 1; k <= LUN_COUNT; k++)); do
		dev=$(losetup --find --show --direct-io=on "$run/storage/luns/lun$k.img") ||
			die "no loop device for lun$k of node$1"
		NODE_LUNS+="lun$k=$dev "
	done
}

# storage_detach ID: only loop devices whose backing file is this node's, only this node's mounts.
storage_detach() {
	local run=$LAB_RUN/node$1 file dev
	for file in /sys/block/loop*/loop/backing_file; do
		if [[ -r $file && $(<"$file") == "$run/storage/luns/"* ]]; then
			dev=${file#/sys/block/}
			losetup -d "/dev/${dev%%/*}" || true
		fi
	done
	umount_below "$run"
}

# storage_fault ID ok|eio|hang|full|denied|delay:MS
storage_fault() {
	[[ -e $LAB_RUN/node$1/fault ]] || return 0
	printf '%-16s\n' "$2" 1<>"$LAB_RUN/node$1/fault"
}

verb_stall-storage() {
	lab_require
	node_id "${1:-}"
	local mode=${2:-hang}
	case $#:$mode in
	1:* | 2:eio | 2:hang | 2:full | 2:denied) ;;
	3:delay)
		[[ $3 =~ ^[0-9]{1,6}$ ]] || usage_error "bad delay '$3': milliseconds are needed"
		mode=delay:$3
		;;
	2:delay) usage_error "delay needs milliseconds" ;;
	*) usage_error "unknown fault '$mode': eio, hang, full, denied or delay MS" ;;
	esac
	node_is_on "$ID" || die "node$ID is off"
	storage_fault "$ID" "$mode"
}
