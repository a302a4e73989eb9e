/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef VMHA_CLI_NODE_PKI_H
#define VMHA_CLI_NODE_PKI_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "cli/node_plan.h"

/* Where libvirt looks, and where QEMU is told to look. */
#define VMHA_PKI_CA	   "/etc/pki/CA/cacert.pem"
#define VMHA_PKI_SERVER	   "/etc/pki/libvirt/servercert.pem"
#define VMHA_PKI_QEMU_DIR  "/etc/pki/qemu"
#define VMHA_PKI_OWN_CA	   "/etc/vmha/pki/ca-cert.pem"
#define VMHA_PKI_OWN_KEY   "/etc/vmha/pki/ca-key.pem"
#define VMHA_PKI_WARN_DAYS 30

/** What the administrator gave, each NULL if not. */
struct vmha_node_pki {
	const char *ca_cert;
	const char *ca_key; /* to sign with */
	const char *cert;   /* ready certificate of this node, with its key */
	const char *key;
	const char *node;      /* name for the certificate */
	const char *address;   /* migration address: what the others call this host by */
	const char *addresses; /* all that networks are made of, separated by one space */
	uid_t qemu_uid;	       /* reads the keys in VMHA_PKI_QEMU_DIR */
	bool dry_run;	       /* make no key */
};

/**
 * Plan the certificates of libvirt and QEMU.  Valid ones that are there stay, unless others are
 * given.
 */
int vmha_node_pki_plan(struct vmha_node_plan *plan, const struct vmha_node_pki *pki,
		       struct vmha_err **err);

/**
 * Check what is installed for libvirt and QEMU.
 * @param address must be in the certificates
 * @param[out] ret_days left of the one that ends first; set on 0 only
 * @return 0; -ENOENT something is missing; -EKEYREJECTED it would not be taken, with why in *err
 */
int vmha_node_pki_check(const char *address, int64_t *ret_days, struct vmha_err **err);

/**
 * Addresses that the installed certificates do not name: a VM cannot come over these.
 * @return separated by one space, "" none; caller frees; NULL: no memory, or no certificate
 */
char *vmha_node_pki_missing(const char *addresses);

/** @return true when QEMU (and whoever has taken one over) can read the key of libvirtd */
bool vmha_node_pki_shared(void);

#endif
