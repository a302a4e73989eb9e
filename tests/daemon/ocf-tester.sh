#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# vmha-test: timeout=420 lab=own weight=1
# ocf-tester on both agents in a real cluster; their meta-data against resource-agents' schema; what
# crm and pcs show of them.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"
SCHEMA=/usr/share/resource-agents/metadata.rng
AGENTS=/usr/lib/ocf/resource.d/vmha

metadata_good() {
	local name=$1
	on node1 env OCF_ROOT=/usr/lib/ocf "$AGENTS/$name" meta-data >"$WORK/$name.xml" ||
		fail "$name meta-data"
	[[ -e $SCHEMA ]] || skip "no $SCHEMA: install resource-agents"
	xmllint --noout --relaxng "$SCHEMA" "$WORK/$name.xml" 2>"$WORK/rng.log" ||
		fail "meta-data of $name is not valid: $(cat "$WORK/rng.log")"
	figure "meta-data of ocf:vmha:$name is valid"
}

shown() {
	local name=$1
	on node1 crm ra info "ocf:vmha:$name" >"$WORK/crm-$name.txt" 2>&1 ||
		fail "crm ra info ocf:vmha:$name: $(cat "$WORK/crm-$name.txt")"
	grep -q "volume" "$WORK/crm-$name.txt" || fail "crm does not show the parameters of $name"
	figure "crm ra info ocf:vmha:$name: $(grep -c . "$WORK/crm-$name.txt") lines, begins: $(head -n 1 "$WORK/crm-$name.txt")"
	if on node1 sh -c 'command -v pcs' >/dev/null; then
		on node1 pcs resource describe "ocf:vmha:$name" >"$WORK/pcs-$name.txt" 2>&1 ||
			fail "pcs resource describe: $(cat "$WORK/pcs-$name.txt")"
		grep -q "volume" "$WORK/pcs-$name.txt" || fail "pcs does not show the parameters of $name"
		figure "pcs resource describe ocf:vmha:$name: $(grep -c . "$WORK/pcs-$name.txt") lines"
	fi
}

# ocf-tester on NODE, agent NAME, instance, parameters
tester() {
	local node=$1 name=$2 instance=$3
	shift 3
	on "$node" ocf-tester -n "$instance" "$@" "$AGENTS/$name" >"$WORK/tester-$name.log" 2>&1 || {
		cat "$WORK/tester-$name.log" >&2
		fail "ocf-tester ocf:vmha:$name"
	}
	figure "ocf-tester ocf:vmha:$name: $(tail -n 1 "$WORK/tester-$name.log")"
}

lab_begin --volume dir
for NAME in vm csv; do
	metadata_good "$NAME"
	shown "$NAME"
done

step "ocf-tester of the VM agent, with the role in maintenance and stopped"
role_make web1
cluster crm_resource --resource web1 --meta --set-parameter maintenance --parameter-value true >/dev/null
settled 60
HOME_NODE=$(role_place web1)
agent "$HOME_NODE" web1 stop >"$WORK/stop.log" 2>&1 || fail "stop: $(cat "$WORK/stop.log")"
tester "$HOME_NODE" vm web1 -o "volume=$VOLUME"
[[ -z $(qemu_nodes web1) ]] || fail "ocf-tester has left the VM running"

step "ocf-tester of the volume agent, with the volume in maintenance (its monitor would fence)"
cluster crm_resource --resource "$VOLUME" --meta --set-parameter maintenance --parameter-value true >/dev/null
settled 60
IO=$(cluster crm_resource --resource "$VOLUME" --get-parameter io_timeout 2>/dev/null || echo 1)
TYPE=$(cluster crm_resource --resource "$VOLUME" --get-parameter type 2>/dev/null || echo dir)
SOURCE=$(cluster crm_resource --resource "$VOLUME" --get-parameter path 2>/dev/null ||
	echo "/clusterstorage/$VOLUME")
tester node3 csv "$VOLUME" -o "volume=$VOLUME" -o "type=$TYPE" -o "path=$SOURCE" -o "io_timeout=$IO"
