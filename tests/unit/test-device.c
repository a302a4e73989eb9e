/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "lib/base/cleanup.h"
#include "lib/core/device.h"
#include "tests/unit/unit.h"

#define MIB (1ULL << 20)
#define GIB (1ULL << 30)

static const struct vmha_device EMPTY = {
	.path = "/dev/lun1",
	.block = true,
	.size_bytes = 10 * GIB,
	.sector_bytes = 512,
};

static void what_is_found_is_named(void)
{
	static const struct {
		const char *type;
		const char *label;
		const char *words;
	} rows[] = {
		{ "", "", "nothing" },
		{ "gfs2", "lab:vol1", "a GFS2 file system (lab:vol1)" },
		{ "LVM2_member", "", "a physical volume of LVM" },
		{ "sanlock", "vol9", "a lockspace or leases of sanlock (vol9)" },
		{ "gpt", "", "a partition table (gpt)" },
		{ "ext4", "data", "a signature of ext4 (data)" },
	};
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct vmha_device d = EMPTY;
		char text[128];

		(void)snprintf(d.type, sizeof(d.type), "%s", rows[i].type);
		(void)snprintf(d.label, sizeof(d.label), "%s", rows[i].label);
		CHECK_STR(vmha_device_found(&d, text, sizeof(text)), rows[i].words);
	}
}

static void check_is(const struct vmha_device *d, bool force, int want, const char *why)
{
	vmha_autoerr struct vmha_err *err = NULL;

	CHECK_INT(vmha_device_check(d, force, &err), want);
	if (why) {
		CHECK_HAS(vmha_err_text(err), why);
	}
}

static void force_overrides_content_but_not_use(void)
{
	struct vmha_device ext4 = EMPTY;
	struct vmha_device used = EMPTY;
	struct vmha_device file = EMPTY;
	struct vmha_device ro = EMPTY;

	(void)snprintf(ext4.type, sizeof(ext4.type), "ext4");
	(void)snprintf(used.used, sizeof(used.used), "mounted at /srv");
	file.block = false;
	ro.read_only = true;
	check_is(&EMPTY, false, 0, NULL);
	check_is(&ext4, false, -EEXIST, "/dev/lun1 holds a signature of ext4");
	check_is(&ext4, true, 0, NULL);
	check_is(&used, false, -EBUSY, "mounted at /srv");
	check_is(&used, true, -EBUSY, "mounted at /srv");
	check_is(&file, true, -ENOTBLK, "not a block device");
	check_is(&ro, true, -EROFS, "read-only");
}

static void journals_fit_nodes_and_device(void)
{
	static const struct {
		uint64_t size_bytes;
		unsigned int nodes;
		unsigned int wanted;
		int want;
		unsigned int journals;
		unsigned int journal_mib;
	} rows[] = {
		{ 10 * GIB, 3, 0, 0, 3, 128 },	    { 10 * GIB, 1, 0, 0, 2, 128 },
		{ 10 * GIB, 3, 8, 0, 8, 128 },	    { 2 * GIB, 3, 0, 0, 3, 83 },
		{ 300 * MIB, 3, 0, 0, 3, 11 },	    { 147 * MIB, 3, 0, 0, 3, 8 },
		{ 146 * MIB, 3, 0, -ENOSPC, 0, 0 }, { 0, 3, 0, -ENOSPC, 0, 0 },
		{ 10 * GIB, 3, 2, -EINVAL, 0, 0 },  { 10 * GIB, 1, 1, 0, 1, 128 },
		{ 10 * GIB, 3, 65, -EINVAL, 0, 0 }, { 1024 * GIB, 64, 0, 0, 64, 128 },
	};
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct vmha_gfs2_plan plan = { 0 };
		struct vmha_device d = EMPTY;

		d.size_bytes = rows[i].size_bytes;
		CHECK_INT(vmha_gfs2_plan(&d, "lab", "vol2", rows[i].nodes, rows[i].wanted, &plan,
					 NULL),
			  rows[i].want);
		CHECK_INT(plan.journals, rows[i].journals);
		CHECK_INT(plan.journal_mib, rows[i].journal_mib);
		CHECK_STR(plan.table, rows[i].want ? "" : "lab:vol2");
	}
}

/* On this node, and on one that sees the device smaller or with other sectors. */
static void fits(const struct vmha_device *d, const struct vmha_gfs2_plan *plan, uint64_t end)
{
	const struct vmha_leases_record rec = { .lockspace_offset = plan->lockspace_offset,
						.index_offset = plan->index_offset,
						.leases_max = plan->leases_max };
	struct vmha_device other = *d;

	CHECK_INT(vmha_gfs2_leases_fit(d, &rec, NULL), 0);
	CHECK_INT(vmha_gfs2_header_copy_at(d), rec.index_offset - VMHA_GFS2_HEADER_BYTES);
	other.size_bytes = end - 1;
	CHECK_INT(vmha_gfs2_leases_fit(&other, &rec, NULL), -ENOSPC);
	other = *d;
	other.sector_bytes = d->sector_bytes == 512 ? 4096 : 512;
	CHECK_INT(vmha_gfs2_leases_fit(&other, &rec, NULL), -EINVAL);
}

