#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Run in a node: configures it as a host of VMs.  Arguments: node number, first two bytes of the
# lab's addresses.
set -euo pipefail
ID=$1 ADDRESS=$2.2.$1

make_certificate() {
	local dir
	dir=$(mktemp -d)
	certtool --generate-privkey --key-type=rsa --bits 2048 --outfile "$dir/key.pem" 2>/dev/null
	cat >"$dir/template" <<-T
	cn = "node$ID"
	dns_name = "node$ID"
	dns_name = "node$ID-mig"
	ip_address = "$ADDRESS"
	tls_www_server
	tls_www_client
	signing_key
	encryption_key
	expiration_days = 3650
	T
	certtool --generate-certificate --load-privkey "$dir/key.pem" --template "$dir/template" \
		--load-ca-certificate /run/vmha-lab/ca.pem --load-ca-privkey /run/vmha-lab/ca.key \
		--outfile "$dir/cert.pem" 2>/dev/null
	mkdir -p /etc/pki/CA /etc/pki/libvirt/private /etc/pki/qemu
	install -m 644 /run/vmha-lab/ca.pem /etc/pki/CA/cacert.pem
	install -m 644 /run/vmha-lab/ca.pem /etc/pki/qemu/ca-cert.pem
	local role
	for role in server client; do
		install -m 644 "$dir/cert.pem" "/etc/pki/libvirt/${role}cert.pem"
		install -m 600 "$dir/key.pem" "/etc/pki/libvirt/private/${role}key.pem"
		install -m 644 "$dir/cert.pem" "/etc/pki/qemu/$role-cert.pem"
		install -m 600 "$dir/key.pem" "/etc/pki/qemu/$role-key.pem"
	done
	rm -rf "$dir"
}

write_libvirt() {
	cat >/etc/libvirt/libvirtd.conf <<-T
	listen_tls = 1
	listen_tcp = 0
	listen_addr = "$ADDRESS"
	auth_tls = "none"
	auth_unix_rw = "none"
	auth_unix_ro = "none"
	host_uuid = "$(printf '%s' "$2/node$ID" | md5sum | sed -E 's/^(.{8})(.{4}).(.{3}).(.{3})(.{12}).*/\1-\2-4\3-8\4-\5/')"
	keepalive_interval = 2
	keepalive_count = 3
	T
	cat >/etc/libvirt/qemu.conf <<-T
	lock_manager = "sanlock"
	migration_address = "$ADDRESS"
	migration_host = "$ADDRESS"
	migrate_tls_x509_cert_dir = "/etc/pki/qemu"
	migrate_tls_x509_verify = 1
	keepalive_interval = 2
	keepalive_count = 3
	T
	cat >/etc/libvirt/qemu-sanlock.conf <<-T
	auto_disk_leases = 0
	host_id = $ID
	require_lease_for_disks = 0
	user = "sanlock"
	group = "sanlock"
	T
}

mkdir -p /etc/sanlock
printf 'our_host_name = node%s\nuse_watchdog = 0\n' "$ID" >/etc/sanlock/sanlock.conf
make_certificate
write_libvirt "$@"
