#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# vmha-test: timeout=240 lab=own
# What a node says when it cannot take a guest: each reason in words of its own, in under a second.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"

# precheck NODE: prints JSON.
precheck() {
	on "$1" env OCF_RESKEY_volume="$VOLUME" OCF_RESKEY_name=web1 OCF_RESKEY_CRM_meta_on_node="$1" \
		OCF_RESKEY_CRM_meta_timeout=5000 /usr/libexec/vmha/vm-action precheck
}

# with SED-SCRIPT: the stored definition changed so.
with() {
	sed "$1" "$WORK/stored.xml" >"$WORK/changed.xml"
	! cmp -s "$WORK/stored.xml" "$WORK/changed.xml" || fail "'$1' changes nothing"
	cat "$WORK/changed.xml" >"$(role_file web1 xml)"
}

# lacks CHECK TEXT: node2 refuses with that text, and only for that.  Of three times the shortest
# counts: a machine under load may stretch one.
lacks() {
	local start text failed took try least=
	for try in 1 2 3; do
		start=$(now_ms)
		precheck node2 >"$WORK/out.json" || fail "status $?: $(cat "$WORK/out.json")"
		took=$(($(now_ms) - start))
		((${least:-$took} < took)) || least=$took
		((least >= $(limit_ms 1000))) || break
	done
	figure "$1: $(jq -r .text "$WORK/out.json") ($least ms, try $try)"
	((least < $(limit_ms 1000))) || late "$1: an answer in less than $(limit_ms 1000) ms: $least ms"
	[[ $(jq .ok "$WORK/out.json") == false ]] || fail "$1 is not refused"
	failed=$(jq -r '[.checks[] | select(.ok | not) | .check] | unique | join(" ")' "$WORK/out.json")
	[[ $failed == "$1" ]] || fail "refused for $failed, not $1"
	text=$(jq -r .text "$WORK/out.json")
	[[ $text == *"$2"* ]] || fail "does not say '$2': $text"
}

suits() {
	precheck "$1" >"$WORK/out.json"
	[[ $(jq .ok "$WORK/out.json") == true ]] || fail "$2: $(jq -r .text "$WORK/out.json")"
}

lab_begin --volume dir
role_make web1
role_to web1 node1
cp "$(role_file web1 xml)" "$WORK/stored.xml"

step "a node that can take it"
suits node2 "unchanged"

step "each reason"
with 's:<memory unit="MiB">128:<memory unit="GiB">900:'
lacks memory "MiB of memory free, web1 needs 921600 MiB"
with 's:bridge="vmbr0":bridge="vmbr9":'
lacks network "node2 has no bridge vmbr9"
with 's:pc-q35-7.2:pc-q35-99.0:'
lacks machine "pc-q35-99.0"
with 's:/usr/bin/qemu-system-x86_64:/usr/bin/qemu-none:'
lacks machine "qemu-none"
with 's:<model>qemu64:<model>EPYC-Milan:'
lacks cpu "Host CPU does not provide required features"
with 's:web1.img:web9.img:'
lacks disk "web9.img"
with 's:/vmlinux:/vmlinux-none:'
lacks disk "vmlinux-none"
with 's:type="bridge":type="network":; s:<source bridge="vmbr0"/>:<source network="none9"/>:'
lacks network "none9"
cat "$WORK/stored.xml" >"$(role_file web1 xml)"

step "a CPU that all nodes can give"
lab guest disk "/clusterstorage/$VOLUME/web2/web2.img"
lab guest xml web2 --disk "/clusterstorage/$VOLUME/web2/web2.img" | on node1 sh -c "cat >/root/web2.xml"
on node1 vmha vm add web2 --xml /root/web2.xml --volume "$VOLUME" --cpu baseline >"$WORK/out.log" ||
	fail "vm add --cpu baseline: $(cat "$WORK/out.log")"
figure "$(grep 'CPU that all' "$WORK/out.log")"
grep -q 'CPU that all 3 nodes can give: [A-Za-z]' "$WORK/out.log" || fail "$(cat "$WORK/out.log")"
grep -q '<cpu mode="custom"' "$(role_file web2 xml)" || fail "$(cat "$(role_file web2 xml)")"
for node in "${NODES[@]}"; do
	on "$node" env OCF_RESKEY_volume="$VOLUME" OCF_RESKEY_name=web2 OCF_RESKEY_CRM_meta_on_node="$node" \
		/usr/libexec/vmha/vm-action precheck | jq -e .ok >/dev/null || fail "$node cannot take web2"
done
on node1 vmha vm remove web2 --disks >/dev/null

step "libvirtd hangs; the volume is not there"
daemon_signal node2 libvirtd STOP
precheck node2 >"$WORK/out.json"
daemon_signal node2 libvirtd CONT
[[ $(jq -r .text "$WORK/out.json") == *"did not answer"* ]] || fail "$(cat "$WORK/out.json")"
figure "libvirtd: $(jq -r .text "$WORK/out.json")"
on node3 crm_resource --ban --resource "$VOLUME-clone" --node node3
left() { ! node_joined node3; }
await 60 "node3 out of the volume" left
precheck node3 >"$WORK/out.json"
figure "volume: $(jq -r .text "$WORK/out.json")"
[[ $(jq .ok "$WORK/out.json") == false ]] || fail "a node without the volume suits"
on node1 crm_resource --clear --resource "$VOLUME-clone" --node node3
suits node2 "restored"
