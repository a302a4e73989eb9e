#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# vmha-test: timeout=900 weight=2 lab=own
# A lab of two machines from nothing and back: commands, disks, faults, power, reset, down.
. "$(dirname "$0")/../lib.sh"
# shellcheck source=tests/lab/leftovers.sh
. "$(dirname "$0")/leftovers.sh"
NODES=(node1 node2)
LUN=/dev/disk/by-id/lun1

lab_begin --vm --nodes 2 --watchdog softdog --disk-4k lun2
cat "$WORK/up.log"
grep -q 'image of the nodes' "$WORK/up.log" || fail "up says nothing of the image"

step "exec: input, output, errors, status, size, several at once"
[[ $(echo hello | on node2 sh -c 'cat; hostname') == $'hello\nnode2' ]] || fail "exec"
rc=0
on node1 sh -c 'echo out; echo err >&2; exit 7' >"$WORK/out" 2>"$WORK/err" || rc=$?
[[ $rc == 7 && $(<"$WORK/out") == out && $(<"$WORK/err") == err ]] || fail "exec gave status $rc"
head -c 2000000 /dev/urandom >"$WORK/random"
on node1 cat <"$WORK/random" >"$WORK/back"
cmp "$WORK/back" "$WORK/random" || fail "what goes through cat has changed"
# shellcheck disable=SC2016 # on purpose
[[ $(on node1 printf '<%s>' 'a b' '' "it's" '$x') == "<a b><><it's><\$x>" ]] || fail "the words of a command have changed"
background sleeper "$LAB_BIN" --name "$LAB" exec node1 sleep 600
start=$(now_ms)
for _ in 1 2 3 4 5 6 7 8 9 10 11 12; do
	on node1 true || fail "exec beside one that hangs"
done
figure "exec_ms=$((($(now_ms) - start) / 12))"
kill "${PIDS[sleeper]}"
sleeper_gone() { ! on node1 pgrep -x sleep; }
await 20 "the end of a command whose caller is gone" sleeper_gone

step "disks are shared; one has large sectors"
on node1 sh -c "echo shared | dd of=$LUN bs=512 conv=sync oflag=direct status=none"
[[ $(on node2 dd if=$LUN bs=512 count=1 iflag=direct status=none | tr -d '\0') == shared ]] || fail "node2 does not see what node1 wrote"
[[ $(on node2 blockdev --getss $LUN /dev/disk/by-id/lun2) == $'512\n4096' ]] || fail "sector sizes"

step "storage of one node fails, hangs, is pulled"
reads() { on "$1" timeout 20 dd if="$2" of=/dev/null bs=4096 count=1 iflag=direct status=none; }
lab stall-storage node2 eio
! reads node2 $LUN 2>/dev/null || fail "no error from a disk that fails"
reads node1 $LUN || fail "the other node has the fault as well"
lab heal node2
reads node2 $LUN || fail "the disk is not healed"
lab stall-storage node2 hang
background hung "$LAB_BIN" --name "$LAB" exec node2 dd if=$LUN of=/dev/null bs=512 count=1 iflag=direct status=none
on node2 true || fail "a node whose disk hangs takes no command"
sleep 1
kill -0 "${PIDS[hung]}" || fail "a disk that hangs answers"
lab heal node2
wait "${PIDS[hung]}" || fail "the read did not end well after the hang"
unset "PIDS[hung]"
lab pull-disk node2 lun2
! on node2 test -e /dev/disk/by-id/lun2 || fail "lun2 is still there"
lab heal node2
reads node2 /dev/disk/by-id/lun2 || fail "lun2 has not come back"

step "a frozen node takes no command, and goes on"
lab freeze node2
! lab exec node2 true 2>/dev/null || fail "a command ran in a frozen node"
lab thaw node2
on node2 true || fail "the node does not go on"

# not a member: the cluster would fence it
step "power: a node keeps its files"
lab service node2 stop pacemaker
lab service node2 stop corosync
on node2 sh -c 'echo kept >/etc/lab-mark; echo kept >/var/lib/lab-mark; sync'
start=$(now_ms)
lab power off node2
figure "power_off_ms=$(($(now_ms) - start))"
! lab exec node2 true 2>/dev/null || fail "a command ran in a node that is off"
start=$(now_ms)
lab power on node2
figure "power_on_ms=$(($(now_ms) - start))"
[[ $(on node2 cat /etc/lab-mark /var/lib/lab-mark) == $'kept\nkept' ]] || fail "the node lost its files"
await 120 "node2 in the cluster" nodes_online 2

step "a reset is a power cycle"
lab service node2 stop pacemaker
lab service node2 stop corosync
boot=$(on node2 cat /proc/sys/kernel/random/boot_id)
on node2 sh -c 'echo 1 >/proc/sys/kernel/sysrq; (sleep 0.2; echo b >/proc/sysrq-trigger) >/dev/null 2>&1 &' || true
booted_again() {
	local now
	now=$(on node2 cat /proc/sys/kernel/random/boot_id 2>/dev/null) && [[ $now != "$boot" ]]
}
await 120 "node2 after its reset" booted_again
grep -q guest-reset "$LAB_STATE/node2/events.log" || fail "events.log does not tell of the reset"

# its first program ends once: the kernel panics
step "a machine that panics in its boot is booted again"
await 120 "node2 in the cluster" nodes_online 2
lab service node2 stop pacemaker
lab service node2 stop corosync
on node2 sh -c 'cd /usr/lib/vmha-lab; mv init init.good; printf "#!/bin/sh\nmv -f /usr/lib/vmha-lab/init.good /usr/lib/vmha-lab/init\nsync\nexit 1\n" >init; chmod 755 init; sync'
lab power cycle node2
on node2 true || fail "the node does not answer"
grep -q "node2 reset itself in its boot: .*Attempted to kill init" "$LAB_STATE/power.log" || fail "power.log does not tell of the panic"

step "down leaves nothing"
start=$(now_ms)
lab down
figure "down_ms=$(($(now_ms) - start))"
expect_gone "$LAB"
