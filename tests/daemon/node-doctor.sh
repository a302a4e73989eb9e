#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# vmha-test: timeout=300 lab=own
# `vmha node doctor` on a real cluster: well, and then with one thing wrong at a time.  Each time it
# must name that thing, and nothing else, and be content again afterwards.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"

CA=$LAB_STATE/conf/ca

# doctor NODE: sets OUT (JSON), STATUS and TOOK_MS
doctor() {
	local begin
	begin=$(now_ms)
	STATUS=0
	OUT=$(on "$1" vmha node doctor --output json) || STATUS=$?
	TOOK_MS=$(($(now_ms) - begin))
}

# lines STATE: "check: text" of the lines of that state
lines() {
	jq -r --arg state "$1" '.checks[] | select(.state == $state) | "\(.check): \(.text)"' <<<"$OUT"
}

# asked NODE WHAT CMD...: the doctor, until CMD is content with OUT and STATUS.  A daemon that was just
# started, or one of a machine under load, answers a little later.
asked() {
	local node=$1 what=$2 end
	shift 2
	end=$(($(now_ms) + 40000))
	doctor "$node"
	until "$@"; do
		figure "$node, not yet $what: exit $STATUS: $(lines fail | paste -sd';')"
		(($(now_ms) < end)) || late "doctor on $node: $what, but: exit $STATUS: $(lines fail)"
		sleep 0.5
		doctor "$node"
	done
}

content() {
	[[ $STATUS == 0 && -z $(lines fail) ]]
}

well() {
	asked "$1" "content" content
}

blamed() {
	lines fail | cut -d: -f1 | sort -u | paste -sd' '
}

# ill NODE WORDS [CHECKS]: it fails, says WORDS, and only the checks named (if any are) fail
ill() {
	asked "$1" "'$2' of ${3:-any check}" blames "$2" "${3:-}"
	jq -e 'all(.checks[] | select(.state == "fail"); .do)' <<<"$OUT" >/dev/null || fail "no word what to do: $OUT"
	figure "$1: $(lines fail | sed -n 1p)"
}

blames() {
	[[ $STATUS == 3 && $(lines fail) == *"$1"* ]] && [[ -z $2 || $(blamed) == "$2" ]]
}

# warned NODE WORDS: nothing fails, and the warnings say so
warned() {
	asked "$1" "warning of $2" warns "$2"
}

warns() {
	[[ $STATUS == 0 && $(lines warn) =~ $1 ]]
}

libvirtd_restart() {
	lab service "$1" restart libvirtd >/dev/null
	await 30 "libvirtd of $1" on "$1" virsh -c qemu:///system version
}

status_says() {
	[[ $(on "$1" vmha status || true) == *"$2"* ]]
}

node_address() {
	on "$1" sed -n 's/^migration_address=//p' /etc/vmha/node.conf
}

lab_begin --nodes 2 --volume dir
step "a well cluster"
for node in node1 node2; do
	well "$node"
	[[ $(on "$node" vmha node setup) == *'nothing to change'* ]] || fail "setup on $node finds work"
done
[[ $(lines ok) == *'peers: node1 answers over TLS'* ]] || fail "node2 has not asked node1"

step "libvirtd stopped, then hung"
lab service node1 stop libvirtd >/dev/null
ill node1 'libvirtd does not answer' libvirtd
ill node2 'libvirtd of node1 does not answer over TLS' peers
lab service node1 start libvirtd >/dev/null
await 30 "libvirtd" on node1 virsh -c qemu:///system version
PID=$(on node1 cat /run/libvirtd.pid)
on node1 kill -STOP "$PID"
ill node1 'libvirtd does not answer' libvirtd
((TOOK_MS < 90000)) || fail "doctor waits too long for a libvirtd that hangs"
on node1 kill -CONT "$PID"
well node1

step "clusterd stopped"
lab service node1 stop clusterd >/dev/null
ill node1 'nothing can be moved from or to here: clusterd does not run' clusterd
await 10 "a word in the status of node1" status_says node1 'clusterd does not run on this node'
await 10 "a word in the status of node2" status_says node2 'clusterd of node node1 is not running'
lab service node1 start clusterd >/dev/null
well node1

step "without the lock manager"
on node1 sed -i '/^lock_manager/d' /etc/libvirt/qemu.conf
ill node1 '/etc/libvirt/qemu.conf is not set up' settings
libvirtd_restart node1
ill node1 'libvirtd runs without sanlock' 'lock manager settings'
on node1 vmha node setup >/dev/null
ill node1 'libvirtd runs without sanlock' 'lock manager'
libvirtd_restart node1
well node1

step "settings that libvirtd has not read yet"
on node1 sh -c 'touch -d "+10 seconds" /etc/libvirt/qemu.conf'
warned node1 'changed after libvirtd was started'
on node1 touch -d "-1 hour" /etc/libvirt/qemu.conf
well node1

step "two hosts with one UUID"
UUID=$(on node2 sed -n 's/^host_uuid = "\(.*\)"/\1/p' /etc/libvirt/libvirtd.conf)
on node1 vmha node setup --host-uuid "$UUID" >/dev/null
libvirtd_restart node1
ill node1 "node2 has the same host UUID $UUID" peers
on node1 vmha node setup --host-uuid auto >/dev/null
libvirtd_restart node1
well node1

step "a certificate that ends soon, and one of another CA"
ADDRESS=$(node_address node1)
certtool --generate-privkey --key-type=rsa --bits 2048 --outfile "$WORK/key.pem" 2>/dev/null
printf 'organization = "vmha host"\ncn = "node1"\nip_address = "%s"\ntls_www_server\ntls_www_client\nsigning_key\nencryption_key\nexpiration_days = 9\n' \
	"$ADDRESS" >"$WORK/template"
certtool --generate-certificate --load-privkey "$WORK/key.pem" --load-ca-certificate "$CA.pem" --load-ca-privkey "$CA.key" \
	--template "$WORK/template" --outfile "$WORK/cert.pem" 2>/dev/null
for file in key.pem cert.pem; do
	on node1 sh -c "cat >/root/$file" <"$WORK/$file"
done
[[ $(on node1 vmha node setup --cert /root/cert.pem --key /root/key.pem) == *'ends in '[89]' days'* ]] || fail "setup does not say it"
warned node1 'certificates: they end in [89] days'
on node1 rm -rf /etc/pki /etc/vmha/pki
ill node1 'certificates: cannot read /etc/pki/CA/cacert.pem'
on node1 vmha node setup >/dev/null
libvirtd_restart node1
ill node1 'libvirtd of node2 does not answer over TLS' peers
for file in pem key; do
	on node1 sh -c "umask 077; cat >/root/ca.$file" <"$CA.$file"
done
on node1 vmha node setup --ca-cert /root/ca.pem --ca-key /root/ca.key >/dev/null
on node1 rm -f /root/ca.key /root/key.pem
libvirtd_restart node1
well node1

step "fencing switched off"
on node1 crm_attribute -t crm_config -n stonith-enabled -v false
ill node1 'fencing is switched off' fencing
on node1 crm_attribute -t crm_config -n stonith-enabled -v true
well node1

step "an address that is gone"
on node1 sed -i 's/^migration_address=.*/migration_address=192.0.2.77/' /etc/vmha/node.conf
ill node1 '192.0.2.77 is not an address of this host'
step "all found"
