#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# vmha-test: timeout=240 lab=own
# Two labs at once know nothing of each other, and down of one leaves the other alone.
. "$(dirname "$0")/../lib.sh"
# shellcheck source=tests/lab/leftovers.sh
. "$(dirname "$0")/leftovers.sh"

OTHER=${LAB:0:13}-b
other_down() {
	"$LAB_BIN" --name "$OTHER" down >/dev/null || rc=1
}

lab_begin --nodes 2 --no-volume
cleanup_add other_down
"$LAB_BIN" --name "$OTHER" up --nodes 2 --no-volume --volume lun >"$WORK/other.log" 2>&1 || {
	cat "$WORK/other.log" >&2
	fail "the second lab did not come up"
}
rc=0
"$LAB_BIN" --name "$OTHER" up >"$WORK/twice.log" 2>&1 || rc=$?
if ((rc == 0)) || ! grep -q "there is a lab '$OTHER' already" "$WORK/twice.log"; then
	fail "up twice: $(cat "$WORK/twice.log")"
fi
step "both are up"
await 20 "the first lab's nodes online, now that the second is there" nodes_online 2

on node1 sh -c 'echo one >/clusterstorage/vol1/whose'
"$LAB_BIN" --name "$OTHER" exec node1 test ! -e /clusterstorage/vol1/whose || fail "shared storage"
address=$("$LAB_BIN" --name "$OTHER" exec node1 hostname -I | cut -d' ' -f1)
on node1 ping -c 1 -W 1 "$address" >/dev/null && [[ $(on node1 hostname -I) != *"$address"* ]] &&
	fail "the labs' networks are connected"
[[ $(on node1 corosync-cmapctl | grep -c 'runtime.members.*ip') == 2 ]] || fail "corosync's members"
step "they see nothing of each other"

"$LAB_BIN" --name "$OTHER" down
expect_gone "$OTHER"
await 20 "the first lab's nodes online without the second" nodes_online 2
[[ $(fences_count) == 0 ]] || fail "the second lab hurt the first: fenced: $(fences)"
[[ $(on node2 cat /clusterstorage/vol1/whose) == one ]] || fail "down of the second lab hurt the first's storage"
step "down of one leaves the other"
lab down
expect_gone "$LAB"
