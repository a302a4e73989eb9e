#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# vmha-test: timeout=400 lab=own
# Lease latency: io_timeout chosen by measuring the storage, and late renewals told with the time at which
# sanlock would act.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"

PATH_OF=/clusterstorage/$VOLUME

measured() {
	on node1 vmha volume measure "$PATH_OF" --output json | jq -r "$1"
}

# told TEXT: an event of renewals says so.
told() {
	cluster vmha events --output json | jq -r '.[] | select(.kind == "renewal") | .text' >"$WORK/events.log"
	grep -E -- "$1" "$WORK/events.log"
}

lab_begin --no-volume
cluster_from node3
await 60 "clusterd" clusterd_ready

step "storage that answers late gets a longer io_timeout, well storage the floor"
[[ $(measured .io_timeout_s) == 10 ]] || fail "well storage: $(measured .chosen)"
lab stall-storage node1 delay 700
SLOW=$(measured .io_timeout_s)
figure "$(measured .chosen)"
((SLOW > 10)) || fail "slow storage: io_timeout $SLOW"
lab heal all
measured .chosen | grep -q 'never less by measurement' || fail "the floor is not said"

step "create measures and says how it chose"
on node1 vmha volume create "$VOLUME" --path "$PATH_OF" >"$WORK/create.log" 2>&1 ||
	fail "create: $(cat "$WORK/create.log")"
grep -q 'measured .* renewals: p50' "$WORK/create.log" || fail "no measurement: $(cat "$WORK/create.log")"
grep -q 'io_timeout 10 s .*by hand: --io-timeout' "$WORK/create.log" || fail "no choice: $(cat "$WORK/create.log")"
on node1 vmha volume show "$VOLUME" >"$WORK/show.log" || fail "vmha volume show"
grep -q '8 x io + 60 *= *140 s' "$WORK/show.log" || fail "no arithmetic: $(cat "$WORK/show.log")"
grep -q 'measured .* renewals: p50' "$WORK/show.log" || fail "no measurement: $(cat "$WORK/show.log")"

step "a late renewal is told with the time at which sanlock would act, and its end"
lab stall-storage node2 hang
await 90 "an event of a late renewal" told "on node2: no renewal for [0-9]+ s .*limit 80 s\); sanlock ends the VMs there at [0-9:]{8} unless"
figure "$(tail -n 1 "$WORK/events.log")"
lab heal node2
await 90 "the end of it" told "on node2: renewals are in time again"
figure "$(tail -n 1 "$WORK/events.log")"
[[ $(grep -c 'no renewal for' "$WORK/events.log") -le 2 ]] || fail "told too often: $(cat "$WORK/events.log")"
! told "on node[13]: no renewal" || fail "another node is said to be late"
[[ $(fences_count) == 0 ]] || fail "fenced: $(fences)"
