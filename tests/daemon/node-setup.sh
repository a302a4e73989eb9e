#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# vmha-test: timeout=180 weight=1 lab=none
# `vmha node setup` in namespaces of its own: /etc, /var and /run are copies, so that nothing of
# this machine is changed.  The files it writes are read back by the real programs.
set -euo pipefail

if [[ -z ${NODE_SETUP_INSIDE-} ]]; then
	export NODE_SETUP_INSIDE=1
	exec unshare --mount --uts --net --pid --fork --kill-child --propagation private "$0" "$@"
fi

T=$VMHA_TEST_TMP/ns
ADDRESS=10.71.2.1
CHECKS=0

fail() {
	printf 'FAILED: %s\n' "$*" >&2
	exit 1
}

ok() {
	CHECKS=$((CHECKS + 1))
	printf 'ok: %s\n' "$*"
}

# Copies that forget everything at the end of the namespace.
enter() {
	local dir
	mkdir -p "$T"
	mount -t tmpfs -o size=128m none "$T"
	for dir in etc var; do
		mkdir -p "$T/$dir/upper" "$T/$dir/work"
		mount -t overlay overlay -o "lowerdir=/$dir,upperdir=$T/$dir/upper,workdir=$T/$dir/work" "/$dir"
	done
	mount -t tmpfs none /run
	mount -t proc none /proc
	rm -rf /etc/pki /etc/vmha /etc/sanlock /var/lib/vmha
	hostname node1
	ip link set lo up
	ip link add mig type bridge
	ip address add "$ADDRESS/24" dev mig
	ip address add fd71:2::1/64 dev mig nodad
	ip link set mig up
}

# Everything about every file of ours, to compare before with after.
state() {
	{ find /etc /var/lib/vmha /run -xdev -printf '%p %y %m %U %G %T@ %s %l\n' 2>/dev/null || true; } | sort
}

setup() {
	vmha node setup --migration-address "$ADDRESS" "$@"
}

# refused STATUS WORDS ARGUMENT...: refused with that status and words, and nothing has changed
refused() {
	local want=$1 words=$2 before status=0 out
	shift 2
	before=$(state)
	out=$(vmha node setup "$@" 2>&1) || status=$?
	[[ $status == "$want" ]] || fail "$*: exit $status instead of $want: $out"
	[[ $out == *"$words"* ]] || fail "$*: does not say '$words' but: $out"
	[[ $(state | grep -v /run/vmha-node-setup.lock) == "$(grep -v /run/vmha-node-setup.lock <<<"$before")" ]] ||
		fail "$*: was refused and still changed something"
	ok "refused: $* ($words)"
}

test_dry_run() {
	local before out
	before=$(state)
	out=$(setup --dry-run)
	[[ $(state) == "$before" ]] || fail "a dry run changed something: $(diff <(echo "$before") <(state))"
	[[ $out == *'+lock_manager = "sanlock"'* ]] || fail "no difference shown: $out"
	[[ $out == *'files would change'* ]] || fail "no count: $out"
	ok "a dry run shows the difference and changes nothing"
	# the difference is one that patch(1) takes
	setup --dry-run | grep -v '^Note\|^new file\|would change' >"$VMHA_TEST_TMP/diff"
	patch --dry-run --silent -p1 -d / <"$VMHA_TEST_TMP/diff" || fail "patch refuses the difference"
	ok "the difference can be applied"
}

test_apply() {
	local out
	cp -a /etc/libvirt "$VMHA_TEST_TMP/libvirt.before"
	out=$(setup)
	[[ $out == *"files changed; the old ones are in /var/lib/vmha/backup/"* ]] || fail "$out"
	# nothing but additions: what was there is there still
	for f in libvirtd.conf qemu.conf qemu-sanlock.conf; do
		if diff "$VMHA_TEST_TMP/libvirt.before/$f" "/etc/libvirt/$f" | grep '^<'; then
			fail "$f lost lines"
		fi
	done
	[[ $out == *'starts with -w 0'* ]] || fail "no word of the watchdog: $out"
	ok "settings are added, nothing is lost"
	[[ $(stat -c %a /etc/libvirt/qemu.conf) == "$(stat -c %a "$VMHA_TEST_TMP/libvirt.before/qemu.conf")" ]] ||
		fail "mode of qemu.conf changed"
	grep -qx "migration_address=$ADDRESS" /etc/vmha/node.conf || fail "node.conf"
	grep -qx 'our_host_name = node1' /etc/sanlock/sanlock.conf || fail "sanlock.conf"
	ok "sanlock and vmha know their names"
}

