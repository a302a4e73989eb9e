/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>

#include "cli/output.h"
#include "cli/volume.h"

static void waits_say(const char *holder, void *data)
{
	vmha_output_step("waiting for a command on %s that is changing volume %s", holder,
			 (const char *)data);
}

int vmha_volume_command_lock(const char *volume, struct vmha_volume_guard *guard,
			     struct vmha_err **err)
{
	int r = vmha_volume_answers(volume, VMHA_ANSWER_S, err);

	guard->waits = waits_say;
	guard->data = (void *)(uintptr_t)volume;
	return r < 0 ? r : vmha_volume_lock(volume, VMHA_LOCK_WAIT_S, guard, err);
}
