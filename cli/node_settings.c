/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/node_setup.h"
#include "lib/base/cleanup.h"
#include "lib/base/proc.h"
#include "lib/base/str.h"

/* Where a setting's value comes from. */
enum source {
	FIXED,	 /* the text of the row */
	ABSENT,	 /* must not be set: the program's default is right */
	ADDRESS, /* migration address, in quotes */
	NODEID,	 /* corosync's; left alone while not known */
	SANLOCK_NAME,
	SANLOCK_USER, /* left alone where there is no such user */
	MIGRATION_ADDRESS,
};

enum weight {
	MUST,	/* vmha does not work without: enforced */
	DEFAULT /* only where the file says nothing */
};

static const struct setting {
	const char *path;
	const char *key;
	const char *value; /* of FIXED */
	enum vmha_conf_style style;
	enum weight weight;
	enum source source;
	unsigned int daemon;
} settings[] = {
#define LIBVIRTD(key, weight, source, value)                                                       \
	{                                                                                          \
		VMHA_NODE_LIBVIRTD_CONF, key, value, VMHA_CONF_LIBVIRT, weight, source,            \
			VMHA_NODE_LIBVIRTD                                                         \
	}
#define QEMU(key, weight, source, value)                                                           \
	{                                                                                          \
		VMHA_NODE_QEMU_CONF, key, value, VMHA_CONF_LIBVIRT, weight, source,                \
			VMHA_NODE_LIBVIRTD                                                         \
	}
#define QSANLOCK(key, weight, source, value)                                                       \
	{                                                                                          \
		VMHA_NODE_QSANLOCK_CONF, key, value, VMHA_CONF_LIBVIRT, weight, source,            \
			VMHA_NODE_LIBVIRTD                                                         \
	}

	/* other nodes reach this libvirtd by TLS and by nothing else, on every network: a migration
	 * that finds its first one dead takes the next */
	LIBVIRTD("listen_tls", MUST, FIXED, "1"),
	LIBVIRTD("listen_tcp", MUST, FIXED, "0"),
	LIBVIRTD("listen_addr", MUST, ABSENT, NULL),
	/* who may connect is decided by the certificate, which therefore must be verified */
	LIBVIRTD("auth_tls", MUST, FIXED, "\"none\""),
	LIBVIRTD("tls_no_verify_certificate", MUST, FIXED, "0"),
	/* a peer that is gone is noticed after interval x (count + 1) seconds */
	LIBVIRTD("keepalive_interval", DEFAULT, FIXED, "5"),
	LIBVIRTD("keepalive_count", DEFAULT, FIXED, "3"),

	QEMU("lock_manager", MUST, FIXED, "\"sanlock\""),
	QEMU("migration_address", MUST, ADDRESS, NULL),
	QEMU("migration_host", MUST, ADDRESS, NULL),
	QEMU("migrate_tls_x509_cert_dir", MUST, FIXED, "\"/etc/pki/qemu\""),
	QEMU("migrate_tls_x509_verify", MUST, FIXED, "1"),
	QEMU("keepalive_interval", DEFAULT, FIXED, "5"),
	QEMU("keepalive_count", DEFAULT, FIXED, "3"),

	/* a role's lease is named in its XML; leases by disk path would come on top of it */
	QSANLOCK("auto_disk_leases", MUST, FIXED, "0"),
	/* 1 would refuse to attach an image later: hot-plug, snapshots, block copy */
	QSANLOCK("require_lease_for_disks", MUST, FIXED, "0"),
	QSANLOCK("host_id", MUST, NODEID, NULL),
	QSANLOCK("user", DEFAULT, SANLOCK_USER, NULL),
	QSANLOCK("group", DEFAULT, SANLOCK_USER, NULL),

	/* a node that comes back under its old name gets its host id at once, else after minutes */
	{ VMHA_NODE_SANLOCK_CONF, "our_host_name", NULL, VMHA_CONF_PLAIN, MUST, SANLOCK_NAME,
	  VMHA_NODE_SANLOCK },
	{ VMHA_NODE_CONF, "migration_address", NULL, VMHA_CONF_SHELL, MUST, MIGRATION_ADDRESS, 0 },
#undef LIBVIRTD
#undef QEMU
#undef QSANLOCK
};

#define SETTINGS (sizeof(settings) / sizeof(settings[0]))

static const struct {
	const char *name;
	const char *path;
	enum vmha_conf_style style;
	unsigned int daemon;
} files[] = {
	{ "libvirtd.conf", VMHA_NODE_LIBVIRTD_CONF, VMHA_CONF_LIBVIRT, VMHA_NODE_LIBVIRTD },
	{ "qemu.conf", VMHA_NODE_QEMU_CONF, VMHA_CONF_LIBVIRT, VMHA_NODE_LIBVIRTD },
	{ "qemu-sanlock.conf", VMHA_NODE_QSANLOCK_CONF, VMHA_CONF_LIBVIRT, VMHA_NODE_LIBVIRTD },
	{ "sanlock.conf", VMHA_NODE_SANLOCK_CONF, VMHA_CONF_PLAIN, VMHA_NODE_SANLOCK },
};

