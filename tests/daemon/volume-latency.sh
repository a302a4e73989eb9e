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
measured .chosen | grep 'never less by measurement' >/dev/null || fail "the floor is not said"

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

step "a host id that another host uses is refused before anything is written, with who it is"
for NODE in node2 node3; do
	cluster crm_resource --resource "$VOLUME-clone" --ban --node "$NODE" >/dev/null 2>&1
done
cluster_from node1
settled 90
PLACE=$VOLUME:2:$PATH_OF/.vmha/lockspace:0
on node3 sanlock client add_lockspace -s "$PLACE" >"$WORK/clash.log" 2>&1 || fail "node3 as host 2: $(cat "$WORK/clash.log")"
RC=0
on node2 env OCF_ROOT=/usr/lib/ocf OCF_RESOURCE_INSTANCE="$VOLUME" OCF_RESKEY_CRM_meta_timeout=120000 \
	OCF_RESKEY_volume="$VOLUME" OCF_RESKEY_path="$PATH_OF" \
	/usr/lib/ocf/resource.d/vmha/csv start >"$WORK/clash.log" 2>&1 || RC=$?
((RC == 1)) || fail "start under a used host id: status $RC: $(cat "$WORK/clash.log")"
grep -q 'host id 2 of volume .* is in use: a host that calls itself node3' "$WORK/clash.log" ||
	fail "who uses it is not said: $(cat "$WORK/clash.log")"
figure "$(tail -n 1 "$WORK/clash.log")"
on node3 sanlock client rem_lockspace -s "$PLACE" >/dev/null || fail "node3 cannot leave"
