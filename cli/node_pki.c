/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cli/node_pki.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/node_cert.h"
#include "cli/node_facts.h"
#include "lib/base/cleanup.h"
#include "lib/base/str.h"

#define CA_DAYS 3650
/* DNs that libvirtd can tell apart */
#define HOST_ORGANIZATION "vmha host"
#define QEMU_ORGANIZATION "vmha qemu"
/* value of tls_allowed_dn_list */
#define HOSTS_ONLY "[ \"*O=" HOST_ORGANIZATION "*\" ]"
#define NODE_DAYS  1825

/* A certificate and its key in the places where one of the two programs looks. */
static const struct pair {
	const char *cert;
	const char *key;
	const char *ca;
	bool qemu; /* its key is read by the QEMU user */
} pairs[] = {
	{ VMHA_PKI_SERVER, "/etc/pki/libvirt/private/serverkey.pem", VMHA_PKI_CA, false },
	{ "/etc/pki/libvirt/clientcert.pem", "/etc/pki/libvirt/private/clientkey.pem", VMHA_PKI_CA,
	  false },
	{ VMHA_PKI_QEMU_DIR "/server-cert.pem", VMHA_PKI_QEMU_DIR "/server-key.pem",
	  VMHA_PKI_QEMU_DIR "/ca-cert.pem", true },
	{ VMHA_PKI_QEMU_DIR "/client-cert.pem", VMHA_PKI_QEMU_DIR "/client-key.pem",
	  VMHA_PKI_QEMU_DIR "/ca-cert.pem", true },
};

#define PAIRS (sizeof(pairs) / sizeof(pairs[0]))

static int pair_check(const struct pair *p, const char *address, int64_t *ret_days,
		      struct vmha_err **err)
{
	const char *const files[] = { p->ca, p->cert, p->key };
	size_t i;
	int r = 0;

	for (i = 0; i < 3; i++) {
		if (access(files[i], R_OK) < 0) {
			return vmha_err_errno(err, -errno, "cannot read %s", files[i]);
		}
	}
	r = vmha_node_key_is_rsa(p->key, err);
	r = r < 0 ? r : vmha_node_key_matches(p->cert, p->key, err);
	r = r < 0 ? r : vmha_node_cert_is_good(p->ca, p->cert, address, err);
	return r < 0 ? r : vmha_node_cert_days(p->cert, ret_days, err);
}

static bool files_same(const char *a, const char *b)
{
	vmha_autofree char *x = NULL;
	vmha_autofree char *y = NULL;

	return vmha_node_pem_read(a, &x, NULL) == 0 && vmha_node_pem_read(b, &y, NULL) == 0 &&
	       strcmp(x, y) == 0;
}

int vmha_node_pki_check(const char *address, int64_t *ret_days, struct vmha_err **err)
{
	int64_t least = INT64_MAX;
	size_t i;

	for (i = 0; i < PAIRS; i++) {
		const struct pair *p = &pairs[i];
		int64_t days = 0;
		int r;

		if (i && files_same(p->cert, pairs[0].cert) && files_same(p->key, pairs[0].key) &&
		    files_same(p->ca, pairs[0].ca)) {
			continue; /* the usual case: one certificate in all places */
		}
		r = pair_check(p, address, &days, err);
		if (r < 0) {
			return r;
		}
		least = days < least ? days : least;
	}
	*ret_days = least;
	return 0;
}

static int ca_make(struct vmha_node_plan *plan, const struct vmha_node_pki *pki, char **ret_cert,
		   char **ret_key, struct vmha_err **err)
{
	vmha_autofree char *template =
		vmha_str_printf("cn = \"vmha CA made on %s\"\nca\ncert_signing_key\n"
				"expiration_days = %d\n",
				pki->node, CA_DAYS);
	int r;

	if (!template) {
		return vmha_err_set(err, -ENOMEM, "out of memory");
	}
	if (!pki->dry_run) {
		r = vmha_node_cert_make(template, NULL, NULL, ret_cert, ret_key, err);
		if (r < 0) {
			return r;
		}
	}
	vmha_node_plan_note(plan,
			    "a new CA: copy %s and %s to every other node and run setup there "
			    "with --ca-cert and --ca-key; then keep the key in a safe place",
			    VMHA_PKI_OWN_CA, VMHA_PKI_OWN_KEY);
	r = vmha_node_plan_put(plan, VMHA_PKI_OWN_CA, *ret_cert, 0644, 0, err);
	return r < 0 ? r : vmha_node_plan_secret(plan, VMHA_PKI_OWN_KEY, *ret_key, 0, 0, err);
}