static bool setup_decides(const char *path, const char *key)
{
	size_t i;

	if (strcmp(path, VMHA_NODE_LIBVIRTD_CONF) == 0 && strcmp(key, "host_uuid") == 0) {
		return true;
	}
	for (i = 0; i < SETTINGS; i++) {
		if (settings[i].weight == MUST && strcmp(settings[i].path, path) == 0 &&
		    strcmp(settings[i].key, key) == 0) {
			return true;
		}
	}
	return false;
}

/* @return row of files[], or -EINVAL with *err set */
static int file_find(const char *name, size_t len, struct vmha_err **err)
{
	int i;

	for (i = 0; i < (int)(sizeof(files) / sizeof(files[0])); i++) {
		if (strlen(files[i].name) == len && strncmp(files[i].name, name, len) == 0) {
			return i;
		}
	}
	return vmha_err_set(err, -EINVAL,
			    "--set knows the files libvirtd.conf, qemu.conf, qemu-sanlock.conf "
			    "and sanlock.conf, not '%.*s'",
			    (int)len, name);
}

/* A value that the file's grammar takes? */
static int value_check(const char *arg, enum vmha_conf_style style, const char *key,
		       const char *value, struct vmha_err **err)
{
	char *text = NULL;
	int r = vmha_conf_set("", style, key, value, &text, err);

	if (r < 0) {
		vmha_err_prefix(err, "--set %s", arg);
	}
	free(text);
	return r;
}

int vmha_node_extra_parse(const char *arg, struct vmha_node_extra *ret_extra, struct vmha_err **err)
{
	const char *colon = strchr(arg, ':');
	const char *equals = colon ? strchr(colon, '=') : NULL;
	vmha_autofree char *key = equals ? strndup(colon + 1, (size_t)(equals - colon - 1)) : NULL;
	int row;
	int r;

	if (!key) {
		return vmha_err_set(err, -EINVAL, "--set takes FILE:KEY=VALUE, not '%s'", arg);
	}
	row = file_find(arg, (size_t)(colon - arg), err);
	if (row < 0) {
		return row;
	}
	if (setup_decides(files[row].path, key)) {
		return vmha_err_set(err, -EINVAL,
				    "--set cannot change %s in %s: setup decides it itself", key,
				    files[row].name);
	}
	r = value_check(arg, files[row].style, key, equals + 1, err);
	if (r < 0) {
		return r;
	}
	*ret_extra = (struct vmha_node_extra){ .path = files[row].path,
					       .style = files[row].style,
					       .daemon = files[row].daemon,
					       .key = vmha_steal_ptr(key),
					       .value = equals + 1 };
	return 0;
}

/* @return 0; *ret_value is NULL where the setting is left alone, or is to be absent */
static int value_of(const struct setting *s, const struct vmha_node_request *req,
		    const struct vmha_node_facts *facts, const char *address, char **ret_value)
{
	char *value = NULL;
	uid_t uid;

	switch (s->source) {
	case FIXED:
		value = strdup(s->value);
		break;
	case ABSENT:
		break;
	case ADDRESS:
		value = vmha_conf_quote(address);
		break;
	case NODEID:
		if (!facts->nodeid) {
			*ret_value = NULL;
			return 0;
		}
		value = vmha_str_printf("%llu", (unsigned long long)facts->nodeid);
		break;
	case SANLOCK_NAME:
		value = strdup(req->sanlock_name ? req->sanlock_name : facts->name);
		break;
	case SANLOCK_USER:
		if (vmha_node_user_find("sanlock", &uid) < 0) {
			*ret_value = NULL;
			return 0;
		}
		value = vmha_conf_quote("sanlock");
		break;
	case MIGRATION_ADDRESS:
		value = strdup(address);
		break;
	}
	*ret_value = value;
	return value || s->source == ABSENT ? 0 : -ENOMEM;
}

static bool is_set(const struct vmha_node_plan *plan, const char *path, enum vmha_conf_style style,
		   const char *key)
{
	vmha_autofree char *text = NULL;
	vmha_autofree char *value = NULL;

	return vmha_node_plan_text(plan, path, &text, NULL) == 0 &&
	       vmha_conf_get(text, style, key, &value, NULL) == 0;
}

