# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
# What nodes that are virtual machines boot, kept in the cache, one per content:
#   node-KEY    Debian's packages as one read-only file system, kernel, initramfs
#   layer-KEY   over it: the product (a stage or its packages), the fence agent, the lab's own programs

IMAGE_INITRD_MODULES=(virtio_pci virtio_blk virtio_net virtio_console erofs overlay ext4)
IMAGE_MODULES=(configfs dlm gfs2 nfs nfsv3 nfsv4 nfsd fuse loop tun bridge virtio-rng softdog i6300esb
	dm-mod dm-delay dm-flakey dm-zero dm-snapshot crc32c-intel crc32c_generic sch_tbf sch_netem
	cls_u32 cls_matchall act_police sch_ingress nf_tables nft_counter sd_mod virtio_scsi iscsi_tcp)
# of [lab]: what a node needs besides the product's own
IMAGE_LAB_PACKAGES=(iputils-ping kmod socat)

image_need() {
	need_commands mmdebstrap:mmdebstrap mkfs.erofs:erofs-utils mkfs.ext4:e2fsprogs \
		modprobe:kmod depmod:kmod xz:xz-utils cpio:cpio busybox:busybox-static
}

image_packages() {
	{
		cat "$(tool vm/packages)"
		printf '%s\n' "${IMAGE_LAB_PACKAGES[@]}"
	} | LC_ALL=C sort -u
}

# image_key VERSION: of the kernel.
image_key() {
	{
		image_packages
		echo "$1"
		stat -c '%s %Y' "/boot/vmlinuz-$1" "$(type -P busybox)"
		cat "$LAB_DATA/vm/initramfs-init" "$LAB_DATA/lib/image.sh"
	} | sha256sum | cut -c1-16
}

# image_module_files VERSION MODULE...: files, those first that others need.
image_module_files() {
	local version=$1 module
	shift
	for module in "$@"; do
		modprobe -S "$version" --show-depends "$module" 2>/dev/null | awk '$1 == "insmod" { print $2 }'
	done | awk '!seen[$0]++'
}

# image_module_copy FILE TO: without its signature, which a kernel under TCG now and then finds wrong ("Key was
# rejected by service"): bytes of it, their number (4 bytes, big endian, the last of 12), and a mark of 28.
image_module_copy() {
	local bytes
	if [[ $(tail -c 28 "$1" | tr -d '\0') != '~Module signature appended~' ]]; then
		cp "$1" "$2"
		return
	fi
	bytes=$(tail -c 32 "$1" | head -c 4 | od -An -tu1 | awk '{ print (($1 * 256 + $2) * 256 + $3) * 256 + $4 }')
	head -c "-$((bytes + 12 + 28))" "$1" >"$2"
}

# All packages in one call of apt, without manuals and without what a daemon's installation would start.
image_make_root() {
	local root=$1 sources=()
	mapfile -t sources < <(find /etc/apt -name '*.sources' -o -name '*.list')
	mmdebstrap --quiet --variant=minbase --mode=root \
		--include="$(image_packages | paste -sd, -)" \
		--aptopt='APT::Install-Recommends "0"' --aptopt='Acquire::Languages "none"' \
		--dpkgopt=force-unsafe-io --dpkgopt='path-exclude=/usr/share/man/*' \
		--dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-exclude=/usr/share/locale/*' \
		bookworm "$root" "${sources[@]}"
}

# What a stage's stand-in for QEMU runs; one program less for libvirt to probe; no services of init's.
image_adapt_root() {
	local root=$1 version=$2 file
	ln "$root/usr/bin/qemu-system-x86_64" "$root/usr/bin/qemu-system-x86_64.real"
	rm -f "$root/usr/bin/qemu-system-i386" "$root/etc/machine-id"
	rm -rf "$root"/var/cache/apt/* "$root"/var/lib/apt/lists/*
	mkdir -p "$root/clusterstorage" "$root/etc/vmha-lab"
	image_module_files "$version" "${IMAGE_MODULES[@]}" | while read -r file; do
		mkdir -p "$root${file%/*}"
		image_module_copy "$file" "$root$file"
	done
	cp "/lib/modules/$version"/modules.{builtin,builtin.modinfo,order} "$root/lib/modules/$version/"
	depmod -b "$root" "$version"
}

image_make_initrd() {
	local version=$1 out=$2 root file
	root=$(mktemp -d)
	mkdir -p "$root"/{bin,dev,proc,sys,mod}
	cp "$(type -P busybox)" "$root/bin/busybox"
	install -m 755 "$LAB_DATA/vm/initramfs-init" "$root/init"
	image_module_files "$version" "${IMAGE_INITRD_MODULES[@]}" | while read -r file; do
		image_module_copy "$file" "$root/mod/${file##*/}"
		echo "${file##*/}" >>"$root/mod/order"
	done
	(cd "$root" && find . | LC_ALL=C sort | cpio --quiet -o -H newc -R 0:0) >"$out"
	rm -rf "$root"
}

