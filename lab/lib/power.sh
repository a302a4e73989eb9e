# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The power switch: a process in the switch's network, reached over the management network by the
# fence agent.  One request a connection: "ACTION NODE"; one answer: "ok [on|off]" or "error TEXT".

POWER_PORT=7000

power_address() {
	printf '%s' "$LAB_SUBNET.4.254"
}

power_switch_start() {
	(cgroup_run host nsenter --net="/run/netns/$LAB_SWITCH" -- setsid socat \
		"TCP-LISTEN:$POWER_PORT,bind=$(power_address),fork,reuseaddr,max-children=16" \
		"EXEC:$LAB_SELF --name $LAB_NAME power-request" \
		</dev/null >>"$LAB_STATE/power.log" 2>&1) &
	wait_for 5 power_switch_listens || die "the power switch did not start: see $LAB_STATE/power.log"
}

power_switch_listens() {
	[[ -n $(in_switch ss -Hltn "sport = :$POWER_PORT") ]]
}

power_log() {
	printf '%(%F %T)T.%03d %s\n' -1 $((${EPOCHREALTIME/./} / 1000 % 1000)) "$*" \
		>>"$LAB_STATE/power.log"
}

# Runs in the switch's network only; this machine's processes and mounts are as usual.
verb_power-request() {
	local action node
	lab_require
	read -r -t 5 action node || return 1
	node=${node%$'\r'}
	ID=${node#node}
	if [[ $action != monitor && $action != list && ! ($ID =~ ^[1-9]$ && $ID -le ${CONFIG[nodes]}) ]]; then
		echo "error no node '$node'"
		return 0
	fi
	power_answer "$action" "$ID"
}

power_answer() {
	case $1 in
	monitor) echo ok ;;
	list) echo "ok $(node_ids | sed 's/^/node/' | tr '\n' ' ')" ;;
	status) if node_is_on "$2"; then echo "ok on"; else echo "ok off"; fi ;;
	off)
		power_log "off node$2 requested"
		if node_locked "$2" node_off >&2; then
			power_log "off node$2 proven"
			echo "ok off"
		else
			power_log "off node$2 FAILED"
			echo "error node$2 cannot be proven off"
		fi
		;;
	on)
		power_log "on node$2"
		(cgroup_run host setsid "$LAB_SELF" --name "$LAB_NAME" power on "node$2" \
			</dev/null >>"$LAB_STATE/power.log" 2>&1) &
		echo "ok on"
		;;
	*) echo "error unknown action '$1'" ;;
	esac
}