static void the_end_is_kept_for_leases(void)
{
	static const struct {
		uint64_t size_bytes;
		unsigned int sector_bytes;
		uint64_t area;
		uint64_t leases;
	} rows[] = {
		{ 1 * GIB, 512, MIB, 24 },	   { 10 * GIB, 512, MIB, 204 },
		{ 10 * GIB + 512, 512, MIB, 204 }, { 1024 * GIB, 512, MIB, 2000 },
		{ 10 * GIB, 4096, 8 * MIB, 25 },   { 1024 * GIB, 4096, 8 * MIB, 2000 },
	};
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct vmha_gfs2_plan plan = { 0 };
		struct vmha_device d = EMPTY;
		uint64_t end;

		d.size_bytes = rows[i].size_bytes;
		d.sector_bytes = rows[i].sector_bytes;
		CHECK_INT(vmha_gfs2_plan(&d, "lab", "vol2", 3, 0, &plan, NULL), 0);
		CHECK_INT(plan.leases_max, rows[i].leases);
		CHECK_INT(plan.lockspace_offset % rows[i].area, 0);
		CHECK_INT(plan.index_offset, plan.lockspace_offset + rows[i].area);
		/* two areas of the index, then the leases; all of it is on the device */
		end = plan.index_offset + (2 + plan.leases_max) * rows[i].area;
		fits(&d, &plan, end);
		CHECK(end <= d.size_bytes && end + 2 * rows[i].area > d.size_bytes);
	}
}

static void names_that_gfs2_takes(void)
{
	static const struct {
		const char *cluster;
		const char *volume;
		int want;
	} rows[] = {
		{ "lab", "vol2", 0 },
		{ "", "vol2", -EINVAL },
		{ "lab", "vol.2", -EINVAL },
		{ "my cluster", "vol2", -EINVAL },
		{ "12345678901234567890123456789012", "123456789012345678901234567890", 0 },
		{ "123456789012345678901234567890123", "vol2", -EINVAL },
		{ "lab", "1234567890123456789012345678901", -EINVAL },
	};
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct vmha_gfs2_plan plan;

		CHECK_INT(
			vmha_gfs2_plan(&EMPTY, rows[i].cluster, rows[i].volume, 2, 0, &plan, NULL),
			rows[i].want);
	}
}

static void a_volume_is_recognised(void)
{
	struct vmha_device d = EMPTY;
	vmha_autoerr struct vmha_err *err = NULL;

	CHECK_INT(vmha_gfs2_is(&d, "lab", "vol2", "u-1", NULL), -EBADMSG);
	(void)snprintf(d.type, sizeof(d.type), "gfs2");
	(void)snprintf(d.label, sizeof(d.label), "lab:vol2");
	(void)snprintf(d.uuid, sizeof(d.uuid), "u-1");
	CHECK_INT(vmha_gfs2_is(&d, "lab", "vol2", "u-1", NULL), 0);
	CHECK_INT(vmha_gfs2_is(&d, "lab", "vol2", NULL, NULL), 0);
	CHECK_INT(vmha_gfs2_is(&d, "lab", "vol2", "u-2", NULL), -EBADMSG);
	CHECK_INT(vmha_gfs2_is(&d, "lab", "vol3", "u-1", NULL), -EBADMSG);
	CHECK_INT(vmha_gfs2_is(&d, "other", "vol2", "u-1", &err), -EBADMSG);
	CHECK_HAS(vmha_err_text(err), "lab:vol2, not other:vol2");
}

static void a_smaller_device_is_refused(void)
{
	vmha_autoerr struct vmha_err *err = NULL;

	CHECK_INT(vmha_device_size_check(&EMPTY, 0, NULL), 0);
	CHECK_INT(vmha_device_size_check(&EMPTY, 10 * GIB, NULL), 0);
	CHECK_INT(vmha_device_size_check(&EMPTY, 10 * GIB + 1, &err), -ENOSPC);
	CHECK_HAS(vmha_err_text(err), "rescan it");
}

static const struct unit_test tests[] = {
	UNIT_TEST(what_is_found_is_named),	  UNIT_TEST(force_overrides_content_but_not_use),
	UNIT_TEST(journals_fit_nodes_and_device), UNIT_TEST(the_end_is_kept_for_leases),
	UNIT_TEST(names_that_gfs2_takes),	  UNIT_TEST(a_volume_is_recognised),
	UNIT_TEST(a_smaller_device_is_refused),
};
UNIT_MAIN(tests)
