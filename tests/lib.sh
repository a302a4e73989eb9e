# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
# What the tests of daemons and faults share: a lab of their own, its guests, and the witnesses.
# Source it first:  . "$(dirname "$0")/../lib.sh"
#
# tests/run gives: VMHA_SRC, VMHA_BUILD, VMHA_STAGE, VMHA_LAB_NAME, VMHA_TEST_TMP.  Without it (by
# hand, as root, after ./check has built): build/ of the source tree.
# VMHA_KEEP=1: the lab of a failed test is left for looking at.

set -euo pipefail

TEST=$(basename "$0" .sh)
TOP=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
BUILD=${VMHA_BUILD:-$TOP/build}
STAGE=${VMHA_STAGE:-$BUILD/stage}
LAB=${VMHA_LAB_NAME:-t-$((BASHPID % 100000))}
LAB_STATE=/var/lib/vmha-lab/$LAB
WORK=$(mktemp -d "${VMHA_TEST_TMP:-${TMPDIR:-/tmp}}/vmha.XXXXXX")
VOLUME=vol1
NODES=(node1 node2 node3)
CLEANUPS=()
TEST_START=$EPOCHREALTIME

# --- words ----------------------------------------------------------------------------------------

seconds_since() {
	awk -v a="$1" -v b="$EPOCHREALTIME" 'BEGIN { printf "%.1f", b - a }'
}

step() {
	printf '%7ss  %s\n' "$(seconds_since "$TEST_START")" "$*"
}

figure() {
	printf 'figure: %s\n' "$*"
}

fail() {
	printf 'FAIL: %s\n' "$*" >&2
	exit 1
}

# late WHAT: what was waited for did not come in its time.  The only failure with which tests/run tries a
# test a second time: what was seen and judged wrong stays so.
late() {
	printf 'FAIL: waited in vain for: %s\n' "$1" >&2
	exit 75
}

skip() {
	printf 'SKIP: %s\n' "$*"
	exit 77
}

# expect WHAT CMD...: CMD must succeed.
expect() {
	local what=$1
	shift
	"$@" || fail "$what"
}

now_ms() {
	printf '%s' $((${EPOCHREALTIME/./} / 1000))
}

# await SECONDS WHAT CMD...: polls CMD until it succeeds, gives up after SECONDS.
await() {
	local end=$(($(now_ms) + $1 * 1000)) what=$2 looks=0
	shift 2
	until "$@" >/dev/null 2>&1; do
		(($(now_ms) < end)) || late "$what"
		sleep "0.$((looks++ < 20 ? 1 : 3))" # each look takes time from what is waited for
	done
}

# --- cleaning up ----------------------------------------------------------------------------------

# cleanup_add CMD: run at exit, the last added first.
cleanup_add() {
	CLEANUPS+=("$1")
}

