/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Does a volume's storage answer?  A process that reads from one that hangs is beyond any signal,
 * so another one is sent ahead.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/volume.h"
#include "lib/base/cleanup.h"
#include "lib/base/mono.h"
#include "lib/base/proc.h"
#include "lib/base/str.h"

#define ASKED_MAX 32
#define GOOD_S	  5 /* a role's record is read by many commands once for each role */

/* What this command knows already; a volume beyond that is asked each time. */
static struct asked {
	char name[VMHA_NAME_SIZE];
	struct vmha_mono good_until;
	unsigned int silent_s; /* it did not answer within; 0: it did */
} asked[ASKED_MAX];
static size_t asked_count;

int vmha_storage_answers(const char *path, const char *volume, unsigned int within_s,
			 struct vmha_err **err)
{
	vmha_autoresult struct vmha_proc_result res = { 0 };
	vmha_autofree char *in = vmha_str_printf("if=%s", path);
	const char *const argv[] = { "dd", "of=/dev/null", "iflag=direct", "bs=4096", "count=1", in,
				     NULL };

	if (!in) {
		return vmha_err_set(err, -ENOMEM, "out of memory");
	}
	/* what else is wrong with it is told by whoever needs it */
	if (vmha_proc_run(argv, NULL, VMHA_SPAN_S(within_s), &res, NULL) != -ETIMEDOUT) {
		return 0;
	}
	return vmha_err_set(err, -ETIMEDOUT,
			    "the storage of volume %s does not answer on this node for %u s (%s)",
			    volume, within_s, path);
}

static struct asked *asked_find(const char *volume)
{
	size_t i;

	for (i = 0; i < asked_count; i++) {
		if (strcmp(asked[i].name, volume) == 0) {
			return &asked[i];
		}
	}
	if (asked_count == ASKED_MAX) {
		return NULL;
	}
	(void)snprintf(asked[asked_count].name, VMHA_NAME_SIZE, "%s", volume);
	return &asked[asked_count++];
}

int vmha_volume_answers(const char *volume, unsigned int within_s, struct vmha_err **err)
{
	struct asked *a = asked_find(volume);
	char path[VMHA_PATH_SIZE];
	int r;

	if (a && a->silent_s >= within_s) {
		return vmha_err_set(err, -ETIMEDOUT,
				    "the storage of volume %s does not answer on this node for %u "
				    "s",
				    volume, a->silent_s);
	}
	if (a && !a->silent_s && a->good_until.ns && !vmha_mono_passed(a->good_until)) {
		return 0;
	}
	vmha_volume_path(volume, VMHA_VOLUME_RECORD, path);
	r = vmha_storage_answers(path, volume, within_s, err);
	if (a) {
		a->silent_s = r == -ETIMEDOUT ? within_s : 0;
		a->good_until = vmha_mono_add(vmha_mono_now(), VMHA_SPAN_S(GOOD_S));
	}
	return r;
}

int vmha_volume_look(const char *volume, struct vmha_err **err)
{
	char path[VMHA_PATH_SIZE];
	int r = vmha_volume_answers(volume, VMHA_ANSWER_LOOK_S, err);

	vmha_volume_path(volume, VMHA_VOLUME_RECORD, path);
	return r < 0 ? r : access(path, F_OK) == 0;
}
