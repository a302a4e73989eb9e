/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A direct write and read of the volume by this node, in a child that may hang. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "csv/csv.h"
#include "lib/base/cleanup.h"
#include "lib/base/proc.h"
#include "lib/base/str.h"

#define BLOCK	      4096
#define DEVICE_MIN_MS 1000

static int64_t now_ms(void)
{
	return vmha_span_ms(vmha_mono_diff((struct vmha_mono){ 0 }, vmha_mono_now()));
}

/* The host's name of the joined record: the one that Pacemaker knows. */
static int health_path(const struct csv_params *p, char *path, size_t size, struct vmha_err **err)
{
	struct vmha_joined_record joined;
	char dir[VMHA_PATH_SIZE];
	int r = vmha_volume_load(p->volume, VMHA_VOLUME_JOINED, &joined, err);

	if (r < 0) {
		return r;
	}
	vmha_volume_path(p->volume, VMHA_VOLUME_HEALTH_DIR, dir);
	(void)snprintf(path, size, "%s/%s", dir, joined.node);
	return 0;
}

static int write_read(const char *path, struct vmha_err **err)
{
	vmha_autoclose int fd =
		open(path, O_RDWR | O_CREAT | O_DIRECT | O_DSYNC | O_CLOEXEC | O_NOFOLLOW, 0644);
	vmha_autofree void *out = NULL;
	vmha_autofree void *in = NULL;
	ssize_t n;

	if (fd < 0) {
		return vmha_err_errno(err, -errno, "cannot open %s", path);
	}
	if (posix_memalign(&out, BLOCK, BLOCK) != 0 || posix_memalign(&in, BLOCK, BLOCK) != 0) {
		return vmha_err_set(err, -ENOMEM, "out of memory");
	}
	memset(out, 0, BLOCK);
	memset(in, 0, BLOCK);
	(void)snprintf(out, BLOCK, "vmha-health pid=%ld mono_ms=%lld time=%lld\n", (long)getpid(),
		       (long long)now_ms(), (long long)time(NULL));
	n = pwrite(fd, out, BLOCK, 0);
	if (n != BLOCK) {
		return vmha_err_errno(err, n < 0 ? -errno : -EIO, "cannot write %s", path);
	}
	n = pread(fd, in, BLOCK, 0);
	if (n != BLOCK) {
		return vmha_err_errno(err, n < 0 ? -errno : -EIO, "cannot read %s", path);
	}
	if (memcmp(in, out, BLOCK) != 0) {
		return vmha_err_set(err, -EBADMSG, "%s holds other data than was just written",
				    path);
	}
	return 0;
}

static int ask_health(const struct csv_params *p, struct csv_answer *answer, struct vmha_err **err)
{
	struct vmha_volume_record record;
	char path[VMHA_PATH_SIZE + VMHA_NODE_SIZE] = "";
	int r = csv_record_check(p, &record, err);

	(void)answer;
	if (r == 0) {
		r = health_path(p, path, sizeof(path), err);
	}
	return r < 0 ? r : write_read(path, err);
}

/* value[0] is 1 where it is the device that fails, not the question. */
static int ask_device(const struct csv_params *p, struct csv_answer *answer, struct vmha_err **err)
{
	vmha_autofree void *in = NULL;
	vmha_autoclose int fd = -1;

	if (posix_memalign(&in, BLOCK, BLOCK) != 0) {
		return vmha_err_set(err, -ENOMEM, "out of memory");
	}
	answer->value[0] = 1;
	fd = open(p->device, O_RDONLY | O_DIRECT | O_CLOEXEC);
	if (fd < 0 || pread(fd, in, BLOCK, 0) != BLOCK) {
		return vmha_err_set(err, -EIO, "cannot read %s", p->device);
	}
	answer->value[0] = 0;
	return 0;
}

int csv_device_lost(const struct csv_params *p, struct vmha_mono deadline)
{
	struct csv_answer answer;
	pid_t hung = 0;
	int r;

	if (vmha_mono_left_ms(deadline) < DEVICE_MIN_MS) {
		return -EAGAIN; /* no time to tell slow from silent */
	}
	r = csv_ask(ask_device, p, deadline, &answer, &hung);
	return answer.value[0] ? 1 : r;
}

int64_t csv_health_silent_s(const struct csv_params *p)
{
	struct vmha_health_record rec = { .last_ok_ms = now_ms() };

	(void)vmha_volume_load(p->volume, VMHA_VOLUME_HEALTH, &rec, NULL);
	return (now_ms() - rec.last_ok_ms) / 1000;
}

int csv_health_check(const struct csv_params *p, struct vmha_mono deadline, int64_t *ret_silent_s,
		     struct vmha_err **err)
{
	struct vmha_health_record rec = { .last_ok_ms = now_ms() };
	struct csv_answer answer;
	uint64_t ticks = 0;
	pid_t hung = 0;
	int r;

	(void)vmha_volume_load(p->volume, VMHA_VOLUME_HEALTH, &rec, NULL);
	if (rec.pid > 0 && vmha_proc_is((pid_t)rec.pid, rec.start_ticks)) {
		r = -ETIMEDOUT; /* the last check hangs still: another would only join it */
	} else {
		r = csv_ask(ask_health, p, deadline, &answer, &hung);
		rec.pid = 0;
	}
	if (r == 0) {
		rec.last_ok_ms = now_ms();
	} else if (hung && vmha_proc_start_time(hung, &ticks) == 0) {
		rec.pid = hung;
		rec.start_ticks = ticks;
	}
	(void)vmha_volume_store(p->volume, VMHA_VOLUME_HEALTH, &rec, NULL);
	*ret_silent_s = (now_ms() - rec.last_ok_ms) / 1000;
	if (r == -ETIMEDOUT) {
		return vmha_err_set(err, r, "storage of volume %s answers no direct write and read",
				    p->volume);
	}
	return r < 0 ? vmha_err_set(err, r, "%s", answer.text) : 0;
}