test_keys() {
	local key cert
	for key in /etc/pki/libvirt/private/{server,client}key.pem /etc/vmha/pki/ca-key.pem; do
		[[ $(stat -c '%a %U' "$key") == '600 root' ]] || fail "mode of $key"
	done
	for key in /etc/pki/qemu/{server,client}-key.pem; do
		[[ $(stat -c '%a %U' "$key") == '600 libvirt-qemu' ]] || fail "mode of $key"
	done
	for cert in /etc/pki/libvirt/servercert.pem /etc/pki/qemu/client-cert.pem; do
		openssl verify -CAfile /etc/pki/CA/cacert.pem -verify_ip "$ADDRESS" "$cert" >/dev/null ||
			fail "$cert is not good for $ADDRESS"
		openssl x509 -in "$cert" -noout -checkhost node1 | grep 'does match' >/dev/null || fail "$cert: no node1"
		openssl x509 -in "$cert" -noout -text | grep 'rsaEncryption' >/dev/null || fail "$cert: not RSA"
	done
	ok "certificates are good for the address and the name, keys are private"
}

test_again() {
	local before out
	before=$(state)
	out=$(setup)
	[[ $out == *'node1: nothing to change.'* ]] || fail "$out"
	[[ $(state) == "$before" ]] || fail "a second run changed something"
	out=$(vmha node setup)
	[[ $out == *'nothing to change.'* ]] || fail "without the address: $out"
	[[ $(setup --output json | jq -c '[.changes, .backup, .dry_run]') == '[[],null,false]' ]] || fail "json"
	[[ $(state) == "$before" ]] || fail "a third run changed something"
	ok "a second run changes nothing, not even a time"
	sed -i '/^tls_allowed_dn_list/d' /etc/libvirt/libvirtd.conf
	[[ $(setup) == *'+tls_allowed_dn_list'* ]] || fail "the list of allowed clients is not put back"
	ok "what is missing is put back"
}

listening() {
	ss -Hltn "sport = :16514" | awk '{ print $4 }' | sort | tr '\n' ' '
}

# Real libvirtd with real files: it starts, listens on every network, and takes our certificate.
test_libvirtd() {
	local pid i wanted='0.0.0.0:16514 [::]:16514 '
	sed -i 's/^#auth_unix_rw.*/auth_unix_rw = "none"/' /etc/libvirt/libvirtd.conf
	mkdir -p /run/libvirt
	libvirtd --listen >"$VMHA_TEST_TMP/libvirtd.log" 2>&1 &
	pid=$!
	for ((i = 0; i < 300; i++)); do # one address after the other
		if [[ $(listening) == "$wanted" ]]; then
			break
		fi
		kill -0 "$pid" 2>/dev/null || fail "libvirtd ended: $(cat "$VMHA_TEST_TMP/libvirtd.log")"
		sleep 0.1
	done
	[[ $(listening) == "$wanted" ]] || fail "listens on $(ss -Hltn)"
	timeout 60 virsh -c "qemu+tls://$ADDRESS/system" version >"$VMHA_TEST_TMP/virsh.log" 2>&1 ||
		fail "libvirtd does not answer over TLS: $(cat "$VMHA_TEST_TMP/virsh.log" "$VMHA_TEST_TMP/libvirtd.log")"
	[[ $(virsh -c "qemu+tls://$ADDRESS/system" capabilities | xmllint --xpath 'string(/capabilities/host/uuid)' -) == \
		"$(sed -n 's/^host_uuid = "\(.*\)"/\1/p' /etc/libvirt/libvirtd.conf)" ]] || fail "libvirtd does not have our UUID"
	# QEMU's key opens nothing at libvirtd
	mkdir -p "$VMHA_TEST_TMP/qemu-pki"
	cp /etc/pki/qemu/ca-cert.pem "$VMHA_TEST_TMP/qemu-pki/cacert.pem"
	cp /etc/pki/qemu/client-cert.pem "$VMHA_TEST_TMP/qemu-pki/clientcert.pem"
	cp /etc/pki/qemu/client-key.pem "$VMHA_TEST_TMP/qemu-pki/clientkey.pem"
	if timeout 30 virsh -c "qemu+tls://$ADDRESS/system?pkipath=$VMHA_TEST_TMP/qemu-pki" version >"$VMHA_TEST_TMP/virsh.log" 2>&1; then
		fail "libvirtd obeys QEMU's key"
	fi
	grep -q 'not on the list of allowed clients' "$VMHA_TEST_TMP/libvirtd.log" ||
		fail "refused for another reason: $(cat "$VMHA_TEST_TMP/virsh.log" "$VMHA_TEST_TMP/libvirtd.log")"
	ok "libvirtd refuses the key that QEMU can read"
	kill "$pid"
	wait "$pid" || true
	ok "libvirtd takes the files: TLS on $ADDRESS, lock manager sanlock, our UUID"
}

