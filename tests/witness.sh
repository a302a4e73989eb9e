# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
# What looks at a guest from outside while a test runs: pings and the witness.  Sourced by lib.sh.
# shellcheck disable=SC2034 # read by the tests

# --- ping -----------------------------------------------------------------------------------------

# ping_answers GUEST
ping_answers() {
	lab ping-gap wait "$1" 1 >/dev/null 2>&1
}

ping_begin() {
	lab ping-gap start "$1"
}

# ping_end GUEST: sets PING_GAP_MS, the longest time between two answers.
ping_end() {
	local text
	text=$(lab ping-gap stop "$1") || fail "the guest $1 never answered a ping"
	PING_GAP_MS=$(sed -n 's/.*max_gap_ms=\([0-9]*\).*/\1/p' <<<"$text")
	figure "ping $1: $text"
}

# --- the witness: one runner at any time ----------------------------------------------------------

declare -A W=()

witness_bin() {
	printf '%s/tests/fault/witness' "$BUILD"
}

# witness_begin NAME UUID DISK [LEASE:OFFSET]: says what it sees in $WORK/witness-NAME.log
witness_begin() {
	local args=(--uuid "$2" --disk "$3") node
	[[ -z ${4:-} ]] || args+=(--lease "$4")
	for node in "${NODES[@]}"; do
		args+=("$node=$(node_procs "$node")")
	done
	background "witness-$1" "$(witness_bin)" "${args[@]}" >"$WORK/witness-$1.log" 2>&1
}

# witness_end NAME: its figures go to W[]; fails unless there was one runner at any time.
witness_end() {
	local rc=0 pair pairs log=$WORK/witness-$1.log
	kill "${PIDS[witness-$1]}" 2>/dev/null || true
	wait "${PIDS[witness-$1]}" || rc=$?
	unset "PIDS[witness-$1]"
	read -ra pairs < <(sed -n 's/^figures //p' "$log")
	for pair in "${pairs[@]}"; do
		W[${pair%%=*}]=${pair#*=}
	done
	figure "witness $1: $(sed -n 's/^figures //p' "$log")"
	grep -E '^(\+|process )' "$log" | sed 's/^/  /'
	((rc == 0)) || {
		cat "$log" >&2
		fail "the witness of $1 says: $(tail -n 1 "$log") (status $rc)"
	}
}

# witness_says NAME REGEX
witness_says() {
	grep -qE -- "$2" "$WORK/witness-$1.log"
}

# --- both ---------------------------------------------------------------------------------------

# watch NAME: ping and witness on a role; unwatch NAME GAP_MS: neither may complain.
watch() {
	local role
	role=$(role_file "$1" role)
	ping_begin "$1"
	witness_begin "$1" "$(guest_uuid "$1")" "$(real_path "${DISK[$1]}")" \
		"$(real_path "/clusterstorage/$VOLUME/.vmha/leases"):$(record_value "$role" lease_offset)"
	await 20 "the witness sees $1" witness_says "$1" 'disk: boot'
}

# While this machine itself stands still no guest answers: the witness, which looks every 5 ms, tells for
# how long it did at most.
unwatch() {
	ping_end "$1"
	witness_end "$1"
	[[ -z ${2:-} ]] || ((PING_GAP_MS < $2 + W[gap_max_ms])) ||
		fail "the guest was silent for $PING_GAP_MS ms (allowed: $2, and ${W[gap_max_ms]} of the machine)"
}
