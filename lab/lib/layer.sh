# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
# What nodes have in /usr besides this machine's: the product under test (--stage), the fence agent,
# the test guest, and QEMU behind its stand-in (lab-qemu).  Kept in the cache, one per content.

layer_key() {
	{
		cat "$(tool lab-qemu)" "$LAB_DATA/node/fence_vmha_lab"
		stat -Lc '%s %Y' /usr/bin/qemu-system-x86_64
		echo "$GUEST_DIR"
	} | sha256sum | cut -c1-16
}

# cache_prune: removes what no lab uses and nobody made for three days.
cache_prune() {
	local dir
	find "$LAB_CACHE" -mindepth 1 -maxdepth 1 -type d -mtime +3 | while read -r dir; do
		if [[ $dir != "$GUEST_DIR" ]] && ! grep -qsF "$dir" /var/lib/vmha-lab/*/config; then
			rm -rf --one-file-system "$dir"
		fi
	done
}

# layer_make: sets LAYER.
layer_make() {
	local new
	LAYER=$LAB_CACHE/usr-$(layer_key)
	[[ ! -d $LAYER ]] || return 0
	new=$LAYER.$$
	mkdir -p "$new"/{bin,sbin,share/vmha-lab/guest}
	cp -p /usr/bin/qemu-system-x86_64 "$new/bin/qemu-system-x86_64.real"
	install -m 755 "$(tool lab-qemu)" "$new/bin/qemu-system-x86_64"
	install -m 755 "$LAB_DATA/node/fence_vmha_lab" "$new/sbin/fence_vmha_lab"
	ln "$GUEST_DIR"/{vmlinux,initrd.gz} "$new/share/vmha-lab/guest/"
	mv -T "$new" "$LAYER" 2>/dev/null || rm -rf "$new"
	cache_prune
}

# layer_stack STAGE: the lower directories of the nodes' /usr, topmost first.
layer_stack() {
	printf '%s' "$LAYER${1:+:$1/usr}:/usr"
}

# libvirt's probe of QEMU takes 5 to 8 s; its result is kept per layer and given to new nodes.
# libvirt itself checks that it still fits.
capabilities_key() {
	{
		echo "${CONFIG[usr]}${CONFIG[image]:-}"
		stat -Lc '%s %Z' /usr/sbin/libvirtd /usr/bin/qemu-system-x86_64
	} | sha256sum | cut -c1-16
}

capabilities_restore() {
	local from
	from=$LAB_CACHE/libvirt-$(capabilities_key)
	[[ -d $from ]] || return 0
	mkdir -p "$1/cache/libvirt/qemu/capabilities"
	cp -p "$from"/* "$1/cache/libvirt/qemu/capabilities/"
}

capabilities_save() {
	local to from=$LAB_STATE/node$1/var/cache/libvirt/qemu/capabilities
	to=$LAB_CACHE/libvirt-$(capabilities_key)
	if is_vm && [[ ! -d $to ]]; then
		# libvirt asks QEMU when somebody wants to know, and here that takes long
		vm_exec "$1" sh -c 'timeout 180 virsh -q domcapabilities --virttype qemu >/dev/null && tar -C /var -cf - cache/libvirt/qemu/capabilities' |
			tar -C "$LAB_STATE/node$1/var" -xf - || return 0
	fi
	[[ ! -d $to && -n $(ls -A "$from" 2>/dev/null) ]] || return 0
	rm -rf "$to.$$"
	cp -rp "$from" "$to.$$"
	mv -T "$to.$$" "$to" 2>/dev/null || rm -rf "$to.$$"
}
