/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef VMHA_CLI_NODE_FACTS_H
#define VMHA_CLI_NODE_FACTS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "lib/base/err.h"
#include "lib/core/record.h"

/* Files that setup writes and doctor reads. */
#define VMHA_NODE_CONF		   "/etc/vmha/node.conf"
#define VMHA_NODE_LIBVIRTD_CONF	   "/etc/libvirt/libvirtd.conf"
#define VMHA_NODE_QEMU_CONF	   "/etc/libvirt/qemu.conf"
#define VMHA_NODE_QSANLOCK_CONF	   "/etc/libvirt/qemu-sanlock.conf"
#define VMHA_NODE_SANLOCK_CONF	   "/etc/sanlock/sanlock.conf"
#define VMHA_NODE_GUESTS_DEFAULT   "/etc/default/libvirt-guests"
#define VMHA_NODE_DEPS_DROPIN	   "/etc/systemd/system/resource-agents-deps.target.d/vmha.conf"
#define VMHA_NODE_TLS_DROPIN	   "/etc/systemd/system/libvirtd-tls.socket.d/vmha.conf"
#define VMHA_NODE_LIBVIRTD_DEFAULT "/etc/default/libvirtd"
#define VMHA_NODE_BACKUP_DIR	   "/var/lib/vmha/backup"

/** What this host is, read without changing anything. */
struct vmha_node_facts {
	char name[VMHA_NODE_SIZE];     /* Pacemaker's name of it, else the host name */
	uint64_t nodeid;	       /* corosync's; 0: not known yet */
	bool systemd;		       /* it is the init here */
	char dmi_uuid[VMHA_UUID_SIZE]; /* "" when the firmware has none that can be used */
};

int vmha_node_facts_gather(struct vmha_node_facts *ret_facts, struct vmha_err **err);

/**
 * An address that other nodes can reach: of this host, not loopback, link-local, multicast or any.
 * @return 0; -EINVAL no such address form or kind; -EADDRNOTAVAIL not on this host (err lists those
 * that are)
 */
int vmha_node_address_check(const char *address, struct vmha_err **err);

/** This host's addresses of that kind, separated by one space. @return NULL: none or no memory */
char *vmha_node_addresses(void);

/** Those of them that cluster networks are made of, likewise (lib/port/netlink.h). */
char *vmha_node_network_addresses(void);

/** A UUID made of machine id and node name: stays the same, differs between nodes. */
void vmha_node_uuid_derive(const char *node, char *uuid /* VMHA_UUID_SIZE */);

/** @return true for a UUID in lower or upper case with dashes that libvirt takes (digits differ) */
bool vmha_node_uuid_valid(const char *uuid);

/** A process whose name (/proc/PID/comm) begins with @name. @return 0: there is none */
pid_t vmha_node_process_find(const char *name);

/** Setting of node.conf and the like, quotes removed. @return NULL: not set, or not readable */
char *vmha_node_setting(const char *path, const char *key);

/** @return 0; -ENOENT no such user */
int vmha_node_user_find(const char *name, uid_t *ret_uid);

/** User that QEMU runs as by qemu.conf's text. @return 0 (root) when there is no such user */
uid_t vmha_node_qemu_uid(const char *qemu_conf);

#endif
