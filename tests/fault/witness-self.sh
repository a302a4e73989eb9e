#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# vmha-test: timeout=120
# The checks of "one runner" must be able to fail: two QEMUs run one guest's disk on purpose, and a
# second one continues a copy of the first one's memory.  Each witness has to find it: processor
# time, sequence on the disk, the guest's own marks.  One QEMU alone must pass.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"

((EUID == 0)) || skip "needs root"
LAB_BIN=$(lab_bin) || skip "there is no vmha-lab: build first"
GUEST=$("$LAB_BIN" guest build) || skip "no test guest"
QEMU=$(type -P qemu-system-x86_64) || skip "no QEMU"
UUID=$(cat /proc/sys/kernel/random/uuid)
DISK_FILE=$WORK/disk.img

# qemu NAME ARGS...: paused or not as given; pid in ${PIDS[NAME]}
qemu() {
	local name=$1
	shift
	background "$name" "$QEMU" -name "guest=self,debug-threads=on" -uuid "$UUID" -machine pc-q35-7.2 \
		-accel tcg -cpu qemu64,+rdrand -m 131080k -nodefaults -display none \
		-serial "file:$WORK/$name.console" \
		-kernel "$GUEST/vmlinux" -initrd "$GUEST/initrd.gz" \
		-append "console=ttyS0 quiet mitigations=off random.trust_cpu=on tsc=reliable no_timer_check nokaslr cryptomgr.notests labip=10.0.0.1 labwrite=50" \
		-drive "file=$DISK_FILE,format=raw,cache=none,if=virtio,file.locking=off" \
		-netdev hubport,id=n,hubid=0 -device virtio-net-pci,netdev=n \
		-qmp "unix:$WORK/$name.qmp,server=on,wait=off" "$@" 2>>"$WORK/$name.err"
	await 10 "the QMP socket of $name" test -S "$WORK/$name.qmp"
}

qmp() {
	printf '{"execute":"qmp_capabilities"}\n%s\n' "$2" |
		timeout 20 socat -t 2 - "UNIX-CONNECT:$WORK/$1.qmp" >>"$WORK/qmp.log"
}

look() {
	background witness-self "$(witness_bin)" --uuid "$UUID" --disk "$DISK_FILE" "node1=$WORK/procs" \
		>"$WORK/witness-self.log" 2>&1
}

# looked: exit status of the witness in RC, its figures in W
looked() {
	local pair pairs
	RC=0
	kill "${PIDS[witness-self]}"
	wait "${PIDS[witness-self]}" || RC=$?
	read -ra pairs < <(sed -n 's/^figures //p' "$WORK/witness-self.log")
	for pair in "${pairs[@]}"; do
		W[${pair%%=*}]=${pair#*=}
	done
	figure "$1: $(sed -n 's/^figures //p' "$WORK/witness-self.log"), status $RC"
}

end() {
	local name
	for name in "$@"; do
		kill -9 "${PIDS[$name]}" 2>/dev/null || true
		wait "${PIDS[$name]}" 2>/dev/null || true
	done
	: >"$WORK/procs"
}

procs() {
	local name
	for name in "$@"; do
		echo "${PIDS[$name]}"
	done >"$WORK/procs"
}

writes() {
	grep -q 'seqwriter: seq' "$WORK/$1.console"
}

fresh_disk() {
	rm -f "$DISK_FILE"
	truncate -s 40M "$DISK_FILE"
}

step "one runner"
fresh_disk
qemu one
procs one
look
await 30 "the guest writing" writes one
sleep 2
looked "one runner"
((RC == 0 && W[runners] == 1)) || fail "one runner is not recognised as such"
"$LAB_BIN" check-disk "$DISK_FILE" >/dev/null || fail "the disk of one runner is not clean"

step "two boots on one disk"
look
qemu two
procs one two
await 30 "the second guest writing" writes two
sleep 3
looked "two boots"
((RC == 1)) || fail "two runners were not found"
((W[overlap_ms] > 0)) || fail "not found by processor time"
((W[seq_back] > 0)) || fail "not found by the disk"
"$LAB_BIN" check-disk "$DISK_FILE" >"$WORK/check.log" && fail "check-disk finds two writers in order"
figure "check-disk: $(tail -n 1 "$WORK/check.log")"
end one two

step "two twins: the same memory runs twice (what a failed switchover without the lease rule would do)"
fresh_disk
qemu first
procs first
await 30 "the guest writing" writes first
qemu second -incoming "unix:$WORK/migration.sock"
procs first second
look
qmp first '{"execute":"migrate","arguments":{"uri":"unix:'"$WORK"'/migration.sock"}}'
await 30 "the memory gone over" grep -q . "$WORK/second.console"
sleep 1
qmp first '{"execute":"cont"}' # the source runs again: two of one
sleep 4
looked "twins"
((RC == 1)) || fail "twins were not found"
((W[overlap_ms] > 0)) || fail "twins were not found by processor time"
"$LAB_BIN" check-disk "$DISK_FILE" >"$WORK/check.log" && fail "check-disk finds twins in order"
figure "check-disk: $(tail -n 1 "$WORK/check.log"); sequence went back ${W[seq_back]} times"
end first second
