#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# vmha-test: timeout=400 lab=own
# vmha volume create: refusals, undoing when a node cannot join, and kill -9 at every step; and its removal
# while another node waits for its fence.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"

PATH_OF=/clusterstorage/$VOLUME
CREATE=(vmha volume create "$VOLUME" --path "$PATH_OF" --io-timeout 1)
STEPS=mkdir,rename,unlink,fchmod,connect,clone

meta() {
	printf '%s/storage/%s/.vmha' "$LAB_STATE" "$VOLUME"
}

configured() {
	cluster cibadmin --query --xpath "//primitive[@id='$VOLUME']" >/dev/null 2>&1
}

all_joined() {
	local node
	for node in "${NODES[@]}"; do
		node_joined "$node" || return 1
	done
}

none_joined() {
	local node
	for node in "${NODES[@]}"; do
		! node_joined "$node" || return 1
	done
}

volume_remove() {
	cluster crm_resource --resource "$VOLUME-clone" --meta --set-parameter target-role \
		--parameter-value Stopped >/dev/null
	settled 60
	cluster cibadmin --delete-all --force --xpath "//clone[@id='$VOLUME-clone']" >/dev/null
	settled 60
	rm -rf "$(meta)"
}

# traced OPTIONS...: strace, beside which no leak can be looked for.
traced() {
	cluster strace -E "ASAN_OPTIONS=$SANITIZER_OPTIONS:detect_leaks=0" "$@"
}

# refused TEXT CMD...: fails with that in its words, and leaves nothing.
refused() {
	local text=$1 rc=0
	shift
	cluster "$@" >"$WORK/refused.log" 2>&1 || rc=$?
	((rc == 1)) || fail "status $rc instead of 1: $*: $(cat "$WORK/refused.log")"
	grep -q -- "$text" "$WORK/refused.log" || fail "'$text' is not in: $(cat "$WORK/refused.log")"
}

unclean() {
	cluster crm_mon -1 --output-as=xml | grep "<node name=\"$1\".* unclean=\"true\"" >/dev/null
}

lab_begin --no-volume

step "refusals"
refused "cannot use" vmha volume create "$VOLUME" --path /clusterstorage/nowhere
refused "is not a directory" vmha volume create "$VOLUME" --path /etc/hostname
refused "already uses the name power" vmha volume create power --path "$PATH_OF"
mkdir "$(meta)"
refused "is there without being a volume" "${CREATE[@]}"
rmdir "$(meta)"
[[ ! -e $(meta) ]] || fail "a refused create has left something"

step "a node without sanlock cannot join: all is undone"
lab service node3 stop sanlock
refused "node node3 cannot join" "${CREATE[@]}"
figure "undone: $(tail -n 1 "$WORK/refused.log")"
[[ ! -e $(meta) ]] || fail "the failed create has left $(ls "$(meta)")"
! configured || fail "the failed create has left its resource"
await 20 "no node in the lockspace" none_joined
lab service node3 start sanlock

step "the change of the CIB is made, but its tool says no: undone as well"
# shellcheck disable=SC2016 # for the node's shell
on node1 sh -c 'mkdir /root/unsure && cat >/root/unsure/cibadmin && chmod +x /root/unsure/cibadmin' <<-'END'
	#!/bin/sh
	/usr/sbin/cibadmin "$@" || exit
	case $* in *--allow-create*) exit 124 ;; esac
END
refused "cibadmin" env PATH=/root/unsure:/usr/sbin:/usr/bin:/sbin:/bin "${CREATE[@]}"
grep -q "all that was made has been undone" "$WORK/refused.log" || fail "not undone: $(cat "$WORK/refused.log")"
! configured || fail "the failed create has left its resource"
[[ ! -e $(meta) ]] || fail "the failed create has left $(ls "$(meta)")"