# image_make: sets IMAGE.  One lab makes it, others that need it at the same time wait.
image_make() {
	local version new
	version=$(guest_kernel) || exit 1
	IMAGE=$LAB_CACHE/node-$(image_key "$version") || exit 1
	mkdir -p "$LAB_CACHE"
	(
		flock 7
		if [[ -d $IMAGE ]]; then
			touch "$IMAGE"
			exit 0
		fi
		new=$IMAGE.new
		rm -rf --one-file-system "$new"
		mkdir "$new"
		image_make_root "$new/root" >"$new/log" 2>&1 ||
			die "the image of the nodes could not be made: $(tail -n 5 "$new/log")"
		image_adapt_root "$new/root" "$version"
		mkfs.erofs -T0 "$new/root.erofs" "$new/root" >/dev/null || die "mkfs.erofs failed"
		guest_extract_kernel "/boot/vmlinuz-$version" "$new/vmlinux"
		image_make_initrd "$version" "$new/initrd"
		mv -T "$new" "$IMAGE"
	) 7>"$LAB_CACHE/node.lock" || exit 1
}

# --- the layer ------------------------------------------------------------------------------------

layer_vm_key() {
	local file
	{
		echo "$IMAGE $GUEST_DIR"
		cat "$LAB_DATA"/vm/{init,devices,services} "$LAB_DATA/node/fence_vmha_lab" \
			"$(tool lab-qemu)" "$(tool vm/lab-agent)" "$(tool lab-checkdisk)" "$(tool lab-guest-tiny)"
		if [[ -n ${CONFIG[packages]} ]]; then
			for file in "${CONFIG[packages]}"/*.deb; do
				sha256sum <"$file"
			done
		elif [[ -n ${CONFIG[stage]} ]]; then
			(cd "${CONFIG[stage]}" && find . -printf '%P %s %T@ %m\n' | LC_ALL=C sort)
		fi
	} | sha256sum | cut -c1-16
}

# The product's packages by dpkg itself, in the image's root with a layer over it.
layer_vm_packages() {
	local out=$1 new=$2 debs=() rc=0
	mapfile -t debs < <(find "${CONFIG[packages]}" -maxdepth 1 -name 'vmha_*.deb')
	((${#debs[@]} == 1)) ||
		die "one vmha_VERSION_ARCH.deb is needed in ${CONFIG[packages]}, ${#debs[@]} are there"
	mkdir -p "$new/work" "$new/merged"
	mount -t overlay layer -o "lowerdir=$IMAGE/root,upperdir=$out,workdir=$new/work" "$new/merged" ||
		die "cannot mount an overlay on $IMAGE/root"
	cp "${debs[0]}" "$new/merged/var/tmp/vmha.deb"
	printf '#!/bin/sh\nexit 101\n' >"$new/merged/usr/sbin/policy-rc.d"
	chmod 755 "$new/merged/usr/sbin/policy-rc.d"
	DEBIAN_FRONTEND=noninteractive chroot "$new/merged" dpkg -i /var/tmp/vmha.deb >"$new/dpkg.log" 2>&1 </dev/null || rc=$?
	rm -f "$new/merged/var/tmp/vmha.deb" "$new/merged/usr/sbin/policy-rc.d"
	umount "$new/merged" || die "cannot unmount $new/merged"
	((rc == 0)) || die "dpkg does not install ${debs[0]##*/} in the nodes: $(tail -n 5 "$new/dpkg.log")"
}

layer_vm_stage() {
	local dir
	for dir in usr etc var; do
		[[ ! -d ${CONFIG[stage]}/$dir ]] || cp -a "${CONFIG[stage]}/$dir" "$1/"
	done
	# /lib is a link in the image
	[[ ! -d ${CONFIG[stage]}/lib ]] || cp -a "${CONFIG[stage]}/lib" "$1/usr/"
}

layer_vm_own() {
	local out=$1 lib=$1/usr/lib/vmha-lab
	mkdir -p "$lib" "$out/usr/bin" "$out/usr/sbin" "$out/usr/share/vmha-lab/guest"
	install -m 755 "$LAB_DATA"/vm/{init,devices,services} "$(tool vm/lab-agent)" \
		"$(tool lab-checkdisk)" "$lib/"
	install -m 755 "$(tool lab-qemu)" "$out/usr/bin/qemu-system-x86_64"
	install -m 755 "$LAB_DATA/node/fence_vmha_lab" "$out/usr/sbin/fence_vmha_lab"
	cp "$GUEST_DIR"/{vmlinux,initrd.gz} "$out/usr/share/vmha-lab/guest/"
	install -m 644 "$(tool lab-guest-tiny)" "$out/usr/share/vmha-lab/guest/tiny"
}

# layer_vm_make: sets LAYER.
layer_vm_make() {
	local new
	LAYER=$LAB_CACHE/layer-$(layer_vm_key)
	[[ ! -d $LAYER ]] || return 0
	new=$LAYER.$$
	mkdir -p "$new/tree"
	if [[ -n ${CONFIG[packages]} ]]; then
		layer_vm_packages "$new/tree" "$new"
	elif [[ -n ${CONFIG[stage]} ]]; then
		layer_vm_stage "$new/tree"
	fi
	layer_vm_own "$new/tree"
	mkfs.erofs -T0 "$new/layer.erofs" "$new/tree" >/dev/null || die "mkfs.erofs failed"
	rm -rf --one-file-system "$new/tree" "$new/work" "$new/merged"
	mv -T "$new" "$LAYER" 2>/dev/null || rm -rf "$new"
	cache_prune
}
