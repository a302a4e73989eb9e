/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Does a volume's storage answer?  A process that waits for one that hangs is beyond any signal, so
 * another one is sent ahead.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/volume.h"
#include "lib/base/cleanup.h"
#include "lib/base/file.h"
#include "lib/base/mono.h"
#include "lib/base/proc.h"
#include "lib/base/str.h"

#define ASKED_MAX 32
#define WORDS_MAX 8
#define GOOD_S	  5 /* a role's record is read by many commands once for each role */

/* What this command knows already; a volume beyond that is asked each time. */
static struct asked {
	char name[VMHA_NAME_SIZE];
	struct vmha_mono good_until;
	unsigned int silent_s; /* it did not answer within; 0: it did */
} asked[ASKED_MAX];
static size_t asked_count;

/* Root's alone, or anybody could make storage seem silent. */
static bool lock_file_made(const char *path)
{
	vmha_autoclose int fd = -1;

	if (geteuid() == 0 && vmha_file_mkdirs(VMHA_CSV_RUN_DIR, 0755, NULL) == 0) {
		fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	}
	return fd >= 0;
}

/*
 * What else is wrong with it is told by whoever needs it.  One that hangs in the kernel keeps the
 * lock: the next commands wait for that instead of hanging beside it.
 */
static int answers(const char *const question[], const char *volume, unsigned int within_s,
		   struct vmha_err **err)
{
	vmha_autoresult struct vmha_proc_result res = { 0 };
	const char *argv[WORDS_MAX + 3] = { NULL };
	char lock[VMHA_PATH_SIZE];
	size_t n = 0;
	size_t i;

	vmha_volume_path(volume, VMHA_VOLUME_ASK, lock);
	if (lock_file_made(lock)) {
		argv[n++] = "flock";
		argv[n++] = lock;
	}
	for (i = 0; i < WORDS_MAX && question[i]; i++) {
		argv[n++] = question[i];
	}
	if (vmha_proc_run(argv, NULL, VMHA_SPAN_S(within_s), &res, NULL) != -ETIMEDOUT) {
		return 0;
	}
	return vmha_err_set(err, -ETIMEDOUT,
			    "the storage of volume %s does not answer on this node for %u s",
			    volume, within_s);
}

int vmha_device_answers(const char *device, const char *volume, unsigned int within_s,
			struct vmha_err **err)
{
	vmha_autofree char *in = vmha_str_printf("if=%s", device);
	const char *const dd[] = { "dd",      in,  "of=/dev/null", "iflag=direct", "bs=4096",
				   "count=1", NULL };

	return in ? answers(dd, volume, within_s, err)
		  : vmha_err_set(err, -ENOMEM, "out of memory");
}

int vmha_path_answers(const char *path, const char *volume, unsigned int within_s,
		      struct vmha_err **err)
{
	const char *const stat[] = { "stat", "--file-system", "--", path, NULL };

	return answers(stat, volume, within_s, err);
}

/*
 * A direct write to a file of this node's alone.  On GFS2 it needs a lock that the DLM has to give
 * anew, so it waits where other files would.  A direct read of a file that all nodes read must not
 * be the question: it converts the lock from PR to CW and back, and where its master is lost in the
 * middle of that, Linux 6.1 may hold another mode afterwards than GFS2 believes, which the kernel
 * of this node does not survive ("dlm: validate_lock_args -22", "kernel BUG" in do_xmote).
 */
static int write_answers(const char *volume, unsigned int within_s, struct vmha_err **err)
{
	char dir[VMHA_PATH_SIZE];
	char host[VMHA_NODE_SIZE] = "";
	vmha_autofree char *out = NULL;
	const char *dd[] = { "dd",	     NULL,
			     "if=/dev/zero", "oflag=direct,dsync,nofollow",
			     "conv=notrunc", "bs=4096",
			     "count=1",	     NULL };

	vmha_volume_path(volume, VMHA_VOLUME_HEALTH_DIR, dir);
	(void)gethostname(host, sizeof(host) - 1);
	out = vmha_str_printf("of=%s/%s.ask", dir, host);
	dd[1] = out;
	return out ? answers(dd, volume, within_s, err)
		   : vmha_err_set(err, -ENOMEM, "out of memory");
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
	r = write_answers(volume, within_s, err);
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
