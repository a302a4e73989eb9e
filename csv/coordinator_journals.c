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

#define LOOK_S		30
#define ADD_S		150 /* it writes all of the journal */
#define ALL_S		190
#define JOURNAL_MIN_MIB 8

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

struct journals {
	unsigned int count; /* 0: it cannot be told */
	unsigned int mib;   /* of the last */
};

/* "journal1: 0x3e39  62MB clean." */
static struct journals journals_read(const char *device)
{
	const char *const argv[] = { "gfs2_edit", "-p", "journals", device, NULL };
	vmha_autoresult struct vmha_proc_result res = { 0 };
	struct journals found = { 0 };
	char *save = NULL;
	char *line;

	if (vmha_proc_check(argv, NULL, VMHA_SPAN_S(LOOK_S), &res, NULL) < 0 || !res.output) {
		return found;
	}
	for (line = strtok_r(res.output, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		found.count += sscanf(line, "journal%*u: %*s %uMB", &found.mib) == 1;
	}
	return found;
}

/*
 * gfs2_jadd mounts the file system's inner tree at a place of its own.  Killed, it would leave that
 * mounted, and the volume could never be unmounted: so it mounts where nobody else sees it, and
 * ends with this process, at which that mount ends too.
 */
static int journals_add(const char *place, unsigned int more, unsigned int mib,
			struct vmha_err **err)
{
	char count[16];
	char size[16];
	const char *const argv[] = { "setpriv", "--pdeathsig", "KILL", "unshare",
				     "--mount", "gfs2_jadd",   "-j",   count,
				     "-J",	size,	       place,  NULL };

	(void)snprintf(count, sizeof(count), "%u", more);
	(void)snprintf(size, sizeof(size), "%u", mib < JOURNAL_MIN_MIB ? JOURNAL_MIN_MIB : mib);
	return vmha_proc_check(argv, NULL, VMHA_SPAN_S(ADD_S), NULL, err);
}

/* Without the admin lock, which commands wait for: only the coordinator does this. */
static int ask_journals(const struct csv_params *p, struct csv_answer *answer,
			struct vmha_err **err)
{
	vmha_autonodes struct vmha_nodes nodes = { 0 };
	struct journals found;
	char device[VMHA_PATH_SIZE];
	char place[VMHA_PATH_SIZE];
	unsigned int more;
	int r;

	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (!device_of(p->volume, device, sizeof(device))) {
		return 0;
	}
	r = vmha_nodes_read(&nodes, err);
	if (r < 0) {
		return r;
	}
	found = journals_read(device);
	more = vmha_chore_journals(found.count, (unsigned int)nodes.count);
	if (!more) {
		return 0;
	}
	vmha_volume_path(p->volume, VMHA_VOLUME_DIR, place);
	r = journals_add(place, more, found.mib, err);
	answer->value[0] = r == 0 ? more : 0;
	return r;
}

int coordinator_journals(struct coordinator *c)
{
	struct csv_answer answer;
	int r = csv_ask(ask_journals, &c->params,
			vmha_mono_add(vmha_mono_now(), VMHA_SPAN_S(ALL_S)), &answer, NULL);

	if (r < 0 && !c->journals_told) {
		coordinator_event(c, "warning",
				  "has not a journal for each node, and none could be added: %s",
				  answer.text);
	}
	c->journals_told = r < 0;
	if (r == 0 && answer.value[0]) {
		coordinator_event(
			c, "info", "%llu journal%s added: one for each node of the cluster",
			(unsigned long long)answer.value[0], answer.value[0] == 1 ? "" : "s");
	}
	return 0;
}
