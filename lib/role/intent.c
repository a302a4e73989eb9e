/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lib/role/intent.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "lib/base/cleanup.h"
#include "lib/base/file.h"
#include "lib/base/str.h"
#include "lib/role/volume.h"

/* Files PREFIX...tmp in @dir, see vmha_file_write(). @return how many */
static unsigned int unended(const char *dir, const char *prefix, bool drop)
{
	vmha_autodir DIR *d = opendir(dir);
	const struct dirent *entry;
	unsigned int count = 0;

	while (d && (entry = readdir(d))) {
		if (vmha_str_starts(entry->d_name, prefix) &&
		    vmha_str_ends(entry->d_name, ".tmp")) {
			count++;
			if (drop) {
				(void)unlinkat(dirfd(d), entry->d_name, 0);
			}
		}
	}
	return count;
}

unsigned int vmha_role_unended(const struct vmha_role *role, const char *more, bool drop)
{
	char prefix[VMHA_NAME_SIZE + 16];
	char dir[VMHA_PATH_SIZE];

	(void)snprintf(prefix, sizeof(prefix), "%s.%s", role->name, more);
	vmha_role_path(role, VMHA_FILE_DIR, dir);
	return unended(dir, prefix, drop);
}

void vmha_intents_dir(const char *volume, char *path)
{
	char meta[VMHA_PATH_SIZE];

	vmha_volume_path(volume, VMHA_VOLUME_META_DIR, meta);
	(void)snprintf(path, VMHA_PATH_SIZE, "%.900s/intents", meta);
}

void vmha_intent_path(const struct vmha_role *role, char *path)
{
	char dir[VMHA_PATH_SIZE];

	vmha_intents_dir(role->volume, dir);
	(void)snprintf(path, VMHA_PATH_SIZE, "%.900s/%s" VMHA_INTENT_SUFFIX, dir, role->name);
}

void vmha_role_tidy(const struct vmha_role *role)
{
	char prefix[VMHA_NAME_SIZE + 16];
	char dir[VMHA_PATH_SIZE];

	(void)vmha_role_unended(role, "xml.", true);
	(void)vmha_role_unended(role, "role.", true);
	vmha_intents_dir(role->volume, dir);
	(void)snprintf(prefix, sizeof(prefix), "%s" VMHA_INTENT_SUFFIX ".", role->name);
	(void)unended(dir, prefix, true);
}

int vmha_intent_begin(const struct vmha_role *role, const char *op, bool disks,
		      struct vmha_err **err)
{
	struct vmha_intent_record rec = { .disks = disks };
	vmha_autofree char *text = NULL;
	char path[VMHA_PATH_SIZE];
	int r;

	(void)snprintf(rec.name, sizeof(rec.name), "%s", role->name);
	(void)snprintf(rec.volume, sizeof(rec.volume), "%s", role->volume);
	(void)snprintf(rec.op, sizeof(rec.op), "%s", op);
	(void)gethostname(rec.node, sizeof(rec.node) - 1);
	rec.begun_s = (int64_t)time(NULL);
	text = vmha_record_print(VMHA_RECORD_INTENT, &rec);
	if (!text) {
		return vmha_err_set(err, -ENOMEM, "out of memory");
	}
	vmha_volume_path(role->volume, VMHA_VOLUME_META_DIR, path);
	if (access(path, F_OK) < 0) { /* not mounted: nothing is to be made below the mount */
		return vmha_err_errno(err, -errno, "volume %s is not here: %s", role->volume, path);
	}
	vmha_role_tidy(role);
	vmha_intents_dir(role->volume, path);
	r = vmha_file_mkdirs(path, 0755, err);
	vmha_intent_path(role, path);
	return r < 0 ? r : vmha_file_write(path, text, strlen(text), 0600, err);
}

int vmha_intent_load(const struct vmha_role *role, struct vmha_intent_record *ret_rec,
		     struct vmha_err **err)
{
	vmha_autofree char *text = NULL;
	char path[VMHA_PATH_SIZE];
	size_t len = 0;
	int r;

	vmha_intent_path(role, path);
	r = vmha_file_read(path, VMHA_RECORD_MAX_BYTES, &text, &len, err);
	if (r == 0 && strlen(text) != len) {
		r = vmha_err_set(err, -EBADMSG, "it holds a NUL");
	}
	r = r < 0 ? r : vmha_record_parse(VMHA_RECORD_INTENT, text, ret_rec, err);
	if (r == -EBADMSG) {
		(void)vmha_err_prefix(err, "%s is damaged", path);
	}
	return r;
}

int vmha_intent_end(const struct vmha_role *role, struct vmha_err **err)
{
	char path[VMHA_PATH_SIZE];

	vmha_intent_path(role, path);
	return vmha_file_remove(path, err);
}
