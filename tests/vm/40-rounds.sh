#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# vmha-test: timeout=3600 weight=3 lab=vm
# All nodes add and remove the same few roles at once, round after round; in some rounds one of them loses its
# power in the middle.  Whatever was cut short: each name is a whole role or none, in every place that knows it.
# VMHA_TEST_ROUNDS=50 for many, VMHA_TEST_SEED=N for the same ones again.
# shellcheck source=tests/vm/lib.sh
. "$(dirname "$0")/lib.sh"

ROUNDS=${VMHA_TEST_ROUNDS:-3}
SEED=${VMHA_TEST_SEED:-$((RANDOM * 32768 + RANDOM))}
DIR=/clusterstorage/$VOLUME
NAMES=(ash beech cedar elm fir)
DONE=0 REFUSED=0 LOST=0 POWER_OFFS=0
: >"$WORK/refused" # in a few rounds it may be that nothing is
# what a command may say where another was faster, or a node is just being lost
KNOWN='has a role named|has something named|has a lease named|no role|is not a role|cut short|locked by|unknown until'
KNOWN+='|waits for a fencing|cannot tell whether|is not there on this node|cluster does not tell|being (added|removed)'

# change NODE NAME: removes the role where it is one, else adds it; in the background.
change() {
	local status=0
	# shellcheck disable=SC2016 # for the node's shell
	timeout 200 "$LAB_BIN" --name "$LAB" exec "$1" sh -c '
		if [ -e "$1/$2/$2.role" ]; then
			vmha vm remove "$2"
		else
			vmha vm add "$2" --xml "/root/$2.xml" --volume "$3" --disabled
		fi' sh "$DIR" "$2" "$VOLUME" >"$WORK/change.$1" 2>&1 </dev/null || status=$?
	echo "$status" >"$WORK/status.$1"
}

# change_judge NODE CUT: CUT: a node has lost its power meanwhile.
change_judge() {
	local status
	status=$(<"$WORK/status.$1")
	if ((status == 0)); then
		DONE=$((DONE + 1))
	elif [[ $1 == "$2" ]]; then
		LOST=$((LOST + 1))
	elif ((status == 1)) && { [[ -n $2 ]] || grep -qE "$KNOWN" "$WORK/change.$1"; }; then
		REFUSED=$((REFUSED + 1))
		sed -n 's/^vmha: /&/p' "$WORK/change.$1" | tail -n 1 >>"$WORK/refused"
	else
		fail "round $ROUND, $1: status $status: $(cat "$WORK/change.$1")"
	fi
}

# one_round [VICTIM]
one_round() {
	local node nodes=() pids=() victim=${1:-} pid begun
	begun=$(now_ms)
	for node in "${NODES[@]}"; do
		# one that was lost may not be back yet
		! on "$node" test -e "/run/vmha/csv/$VOLUME.joined" 2>/dev/null || nodes+=("$node")
	done
	for node in "${nodes[@]}"; do
		change "$node" "${NAMES[RANDOM % ${#NAMES[@]}]}" &
		pids+=($!)
	done
	if [[ -n $victim ]]; then
		vm_mark
		cluster_from "$(node_other "$victim")"
		sleep "$((RANDOM % 6)).$((RANDOM % 10))" # any moment of it
		lab power off "$victim"
		POWER_OFFS=$((POWER_OFFS + 1))
		await 150 "the fence of $victim" vm_logged "off $victim proven"
	fi
	for pid in "${pids[@]}"; do
		wait "$pid" || true
	done
	for node in "${nodes[@]}"; do
		change_judge "$node" "$victim"
	done
	figure "round $ROUND: $(($(now_ms) - begun)) ms, ${#nodes[@]} nodes${victim:+, $victim without power}"
}

