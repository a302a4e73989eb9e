# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The test guest: Debian's kernel as an ELF image (PVH boot: no decompression in the guest) and an
# initramfs of busybox and the programs in guest/.  Built once, kept in the cache.

GUEST_MODULES=(drivers/virtio/virtio_ring drivers/virtio/virtio drivers/virtio/virtio_pci_modern_dev
	drivers/virtio/virtio_pci_legacy_dev drivers/virtio/virtio_pci net/core/failover
	drivers/net/net_failover drivers/net/virtio_net drivers/block/virtio_blk drivers/acpi/button
	drivers/input/evdev drivers/misc/pvpanic/pvpanic drivers/misc/pvpanic/pvpanic-mmio
	drivers/watchdog/watchdog drivers/watchdog/i6300esb)
GUEST_PROGRAMS=(seqwriter powerbutton dirty)
GUEST_DISK_MIB=40

guest_kernel() {
	local kernel
	kernel=$(find /boot -maxdepth 1 -name 'vmlinuz-*-amd64' -printf '%f\n' 2>/dev/null | sort -V |
		tail -n 1)
	[[ -n $kernel ]] || die "no Debian kernel in /boot for the test guest: install linux-image-amd64"
	printf '%s' "${kernel#vmlinuz-}"
}

# guest_key: names what the guest is made of.
guest_key() {
	local version program
	version=$(guest_kernel) || return 1
	{
		echo "$version"
		stat -c '%s %Y' "/boot/vmlinuz-$version" "$(type -P busybox)"
		cat "$LAB_DATA/guest/init" "$LAB_DATA/lib/guest.sh"
		for program in "${GUEST_PROGRAMS[@]}"; do
			cat "$(tool "lab-guest-$program")"
		done
	} | sha256sum | cut -c1-16
}

# The kernel's ELF image: the xz stream inside vmlinuz.
guest_extract_kernel() {
	local offset
	offset=$(LC_ALL=C grep -obUaP -m1 '\xfd7zXZ\x00' "$1" | head -n 1 | cut -d: -f1)
	[[ -n $offset ]] || die "no xz stream in $1: a Debian 12 kernel is needed"
	# what follows the stream makes xz complain: the ELF magic of the result is the check
	tail -c "+$((offset + 1))" "$1" | xz -dc 2>/dev/null >"$2" || true
	[[ $(head -c 4 "$2") == $'\x7fELF' ]] || die "cannot extract the kernel of $1"
}

guest_make_initramfs() {
	local version=$1 out=$2 root module program file
	root=$(mktemp -d)
	mkdir -p "$root"/{bin,dev,proc,sys,mod}
	cp "$(type -P busybox)" "$root/bin/busybox"
	install -m 755 "$LAB_DATA/guest/init" "$root/init"
	for program in "${GUEST_PROGRAMS[@]}"; do
		install -m 755 "$(tool "lab-guest-$program")" "$root/bin/$program"
	done
	for module in "${GUEST_MODULES[@]}"; do
		file=/lib/modules/$version/kernel/$module.ko
		if [[ -e $file ]]; then
			cp "$file" "$root/mod/"
			echo "${file##*/}" >>"$root/mod/order"
		fi
	done
	[[ -s $root/mod/order ]] || die "no modules in /lib/modules/$version"
	(cd "$root" && find . | LC_ALL=C sort | cpio --quiet -o -H newc -R 0:0) | gzip -1 >"$out"
	rm -rf "$root"
}

# guest_build: makes it unless the cache has it; sets GUEST_DIR.
guest_build() {
	local key version
	need_commands xz:xz-utils cpio:cpio busybox:busybox-static
	key=$(guest_key) || exit 1
	GUEST_DIR=$LAB_CACHE/guest-$key
	[[ ! -s $GUEST_DIR/initrd.gz ]] || return 0
	mkdir -p "$LAB_CACHE"
	rm -rf "$GUEST_DIR.$$"
	mkdir "$GUEST_DIR.$$"
	version=$(guest_kernel)
	guest_extract_kernel "/boot/vmlinuz-$version" "$GUEST_DIR.$$/vmlinux"
	guest_make_initramfs "$version" "$GUEST_DIR.$$/initrd.gz"
	mv -T "$GUEST_DIR.$$" "$GUEST_DIR" 2>/dev/null || rm -rf "$GUEST_DIR.$$"
}

# guest_number NAME: first come, first served; kept with the lab.  Address 10.x.3.(100 + number).
guest_number() {
	local file=$LAB_STATE/guests number
	(
		flock 8
		touch "$file"
		number=$(awk -v name="$1" '$1 == name { print $2 }' "$file")
		if [[ -z $number ]]; then
			number=$(($(wc -l <"$file") + 1))
			((number <= 150)) || die "too many guests in this lab: 150"
			echo "$1 $number" >>"$file"
		fi
		echo "$number"
	) 8>>"$LAB_STATE/guests.lock"
}

