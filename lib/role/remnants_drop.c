/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Taking a role off its volume. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/cleanup.h"
#include "lib/base/file.h"
#include "lib/base/str.h"
#include "lib/port/domxml.h"
#include "lib/port/nodes.h"
#include "lib/role/domcheck.h"
#include "lib/role/lookup.h"
#include "lib/role/remnants.h"
#include "lib/role/volume.h"

void vmha_tell(const struct vmha_teller *teller, enum vmha_told what, const char *fmt, ...)
{
	vmha_autofree char *text = NULL;
	va_list ap;

	va_start(ap, fmt);
	if (vasprintf(&text, fmt, ap) < 0) {
		text = NULL;
	}
	va_end(ap);
	if (teller) {
		teller->tell(teller->arg, what, text ? text : "out of memory");
	}
}

int vmha_role_lease_look(const struct vmha_role *role, struct vmha_lease *ret_lease,
			 struct vmha_err **err)
{
	vmha_autoerr struct vmha_err *why = NULL;
	struct vmha_lease_index index;
	int r = vmha_volume_leases(role->volume, &index, &why);

	r = r < 0 ? r : vmha_lease_find(&index, role->name, ret_lease, &why);
	if (r == -ENOENT) {
		return 0;
	}
	return r < 0 ? vmha_err_set(err, r, "%s", vmha_err_text(why)) : 1;
}

char *vmha_role_resource_expr(const char *name)
{
	return vmha_str_printf(
		"//resources/primitive[@id='%s']|//constraints/*[@rsc='%s' or @with-rsc='%s' or "
		"@first='%s' or @then='%s']|//constraints//resource_ref[@id='%s']|"
		"//tags//obj_ref[@id='%s']",
		name, name, name, name, name, name, name);
}

int vmha_role_unused(const struct vmha_role *role, bool force, struct vmha_err **err)
{
	struct vmha_lease_owner owner = { 0 };
	vmha_autonodes struct vmha_nodes nodes = { 0 };
	struct vmha_owner_record rec;
	struct vmha_lease lease;
	char name[VMHA_NODE_SIZE];
	int r = vmha_role_lease_look(role, &lease, err);

	if (r == 0) {
		return 0; /* its files are all that is left, of a removal that was cut short */
	}
	r = r < 0 ? r : vmha_lease_owner(&lease, &owner, err);
	if (r < 0) {
		return r;
	}
	(void)vmha_nodes_read(&nodes, NULL);
	if (owner.held) {
		return vmha_err_set(err, -EBUSY,
				    "the lease of %s is held on node %s: it was not removed",
				    role->name, vmha_nodes_name(&nodes, owner.host.host_id, name));
	}
	r = vmha_role_load(role, VMHA_RECORD_OWNER, &rec, NULL);
	if (r == -ENOENT || force) {
		return 0;
	}
	if (r == 0) {
		return vmha_err_set(
			err, -EBUSY,
			"the volume still has node %s recorded as owner of %s: start and stop "
			"it there, or add --force if no process of it is left",
			rec.node, role->name);
	}
	return vmha_err_set(
		err, -EBUSY,
		"the owner record of %s is unreadable: add --force if no process of it is "
		"left on any node",
		role->name);
}

static int file_drop(const char *path, const struct vmha_teller *teller, struct vmha_err **err)
{
	struct stat st;
	int r;

	if (lstat(path, &st) < 0 && errno == ENOENT) {
		return 0;
	}
	r = vmha_file_remove(path, err);
	if (r == 0) {
		vmha_tell(teller, VMHA_TOLD_REMOVED, "%s", path);
	}
	return r;
}

/* Also used by another role: then it stays, whatever was asked. */
static bool disk_shared(const struct vmha_role *role, const char *source)
{
	vmha_autonames struct vmha_names roles = { 0 };
	size_t i;

	if (vmha_volume_roles(role->volume, &roles, NULL) < 0) {
		return true;
	}
	for (i = 0; i < roles.count; i++) {
		vmha_autodomxml struct vmha_domxml *dom = NULL;
		const struct vmha_domxml_disk *d;
		struct vmha_role r = *role;
		char path[VMHA_PATH_SIZE];
		size_t count;
		size_t n;

		(void)snprintf(r.name, sizeof(r.name), "%s", roles.names[i]);
		if (strcmp(r.name, role->name) == 0) {
			continue;
		}
		vmha_role_path(&r, VMHA_FILE_XML, path);
		if (vmha_domxml_load(path, &dom, NULL) < 0) {
			return true; /* it cannot be told */
		}
		d = vmha_domxml_disks(dom, &count);
		for (n = 0; n < count; n++) {
			if (vmha_str_eq(d[n].source, source)) {
				return true;
			}
		}
	}
	return false;
}

