#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# vmha-test: timeout=700 lab=own weight=1
# Quick migration interrupted: the source loses power after SAVED, the target during RESTORING; old
# saved states brought back by hand, with and without their record; a damaged one; a changed image.
# The guest continues from its saved memory, or boots fresh and it is said why: never both, never
# stale.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"
VM=web1

agent_log_says() {
	grep -hE -- "$1" "$LAB_STATE"/node*/var/log/pacemaker/pacemaker.log "$WORK"/agent*.log 2>/dev/null |
		tail -n 1 || true
}

# Continued with the same boot id, or booted and said why.
continued_or_said_why() {
	local boot=$1 what=$2 why
	if [[ $(boot_id "$VM") == "$boot" ]]; then
		figure "$what: the guest continues from its saved memory"
		return
	fi
	why=$(agent_log_says 'set aside|boots? fresh|booting')
	[[ -n $why ]] || fail "$what: the guest was booted and nobody says why"
	figure "$what: booted fresh: $why"
}

state_exists() {
	[[ -s $(role_file "$VM" state) && -s $(role_file "$VM" state.rec) ]]
}

nothing_is_left() {
	! [[ -e $(role_file "$VM" state) || -e $(role_file "$VM" state.rec) ]]
}

quick_move() { # TO
	on node3 vmha migrate "$VM" --to "$1" --mode quick >"$WORK/migrate.log" 2>&1
}

mover_end() {
	wait "${PIDS[migrate]}" || true
	unset 'PIDS[migrate]'
}

# watch_for CMD...: like await, but as fast as can be, for moments.
watch_for() {
	local end=$(($(now_ms) + 60000))
	until "$@"; do
		(($(now_ms) < end)) || late "$*"
	done
}

# Not the coordinator: its successor would stop and start the role anew when the arrival is not in its
# records yet (DESIGN.md, I2).
lost_power_after_saved() {
	local boot start from=node1 to=node2
	[[ $(cluster_dc) != node1 ]] || from=node2 to=node1
	step "the source $from loses power after SAVED"
	role_to "$VM" "$from"
	cluster_from node3
	boot=$(boot_id "$VM")
	watch "$VM"
	# the target's storage is slow, so that the source is gone before RESTORING is over
	lab stall-storage "$to" delay 20
	background migrate quick_move "$to"
	watch_for state_exists
	start=$(now_ms)
	lab power off "$from"
	SEQ=$(disk_seq "$VM")
	step "state and record are on the volume, $from is off"
	lab heal "$to"
	await 240 "$VM running" role_is_up "$VM"
	await 120 "$VM answering" ping_answers "$VM"
	figure "source lost after SAVED: answers after $(($(now_ms) - start)) ms"
	mover_end
	after_power_loss "$boot" "source lost after SAVED" "$from"
}

lost_power_in_restoring() {
	local boot start
	step "the target loses power during RESTORING"
	role_to "$VM" node1
	cluster_from node3
	boot=$(boot_id "$VM")
	watch "$VM"
	lab stall-storage node2 delay 20
	background migrate quick_move node2
	watch_for state_exists
	watch_for restoring_on node2
	start=$(now_ms)
	lab power off node2
	SEQ=$(disk_seq "$VM")
	step "a process of $VM was on node2, node2 is off"
	await 240 "$VM running" role_is_up "$VM"
	await 120 "$VM answering" ping_answers "$VM"
	figure "target lost in RESTORING: answers after $(($(now_ms) - start)) ms"
	mover_end
	after_power_loss "$boot" "target lost in RESTORING" node2
}

restoring_on() {
	[[ -n $(qemu_pid "$1" "$VM") ]]
}

# after_power_loss BOOT WHAT LOST; SEQ: the last write before
after_power_loss() {
	settled 240
	await 60 "$VM writing" has_written "$VM" "$SEQ"
	unwatch "$VM"
	((W[overlap_ms] == 0 && W[end_leased] == 1)) || fail "$2: not one leased runner"
	continued_or_said_why "$1" "$2"
	nothing_is_left || fail "$2: a saved state is left: $(ls -la "$(dirname "$(role_file "$VM" x)")")"
	disk_good "$VM"
	node_power_restored "$3"
	await 90 "all nodes online" nodes_online 3
	await 60 "$3 in the volume" node_joined "$3"
	# while its move is open there is nothing to be healed
	await 180 "no open migration" migrations_none_open
	on node3 vmha heal "$VM" || fail "$2: vmha heal"
	settled 120
	await 60 "$VM managed" role_managed "$VM"
}

# --- by hand: Pacemaker is told to keep out -------------------------------------------------------

# by_hand NODE ACTION [VAR=VALUE...]: output in agent.log, exit status in RC
by_hand() {
	RC=0
	agent "$1" "$VM" "${@:2}" >"$WORK/agent.log" 2>&1 || RC=$?
	cat "$WORK/agent.log" >>"$WORK/agent-all.log"
}

