/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lib/role/remnants.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "lib/base/cleanup.h"
#include "lib/base/str.h"
#include "lib/port/domxml.h"
#include "lib/port/pcmk.h"
#include "lib/role/volume.h"

static enum vmha_part part_of(int r)
{
	return r == 0 ? VMHA_PART_THERE : r == -ENOENT ? VMHA_PART_ABSENT : VMHA_PART_DAMAGED;
}

static void xml_read(const struct vmha_role *role, struct vmha_index_entry *e)
{
	vmha_autodomxml struct vmha_domxml *dom = NULL;
	vmha_autofree char *space = NULL;
	vmha_autofree char *key = NULL;
	vmha_autofree char *offset = NULL;
	char path[VMHA_PATH_SIZE];

	vmha_role_path(role, VMHA_FILE_XML, path);
	e->xml = part_of(vmha_domxml_load(path, &dom, NULL));
	if (e->xml != VMHA_PART_THERE) {
		return;
	}
	space = vmha_domxml_get(dom, "/domain/devices/lease/lockspace");
	key = vmha_domxml_get(dom, "/domain/devices/lease/key");
	offset = vmha_domxml_get(dom, "/domain/devices/lease/target/@offset");
	e->xml_leased = vmha_domxml_count(dom, "/domain/devices/lease") == 1 &&
			vmha_str_eq(space, role->volume) && vmha_str_eq(key, role->name) &&
			vmha_str_u64(offset ? offset : "0", 0, UINT64_MAX, &e->xml_offset) == 0;
}

static void files_read(const struct vmha_role *role, struct vmha_index_entry *e)
{
	vmha_autofree struct vmha_state_record *state = calloc(1, sizeof(*state));
	struct vmha_intent_record intent = { 0 };
	struct vmha_owner_record owner;
	struct vmha_role_record rec;
	char path[VMHA_PATH_SIZE];
	struct stat st;

	vmha_role_path(role, VMHA_FILE_DIR, path);
	e->directory = lstat(path, &st) == 0 && S_ISDIR(st.st_mode);
	e->unended = vmha_role_unended(role, "", false);
	xml_read(role, e);
	e->record = part_of(vmha_role_load(role, VMHA_RECORD_ROLE, &rec, NULL));
	e->record_offset = e->record == VMHA_PART_THERE ? rec.lease_offset : 0;
	e->owner = part_of(vmha_role_load(role, VMHA_RECORD_OWNER, &owner, NULL));
	e->state = state ? part_of(vmha_role_load(role, VMHA_RECORD_STATE, state, NULL))
			 : VMHA_PART_DAMAGED;
	e->intent = part_of(vmha_intent_load(role, &intent, NULL));
	e->removing = vmha_str_eq(intent.op, "remove");
}

/* @param name NULL: every role of the volume's */
static int configuration_read(const char *volume, const char *name, struct vmha_index *index)
{
	vmha_autoprimitives struct vmha_pcmk_primitives *list = NULL;
	size_t i;

	index->configuration_known = vmha_pcmk_primitives_read("vm", &list, NULL) == 0;
	for (i = 0; index->configuration_known && i < list->count; i++) {
		const struct vmha_pcmk_primitive *p = &list->items[i];
		struct vmha_index_entry *e;

		if (!vmha_str_eq(p->volume, volume) || (name && !vmha_str_eq(p->name, name))) {
			continue;
		}
		e = vmha_index_entry(index, p->name);
		if (!e && vmha_str_is_name(p->name)) {
			return -ENOMEM;
		}
		if (e) {
			e->configured = true;
		}
	}
	return 0;
}