/* A certificate and its key, as PEM texts. */
struct pem {
	char *cert;
	char *key;
};

static void pem_free(struct pem *pem)
{
	free(pem->cert);
	free(pem->key);
}

/* @param host, qemu for libvirtd and for QEMU; texts NULL: not made in a dry run */
static int install(struct vmha_node_plan *plan, const struct vmha_node_pki *pki, const char *ca,
		   const struct pem *host, const struct pem *qemu, struct vmha_err **err)
{
	size_t i;
	int r = 0;

	for (i = 0; i < PAIRS && r == 0; i++) {
		const struct pair *p = &pairs[i];
		const struct pem *pem = p->qemu ? qemu : host;

		r = vmha_node_plan_put(plan, p->ca, ca, 0644, VMHA_NODE_LIBVIRTD, err);
		r = r < 0 ? r
			  : vmha_node_plan_put(plan, p->cert, pem->cert, 0644, VMHA_NODE_LIBVIRTD,
					       err);
		r = r < 0 ? r
			  : vmha_node_plan_secret(plan, p->key, pem->key,
						  p->qemu ? pki->qemu_uid : 0, VMHA_NODE_LIBVIRTD,
						  err);
	}
	return r;
}

/* Good for every address of the host: a migration takes the next network when one is dead. */
static char *node_template(const struct vmha_node_pki *pki, const char *organization)
{
	vmha_autofree char *copy = strdup(pki->addresses ? pki->addresses : "");
	vmha_autostr struct vmha_str s = { 0 };
	char *save = NULL;
	char *word;

	(void)vmha_str_add(&s,
			   "organization = \"%s\"\ncn = \"%s\"\ndns_name = \"%s\"\n"
			   "dns_name = \"%s-mig\"\nip_address = \"%s\"\n",
			   organization, pki->node, pki->node, pki->node, pki->address);
	for (word = copy ? strtok_r(copy, " ", &save) : NULL; word;
	     word = strtok_r(NULL, " ", &save)) {
		if (strcmp(word, pki->address) != 0) {
			(void)vmha_str_add(&s, "ip_address = \"%s\"\n", word);
		}
	}
	(void)vmha_str_add(&s,
			   "tls_www_server\ntls_www_client\nsigning_key\nencryption_key\n"
			   "expiration_days = %d\n",
			   NODE_DAYS);
	return copy ? vmha_str_steal(&s) : NULL;
}

/* Who signs: files, or (a CA just made) texts. */
struct signer {
	const char *cert, *key;
	const char *cert_text, *key_text;
};

static int pem_make(const struct vmha_node_pki *pki, const struct signer *by,
		    const char *organization, struct pem *ret_pem, struct vmha_err **err)
{
	vmha_autofree char *template = node_template(pki, organization);

	if (!template) {
		return vmha_err_set(err, -ENOMEM, "out of memory");
	}
	if (by->cert_text && by->key_text) {
		return vmha_node_cert_make_signed(template, by->cert_text, by->key_text,
						  &ret_pem->cert, &ret_pem->key, err);
	}
	return vmha_node_cert_make(template, by->cert, by->key, &ret_pem->cert, &ret_pem->key, err);
}

/*
 * QEMU reads its key as the user it runs as.  With libvirtd's own key, a QEMU that a guest has
 * taken over could give orders to libvirtd on every node: so QEMU's is another one, and libvirtd
 * takes only those made for hosts.
 */
static int allow_hosts_only(struct vmha_node_plan *plan, struct vmha_err **err)
{
	vmha_autofree char *text = NULL;
	vmha_autofree char *value = NULL;
	int r = vmha_node_plan_text(plan, VMHA_NODE_LIBVIRTD_CONF, &text, err);

	if (r < 0 ||
	    vmha_conf_get(text, VMHA_CONF_LIBVIRT, "tls_allowed_dn_list", &value, NULL) == 0) {
		return r; /* an administrator's own list stays */
	}
	return vmha_node_plan_set(plan, VMHA_NODE_LIBVIRTD_CONF, VMHA_CONF_LIBVIRT,
				  "tls_allowed_dn_list", HOSTS_ONLY, VMHA_NODE_LIBVIRTD, err);
}

