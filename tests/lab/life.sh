#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# vmha-test: timeout=240 lab=own
# A lab from nothing to a cluster and back: up, power, services, reset, fence, down.
. "$(dirname "$0")/../lib.sh"
# shellcheck source=tests/lab/leftovers.sh
. "$(dirname "$0")/leftovers.sh"

status_has() { lab status >"$WORK/status" && grep -q -- "$1" "$WORK/status"; }

# whoever makes a lab may be gone, with its directory, when the power switch is asked
mkdir "$WORK/maker"
cd "$WORK/maker"
TMPDIR=$WORK/maker lab_begin --no-volume
cd "$WORK"
rm -r "$WORK/maker"
cat "$WORK/up.log"
all_run() { [[ $(lab status | grep -c ' on  sanlock libvirtd corosync clusterd pacemaker$') == 3 ]]; }
await 20 "all services" all_run

step "exec: input, output, status"
[[ $(echo hello | on node2 sh -c 'cat; hostname') == $'hello\nnode2' ]] || fail "exec"
rc=0
on node1 sh -c 'exit 7' || rc=$?
((rc == 7)) || fail "exec gave status $rc instead of 7"

step "a service that dies stays dead until it is started"
await 30 "libvirtd of node2" lab service node2 status libvirtd
daemon_signal node2 libvirtd KILL
not_running() { ! lab service node2 status libvirtd >/dev/null; }
await 20 "libvirtd dead" not_running
sleep 2
not_running || fail "libvirtd was restarted"
lab service node2 start libvirtd
on node2 virsh -q list >/dev/null || fail "libvirtd does not answer after its start"
lab service node2 restart libvirtd
lab service node2 status libvirtd >/dev/null || fail "libvirtd does not run after its restart"

step "loss of power: nothing of the node lives"
# not a member: the cluster would fence a lost one, by reboot, and so switch it on again
node3_leaves() {
	lab service node3 stop pacemaker
	lab service node3 stop corosync
	await 60 "node3 out of the cluster" nodes_online 2
}
node3_leaves
on node3 sh -c 'setsid sleep 1000 >/dev/null 2>&1 & echo kept >/etc/lab-mark; echo kept >/var/lib/lab-mark'
mapfile -t pids <"$(node_procs node3)"
((${#pids[@]} > 5)) || fail "node3 has no processes"
start=$(now_ms)
lab power off node3
figure "power_off_ms=$(($(now_ms) - start))"
for pid in "${pids[@]}"; do
	process_gone "$pid" || fail "process $pid of node3 lives on"
done
status_has '^node3  off$' || fail "node3 is not off"
lab exec node3 true 2>/dev/null && fail "a command ran in a node that is off"
start=$(now_ms)
lab power on node3
figure "power_on_ms=$(($(now_ms) - start))"
await 60 "node3 online after power on" nodes_online 3

step "the cluster fences a lost node, which switches it on again"
lab power off node3
await 60 "the fence of node3" fenced node3
# an election just under way would fence it a second time, by reboot
settled 60
await 60 "node3 online again" nodes_online 3
[[ $(fences | sort -u) == node3 ]] || fail "fences: $(fences)"
[[ $(on node3 cat /etc/lab-mark /var/lib/lab-mark) == $'kept\nkept' ]] || fail "node3 forgot its files"

step "a node that restarts itself comes back, alone"
boot() { on node2 stat -c %Z /proc/1; }
before=$(boot)
on node2 python3 -c 'import ctypes; ctypes.CDLL(None).reboot(0x01234567)' || true
node2_is_new() { local now && now=$(boot) && [[ -n $now && $now != "$before" ]]; }
await 60 "node2 back" node2_is_new
# the cluster may fence it once more, for the node that was lost
settled 60
await 60 "three nodes online" nodes_online 3
# an election just under way would fence it a second time, by reboot
settled 60

step "fencing is real"
node3_leaves
start=$(now_ms)
on node1 stonith_admin --fence node3 || fail "stonith_admin --fence node3"
figure "fence_off_ms=$(($(now_ms) - start))"
status_has '^node3  off$' || fail "node3 was fenced and is not off"
start=$(now_ms)
on node1 fence_vmha_lab --action=off --plug=node3 || fail "fence of a node that is off"
figure "fence_again_ms=$(($(now_ms) - start))"
rc=0
on node1 fence_vmha_lab -o status -n node3 || rc=$?
((rc == 2)) || fail "status of a node that is off gave $rc"
[[ $(on node1 fence_vmha_lab -o list) == $'node1,\nnode2,\nnode3,' ]] || fail "list"
on node1 fence_vmha_lab -o off -n node9 2>/dev/null && fail "node9 was fenced"
on node1 fence_vmha_lab -o metadata | xmllint --noout - || fail "metadata"
printf 'action=on\nplug=node3\n' | on node1 fence_vmha_lab || fail "on by standard input"
await 60 "node3 online after its fence" nodes_online 3

step "down leaves nothing"
start=$(now_ms)
lab down
figure "down_ms=$(($(now_ms) - start))"
expect_gone "$LAB"
