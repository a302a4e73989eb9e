# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
# A node: power, the way in, freezing.
# shellcheck disable=SC2034  # VM_EXEC is used in vm.sh

node_is_on() {
	local pid started
	read -r pid started 2>/dev/null <"$LAB_RUN/node$1/pid" || return 1
	[[ -r /proc/$pid/stat ]] || return 1
	local stat
	stat=$(<"/proc/$pid/stat") 2>/dev/null || return 1
	stat=${stat##*) }
	# shellcheck disable=SC2086  # split into fields on purpose
	set -- $stat
	[[ $1 != Z && ${20} == "$started" ]]
}

# node_enter ID CMD...: as weak as the node's own processes.
node_enter() {
	local id=$1
	shift
	if is_vm; then
		vm_exec "$id" "$@"
		return
	fi
	# shellcheck disable=SC2086  # the setting is a list of words
	${CONFIG[env]:+env ${CONFIG[env]}} "$(tool lab-node)" enter --pidfile "$LAB_RUN/node$id/pid" \
		--cgroup "$LAB_CGROUP/node$id/os" -- "$@"
}

# node_net ID CMD...: a command of this machine in the node's network.
node_net() {
	local pid started
	if is_vm; then
		vm_exec "$@"
		return
	fi
	read -r pid started <"$LAB_RUN/node$1/pid" || return 1
	shift
	nsenter --net="/proc/$pid/ns/net" -- "$@"
}

# node_locked ID CMD...: one change of a node's power at a time.
node_locked() {
	local id=$1
	shift
	mkdir -p "$LAB_RUN/node$id"
	(
		flock 9
		"$@" "$id"
	) 9>"$LAB_RUN/node$id/lock"
}

# The parts of this machine's /var that a node needs: directories only, with their owners.
node_make_var() {
	local var=$1 dir
	mkdir -p "$var"
	for dir in lib/pacemaker lib/corosync lib/libvirt lib/sanlock lib/vmha lib/pcsd log/corosync \
		log/pacemaker log/crmsh log/libvirt log/cluster log/vmha cache/libvirt spool; do
		if [[ -d /var/$dir ]]; then
			(cd /var && find "$dir" -type d -print0 |
				cpio --quiet -0pd "$var" 2>/dev/null)
		else
			mkdir -p "$var/$dir"
		fi
	done
	chown hacluster:haclient "$var/log/pacemaker"
	mkdir -p "$var/tmp"
	chmod 1777 "$var/tmp"
	ln -sfn /run "$var/run"
	ln -sfn /run/lock "$var/lock"
}

node_make_dirs() {
	local dir=$LAB_STATE/node$1
	if is_vm; then
		[[ ! -d $dir/var ]] || return 0
		mkdir -p "$dir"/{etc,var}
		capabilities_restore "$dir/var"
		return
	fi
	[[ ! -d $dir/var/run ]] || return 0
	mkdir -p "$dir"/{etc,etc.work}
	node_make_var "$dir/var"
	capabilities_restore "$dir/var"
}

node_clear() {
	cgroup_kill "$LAB_CGROUP/node$1" || die "node$1 does not die"
	cgroup_remove "$LAB_CGROUP/node$1" # a frozen one would freeze the next boot
	storage_detach "$1" || die "the storage of node$1 cannot be detached"
	rm -f "$LAB_RUN/node$1/pid"
}

# Off is reported only on proof: the node's control group is empty, so no process of it lives.
node_off() {
	node_clear "$1"
}

# Off, with its control group, its directories and its storage there; sets NODE_LUNS.
node_prepare() {
	node_clear "$1"
	mkdir -p "$LAB_CGROUP/node$1"/{os,io}
	node_make_dirs "$1" || die "cannot make the directories of node$1"
	storage_attach "$1"
}

node_boot() {
	local id=$1 NODE_LUNS
	node_is_on "$id" && return 0
	node_prepare "$id"
	if is_vm; then
		vm_boot "$id"
		return
	fi
	(
		export VMHA_NODE_RUN=$LAB_RUN/node$id VMHA_NODE_DIR=$LAB_STATE/node$id
		export VMHA_NODE_USR=${CONFIG[usr]} VMHA_NODE_VOLUME=$LAB_RUN/node$id/storage/vol1
		export VMHA_NODE_SHARE=${CONFIG[share]:-} VMHA_NODE_LUNS=$NODE_LUNS
		export VMHA_NODE_BOOT2=$LAB_DATA/node/boot2.sh VMHA_NODE_SWITCH=$LAB_SWITCH
		export VMHA_NODE_ID=$id VMHA_NODE_MAC=$LAB_MAC VMHA_NODE_SUBNET=$LAB_SUBNET
		cgroup_run host "$(tool lab-node)" boot --name "node$id" \
			--cgroup "$LAB_CGROUP/node$id/os" --pidfile "$LAB_RUN/node$id/pid" \
			--console "$LAB_STATE/node$id/console.log" \
			--on-reset "exec '$LAB_SELF' --name '$LAB_NAME' power on 'node$id'" \
			-- "$LAB_DATA/node/boot.sh"
	) || die "node$id did not boot: $(tail -n 3 "$LAB_STATE/node$id/console.log" 2>/dev/null)"
}

node_power_on() {
	node_locked "$1" node_boot || return 1
	if is_vm; then
		vm_services_wait "$1" && return 0
	else
		service_boot "$1" && return 0
	fi
	node_is_on "$1" || die "node$1 lost its power while it booted (fenced?): see $LAB_STATE/power.log"
	die "not all services of node$1 started: see: vmha-lab status"
}

node_is_frozen() {
	grep -qsx 'frozen 1' "$LAB_CGROUP/node$1/os/cgroup.events"
}

node_freeze() {
	local file=$LAB_CGROUP/node$1/os
	[[ -e $file/cgroup.freeze ]] || return 0
	echo "$2" >"$file/cgroup.freeze"
	wait_for 10 grep -qx "frozen $2" "$file/cgroup.events"
}

node_thaw() {
	node_freeze "$1" 0
}

verb_power() {
	(($# == 2)) || usage_error "power needs on, off or cycle, and a NODE"
	lab_require
	node_id "$2"
	cgroup_join
	case $1 in
	on) node_power_on "$ID" ;;
	off) node_locked "$ID" node_off ;;
	cycle)
		node_locked "$ID" node_off
		node_power_on "$ID"
		;;
	*) usage_error "power '$1': on, off or cycle" ;;
	esac
}