static int setting_plan(struct vmha_node_plan *plan, const struct setting *s,
			const struct vmha_node_request *req, const struct vmha_node_facts *facts,
			const char *address, struct vmha_err **err)
{
	vmha_autofree char *value = NULL;
	int r;

	if (s->weight == DEFAULT && is_set(plan, s->path, s->style, s->key)) {
		return 0;
	}
	r = value_of(s, req, facts, address, &value);
	if (r < 0) {
		return vmha_err_set(err, r, "out of memory");
	}
	if (!value && s->source != ABSENT) {
		return 0;
	}
	return vmha_node_plan_set(plan, s->path, s->style, s->key, value, s->daemon, err);
}

/*
 * libvirt refuses to migrate between hosts of one UUID, and takes the firmware's.  A host without
 * a usable one gets one of its name, so that it stays the same; one that shares it with another
 * host is told so by `vmha node doctor`.
 */
static int host_uuid_plan(struct vmha_node_plan *plan, const struct vmha_node_request *req,
			  const struct vmha_node_facts *facts, struct vmha_err **err)
{
	const char *want = req->host_uuid ? req->host_uuid : facts->dmi_uuid[0] ? "keep" : "auto";
	char uuid[VMHA_UUID_SIZE];
	vmha_autofree char *quoted = NULL;

	if (strcmp(want, "keep") == 0 ||
	    (!req->host_uuid &&
	     is_set(plan, VMHA_NODE_LIBVIRTD_CONF, VMHA_CONF_LIBVIRT, "host_uuid"))) {
		return 0;
	}
	if (strcmp(want, "auto") == 0) {
		vmha_node_uuid_derive(facts->name, uuid);
		want = uuid;
	}
	quoted = vmha_conf_quote(want);
	if (!quoted) {
		return vmha_err_set(err, -ENOMEM, "out of memory");
	}
	return vmha_node_plan_set(plan, VMHA_NODE_LIBVIRTD_CONF, VMHA_CONF_LIBVIRT, "host_uuid",
				  quoted, VMHA_NODE_LIBVIRTD, err);
}

static int node_conf_head(struct vmha_node_plan *plan, struct vmha_err **err)
{
	vmha_autofree char *text = NULL;
	int r = vmha_node_plan_text(plan, VMHA_NODE_CONF, &text, err);

	if (r < 0 || *text) {
		return r;
	}
	return vmha_node_plan_put(plan, VMHA_NODE_CONF,
				  "# This node, for vmha: see vmha-node(8).\n", 0644, 0, err);
}

int vmha_node_settings_plan(struct vmha_node_plan *plan, const struct vmha_node_request *req,
			    const struct vmha_node_facts *facts, const char *address,
			    struct vmha_err **err)
{
	size_t i;
	int r = node_conf_head(plan, err);

	for (i = 0; i < req->extras_count && r == 0; i++) {
		const struct vmha_node_extra *e = &req->extras[i];

		r = vmha_node_plan_set(plan, e->path, e->style, e->key, e->value, e->daemon, err);
	}
	for (i = 0; i < SETTINGS && r == 0; i++) {
		r = setting_plan(plan, &settings[i], req, facts, address, err);
	}
	return r < 0 ? r : host_uuid_plan(plan, req, facts, err);
}

/*
 * Pacemaker starts after, and therefore stops before, all of these: else a shutdown of the host
 * would take the VMs down (libvirt-guests, or systemd itself the machine scopes) while Pacemaker
 * still wants to move them away.
 */
static const char deps_dropin[] =
	"# Written by vmha node setup: Pacemaker, and with it the VMs, goes first at shutdown.\n"
	"[Unit]\n"
	"Wants=libvirtd.service sanlock.service virt-guest-shutdown.target\n"
	"After=libvirtd.service sanlock.service virt-guest-shutdown.target "
	"libvirt-guests.service\n";

static const char tls_dropin[] = "# Written by vmha node setup: TLS on every network.\n"
				 "[Socket]\nListenStream=\nListenStream=16514\n";

int vmha_node_systemd_plan(struct vmha_node_plan *plan, struct vmha_err **err)
{
	int r;

	r = vmha_node_plan_put(plan, VMHA_NODE_DEPS_DROPIN, deps_dropin, 0644, VMHA_NODE_SYSTEMD,
			       err);
	r = r < 0 ? r
		  : vmha_node_plan_put(plan, VMHA_NODE_TLS_DROPIN, tls_dropin, 0644,
				       VMHA_NODE_SYSTEMD | VMHA_NODE_LIBVIRTD, err);
	/* resident: a first start of libvirtd takes seconds, which a start of a VM has not */
	r = r < 0 ? r
		  : vmha_node_plan_set(plan, VMHA_NODE_LIBVIRTD_DEFAULT, VMHA_CONF_SHELL,
				       "LIBVIRTD_ARGS", "\"\"", VMHA_NODE_LIBVIRTD, err);
	return r < 0 ? r
		     : vmha_node_plan_set(plan, VMHA_NODE_GUESTS_DEFAULT, VMHA_CONF_SHELL,
					  "ON_BOOT", "ignore", 0, err);
}
