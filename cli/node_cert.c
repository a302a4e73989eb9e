/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cli/node_cert.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "lib/base/addr.h"
#include "lib/base/cleanup.h"
#include "lib/base/file.h"
#include "lib/base/proc.h"
#include "lib/base/str.h"

#define PEM_MAX_BYTES ((size_t)256 * 1024)
#define CERTTOOL_SPAN VMHA_SPAN_S(60)
#define KEY_BITS      "3072"

/* @return certtool's standard output, caller frees; NULL with *err set */
static char *certtool(const char *const argv[], struct vmha_err **err)
{
	vmha_autoresult struct vmha_proc_result res = { 0 };
	int r = vmha_proc_check(argv, NULL, CERTTOOL_SPAN, &res, err);

	if (r == -ENOENT) {
		(void)vmha_err_set(err, r, "certtool is not there: install gnutls-bin");
	}
	return r < 0 ? NULL : vmha_steal_ptr(res.output);
}

int vmha_node_pem_read(const char *path, char **ret_text, struct vmha_err **err)
{
	return vmha_file_read(path, PEM_MAX_BYTES, ret_text, NULL, err);
}

int vmha_node_key_is_rsa(const char *key, struct vmha_err **err)
{
	const char *const argv[] = { "certtool", "--key-info", "--infile", key, NULL };
	vmha_autofree char *out = certtool(argv, NULL);

	if (!out) {
		return vmha_err_set(err, -EKEYREJECTED, "%s is not a private key without password",
				    key);
	}
	if (!strstr(out, "Public Key Algorithm: RSA")) {
		return vmha_err_set(err, -EKEYREJECTED,
				    "%s is not an RSA key: libvirt refuses all others", key);
	}
	return 0;
}

int vmha_node_key_matches(const char *cert, const char *key, struct vmha_err **err)
{
	const char *const of_cert[] = { "certtool", "--key-id", "--infile", cert, NULL };
	const char *const of_key[] = { "certtool", "--key-id", "--load-privkey", key, NULL };
	vmha_autofree char *a = certtool(of_cert, NULL);
	vmha_autofree char *b = certtool(of_key, NULL);

	if (!a || !b) {
		return vmha_err_set(err, -EKEYREJECTED, "%s is not a %s", a ? key : cert,
				    a ? "private key without password" : "certificate");
	}
	if (strcmp(a, b) != 0) {
		return vmha_err_set(err, -EKEYREJECTED, "%s is not the key of %s", key, cert);
	}
	return 0;
}

int vmha_node_cert_days(const char *cert, int64_t *ret_days, struct vmha_err **err)
{
	const char *const argv[] = { "certtool", "--certificate-info", "--infile", cert, NULL };
	vmha_autofree char *out = certtool(argv, NULL);
	const char *p = out ? strstr(out, "Not After: ") : NULL;
	struct tm tm = { 0 };

	/* certtool prints "Sat Nov 21 22:02:46 UTC 2026", whatever the locale */
	if (!p || !strptime(p + strlen("Not After: "), "%a %b %d %H:%M:%S UTC %Y", &tm)) {
		return vmha_err_set(err, -EKEYREJECTED, "%s is not a certificate", cert);
	}
	*ret_days = (int64_t)(timegm(&tm) - time(NULL)) / 86400;
	return 0;
}

bool vmha_node_cert_is_of(const char *cert, const char *organization)
{
	const char *const argv[] = { "certtool", "--certificate-info", "--infile", cert, NULL };
	vmha_autofree char *out = certtool(argv, NULL);
	vmha_autofree char *part = vmha_str_printf("O=%s", organization);
	char *subject = out ? strstr(out, "Subject: ") : NULL;

	if (!subject || !part) {
		return false;
	}
	subject[strcspn(subject, "\n")] = '\0';
	return strstr(subject, part) != NULL;
}