test_restore() {
	local backup
	backup=$(find /var/lib/vmha/backup -mindepth 1 -maxdepth 1 | sort -V | head -n 1)
	xargs rm -f <"$backup/created"
	cp -a "$backup/etc/." /etc/
	for f in libvirtd.conf qemu.conf qemu-sanlock.conf; do
		cmp "$VMHA_TEST_TMP/libvirt.before/$f" "/etc/libvirt/$f" || fail "$f is not as before"
		[[ $(stat -c '%a %U %G %y' "/etc/libvirt/$f") == "$(stat -c '%a %U %G %y' "$VMHA_TEST_TMP/libvirt.before/$f")" ]] ||
			fail "mode or time of $f is not as before"
	done
	[[ ! -e /etc/vmha/node.conf && ! -e /etc/sanlock/sanlock.conf && ! -e /etc/pki/CA/cacert.pem ]] ||
		fail "new files are left"
	ok "the backup restores every byte"
}

test_own_settings_stay() {
	local out
	printf 'max_clients = 77 # ours\nkeepalive_interval = 2\nlisten_tls=0\nlisten_tls=0\n' >>/etc/libvirt/libvirtd.conf
	out=$(setup --set 'qemu.conf:cgroup_controllers=[ ]' --set=qemu.conf:user='"root"' \
		--set sanlock.conf:use_watchdog=0 --host-uuid 6c9c6e2a-5a5b-4a55-8a3c-0123456789ab)
	grep -qx 'max_clients = 77 # ours' /etc/libvirt/libvirtd.conf || fail "max_clients"
	[[ $(grep -c '^keepalive_interval' /etc/libvirt/libvirtd.conf) == 1 ]] || fail "keepalive_interval is there twice"
	[[ $(grep '^#*listen_tls=' /etc/libvirt/libvirtd.conf) == $'listen_tls=1\n#listen_tls=0' ]] || fail "listen_tls"
	grep -qx 'host_uuid = "6c9c6e2a-5a5b-4a55-8a3c-0123456789ab"' /etc/libvirt/libvirtd.conf || fail "host_uuid"
	grep -qx 'cgroup_controllers = \[ \]' /etc/libvirt/qemu.conf || fail "cgroup_controllers"
	grep -qx 'use_watchdog = 0' /etc/sanlock/sanlock.conf || fail "use_watchdog"
	[[ $(stat -c %U /etc/pki/qemu/server-key.pem) == root ]] || fail "the key is not QEMU's user's"
	[[ $(setup) == *'nothing to change'* ]] || fail "settings of --set do not stay"
	ok "own settings stay, --set adds more"
}

