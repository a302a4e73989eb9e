#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# vmha-test: timeout=300 lab=own
# The test guest: starts fast, answers, writes, migrates, dirties memory, switches off when asked; and
# check-disk finds every kind of damage in its disk.
. "$(dirname "$0")/../lib.sh"

lab_begin --nodes 2 --no-volume
IMG=/clusterstorage/vol1/g1/g1.img
DISK_FILE=$LAB_STATE/storage/vol1/g1/g1.img

check() { lab check-disk "$@" >"$WORK/check.log" 2>&1; }
value() { sed -n "s/^disk=.* $1=\([^ ]*\).*/\1/p" "$WORK/check.log"; }

step "start"
lab guest disk "$IMG"
lab guest xml g1 --disk "$IMG" --dirty 16:20 >"$WORK/g1.xml"
xmllint --noout "$WORK/g1.xml"
for node in node1 node2; do
	on "$node" sh -c 'cat >/root/g1.xml' <"$WORK/g1.xml"
done
check "$IMG" && fail "a disk that was never written is good"
start=$(now_ms)
on node1 virsh -q create /root/g1.xml
await 30 "g1 answering" ping_answers g1
figure "start_to_ping_ms=$(($(now_ms) - start))"
written() { check "$IMG" && (($(value last_seq) >= 20)); }
await 20 "20 records on the disk" written
[[ $(value boots) == 1 ]] || fail "boots: $(cat "$WORK/check.log")"
boot=$(value last_boot)

step "live migration, there and back"
lab ping-gap start g1
for to in 2 1; do
	start=$(now_ms)
	on "node$((3 - to))" virsh migrate --live --p2p --unsafe g1 "qemu+tls://node$to-mig/system" \
		"tcp://node$to-mig"
	figure "migration_ms=$(($(now_ms) - start))"
done
sleep 1
text=$(lab ping-gap stop g1) || fail "the guest does not answer: $text"
figure "migrations: $text"
goes_on() { check --same-boot --min-seq 30 "$IMG"; }
await 20 "10 more records, good ones, of the same boot" goes_on
[[ $(value last_boot) == "$boot" ]] || fail "another boot"
lab guest console g1 >"$WORK/console"
grep MEMORY "$WORK/console" && fail "memory was damaged"

step "power button"
start=$(now_ms)
on node1 virsh -q shutdown g1
is_off() { [[ -z $(on node1 virsh -q list --all) ]]; }
await 40 "the guest off" is_off
figure "shutdown_ms=$(($(now_ms) - start))"
check "$IMG" || fail "after shutdown: $(cat "$WORK/check.log")"

step "second boot goes on where the first ended"
last=$(value last_seq)
on node2 virsh -q create /root/g1.xml
again() { check --min-seq "$((last + 20))" "$IMG"; }
await 30 "20 more records" again
[[ $(value boots) == 2 && $(value first_seq) == 1 ]] || fail "boots: $(cat "$WORK/check.log")"
on node2 virsh -q destroy g1
check "$IMG" || fail "after the second boot: $(cat "$WORK/check.log")"

# damaged FINDING CMD...: CMD doctors a copy of the disk; check-disk must find it, by that name.
damaged() {
	local finding=$1
	shift
	cp "$DISK_FILE" "$WORK/copy.img"
	"$@" "$WORK/copy.img"
	"$LAB_BIN" check-disk "$WORK/copy.img" >"$WORK/check.log" 2>&1 && fail "$* was not found"
	[[ $(value "$finding") -gt 0 ]] || fail "$*: no $finding: $(tail -n 3 "$WORK/check.log")"
}
sector() { dd if="$1" of="$1" bs=512 skip="$2" seek="$3" count=1 conv=notrunc status=none; }
lose_record() { dd if=/dev/zero of="$1" bs=512 seek=$((128 + 10)) count=1 conv=notrunc status=none; }
swap_record() { sector "$1" $((128 + 12)) $((128 + 11)); }
tear_record() { printf 'X' | dd of="$1" bs=1 seek=$(((128 + 13) * 512 + 40)) conv=notrunc status=none; }
lose_last() { dd if=/dev/zero of="$1" bs=512 seek=$((128 + $(value last_seq))) count=1 conv=notrunc status=none; }

step "check-disk finds what was doctored"
check "$IMG"
damaged lost lose_record
check "$IMG"
damaged lost lose_last
damaged damaged swap_record
damaged damaged tear_record
check --min-seq 100000 "$IMG" && fail "--min-seq is not looked at"
check --same-boot "$IMG" && fail "--same-boot is not looked at"

step "two runners on one disk leave marks"
for node in node1 node2; do
	lab guest xml "twin-$node" --disk "$IMG" >"$WORK/twin.xml"
	on "$node" sh -c 'cat >/root/twin.xml' <"$WORK/twin.xml"
	on "$node" virsh -q create /root/twin.xml
done
foreign() { ! check "$IMG" && [[ $(value foreign) -gt 0 ]]; }
await 30 "marks of two runners" foreign
foreign_said() { { lab guest console twin-node1 && lab guest console twin-node2; } | grep FOREIGN; }
await 10 "FOREIGN on a runner's console" foreign_said
