/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "csv/csv.h"
#include "lib/base/cleanup.h"
#include "lib/base/file.h"
#include "lib/base/log.h"

#define LEAVE_MIN_S 12
#define UMOUNT_S    40

static void records_forget(const char *volume)
{
	char path[VMHA_PATH_SIZE];

	vmha_volume_path(volume, VMHA_VOLUME_HEALTH, path);
	(void)vmha_file_remove(path, NULL);
	vmha_volume_path(volume, VMHA_VOLUME_RENEWALS, path);
	(void)vmha_file_remove(path, NULL);
	vmha_volume_path(volume, VMHA_VOLUME_JOINED, path);
	(void)vmha_file_remove(path, NULL);
	csv_leases_forget(volume);
}

/*
 * Leaving under a VM would hand its disks to others at once: so a failure, which Pacemaker answers
 * by fencing.  In a cluster without mistakes the order constraints stop the VMs first.
 */
static enum vmha_ocf refuse_users(const struct csv_params *p)
{
	vmha_autofree struct vmha_user *users = NULL;
	vmha_autoerr struct vmha_err *err = NULL;
	size_t count = 0;
	char text[512];

	if (vmha_volume_users(p->volume, &users, &count, &err) < 0) {
		return csv_fail(OCF_ERR_GENERIC, "%s", vmha_err_text(err));
	}
	if (count) {
		return csv_fail(OCF_ERR_GENERIC,
				"volume %s is in use on this node by %s: stop or move them first",
				p->volume, csv_users_text(users, count, text, sizeof(text)));
	}
	return OCF_SUCCESS;
}

/*
 * A daemon that hangs, or waits for storage that is silent, must leave time to unmount: a stop that
 * fails has this node fenced. It releases a lease by a read and a write.
 */
static struct vmha_mono leave_deadline(const struct csv_params *p,
				       const struct vmha_joined_record *joined)
{
	int64_t s = LEAVE_MIN_S + 4 * (int64_t)joined->io_timeout_s;
	struct vmha_mono t = vmha_mono_add(vmha_mono_now(), VMHA_SPAN_S(s));
	struct vmha_mono least = vmha_mono_add(vmha_mono_now(), VMHA_SPAN_S(LEAVE_MIN_S));
	struct vmha_mono before = vmha_mono_add(p->deadline, VMHA_SPAN_S(-UMOUNT_S));

	if (p->type == VMHA_VOLUME_TYPE_DIR) {
		return p->deadline;
	}
	before = before.ns < least.ns ? least : before;
	t = t.ns < before.ns ? t : before;
	return t.ns < p->deadline.ns ? t : p->deadline;
}

enum vmha_ocf csv_stop(const struct csv_params *p)
{
	vmha_autoerr struct vmha_err *err = NULL;
	struct vmha_joined_record joined = { 0 };
	struct csv_answer answer;
	enum vmha_ocf rc = refuse_users(p);
	bool mounted;
	int r;

	if (rc != OCF_SUCCESS) {
		return rc;
	}
	if (csv_locks_end(p, &err) < 0) {
		return csv_fail(OCF_ERR_GENERIC, "%s", vmha_err_text(err));
	}
	(void)vmha_volume_load(p->volume, VMHA_VOLUME_JOINED, &joined, NULL);
	r = csv_ask(csv_ask_leave, p, leave_deadline(p, &joined), &answer, NULL);
	if (r == -ECONNREFUSED || r == -ETIMEDOUT) {
		/* no VM is here: others may have the leases as soon as they see them expire */
		vmha_log(VMHA_LOG_WARNING,
			 "volume=%s left without sanlock (%s); nothing here uses it", p->volume,
			 answer.text);
	} else if (r < 0) {
		return csv_fail(OCF_ERR_GENERIC, "%s", answer.text);
	}
	mounted = csv_mounted_own(p) || joined.mounted;
	if (mounted && csv_umount(p, &err) < 0) {
		return csv_fail(OCF_ERR_GENERIC, "%s", vmha_err_text(err));
	}
	csv_facts_withdraw(p);
	records_forget(p->volume);
	return OCF_SUCCESS;
}
