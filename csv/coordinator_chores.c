/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the owner of a volume does for it, a round a minute.  Each round is a child, bounded. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/stat.h>

#include "csv/coordinator.h"
#include "lib/base/str.h"

#define ROUND_S	 30
#define LOOKUP_S 5

static int ask_round(const struct csv_params *p, struct csv_answer *answer, struct vmha_err **err)
{
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	(void)p;
	(void)answer;
	(void)err;
	return 0;
}

int coordinator_chores(struct coordinator *c, struct vmha_err **err)
{
	struct csv_answer answer;
	int r = csv_ask(ask_round, &c->params, vmha_mono_add(vmha_mono_now(), VMHA_SPAN_S(ROUND_S)),
			&answer, NULL);

	return r < 0 ? vmha_err_set(err, r, "%s", answer.text) : 0;
}

/*
 * A directory on GFS2 that was removed by another node:
 *
 *   this node                        node 2                        node 3
 *   looked up web1/web1.role: the
 *   directory's inode is cached,
 *   its iopen glock held (shared)
 *                                    vm remove: rmdir web1
 *                                    wants the iopen glock
 *                                    exclusive, to free the
 *                                    inode: waits for this node
 *   nothing ever looks again
 *                                                                  umount: waits for ever in
 *                                                                  gfs2_gl_hash_clear()
 *
 * A lookup of the name finds the entry stale, drops it and with it the glock (kernel 6.1).
 */
static int ask_lookup(const struct csv_params *p, struct csv_answer *answer, struct vmha_err **err)
{
	char path[2 * VMHA_PATH_SIZE];
	char dir[VMHA_PATH_SIZE];
	struct stat st;

	(void)answer;
	(void)err;
	vmha_volume_path(p->volume, VMHA_VOLUME_DIR, dir);
	(void)snprintf(path, sizeof(path), "%s/%s/%s.role", dir, p->vm, p->vm);
	(void)stat(path, &st);
	(void)snprintf(path, sizeof(path), "%s/%s", dir, p->vm);
	(void)stat(path, &st);
	return 0;
}

void coordinator_lookup(const struct coordinator *c, const char *vm)
{
	struct csv_params p = c->params;
	struct csv_answer answer;

	if (vmha_str_is_name(vm)) {
		p.vm = vm;
		(void)csv_ask(ask_lookup, &p, vmha_mono_add(vmha_mono_now(), VMHA_SPAN_S(LOOKUP_S)),
			      &answer, NULL);
	}
}