save_by_hand() {
	await 60 "no open migration" migrations_none_open
	by_hand node1 migrate_to OCF_RESKEY_migration_mode=quick \
		OCF_RESKEY_CRM_meta_migrate_source=node1 OCF_RESKEY_CRM_meta_migrate_target=node2
	((RC == 0)) || fail "migrate_to (quick) by hand: $RC: $(cat "$WORK/agent.log")"
	state_exists || fail "migrate_to (quick) has left no state with record"
	[[ -z $(qemu_nodes "$VM") ]] || fail "a process is left after SAVED"
}

# fresh_boot_expected BOOT WHAT: start on node2 boots, sets aside and says why
fresh_boot_expected() {
	local boot=$1 what=$2 seq
	seq=$(disk_seq "$VM")
	by_hand node2 start
	((RC == 0)) || fail "$what: start: $RC: $(cat "$WORK/agent.log")"
	await 60 "$VM writing" has_written "$VM" "$seq"
	[[ $(boot_id "$VM") != "$boot" ]] || fail "$what: the guest continues with stale memory"
	nothing_is_left || fail "$what: state or record still there"
	grep -qiE 'aside' "$WORK/agent.log" || fail "$what: nobody says that it was set aside: $(cat "$WORK/agent.log")"
	figure "$what: $(grep -iE 'aside' "$WORK/agent.log" | tail -n 1)"
	disk_good "$VM"
	back_by_hand
}

back_by_hand() {
	local seq
	by_hand node2 stop
	seq=$(disk_seq "$VM")
	((RC == 0)) || fail "stop on node2: $RC: $(cat "$WORK/agent.log")"
	by_hand node1 start
	((RC == 0)) || fail "start on node1: $RC: $(cat "$WORK/agent.log")"
	await 60 "$VM writing, so it listens to its power button" has_written "$VM" "$seq"
	rm -f "$(dirname "$(role_file "$VM" x)")"/*aside*
}

states_by_hand() {
	local boot seq dir old=$WORK/old
	step "saved states tampered with (the role in maintenance, the agent called by hand)"
	role_to "$VM" node1
	cluster crm_resource --resource "$VM" --meta --set-parameter maintenance --parameter-value true >/dev/null
	settled 60
	dir=$(dirname "$(role_file "$VM" x)")
	mkdir "$old"
	watch "$VM"

	step "exact: saved on node1, restored on node2 by migrate_from"
	boot=$(boot_id "$VM")
	save_by_hand
	cp -p "$dir/$VM.state" "$dir/$VM.state.rec" "$old/"
	by_hand node2 migrate_from OCF_RESKEY_migration_mode=quick \
		OCF_RESKEY_CRM_meta_migrate_source=node1 OCF_RESKEY_CRM_meta_migrate_target=node2
	((RC == 0)) || fail "migrate_from by hand: $RC: $(cat "$WORK/agent.log")"
	await 20 "$VM answering" ping_answers "$VM"
	[[ $(boot_id "$VM") == "$boot" ]] || fail "the guest was restarted by a quick move"
	nothing_is_left || fail "state or record still there after success"
	back_by_hand

	step "an old state copied back, with its record"
	boot=$(boot_id "$VM")
	by_hand node1 stop
	cp -p "$old"/* "$dir/"
	fresh_boot_expected "$boot" "old state with its record"

	step "an old state copied back, without its record"
	boot=$(boot_id "$VM")
	by_hand node1 stop
	cp -p "$old/$VM.state" "$dir/"
	fresh_boot_expected "$boot" "old state without record"

	step "a state damaged on the volume"
	boot=$(boot_id "$VM")
	save_by_hand
	truncate -s -4096 "$dir/$VM.state"
	fresh_boot_expected "$boot" "damaged state"

	step "an image changed after the save"
	boot=$(boot_id "$VM")
	save_by_hand
	sleep 0.1
	touch "$(real_path "${DISK[$VM]}")"
	fresh_boot_expected "$boot" "changed image"

	step "migrate_from with a changed image fails, start then boots fresh"
	boot=$(boot_id "$VM")
	save_by_hand
	touch "$(real_path "${DISK[$VM]}")"
	by_hand node2 migrate_from OCF_RESKEY_migration_mode=quick \
		OCF_RESKEY_CRM_meta_migrate_source=node1 OCF_RESKEY_CRM_meta_migrate_target=node2
	((RC != 0)) || fail "migrate_from took stale memory"
	figure "migrate_from refused: $(tail -n 1 "$WORK/agent.log")"
	seq=$(disk_seq "$VM")
	by_hand node2 start
	((RC == 0)) || fail "start after it: $RC: $(cat "$WORK/agent.log")"
	await 60 "$VM writing" has_written "$VM" "$seq"
	[[ $(boot_id "$VM") != "$boot" ]] || fail "stale memory was continued"
	back_by_hand

	unwatch "$VM"
	disk_good "$VM"
}

lab_begin --volume dir
role_make "$VM" --memory 192 --dirty 64:20
PARTS=${VMHA_TEST_CASES:-lost_power_after_saved lost_power_in_restoring states_by_hand}
for PART in $PARTS; do
	"$PART"
done