static int leases_read(const char *volume, struct vmha_index *index, struct vmha_err **err)
{
	vmha_autofree struct vmha_lease *leases = NULL;
	struct vmha_lease_index place;
	size_t count = 0;
	size_t i;
	int r = vmha_volume_leases(volume, &place, err);

	r = r < 0 ? r : vmha_leases_list(&place, &leases, &count, err);
	for (i = 0; r == 0 && i < count; i++) {
		struct vmha_index_entry *e = vmha_index_reserved(leases[i].name)
						     ? NULL
						     : vmha_index_entry(index, leases[i].name);

		if (e && e->leases++ == 0) {
			e->lease_offset = leases[i].offset;
		}
	}
	return r;
}

/* Names in @dir that end with @suffix, or that are directories where it is "". */
static int names_read(const char *dir, const char *suffix, struct vmha_index *index,
		      struct vmha_err **err)
{
	vmha_autodir DIR *d = opendir(dir);
	const struct dirent *entry;

	if (!d) {
		return errno == ENOENT ? 0 : vmha_err_errno(err, -errno, "cannot open %s", dir);
	}
	while ((entry = readdir(d))) {
		vmha_autofree char *name = strdup(entry->d_name);
		struct stat st;

		if (name && *suffix && vmha_str_ends(name, suffix)) {
			name[strlen(name) - strlen(suffix)] = '\0';
		} else if (name && (*suffix || !vmha_str_is_name(name) ||
				    fstatat(dirfd(d), name, &st, AT_SYMLINK_NOFOLLOW) < 0 ||
				    !S_ISDIR(st.st_mode))) {
			continue;
		}
		if (!name || (vmha_str_is_name(name) && !vmha_index_entry(index, name))) {
			return vmha_err_set(err, -ENOMEM, "out of memory reading %s", dir);
		}
	}
	return 0;
}

int vmha_remnants_read(const char *volume, struct vmha_index *ret_index, struct vmha_err **err)
{
	vmha_autoindex struct vmha_index index = { 0 };
	char path[VMHA_PATH_SIZE];
	size_t i;
	int r = leases_read(volume, &index, err);

	vmha_volume_path(volume, VMHA_VOLUME_DIR, path);
	r = r < 0 ? r : names_read(path, "", &index, err);
	vmha_intents_dir(volume, path);
	r = r < 0 ? r : names_read(path, VMHA_INTENT_SUFFIX, &index, err);
	if (r < 0) {
		return r;
	}
	if (configuration_read(volume, NULL, &index) < 0) {
		return vmha_err_set(err, -ENOMEM, "out of memory");
	}
	for (i = 0; i < index.count; i++) {
		struct vmha_role role = { 0 };

		(void)snprintf(role.name, sizeof(role.name), "%s", index.entries[i].name);
		(void)snprintf(role.volume, sizeof(role.volume), "%s", volume);
		files_read(&role, &index.entries[i]);
	}
	*ret_index = index;
	index = (struct vmha_index){ 0 };
	return 0;
}

int vmha_remnants_read_one(const struct vmha_role *role, struct vmha_index *ret_index,
			   struct vmha_err **err)
{
	vmha_autoindex struct vmha_index index = { 0 };
	struct vmha_index_entry *e = vmha_index_entry(&index, role->name);
	struct vmha_lease lease;
	int r;

	if (!e) {
		return vmha_err_set(err, -ENOMEM, "out of memory");
	}
	r = vmha_role_lease_look(role, &lease, err);
	if (r < 0) {
		return r;
	}
	e->leases = r == 1;
	e->lease_offset = r == 1 ? lease.offset : 0;
	files_read(role, e);
	if (configuration_read(role->volume, role->name, &index) < 0) {
		return vmha_err_set(err, -ENOMEM, "out of memory");
	}
	*ret_index = index;
	index = (struct vmha_index){ 0 };
	return 0;
}

/* --- settling ------------------------------------------------------------------------------- */

/*
 *   add, killed                            this, later, with the lock
 *   gives the resource to the CIB
 *                                          the CIB has no such resource
 *   the CIB takes it                       the lease goes: the role is broken
 *
 * So the resource is taken away first, whether it is there or not: changes of the CIB are done in
 * one order, and behind this one no earlier one comes.
 */