test_bad_input() {
	local key=$VMHA_TEST_TMP/pki
	mkdir -p "$key"
	openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out "$key/ec.key" 2>/dev/null
	openssl req -x509 -new -key "$key/ec.key" -subj /CN=x -days 9 -out "$key/ec.pem" \
		-addext subjectAltName=IP:$ADDRESS 2>/dev/null
	openssl req -x509 -newkey rsa:2048 -nodes -keyout "$key/ca.key" -subj /CN=ca -days 9 -out "$key/ca.pem" 2>/dev/null
	openssl req -newkey rsa:2048 -nodes -keyout "$key/other.key" -subj /CN=other -out "$key/other.csr" 2>/dev/null
	printf 'subjectAltName=IP:10.71.2.9\n' >"$key/ext"
	openssl x509 -req -in "$key/other.csr" -CA "$key/ca.pem" -CAkey "$key/ca.key" -days 9 \
		-extfile "$key/ext" -out "$key/other.pem" 2>/dev/null
	printf 'subjectAltName=IP:%s\n' "$ADDRESS" >"$key/ext"
	openssl x509 -req -in "$key/other.csr" -CA "$key/ca.pem" -CAkey "$key/ca.key" -days 9 \
		-extfile "$key/ext" -out "$key/foreign.pem" 2>/dev/null
	printf 'garbage\n' >"$key/garbage"

	refused 1 'is not an IP address' --migration-address node1-mig
	refused 1 'is not an IP address' --migration-address 10.71.2.300
	refused 1 'is not an IP address' --migration-address ''
	refused 1 'is not an address of this host (it has: 10.71.2.1 fd71:2::1)' --migration-address 10.71.2.2
	refused 1 'other nodes cannot reach' --migration-address 127.0.0.1
	refused 1 'other nodes cannot reach' --migration-address ::1
	refused 1 'other nodes cannot reach' --migration-address 0.0.0.0
	refused 1 'other nodes cannot reach' --migration-address 224.0.0.1
	set -- --migration-address "$ADDRESS"
	refused 1 '--ca-cert needs --ca-key' "$@" --ca-cert "$key/ca.pem"
	refused 1 '--ca-key goes with --ca-cert' "$@" --ca-key "$key/ca.key"
	refused 1 '--cert and --key go together' "$@" --cert "$key/other.pem"
	refused 1 'No such file' "$@" --ca-cert "$key/ca.pem" --ca-key "$key/none"
	refused 1 'is not a file' "$@" --ca-cert "$key/ca.pem" --ca-key "$key"
	refused 1 'is not a certificate' "$@" --ca-cert "$key/garbage" --ca-key "$key/ca.key"
	refused 1 'is not a private key' "$@" --ca-cert "$key/ca.pem" --ca-key "$key/garbage"
	refused 1 'is not the key of' "$@" --ca-cert "$key/ca.pem" --ca-key "$key/other.key"
	refused 1 'is not a certificate of a CA' "$@" --ca-cert "$key/other.pem" --ca-key "$key/other.key"
	refused 1 'is not an RSA key' "$@" --ca-cert "$key/ca.pem" --cert "$key/ec.pem" --key "$key/ec.key"
	refused 1 'is not good for 10.71.2.1' "$@" --ca-cert "$key/ca.pem" --cert "$key/other.pem" --key "$key/other.key"
	refused 1 'is not of O=vmha host' "$@" --ca-cert "$key/ca.pem" --cert "$key/foreign.pem" --key "$key/other.key"
	refused 2 '--host-uuid is auto, keep or a UUID' "$@" --host-uuid 1234
	refused 2 '--host-uuid is auto, keep or a UUID' "$@" --host-uuid 00000000-0000-0000-0000-000000000000
	refused 2 "cannot be sanlock's host name" "$@" --sanlock-host-name 'a b'
	refused 2 '--set takes FILE:KEY=VALUE' "$@" --set qemu.conf
	refused 2 '--set knows the files' "$@" --set passwd:a=1
	refused 2 'setup decides it itself' "$@" --set 'qemu.conf:lock_manager="lockd"'
	refused 2 'needs quotes' "$@" --set qemu.conf:user=root
	refused 2 'needs a value' "$@" --set
	refused 2 'unknown option' "$@" --frobnicate
	refused 2 'is too much' "$@" now
	refused 1 'needs systemd' "$@" --restart
}

test_bad_host() {
	local f=/etc/libvirt/qemu.conf

	cp -a "$f" "$VMHA_TEST_TMP/qemu.conf"
	printf 'cgroup_controllers = [ "cpu",\n' >>"$f"
	refused 1 "/etc/libvirt/qemu.conf: line $(wc -l <"$f"): the value of cgroup_controllers is not closed"
	printf 'a\0b\n' >"$f"
	refused 1 'is not a text file'
	cp -a "$VMHA_TEST_TMP/qemu.conf" "$f"
	hostname "$(printf 'x%.0s' {1..50})"
	refused 1 "cannot be a node's name"
	hostname node1
	printf 'changed\n' >>/etc/sanlock/sanlock.conf
	sed -i 's/^our_host_name.*/our_host_name = other/' /etc/sanlock/sanlock.conf
	exec 9>/run/vmha-node-setup.lock
	flock 9
	refused 1 'another vmha node setup runs'
	exec 9>&-
	mount --bind /etc /etc
	mount -o remount,bind,ro /etc
	refused 1 'Read-only file system'
	umount /etc
	local status=0 out
	out=$(setpriv --reuid=65534 --clear-groups "$(command -v vmha)" node setup 2>&1) || status=$?
	[[ $status == 1 && $out == *root* ]] || fail "without root: exit $status: $out"
	ok "refused without root"
}

