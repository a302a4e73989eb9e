#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# vmha-test: timeout=420 lab=own
# Healing takes back what a move wrote, a forced one too, and no more: a ban by which an
# administrator keeps a role off a third node survives healing, a cold move, a drain and a resume.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"

constraint() {
	cluster cibadmin --query --xpath "//rsc_location[@id='$1']" >/dev/null 2>&1
}

constraints() {
	cluster cibadmin --query --scope constraints | sed -n "s/.*<rsc_location.* id=\"\([^\"]*\)\".*/\1/p" | tr '\n' ' '
}

only_the_ban_left() {
	[[ $(constraints) == "cli-ban-web1-on-$BANNED " ]]
}

# well WHERE WHAT: managed there, and of all constraints only the administrator's is left.
well() {
	await 10 "$2: web1 on $1" role_is_on web1 "$1"
	await 10 "$2: web1 managed" role_managed web1
	await 10 "$2: the administrator's ban alone" only_the_ban_left
}

# newest: number of the newest move.
newest() {
	cluster vmha migration list --output json | jq '[.[].id] | max // 0'
}

newer_than() {
	(($(newest) > $1))
}

healed() {
	role_managed web1 && ! constraint cli-prefer-web1 && ! constraint "cli-ban-web1-on-$FROM" &&
		migrations_none_open
}

blocked() {
	cluster vmha vm list --output json | jq -e '.[0].state == "blocked"'
}

lab_begin --volume dir
await 60 "clusterd" clusterd_ready
role_make web1
FROM=$(role_place web1)
TO=$(node_other "$FROM")
BANNED=$(node_third "$FROM" "$TO")
BOOT=$(boot_id web1)
cluster_from "$FROM"
cluster crm resource ban web1 "$BANNED" >"$WORK/crm.log" 2>&1 || fail "$(cat "$WORK/crm.log")"
settled 60

step "moves to a node that cannot take it, plain and forced: clusterd heals"
lab service "$TO" stop libvirtd
# the constraint itself may be gone again before one looks
before=$(newest)
cluster crm_resource --resource web1 --move --node "$TO"
await 20 "the move begun" newer_than "$before"
await 60 "web1 healed" healed
well "$FROM" "healed by clusterd"
before=$(newest)
cluster crm_resource --resource web1 --move --node "$TO" --force
await 20 "the forced move begun" newer_than "$before"
await 60 "web1 healed" healed
well "$FROM" "a forced move healed by clusterd"

step "the same without clusterd: vmha heal"
for node in "${NODES[@]}"; do
	lab service "$node" stop clusterd
done
cluster crm_resource --resource web1 --move --node "$TO" --force
await 60 "web1 blocked" blocked
lab service "$TO" start libvirtd
cluster vmha heal web1 || fail "heal"
well "$FROM" "healed by hand"
for node in "${NODES[@]}"; do
	lab service "$node" start clusterd
done
await 60 "clusterd" clusterd_ready

step "drain and resume: it goes to the node that it may run on"
cluster vmha drain "$FROM" --wait --timeout 120 || fail "drain"
await 10 "web1 drained to $TO" role_is_on web1 "$TO"
cluster vmha resume "$FROM" --failback now --wait --timeout 120 || fail "resume"
await 30 "web1 back on $FROM" role_is_on web1 "$FROM"
await 30 "no open migration" migrations_none_open
well "$FROM" "drain and resume"
[[ $(boot_id web1) == "$BOOT" ]] || fail "the guest was booted again"

step "a cold move"
cluster vmha migrate web1 --to "$TO" --mode cold || fail "cold"
well "$TO" "a cold move"
disk_good web1
