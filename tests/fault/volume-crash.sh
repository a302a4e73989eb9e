#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# vmha-test: timeout=700 lab=own
# What changes a volume's metadata is cut short at every write: the command killed at each of its writing system
# calls, the calls failing, sanlock killed in its own writes, the node switched off.  Whatever is left is old or new,
# or says what was begun; and whoever comes next, on any node, is not hindered by it.
# VMHA_TEST_CASES picks from CASES; VMHA_TEST_STRIDE=1 kills at every call, not at every second; VMHA_TEST_SEED
# repeats which, and the moments at which the power goes.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"

CASES="edit kill fail sanlock power"
NAME=web2
DIR=/clusterstorage/$VOLUME
XML=/root/$NAME.xml
ADD=(vmha vm add "$NAME" --xml "$XML" --volume "$VOLUME" --disabled)
REMOVE=(vmha vm remove "$NAME")
# what writes, to the volume, to sanlock and (a program is started) to the cluster
STEPS=mkdir,rmdir,rename,unlink,unlinkat,fchmod,fsync,write,connect,sendto,clone
STRIDE=${VMHA_TEST_STRIDE:-2}
SEED=${VMHA_TEST_SEED:-$RANDOM}
RANDOM=$SEED

# traced NODE OPTIONS...: strace, beside which no leak can be looked for.
traced() {
	local node=$1
	shift
	on "$node" strace -qq -E "ASAN_OPTIONS=$SANITIZER_OPTIONS:detect_leaks=0" "$@"
}

# A child of the one that was killed may still write to the CIB; the write is done when it ends.
no_children() {
	[[ -z $(node_pids "$1" '(^|/)(cibadmin|crm_resource|crm_mon|crm_node|vmha|virsh|qemu-img) ') ]]
}

configured() {
	on node3 cibadmin --query --xpath "//primitive[@id='$NAME']" >/dev/null 2>&1
}

leases() {
	on node3 vmha volume show "$VOLUME" --output json | jq --arg n "$NAME" '[.leases[] | select(.lease == $n)] | length'
}

intent_file() {
	printf '%s/storage/%s/.vmha/intents/%s.intent' "$LAB_STATE" "$VOLUME" "$NAME"
}

# unended: files of writes that did not come to their end.
unended() {
	find "$LAB_STATE/storage/$VOLUME" -name "$NAME.*.tmp"
}

# has: what there is of the role, as letters: l(ease) x(ml) r(ecord) c(onfigured) i(ntent)
has() {
	local s=''
	case $(leases) in
	0) ;;
	1) s+=l ;;
	*) s+=L ;;
	esac
	[[ ! -e $(role_file "$NAME" xml) ]] || s+=x
	[[ ! -e $(role_file "$NAME" role) ]] || s+=r
	! configured || s+=c
	[[ ! -e $(intent_file) ]] || s+=i
	printf '%s' "$s"
}

# has_still: twice the same, for the volume's coordinator may settle it while it is looked at.
has_still() {
	local s='' before=-
	while [[ $s != "$before" ]]; do
		before=$s
		s=$(has)
	done
	printf '%s' "$s"
}

# old_or_new WHAT: nothing, or a whole role, or one that says what was begun.
old_or_new() {
	local s
	s=$(has_still)
	case $s in
	'' | lxrc | lxrci) ;;
	*c* | *L*) fail "$1: half a role is configured: $s" ;;
	*i) BEGUN=$((BEGUN + 1)) ;;
	*) fail "$1: left without a word of what was begun: $s" ;;
	esac
	# what is there of a role can be read to its end
	if [[ $s == lxrc* ]]; then
		xmllint --noout "$(role_file "$NAME" xml)" || fail "$1: half a definition"
		grep -q '^sum=' "$(role_file "$NAME" role)" || fail "$1: half a record"
	fi
}

# exactly WHAT LETTERS: and nothing else, no rubbish either.
exactly() {
	local s
	s=$(has)
	[[ $s == "$2" ]] || fail "$1: has '$s', not '$2'"
	[[ -z $(unended) ]] || fail "$1: left $(unended)"
}

# repeated NODE WHAT COMMAND...: succeeds, or says that it is done already.
repeated() {
	local node=$1 what=$2 rc=0
	shift 2
	on "$node" "$@" >"$WORK/again.log" 2>&1 || rc=$?
	((rc == 0)) || grep -qE "has a role named $NAME already|there is no role named '$NAME'" "$WORK/again.log" ||
		fail "$what, then again on $node: status $rc: $(cat "$WORK/again.log")"
}

