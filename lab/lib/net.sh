# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The switch of a lab: one network namespace with a bridge per network; faults on its ports.
# A node NET is one of: clu (cluster), mig (migration), pub (public, VMs), mgt (management).

switch_make() {
	local net index=0
	ip netns add "$LAB_SWITCH"
	{
		echo "link set lo up"
		for net in "${LAB_NETS[@]}"; do
			index=$((index + 1))
			# fixed addresses: a bridge that takes over its lowest port's makes stale ARP
			echo "link add br-$net address 02:00:$LAB_MAC:0$index:00:fe type bridge" \
				"forward_delay 0 stp_state 0 mcast_snooping 0"
			echo "link set br-$net up"
			echo "addr add $LAB_SUBNET.$index.254/24 dev br-$net"
		done
	} | ip -n "$LAB_SWITCH" -batch -
}

switch_exists() {
	[[ -e /run/netns/$LAB_SWITCH ]]
}

switch_remove() {
	! switch_exists || ip netns del "$LAB_SWITCH"
}

# in_switch CMD...: in the switch's network, with this machine's own mounts and processes.
in_switch() {
	nsenter --net="/run/netns/$LAB_SWITCH" -- "$@"
}

port_up() {
	[[ $(ip -n "$LAB_SWITCH" -o link show "$1" 2>/dev/null) == *state\ UP* ]]
}

# --- cut: a pulled cable, or one direction only (dropped in the switch) --------------------------

cut_table() {
	in_switch nft list table bridge vmha_cut >/dev/null 2>&1 || in_switch nft -f - <<-'N'
		table bridge vmha_cut {
			chain forwarded { type filter hook forward priority 0; }
			chain to_switch { type filter hook input priority 0; }
			chain from_switch { type filter hook output priority 0; }
		}
	N
}

net_cut() {
	local port=$2$1 way=$3
	[[ -e /run/netns/$LAB_SWITCH ]] || die "lab '$LAB_NAME' has no switch"
	case $way in
	both)
		ip -n "$LAB_SWITCH" link set "$port" down || die "node$1 is off: nothing to cut"
		;;
	out)
		cut_table
		in_switch nft add rule bridge vmha_cut forwarded iifname "$port" drop
		in_switch nft add rule bridge vmha_cut to_switch iifname "$port" drop
		;;
	in)
		cut_table
		in_switch nft add rule bridge vmha_cut forwarded oifname "$port" drop
		in_switch nft add rule bridge vmha_cut from_switch oifname "$port" drop
		;;
	esac
}

# Takes back the cuts of one port: up again, and its rules out of the table.
net_heal() {
	local port=$2$1 chain handle
	ip -n "$LAB_SWITCH" link set "$port" up 2>/dev/null || true
	in_switch nft list table bridge vmha_cut >/dev/null 2>&1 || return 0
	for chain in forwarded to_switch from_switch; do
		in_switch nft -a list chain bridge vmha_cut "$chain" |
			sed -n "s/.*ifname \"$port\" drop # handle \\([0-9]*\\)/\\1/p" |
			while read -r handle; do
				in_switch nft delete rule bridge vmha_cut "$chain" handle "$handle"
			done
	done
}

# --- slow: token bucket on the switch's port (to the node) and the node's card (from it) ---------

net_slow_port() {
	local id=$1 net=$2 rate=$3
	if [[ $rate == off ]]; then
		ip -n "$LAB_SWITCH" link show "$net$id" >/dev/null 2>&1 || return 0
		tc -n "$LAB_SWITCH" qdisc del dev "$net$id" root 2>/dev/null || true
		node_net "$id" tc qdisc del dev "$net" root 2>/dev/null || true
		return 0
	fi
	node_is_on "$id" || die "node$id is off: nothing to slow"
	tc -n "$LAB_SWITCH" qdisc replace dev "$net$id" root tbf rate "$rate" burst 64kb \
		latency 200ms || die "bad rate '$rate': for example 20mbit"
	node_net "$id" tc qdisc replace dev "$net" root tbf rate "$rate" burst 64kb latency 200ms
}

verb_cut() {
	local way=both args=()
	while (($#)); do
		case $1 in
		--in) way=in ;;
		--out) way=out ;;
		-*) usage_error "unknown option '$1'" ;;
		*) args+=("$1") ;;
		esac
		shift
	done
	((${#args[@]} == 2)) || usage_error "cut needs NODE and NET"
	lab_require
	node_id "${args[0]}"
	net_check "${args[1]}"
	net_cut "$ID" "${args[1]}" "$way"
}

heal_node() {
	local net
	for net in "${LAB_NETS[@]}"; do
		net_heal "$1" "$net"
		net_slow_port "$1" "$net" off
	done
	storage_fault "$1" ok
	node_thaw "$1"
	! is_vm || node_locked "$1" vm_heal_disks # not while it boots
}

verb_heal() {
	lab_require
	case $#:${1:-} in
	0:*) usage_error "heal what: NODE, NODE NET, or all" ;;
	1:all)
		for ID in $(node_ids); do
			heal_node "$ID"
		done
		;;
	1:*)
		node_id "$1"
		heal_node "$ID"
		;;
	2:*)
		node_id "$1"
		net_check "$2"
		net_heal "$ID" "$2"
		net_slow_port "$ID" "$2" off
		;;
	*) usage_error "too many arguments" ;;
	esac
}

verb_slow() {
	(($# == 2)) || usage_error "slow needs NET or NODE:NET, and RATE or off"
	lab_require
	local net=${1#*:}
	net_check "$net"
	if [[ $1 == *:* ]]; then
		node_id "${1%%:*}"
		net_slow_port "$ID" "$net" "$2"
		return
	fi
	for ID in $(node_ids); do
		if [[ $2 == off ]] || node_is_on "$ID"; then
			net_slow_port "$ID" "$net" "$2"
		fi
	done
}