# Another CA and a ready certificate replace what is installed.
test_given_ca() {
	local key=$VMHA_TEST_TMP/pki
	setup --ca-cert "$key/ca.pem" --ca-key "$key/ca.key" >/dev/null
	cmp "$key/ca.pem" /etc/pki/CA/cacert.pem || fail "CA not installed"
	openssl verify -CAfile "$key/ca.pem" -verify_ip "$ADDRESS" /etc/pki/qemu/server-cert.pem >/dev/null ||
		fail "not signed by the CA given"
	[[ $(setup --ca-cert "$key/ca.pem" --ca-key "$key/ca.key") == *'nothing to change'* ]] || fail "signs again"
	ok "a CA that is given signs, once"
	cp /etc/pki/libvirt/servercert.pem "$key/ready.pem"
	cp /etc/pki/libvirt/private/serverkey.pem "$key/ready.key"
	chmod 644 /etc/pki/libvirt/private/serverkey.pem
	rm /etc/pki/qemu/client-*
	setup --ca-cert "$key/ca.pem" --cert "$key/ready.pem" --key "$key/ready.key" >/dev/null
	cmp "$key/ready.pem" /etc/pki/qemu/client-cert.pem || fail "ready certificate not installed"
	[[ $(stat -c %a /etc/pki/libvirt/private/serverkey.pem) == 600 ]] || fail "a key that was readable stays so"
	ok "a ready certificate is installed, the modes of keys are put right"
	rm /etc/pki/qemu/client-* /etc/vmha/pki/*
	refused 1 'there is a CA in /etc/pki/CA/cacert.pem already'
	setup --ca-cert "$key/ca.pem" --cert "$key/ready.pem" --key "$key/ready.key" >/dev/null
}

# A migration may take any network: every address of the host is in its certificates.
test_addresses() {
	local out cert address
	ip address add fd72:2::1/64 dev mig nodad
	out=$(vmha node doctor) || true
	[[ $out == *'they do not name fd72:2::1: no VM can move'* ]] || fail "doctor: $out"
	out=$(setup)
	[[ $out == *'do not name fd72:2::1'* ]] || fail "setup: $out"
	ok "an address that certificates lack is named by doctor, and by setup without a CA"
	vmha node setup --migration-address fd71:2::1 --ca-cert "$VMHA_TEST_TMP/pki/ca.pem" \
		--ca-key "$VMHA_TEST_TMP/pki/ca.key" >/dev/null
	grep -qx 'migration_address=fd71:2::1' /etc/vmha/node.conf || fail "node.conf"
	for cert in /etc/pki/libvirt/servercert.pem /etc/pki/qemu/server-cert.pem; do
		for address in "$ADDRESS" fd71:2::1 fd72:2::1; do
			openssl verify -CAfile /etc/pki/CA/cacert.pem -verify_ip "$address" "$cert" >/dev/null ||
				fail "$cert is not for $address"
		done
	done
	ok "a new address gets another certificate, good for all; IPv6 works"
}

# With systemd as init, the order of daemons comes too (systemctl works on the files alone here).
test_systemd() {
	local out
	mkdir -p /run/systemd/system
	export SYSTEMD_OFFLINE=1
	mkdir -p /etc/systemd/system # where systemctl finds ours, which are not installed
	cp "${VMHA_STAGE:-$VMHA_BUILD/stage}"/usr/lib/systemd/system/*.service /etc/systemd/system/
	out=$(setup --ca-cert "$VMHA_TEST_TMP/pki/ca.pem" --ca-key "$VMHA_TEST_TMP/pki/ca.key")
	[[ $out == *'Enabled libvirtd-tls.socket'* ]] || fail "$out"
	grep -qx "ListenStream=16514" /etc/systemd/system/libvirtd-tls.socket.d/vmha.conf || fail "socket"
	[[ -L /etc/systemd/system/sockets.target.wants/libvirtd-tls.socket ]] || fail "socket not enabled"
	[[ -L /etc/systemd/system/multi-user.target.wants/vmha-shutdown.service ]] || fail "shutdown not enabled"
	if systemd-analyze verify --man=no libvirtd-tls.socket pacemaker.service resource-agents-deps.target vmha-shutdown.service 2>&1 |
		grep -i 'vmha.conf\|cycle'; then
		fail "systemd does not take our files"
	fi
	grep -qx 'LIBVIRTD_ARGS=""' /etc/default/libvirtd || fail "libvirtd would end when idle"
	[[ $(setup) == *'nothing to change'* ]] || fail "second run: $(setup)"
	ok "systemd: units, order and socket; again idempotent"
}

# Without a cluster it fails, names what is wrong, and says so in JSON too.
test_doctor() {
	local status=0 out
	out=$(vmha node doctor --output json) || status=$?
	[[ $status == 3 ]] || fail "doctor: exit $status: $out"
	jq -e '.node == "node1" and .failures > 0 and ([.checks[] | select(.state == "fail") | .do] | all)' <<<"$out" >/dev/null ||
		fail "doctor's JSON: $out"
	[[ $(jq -r '.checks[] | select(.check == "settings" or .check == "certificates") | .state' <<<"$out") == $'ok\nok' ]] ||
		fail "doctor finds fault with what setup did: $out"
	sed -i '/^lock_manager/d' /etc/libvirt/qemu.conf
	rm /etc/pki/qemu/server-key.pem
	out=$(vmha node doctor) || true
	[[ $out == *'/etc/libvirt/qemu.conf is not set up'* && $out == *'cannot read /etc/pki/qemu/server-key.pem'* ]] ||
		fail "doctor does not see what is missing: $out"
	setup --ca-cert "$VMHA_TEST_TMP/pki/ca.pem" --ca-key "$VMHA_TEST_TMP/pki/ca.key" >/dev/null
	ok "doctor sees what setup did, and what was undone"
}

# Out of space in the middle: every file is the old one or the new one, and a second run completes.
test_no_space() {
	local out status=0 f
	sed -i '/^migrate_tls_x509_verify/d; /^lock_manager/d' /etc/libvirt/qemu.conf
	sed -i '/^listen_/d' /etc/libvirt/libvirtd.conf
	mount -t tmpfs none /var/lib/vmha
	cp -a /etc/libvirt "$VMHA_TEST_TMP/libvirt.full"
	fallocate -l $(($(stat -f -c '%a * %S' "$T") - 24576)) "$T/fill"
	out=$(setup 2>&1) || status=$?
	rm "$T/fill"
	[[ $status == 1 && $out == *'No space left'* && $out == *'files are written, the old ones are in /var/lib/vmha/backup/'* ]] ||
		fail "out of space: exit $status: $out"
	for f in libvirtd.conf qemu.conf; do
		cmp -s "$VMHA_TEST_TMP/libvirt.full/$f" "/etc/libvirt/$f" ||
			grep -qx 'lock_manager = "sanlock"\|listen_tls = 1' "/etc/libvirt/$f" || fail "$f is neither old nor new"
	done
	[[ -z $(find /etc/libvirt -name '*.tmp') ]] || fail "left behind: $(find /etc/libvirt -name '*.tmp')"
	setup >/dev/null
	[[ $(setup) == *'nothing to change'* ]] || fail "not completed"
	umount /var/lib/vmha
	ok "out of space: no half files, and the next run completes"
}

test_link() {
	mv /etc/libvirt/qemu.conf /etc/libvirt/qemu.conf.real
	sed -i '/^lock_manager/d' /etc/libvirt/qemu.conf.real
	ln -s qemu.conf.real /etc/libvirt/qemu.conf
	setup >/dev/null
	[[ -L /etc/libvirt/qemu.conf ]] || fail "the link became a file"
	grep -q '^lock_manager' /etc/libvirt/qemu.conf.real || fail "not written through the link"
	ok "a symbolic link stays one"
}

enter
test_dry_run
test_apply
test_keys
test_again
test_libvirtd
test_restore
test_own_settings_stay
test_bad_input
test_bad_host
test_given_ca
test_addresses
test_systemd
test_doctor
test_no_space
test_link
printf '%d checks passed\n' "$CHECKS"