# steps_of COMMAND...: its writing calls into $WORK/steps, each with its number among those of its kind, from the
# first that touches the volume on.
steps_of() {
	traced node1 -o /tmp/steps -s 64 -e "trace=$STEPS" "$@" >"$WORK/steps.log" 2>&1 || fail "$*: $(cat "$WORK/steps.log")"
	on node1 cat /tmp/steps | awk -F'(' '
		$1 !~ /^[a-z]+$/ { next }
		{ n[$1]++ }
		/intents/ { begun = 1 }
		begun && !/^write\([12],/ { print $1 ":" n[$1] }' >"$WORK/steps"
	[[ -s $WORK/steps ]] || fail "no step of '$*' touches the volume"
}

# killed_at STEP COMMAND...: on node1.
killed_at() {
	local step=$1 rc=0
	shift
	traced node1 -o /dev/null -e "trace=${step%:*}" -e "inject=${step%:*}:signal=KILL:when=${step#*:}" "$@" \
		>"$WORK/killed.log" 2>&1 || rc=$?
	[[ $rc == 137 ]] || SURVIVED=$((SURVIVED + 1))
	await 30 "$step: what it has started at its end" no_children node1
}

case_kill() {
	local add remove i node step adds=() removes=()
	steps_of "${ADD[@]}"
	mapfile -t adds <"$WORK/steps"
	steps_of "${REMOVE[@]}"
	mapfile -t removes <"$WORK/steps"
	for ((i = RANDOM % STRIDE; i < ${#adds[@]} || i < ${#removes[@]}; i += STRIDE)); do
		node=${NODES[i / STRIDE % 2]}
		add=${adds[i]:-} remove=${removes[i]:-}
		if [[ -n $add ]]; then
			killed_at "$add" "${ADD[@]}"
			old_or_new "add killed at $add"
		fi
		repeated "$node" "add killed at $add" "${ADD[@]}"
		exactly "add killed at $add and repeated" lxrc
		if [[ -n $remove ]]; then
			killed_at "$remove" "${REMOVE[@]}"
			old_or_new "remove killed at $remove"
		fi
		repeated "$node" "remove killed at $remove" "${REMOVE[@]}"
		exactly "remove killed at $remove and repeated" ''
	done
	figure "calls_add=${#adds[@]} calls_remove=${#removes[@]} stride=$STRIDE begun=$BEGUN survived=$SURVIVED"
}

# failed_at STEP ERROR TEXT COMMAND...: that call, and all behind it of its kind, fail.
failed_at() {
	local step=$1 error=$2 text=$3 rc=0 when=${1#*:}
	shift 3
	[[ ${step%:*} == write ]] || when+=+ # else its words would be lost too
	traced node1 -o /dev/null -e "trace=${step%:*}" -e "inject=${step%:*}:error=$error:when=$when" "$@" \
		>"$WORK/failed.log" 2>&1 || rc=$?
	old_or_new "$step fails with $error"
	if ((rc == 0)); then
		configured || fail "$step fails with $error: status 0, but it is no role"
		return
	fi
	((rc == 1)) || fail "$step fails with $error: status $rc: $(cat "$WORK/failed.log")"
	grep -qF "$text" "$WORK/failed.log" || fail "$step fails with $error: not said: $(cat "$WORK/failed.log")"
	! configured || fail "$step fails with $error: status 1, but it is a role"
	REFUSED=$((REFUSED + 1))
}

case_fail() {
	local i step steps=()
	steps_of "${ADD[@]}"
	mapfile -t steps < <(grep -E '^(mkdir|write|fsync|rename|fchmod):' "$WORK/steps")
	on node1 "${REMOVE[@]}" >"$WORK/remove.log" 2>&1 || fail "$(cat "$WORK/remove.log")"
	for ((i = RANDOM % STRIDE; i < ${#steps[@]}; i += STRIDE)); do
		step=${steps[i]}
		case $step in
		mkdir:* | write:*) failed_at "$step" ENOSPC "No space left on device" "${ADD[@]}" ;;
		rename:*) failed_at "$step" EROFS "Read-only file system" "${ADD[@]}" ;;
		fchmod:*) failed_at "$step" EPERM "Operation not permitted" "${ADD[@]}" ;;
		*) failed_at "$step" EIO "Input/output error" "${ADD[@]}" ;;
		esac
		repeated node2 "$step failing" "${ADD[@]}"
		exactly "$step failing, and repeated" lxrc
		on node2 "${REMOVE[@]}" >"$WORK/remove.log" 2>&1 || fail "$(cat "$WORK/remove.log")"
		exactly "$step failing, repeated, removed" ''
	done
	figure "calls=${#steps[@]} stride=$STRIDE refused=$REFUSED"
}

# Two definitions, one after the other, by the same command.
case_edit() {
	local step xml before after n=0
	on node1 "${ADD[@]}" >"$WORK/add.log" 2>&1 || fail "$(cat "$WORK/add.log")"
	xml=$(role_file "$NAME" xml)
	before=$(cat "$xml")
	on node1 sh -c "sed 's:<vcpu>1</vcpu>:<vcpu>2</vcpu>:' $XML >/root/two.xml"
	for step in $(seq -f 'rename:%g' 1 1) $(seq -f 'fsync:%g' 1 2) fchmod:1 unlink:1; do
		killed_at "$step" vmha vm edit "$NAME" --xml /root/two.xml
		after=$(cat "$xml")
		[[ $after == "$before" || $after == *'<vcpu>2</vcpu>'* ]] || fail "edit killed at $step: $after"
		xmllint --noout "$xml" || fail "edit killed at $step: half a definition"
		on node2 sh -c 'cat >/root/two.xml' < <(on node1 cat /root/two.xml)
		on node2 vmha vm edit "$NAME" --xml /root/two.xml >"$WORK/edit.log" 2>&1 || fail "$(cat "$WORK/edit.log")"
		grep -q '<vcpu>2</vcpu>' "$xml" || fail "edit killed at $step and repeated: $(cat "$xml")"
		exactly "edit killed at $step and repeated" lxrc
		on node1 vmha vm edit "$NAME" --xml "$XML" >"$WORK/edit.log" 2>&1 || fail "$(cat "$WORK/edit.log")"
		n=$((n + 1))
	done
	on node1 "${REMOVE[@]}" >"$WORK/remove.log" 2>&1 || fail "$(cat "$WORK/remove.log")"
	figure "kills_edit=$n"
}

# node_back NODE: fenced, on again, and in the volume.
node_back() {
	await 60 "$1 fenced" fenced_since "$1"
	node_power_restored "$1"
	await 90 "$1 in the volume again" node_joined "$1"
	settled 90
}

fenced_since() {
	(($(fences_count) > FENCES))
}

# repeated_in SECONDS NODE WHAT COMMAND...: sooner or later, for the lost node has the lock, and perhaps the lease of
# sanlock's index, until it is fenced.
repeated_in() {
	local seconds=$1 node=$2 what=$3 start=$EPOCHREALTIME
	shift 3
	await "$seconds" "$what, then again on $node" again "$node" "$@"
	figure "$what: repeated on $node after $(seconds_since "$start") s"
}

again() {
	local node=$1
	shift
	on "$node" "$@" >"$WORK/again.log" 2>&1 ||
		grep -qE "has a role named $NAME already|there is no role named '$NAME'" "$WORK/again.log"
}

# killed_sanlock WHAT COMMAND...: on node1, whose sanlock is killed in the middle of its own writes of the index.  No VM
# runs there: the node is not fenced, and joins again when sanlock is back.
killed_sanlock() {
	local what=$1 nth=$((8 + RANDOM % 7))
	shift
	background strace strace -qq -f -o /dev/null -p "$(daemon_pid node1 sanlock)" -e trace=io_submit \
		-e "inject=io_submit:signal=KILL:when=$nth"
	await 10 "strace at sanlock of node1" grep -qE '^TracerPid:[[:blank:]]+[1-9]' "/proc/$(daemon_pid node1 sanlock)/status"
	on node1 timeout 60 "$@" >"$WORK/sanlock.log" 2>&1 || true
	old_or_new "$what, sanlock killed at transfer $nth of a thread"
	wait "${PIDS[strace]}" 2>/dev/null || true
	unset 'PIDS[strace]'
	lab service node1 start sanlock
	await 90 "node1 in the volume again" node_joined node1
	repeated_in 90 node2 "$what, sanlock killed at transfer $nth" "$@"
}

case_sanlock() {
	killed_sanlock add "${ADD[@]}"
	exactly "add, sanlock killed, repeated" lxrc
	on node2 "${REMOVE[@]}" >"$WORK/remove.log" 2>&1 || fail "$(cat "$WORK/remove.log")"
	exactly "add, sanlock killed, repeated, removed" ''
}

# power_off WHAT COMMAND...: node1 loses power somewhere in the command.
power_off() {
	local what=$1 FENCES after
	shift
	after=0.$((RANDOM % 10))$((RANDOM % 10))
	FENCES=$(fences_count)
	on node1 "$@" >"$WORK/power.log" 2>&1 &
	sleep "$after" # the moment is what is tried
	lab power off node1
	wait "$!" 2>/dev/null || true
	old_or_new "$what, power off after $after s"
	repeated_in 150 node2 "$what, power off after $after s" "$@"
	node_back node1
}

case_power() {
	power_off add "${ADD[@]}"
	exactly "add, power off, repeated" lxrc
	power_off remove "${REMOVE[@]}"
	exactly "remove, power off, repeated" ''
}

lab_begin --volume dir
on node1 sh -c 'command -v strace' >/dev/null || skip "needs strace"
lab guest disk "$DIR/$NAME/$NAME.img"
lab guest xml "$NAME" --disk "$DIR/$NAME/$NAME.img" >"$WORK/$NAME.xml"
for NODE in "${NODES[@]}"; do
	on "$NODE" sh -c "cat >$XML" <"$WORK/$NAME.xml"
done
figure "seed=$SEED"
BEGUN=0 SURVIVED=0 REFUSED=0
for CASE in ${VMHA_TEST_CASES:-$CASES}; do
	step "$CASE"
	BEGUN=0 SURVIVED=0 REFUSED=0
	"case_$CASE"
	[[ -s $LAB_STATE/storage/$VOLUME/$NAME/$NAME.img ]] || fail "$CASE: the disk is gone"
done
