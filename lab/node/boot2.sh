#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Second half of boot.sh, run from the node's own root: drops the machine's directory tree and
# closes what of /proc and /sys reaches the kernel that all nodes share.
set -euo pipefail

leave_old_root() {
	umount -l /.old
	rmdir /.old
	rm -f /run/boot2
}

# Pacemaker and sanlock write to sysrq when they panic: that must end in a file of this node.
mask_proc() {
	local file
	mkdir -p /run/masked/dir
	mount --bind /proc/sys /proc/sys
	mount -o remount,bind,ro /proc/sys
	mount --bind /proc/sys/net /proc/sys/net
	mount -o remount,bind,rw /proc/sys/net
	for file in /proc/sys/kernel/sysrq /proc/sysrq-trigger; do
		if [[ -e $file ]]; then
			: >"/run/masked/${file##*/}"
			mount --bind "/run/masked/${file##*/}" "$file"
		fi
	done
	for file in kcore kmsg kallsyms keys key-users timer_list latency_stats sched_debug \
		slabinfo kpagecount kpageflags kpagecgroup; do
		if [[ -e /proc/$file ]]; then
			mount --bind /dev/null "/proc/$file"
		fi
	done
	for file in acpi bus fs irq scsi tty driver asound; do
		if [[ -d /proc/$file ]]; then
			mount --bind /run/masked/dir "/proc/$file"
			mount -o remount,bind,ro "/proc/$file"
		fi
	done
	if [[ -e /proc/mtrr ]]; then
		mount --bind /dev/null /proc/mtrr
	fi
}

mask_sys() {
	local dir
	for dir in /sys/firmware /sys/power /sys/kernel /sys/fs /sys/module; do
		if [[ -d $dir ]]; then
			mount -t tmpfs -o ro,size=4k,mode=755 masked "$dir"
		fi
	done
}

make_run_dirs() {
	mkdir -p /run/lock/subsys /run/sanlock /run/libvirt /run/resource-agents /run/crm /run/vmha-lab
	chmod 1777 /run/lock
	chown hacluster:haclient /run/crm
	chown sanlock:sanlock /run/sanlock
}

leave_old_root
mask_proc
mask_sys
make_run_dirs
hostname >/etc/hostname