int vmha_node_cert_is_ca(const char *cert, struct vmha_err **err)
{
	const char *const argv[] = { "certtool", "--certificate-info", "--infile", cert, NULL };
	vmha_autofree char *out = certtool(argv, NULL);
	int64_t days = 0;
	int r;

	if (!out) {
		return vmha_err_set(err, -EKEYREJECTED, "%s is not a certificate", cert);
	}
	if (!strstr(out, "Certificate Authority (CA): TRUE")) {
		return vmha_err_set(err, -EKEYREJECTED, "%s is not a certificate of a CA", cert);
	}
	r = vmha_node_cert_days(cert, &days, err);
	if (r == 0 && days < 0) {
		return vmha_err_set(err, -EKEYREJECTED, "%s has expired", cert);
	}
	return r;
}

int vmha_node_cert_is_good(const char *ca, const char *cert, const char *address,
			   struct vmha_err **err)
{
	const char *const argv[] = { "certtool",
				     "--verify",
				     "--load-ca-certificate",
				     ca,
				     "--verify-hostname",
				     address,
				     "--infile",
				     cert,
				     NULL };
	vmha_autoresult struct vmha_proc_result res = { 0 };
	const char *why;
	int r = vmha_proc_run(argv, NULL, CERTTOOL_SPAN, &res, err);

	if (r < 0) {
		return r;
	}
	if (res.status == 0) {
		return 0;
	}
	why = strstr(res.output, "NOT trusted. ");
	if (!why) {
		return vmha_err_set(err, -EKEYREJECTED, "%s cannot be verified with %s", cert, ca);
	}
	why += strlen("NOT trusted. ");
	return vmha_err_set(err, -EKEYREJECTED, "%s is not good for %s with %s: %.*s", cert,
			    address, ca, (int)strcspn(why, "\n"), why);
}

/* Is it one of the lines "IPAddress: ..." of certtool's description? */
static bool names_address(const char *info, const struct vmha_addr *want)
{
	static const char title[] = "IPAddress: ";
	const char *p = info;

	while ((p = strstr(p, title))) {
		char text[VMHA_ADDR_TEXT_SIZE];
		struct vmha_addr a;

		p += strlen(title);
		(void)snprintf(text, sizeof(text), "%.*s", (int)strcspn(p, "\n"), p);
		if (vmha_addr_parse(text, &a) == 0 && vmha_addr_compare(&a, want) == 0) {
			return true;
		}
	}
	return false;
}

char *vmha_node_cert_missing(const char *cert, const char *addresses)
{
	const char *const argv[] = { "certtool", "--certificate-info", "--infile", cert, NULL };
	vmha_autofree char *info = certtool(argv, NULL);
	vmha_autofree char *copy = strdup(addresses);
	vmha_autostr struct vmha_str missing = { 0 };
	char *save = NULL;
	char *word;

	if (!info || !copy) {
		return NULL;
	}
	for (word = strtok_r(copy, " ", &save); word; word = strtok_r(NULL, " ", &save)) {
		struct vmha_addr a;

		if (vmha_addr_parse(word, &a) == 0 && !names_address(info, &a)) {
			(void)vmha_str_add(&missing, "%s%s", missing.len ? " " : "", word);
		}
	}
	return vmha_str_steal(&missing);
}

/* A directory of our own for certtool's files, removed with all in it. */
struct workshop {
	char dir[64];
};

static void workshop_close(struct workshop *w)
{
	static const char *const names[] = { "key.pem", "cert.pem", "template" };
	size_t i;

	for (i = 0; *w->dir && i < sizeof(names) / sizeof(names[0]); i++) {
		vmha_autofree char *path = vmha_str_printf("%s/%s", w->dir, names[i]);

		if (path) {
			(void)unlink(path);
		}
	}
	if (*w->dir) {
		(void)rmdir(w->dir);
	}
}

static int workshop_open(struct workshop *w, struct vmha_err **err)
{
	(void)snprintf(w->dir, sizeof(w->dir), "/run/vmha-pki-XXXXXX");
	if (!mkdtemp(w->dir)) {
		int r = -errno;

		w->dir[0] = '\0';
		return vmha_err_errno(err, r, "cannot make a directory in /run");
	}
	return 0;
}

