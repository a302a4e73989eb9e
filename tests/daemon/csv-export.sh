#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# vmha-test: timeout=180 weight=1 lab=none
# An export under the volume's agent, without a cluster: a failed mount is told in its own words, and
# without its helper in ours; what is mounted is left by a stop, also from a server that does not answer,
# whoever has it still.  A file system in user space that is stopped stands for the export and its server.
set -euo pipefail

if [[ ${1:-} != inside ]]; then
	((EUID == 0)) || {
		echo "needs root"
		exit 77
	}
	[[ -x /sbin/mount.nfs && -c /dev/fuse && -d /clusterstorage ]] || {
		echo "needs nfs-common, FUSE and a directory /clusterstorage"
		exit 77
	}
	# all that is mounted or runs in it ends with it
	exec unshare --mount --pid --fork --kill-child --mount-proc "$0" inside
fi

WORK=$VMHA_TEST_TMP
VOLUME=exported
PLACE=/clusterstorage/$VOLUME
SERVER=''

fail() {
	printf 'FAILED: %s\n' "$*"
	exit 1
}

# agent ACTION TIMEOUT_MS: its status in RC, its words in agent.log.
agent() {
	RC=0
	timeout 60 env OCF_ROOT=/usr/lib/ocf OCF_RESOURCE_INSTANCE="$VOLUME" OCF_RESKEY_volume="$VOLUME" \
		OCF_RESKEY_type=nfs OCF_RESKEY_device=127.0.0.1:/nowhere OCF_RESKEY_options=retry=0 \
		OCF_RESKEY_CRM_meta_timeout="$2" "$VMHA_STAGE/usr/lib/ocf/resource.d/vmha/csv" "$1" \
		>"$WORK/agent.log" 2>&1 || RC=$?
	printf 'figure: %s: status %s: %s\n' "$1" "$RC" "$(tail -n 1 "$WORK/agent.log")"
}

says() {
	grep -q -- "$1" "$WORK/agent.log" || fail "'$1' is not in: $(cat "$WORK/agent.log")"
}

mounted() {
	grep -q " $PLACE " /proc/self/mountinfo
}

export_begin() {
	mkdir -p "$WORK/data" "$PLACE"
	: >"$WORK/control"
	"$VMHA_STAGE/usr/libexec/vmha/lab/lab-faultfs" "$WORK/data" "$WORK/control" "$PLACE" &
	SERVER=$!
	for ((i = 0; i < 100; i++)); do
		! mounted || return 0
		sleep 0.1
	done
	fail "nothing is mounted"
}

export_end() {
	kill -KILL "$SERVER"
	wait "$SERVER" 2>/dev/null || true
}

# held_by PROGRAM: a process of that name has a file of it open.
held_by() {
	cp /bin/sleep "$WORK/$1"
	"$WORK/$1" 1000 9>"$PLACE/file" &
	HOLDER=$!
}

mount -t tmpfs none /clusterstorage
mount -t tmpfs none /run

echo "== no server"
agent start 20000
((RC == 1)) || fail "a start without a server: status $RC"
says "cannot mount 127.0.0.1:/nowhere"
! mounted || fail "something is mounted"

echo "== no helper"
mount --bind /dev/null "$(realpath /sbin/mount.nfs)"
agent start 20000
((RC == 1)) || fail "a start without mount.nfs: status $RC"
says "install nfs-common"

echo "== a shell in it"
export_begin
held_by tail-of-a-log
agent stop 20000
((RC == 0)) || fail "a stop with a shell in it: status $RC"
! mounted || fail "it is mounted still"
! kill -0 "$HOLDER" 2>/dev/null || fail "who used it was left"

echo "== a daemon has it, and the server answers: not ours to take away"
export_begin
held_by sanlock
agent stop 10000
((RC == 1)) || fail "a stop under a daemon: status $RC"
says "in use by sanlock"
mounted || fail "it was taken away"

echo "== a daemon has it, and the server is silent"
kill -STOP "$SERVER"
START=$EPOCHSECONDS
agent stop 30000
((RC == 0)) || fail "a stop without the server: status $RC"
((EPOCHSECONDS - START < 20)) || fail "it took $((EPOCHSECONDS - START)) s"
! mounted || fail "it is mounted still"
kill -0 "$HOLDER" || fail "a daemon was ended"
export_end

echo "== nothing left to detach"
agent stop 10000
((RC == 0)) || fail "a second stop: status $RC"
