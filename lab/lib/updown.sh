# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
# up and down of a whole lab.  All that up makes has a name derived from the lab's (control group,
# network namespace, directories), so down needs no notes of a finished up.

phase_start() {
	PHASE_MS=$(now_ms)
}

phase_end() {
	local now
	now=$(now_ms)
	printf '%6d.%d s  %s\n' $(((now - PHASE_MS) / 1000)) $(((now - PHASE_MS) % 1000 / 100)) "$1"
	PHASE_MS=$now
}

up_need() {
	need_commands corosync:corosync pacemakerd:pacemaker crm_mon:pacemaker-cli-utils \
		sanlock:sanlock libvirtd:libvirt-daemon-system virsh:libvirt-clients \
		qemu-system-x86_64:qemu-system-x86 certtool:gnutls-bin ip:iproute2 nft:nftables \
		socat:socat ping:iputils-ping cpio:cpio killall:psmisc crm:crmsh
	local file=/usr/lib/x86_64-linux-gnu/libvirt/lock-driver/sanlock.so
	[[ -e $file || -n $(find /usr/lib -path '*lock-driver/sanlock.so' -print -quit) ]] ||
		die "packages are missing: libvirt-sanlock"
}

up_parse() {
	declare -gA CONFIG=([nodes]=3 [volume]=dir [io_timeout]=1 [make_volume]=yes [share]='' [env]=''
		[stage]="${VMHA_STAGE:-$LAB_OWN_STAGE}" [vm]=no [packages]='' [watchdog]='' [memory]=896
		[disks]=4 [disk_size]=1024 [disk4k]='')
	while (($#)); do
		case $1 in
		--no-volume) CONFIG[make_volume]=no ;;
		--vm) CONFIG[vm]=yes ;;
		--nodes | --volume | --io-timeout | --stage | --share | --env | --packages | --watchdog | \
			--memory | --disks | --disk-size | --disk-4k)
			(($# >= 2)) || usage_error "$1 needs a value"
			case $1 in
			--nodes) CONFIG[nodes]=$2 ;;
			--volume) CONFIG[volume]=$2 ;;
			--io-timeout) CONFIG[io_timeout]=$2 ;;
			--stage) CONFIG[stage]=$2 ;;
			--packages) CONFIG[packages]=$2 ;;
			--watchdog) CONFIG[watchdog]=$2 ;;
			--memory) CONFIG[memory]=$2 ;;
			--disks) CONFIG[disks]=$2 ;;
			--disk-size) CONFIG[disk_size]=$2 ;;
			--disk-4k) CONFIG[disk4k]=${2#lun} ;;
			--share) CONFIG[share]+="${CONFIG[share]:+ }$2" ;;
			--env) CONFIG[env]+="${CONFIG[env]:+ }$2" ;;
			esac
			shift
			;;
		*) usage_error "unknown argument '$1'" ;;
		esac
		shift
	done
	up_check_config
	up_check_env
	if is_vm; then
		up_check_vm
	else
		[[ -z ${CONFIG[packages]}${CONFIG[watchdog]}${CONFIG[disk4k]} ]] ||
			usage_error "--packages, --watchdog and --disk-4k are for --vm"
	fi
}

