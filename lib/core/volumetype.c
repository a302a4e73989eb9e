/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lib/core/volumetype.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>

static const char *const types[] = {
	[VMHA_VOLUME_TYPE_DIR] = "dir",
	[VMHA_VOLUME_TYPE_NFS] = "nfs",
	[VMHA_VOLUME_TYPE_GFS2] = "gfs2",
};

static const char *const locks[] = {
	[VMHA_VOLUME_LOCK_SANLOCK] = "sanlock",
	[VMHA_VOLUME_LOCK_DLM] = "dlm",
};

/* @return index of @name, 0 for none given; -EINVAL */
static int find(const char *const *names, size_t count, const char *name)
{
	size_t i;

	if (!name || !*name) {
		return 0;
	}
	for (i = 0; i < count; i++) {
		if (strcmp(names[i], name) == 0) {
			return (int)i;
		}
	}
	return -EINVAL;
}

const char *vmha_volume_type_name(enum vmha_volume_type type)
{
	return types[type];
}

int vmha_volume_type_parse(const char *name, enum vmha_volume_type *ret_type)
{
	int n = find(types, sizeof(types) / sizeof(types[0]), name);

	if (n < 0) {
		return n;
	}
	*ret_type = (enum vmha_volume_type)n;
	return 0;
}

const char *vmha_volume_lock_name(enum vmha_volume_lock lock)
{
	return locks[lock];
}

int vmha_volume_lock_parse(const char *name, enum vmha_volume_lock *ret_lock)
{
	int n = find(locks, sizeof(locks) / sizeof(locks[0]), name);

	if (n < 0) {
		return n;
	}
	*ret_lock = (enum vmha_volume_lock)n;
	return 0;
}

enum vmha_volume_lock vmha_volume_type_lock(enum vmha_volume_type type)
{
	return type == VMHA_VOLUME_TYPE_GFS2 ? VMHA_VOLUME_LOCK_DLM : VMHA_VOLUME_LOCK_SANLOCK;
}
