# shellcheck shell=bash disable=SC2016
# SPDX-License-Identifier: GPL-2.0-or-later
# What the tests of clusterd share.  Source it behind lib.sh.

# clusterd_call NODE JSON: its answer
clusterd_call() {
	on "$1" sh -c 'test -x /root/clusterd-tool || { cat >/root/clusterd-tool; chmod 755 /root /root/clusterd-tool; }' \
		<"$BUILD/tests/daemon/clusterd-tool"
	on "$1" /root/clusterd-tool call "$2"
}

# clusterd_state NODE: the replicated state, keys sorted
clusterd_state() {
	clusterd_call "$1" '{"v":1,"op":"state"}' | jq -S .state
}

# clusterd_agree NODE...: all in sync, with one state; left in $STATE
clusterd_agree() {
	local node
	STATE=$(clusterd_state "$1")
	[[ -n $STATE ]] || return 1
	for node in "$@"; do
		on "$node" vmha-clusterd --check >/dev/null || return 1
		[[ $(clusterd_state "$node") == "$STATE" ]] || return 1
	done
}

# await_agree SECONDS NODE...
await_agree() {
	local end=$(($(now_ms) + $1 * 1000))
	shift
	until clusterd_agree "$@"; do
		(($(now_ms) < end)) || late "a common state: $(for node in "$@"; do on "$node" vmha-clusterd --check; done 2>&1)"
		sleep 0.2
	done
}

clusterd_pid() {
	on "$1" cat /run/vmha-lab/clusterd.pid
}

clusterd_log() {
	cat "$LAB_STATE/$1/var/log/vmha-lab-clusterd.log"
}

# clusterd_sane NODE...: each ends well when it is told to, and a sanitizer, if built in, said nothing
clusterd_sane() {
	local node found
	for node in "$@"; do
		lab service "$node" stop clusterd >/dev/null
		[[ $(clusterd_log "$node" | tail -n 1) == *'end, status 0' ]] || fail "clusterd of $node ended badly: $(clusterd_log "$node" | tail -n 40)"
		found=$(clusterd_log "$node" | grep -A30 -E 'ERROR: .*Sanitizer|runtime error' || true)
		[[ -z $found ]] || fail "clusterd of $node: $found"
	done
}

# moves FILTER: jq over the list of migrations.
moves() {
	cluster vmha migration list --output json 2>/dev/null | jq -r "$1"
}

# moves_ended: no migration is open.
moves_ended() {
	[[ $(moves '[.[] | select(.phase != "ENDED")] | length') == 0 ]]
}

# --- one role that is moved: web1 ------------------------------------------------------------------

# move_begin NODE: asked for, not waited for; its number is left in $ID.
move_begin() {
	ID=$(cluster vmha migrate web1 --to "$1" --no-wait --output json 2>/dev/null | jq .id)
	[[ $ID == [1-9]* ]] || fail "vmha migrate gave no id"
}

# record_true ID: web1 is where the record says that it is; how it ended is left in $RESULT.
record_true() {
	local result from to place
	result=$(migration "$1" .result)
	from=$(migration "$1" .from)
	to=$(migration "$1" .to)
	place=$(role_place web1)
	# shellcheck disable=SC2034 # read by the tests
	RESULT="$result: $(migration "$1" '.reason')"
	case $result in
	DONE) [[ $place == "$to" ]] ;;
	KEPT) [[ $place == "$from" ]] ;;
	*) false ;;
	esac
}

# await_true ID: what it says is seen by this node too.
await_true() {
	await 20 "the record true: $(migration "$1" '"\(.result) \(.from) \(.to)"')" record_true "$1"
}

# ran_once WHAT BOOT: web1 ran once at any time, was not booted, and no move is open.
ran_once() {
	unwatch web1
	# shellcheck disable=SC2154 # of lib.sh
	((W[end_leased] == 1)) || fail "$1: web1 runs without its lease"
	[[ $(qemu_nodes web1 | wc -l) == 1 ]] || fail "$1: processes on $(qemu_nodes web1 | tr '\n' ' ')"
	[[ $(boot_id web1) == "$2" ]] || fail "$1: the guest was booted again"
	await 20 "no open migration" migrations_none_open
	disk_good web1
}
