/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lib/role/volume.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/cleanup.h"
#include "lib/base/file.h"
#include "lib/base/str.h"
#include "lib/role/role.h"

static const char *const files[] = {
	[VMHA_VOLUME_META_DIR] = VMHA_VOLUME_META,
	[VMHA_VOLUME_RECORD] = VMHA_VOLUME_META "/volume",
	[VMHA_VOLUME_LOCKSPACE] = VMHA_VOLUME_META "/lockspace",
	[VMHA_VOLUME_LEASES] = VMHA_VOLUME_META "/leases",
	[VMHA_VOLUME_HEALTH_DIR] = VMHA_VOLUME_META "/health",
	[VMHA_VOLUME_JOINED] = "joined",
	[VMHA_VOLUME_HEALTH] = "health",
	[VMHA_VOLUME_RENEWALS] = "renewals",
	[VMHA_VOLUME_COORDINATOR] = VMHA_VOLUME_META "/coordinator",
	[VMHA_VOLUME_COORDINATOR_PID] = "coordinator",
	[VMHA_VOLUME_LEAVING] = "leaving",
	[VMHA_VOLUME_LEASES_RECORD] = "leases",
	[VMHA_VOLUME_DEVICE] = "device",
	[VMHA_VOLUME_ASK] = "ask",
};

/* of this node, below VMHA_CSV_RUN_DIR */
static bool is_local(enum vmha_volume_file file)
{
	return file == VMHA_VOLUME_JOINED || file == VMHA_VOLUME_HEALTH ||
	       file == VMHA_VOLUME_RENEWALS || file == VMHA_VOLUME_COORDINATOR_PID ||
	       file == VMHA_VOLUME_LEAVING || file == VMHA_VOLUME_LEASES_RECORD ||
	       file == VMHA_VOLUME_DEVICE || file == VMHA_VOLUME_ASK;
}

void vmha_volume_path(const char *volume, enum vmha_volume_file file, char *path)
{
	if (file == VMHA_VOLUME_DIR) {
		(void)snprintf(path, VMHA_PATH_SIZE, "%s/%s", VMHA_STORAGE_ROOT, volume);
	} else if (is_local(file)) {
		(void)snprintf(path, VMHA_PATH_SIZE, "%s/%s.%s", VMHA_CSV_RUN_DIR, volume,
			       files[file]);
	} else {
		(void)snprintf(path, VMHA_PATH_SIZE, "%s/%s/%s", VMHA_STORAGE_ROOT, volume,
			       files[file]);
	}
}

static enum vmha_record_kind kind_of(enum vmha_volume_file file)
{
	if (file == VMHA_VOLUME_JOINED) {
		return VMHA_RECORD_JOINED;
	}
	if (file == VMHA_VOLUME_COORDINATOR) {
		return VMHA_RECORD_COORDINATOR;
	}
	if (file == VMHA_VOLUME_RENEWALS) {
		return VMHA_RECORD_RENEWALS;
	}
	if (file == VMHA_VOLUME_LEASES_RECORD) {
		return VMHA_RECORD_LEASES;
	}
	return file == VMHA_VOLUME_HEALTH ? VMHA_RECORD_HEALTH : VMHA_RECORD_VOLUME;
}

static int record_load(const char *path, enum vmha_record_kind kind, void *ret_record,
		       struct vmha_err **err)
{
	vmha_autofree char *text = NULL;
	size_t len = 0;
	int r = vmha_file_read(path, VMHA_RECORD_MAX_BYTES, &text, &len, err);

	if (r < 0) {
		return r;
	}
	if (strlen(text) != len) {
		return vmha_err_set(err, -EBADMSG, "%s is damaged: it holds a NUL", path);
	}
	r = vmha_record_parse(kind, text, ret_record, err);
	if (r < 0) {
		(void)vmha_err_prefix(err, "%s is damaged", path);
	}
	return r;
}

static int record_store(const char *path, enum vmha_record_kind kind, const void *record,
			struct vmha_err **err)
{
	vmha_autofree char *text = vmha_record_print(kind, record);

	if (!text) {
		return vmha_err_set(err, -ENOMEM, "out of memory writing %s", path);
	}
	return vmha_file_write(path, text, strlen(text), 0644, err);
}

int vmha_volume_load(const char *volume, enum vmha_volume_file file, void *ret_record,
		     struct vmha_err **err)
{
	char path[VMHA_PATH_SIZE];

	vmha_volume_path(volume, file, path);
	return record_load(path, kind_of(file), ret_record, err);
}

int vmha_volume_store(const char *volume, enum vmha_volume_file file, const void *record,
		      struct vmha_err **err)
{
	char path[VMHA_PATH_SIZE];

	if (is_local(file)) {
		int r = vmha_file_mkdirs(VMHA_CSV_RUN_DIR, 0755, err);

		if (r < 0) {
			return r;
		}
	}
	vmha_volume_path(volume, file, path);
	return record_store(path, kind_of(file), record, err);
}

