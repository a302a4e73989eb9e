/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Whether anybody else has joined a volume that is not in this cluster's configuration. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
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

static int bytes_read(int fd, off_t offset, char *bytes, size_t len)
{
	size_t done = 0;

	while (done < len) {
		ssize_t n = pread(fd, bytes + done, len - done, offset + (off_t)done);

		if (n <= 0) {
			return n < 0 ? -errno : -EIO;
		}
		done += (size_t)n;
	}
	return 0;
}

/* Past the page cache: it holds what was true when it was read last. @param len of a device's
 * lockspace; 0: all of a file */
static int look(const struct vmha_lockspace *ls, void **ret_bytes, size_t *len,
		struct vmha_err **err)
{
	vmha_autoclose int fd = open(ls->path, O_RDONLY | O_DIRECT | O_CLOEXEC);
	vmha_autofree char *bytes = NULL;
	struct stat st;
	int r;

	if (fd < 0 || fstat(fd, &st) < 0) {
		return vmha_err_errno(err, -errno, "cannot read %s", ls->path);
	}
	if (!*len) {
		*len = (size_t)st.st_size;
	}
	if (*len < BYTES_MIN || *len > BYTES_MAX ||
	    posix_memalign((void **)&bytes, ALIGN, *len) != 0) {
		return vmha_err_set(err, -EBADMSG, "%s is no lockspace by its size", ls->path);
	}
	r = bytes_read(fd, (off_t)ls->offset, bytes, *len);
	if (r < 0) {
		return vmha_err_errno(err, r, "cannot read %s", ls->path);
	}
	*ret_bytes = vmha_steal_ptr(bytes);
	return 0;
}

/* A host that is in it renews every 2 of its own io_timeouts; twice that and more is watched. */
static unsigned int watch_s(unsigned int io_timeout_s, const struct vmha_lockspace_hosts *hosts)
{
	return 2 * vmha_sanlock_renewal_s(io_timeout_s > hosts->io_timeout_s
						  ? io_timeout_s
						  : hosts->io_timeout_s) +
	       2;
}

static int watch(const struct vmha_lockspace *ls, size_t len, unsigned int io_timeout_s,
		 struct vmha_lockspace_hosts *ret_hosts, struct vmha_err **err)
{
	struct vmha_mono begun = vmha_mono_now();
	vmha_autofree void *before = NULL;
	bool said = false;
	int r = look(ls, &before, &len, err);

	while (r == 0) {
		vmha_autofree void *after = NULL;
		unsigned int limit_s;

		r = look(ls, &after, &len, err);
		if (r == 0 && vmha_lockspace_judge(before, after, len, ls->name, ret_hosts) < 0) {
			r = vmha_err_set(err, -EBADMSG, "%s is no lockspace of volume %s", ls->path,
					 ls->name);
		}
		limit_s = r < 0 ? 0 : watch_s(io_timeout_s, ret_hosts);
		if (r < 0 || ret_hosts->life != VMHA_LOCKSPACE_STALE ||
		    vmha_mono_passed(vmha_mono_add(begun, VMHA_SPAN_S(limit_s)))) {
			break;
		}
		if (!said) {
			vmha_output_step("host id %llu has not left the volume: looking for %u s "
					 "whether it renews",
					 (unsigned long long)ret_hosts->host_id, limit_s);
		}
		said = true;
		vmha_mono_pace(VMHA_SPAN_S(1)); /* storage has no events */
	}
	return r;
}

static int foreign_check(const struct vmha_lockspace *ls, size_t len, unsigned int io_timeout_s,
			 bool force, struct vmha_err **err)
{
	struct vmha_lockspace_hosts hosts = { .life = VMHA_LOCKSPACE_LIVE };
	int r = watch(ls, len, io_timeout_s, &hosts, err);

	if (r < 0) {
		return r;
	}
	if (hosts.life == VMHA_LOCKSPACE_LIVE) {
		return vmha_err_set(err, -EBUSY,
				    "volume %s is in use: host id %llu renews its lease in it; "
				    "another cluster has it, or a node of this one has not left it",
				    ls->name, (unsigned long long)hosts.host_id);
	}
	if (hosts.life == VMHA_LOCKSPACE_STALE && !force) {
		return vmha_err_set(err, -EBUSY,
				    "volume %s was not left by host id %llu, which does not renew "
				    "now: make sure that it is off, then repeat with --force",
				    ls->name, (unsigned long long)hosts.host_id);
	}
	return 0;
}

int vmha_volume_foreign_check(const char *dir, const struct vmha_volume_record *rec, bool force,
			      struct vmha_err **err)
{
	struct vmha_lockspace ls = { 0 };
	int n = snprintf(ls.path, sizeof(ls.path), "%s/%s/lockspace", dir, VMHA_VOLUME_META);

	if (n >= (int)sizeof(ls.path)) {
		return vmha_err_set(err, -ENAMETOOLONG, "%s is too long a path", dir);
	}
	memcpy(ls.name, rec->name, sizeof(ls.name));
	return foreign_check(&ls, 0, (unsigned int)rec->io_timeout_s, force, err);
}

int vmha_volume_foreign_device_check(const char *device, const struct vmha_leases_record *rec,
				     bool force, struct vmha_err **err)
{
	struct vmha_lockspace ls = { .offset = rec->lockspace_offset };

	(void)snprintf(ls.path, sizeof(ls.path), "%s", device);
	memcpy(ls.name, rec->name, sizeof(ls.name));
	return foreign_check(&ls, rec->index_offset - rec->lockspace_offset,
			     (unsigned int)rec->io_timeout_s, force, err);
}
