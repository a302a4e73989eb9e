/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Where the leases of a volume lie, for all of this node: on its device, or in its files. */
#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "csv/csv.h"
#include "lib/base/file.h"
#include "lib/base/log.h"
#include "lib/base/str.h"
#include "lib/port/device.h"
#include "lib/port/lease_header.h"

enum { AT_LOCKSPACE, AT_INDEX, AT_MAX, AT_IO_TIMEOUT };

/* Run by csv_ask(): a device that hangs hangs the child. */
static int ask_header(const struct csv_params *p, struct csv_answer *answer, struct vmha_err **err)
{
	struct vmha_leases_record rec;
	struct vmha_device device;
	int r = vmha_device_read(p->device, &device, err);
	bool erased;

	r = r < 0 ? r : vmha_lease_header_read(&device, &rec, err);
	if (r < 0) {
		return r;
	}
	erased = r > 0;
	if (!vmha_str_eq(rec.name, p->volume) || (p->id && !vmha_str_eq(rec.id, p->id))) {
		return vmha_err_set(err, -EBADMSG,
				    "the leases on %s are of volume %s (id %s), not of this one: "
				    "wrong device?",
				    p->device, rec.name, rec.id);
	}
	if (erased) {
		/* all nodes that start write the same */
		r = vmha_lease_header_write(p->device, &rec, err);
		if (r < 0) {
			return r;
		}
		vmha_log(VMHA_LOG_WARNING,
			 "volume=%s the header of %s that says where the leases lie was erased, as "
			 "fsck.gfs2 does: written again from its copy",
			 p->volume, p->device);
	}
	answer->value[AT_LOCKSPACE] = rec.lockspace_offset;
	answer->value[AT_INDEX] = rec.index_offset;
	answer->value[AT_MAX] = rec.leases_max;
	answer->value[AT_IO_TIMEOUT] = rec.io_timeout_s;
	return 0;
}

static int link_make(const struct csv_params *p, struct vmha_err **err)
{
	char path[VMHA_PATH_SIZE];
	char fresh[VMHA_PATH_SIZE + 8];

	vmha_volume_path(p->volume, VMHA_VOLUME_DEVICE, path);
	(void)snprintf(fresh, sizeof(fresh), "%s.tmp", path);
	if ((unlink(fresh) < 0 && errno != ENOENT) || symlink(p->device, fresh) < 0 ||
	    rename(fresh, path) < 0) {
		return vmha_err_errno(err, -errno, "cannot make %s", path);
	}
	return 0;
}

int csv_leases_find(const struct csv_params *p, const struct vmha_volume_record *record,
		    struct vmha_err **err)
{
	struct vmha_leases_record rec = { 0 };
	struct csv_answer answer;
	int r;

	if (p->type != VMHA_VOLUME_TYPE_GFS2) {
		csv_leases_forget(p->volume);
		return 0;
	}
	if (csv_ask(ask_header, p, p->deadline, &answer, NULL) < 0) {
		return vmha_err_set(err, answer.code, "volume %s: %s", p->volume, answer.text);
	}
	(void)snprintf(rec.name, sizeof(rec.name), "%s", p->volume);
	(void)snprintf(rec.id, sizeof(rec.id), "%s", record->id);
	rec.lockspace_offset = answer.value[AT_LOCKSPACE];
	rec.index_offset = answer.value[AT_INDEX];
	rec.leases_max = answer.value[AT_MAX];
	rec.io_timeout_s = answer.value[AT_IO_TIMEOUT];
	r = vmha_file_mkdirs(VMHA_CSV_RUN_DIR, 0755, err);
	r = r < 0 ? r : link_make(p, err);
	return r < 0 ? r : vmha_volume_store(p->volume, VMHA_VOLUME_LEASES_RECORD, &rec, err);
}

void csv_leases_forget(const char *volume)
{
	char path[VMHA_PATH_SIZE];

	vmha_volume_path(volume, VMHA_VOLUME_LEASES_RECORD, path);
	(void)vmha_file_remove(path, NULL);
	vmha_volume_path(volume, VMHA_VOLUME_DEVICE, path);
	(void)vmha_file_remove(path, NULL);
}
