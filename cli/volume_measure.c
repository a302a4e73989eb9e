/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * How long a renewal takes on a storage.  sanlock renews by one direct read of all hosts' records
 * and one direct, synchronous write of its own sector: the same is done here, on a file without a
 * name.
 */
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/output.h"
#include "cli/volume.h"
#include "lib/base/cleanup.h"
#include "lib/base/mono.h"
#include "lib/base/proc.h"
#include "lib/base/str.h"
#include "lib/port/lease_sanlock.h"

#define SAMPLES_MAX 60
#define SAMPLES_MIN 3 /* however slow it is */
#define SAMPLES_FOR VMHA_SPAN_S(4)
#define PACE	    VMHA_SPAN_MS(50)
#define LIMIT_S	    120	 /* of all: three renewals on storage that needs the longest io_timeout */
#define SECTOR	    4096 /* good for 512 too */

/* Nothing of it stays, however this ends. */
static int file_open(const char *dir, size_t bytes, struct vmha_err **err)
{
	vmha_autofree char *file = vmha_str_printf("%s/.vmha-measure.%ld", dir, (long)getpid());
	vmha_autofree char *zeros = calloc(1, bytes);
	vmha_autoclose int fd = -1;
	ssize_t n;

	if (!file || !zeros) {
		return vmha_err_set(err, -ENOMEM, "out of memory");
	}
	fd = open(file, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0) {
		return vmha_err_errno(err, -errno, "cannot make %s", file);
	}
	n = write(fd, zeros, bytes);
	if (n != (ssize_t)bytes || fsync(fd) < 0 || fcntl(fd, F_SETFL, O_DIRECT | O_DSYNC) < 0) {
		int code = n >= 0 && n != (ssize_t)bytes ? -ENOSPC : -errno;

		(void)unlink(file);
		return vmha_err_errno(err, code, "cannot prepare %s for direct I/O", file);
	}
	if (unlink(file) < 0) {
		return vmha_err_errno(err, -errno, "cannot remove %s", file);
	}
	return vmha_steal_fd(&fd);
}

static int renewal_do(int fd, char *buf, size_t bytes, uint64_t *ret_us, struct vmha_err **err)
{
	struct vmha_mono begun = vmha_mono_now();
	ssize_t n = pread(fd, buf, bytes, 0);

	if (n != (ssize_t)bytes) {
		return vmha_err_errno(err, n < 0 ? -errno : -EIO, "a direct read failed");
	}
	n = pwrite(fd, buf, SECTOR, 0);
	if (n != SECTOR) {
		return vmha_err_errno(err, n < 0 ? -errno : -EIO, "a direct write failed");
	}
	*ret_us = (uint64_t)(vmha_mono_diff(begun, vmha_mono_now()).ns / 1000);
	return 0;
}

static int measure(const char *dir, struct vmha_latency *ret_latency, struct vmha_err **err)
{
	struct vmha_mono until;
	uint64_t samples[SAMPLES_MAX];
	vmha_autoclose int fd = -1;
	vmha_autofree void *buf = NULL;
	const size_t bytes = 1 << 20; /* with 4 KiB sectors sanlock reads 8 MiB, of which 8 times
				       * as few requests */
	size_t count = 0;
	int r = 0;

	fd = file_open(dir, bytes, err);
	if (fd < 0) {
		return fd;
	}
	if (posix_memalign(&buf, SECTOR, bytes) != 0) {
		return vmha_err_set(err, -ENOMEM, "out of memory");
	}
	until = vmha_mono_add(vmha_mono_now(), SAMPLES_FOR);
	while (r == 0 && count < SAMPLES_MAX && (count < SAMPLES_MIN || !vmha_mono_passed(until))) {
		r = renewal_do(fd, buf, bytes, &samples[count++], err);
		vmha_mono_pace(PACE);
	}
	if (r == 0) {
		*ret_latency = vmha_latency_of(samples, count);
	}
	return r;
}

