#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# vmha-test: timeout=600 weight=1 lab=own
# Guests that stand still for a reason of their own: a kernel that panicked (pvpanic) and one that
# hangs (watchdog device), really so, by a non-maskable interrupt: restarted, or kept and shown, as
# their roles want it.  And a guest that is killed while clusterd is away: the monitor finds it.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"

pid_of() {
	qemu_pid "$(role_place "$1")" "$1"
}

runs_anew() {
	local pid
	pid=$(pid_of "$1") && [[ -n $pid && $pid != "$2" ]] && role_managed "$1"
}

events_say() {
	cluster vmha events --vm "$1" 2>/dev/null | grep -E -- "$2" >/dev/null
}

# monitor_code NAME: a recurring monitor, where it is
monitor_code() {
	local node
	node=$(role_place "$1")
	CODE=0
	agent "$node" "$1" monitor OCF_RESKEY_CRM_meta_interval=10000 OCF_RESKEY_CRM_meta_on_node="$node" \
		"OCF_RESKEY_$2=$3" >"$WORK/monitor.log" 2>&1 || CODE=$?
}

# monitor_says STATUS NAME PARAMETER VALUE
monitor_says() {
	monitor_code "${@:2}"
	((CODE == $1))
}

well() {
	monitor_code "$1" on_panic restart
	((CODE == 0))
}

parameter() {
	cluster crm_resource --resource "$1" --set-parameter "$2" --parameter-value "$3" >/dev/null
	settled 120
	await 60 "$1 answering" ping_answers "$1"
	await 20 "$1 writing" guest_writes "$1"
	await 20 "$1 well" well "$1"
}

nmi() {
	on "$(role_place "$1")" virsh inject-nmi "$1" >/dev/null
}

# stands NAME PARAMETER STATE TOLD WORD: it is restarted as the parameter's default wants; then kept.
stands() {
	local name=$1 parameter=$2 state=$3 told=$4 word=$5 pid node start
	step "$name: $told: restarted"
	await 20 "$name well" well "$name"
	pid=$(pid_of "$name")
	start=$(now_ms)
	nmi "$name"
	await 60 "$name running anew" runs_anew "$name" "$pid"
	figure "$name: runs anew $(($(now_ms) - start)) ms after the interrupt"
	await 20 "an event" events_say "$name" "$name on node[123] is $told.*; Pacemaker (was told|has it as failed already|is at work on it)"
	figure "$(cluster vmha events --vm "$name" | grep -E "is $told" | tail -n 1)"
	settled 120

	step "$name: $told: kept"
	parameter "$name" "$parameter" keep
	pid=$(pid_of "$name")
	node=$(role_place "$name")
	nmi "$name"
	await 30 "libvirt says it" libvirt_says "$node" "$name" "$state"
	figure "$(on "$node" virsh domstate --reason "$name" | head -n 1)"
	await 10 "an event" events_say "$name" "$name on node[123] is $told.*; its role wants it kept"
	await 10 "a monitor says 190" monitor_says 190 "$name" "$parameter" keep
	await 20 "vmha status tells it" status_says "$name" "$word"
	figure "vmha status on $CLUSTER_NODE: $(on "$CLUSTER_NODE" vmha status | grep "$name" | sed -n 1p)"
	sleep 12 # a monitor of Pacemaker's lies in it
	[[ $(pid_of "$name") == "$pid" ]] || fail "$name was to be kept, and was restarted"
	process_on "$name" "$node" || fail "processes on $(qemu_nodes "$name" | tr '\n' ' ')"
	step "$name: restarted after all"
	cluster crm_resource --resource "$name" --set-parameter "$parameter" --parameter-value restart >/dev/null
	await 60 "$name running anew" runs_anew "$name" "$pid"
	settled 120
	await 60 "$name answering" ping_answers "$name"
	await 20 "vmha status tells it" status_says_no "$name" "$word"
}

libvirt_says() {
	on "$1" virsh domstate --reason "$2" | grep -F "$3" >/dev/null
}

status_says() {
	{ cluster vmha status || true; } | grep -E "^ *$1 .*$2" >/dev/null
}

status_says_no() {
	! status_says "$1" "$2"
}

# --- clusterd away -----------------------------------------------------------------------------

count() {
	cat "$LAB_STATE"/node*/var/log/pacemaker/pacemaker.log | grep -cE "$1" || true
}

# How often a failure of web1 was injected by us or found by an operation of its own.
failures() {
	count 'log_executor_event.*Result of (asyncmon operation for web1 |(start|stop|monitor) operation for web1 on node[0-9]: (error|not running|Timed Out))'
}

killed_without() {
	local node pid before start
	step "killed while clusterd is away, $1"
	await 20 "web1 well" well web1
	node=$(role_place web1)
	pid=$(pid_of web1)
	before=$(failures)
	lab service "$node" stop clusterd
	start=$(now_ms)
	kill -9 "$pid"
	[[ $1 != "back at once" ]] || lab service "$node" start clusterd
	await 60 "web1 running anew" runs_anew web1 "$pid"
	figure "clusterd away, $1: runs anew after $(($(now_ms) - start)) ms"
	[[ $1 == "back at once" ]] || lab service "$node" start clusterd
	settled 120
	await 60 clusterd clusterd_ready
	figure "failures counted: $(($(failures) - before))"
	(($(failures) - before == 1)) || fail "one crash was counted $(($(failures) - before)) times"
}

lab_begin --volume dir
await 60 "clusterd" clusterd_ready
role_make web1 --panic
role_make web2 --watchdog
for name in web1 web2; do # restarted more often than a role may be
	cluster crm_resource --resource "$name" --meta --set-parameter migration-threshold --parameter-value 1000000 >/dev/null
done
settled 60
stands web1 on_panic crashed "standing still after a panic of its kernel" panicked
stands web2 on_watchdog watchdog "paused by its watchdog: its system hangs" paused-watchdog
killed_without "back after"
killed_without "back at once"
disk_good web1
disk_good web2
[[ $(fences_count) == 0 ]] || fail "somebody was fenced: $(fences)"
