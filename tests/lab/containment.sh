#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# vmha-test: timeout=120 lab=own
# What a node's root tries to reach of the machine it lives on, and must not.
. "$(dirname "$0")/../lib.sh"

lab_begin --nodes 2 --no-volume

# denied CMD...: must fail inside the node.
denied() {
	if on node1 "$@" >"$WORK/out" 2>&1 </dev/null; then
		fail "a node may: $* ($(head -c 200 "$WORK/out"))"
	fi
}

step "switches of the kernel"
panic=$(</proc/sys/kernel/panic)
denied sh -c 'echo 77 >/proc/sys/kernel/panic'
denied sh -c 'echo 1 >/proc/sys/vm/drop_caches'
[[ $(</proc/sys/kernel/panic) == "$panic" ]] || fail "kernel.panic was changed"
# what Pacemaker writes when it panics must end in a file of the node
if [[ -e /proc/sys/kernel/sysrq ]]; then
	sysrq=$(</proc/sys/kernel/sysrq)
	on node1 sh -c 'echo 255 >/proc/sys/kernel/sysrq'
	[[ $(</proc/sys/kernel/sysrq) == "$sysrq" ]] || fail "kernel.sysrq was changed"
fi
[[ ! -e /proc/sysrq-trigger ]] || on node1 sh -c 'echo x >/proc/sysrq-trigger'
denied date -s 2030-01-01
denied dmesg
denied modprobe loop

step "devices, mounts and namespaces"
denied test -e /dev/kvm
denied test -e /dev/mem
denied mknod /tmp/disk b 254 0
denied mount -t tmpfs none /mnt
denied mount -t devtmpfs none /mnt
denied mount -o remount,rw /proc/sys
denied umount /proc/sys
denied unshare --mount true
denied unshare --user --map-root-user true
denied nsenter --target 1 --mount true
denied sh -c 'echo 1 >/sys/class/net/clu/mtu'
denied sh -c 'ls /sys/kernel/* /sys/fs/* /sys/power/*'
denied sh -c 'cat /proc/kmsg /proc/kcore | grep -q .'
denied sh -c 'touch /usr/escaped'

step "system calls"
on node1 python3 - <<'P' || fail "a system call was allowed"
import ctypes, os, sys
libc = ctypes.CDLL(None, use_errno=True)
calls = {"kexec_load": (246, 0, 0, 0, 0), "bpf": (321, 0, 0, 0), "keyctl": (250, 0, -3, 0),
	 "perf_event_open": (298, 0, 0, -1, -1, 0), "open_by_handle_at": (304, -100, 0, 0),
	 "vsock": (41, 40, 1, 0), "settimeofday": (164, 0, 0), "init_module": (175, 0, 0, b"")}
allowed = [n for n, a in calls.items() if libc.syscall(*a) != -1 or ctypes.get_errno() == 14]
sys.exit(print("allowed:", allowed) if allowed else 0)
P

step "the machine's and other nodes' files and processes"
denied sh -c "ls -A /var/lib/vmha-lab | grep -q ."
denied ls "$TOP"
denied ls "/proc/1/root$TOP"
denied ls "/proc/1/cwd$TOP"
denied ls "/run/vmha-lab/$LAB"
marker=$(mktemp -p "$WORK")
echo secret >"$marker"
on node1 ln -s "$marker" /clusterstorage/vol1/link
denied cat /clusterstorage/vol1/link
on node1 ln -s "$WORK" /clusterstorage/vol1/dir
denied ls /clusterstorage/vol1/dir/
lab guest disk /clusterstorage/vol1/dir/disk.img 2>/dev/null && fail "a link of a node led out of the volume"
[[ $(on node1 sh -c 'ls -d /proc/[0-9]*' | wc -l) -lt 60 ]] || fail "too many processes are seen"
background tail tail -f "$marker"
tail_runs() { tr '\0' ' ' <"/proc/${PIDS[tail]}/cmdline" | grep -F "$marker"; }
await 5 "the process to be looked for" tail_runs
on node1 sh -c 'cat /proc/[0-9]*/cmdline' | tr '\0' ' ' >"$WORK/processes"
grep -qF "$marker" "$WORK/processes" && fail "this machine's processes are seen in the node"

step "networks"
[[ $(on node1 ip -o link | awk -F': ' '{ print $2 }' | sed 's/@.*//' | sort | tr '\n' ' ') == \
	"clu lo mgt mig pub vmbr0 " ]] || fail "networks: $(on node1 ip -o link)"
address=$(hostname -I | cut -d' ' -f1)
[[ -z $address ]] || denied ping -c 1 -W 1 "$address"

step "a reset stays in the node"
# not a member: the cluster would fence a lost one, by reboot, and so switch it on again
lab service node2 stop pacemaker
lab service node2 stop corosync
uptime=$(cut -d. -f1 /proc/uptime)
on node2 python3 -c 'import ctypes; ctypes.CDLL(None).reboot(0x4321fedc)' || true
node2_off() { [[ $(lab status) == *$'\nnode2  off'* ]]; }
await 20 "node2 off by its own power-off" node2_off
(($(cut -d. -f1 /proc/uptime) >= uptime)) || fail "the machine restarted"
on node1 true || fail "node1 went with it"
