/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef VMHA_CLI_NODE_CERT_H
#define VMHA_CLI_NODE_CERT_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/base/err.h"

/*
 * Keys and certificates, by GnuTLS' certtool, in files.  Where a file is not what it should be:
 * -EKEYREJECTED with why in *err.
 */

int vmha_node_pem_read(const char *path, char **ret_text, struct vmha_err **err);
/** @return 0 when it is one without password: libvirt's checks refuse all but RSA */
int vmha_node_key_is_rsa(const char *key, struct vmha_err **err);
int vmha_node_key_matches(const char *cert, const char *key, struct vmha_err **err);
/** Whole days until the (first) certificate in the file ends; negative when it has. */
int vmha_node_cert_days(const char *cert, int64_t *ret_days, struct vmha_err **err);
/** @return true when @organization is in its subject */
bool vmha_node_cert_is_of(const char *cert, const char *organization);
/** @return 0 when it may sign others, and has not ended */
int vmha_node_cert_is_ca(const char *cert, struct vmha_err **err);
/** Would a peer that trusts @ca take @cert for a host that it calls by @address? */
int vmha_node_cert_is_good(const char *ca, const char *cert, const char *address,
			   struct vmha_err **err);

/**
 * Which of these addresses does @cert not name?
 * @param addresses separated by one space
 * @return those, separated likewise, "" none; caller frees; NULL: no memory, or no certificate
 */
char *vmha_node_cert_missing(const char *cert, const char *addresses);

/**
 * Make an RSA key and a certificate for it.
 * @param template_text certtool's template
 * @param ca_cert, ca_key files of the CA that signs; NULL: signed with its own key
 * @param[out] ret_cert, ret_key PEM texts, caller frees; set on 0 only
 */
int vmha_node_cert_make(const char *template_text, const char *ca_cert, const char *ca_key,
			char **ret_cert, char **ret_key, struct vmha_err **err);
/** The same with a CA that is not in files yet. */
int vmha_node_cert_make_signed(const char *template_text, const char *ca_text,
			       const char *ca_key_text, char **ret_cert, char **ret_key,
			       struct vmha_err **err);

#endif