step "kill -9 at every step"
on node1 sh -c 'command -v strace' >/dev/null || skip "needs strace"
traced -o /tmp/steps -e "trace=$STEPS" "${CREATE[@]}" >"$WORK/create.log" 2>&1 ||
	fail "create: $(cat "$WORK/create.log")"
figure "create: $(grep ready "$WORK/create.log")"
all_joined || fail "create returned before all nodes had joined"
refused "exists already" "${CREATE[@]}"
refused "is already the path of volume" vmha volume create other --path "$PATH_OF"
all_joined || fail "a repeated create did harm"
volume_remove

# what the steps were, each with its number among those of its kind, up to the first look for nodes
cluster cat /tmp/steps | awk -F'(' '
	$1 ~ /^[a-z]+$/ { print $1 ":" ++n[$1] }
	$1 == "rename" && n[$1] == 2 { record = NR }
	$1 == "clone" && record && ++after == 3 { exit }' >"$WORK/steps"
figure "steps: $(wc -l <"$WORK/steps")"

# A child of the one that was killed may still write to the CIB; the write is done when it ends.
no_children() {
	[[ -z $(node_pids "$CLUSTER_NODE" '(^|/)(cibadmin|crm_resource|crm_mon|crm_node|crm_attribute|vmha) ') ]]
}

FORCED=0 FINISHED=0
# killed_at STEP: create, killed there; what the one before left must not hinder it.
killed_at() {
	local step=$1 rc=0
	traced -o /dev/null -e "trace=${step%:*}" -e "inject=${step%:*}:signal=KILL:when=${step#*:}" \
		"${CREATE[@]}" >"$WORK/killed.log" 2>&1 || rc=$?
	if grep -q 'repeat with --force' "$WORK/killed.log"; then
		[[ -e $(meta)/volume ]] || fail "$step: --force asked for without need: $(cat "$WORK/killed.log")"
		cluster "${CREATE[@]}" --force >"$WORK/forced.log" 2>&1 ||
			fail "$step: create --force: $(cat "$WORK/forced.log")"
		all_joined || fail "$step: create --force returned before all nodes had joined"
		FORCED=$((FORCED + 1))
		volume_remove
		killed_at "$step"
		return
	fi
	[[ $rc == 137 ]] || fail "$step: status $rc instead of a kill: $(cat "$WORK/killed.log")"
	await 30 "$step: what it has started at its end" no_children
	if configured; then
		await 30 "$step: all nodes joined" all_joined
		refused "exists already" "${CREATE[@]}"
		FINISHED=$((FINISHED + 1))
		volume_remove
	fi
}

while read -r STEP; do
	killed_at "$STEP"
done <"$WORK/steps"
figure "kills=$(wc -l <"$WORK/steps") taken_over_with_force=$FORCED finished_by_pacemaker=$FINISHED"

step "and in the end it works"
cluster "${CREATE[@]}" --force >"$WORK/create.log" 2>&1 || fail "create: $(cat "$WORK/create.log")"
all_joined || fail "not all nodes have joined"
[[ ! -e $(meta)/creating ]] || fail "the mark of an unfinished create is still there"
[[ $(fences_count) == 0 ]] || fail "fenced: $(fences)"

step "a node that is not in it waits for a fence that does not come: no removal waits for that"
cluster crm_standby --node node3 --update on
settled 60
for NODE in node1 node2; do
	lab cut "$NODE" mgt # to the power switch
done
lab power off node3
await 60 "node3 to be fenced" unclean node3
START=$(now_ms)
cluster vmha volume remove "$VOLUME" --destroy >"$WORK/remove.log" 2>&1 || fail "remove: $(cat "$WORK/remove.log")"
figure "removed after $(($(now_ms) - START)) ms"
unclean node3 || fail "the removal has waited for the fence of node3"
for NODE in node1 node2; do
	! node_joined "$NODE" || fail "$NODE is still in the removed volume"
done
[[ ! -e $(meta) ]] || fail "the removed volume is still there"
