/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>

#include "lib/core/volumetype.h"
#include "tests/unit/unit.h"

static void types_have_names(void)
{
	static const struct {
		const char *name;
		enum vmha_volume_type type;
		enum vmha_volume_lock lock;
	} rows[] = {
		{ "dir", VMHA_VOLUME_TYPE_DIR, VMHA_VOLUME_LOCK_SANLOCK },
		{ "nfs", VMHA_VOLUME_TYPE_NFS, VMHA_VOLUME_LOCK_SANLOCK },
		{ "gfs2", VMHA_VOLUME_TYPE_GFS2, VMHA_VOLUME_LOCK_DLM },
	};
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		enum vmha_volume_type type = VMHA_VOLUME_TYPE_DIR;

		CHECK_STR(vmha_volume_type_name(rows[i].type), rows[i].name);
		CHECK_INT(vmha_volume_type_parse(rows[i].name, &type), 0);
		CHECK_INT(type, rows[i].type);
		CHECK_INT(vmha_volume_type_lock(type), rows[i].lock);
	}
}

static void locks_have_names(void)
{
	enum vmha_volume_lock lock = VMHA_VOLUME_LOCK_SANLOCK;

	CHECK_STR(vmha_volume_lock_name(VMHA_VOLUME_LOCK_DLM), "dlm");
	CHECK_STR(vmha_volume_lock_name(VMHA_VOLUME_LOCK_SANLOCK), "sanlock");
	CHECK_INT(vmha_volume_lock_parse("dlm", &lock), 0);
	CHECK_INT(lock, VMHA_VOLUME_LOCK_DLM);
	CHECK_INT(vmha_volume_lock_parse("sanlock", &lock), 0);
	CHECK_INT(lock, VMHA_VOLUME_LOCK_SANLOCK);
}

static void nothing_is_the_default_and_nonsense_is_refused(void)
{
	enum vmha_volume_type type = VMHA_VOLUME_TYPE_NFS;
	enum vmha_volume_lock lock = VMHA_VOLUME_LOCK_DLM;

	CHECK_INT(vmha_volume_type_parse("ocfs2", &type), -EINVAL);
	CHECK_INT(type, VMHA_VOLUME_TYPE_NFS); /* untouched */
	CHECK_INT(vmha_volume_type_parse(NULL, &type), 0);
	CHECK_INT(type, VMHA_VOLUME_TYPE_DIR);
	CHECK_INT(vmha_volume_lock_parse("DLM", &lock), -EINVAL);
	CHECK_INT(lock, VMHA_VOLUME_LOCK_DLM);
	CHECK_INT(vmha_volume_lock_parse("", &lock), 0);
	CHECK_INT(lock, VMHA_VOLUME_LOCK_SANLOCK);
}

static const struct unit_test tests[] = {
	UNIT_TEST(types_have_names),
	UNIT_TEST(locks_have_names),
	UNIT_TEST(nothing_is_the_default_and_nonsense_is_refused),
};
UNIT_MAIN(tests)