guest_address() {
	local number
	number=$(guest_number "$1") || exit 1
	printf '%s' "$LAB_SUBNET.3.$((100 + number))"
}

guest_uuid() {
	printf '%s' "$LAB_NAME/$1" | sha256sum |
		sed -E 's/^(.{8})(.{4}).(.{3}).(.{3})(.{12}).*/\1-\2-4\3-8\4-\5/'
}

guest_disk_xml() {
	local type=file attr=file
	if [[ $1 == /dev/* || $1 =~ /lun[0-9]+$ ]]; then
		type=block attr=dev
	fi
	cat <<-X
	    <disk type='$type' device='disk'>
	      <driver name='qemu' type='raw' cache='none' io='threads'/>
	      <source $attr='$1'/>
	      <target dev='vda' bus='virtio'/>
	    </disk>
	X
}

# What tells the host that the guest's kernel has panicked, or that it hangs: `virsh inject-nmi`
# brings on either.
guest_alarm_xml() {
	case $1 in
	panic) printf "<panic model='isa'/>" ;;
	watchdog) printf "<watchdog model='i6300esb' action='pause'/>" ;;
	esac
}

guest_xml() {
	local name=$1 disk=$2 memory=$3 extra=$4 alarm=$5 number crash=destroy
	case $alarm in
	panic)
		crash=preserve
		extra+=" unknown_nmi_panic"
		;;
	watchdog) extra+=" unknown_nmi_panic panic=0 labwatchdog=4" ;;
	esac
	number=$(guest_number "$name") || exit 1
	cat <<-X
	<domain type='qemu'>
	  <name>$name</name>
	  <uuid>$(guest_uuid "$name")</uuid>
	  <memory unit='MiB'>$memory</memory>
	  <vcpu>1</vcpu>
	  <os>
	    <type arch='x86_64' machine='pc-q35-7.2'>hvm</type>
	    <kernel>/usr/share/vmha-lab/guest/vmlinux</kernel>
	    <initrd>/usr/share/vmha-lab/guest/initrd.gz</initrd>
	    <cmdline>console=ttyS0 quiet mitigations=off random.trust_cpu=on tsc=reliable no_timer_check nokaslr cryptomgr.notests panic=1 labip=$LAB_SUBNET.3.$((100 + number))$extra</cmdline>
	  </os>
	  <features><acpi/></features>
	  <cpu mode='custom' match='exact' check='none'>
	    <model>qemu64</model>
	    <feature policy='require' name='rdrand'/>
	  </cpu>
	  <on_poweroff>destroy</on_poweroff>
	  <on_reboot>restart</on_reboot>
	  <on_crash>$crash</on_crash>
	  <devices>
	    <emulator>/usr/bin/qemu-system-x86_64</emulator>
	$(guest_disk_xml "$disk")
	    <interface type='bridge'>
	      <mac address='$(printf '52:54:00:%s:00:%02x' "$LAB_MAC" "$number")'/>
	      <source bridge='vmbr0'/>
	      <model type='virtio'/>
	    </interface>
	    <serial type='file'>
	      <source path='/var/log/libvirt/qemu/$name-console.log' append='on'/>
	    </serial>
	    <controller type='usb' model='none'/>
	    <memballoon model='none'/>
	    $(guest_alarm_xml "$alarm")
	  </devices>
	</domain>
	X
}

# A boot sector that counts on its serial line and its disk: for machines, on which a kernel is slow.
guest_tiny_xml() {
	local name=$1 disk=$2
	cat <<-X
	<domain type='qemu'>
	  <name>$name</name>
	  <uuid>$(guest_uuid "$name")</uuid>
	  <memory unit='MiB'>16</memory>
	  <vcpu>1</vcpu>
	  <os><type arch='x86_64' machine='pc-i440fx-7.2'>hvm</type></os>
	  <features><acpi/></features>
	  <on_reboot>restart</on_reboot>
	  <devices>
	    <emulator>/usr/bin/qemu-system-x86_64</emulator>
	$(guest_disk_xml "$disk")
	    <serial type='file'>
	      <source path='/var/log/libvirt/qemu/$name-console.log' append='on'/>
	    </serial>
	    <controller type='usb' model='none'/>
	    <memballoon model='none'/>
	  </devices>
	</domain>
	X
}

guest_parse_xml_options() {
	local name='' disk='' memory=128 extra='' alarm='' tiny=no
	while (($#)); do
		case $1 in
		--disk | --memory | --dirty | --write-ms)
			(($# >= 2)) || usage_error "$1 needs a value"
			case $1 in
			--disk) disk=$2 ;;
			--memory) memory=$2 ;;
			--dirty) extra+=" labdirty=$2" ;;
			--write-ms) extra+=" labwrite=$2" ;;
			esac
			shift
			;;
		--tiny) tiny=yes ;;
		--panic | --watchdog) alarm=${1#--} ;;
		-*) usage_error "unknown option '$1'" ;;
		*)
			[[ -z $name ]] || usage_error "one guest name only"
			name=$1
			;;
		esac
		shift
	done
	[[ $name =~ ^[A-Za-z0-9][A-Za-z0-9._-]{0,47}$ ]] || usage_error "bad guest name '$name'"
	[[ $memory =~ ^[0-9]+$ && $memory -ge 96 ]] || usage_error "bad memory '$memory': MiB, 96 or more"
	[[ $extra =~ ^(\ lab(dirty=[0-9]+(:[0-9]+)?|write=[0-9]+))*$ ]] ||
		usage_error "bad value: --dirty MB[:MB_PER_S], --write-ms MS"
	if [[ $tiny == yes ]]; then
		guest_tiny_xml "$name" "${disk:-/clusterstorage/vol1/$name/$name.img}"
		return
	fi
	guest_xml "$name" "${disk:-/clusterstorage/vol1/$name/$name.img}" "$memory" "$extra" "$alarm"
}

# By the first node that is on, on any volume.
guest_disk_vm() {
	local path=$1 tiny=${2:-} size=$GUEST_DISK_MIB id
	[[ -z $tiny ]] || size=1
	[[ $path =~ ^/clusterstorage/[A-Za-z0-9._/-]+$ && $path != *..* ]] ||
		usage_error "the disk must be below /clusterstorage"
	for id in $(node_ids); do
		node_is_on "$id" || continue
		# shellcheck disable=SC2016  # for the node's shell
		vm_exec "$id" sh -c 'mkdir -p "${1%/*}" && rm -f "$1" && truncate -s "$2" "$1" && \
			{ [ -z "$3" ] || dd if=/usr/share/vmha-lab/guest/tiny of="$1" conv=notrunc,fsync status=none; }' \
			sh "$path" "${size}M" "$tiny" || die "the disk cannot be made on node$id"
		return
	done
	die "all nodes are off"
}

# guest_disk PATH: PATH as the nodes see it; zeroes what is there (a LUN keeps its size).
guest_disk() {
	local path=$1 real
	if is_vm; then
		guest_disk_vm "$@"
		return
	fi
	[[ ${2:-} != --tiny ]] || usage_error "--tiny is for machines (up --vm)"
	[[ $path =~ ^/clusterstorage/vol1/[A-Za-z0-9._/-]+$ && $path != *..* ]] ||
		usage_error "the disk must be below /clusterstorage/vol1"
	real=$LAB_STATE/storage/vol1/${path#/clusterstorage/vol1/}
	if [[ -L $real ]]; then
		real=$LAB_STATE/storage/luns/${real##*/}.img
		[[ -f $real ]] || die "$path is not a LUN of this lab"
		fallocate -z -o 0 -l "$(stat -c %s "$real")" "$real"
		return
	fi
	# a node may have put a link there: nothing outside of the storage is to be touched
	[[ $(realpath -m "$real") == "$LAB_STATE/storage/vol1/"* ]] || die "$path leads out of the volume"
	mkdir -p "${real%/*}"
	rm -f "$real"
	truncate -s "${GUEST_DISK_MIB}M" "$real"
}

verb_guest() {
	local sub=${1:-}
	(($# == 0)) || shift
	case $sub in
	build)
		(($# == 0)) || usage_error "guest build takes no arguments"
		guest_build
		say "$GUEST_DIR"
		return
		;;
	xml | disk | ip | console) ;;
	*) usage_error "guest '$sub': build, xml, disk, ip or console" ;;
	esac
	lab_require
	case $sub in
	xml) guest_parse_xml_options "$@" ;;
	disk)
		[[ $# == 1 || $#:${2:-} == 2:--tiny ]] || usage_error "guest disk needs PATH [--tiny]"
		guest_disk "$@"
		;;
	ip)
		(($# == 1)) || usage_error "guest ip needs NAME"
		guest_address "$1"
		echo
		;;
	console)
		(($# == 1)) || usage_error "guest console needs NAME"
		tail -n +1 "$LAB_STATE"/node*/var/log/libvirt/qemu/"$1-console.log" 2>/dev/null ||
			die "no console of guest '$1' on any node"
		;;
	esac
}

# check-disk [OPTIONS] PATH: PATH as the nodes see it, or any file or device of this machine.
verb_check-disk() {
	local args=("$@") path real
	(($#)) || usage_error "check-disk needs DISK"
	path=${args[-1]}
	if [[ $path == /clusterstorage/vol1/* ]]; then
		lab_require
		real=$LAB_STATE/storage/vol1/${path#/clusterstorage/vol1/}
		[[ ! -L $real ]] || real=$LAB_STATE/storage/luns/${real##*/}.img
		args[-1]=$real
	fi
	exec "$(tool lab-checkdisk)" "${args[@]}"
}
