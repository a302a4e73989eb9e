#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# Run in a node after its configuration as a host: what differs only because it is a lab node.
#  - QEMU runs as root, without cgroups, security driver or an own mount namespace: a lab node has
#    neither the rights nor the kernel interfaces for these.
#  - libvirt's default network would need a bridge with NAT.
set -eu

set_option() {
	file=$1 key=$2 value=$3
	[ ! -f "$file" ] || sed -i "/^[[:space:]]*${key}[[:space:]]*=/d" "$file"
	printf '%s = %s\n' "$key" "$value" >>"$file"
}

qemu=/etc/libvirt/qemu.conf
set_option $qemu security_driver '"none"'
set_option $qemu user '"root"'
set_option $qemu group '"root"'
set_option $qemu dynamic_ownership 0
set_option $qemu remember_owner 0
set_option $qemu namespaces '[ ]'
set_option $qemu cgroup_controllers '[ ]'
set_option $qemu stdio_handler '"file"'
set_option /etc/libvirt/libvirtd.conf log_outputs '"2:file:/var/log/libvirt/libvirtd.log"'
rm -f /etc/libvirt/qemu/networks/autostart/*
