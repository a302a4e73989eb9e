/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What this node sees as the volume, told to the cluster as a node attribute: `vmha volume check`
 * compares what the nodes tell.  Nobody else can ask a node for it.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/statvfs.h>

#include "csv/csv.h"
#include "lib/base/cleanup.h"
#include "lib/base/log.h"
#include "lib/base/proc.h"
#include "lib/base/str.h"
#include "lib/port/device.h"

#define TOOL_S 10

/* Run by csv_ask(). */
static int ask_facts(const struct csv_params *p, struct csv_answer *answer, struct vmha_err **err)
{
	struct vmha_volume_record record;
	struct vmha_device device = { 0 };
	char place[VMHA_PATH_SIZE];
	struct statvfs st;
	int r = csv_record_check(p, &record, err);

	vmha_volume_path(p->volume, VMHA_VOLUME_DIR, place);
	if (r == 0 && statvfs(place, &st) < 0) {
		r = vmha_err_errno(err, -errno, "cannot ask for the size of %s", place);
	}
	if (r == 0 && p->type == VMHA_VOLUME_TYPE_GFS2) {
		r = vmha_device_read(p->device, &device, err);
	}
	if (r == 0) {
		(void)snprintf(answer->text, sizeof(answer->text), "%s %llu %llu", record.id,
			       (unsigned long long)st.f_blocks * st.f_frsize,
			       (unsigned long long)device.size_bytes);
	}
	return r;
}

static void attribute_set(const char *volume, const char *value)
{
	vmha_autofree char *name = vmha_str_printf(VMHA_VOLUME_FACTS "%s", volume);
	const char *const set[] = { "attrd_updater", "-n", name, "-U", value, NULL };
	const char *const del[] = { "attrd_updater", "-n", name, "-D", NULL };
	vmha_autoerr struct vmha_err *err = NULL;

	if (name && vmha_proc_check(value ? set : del, NULL, VMHA_SPAN_S(TOOL_S), NULL, &err) < 0) {
		vmha_log(VMHA_LOG_WARNING, "volume=%s cannot tell what this node sees of it: %s",
			 volume, vmha_err_text(err));
	}
}

void csv_facts_publish(const struct csv_params *p)
{
	struct csv_answer answer;

	if (csv_ask(ask_facts, p, p->deadline, &answer, NULL) == 0) {
		attribute_set(p->volume, answer.text);
	}
}

void csv_facts_withdraw(const struct csv_params *p)
{
	attribute_set(p->volume, NULL);
}
