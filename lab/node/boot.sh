#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# First program of a lab node, run by its pid 1 inside the new namespaces with all capabilities:
# builds the node's own root directory, leaves the machine's behind, plugs the network cards.
# Configuration comes by environment (see node_boot in node.sh).
set -euo pipefail

ROOT=$VMHA_NODE_RUN/root

die() {
	echo "node boot: $*" >&2
	exit 1
}

make_root() {
	mkdir -p "$ROOT"
	mount -t tmpfs -o mode=755,size=64m node-root "$ROOT"
	mkdir -p "$ROOT"/{usr,etc,var,run,dev,proc,sys,tmp,root,home,mnt,srv,opt,media,boot}
	mkdir -p "$ROOT/clusterstorage/vol1"
	chmod 700 "$ROOT/root"
	local link
	for link in /bin /sbin /lib /lib32 /lib64 /libx32; do
		if [[ -L $link ]]; then
			cp -P "$link" "$ROOT$link"
		elif [[ -d $link ]]; then
			mkdir "$ROOT$link"
			mount --bind -o ro "$link" "$ROOT$link"
		fi
	done
}

mount_system() {
	mount -t overlay node-usr -o "ro,lowerdir=$VMHA_NODE_USR" "$ROOT/usr"
	mount -t overlay node-etc \
		-o "lowerdir=/etc,upperdir=$VMHA_NODE_DIR/etc,workdir=$VMHA_NODE_DIR/etc.work" \
		"$ROOT/etc"
	mount --bind "$VMHA_NODE_DIR/var" "$ROOT/var"
	mount -t tmpfs -o mode=755,nosuid,nodev run "$ROOT/run"
	mount -t tmpfs -o mode=1777,nosuid,nodev tmp "$ROOT/tmp"
	if [[ -n ${VMHA_NODE_VOLUME:-} ]]; then
		mount --bind "$VMHA_NODE_VOLUME" "$ROOT/clusterstorage/vol1"
	fi
	local dir
	for dir in ${VMHA_NODE_SHARE:-}; do
		mkdir -p "$ROOT$dir"
		mount --bind "$dir" "$ROOT$dir"
		mount -o remount,bind,ro "$ROOT$dir"
	done
}

make_dev() {
	local dev=$ROOT/dev spec
	mount -t tmpfs -o mode=755,nosuid,size=1m dev "$dev"
	mkdir -p "$dev"/{net,pts,shm,mapper,disk/by-id}
	for spec in null:3 zero:5 full:7 random:8 urandom:9; do
		mknod -m 666 "$dev/${spec%:*}" c 1 "${spec#*:}"
	done
	mknod -m 666 "$dev/tty" c 5 0
	mknod -m 666 "$dev/net/tun" c 10 200
	mount -t devpts -o newinstance,ptmxmode=0666,mode=620,gid=5 devpts "$dev/pts"
	ln -s pts/ptmx "$dev/ptmx"
	ln -s /proc/self/fd "$dev/fd"
	ln -s fd/0 "$dev/stdin"
	ln -s fd/1 "$dev/stdout"
	ln -s fd/2 "$dev/stderr"
	mount -t tmpfs -o mode=1777,nosuid,nodev shm "$dev/shm"
	# LUNS: "lun1=/dev/loop5 lun2=/dev/loop6": an own inode on every node, as with real LUNs
	for spec in ${VMHA_NODE_LUNS:-}; do
		local loop=${spec#*=}
		mknod -m 660 "$dev/${loop##*/}" b "$((0x$(stat -c %t "$loop")))" \
			"$((0x$(stat -c %T "$loop")))"
		ln -s "../../${loop##*/}" "$dev/disk/by-id/${spec%%=*}"
	done
}

# The second half runs from the new root, so that nothing of this script stays open in the old one.
enter_root() {
	mount -t proc -o nosuid,nodev,noexec proc "$ROOT/proc"
	mount -t sysfs -o ro,nosuid,nodev,noexec sysfs "$ROOT/sys"
	cp "$VMHA_NODE_BOOT2" "$ROOT/run/boot2"
	mkdir "$ROOT/.old"
	cd "$ROOT"
	pivot_root . .old
	exec env -i PATH="$PATH" LANG=C.UTF-8 /bin/bash /run/boot2
}

plug_cables() {
	local net index
	ip link set lo up
	index=0
	for net in clu mig pub mgt; do
		index=$((index + 1))
		ip -n "$VMHA_NODE_SWITCH" link del "$net$VMHA_NODE_ID" 2>/dev/null || true
		ip link add "$net" address "02:00:$VMHA_NODE_MAC:0$index:00:0$VMHA_NODE_ID" \
			type veth peer name "$net$VMHA_NODE_ID" netns "$VMHA_NODE_SWITCH"
		ip -n "$VMHA_NODE_SWITCH" link set "$net$VMHA_NODE_ID" master "br-$net" up
	done
	ip link add vmbr0 address "02:00:$VMHA_NODE_MAC:f0:00:0$VMHA_NODE_ID" \
		type bridge forward_delay 0 stp_state 0
	ip link set pub up master vmbr0
	ip link set vmbr0 up
	ip addr add "$VMHA_NODE_SUBNET.3.$VMHA_NODE_ID/24" dev vmbr0
	for net in clu:1 mig:2 mgt:4; do
		ip addr add "$VMHA_NODE_SUBNET.${net#*:}.$VMHA_NODE_ID/24" dev "${net%:*}"
		ip link set "${net%:*}" up
	done
	# one network of IPv6, on the card for migrations: fd00:71:2::1 beside 10.71.2.1
	ip addr add "fd00:${VMHA_NODE_SUBNET#10.}:2::$VMHA_NODE_ID/64" dev mig nodad
}

[[ $$ -ne 1 && -n ${VMHA_NODE_RUN:-} ]] || die "to be run by vmha-lab only"
plug_cables
make_root
mount_system
make_dev
enter_root
