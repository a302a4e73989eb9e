# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Names, places, messages, locks and cgroups of one lab.
# shellcheck disable=SC2034  # used in the other files

LAB_CACHE=/var/cache/vmha-lab
LAB_NETS=(clu mig pub mgt)

die() {
	printf 'vmha-lab: %s\n' "$*" >&2
	exit 1
}

usage_error() {
	printf 'vmha-lab: %s (see: vmha-lab %s --help)\n' "$1" "${VERB:-}" >&2
	exit 2
}

say() {
	printf '%s\n' "$*"
}

# Sets every place of the lab @name.  Nothing is made here.
lab_select() {
	local name=$1
	[[ $name =~ ^[a-z][a-z0-9-]{0,14}$ ]] ||
		usage_error "bad lab name '$name': a to z, 0 to 9 and -, at most 15, a letter first"
	LAB_NAME=$name
	LAB_STATE=/var/lib/vmha-lab/$name
	LAB_RUN=/run/vmha-lab/$name
	LAB_SWITCH=vmha-$name
	local sum
	sum=$(printf %s "$name" | cksum)
	LAB_NUMBER=$((64 + ${sum%% *} % 128))
	LAB_SUBNET=10.$LAB_NUMBER
	LAB_MAC=$(printf %02x "$LAB_NUMBER")
}

lab_exists() {
	[[ -d $LAB_STATE ]]
}

lab_require() {
	lab_exists || die "there is no lab '$LAB_NAME': make it with: vmha-lab up --name $LAB_NAME"
	[[ -r $LAB_STATE/config ]] ||
		die "lab '$LAB_NAME' was never finished: remove it with: vmha-lab down --name $LAB_NAME"
	lab_load_config
}

# The settings that `up` was given.
lab_load_config() {
	local key value
	declare -gA CONFIG=()
	while IFS='=' read -r key value; do
		CONFIG[$key]=$value
	done <"$LAB_STATE/config"
	! is_vm || services_of_machines
}

lab_save_config() {
	local key
	for key in "${!CONFIG[@]}"; do
		printf '%s=%s\n' "$key" "${CONFIG[$key]}"
	done >"$LAB_STATE/config.new"
	mv "$LAB_STATE/config.new" "$LAB_STATE/config"
}

# node_id NODE: sets ID from "node2" or "2", refuses what this lab does not have.
node_id() {
	local text=${1:-}
	[[ -n $text ]] || usage_error "which node?"
	ID=${text#node}
	[[ $ID =~ ^[1-9]$ && $ID -le ${CONFIG[nodes]} ]] ||
		usage_error "no node '$text' in lab '$LAB_NAME': it has node1 to node${CONFIG[nodes]}"
}

node_ids() {
	seq "${CONFIG[nodes]}"
}

net_check() {
	local net
	for net in "${LAB_NETS[@]}"; do
		[[ $net != "${1:-}" ]] || return 0
	done
	usage_error "no network '${1:-}': the networks are ${LAB_NETS[*]}"
}

need_root() {
	[[ $EUID -eq 0 ]] || die "needs root: sudo vmha-lab ..."
}

need_commands() {
	local missing=() pair
	for pair in "$@"; do
		[[ -n $(type -P "${pair%%:*}") ]] || missing+=("${pair#*:}")
	done
	((${#missing[@]} == 0)) ||
		die "packages are missing: $(printf '%s\n' "${missing[@]}" | sort -u | tr '\n' ' ')"
}

tool() {
	printf '%s/%s' "$LAB_TOOLS" "$1"
}

# --- cgroups: every process of a lab is in one, so that none is ever looked for by name ---------

cgroup_mount() {
	local path
	path=$(awk '$3 == "cgroup2" { print $2; exit }' /proc/self/mounts)
	if [[ -z $path ]]; then
		path=/run/vmha-lab/.cgroup
		mkdir -p "$path"
		mount -t cgroup2 none "$path" || die "cannot mount cgroup2, which the lab needs"
	fi
	printf '%s' "$path"
}

cgroup_select() {
	LAB_CGROUP=$(cgroup_mount)/vmha-lab.$LAB_NAME
}

# cgroup_run GROUP CMD...: runs CMD inside LAB_CGROUP/GROUP; replaces the calling (sub)shell.  It may
# outlive both directories of whoever made the lab.
cgroup_run() {
	echo 0 >"$LAB_CGROUP/$1/cgroup.procs"
	shift
	cd / || return 1
	unset TMPDIR
	exec "$@"
}

# The calling process and what it starts belong to the lab from now on: down ends them too.
cgroup_join() {
	echo "$BASHPID" >"$LAB_CGROUP/host/cgroup.procs"
}

cgroup_empty() {
	[[ ! -e $1/cgroup.events ]] || grep -qx 'populated 0' "$1/cgroup.events"
}

# cgroup_kill DIR: kills all of it and returns once nothing lives there: the proof of "off".
cgroup_kill() {
	local dir=$1 tries
	[[ -d $dir ]] || return 0
	for ((tries = 0; tries < 1500; tries++)); do
		echo 1 >"$dir/cgroup.kill" 2>/dev/null || true
		if cgroup_empty "$dir"; then
			return 0
		fi
		sleep 0.01
	done
	printf 'vmha-lab: processes are left in %s that do not die: %s\n' "$dir" \
		"$(find "$dir" -name cgroup.procs -exec cat {} + | tr '\n' ' ')" >&2
	return 1
}

cgroup_remove() {
	[[ -d $1 ]] || return 0
	find "$1" -depth -type d -exec rmdir {} \; 2>/dev/null || true
}

# wait_for SECONDS CMD...: polls CMD until it succeeds.
wait_for() {
	local end=$((${EPOCHREALTIME/./} + $1 * 1000000))
	shift
	until "$@" >/dev/null 2>&1; do
		((${EPOCHREALTIME/./} < end)) || return 1
		sleep 0.05
	done
}

now_ms() {
	printf '%s' "$((${EPOCHREALTIME/./} / 1000))"
}

# umount_below DIR: everything mounted below DIR, innermost first.
umount_below() {
	local path
	awk -v dir="$1/" 'index($5, dir) == 1 { print $5 }' /proc/self/mountinfo | tac |
		while read -r path; do
			umount -l "$path" || return 1
		done
}