/* @return 1 on its device; 0 in files */
static int leases_place(const char *volume, struct vmha_leases_record *ret_rec,
			struct vmha_err **err)
{
	vmha_autoerr struct vmha_err *why = NULL;
	int r = vmha_volume_load(volume, VMHA_VOLUME_LEASES_RECORD, ret_rec, &why);

	if (r < 0 && r != -ENOENT) {
		return vmha_err_set(err, r, "%s", vmha_err_text(why));
	}
	return r == 0;
}

int vmha_volume_lockspace(const char *volume, uint64_t host_id, struct vmha_lockspace *ret_ls,
			  struct vmha_err **err)
{
	struct vmha_leases_record rec = { 0 };
	int r = leases_place(volume, &rec, err);

	if (r < 0) {
		return r;
	}
	*ret_ls = (struct vmha_lockspace){ .host_id = host_id, .offset = rec.lockspace_offset };
	(void)snprintf(ret_ls->name, sizeof(ret_ls->name), "%s", volume);
	vmha_volume_path(volume, r ? VMHA_VOLUME_DEVICE : VMHA_VOLUME_LOCKSPACE, ret_ls->path);
	return 0;
}

int vmha_volume_leases(const char *volume, struct vmha_lease_index *ret_index,
		       struct vmha_err **err)
{
	struct vmha_leases_record rec = { 0 };
	int r = leases_place(volume, &rec, err);

	if (r < 0) {
		return r;
	}
	*ret_index = (struct vmha_lease_index){ .offset = rec.index_offset, .max = rec.leases_max };
	(void)snprintf(ret_index->lockspace, sizeof(ret_index->lockspace), "%s", volume);
	vmha_volume_path(volume, r ? VMHA_VOLUME_DEVICE : VMHA_VOLUME_LEASES, ret_index->path);
	return 0;
}

int vmha_volume_load_at(const char *dir, struct vmha_volume_record *ret_record,
			struct vmha_err **err)
{
	vmha_autofree char *path = vmha_str_printf("%s/%s", dir, files[VMHA_VOLUME_RECORD]);

	if (!path) {
		return vmha_err_set(err, -ENOMEM, "out of memory");
	}
	return record_load(path, VMHA_RECORD_VOLUME, ret_record, err);
}

int vmha_volume_store_at(const char *dir, const struct vmha_volume_record *record,
			 struct vmha_err **err)
{
	vmha_autofree char *path = vmha_str_printf("%s/%s", dir, files[VMHA_VOLUME_RECORD]);

	if (!path) {
		return vmha_err_set(err, -ENOMEM, "out of memory");
	}
	return record_store(path, VMHA_RECORD_VOLUME, record, err);
}

void vmha_names_free(struct vmha_names *names)
{
	free(names->names);
	*names = (struct vmha_names){ 0 };
}

static int name_add(struct vmha_names *to, const char *name)
{
	char(*bigger)[VMHA_NAME_SIZE] = reallocarray(to->names, to->count + 1, sizeof(*to->names));

	if (!bigger) {
		return -ENOMEM;
	}
	to->names = bigger;
	(void)snprintf(to->names[to->count++], VMHA_NAME_SIZE, "%.47s", name);
	return 0;
}

static int name_compare(const void *a, const void *b)
{
	return strcmp(a, b);
}

/* Names in @dir; @roles: those of directories that hold a role's record. */
static int names_collect(const char *dir, bool roles, struct vmha_names *ret_names,
			 struct vmha_err **err)
{
	vmha_autonames struct vmha_names found = { 0 };
	vmha_autodir DIR *d = opendir(dir);
	struct dirent *e;

	if (!d) {
		return vmha_err_errno(err, -errno, "cannot open %s", dir);
	}
	while ((e = readdir(d))) {
		char path[2 * VMHA_PATH_SIZE];

		if (!vmha_str_is_name(e->d_name) || e->d_type == DT_REG) {
			continue;
		}
		(void)snprintf(path, sizeof(path), "%s/%s/%s.role", dir, e->d_name, e->d_name);
		if ((!roles || access(path, F_OK) == 0) && name_add(&found, e->d_name) < 0) {
			return vmha_err_set(err, -ENOMEM, "out of memory listing %s", dir);
		}
	}
	if (found.count) {
		qsort(found.names, found.count, sizeof(*found.names), name_compare);
	}
	*ret_names = found;
	found = (struct vmha_names){ 0 };
	return 0;
}

int vmha_volume_roles(const char *volume, struct vmha_names *ret_names, struct vmha_err **err)
{
	char dir[VMHA_PATH_SIZE];

	vmha_volume_path(volume, VMHA_VOLUME_DIR, dir);
	return names_collect(dir, true, ret_names, err);
}

int vmha_volumes_list(struct vmha_names *ret_names, struct vmha_err **err)
{
	if (access(VMHA_STORAGE_ROOT, F_OK) < 0 && errno == ENOENT) {
		*ret_names = (struct vmha_names){ 0 };
		return 0;
	}
	return names_collect(VMHA_STORAGE_ROOT, false, ret_names, err);
}
