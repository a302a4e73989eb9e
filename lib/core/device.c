/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lib/core/device.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "lib/base/cleanup.h"
#include "lib/base/str.h"

#define MIB		(1ULL << 20)
#define JOURNAL_MIN_MIB 8 /* mkfs.gfs2(8) */
#define JOURNAL_MAX_MIB 128
#define JOURNALS_MIN	2
#define REST_MIN_MIB	96 /* GFS2's own files, and some of VMs */
/* the end of the device that is kept for leases: a fiftieth of it, within these */
#define LEASES_PART 50
#define LEASES_MIN  24
#define LEASES_MAX  2000
#define AREAS	    3 /* lockspace and two of the index, before the leases */
#define NAME_CHARS  "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_"

static const struct {
	const char *type;
	const char *words;
} kinds[] = {
	{ "gfs2", "a GFS2 file system" },
	{ "LVM2_member", "a physical volume of LVM" },
	{ "linux_raid_member", "a member of a Linux RAID" },
	{ "crypto_LUKS", "a LUKS encrypted volume" },
	{ "mpath_member", "a path of a multipath device: use /dev/mapper/..." },
	{ "swap", "swap space" },
	{ "sanlock", "a lockspace or leases of sanlock" },
	{ "gpt", "a partition table (gpt)" },
	{ "dos", "a partition table (dos)" },
};

const char *vmha_device_found(const struct vmha_device *d, char *text, size_t size)
{
	const char *words = NULL;
	size_t i;

	for (i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		if (strcmp(d->type, kinds[i].type) == 0) {
			words = kinds[i].words;
		}
	}
	if (!*d->type) {
		(void)snprintf(text, size, "nothing");
	} else if (words) {
		(void)snprintf(text, size, "%s%s%s%s", words, *d->label ? " (" : "", d->label,
			       *d->label ? ")" : "");
	} else {
		(void)snprintf(text, size, "a signature of %s%s%s%s", d->type,
			       *d->label ? " (" : "", d->label, *d->label ? ")" : "");
	}
	return text;
}

int vmha_device_check(const struct vmha_device *d, bool force, struct vmha_err **err)
{
	char found[256];

	if (!d->block) {
		return vmha_err_set(err, -ENOTBLK, "%s is not a block device", d->path);
	}
	if (d->read_only) {
		return vmha_err_set(err, -EROFS, "%s is read-only", d->path);
	}
	if (*d->used) {
		return vmha_err_set(err, -EBUSY, "%s is in use on this node: %s", d->path, d->used);
	}
	if (*d->type && !force) {
		return vmha_err_set(err, -EEXIST,
				    "%s holds %s: if nobody needs it, on any node, repeat with "
				    "--force",
				    d->path, vmha_device_found(d, found, sizeof(found)));
	}
	return 0;
}

static int names_check(const char *cluster, const char *volume, struct vmha_err **err)
{
	if (!*cluster || strlen(cluster) > VMHA_GFS2_CLUSTER_MAX ||
	    strspn(cluster, NAME_CHARS) != strlen(cluster)) {
		return vmha_err_set(err, -EINVAL,
				    "the cluster's name '%s' (cluster_name in corosync.conf) does "
				    "not do for GFS2: 1 to %d letters, digits, '-' or '_'",
				    cluster, VMHA_GFS2_CLUSTER_MAX);
	}
	if (!*volume || strlen(volume) > VMHA_GFS2_NAME_MAX ||
	    strspn(volume, NAME_CHARS) != strlen(volume)) {
		return vmha_err_set(err, -EINVAL,
				    "'%s' cannot be the name of a GFS2 volume: 1 to %d letters, "
				    "digits, '-' or '_'",
				    volume, VMHA_GFS2_NAME_MAX);
	}
	return 0;
}

/* An area has a sector for each of 2000 hosts. */
static uint64_t area_bytes(const struct vmha_device *d)
{
	return d->sector_bytes > 512 ? 8 * MIB : MIB;
}

static uint64_t leases_plan(const struct vmha_device *d, struct vmha_gfs2_plan *plan)
{
	uint64_t area = area_bytes(d);
	uint64_t areas;

	plan->leases_max = d->size_bytes / LEASES_PART / area;
	if (plan->leases_max < LEASES_MIN) {
		plan->leases_max = LEASES_MIN;
	} else if (plan->leases_max > LEASES_MAX) {
		plan->leases_max = LEASES_MAX;
	}
	areas = AREAS + plan->leases_max;
	if (d->size_bytes / area > areas) {
		plan->lockspace_offset = (d->size_bytes / area - areas) * area;
		plan->index_offset = plan->lockspace_offset + area;
	}
	return areas * area;
}