static int disk_drop(const struct vmha_role *role, const struct vmha_domxml_disk *d,
		     const struct vmha_teller *teller, struct vmha_err **err)
{
	struct stat st;

	if (lstat(d->source, &st) < 0) {
		return 0;
	}
	if (!S_ISREG(st.st_mode)) {
		vmha_tell(teller, VMHA_TOLD_WARNING, "%s is not a file: it was left as it is",
			  d->source);
		return 0;
	}
	if (disk_shared(role, d->source)) {
		vmha_tell(teller, VMHA_TOLD_WARNING,
			  "%s may be used by another role: it was left as it is", d->source);
		return 0;
	}
	return file_drop(d->source, teller, err);
}

static int disks_drop(const struct vmha_role *role, const struct vmha_teller *teller,
		      struct vmha_err **err)
{
	vmha_autodomxml struct vmha_domxml *dom = NULL;
	vmha_autofree char *nvram = NULL;
	const struct vmha_domxml_disk *d;
	char path[VMHA_PATH_SIZE];
	size_t count;
	size_t i;
	int r;

	vmha_role_path(role, VMHA_FILE_XML, path);
	r = vmha_domxml_load(path, &dom, NULL);
	if (r < 0) {
		if (r != -ENOENT) {
			vmha_tell(teller, VMHA_TOLD_WARNING,
				  "%s cannot be read: its disks were left", path);
		}
		return 0;
	}
	vmha_volume_path(role->volume, VMHA_VOLUME_DIR, path);
	d = vmha_domxml_disks(dom, &count);
	for (i = 0, r = 0; r == 0 && i < count; i++) {
		if (d[i].source && !d[i].readonly && vmha_path_is_under(d[i].source, path)) {
			r = disk_drop(role, &d[i], teller, err);
		}
	}
	nvram = vmha_domxml_get(dom, "/domain/os/nvram[not(source)]");
	if (r == 0 && nvram && vmha_path_is_under(nvram, path)) {
		r = file_drop(nvram, teller, err);
	}
	return r;
}

int vmha_role_drop(const struct vmha_role *role, bool disks, const struct vmha_teller *teller,
		   struct vmha_err **err)
{
	/* The record of saved memory before the memory: without a record it is never used.  The
	 * definition last: while it is there, a second try finds the disks. */
	static const enum vmha_role_file files[] = { VMHA_FILE_MOVE,  VMHA_FILE_STATE_RECORD,
						     VMHA_FILE_STATE, VMHA_FILE_OWNER,
						     VMHA_FILE_ROLE,  VMHA_FILE_XML };
	vmha_autoerr struct vmha_err *why = NULL;
	struct vmha_lease_index index;
	struct vmha_lease lease;
	char path[VMHA_PATH_SIZE];
	size_t i;
	int r = vmha_role_lease_look(role, &lease, err);

	if (r == 1) {
		r = vmha_volume_leases(role->volume, &index, err);
		r = r < 0 ? r : vmha_lease_delete(&index, &lease, err);
		if (r == 0) {
			vmha_tell(teller, VMHA_TOLD_STEP, "lease %s removed", role->name);
		}
	}
	r = r < 0 || !disks ? r : disks_drop(role, teller, err);
	for (i = 0; r == 0 && i < sizeof(files) / sizeof(files[0]); i++) {
		vmha_role_path(role, files[i], path);
		r = file_drop(path, teller, err);
	}
	if (r < 0) {
		return r;
	}
	vmha_role_path(role, VMHA_FILE_DIR, path);
	(void)vmha_role_unended(role, "", true); /* anybody's: it runs nowhere */
	r = vmha_file_rmdir(path, &why);
	if (r == -ENOTEMPTY) {
		vmha_tell(teller, VMHA_TOLD_STEP, "%s keeps what else is in it%s", path,
			  disks ? "" : " (disks are kept without --disks)");
		return 0;
	}
	if (r < 0) {
		return vmha_err_set(err, r, "%s", vmha_err_text(why));
	}
	vmha_role_lookup(role);
	return 0;
}
