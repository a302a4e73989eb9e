# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The services of a node, started as an init would, in this order.  A service that dies stays dead.
# shellcheck disable=SC2016  # programs for a shell in the node

# name | pid file in the node | command that is its readiness | command that starts it
SERVICES=(
	"sanlock|/run/sanlock/sanlock.pid|sanlock client status|env SANLOCK_PRIVILEGED=0 sanlock daemon -w 0 -h 0 -l 0 -U sanlock -G sanlock"
	"libvirtd|/run/libvirtd.pid|timeout 5 virsh -q -c qemu:///system uri|libvirtd --listen"
	"corosync|/run/corosync.pid|corosync-cfgtool -s|corosync -f"
	"clusterd|/run/vmha-lab/clusterd.pid|vmha-clusterd --check|vmha-clusterd --foreground"
	"pacemaker|/run/vmha-lab/pacemaker.pid|cibadmin -Q|pacemakerd -f"
)

# A machine has a watchdog if it was given one, and privileges that a node in namespaces lacks.
services_of_machines() {
	local row rows=() watch=0
	if [[ -n ${CONFIG[watchdog]} ]]; then
		watch=1
		rows+=("wdmd|/run/wdmd/wdmd.pid|wdmd -d|wdmd -G sanlock")
	fi
	for row in "${SERVICES[@]}"; do
		[[ $row != sanlock\|* ]] ||
			row="sanlock|/run/sanlock/sanlock.pid|sanlock client status|sanlock daemon -w $watch -h 0 -l 0 -U sanlock -G sanlock"
		rows+=("$row")
	done
	SERVICES=("${rows[@]}")
	SERVICE_WAIT_S=120
}

# service_find NAME: sets SVC_PIDFILE, SVC_READY, SVC_START.
service_find() {
	local row name
	for row in "${SERVICES[@]}"; do
		IFS='|' read -r name SVC_PIDFILE SVC_READY SVC_START <<<"$row"
		[[ $name != "${1:-}" ]] || return 0
	done
	usage_error "no service '${1:-}': $(service_names)"
}

service_names() {
	printf '%s ' "${SERVICES[@]%%|*}"
}

# alive PIDFILE, in the node.  A process that was killed and that nobody has waited for yet is not.
SERVICE_SCRIPT_ALIVE='
alive() {
	[ -s "$1" ] && grep -qE "^State:[[:blank:]]+[^ZX[:blank:]]" "/proc/$(cat "$1")/status" 2>/dev/null
}'

# Run in the node.  $1 name, $2 pid file, rest: command.
SERVICE_SCRIPT_START="$SERVICE_SCRIPT_ALIVE"'
name=$1 pidfile=$2
shift 2
if alive "$pidfile"; then exit 0; fi
setsid -f sh -c "echo \$\$ >/run/vmha-lab/$name.pid; exec \"\$@\"" sh "$@" \
	</dev/null >>"/var/log/vmha-lab-$name.log" 2>&1'

SERVICE_SCRIPT_STATUS="$SERVICE_SCRIPT_ALIVE"'
alive "$1"'

SERVICE_SCRIPT_STOP='
pid=$(cat "$1" 2>/dev/null) && kill "$pid" 2>/dev/null || exit 0
tries=0
while kill -0 "$pid" 2>/dev/null; do
	tries=$((tries + 1))
	[ "$tries" -lt "$2" ] || kill -9 "$pid"
	sleep 0.1
done'

# service_start ID NAME [no-wait]
service_start() {
	service_find "$2"
	# shellcheck disable=SC2086  # the table's command is a list of words
	node_enter "$1" sh -c "$SERVICE_SCRIPT_START" sh "$2" "$SVC_PIDFILE" $SVC_START || return 1
	[[ ${3:-} == no-wait ]] || service_wait "$1" "$2"
}

SERVICE_WAIT_S=30
service_wait() {
	service_find "$2"
	# shellcheck disable=SC2086
	wait_for "$SERVICE_WAIT_S" node_enter "$1" $SVC_READY || {
		echo "vmha-lab: $2 on node$1 is not ready after $SERVICE_WAIT_S s, see its /var/log/vmha-lab-$2.log" >&2
		return 1
	}
}

service_status() {
	service_find "$2"
	node_enter "$1" sh -c "$SERVICE_SCRIPT_STATUS" sh "$SVC_PIDFILE" 2>/dev/null
}

# service_stop ID NAME: SIGTERM, SIGKILL after 60 s.
service_stop() {
	service_find "$2"
	node_enter "$1" sh -c "$SERVICE_SCRIPT_STOP" sh "$SVC_PIDFILE" 600
}

# What the node's init would do: sanlock before the cluster, libvirtd beside it, clusterd before
# Pacemaker.
service_boot_below() {
	[[ -z ${CONFIG[watchdog]:-} ]] || service_start "$1" wdmd || return 1
	service_start "$1" sanlock no-wait
	service_start "$1" libvirtd no-wait
	service_start "$1" corosync no-wait
	service_wait "$1" sanlock
	service_wait "$1" corosync
	service_start "$1" clusterd no-wait
}

service_boot() {
	service_boot_below "$1" && service_start "$1" pacemaker no-wait
}

verb_service() {
	(($# == 3)) || usage_error "service needs NODE, start|stop|restart|status, and a name: $(service_names)"
	lab_require
	node_id "$1"
	node_is_on "$ID" || die "node$ID is off"
	service_find "$3"
	case $2 in
	start) service_start "$ID" "$3" ;;
	stop) service_stop "$ID" "$3" ;;
	restart)
		service_stop "$ID" "$3"
		service_start "$ID" "$3"
		;;
	status)
		if service_status "$ID" "$3"; then
			say "running"
		else
			say "stopped"
			return 3
		fi
		;;
	*) usage_error "service '$2': start, stop, restart or status" ;;
	esac
}