# The volumes of machines are made by whoever uses them, on their shared disks.
up_check_vm() {
	[[ ${CONFIG[volume]} == dir && -z ${CONFIG[share]} ]] ||
		usage_error "--volume and --share are not for --vm"
	CONFIG[volume]=none CONFIG[make_volume]=no
	[[ ${CONFIG[watchdog]}, =~ ^(,|((softdog|i6300esb),)+)$ ]] ||
		usage_error "bad watchdog '${CONFIG[watchdog]}': softdog or i6300esb"
	[[ ${CONFIG[memory]} =~ ^[0-9]{3,4}$ && ${CONFIG[memory]} -ge 512 ]] ||
		usage_error "bad memory '${CONFIG[memory]}': MiB, 512 or more"
	[[ ${CONFIG[disks]} =~ ^[1-8]$ ]] || usage_error "bad number of disks '${CONFIG[disks]}': 1 to 8"
	[[ ${CONFIG[disk_size]} =~ ^[1-9][0-9]{0,5}$ ]] ||
		usage_error "bad disk-size '${CONFIG[disk_size]}': MiB"
	[[ -z ${CONFIG[disk4k]} || ${CONFIG[disk4k]} =~ ^[1-8]$ && ${CONFIG[disk4k]} -le ${CONFIG[disks]} ]] ||
		usage_error "--disk-4k needs one of lun1 to lun${CONFIG[disks]}"
	if [[ -n ${CONFIG[packages]} ]]; then
		[[ -d ${CONFIG[packages]} ]] || usage_error "no directory ${CONFIG[packages]}"
		CONFIG[packages]=$(realpath "${CONFIG[packages]}")
		CONFIG[stage]=''
	fi
	[[ -n ${CONFIG[packages]}${CONFIG[stage]} ]] ||
		usage_error "--vm needs --stage DIR or --packages DIR: what the nodes are to run"
	services_of_machines
}

