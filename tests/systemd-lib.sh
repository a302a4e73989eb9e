# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
# A machine whose init is the real systemd, in namespaces of this one: /etc, /var and /usr are
# copies kept in a directory (they outlive a power-off), the network is its own.
#   machine_prepare DIR   before the first boot; then files may be put below DIR/upper/
#   machine_boot          [boots and] waits until it is up
#   machine COMMAND...    runs it in there
#   machine_shutdown      as an administrator would; waits until it is off
#   machine_off           power loss; called at the end whatever happens

MACHINE_DIR=
MACHINE_UNSHARE=
MACHINE_PID=
MACHINE_CGROUP=

# What would reach through to this machine, or waits for hardware.
MACHINE_MASKED=(systemd-udevd.service systemd-udev-trigger.service systemd-sysctl.service systemd-modules-load.service
	systemd-tmpfiles-setup-dev.service kmod-static-nodes.service systemd-binfmt.service
	proc-sys-fs-binfmt_misc.automount modprobe@.service dev-hugepages.mount dev-mqueue.mount
	sys-kernel-debug.mount sys-kernel-tracing.mount sys-kernel-config.mount systemd-remount-fs.service
	systemd-random-seed.service systemd-networkd-wait-online.service systemd-resolved.service
	systemd-networkd.service networking.service systemd-logind.service getty.target
	apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer e2scrub_all.timer fstrim.timer
	wdmd.service virtlogd-admin.socket virtlockd-admin.socket systemd-machined.service)

# The first process of the machine: $1 its directory, rest: units that are masked.
# shellcheck disable=SC2016
MACHINE_INIT='
set -euo pipefail
dir=$1
for tree in etc var usr; do
	mount -t overlay overlay -o "lowerdir=/$tree,upperdir=$dir/upper/$tree,workdir=$dir/work/$tree" "/$tree"
done
mount -t proc proc /proc
mount --bind /proc/sys /proc/sys
mount -o remount,bind,ro /proc/sys
mount --bind /proc/sys/net /proc/sys/net 2>/dev/null || true
[[ ! -e /proc/sysrq-trigger ]] || mount --bind /dev/null /proc/sysrq-trigger
mount -t tmpfs -o mode=755 none "$dir/dev"
for node in null zero full random urandom tty; do
	cp -a "/dev/$node" "$dir/dev/"
done
mkdir "$dir/dev/net" "$dir/dev/pts" "$dir/dev/shm"
[[ ! -e /dev/net/tun ]] || cp -a /dev/net/tun "$dir/dev/net/"
ln -s /proc/self/fd "$dir/dev/fd"
mount -t devpts -o newinstance,ptmxmode=666 devpts "$dir/dev/pts"
ln -s pts/ptmx "$dir/dev/ptmx"
mount -t tmpfs none "$dir/dev/shm"
mount --move "$dir/dev" /dev
for mounted in $(findmnt -rno TARGET -t cgroup,cgroup2 | sort -r); do
	umount "$mounted"
done
mount -t sysfs -o ro sysfs /sys
mount -t cgroup2 cgroup2 /sys/fs/cgroup
umount -R -l /run 2>/dev/null || true
mount -t tmpfs -o mode=755 none /run
hostname node1
ip link set lo up
ip link add mig type bridge
ip address add 10.71.2.1/24 dev mig
ip link set mig up
if [[ ! -e $dir/booted ]]; then # nothing that this machine itself has enabled
	rm -rf /etc/systemd/system /usr/sbin/policy-rc.d
	mkdir /etc/systemd/system
	for unit in "${@:2}"; do
		ln -s /dev/null "/etc/systemd/system/$unit"
	done
	: >"$dir/booted"
fi
mount -t tmpfs -o mode=1777 none /tmp
cd /
exec env -i container=vmha-test PATH=/usr/sbin:/usr/bin:/sbin:/bin /lib/systemd/systemd \
	--unit=multi-user.target --log-target=journal --show-status=no'

# A cluster of one, for whoever starts it.
machine_corosync_conf() {
	cat <<-'END'
		totem {
		 version: 2
		 cluster_name: one
		 transport: knet
		 token: 1000
		}
		nodelist {
		 node {
		  name: node1
		  nodeid: 1
		  ring0_addr: 10.71.2.1
		 }
		}
		quorum {
		 provider: corosync_votequorum
		 expected_votes: 1
		}
		logging {
		 to_syslog: yes
		}
	END
}

# machine_prepare DIR
machine_prepare() {
	MACHINE_DIR=$1
	if [[ ! -x /lib/systemd/systemd ]] || ! findmnt -t cgroup2 >/dev/null; then
		echo "SKIP: needs systemd and a cgroup2 mount"
		exit 77
	fi
	mkdir -p "$MACHINE_DIR"/{upper,work}/{etc,var,usr} "$MACHINE_DIR/dev"
	mkdir -p "$MACHINE_DIR"/upper/var/log/journal "$MACHINE_DIR"/upper/etc/corosync
	machine_corosync_conf >"$MACHINE_DIR/upper/etc/corosync/corosync.conf"
	trap machine_off EXIT
}

machine_boot() {
	local i root
	root=$(findmnt -nfo TARGET -t cgroup2)
	MACHINE_CGROUP=$root/vmha-test-$$
	mkdir -p "$MACHINE_CGROUP"
	(
		echo "$BASHPID" >"$MACHINE_CGROUP/cgroup.procs"
		exec unshare --net --mount --pid --uts --ipc --cgroup --fork --kill-child --propagation private \
			bash -c "$MACHINE_INIT" machine "$MACHINE_DIR" "${MACHINE_MASKED[@]}"
	) </dev/null >>"$MACHINE_DIR/console" 2>&1 &
	MACHINE_UNSHARE=$!
	for ((i = 0; i < 600; i++)); do
		MACHINE_PID=$(tr -d ' ' <"/proc/$MACHINE_UNSHARE/task/$MACHINE_UNSHARE/children") || break
		if [[ -n $MACHINE_PID && $(machine systemctl is-system-running 2>/dev/null || true) == @(running|degraded) ]]; then
			return
		fi
		sleep 0.1
	done
	cat "$MACHINE_DIR/console"
	echo "FAIL: waited in vain for: the machine to come up"
	exit 75
}

machine() {
	nsenter -t "$MACHINE_PID" -m -u -i -n -p -C -- "$@"
}

machine_gone() {
	local i
	wait "$MACHINE_UNSHARE" 2>/dev/null || true
	MACHINE_UNSHARE='' MACHINE_PID=''
	for ((i = 0; i < 100; i++)); do # its processes go a little later than its init
		find "$MACHINE_CGROUP" -depth -type d -exec rmdir {} + 2>/dev/null || true
		[[ -e $MACHINE_CGROUP ]] || break
		sleep 0.1
	done
	MACHINE_CGROUP=''
}

machine_shutdown() {
	machine systemctl start poweroff.target --job-mode=replace-irreversibly --no-block
	machine_gone
}

machine_off() {
	[[ -n $MACHINE_UNSHARE ]] || return 0
	kill -KILL "$MACHINE_UNSHARE" 2>/dev/null || true
	machine_gone
}