static json_t *result_json(const struct vmha_latency *l)
{
	struct vmha_io_choice c = vmha_io_timeout_choose(l);
	char measured[200];
	char chosen[300];

	return json_pack("{s:I, s:I, s:I, s:I, s:i, s:s, s:s}", "renewals", (json_int_t)l->count,
			 "p50_us", (json_int_t)l->p50_us, "p99_us", (json_int_t)l->p99_us, "max_us",
			 (json_int_t)l->max_us, "io_timeout_s", (int)c.io_timeout_s, "measured",
			 vmha_latency_text(l, measured, sizeof(measured)), "chosen",
			 vmha_io_choice_text(&c, chosen, sizeof(chosen)));
}

int vmha_volume_measure(int argc, char **argv, struct vmha_err **err)
{
	static const struct vmha_column lines[] = {
		{ "Measured", "measured" },
		{ "Would choose", "chosen" },
		{ NULL, NULL },
	};
	char dir[VMHA_PATH_SIZE];
	struct vmha_latency latency;
	json_t *o;
	int r;

	if (argc != 2) {
		return vmha_usage(err, "a volume's name, or a directory with its whole path");
	}
	if (argv[1][0] != '/' && !vmha_str_is_name(argv[1])) {
		return vmha_usage(err, "'%s' is neither a volume's name nor a whole path", argv[1]);
	}
	if (argv[1][0] == '/') {
		(void)snprintf(dir, sizeof(dir), "%s", argv[1]);
	} else {
		vmha_volume_path(argv[1], VMHA_VOLUME_META_DIR, dir);
	}
	r = vmha_need_root(err);
	if (r == 0 && argv[1][0] != '/') {
		r = vmha_volume_answers(argv[1], VMHA_ANSWER_S, err);
	}
	r = r < 0 ? r : measure(dir, &latency, err);
	if (r < 0) {
		return r;
	}
	o = result_json(&latency);
	return !o		       ? -ENOMEM
	       : vmha_output_is_json() ? vmha_output_json(o)
				       : vmha_output_object(o, lines);
}

static uint64_t number_of(const json_t *o, const char *key)
{
	json_int_t n = json_integer_value(json_object_get(o, key));

	return n < 0 ? 0 : (uint64_t)n;
}

/* Storage may hang: only a process of its own can be given up. */
int vmha_volume_io_choose(struct volume_new *v, struct vmha_err **err)
{
	const char *const argv[] = { "/proc/self/exe", "--output", "json", "volume",
				     "measure",	       v->path,	   NULL };
	vmha_autoresult struct vmha_proc_result res = { 0 };
	struct vmha_io_choice choice;
	char text[300];
	json_t *o;
	int r;

	if (v->io_timeout_s) {
		return 0; /* chosen by hand */
	}
	r = vmha_proc_check(argv, NULL, VMHA_SPAN_S(LIMIT_S), &res, err);
	if (r == -ETIMEDOUT) {
		return vmha_err_set(err, r,
				    "%s did not answer three renewals within %d s: such storage "
				    "cannot carry leases",
				    v->path, LIMIT_S);
	}
	if (r < 0) {
		return r;
	}
	o = json_loads(res.output ? res.output : "", 0, NULL);
	v->latency = (struct vmha_latency){ .count = number_of(o, "renewals"),
					    .p50_us = number_of(o, "p50_us"),
					    .p99_us = number_of(o, "p99_us"),
					    .max_us = number_of(o, "max_us") };
	json_decref(o);
	if (!v->latency.count) {
		return vmha_err_set(err, -EIO, "the lease latency of %s could not be measured",
				    v->path);
	}
	choice = vmha_io_timeout_choose(&v->latency);
	v->io_timeout_s = choice.io_timeout_s;
	vmha_output_step("%s, on this node", vmha_latency_text(&v->latency, text, sizeof(text)));
	vmha_output_step("%s; by hand: --io-timeout",
			 vmha_io_choice_text(&choice, text, sizeof(text)));
	return 0;
}