static int resource_away(const struct vmha_role *role, struct vmha_err **err)
{
	vmha_autofree char *expr = vmha_role_resource_expr(role->name);

	return expr ? vmha_pcmk_unconfigure(expr, err)
		    : vmha_err_set(err, -ENOMEM, "out of memory");
}

static int leftovers_drop(const struct vmha_role *role, const struct vmha_intent_record *intent,
			  bool undo, const struct vmha_teller *teller, struct vmha_err **err)
{
	int r = undo ? resource_away(role, err) : 0;

	r = r < 0 ? r : vmha_role_unused(role, false, err);
	r = r < 0 ? r : vmha_role_drop(role, !undo && intent->disks, teller, err);
	r = r < 0 ? r : vmha_intent_end(role, err);
	if (r == 0) {
		vmha_tell(teller, VMHA_TOLD_STEP, "%s of %s that was cut short on node %s: %s",
			  undo ? "an add" : "a removal", role->name, intent->node,
			  undo ? "undone" : "finished");
	}
	return r < 0 ? r : 1;
}

int vmha_remnants_settle(const struct vmha_role *role, const struct vmha_teller *teller,
			 struct vmha_err **err)
{
	vmha_autoindex struct vmha_index index = { 0 };
	struct vmha_intent_record intent = { 0 };
	enum vmha_index_verdict verdict;
	vmha_autoerr struct vmha_err *why = NULL;
	int r = vmha_intent_load(role, &intent, &why);

	if (r < 0) {
		return r == -ENOENT ? 0 : vmha_err_set(err, r, "%s", vmha_err_text(why));
	}
	r = vmha_remnants_read_one(role, &index, err);
	if (r < 0) {
		return r;
	}
	if (!index.configuration_known) {
		return vmha_err_set(err, -EAGAIN,
				    "%s: a change of it was cut short, and the cluster does not "
				    "tell whether it is a role: try again when it does",
				    role->name);
	}
	verdict = vmha_index_judge(&index, &index.entries[0], NULL);
	if (verdict == VMHA_INDEX_UNDO || verdict == VMHA_INDEX_FINISH) {
		return leftovers_drop(role, &intent, verdict == VMHA_INDEX_UNDO, teller, err);
	}
	/* the intent is all that goes: of a broken role too, it says nothing of that any more */
	r = vmha_intent_end(role, err);
	return r < 0 ? r : 1;
}

int vmha_remnants_settle_all(const char *volume, const struct vmha_teller *teller,
			     struct vmha_err **err)
{
	vmha_autoindex struct vmha_index begun = { 0 };
	vmha_autonames struct vmha_names roles = { 0 };
	char path[VMHA_PATH_SIZE];
	int settled = 0;
	size_t i;
	int r = vmha_volume_roles(volume, &roles, err);

	for (i = 0; r == 0 && i < roles.count; i++) {
		struct vmha_role role = { 0 };

		memcpy(role.name, roles.names[i], sizeof(role.name));
		(void)snprintf(role.volume, sizeof(role.volume), "%s", volume);
		vmha_role_tidy(&role);
	}
	if (r < 0) {
		return r;
	}

	vmha_intents_dir(volume, path);
	r = names_read(path, VMHA_INTENT_SUFFIX, &begun, err);
	for (i = 0; r == 0 && i < begun.count; i++) {
		vmha_autoerr struct vmha_err *why = NULL;
		struct vmha_role role = { 0 };
		int s;

		(void)snprintf(role.name, sizeof(role.name), "%s", begun.entries[i].name);
		(void)snprintf(role.volume, sizeof(role.volume), "%s", volume);
		s = vmha_remnants_settle(&role, teller, &why);
		if (s < 0) {
			vmha_tell(teller, VMHA_TOLD_WARNING, "%s", vmha_err_text(why));
		}
		settled += s > 0;
	}
	return r < 0 ? r : settled;
}
