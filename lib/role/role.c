/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lib/role/role.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "lib/base/cleanup.h"
#include "lib/base/file.h"

static const char *const suffixes[] = {
	[VMHA_FILE_DIR] = NULL,	     [VMHA_FILE_XML] = "xml",
	[VMHA_FILE_ROLE] = "role",   [VMHA_FILE_OWNER] = "owner",
	[VMHA_FILE_STATE] = "state", [VMHA_FILE_STATE_RECORD] = "state.rec",
	[VMHA_FILE_MOVE] = "move",   [VMHA_FILE_RUN] = "run",
};

static const enum vmha_role_file record_files[] = {
	[VMHA_RECORD_ROLE] = VMHA_FILE_ROLE, [VMHA_RECORD_OWNER] = VMHA_FILE_OWNER,
	[VMHA_RECORD_RUN] = VMHA_FILE_RUN,   [VMHA_RECORD_STATE] = VMHA_FILE_STATE_RECORD,
	[VMHA_RECORD_MOVE] = VMHA_FILE_MOVE,
};

void vmha_role_path(const struct vmha_role *role, enum vmha_role_file file, char *path)
{
	if (file == VMHA_FILE_RUN) {
		(void)snprintf(path, VMHA_PATH_SIZE, "%s/%s.run", VMHA_RUN_DIR, role->name);
	} else if (file == VMHA_FILE_DIR) {
		(void)snprintf(path, VMHA_PATH_SIZE, "%s/%s/%s", VMHA_STORAGE_ROOT, role->volume,
			       role->name);
	} else {
		(void)snprintf(path, VMHA_PATH_SIZE, "%s/%s/%s/%s.%s", VMHA_STORAGE_ROOT,
			       role->volume, role->name, role->name, suffixes[file]);
	}
}

int vmha_role_load(const struct vmha_role *role, enum vmha_record_kind kind, void *ret_record,
		   struct vmha_err **err)
{
	vmha_autofree char *text = NULL;
	char path[VMHA_PATH_SIZE];
	size_t len = 0;
	int r;

	vmha_role_path(role, record_files[kind], path);
	r = vmha_file_read(path, VMHA_RECORD_MAX_BYTES, &text, &len, err);
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

int vmha_role_store(const struct vmha_role *role, enum vmha_record_kind kind, const void *record,
		    struct vmha_err **err)
{
	vmha_autofree char *text = vmha_record_print(kind, record);
	char path[VMHA_PATH_SIZE];

	if (!text) {
		return vmha_err_set(err, -ENOMEM, "out of memory writing a record of %s",
				    role->name);
	}
	if (kind == VMHA_RECORD_RUN) {
		int r = vmha_file_mkdirs(VMHA_RUN_DIR, 0755, err);

		if (r < 0) {
			return r;
		}
	}
	vmha_role_path(role, record_files[kind], path);
	return vmha_file_write(path, text, strlen(text), 0600, err);
}

int vmha_role_forget(const struct vmha_role *role, enum vmha_record_kind kind,
		     struct vmha_err **err)
{
	char path[VMHA_PATH_SIZE];

	vmha_role_path(role, record_files[kind], path);
	return vmha_file_remove(path, err);
}

void vmha_role_lease(const struct vmha_role_record *rec, struct vmha_lease *ret_lease)
{
	*ret_lease = (struct vmha_lease){ .offset = rec->lease_offset };
	memcpy(ret_lease->lockspace, rec->volume, sizeof(ret_lease->lockspace));
	memcpy(ret_lease->name, rec->name, sizeof(ret_lease->name));
	memcpy(ret_lease->path, rec->lease_path, sizeof(ret_lease->path));
}
