# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
# What the tests of moves that do not converge share: web1, which changes its memory faster than the
# network carries it.  Source it behind lib.sh.

setting() {
	cluster vmha set "$@" >>"$WORK/set.log" 2>&1 || fail "vmha set $*: $(tail -n 2 "$WORK/set.log")"
}

# Pacemaker 2.1.5 restarts a role whose parameter changes after it was healed (man page).
parameter() {
	cluster crm_resource --resource web1 --set-parameter on_stall --parameter-value "$1" >/dev/null
	settled 120
	await 60 "web1 answering" ping_answers web1
	await 20 "web1 writing" has_written web1 "$(disk_seq web1)"
	BOOT=$(boot_id web1)
}

events_say() {
	cluster vmha events --vm web1 2>/dev/null | grep -E -- "$1" >/dev/null
}

say() {
	await 20 "an event: $1" events_say "$1"
	figure "$(cluster vmha events --vm web1 2>/dev/null | grep -E -- "$1" | tail -n 1)"
}

# dirties: at 20 MiB/s or more, by a sample of a second.
dirties() {
	local rate
	on node1 virsh domdirtyrate-calc web1 --seconds 1 || return 1
	sleep 1.5
	rate=$(on node1 virsh domstats --dirtyrate web1 | sed -n 's/.*megabytes_per_second=//p')
	((${rate:-0} >= 20))
}

round_two() {
	on node1 virsh domjobinfo web1 2>/dev/null | grep -E 'Iteration: *([2-9]|[1-9][0-9])' >/dev/null
}

# move_begin [RATE]: from node1 to node2; that slow once all memory has been copied a first time.
# No progress is told behind a whole round: at this rate one is over after a few seconds, and the guest
# has changed all of it again long before.
move_begin() {
	await 120 "the guest changing its memory" dirties
	watch web1
	lab slow node1:mig 100mbit
	background mover lab exec node3 -- vmha migrate web1 --to node2 --wait >"$WORK/out.log" 2>&1
	await 90 "the second round" round_two
	lab slow node1:mig "${1:-30mbit}"
}

move_wait() {
	RC=0
	wait "${PIDS[mover]}" || RC=$?
	unset "PIDS[mover]"
	lab heal all
	figure "$(tail -n 1 "$WORK/out.log")"
}

# move STATUS [RATE]: begun, until it has ended.
move() {
	move_begin "${2:-}"
	move_wait
	((RC == $1)) || fail "status $RC: $(cat "$WORK/out.log")"
}

# moved NODE GAP_MS: it runs there, with the same memory.
moved() {
	await 30 "no open migration" migrations_none_open
	await 30 "web1 managed" role_managed web1
	await 20 "web1 on $1" role_is_on web1 "$1"
	await 10 "web1 with one process" role_is_up web1
	unwatch web1 "$2"
	[[ $(boot_id web1) == "$BOOT" ]] || fail "the guest was restarted"
}

home() {
	role_is_on web1 node1 || cluster vmha migrate web1 --to node1 --mode quick >"$WORK/out.log" 2>&1 ||
		fail "back: $(cat "$WORK/out.log")"
	await 30 "no open migration" migrations_none_open
	BOOT=$(boot_id web1)
}

# stall_cases NAME...: each case, and web1 back on node1.
stall_cases() {
	local name
	lab_begin --volume dir
	await 60 "clusterd" clusterd_ready
	cluster_from node3
	# at full speed: a guest that is to pace itself does not when its clock was calibrated under load
	role_make web1 --memory 192 --dirty 40:0
	migrate_over mig
	setting migration-stall=5 migration-autoconverge=off
	home
	for name in "$@"; do
		step "$name"
		"case_$name"
		home
	done
	disk_good web1
}
