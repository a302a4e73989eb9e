/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Whether anybody else has joined a volume that is not in this cluster's configuration. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/output.h"
#include "cli/volume.h"
#include "lib/base/cleanup.h"
#include "lib/base/mono.h"
#include "lib/base/str.h"
#include "lib/core/lockspace.h"
#include "lib/port/lease_sanlock.h"

#define ALIGN	  4096
#define BYTES_MIN (1U << 20) /* a lockspace with sectors of 512 bytes */
#define BYTES_MAX (8U << 20)

/* Past the page cache: it holds what was true when it was read last. */
static int look(const char *path, void **ret_bytes, size_t *ret_len, struct vmha_err **err)
{
	vmha_autoclose int fd = open(path, O_RDONLY | O_DIRECT | O_CLOEXEC);
	vmha_autofree char *bytes = NULL;
	struct stat st;
	size_t len = 0;

	if (fd < 0 || fstat(fd, &st) < 0) {
		return vmha_err_errno(err, -errno, "cannot read %s", path);
	}
	if (st.st_size < BYTES_MIN || st.st_size > BYTES_MAX ||
	    posix_memalign((void **)&bytes, ALIGN, (size_t)st.st_size) != 0) {
		return vmha_err_set(err, -EBADMSG, "%s is no lockspace by its size", path);
	}
	while (len < (size_t)st.st_size) {
		ssize_t n = pread(fd, bytes + len, (size_t)st.st_size - len, (off_t)len);

		if (n <= 0) {
			return vmha_err_errno(err, n < 0 ? -errno : -EIO, "cannot read %s", path);
		}
		len += (size_t)n;
	}
	*ret_bytes = vmha_steal_ptr(bytes);
	*ret_len = len;
	return 0;
}

/* A host that is in it renews every 2 io_timeouts; twice that and more is watched. */
static int watch(const char *path, const char *name, unsigned int io_timeout_s,
		 enum vmha_lockspace_life *ret_life, uint64_t *ret_host_id, struct vmha_err **err)
{
	unsigned int limit_s = 2 * vmha_sanlock_renewal_s(io_timeout_s) + 2;
	struct vmha_mono deadline = vmha_mono_add(vmha_mono_now(), VMHA_SPAN_S(limit_s));
	vmha_autofree void *before = NULL;
	bool said = false;
	size_t len = 0;
	int r = look(path, &before, &len, err);

	while (r == 0) {
		vmha_autofree void *after = NULL;
		size_t now = 0;

		r = look(path, &after, &now, err);
		if (r == 0 && (now != len || vmha_lockspace_judge(before, after, len, name,
								  ret_life, ret_host_id) < 0)) {
			r = vmha_err_set(err, -EBADMSG, "%s is no lockspace of volume %s", path,
					 name);
		}
		if (r < 0 || *ret_life != VMHA_LOCKSPACE_STALE || vmha_mono_passed(deadline)) {
			break;
		}
		if (!said) {
			vmha_output_step("host id %llu has not left the volume: looking for %u s "
					 "whether it renews",
					 (unsigned long long)*ret_host_id, limit_s);
		}
		said = true;
		vmha_mono_pace(VMHA_SPAN_S(1)); /* storage has no events */
	}
	return r;
}

int vmha_volume_foreign_check(const char *dir, const struct vmha_volume_record *rec, bool force,
			      struct vmha_err **err)
{
	vmha_autofree char *path = vmha_str_printf("%s/%s/lockspace", dir, VMHA_VOLUME_META);
	enum vmha_lockspace_life life = VMHA_LOCKSPACE_LIVE;
	uint64_t host_id = 0;
	int r = path ? watch(path, rec->name, (unsigned int)rec->io_timeout_s, &life, &host_id, err)
		     : vmha_err_set(err, -ENOMEM, "out of memory");

	if (r < 0) {
		return r;
	}
	if (life == VMHA_LOCKSPACE_LIVE) {
		return vmha_err_set(err, -EBUSY,
				    "volume %s is in use: host id %llu renews its lease in it; "
				    "another cluster has it, or a node of this one has not left it",
				    rec->name, (unsigned long long)host_id);
	}
	if (life == VMHA_LOCKSPACE_STALE && !force) {
		return vmha_err_set(err, -EBUSY,
				    "volume %s was not left by host id %llu, which does not renew "
				    "now: make sure that it is off, then repeat with --force",
				    rec->name, (unsigned long long)host_id);
	}
	return 0;
}