# witness: what each place has, past the product: sanlock's index and leases on the disk, the directories, the
# definitions, the cluster's configuration; one line for each name that is not everywhere the same.
witness() {
	local at
	at=$(vm_volume_value .leases_at.index_offset)
	cluster cibadmin --query --scope resources >"$WORK/cib" || return 1
	# shellcheck disable=SC2016 # for the node's shell
	cluster sh -c 'cd "$1" && ls -d */ | tr -d / | sed "s/^/dir /"; ls .vmha/intents 2>/dev/null | sed "s/^/intent /"
		find . -name "*.tmp" | sed "s/^/unended /"
		for role in */*.role; do [ -e "$role" ] && echo "role ${role%%/*}"; done
		for xml in */*.xml; do [ -e "$xml" ] && echo "xml ${xml%%/*} $(sed -n "s/.*offset=.\([0-9]*\).*/\1/p" "$xml")"; done
		true' sh "$DIR" >"$WORK/files" || return 1
	python3 - "$LAB_STATE/storage/luns/lun1.img" "$at" "$VOLUME" "$WORK/cib" "$WORK/files" "${NAMES[@]}" <<-'END'
		import struct, sys, xml.etree.ElementTree as tree
		disk, at, volume, cib, files, names = sys.argv[1], int(sys.argv[2]), sys.argv[3], sys.argv[4], sys.argv[5], sys.argv[6:]
		text = lambda b: b.split(b"\0")[0].decode()
		leases, bad = {}, []
		with open(disk, "rb") as f:
		    f.seek(at)
		    area = f.read(1 << 20)
		    magic, _, _, sector, _, _, place = struct.unpack_from("<IIIIIIQ", area)
		    if magic != 0x01042018 or place != at or text(area[32:80]) != volume:
		        sys.exit("no index of leases at %d" % at)
		    for i in range(sector, len(area) - 63, 64):
		        offset, _, _, name = struct.unpack_from("<QII48s", area, i)
		        if not text(name):
		            continue
		        if text(name) in leases:
		            bad.append("two leases named " + text(name))
		        leases[text(name)] = offset
		        f.seek(offset)
		        leader = f.read(512)
		        if struct.unpack_from("<I", leader)[0] != 0x06152010 or text(leader[104:152]) != text(name):
		            bad.append("the lease of %s at %d is of '%s'" % (text(name), offset, text(leader[104:152])))
		lines = [line.split() for line in open(files)]
		of = lambda kind: {l[1] for l in lines if l[0] == kind}
		offsets = {l[1]: int(l[2]) for l in lines if l[0] == "xml" and len(l) > 2}
		resources = {p.get("id") for p in tree.parse(cib).iter("primitive") if p.get("type") == "vm"}
		for name in names:
		    places = [name in leases, name in of("dir"), name in of("xml"), name in of("role"), name in resources]
		    if any(places) != all(places):
		        bad.append("%s: lease, directory, definition, record, resource: %s" % (name, places))
		    elif all(places) and offsets.get(name) != leases[name]:
		        bad.append("%s: its definition names another lease" % name)
		bad += ["%s %s" % tuple(l[:2]) for l in lines if l[0] in ("intent", "unended")]
		bad += ["a lease of nobody: " + n for n in leases if n not in names and not n.startswith("volume-")]
		print("\n".join(bad))
		print("figure: %d roles, %d leases" % (sum(n in leases for n in names), len(leases)), file=sys.stderr)
		sys.exit(1 if bad else 0)
	END
}

# The volume's owner settles what was cut short, once it has the lock.
consistent() {
	witness >"$WORK/witness" 2>&1
}

look() {
	await 240 "every name whole or absent ($(tail -n 5 "$WORK/witness" 2>/dev/null | tr '\n' ';'))" consistent
}

vm_begin
vm_volume lun1
figure "seed=$SEED rounds=$ROUNDS"
RANDOM=$((SEED % 32768))
on node1 mkdir -p "$DIR/images"
for NAME in "${NAMES[@]}"; do
	lab guest disk "$DIR/images/$NAME.raw" --tiny
	for NODE in "${NODES[@]}"; do
		lab guest xml "$NAME" --tiny --disk "$DIR/images/$NAME.raw" | on "$NODE" sh -c "cat >/root/$NAME.xml"
	done
done

for ((ROUND = 1; ROUND <= ROUNDS; ROUND++)); do
	if ((ROUND % 4 == 2 || ROUND == ROUNDS)); then
		await 300 "all nodes in the volume" vm_volume_on 3
		one_round "${NODES[RANDOM % 3]}"
		look
	else
		one_round
	fi
done
await 300 "all nodes in the volume" vm_volume_on 3
look
vm_volume_good
sed -n 's/^figure: //p' "$WORK/witness" | while read -r LINE; do figure "$LINE"; done
figure "changes: $DONE done, $REFUSED refused, $LOST lost with their node; $POWER_OFFS power-offs"
sort "$WORK/refused" | uniq -c | while read -r LINE; do figure "refused: ${LINE:0:120}"; done
((DONE * 2 >= ROUNDS)) || fail "hardly anything was done"

for NAME in "${NAMES[@]}"; do
	! on node1 test -e "$DIR/$NAME" || vm_role_remove "$NAME"
done
on node1 rm -r "$DIR/images"
consistent || fail "$(cat "$WORK/witness")"
vm_volume_good
