/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>

#include "cli/output.h"
#include "cli/volume.h"
#include "lib/base/cleanup.h"
#include "lib/base/proc.h"
#include "lib/base/str.h"

#define ANSWER_S 30 /* a lost node of a GFS2 may have to be fenced first */

static void waits_say(const char *holder, void *data)
{
	vmha_output_step("waiting for a command on %s that is changing volume %s", holder,
			 (const char *)data);
}

int vmha_volume_answers(const char *path, const char *volume, struct vmha_err **err)
{
	vmha_autoresult struct vmha_proc_result res = { 0 };
	vmha_autofree char *in = vmha_str_printf("if=%s", path);
	const char *const argv[] = { "dd", "of=/dev/null", "iflag=direct", "bs=4096", "count=1", in,
				     NULL };

	if (!in) {
		return vmha_err_set(err, -ENOMEM, "out of memory");
	}
	/* what else is wrong with it is told by whoever needs it */
	if (vmha_proc_run(argv, NULL, VMHA_SPAN_S(ANSWER_S), &res, NULL) != -ETIMEDOUT) {
		return 0;
	}
	return vmha_err_set(err, -ETIMEDOUT,
			    "the storage of volume %s does not answer on this node for %d s (%s)",
			    volume, ANSWER_S, path);
}

int vmha_volume_command_lock(const char *volume, struct vmha_volume_guard *guard,
			     struct vmha_err **err)
{
	char path[VMHA_PATH_SIZE];
	int r;

	vmha_volume_path(volume, VMHA_VOLUME_RECORD, path);
	r = vmha_volume_answers(path, volume, err);
	guard->waits = waits_say;
	guard->data = (void *)(uintptr_t)volume;
	return r < 0 ? r : vmha_volume_lock(volume, VMHA_LOCK_WAIT_S, guard, err);
}
