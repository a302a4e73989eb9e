/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A journal of GFS2 for every node of the cluster: a node without one cannot mount the volume. */
#include <errno.h>
#include <mntent.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>

#include "csv/coordinator.h"
#include "lib/base/cleanup.h"
#include "lib/base/proc.h"
#include "lib/base/str.h"
#include "lib/port/nodes.h"
#include "lib/role/volumelock.h"

#define TOOL_S	    30
#define JOURNALS_S  70
#define LOCK_WAIT_S 5

/* @return false: it is not mounted as GFS2 */
static bool device_of(const char *volume, char *device, size_t size)
{
	FILE *mounts = setmntent("/proc/self/mounts", "r");
	char place[VMHA_PATH_SIZE];
	const struct mntent *m;
	bool found = false;

	vmha_volume_path(volume, VMHA_VOLUME_DIR, place);
	while (mounts && (m = getmntent(mounts))) { /* the last one is on top */
		if (vmha_str_eq(m->mnt_dir, place)) {
			found = vmha_str_eq(m->mnt_type, "gfs2") &&
				(size_t)snprintf(device, size, "%s", m->mnt_fsname) < size;
		}
	}
	if (mounts) {
		(void)endmntent(mounts);
	}
	return found;
}

/* @return how many the device has; 0: it cannot be told */
static unsigned int journals_count(const char *device)
{
	const char *const argv[] = { "gfs2_edit", "-p", "journals", device, NULL };
	vmha_autoresult struct vmha_proc_result res = { 0 };
	unsigned int count = 0;
	char *save = NULL;
	char *line;

	if (vmha_proc_check(argv, NULL, VMHA_SPAN_S(TOOL_S), &res, NULL) < 0 || !res.output) {
		return 0;
	}
	for (line = strtok_r(res.output, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		count += strstr(line, "journal") != NULL && strpbrk(line, "0123456789") != NULL &&
			 !vmha_str_starts(line, "Block");
	}
	return count;
}

static int ask_journals(const struct csv_params *p, struct csv_answer *answer,
			struct vmha_err **err)
{
	vmha_autolock struct vmha_volume_guard guard = { 0 };
	vmha_autonodes struct vmha_nodes nodes = { 0 };
	char device[VMHA_PATH_SIZE];
	char place[VMHA_PATH_SIZE];
	char number[16];
	const char *const argv[] = { "gfs2_jadd", "-j", number, place, NULL };
	unsigned int more;
	int r;

	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (!device_of(p->volume, device, sizeof(device))) {
		return 0;
	}
	r = vmha_volume_lock(p->volume, LOCK_WAIT_S, &guard, err);
	r = r < 0 ? r : vmha_nodes_read(&nodes, err);
	if (r < 0) {
		return r;
	}
	more = vmha_chore_journals(journals_count(device), (unsigned int)nodes.count);
	if (!more) {
		return 0;
	}
	vmha_volume_path(p->volume, VMHA_VOLUME_DIR, place);
	(void)snprintf(number, sizeof(number), "%u", more);
	r = vmha_proc_check(argv, NULL, VMHA_SPAN_S(TOOL_S), NULL, err);
	answer->value[0] = r == 0 ? more : 0;
	return r;
}

int coordinator_journals(struct coordinator *c)
{
	struct csv_answer answer;
	int r = csv_ask(ask_journals, &c->params,
			vmha_mono_add(vmha_mono_now(), VMHA_SPAN_S(JOURNALS_S)), &answer, NULL);

	if (r < 0 && r != -EBUSY && !c->journals_told) {
		c->journals_told = true;
		coordinator_event(c, "warning",
				  "has not a journal for each node, and none could be added: %s",
				  answer.text);
	} else if (r == 0 && answer.value[0]) {
		coordinator_event(
			c, "info", "%llu journal%s added: one for each node of the cluster",
			(unsigned long long)answer.value[0], answer.value[0] == 1 ? "" : "s");
	}
	return 0;
}