static int issue_by(struct vmha_node_plan *plan, const struct vmha_node_pki *pki, const char *ca,
		    const struct signer *by, struct vmha_err **err)
{
	VMHA_CLEANUP(pem_free) struct pem host = { 0 };
	VMHA_CLEANUP(pem_free) struct pem qemu = { 0 };
	int r = 0;

	if (!pki->dry_run) {
		r = pem_make(pki, by, HOST_ORGANIZATION, &host, err);
		r = r < 0 ? r : pem_make(pki, by, QEMU_ORGANIZATION, &qemu, err);
	}
	r = r < 0 ? r : install(plan, pki, ca, &host, &qemu, err);
	return r < 0 ? r : allow_hosts_only(plan, err);
}

/* Issue certificates with a CA whose two files are there. */
static int issue(struct vmha_node_plan *plan, const struct vmha_node_pki *pki, const char *ca_cert,
		 const char *ca_key, struct vmha_err **err)
{
	const struct signer by = { .cert = ca_cert, .key = ca_key };
	vmha_autofree char *ca = NULL;
	int r = vmha_node_cert_is_ca(ca_cert, err);

	r = r < 0 ? r : vmha_node_key_matches(ca_cert, ca_key, err);
	r = r < 0 ? r : vmha_node_pem_read(ca_cert, &ca, err);
	return r < 0 ? r : issue_by(plan, pki, ca, &by, err);
}

static int issue_with_new_ca(struct vmha_node_plan *plan, const struct vmha_node_pki *pki,
			     struct vmha_err **err)
{
	VMHA_CLEANUP(pem_free) struct pem ca = { 0 };
	struct signer by = { 0 };
	int r = ca_make(plan, pki, &ca.cert, &ca.key, err);

	by.cert_text = ca.cert;
	by.key_text = ca.key;
	return r < 0 ? r : issue_by(plan, pki, ca.cert, &by, err);
}

/* With our list of clients in effect, here and so on the other nodes, would libvirtd take it? */
static int ready_is_allowed(const struct vmha_node_plan *plan, const char *cert,
			    struct vmha_err **err)
{
	vmha_autofree char *text = NULL;
	vmha_autofree char *value = NULL;

	if (vmha_node_plan_text(plan, VMHA_NODE_LIBVIRTD_CONF, &text, NULL) < 0 ||
	    vmha_conf_get(text, VMHA_CONF_LIBVIRT, "tls_allowed_dn_list", &value, NULL) < 0 ||
	    !vmha_conf_same(value, HOSTS_ONLY) || vmha_node_cert_is_of(cert, HOST_ORGANIZATION)) {
		return 0;
	}
	return vmha_err_set(err, -EKEYREJECTED,
			    "%s is not of O=" HOST_ORGANIZATION
			    ", which libvirtd takes only (tls_allowed_dn_list): give a CA to sign "
			    "with, or on all nodes another list with --set",
			    cert);
}

static int use_ready(struct vmha_node_plan *plan, const struct vmha_node_pki *pki,
		     struct vmha_err **err)
{
	const struct pair given = { pki->cert, pki->key, pki->ca_cert ? pki->ca_cert : VMHA_PKI_CA,
				    false };
	VMHA_CLEANUP(pem_free) struct pem pem = { 0 };
	vmha_autofree char *ca = NULL;
	int64_t days = 0;
	int r = pair_check(&given, pki->address, &days, err);

	r = r < 0 ? r : vmha_node_cert_is_ca(given.ca, err);
	r = r < 0 ? r : ready_is_allowed(plan, given.cert, err);
	r = r < 0 ? r : vmha_node_pem_read(given.ca, &ca, err);
	r = r < 0 ? r : vmha_node_pem_read(given.cert, &pem.cert, err);
	r = r < 0 ? r : vmha_node_pem_read(given.key, &pem.key, err);
	if (r == 0 && days < VMHA_PKI_WARN_DAYS) {
		vmha_node_plan_note(plan, "%s ends in %lld days", given.cert, (long long)days);
	}
	if (r == 0) {
		vmha_node_plan_note(
			plan,
			"libvirtd and QEMU share the key of %s: a QEMU that a guest has "
			"taken over could give orders to libvirtd of all nodes; a CA to "
			"sign with (--ca-cert, --ca-key) gives them one each",
			given.cert);
	}
	return r < 0 ? r : install(plan, pki, ca, &pem, &pem, err);
}

bool vmha_node_pki_shared(void)
{
	return files_same(pairs[0].key, pairs[2].key) || files_same(pairs[1].key, pairs[3].key);
}