verb_exec() {
	(($# >= 2)) || usage_error "exec needs NODE and a command"
	lab_require
	node_id "$1"
	shift
	[[ $1 != -- ]] || shift
	node_is_on "$ID" || die "node$ID is off"
	! node_is_frozen "$ID" || die "node$ID is frozen: let it run on with: vmha-lab thaw node$ID"
	if is_vm; then
		VM_EXEC='exec'
		vm_exec "$ID" "$@"
	fi
	# shellcheck disable=SC2086  # the setting is a list of words
	exec env -i PATH="$NODE_PATH" HOME=/root TERM="${TERM:-dumb}" LANG=C.UTF-8 USER=root \
		LOGNAME=root ${CONFIG[env]:-} "$(tool lab-node)" enter --pidfile "$LAB_RUN/node$ID/pid" \
		--cgroup "$LAB_CGROUP/node$ID/os" -- "$@"
}

verb_shell() {
	(($# == 1)) || usage_error "shell needs NODE"
	lab_require
	if is_vm; then
		node_id "$1"
		VM_EXEC='exec'
		vm_exec "$ID" --tty env TERM="${TERM:-dumb}" bash -l
	fi
	verb_exec "$1" bash -l
}

verb_freeze() {
	(($# == 1)) || usage_error "freeze needs NODE"
	lab_require
	node_id "$1"
	node_is_on "$ID" || die "node$ID is off"
	node_freeze "$ID" 1 || die "node$ID did not freeze within 10 s"
}

verb_thaw() {
	(($# == 1)) || usage_error "thaw needs NODE"
	lab_require
	node_id "$1"
	node_thaw "$ID" || die "node$ID did not thaw within 10 s"
}
