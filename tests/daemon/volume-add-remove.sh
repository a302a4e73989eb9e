#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# vmha-test: timeout=400 lab=own weight=1
# A volume is taken out of the cluster and brought in again with its VM, refused while roles are on it or
# somebody else is in its lockspace; volume check finds what is wrong; --destroy makes it no volume.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"
PATH_OF=/clusterstorage/$VOLUME

meta() {
	printf '%s/storage/%s/.vmha' "$LAB_STATE" "$VOLUME"
}

refused() {
	local text=$1 rc=0
	shift
	cluster "$@" >"$WORK/refused.log" 2>&1 || rc=$?
	((rc == 1)) || fail "status $rc instead of 1: $*: $(cat "$WORK/refused.log")"
	grep -q -- "$text" "$WORK/refused.log" || fail "'$text' is not in: $(cat "$WORK/refused.log")"
	figure "$(tail -n 1 "$WORK/refused.log")"
}

does() {
	cluster "$@" >"$WORK/does.log" 2>&1 || fail "$*: $(cat "$WORK/does.log")"
	figure "$(tail -n 1 "$WORK/does.log")"
}

all_joined() {
	local node
	for node in "${NODES[@]}"; do
		node_joined "$node" || return 1
	done
}

checked() {
	cluster vmha volume check "$VOLUME" >"$WORK/check.log" 2>&1
}

# check_finds TEXT
check_finds() {
	local rc=0
	cluster vmha volume check "$VOLUME" >"$WORK/check.log" 2>&1 || rc=$?
	((rc == 3)) || fail "volume check: status $rc instead of 3: $(cat "$WORK/check.log")"
	grep -q -- "$1" "$WORK/check.log" || fail "volume check does not find '$1': $(cat "$WORK/check.log")"
	figure "volume check: $(grep -- "$1" "$WORK/check.log" | head -n 1)"
}

# A host of another cluster that renews: what sanlock writes at each renewal, by hand.
foreign_beat() {
	local n=1
	while :; do
		printf '\x%02x' $((n++ % 250 + 1)) >"$WORK/beat"
		printf '%b' "$(cat "$WORK/beat")" | dd of="$(meta)/lockspace" bs=1 seek=$((6 * 512 + 152)) conv=notrunc status=none
		sleep 0.2
	done
}

lab_begin --volume dir
cluster_from node2
role_make web1

step "refused while a role is on it"
refused "has roles: web1" vmha volume remove "$VOLUME"
all_joined || fail "a refused remove did harm"
checked || fail "volume check: $(cat "$WORK/check.log")"
cat "$WORK/check.log"
cluster vmha volume check --output json | jq -e '.[0].failures == 0' >/dev/null || fail "volume check: no JSON"

step "what volume check finds"
# the record of a role that has a lease and a resource
mv "$LAB_STATE/storage/$VOLUME/web1/web1.xml" "$WORK/web1.xml"
check_finds "web1 is"
mv "$WORK/web1.xml" "$LAB_STATE/storage/$VOLUME/web1/web1.xml"
checked || fail "volume check: $(cat "$WORK/check.log")"
mv "$(meta)/volume" "$WORK/record"
check_finds "fail *record"
mv "$WORK/record" "$(meta)/volume"
on node3 attrd_updater -n "vmha-volume-$VOLUME" -U "$(jq -rn '"another-id 1 1"')"
await 10 "the other id is seen" check_finds "another storage of that name"
on node3 attrd_updater -n "vmha-volume-$VOLUME" -D
checked || fail "volume check: $(cat "$WORK/check.log")"

step "out of the cluster"
does vmha vm remove web1 --force
does vmha volume remove "$VOLUME"
[[ -e $(meta)/volume ]] || fail "its data is gone"
! cluster cibadmin --query --xpath "//*[@id='$VOLUME']" >/dev/null 2>&1 || fail "the resource is left"
refused "is not a resource" vmha volume remove "$VOLUME"
refused "is not a resource" vmha volume check "$VOLUME"

step "brought in again: not under another name, not while somebody else is in it"
refused "holds volume $VOLUME, not vol7" vmha volume add vol7 --path "$PATH_OF"
refused "holds no volume" vmha volume add vol7 --path /srv
background beat foreign_beat
refused "is in use: host id 7" vmha volume add "$VOLUME" --path "$PATH_OF" --force
kill "${PIDS[beat]}"
wait "${PIDS[beat]}" 2>/dev/null || true
refused "was not left by host id 7" vmha volume add "$VOLUME" --path "$PATH_OF"
dd if=/dev/zero of="$(meta)/lockspace" bs=1 seek=$((6 * 512 + 152)) count=8 conv=notrunc status=none
does vmha volume add "$VOLUME" --path "$PATH_OF"
all_joined || fail "add returned before all nodes had joined"
refused "exists already" vmha volume add "$VOLUME" --path "$PATH_OF"
await 20 "volume check is content" checked

step "a role on it as before; destroyed only when it is empty"
role_make web2
does vmha vm remove web2 --force
mkdir "$LAB_STATE/storage/$VOLUME/old"
touch "$LAB_STATE/storage/$VOLUME/old/old.role"
refused "would lose" vmha volume remove "$VOLUME" --destroy
rm -r "$LAB_STATE/storage/$VOLUME/old"
all_joined || fail "a refused remove did harm"
does vmha volume remove "$VOLUME" --destroy
[[ ! -e $(meta) ]] || fail "it is a volume still: $(ls "$(meta)")"
does vmha volume create "$VOLUME" --path "$PATH_OF" --io-timeout 1
all_joined || fail "not all nodes have joined"
[[ $(fences_count) == 0 ]] || fail "fenced: $(fences)"