char *vmha_node_pki_missing(const char *addresses)
{
	/* what a server shows; usually one certificate each for libvirtd and QEMU */
	vmha_autofree char *host = vmha_node_cert_missing(pairs[0].cert, addresses);

	return host && !*host ? vmha_node_cert_missing(pairs[2].cert, addresses)
			      : vmha_steal_ptr(host);
}

static int given_check(const struct vmha_node_pki *pki, struct vmha_err **err)
{
	const char *const files[] = { pki->ca_cert, pki->ca_key, pki->cert, pki->key };
	size_t i;

	if (!pki->cert != !pki->key) {
		return vmha_err_set(err, -EINVAL, "--cert and --key go together");
	}
	if (pki->ca_key && (!pki->ca_cert || pki->cert)) {
		return vmha_err_set(err, -EINVAL, "--ca-key goes with --ca-cert, without --cert");
	}
	if (pki->ca_cert && !pki->ca_key && !pki->cert) {
		return vmha_err_set(err, -EINVAL,
				    "--ca-cert needs --ca-key (to sign this node's certificate) "
				    "or --cert and --key (a ready one)");
	}
	for (i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		struct stat st;

		if (files[i] && (stat(files[i], &st) < 0 || access(files[i], R_OK) < 0)) {
			return vmha_err_errno(err, -errno, "cannot read %s", files[i]);
		}
		if (files[i] && !S_ISREG(st.st_mode)) {
			return vmha_err_set(err, -EINVAL, "%s is not a file", files[i]);
		}
	}
	return 0;
}

/* What is installed stays when it is good and comes from the CA that was given (or none was). */
static bool installed_is_good(const struct vmha_node_pki *pki)
{
	int64_t days = 0;

	if (pki->ca_cert && !files_same(pki->ca_cert, VMHA_PKI_CA)) {
		return false;
	}
	return vmha_node_pki_check(pki->address, &days, NULL) == 0 && days >= VMHA_PKI_WARN_DAYS;
}

/* Owner and mode of the keys may still be wrong, e.g. after a change of QEMU's user. */
static int keep_installed(struct vmha_node_plan *plan, const struct vmha_node_pki *pki,
			  struct vmha_err **err)
{
	size_t i;
	int r = 0;

	for (i = 0; i < PAIRS && r == 0; i++) {
		vmha_autofree char *key = NULL;

		r = vmha_node_pem_read(pairs[i].key, &key, err);
		r = r < 0 ? r
			  : vmha_node_plan_secret(plan, pairs[i].key, key,
						  pairs[i].qemu ? pki->qemu_uid : 0,
						  VMHA_NODE_LIBVIRTD, err);
	}
	if (r == 0 && vmha_node_cert_is_of(pairs[1].cert, HOST_ORGANIZATION) &&
	    vmha_node_cert_is_of(pairs[3].cert, QEMU_ORGANIZATION)) {
		r = allow_hosts_only(plan, err);
	}
	return r;
}

int vmha_node_pki_plan(struct vmha_node_plan *plan, const struct vmha_node_pki *pki,
		       struct vmha_err **err)
{
	vmha_autofree char *missing = NULL;
	bool good;
	int r = given_check(pki, err);

	if (r < 0) {
		return r;
	}
	if (pki->cert && pki->key) {
		return use_ready(plan, pki, err);
	}
	good = installed_is_good(pki);
	missing = good && pki->addresses ? vmha_node_pki_missing(pki->addresses) : NULL;
	if (good && (!missing || !*missing)) {
		return keep_installed(plan, pki, err);
	}
	if (pki->ca_cert) {
		return issue(plan, pki, pki->ca_cert, pki->ca_key, err);
	}
	if (access(VMHA_PKI_OWN_CA, R_OK) == 0 && access(VMHA_PKI_OWN_KEY, R_OK) == 0) {
		return issue(plan, pki, VMHA_PKI_OWN_CA, VMHA_PKI_OWN_KEY, err);
	}
	if (good) {
		vmha_node_plan_note(plan,
				    "the certificates do not name %s: no VM can move over these "
				    "networks; give --ca-cert and --ca-key for new ones",
				    missing);
		return keep_installed(plan, pki, err);
	}
	if (access(VMHA_PKI_CA, F_OK) == 0) {
		int64_t days = 0;

		(void)vmha_node_pki_check(pki->address, &days, err);
		vmha_err_prefix(err,
				"there is a CA in %s already, but not what this node "
				"needs: give --ca-cert and --ca-key, or --cert and --key",
				VMHA_PKI_CA);
		return -EKEYREJECTED;
	}
	return issue_with_new_ca(plan, pki, err);
}