/* Texts from the workshop: both or none. */
static int pair_read(const char *cert, const char *key, char **ret_cert, char **ret_key,
		     struct vmha_err **err)
{
	int r = vmha_node_pem_read(cert, ret_cert, err);

	if (r < 0) {
		return r;
	}
	r = vmha_node_pem_read(key, ret_key, err);
	if (r < 0) {
		free(*ret_cert);
		*ret_cert = NULL;
	}
	return r;
}

static int key_make(const char *key, struct vmha_err **err)
{
	const char *const argv[] = { "certtool", "--generate-privkey", "--key-type=rsa", "--bits",
				     KEY_BITS,	 "--no-text",	       "--outfile",	 key,
				     NULL };
	vmha_autofree char *out = certtool(argv, err);

	if (!out) {
		vmha_err_prefix(err, "cannot make a key");
		return -EIO;
	}
	return 0;
}

/* @param ca_cert NULL: signed with its own key */
static int cert_sign(const char *cert, const char *key, const char *template, const char *ca_cert,
		     const char *ca_key, struct vmha_err **err)
{
	const char *const argv[] = {
		"certtool",  ca_cert ? "--generate-certificate" : "--generate-self-signed",
		"--no-text", "--load-privkey",
		key,	     "--template",
		template,    "--outfile",
		cert,	     ca_cert ? "--load-ca-certificate" : NULL,
		ca_cert,     "--load-ca-privkey",
		ca_key,	     NULL
	};
	vmha_autofree char *out = certtool(argv, err);

	if (!out) {
		vmha_err_prefix(err, "cannot make a certificate");
		return -EIO;
	}
	return 0;
}

static char *workshop_path(const struct workshop *w, const char *name)
{
	return vmha_str_printf("%s/%s", w->dir, name);
}

int vmha_node_cert_make(const char *template_text, const char *ca_cert, const char *ca_key,
			char **ret_cert, char **ret_key, struct vmha_err **err)
{
	VMHA_CLEANUP(workshop_close) struct workshop w = { "" };
	vmha_autofree char *key = NULL;
	vmha_autofree char *cert = NULL;
	vmha_autofree char *template = NULL;
	int r = workshop_open(&w, err);

	if (r < 0) {
		return r;
	}
	key = workshop_path(&w, "key.pem");
	cert = workshop_path(&w, "cert.pem");
	template = workshop_path(&w, "template");
	if (!key || !cert || !template) {
		return vmha_err_set(err, -ENOMEM, "out of memory");
	}
	r = vmha_file_write(template, template_text, strlen(template_text), 0600, err);
	r = r < 0 ? r : key_make(key, err);
	r = r < 0 ? r : cert_sign(cert, key, template, ca_cert, ca_key, err);
	return r < 0 ? r : pair_read(cert, key, ret_cert, ret_key, err);
}

int vmha_node_cert_make_signed(const char *template_text, const char *ca_text,
			       const char *ca_key_text, char **ret_cert, char **ret_key,
			       struct vmha_err **err)
{
	VMHA_CLEANUP(workshop_close) struct workshop w = { "" };
	vmha_autofree char *cert = NULL;
	vmha_autofree char *key = NULL;
	int r = workshop_open(&w, err);

	if (r < 0) {
		return r;
	}
	cert = workshop_path(&w, "cert.pem");
	key = workshop_path(&w, "key.pem");
	if (!cert || !key) {
		return vmha_err_set(err, -ENOMEM, "out of memory");
	}
	r = vmha_file_write(cert, ca_text, strlen(ca_text), 0600, err);
	r = r < 0 ? r : vmha_file_write(key, ca_key_text, strlen(ca_key_text), 0600, err);
	return r < 0 ? r : vmha_node_cert_make(template_text, cert, key, ret_cert, ret_key, err);
}