up_check_config() {
	local dir
	[[ ${CONFIG[nodes]} =~ ^[2-5]$ ]] || usage_error "bad number of nodes '${CONFIG[nodes]}': 2 to 5"
	[[ ${CONFIG[volume]} =~ ^(dir|lun)$ ]] || usage_error "bad volume '${CONFIG[volume]}': dir or lun"
	[[ ${CONFIG[io_timeout]} =~ ^([1-9]|[1-5][0-9]|60)$ ]] ||
		usage_error "bad io-timeout '${CONFIG[io_timeout]}': 1 to 60 seconds"
	if [[ -n ${CONFIG[stage]} ]]; then
		[[ -d ${CONFIG[stage]}/usr ]] || usage_error "no ${CONFIG[stage]}/usr: is it a DESTDIR of make install?"
		CONFIG[stage]=$(realpath "${CONFIG[stage]}")
		[[ ${CONFIG[stage]} != *[:,\ ]* ]] || usage_error "the stage's path must not have ':', ',' or blanks"
	fi
	for dir in ${CONFIG[share]}; do
		[[ $dir == /* && -d $dir ]] || usage_error "--share needs an existing absolute directory, not '$dir'"
	done
}

up_check_env() {
	local word
	for word in ${CONFIG[env]}; do
		[[ $word =~ ^[A-Z_][A-Z0-9_]*=[^*?[]+$ ]] ||
			usage_error "--env needs NAME=VALUE without blanks and patterns, not '$word'"
	done
}

up_prepare() {
	mkdir -p /var/lib/vmha-lab /run/vmha-lab
	chmod 700 /var/lib/vmha-lab /run/vmha-lab
	mkdir -m 700 "$LAB_STATE" 2>/dev/null ||
		die "there is a lab '$LAB_NAME' already: remove it first with: vmha-lab down --name $LAB_NAME"
	mkdir -p "$LAB_RUN" "$LAB_CGROUP/host"
	cgroup_join
	guest_build
	if is_vm; then
		up_prepare_vm
	else
		layer_make
		CONFIG[usr]=$(layer_stack "${CONFIG[stage]}")
	fi
	storage_make
	conf_make_shared
	lab_save_config
	switch_make
	power_switch_start
}

up_prepare_vm() {
	phase_end "guest"
	image_make
	phase_end "image of the nodes (kept: $IMAGE)"
	layer_vm_make
	CONFIG[usr]='' CONFIG[image]=$IMAGE CONFIG[layer]=$LAYER
	phase_end "product and lab on it"
}

# First boot of one node, up to what Pacemaker stands on; the others do the same beside it.
up_node() {
	local id=$1
	node_make_dirs "$id" || die "cannot make the directories of node$id"
	conf_write "$id" || die "cannot write the configuration of node$id"
	node_locked "$id" node_boot || die "node$id did not boot"
	! is_vm || vm_seed "$id"
	node_enter "$id" sh -c 'command -v vmha' >/dev/null ||
		die "the nodes have no vmha command: install the product, or give --stage DIR"
	conf_host "$id" || die "node$id could not be configured"
	! is_vm || vm_services_write "$id"
	service_boot_below "$id" || die "services of node$id did not start"
}

# --- a node more, a node less -----------------------------------------------------------------------

# The highest only, so that the others keep their numbers.  As an administrator would do it.
verb_node() {
	lab_require
	node_is_on 1 || die "node1 is off: the other nodes are changed from there"
	case $#:${1:-} in
	1:add) node_add '' ;;
	3:add)
		[[ $2 == --id && $3 =~ ^[1-9][0-9]{0,3}$ && $3 -le 2000 ]] || usage_error "add [--id N], N from 1 to 2000"
		node_add "$3"
		;;
	2:remove)
		node_id "$2"
		((ID == CONFIG[nodes] && ID > 2)) ||
			usage_error "the last node can be removed, while there are more than two: node${CONFIG[nodes]}"
		node_remove "$ID"
		;;
	*) usage_error "node add [--id N], or node remove NODE" ;;
	esac
}

node_add() {
	local id=$((CONFIG[nodes] + 1))
	((id <= 5)) || die "lab '$LAB_NAME' has five nodes, no more are possible"
	cgroup_join
	CONFIG[nodes]=$id
	CONFIG[nodeid$id]=$1
	lab_save_config
	conf_exchange
	up_node "$id"
	service_start "$id" pacemaker no-wait || die "pacemaker of node$id did not start"
	service_wait "$id" clusterd || die "clusterd of node$id does not find the others"
	wait_for 60 all_online || die "node$id does not come into the cluster: see: vmha-lab exec node1 crm_mon -1rf"
	conf_power
}

# It leaves in an orderly way, then neither corosync nor Pacemaker knows it.
node_remove() {
	local id=$1 name
	if node_is_on "$id"; then
		for name in pacemaker clusterd corosync; do
			service_stop "$id" "$name"
		done
	fi
	node_locked "$id" node_off
	CONFIG[nodes]=$((id - 1))
	unset "CONFIG[nodeid$id]"
	lab_save_config
	conf_exchange
	conf_power
	node_enter 1 crm_node --force --remove "node$id" || die "Pacemaker does not forget node$id"
	rm -rf --one-file-system "${LAB_STATE:?}/node$id" "${LAB_RUN:?}/node$id"
}

# --- all of them ------------------------------------------------------------------------------------

up_nodes() {
	local id pid pids=()
	for id in $(node_ids); do
		(up_node "$id") &
		pids+=($!)
	done
	for pid in "${pids[@]}"; do
		wait "$pid" || die "the lab is not complete; what is there is removed by: vmha-lab down --name $LAB_NAME"
	done
	# on all at once: the first election waits dc-deadtime, then fences whom it has not seen
	for id in $(node_ids); do
		service_start "$id" pacemaker no-wait || die "pacemaker of node$id did not start"
	done
}

all_online() {
	node_enter 1 crm_mon -1 --output-as=xml 2>/dev/null | awk -v want="${CONFIG[nodes]}" '
		/<node name=.*online="true".*pending="false".*type="member"/ { online++ }
		/<current_dc present="true"/ { dc = 1 }
		/with_quorum="true"/ { quorum = 1 }
		/<resource id="power".*role="Started"/ { power = 1 }
		END { exit !(dc && quorum && power && online == want) }'
}

up_volume() {
	[[ ${CONFIG[make_volume]} == yes ]] || return 0
	if ! node_enter 1 sh -c 'command -v vmha' >/dev/null; then
		say "           (no vmha command on the nodes: volume vol1 not created)"
		return 0
	fi
	node_enter 1 vmha volume create vol1 --type dir --path /clusterstorage/vol1 \
		--io-timeout "${CONFIG[io_timeout]}" || die "the volume could not be created"
	wait_for 60 all_joined || die "the volume did not start on all nodes: see: vmha-lab exec 1 crm_mon -1rf"
	phase_end "volume vol1 joined by all nodes"
}

all_joined() {
	local id
	for id in $(node_ids); do
		node_enter "$id" sanlock client status 2>/dev/null | grep -q '^s .*' || return 1
	done
}

up_failed() {
	local rc=$?
	if ((rc != 0 && BASHPID == UP_PID)); then
		echo "vmha-lab: up did not finish; remove what is there with: vmha-lab down --name $LAB_NAME" >&2
	fi
}

verb_up() {
	local begin id
	need_root
	up_parse "$@"
	up_need
	! is_vm || image_need
	begin=$(now_ms)
	UP_PID=$BASHPID
	phase_start
	up_prepare
	phase_end "guest, switch, storage, power switch"
	trap up_failed EXIT
	up_nodes
	phase_end "${CONFIG[nodes]} nodes booted and configured, services started"
	for id in $(node_ids); do
		service_wait "$id" clusterd || die "the clusterds do not find together"
	done
	wait_for 180 all_online || die "the cluster did not form: see: vmha-lab exec node1 crm_mon -1rf"
	phase_end "cluster formed: ${CONFIG[nodes]} nodes online, power switch in use"
	up_volume
	capabilities_save 1
	trap - EXIT
	printf '%6d.%d s  in all: lab %s is up\n' $((($(now_ms) - begin) / 1000)) \
		$((($(now_ms) - begin) % 1000 / 100)) "'$LAB_NAME'"
}

# Works from any partial state; touches only what bears this lab's name.
verb_down() {
	(($# == 0)) || usage_error "down takes no arguments but --name"
	need_root
	if ! lab_exists && [[ ! -d $LAB_RUN && ! -d $LAB_CGROUP ]] && ! switch_exists; then
		say "there is no lab '$LAB_NAME'"
		return 0
	fi
	cgroup_kill "$LAB_CGROUP" || die "lab '$LAB_NAME' is not down"
	local dir
	for dir in "$LAB_RUN"/node*; do
		[[ ! -d $dir ]] || storage_detach "${dir##*/node}" || die "cannot detach the storage of ${dir##*/}"
	done
	umount_below "$LAB_RUN"
	switch_remove
	cgroup_remove "$LAB_CGROUP"
	rm -rf --one-file-system "$LAB_RUN" "$LAB_STATE"
	say "lab '$LAB_NAME' is down"
}

verb_status() {
	local id name line
	(($# == 0)) || usage_error "status takes no arguments"
	lab_require
	say "lab '$LAB_NAME': ${CONFIG[nodes]} nodes, volume ${CONFIG[volume]}, networks $LAB_SUBNET.1-4.0/24," \
		"product ${CONFIG[stage]:-as installed}"
	for id in $(node_ids); do
		if ! node_is_on "$id"; then
			say "node$id  off"
			continue
		fi
		line="node$id  on "
		if node_is_frozen "$id"; then
			say "$line FROZEN"
			continue
		fi
		for name in $(service_names); do
			service_status "$id" "$name" && line+=" $name" || line+=" ($name dead)"
		done
		line+="$(status_faults "$id")"
		say "$line"
	done
}

status_faults() {
	local net fault
	for net in "${LAB_NETS[@]}"; do
		port_up "$net$1" || printf '; %s cut' "$net"
		if tc -n "$LAB_SWITCH" qdisc show dev "$net$1" 2>/dev/null | grep -q tbf; then
			printf '; %s slow' "$net"
		fi
	done
	read -r fault <"$LAB_RUN/node$1/fault" || true
	[[ $fault == ok ]] || printf '; storage %s' "$fault"
}