uint64_t vmha_gfs2_header_copy_at(const struct vmha_device *d)
{
	struct vmha_gfs2_plan plan = { 0 };

	(void)leases_plan(d, &plan);
	return plan.index_offset ? plan.index_offset - VMHA_GFS2_HEADER_BYTES : 0;
}

int vmha_gfs2_plan(const struct vmha_device *d, const char *cluster, const char *volume,
		   unsigned int nodes, unsigned int journals, struct vmha_gfs2_plan *ret_plan,
		   struct vmha_err **err)
{
	struct vmha_gfs2_plan plan = { .journals = journals ? journals : nodes };
	uint64_t leases_mib = leases_plan(d, &plan) / MIB;
	uint64_t need_mib;
	uint64_t fs_mib;
	int r = names_check(cluster, volume, err);

	if (r < 0) {
		return r;
	}
	if (!journals && plan.journals < JOURNALS_MIN) {
		plan.journals = JOURNALS_MIN;
	}
	if (plan.journals < nodes || plan.journals > VMHA_GFS2_JOURNALS_MAX) {
		return vmha_err_set(err, -EINVAL,
				    "%u journals do not do: each of the cluster's %u nodes needs "
				    "one, and %d are the most",
				    plan.journals, nodes, VMHA_GFS2_JOURNALS_MAX);
	}
	need_mib = (uint64_t)plan.journals * JOURNAL_MIN_MIB + REST_MIN_MIB;
	fs_mib = plan.lockspace_offset / MIB;
	if (fs_mib < need_mib) {
		return vmha_err_set(err, -ENOSPC,
				    "%s has %llu MiB: a volume with %u journals needs %llu MiB at "
				    "least",
				    d->path, (unsigned long long)(d->size_bytes / MIB),
				    plan.journals, (unsigned long long)(need_mib + leases_mib));
	}
	/* an eighth of the file system at most for all journals */
	plan.journal_mib = (unsigned int)(fs_mib / (8ULL * plan.journals) > JOURNAL_MAX_MIB
						  ? JOURNAL_MAX_MIB
						  : fs_mib / (8ULL * plan.journals));
	if (plan.journal_mib < JOURNAL_MIN_MIB) {
		plan.journal_mib = JOURNAL_MIN_MIB;
	}
	(void)snprintf(plan.table, sizeof(plan.table), "%s:%s", cluster, volume);
	*ret_plan = plan;
	return 0;
}

int vmha_gfs2_is(const struct vmha_device *d, const char *cluster, const char *volume,
		 const char *id, struct vmha_err **err)
{
	vmha_autofree char *table = vmha_str_printf("%s:%s", cluster, volume);
	char found[256];

	if (!d->block) {
		return vmha_err_set(err, -ENOTBLK, "%s is not a block device", d->path);
	}
	if (!vmha_str_eq(d->type, "gfs2")) {
		return vmha_err_set(err, -EBADMSG,
				    "%s holds %s instead of volume %s: wrong device?", d->path,
				    vmha_device_found(d, found, sizeof(found)), volume);
	}
	if (!vmha_str_eq(d->label, table)) {
		return vmha_err_set(err, -EBADMSG,
				    "%s holds the GFS2 %s, not %s:%s: of another volume or another "
				    "cluster",
				    d->path, d->label, cluster, volume);
	}
	if (id && !vmha_str_eq(d->uuid, id)) {
		return vmha_err_set(err, -EBADMSG,
				    "%s holds another volume of that name (id %s, not %s): wrong "
				    "device?",
				    d->path, d->uuid, id);
	}
	return 0;
}

int vmha_device_size_check(const struct vmha_device *d, uint64_t made_bytes, struct vmha_err **err)
{
	if (d->size_bytes >= made_bytes) {
		return 0;
	}
	return vmha_err_set(err, -ENOSPC,
			    "%s has %llu bytes here, the volume %llu: rescan it, or is it "
			    "another device?",
			    d->path, (unsigned long long)d->size_bytes,
			    (unsigned long long)made_bytes);
}

int vmha_gfs2_leases_fit(const struct vmha_device *d, const struct vmha_leases_record *leases,
			 struct vmha_err **err)
{
	uint64_t area = leases->index_offset - leases->lockspace_offset;

	if (area != area_bytes(d)) {
		return vmha_err_set(err, -EINVAL,
				    "%s has sectors of %u bytes here, other than where the volume "
				    "was made",
				    d->path, d->sector_bytes);
	}
	return vmha_device_size_check(
		d, leases->lockspace_offset + (AREAS + leases->leases_max) * area, err);
}