test_cleanup() {
	local rc=$? i
	trap - EXIT INT TERM
	set +e
	if ((rc != 0 && rc != 77)); then
		lab_report
	fi
	for i in "${PIDS[@]}"; do
		kill "$i" 2>/dev/null
	done
	for ((i = ${#CLEANUPS[@]} - 1; i >= 0; i--)); do
		eval "${CLEANUPS[i]}"
	done
	rm -rf "$WORK"
	step "end, status $rc"
	exit "$rc"
}
trap test_cleanup EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# background NAME CMD...: starts CMD, killed at exit; its pid is in ${PIDS[NAME]}.
declare -A PIDS=()
background() {
	local name=$1
	shift
	"$@" &
	PIDS[$name]=$!
}

# shellcheck source=tests/sanitizers.sh
. "$TOP/tests/sanitizers.sh"
# shellcheck source=tests/witness.sh
. "$TOP/tests/witness.sh"

# --- the lab --------------------------------------------------------------------------------------

lab_bin() {
	local bin
	for bin in "${VMHA_LIBEXECDIR:-}/vmha-lab" "$STAGE/usr/libexec/vmha/vmha-lab"; do
		if [[ -x $bin ]]; then
			printf '%s' "$bin"
			return
		fi
	done
	return 1
}

lab() {
	"$LAB_BIN" --name "$LAB" "$@"
}

# on NODE CMD...: in the node, as its own processes would.
on() {
	local node=$1
	shift
	lab exec "$node" -- "$@"
}

# lab_begin OPTIONS...: a lab of this test, removed at its end.
lab_begin() {
	((EUID == 0)) || skip "needs root"
	LAB_BIN=$(lab_bin) || skip "there is no vmha-lab: build first"
	local start=$EPOCHREALTIME
	step "lab $LAB up $*"
	cleanup_add lab_end
	# shellcheck disable=SC2046 # options
	lab up "$@" $(sanitizer_env) >"$WORK/up.log" 2>&1 || {
		cat "$WORK/up.log" >&2
		fail "the lab did not come up"
	}
	figure "lab_up_s=$(seconds_since "$start")"
}

lab_end() {
	sanitizer_check || rc=1
	if [[ -n ${VMHA_KEEP:-} ]] && ((rc != 0 && rc != 77)); then
		printf 'lab %s is kept: remove it with: %s --name %s down\n' "$LAB" "$LAB_BIN" "$LAB"
		return
	fi
	lab down >"$WORK/down.log" 2>&1 || {
		cat "$WORK/down.log" >&2
		rc=1
	}
}

# lab_log NODE FILE: of a machine that is up, or of a namespace.
lab_log() {
	cat "$LAB_STATE/$1/$2" 2>/dev/null ||
		timeout 20 "$LAB_BIN" --name "$LAB" exec "$1" -- tail -n 400 "/$2" 2>/dev/null || true
}

# What one wants to see of a lab in which a test failed.
lab_report() {
	[[ -n ${LAB_BIN:-} && -d $LAB_STATE ]] || return 0
	local node log dir=${VMHA_TEST_LOGS:-}
	for node in "${NODES[@]}"; do
		if timeout 20 "$LAB_BIN" --name "$LAB" exec "$node" -- crm_mon -1rnf 2>/dev/null; then
			break
		fi
	done
	for node in "${NODES[@]}"; do
		printf -- '--- %s: last words of the agents\n' "$node"
		lab_log "$node" var/log/pacemaker/pacemaker.log |
			grep -hE '\[ vmha|(error|warning):|(Result|Requesting|Initiating)' | tail -n 20
	done
	for log in "$WORK"/witness-*.log; do
		[[ -s $log ]] && tail -n 40 "$log"
	done
	if [[ -n $dir ]]; then
		rm -rf "${dir:?}/$TEST"
		mkdir -p "$dir/$TEST"
		for node in "${NODES[@]}"; do
			cp -a "$LAB_STATE/$node/var/log" "$dir/$TEST/$node" 2>/dev/null && continue
			# a machine keeps its own
			timeout 60 "$LAB_BIN" --name "$LAB" exec "$node" -- tar -C /var -cf - log 2>/dev/null >"$WORK/log.tar"
			mkdir -p "$dir/$TEST/$node"
			tar -C "$dir/$TEST/$node" --strip-components=1 -xf "$WORK/log.tar" 2>/dev/null
		done
		cp "$WORK"/*.log "$LAB_STATE"/*.log "$dir/$TEST/" 2>/dev/null
	fi
	return 0
}

node_others() {
	local node
	for node in "${NODES[@]}"; do
		[[ $node == "$1" ]] || printf '%s\n' "$node"
	done
}

node_other() {
	node_third "$1" "$1"
}

node_third() {
	local node
	for node in "${NODES[@]}"; do
		if [[ $node != "$1" && $node != "$2" ]]; then
			printf '%s\n' "$node"
			return
		fi
	done
}

cgroup_root() {
	awk '$3 == "cgroup2" { print $2; exit }' /proc/self/mounts
}

# node_procs NODE: the file that lists the node's processes, as this machine numbers them.
node_procs() {
	printf '%s/vmha-lab.%s/%s/os/cgroup.procs' "$(cgroup_root)" "$LAB" "$1"
}

# node_pids NODE PATTERN: pids (of this machine) of the node whose command line matches.
node_pids() {
	local pid words
	while read -r pid; do
		words=()
		mapfile -d '' words 2>/dev/null <"/proc/$pid/cmdline" || continue
		if [[ "${words[*]}" =~ $2 ]]; then
			printf '%s\n' "$pid"
		fi
	done 2>/dev/null <"$(node_procs "$1")"
}

# daemon_pid NODE DAEMON
daemon_pid() {
	local pid comm
	while read -r pid; do
		comm=
		read -r comm 2>/dev/null <"/proc/$pid/comm" || continue
		if [[ $comm == "$2" ]]; then
			printf '%s\n' "$pid"
			return 0
		fi
	done 2>/dev/null <"$(node_procs "$1")"
	return 1
}

# daemon_signal NODE DAEMON SIGNAL: to that one process.
daemon_signal() {
	local pid
	pid=$(daemon_pid "$1" "$2") || fail "no $2 runs on $1"
	kill "-$3" "$pid"
	[[ $3 != KILL ]] || await 10 "$2 of $1 gone" process_gone "$pid"
}

# process_gone PID: or only waited for.
process_gone() {
	! grep -qE '^State:[[:blank:]]+[^ZX[:blank:]]' "/proc/$1/status" 2>/dev/null
}

# daemons_kill DAEMON NODE...: all at once.
daemons_kill() {
	local daemon=$1 node pid pids=()
	shift
	for node in "$@"; do
		pids+=("$(daemon_pid "$node" "$daemon")") || fail "no $daemon runs on $node"
	done
	kill -9 "${pids[@]}"
	for pid in "${pids[@]}"; do
		await 10 "$daemon gone" process_gone "$pid"
	done
}

qemu_pid() {
	node_pids "$1" "qemu-system.* -name guest=$2,.* -uuid " | sed -n 1p
}

# qemu_nodes NAME: every node with a process of the guest.
qemu_nodes() {
	local node
	for node in "${NODES[@]}"; do
		[[ -z $(qemu_pid "$node" "$1" 2>/dev/null) ]] || printf '%s\n' "$node"
	done
}

# process_on NAME NODE: there, and nowhere else; what a target had made of a move that ended goes a
# little later.
process_on() {
	[[ $(qemu_nodes "$1") == "$2" ]]
}

# copy_runs NODE: web1 leaves it, and memory flows.
copy_runs() {
	on "$1" virsh domjobinfo web1 2>/dev/null | grep -E 'Data processed: *[1-9]' >/dev/null
}

# agent_kill NODE: the agent that moves a VM away from there.
agent_kill() {
	local pids
	pids=$(node_pids "$1" 'vmha/(vm-action|vm) migrate_to')
	[[ -n $pids ]] || fail "no agent moves anything away from $1"
	# shellcheck disable=SC2086 # several; one may end with the other
	kill -9 $pids || true
}

# fences: how often the power switch was asked to turn a node off, one line each.
fences() {
	grep -oE 'off node[0-9] requested' "$LAB_STATE/power.log" 2>/dev/null | cut -d' ' -f2 || true
}

fences_count() {
	fences | grep -c . || true
}

# --- cluster --------------------------------------------------------------------------------------

# a_node: any node that answers; set by `cluster_from`.
CLUSTER_NODE=node1
cluster() {
	on "$CLUSTER_NODE" "$@"
}

# Ask another node from now on.
cluster_from() {
	CLUSTER_NODE=$1
}

# settled SECONDS: nothing is left to do in the cluster.  crm_resource gives up at once when it cannot read
# the CIB for a moment.
settled() {
	local end=$(($(now_ms) + $1 * 1000)) left=$1
	until cluster crm_resource --wait --timeout "$left" >/dev/null 2>&1; do
		left=$(((end - $(now_ms)) / 1000))
		((left > 0)) ||
			late "the cluster to settle within $1 s: $(cluster crm_mon -1r 2>&1 | tail -n 20)"
		sleep 0.1
	done
}

# role_place NAME: node where Pacemaker has the role, "none" where nowhere.
role_place() {
	local text
	text=$(cluster crm_resource --resource "$1" --locate 2>/dev/null) || true
	text=$(sed -n 's/.* is running on: \([^ ]*\).*/\1/p' <<<"$text" | sort -u | tr '\n' ' ')
	printf '%s' "${text:-none}" | sed 's/ *$//'
}

role_is_on() {
	[[ $(role_place "$1") == "$2" ]]
}

# role_managed NAME: not blocked, not unmanaged, no failure open.
role_managed() {
	local xml
	xml=$(cluster crm_mon -1 --output-as=xml 2>/dev/null) || return 1
	xmllint --xpath "boolean(//resource[@id='$1' and @managed='true' and @failed='false' and @blocked='false' and @role='Started'])" - <<<"$xml" 2>/dev/null | grep -qx true
}

# operations NAME OP: how often any node began that operation on the role.
operations() {
	local node n=0
	for node in "${NODES[@]}"; do
		n=$((n + $(grep -cE "(Requesting local execution of|Initiating) $2 operation for $1 " \
			"$LAB_STATE/$node/var/log/pacemaker/pacemaker.log" 2>/dev/null || true)))
	done
	printf '%s' "$n"
}

# --- networks -------------------------------------------------------------------------------------

# network_card NET: the node's own interface in the lab's network clu, mig, pub or mgt.
network_card() {
	[[ $1 == pub ]] && printf vmbr0 || printf '%s' "$1"
}

# network_of NET: its subnet, a name of it for `vmha network`.
network_of() {
	on node1 ip -o -4 address show dev "$(network_card "$1")" |
		awk '{ split($4, a, /[.\/]/); print a[1] "." a[2] "." a[3] ".0/24"; exit }'
}

# order_is SUBNETS: every node knows that migrations try these first.
order_is() {
	local node order
	for node in "${NODES[@]}"; do
		order=$(on "$node" vmha network list --output json |
			jq -r '[.[] | select(.rank > 0)] | sort_by(.rank) | map(.subnet) | join(",")')
		[[ "$order," == "$1,"* ]] || return 1
	done
}

# migrate_over NET...: migrations try these networks only, in this order.
migrate_over() {
	local net order='' wanted
	await 30 "the networks known" cluster vmha network show "$(network_of "$1")"
	for net in clu mig pub mgt; do
		wanted=yes
		[[ " $* " != *" $net "* ]] || wanted=no
		cluster vmha network set "$(network_of "$net")" --exclude "$wanted" >>"$WORK/network.log" 2>&1 ||
			fail "vmha network set: $(tail -n 3 "$WORK/network.log")"
	done
	for net in "$@"; do
		order+=,$(network_of "$net")
	done
	cluster vmha network order "${order#,}" >>"$WORK/network.log" 2>&1 ||
		fail "vmha network order: $(tail -n 3 "$WORK/network.log")"
	await 20 "the order of networks on all nodes" order_is "${order#,}"
}

# --- guests ---------------------------------------------------------------------------------------

declare -A DISK=() # of each role

# role_make NAME [GUEST-XML-OPTIONS...]: a test guest on the volume made a role by `vmha vm add`.
# Its disk may be given by --disk PATH.  Started and answering when this returns.
role_make() {
	local name=$1 disk=/clusterstorage/$VOLUME/$1/$1.img i
	for ((i = 2; i < $#; i++)); do
		[[ ${!i} != --disk ]] || {
			local j=$((i + 1))
			disk=${!j}
		}
	done
	DISK[$name]=$disk
	lab guest disk "$disk"
	lab guest xml "$@" --disk "$disk" >"$WORK/$name.xml"
	cluster sh -c "cat >/root/$name.xml" <"$WORK/$name.xml"
	cluster vmha vm add "$name" --xml "/root/$name.xml" --volume "$VOLUME" ||
		fail "vmha vm add $name"
	await 60 "role $name running" role_runs "$name"
	await 60 "guest $name answering" ping_answers "$name"
	await 60 "guest $name writing" guest_writes "$name"
}

guest_writes() {
	[[ $(boot_id "$1") != 0000000000000000 ]]
}

role_runs() {
	[[ $(role_place "$1") != none ]]
}

# role_move NAME NODE: live, by Pacemaker's own shell; returns when the cluster has settled.
role_move() {
	cluster crm resource move "$1" "$2" >>"$WORK/crm.log" 2>&1 || fail "crm resource move $1 $2"
	settled 120
	await 60 "no open migration" migrations_none_open
}

role_clear() {
	cluster crm resource clear "$1" >>"$WORK/crm.log" 2>&1 || true
}

# role_to NAME NODE: brings a role to a node before a test starts.
role_to() {
	role_is_on "$1" "$2" || role_move "$1" "$2"
	role_clear "$1"
	await 20 "$1 on $2" role_is_on "$1" "$2"
}

# agent NODE NAME ACTION [VAR=VALUE...]: the agent as Pacemaker would call it.
agent() {
	local node=$1 name=$2 action=$3
	shift 3
	on "$node" env OCF_ROOT=/usr/lib/ocf OCF_RA_VERSION_MAJOR=1 OCF_RA_VERSION_MINOR=1 \
		OCF_RESOURCE_INSTANCE="$name" OCF_RESOURCE_PROVIDER=vmha OCF_RESOURCE_TYPE=vm \
		OCF_RESKEY_CRM_meta_timeout=120000 OCF_RESKEY_volume="$VOLUME" "$@" \
		/usr/lib/ocf/resource.d/vmha/vm "$action"
}

# real_path PATH: a file of the volume as this machine sees it (a LUN: its backing file).
real_path() {
	local real=$LAB_STATE/storage/$VOLUME/${1#"/clusterstorage/$VOLUME/"}
	[[ ! -L $real ]] || real=$LAB_STATE/storage/luns/${real##*/}.img
	printf '%s' "$real"
}

# role_file NAME SUFFIX: for example role_file web1 state.rec
role_file() {
	real_path "/clusterstorage/$VOLUME/$1/$1.$2"
}

record_value() {
	sed -n "s/^$2=//p" "$1"
}

guest_uuid() {
	sed -n 's:.*<uuid>\(.*\)</uuid>.*:\1:p' "$WORK/$1.xml"
}

# boot_id NAME: of the guest, as its disk tells.
boot_id() {
	dd if="$(real_path "${DISK[$1]}")" iflag=direct bs=512 count=1 status=none |
		od -A n -t x8 -j 16 -N 8 | tr -d ' '
}

# disk_seq NAME: of the last record on its disk.
disk_seq() {
	dd if="$(real_path "${DISK[$1]}")" iflag=direct bs=512 count=1 status=none |
		od -A n -t u8 -j 32 -N 8 | tr -d ' '
}

# has_written NAME SEQ: the guest that runs now has written beyond SEQ: its boot id is on the disk.
has_written() {
	(($(disk_seq "$1") > $2))
}

# disk_good NAME: every record written is there, once, in order, by one writer.
disk_good() {
	lab check-disk "${DISK[$1]}" >"$WORK/disk.log" ||
		fail "the disk of $1: $(cat "$WORK/disk.log")"
	figure "disk $1: $(tail -n 1 "$WORK/disk.log")"
}

# --- where a role runs, and who is there ----------------------------------------------------------

# cluster_dc: name of the coordinator.
cluster_dc() {
	cluster crm_mon -1 --output-as=xml | sed -n 's/.*<current_dc [^>]*name="\([^"]*\)".*/\1/p'
}

# role_is_up NAME: Pacemaker has it on one node, and there alone is a process.  After a loss of power that
# may be the node which was lost: its fence switches it on again, and it may be back in the volume
# before Pacemaker decides; nothing of before the loss is left there.
role_is_up() {
	local place
	place=$(role_place "$1")
	[[ $place == node[1-9] ]] && process_on "$1" "$place"
}

# nodes_online N: N nodes see each other, have joined their coordinator, and no election is under way.
# The list of nodes alone may be old, and a node lost in an election is never fenced by Pacemaker.
nodes_online() {
	local node
	for node in "${NODES[@]}"; do
		on "$node" crmadmin --quiet --timeout 2s --status "$node" 2>/dev/null || true
	done | grep -cE '^S_(IDLE|NOT_DC|POLICY_ENGINE|TRANSITION_ENGINE)$' | grep -qx "$1" || return 1
	cluster crm_mon -1 --output-as=xml 2>/dev/null |
		xmllint --xpath "count(//nodes/node[@online='true' and @pending='false'])" - 2>/dev/null |
		grep -qx "$1"
}

# node_power_restored NODE: as its fence does, if it was fenced.  A fence that comes only now takes the
# power away from a node that boots, and gives it back.
node_power_restored() {
	await 90 "$1 switched on" node_switched_on "$1"
}

node_switched_on() {
	lab status | grep "^$1 *on" >/dev/null || lab power on "$1"
}

node_joined() {
	on "$1" sanlock client status 2>/dev/null | grep "^s $VOLUME:" >/dev/null
}

fenced() {
	fences | grep -x "$1" >/dev/null
}

# --- migrations, as clusterd has them -------------------------------------------------------------

# migration NAME|ID JQ-FILTER: of the VM's open migration, else of its last.
migration() {
	cluster vmha migration show "$1" --output json 2>/dev/null | jq -r "$2"
}

# migration_is NAME|ID PHASE
migration_is() {
	[[ $(migration "$1" .phase) == "$2" ]]
}

migrations_none_open() {
	[[ $(cluster vmha migration list --open --output json 2>/dev/null | jq length) == 0 ]]
}

# Every clusterd has the others' state and can act.
clusterd_ready() {
	local node
	for node in "${NODES[@]}"; do
		on "$node" vmha-clusterd --check || return 1
	done
	{ cluster vmha status --output json || true; } |
		jq -e '[.nodes[] | select(.clusterd != "in sync")] == []'
}
