/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Lockspaces; the leases in them are in lease_resource.c, inquiries in lease_inquire.c. */
#include "lib/port/lease_sanlock.h"

#include <errno.h>
#include <fcntl.h>
#include <sanlock.h>
#include <sanlock_admin.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "lib/base/cleanup.h"
#include "lib/base/mono.h"
#include "lib/base/str.h"
#include "lib/port/lease_layout.h"

static void lockspace_fill(const struct vmha_lockspace *ls, struct sanlk_lockspace *to)
{
	*to = (struct sanlk_lockspace){ .host_id = ls->host_id };
	(void)snprintf(to->name, sizeof(to->name), "%s", ls->name);
	(void)snprintf(to->host_id_disk.path, sizeof(to->host_id_disk.path), "%s", ls->path);
	to->host_id_disk.offset = ls->offset;
}

/* @return 1 when a read of 512 bytes works with O_DIRECT; 0 when only larger sectors do */
static int reads_512(const char *path, struct vmha_err **err)
{
	vmha_autoclose int fd = open(path, O_RDONLY | O_DIRECT | O_CLOEXEC);
	vmha_autofree void *buf = NULL;
	ssize_t n;

	if (fd < 0) {
		return vmha_err_errno(err, -errno, "cannot open %s for direct I/O", path);
	}
	if (posix_memalign(&buf, 4096, 4096) != 0) {
		return vmha_err_set(err, -ENOMEM, "out of memory reading %s", path);
	}
	n = pread(fd, buf, 512, 512);
	if (n >= 0) {
		return 1;
	}
	if (errno != EINVAL) {
		return vmha_err_errno(err, -errno, "cannot read %s with direct I/O", path);
	}
	n = pread(fd, buf, 4096, 0);
	if (n < 0) {
		return vmha_err_errno(err, -errno, "cannot read %s with direct I/O", path);
	}
	return 0;
}

int vmha_lease_layout(const char *path, struct vmha_lease_layout *ret_layout, struct vmha_err **err)
{
	int r = reads_512(path, err);

	if (r < 0) {
		return r;
	}
	/* 2000 hosts in both; the flags of lockspace, resource and index are the same numbers */
	if (r) {
		*ret_layout = (struct vmha_lease_layout){ .sector_bytes = 512,
							  .align_bytes = 1 << 20,
							  .flags = SANLK_LSF_ALIGN1M |
								   SANLK_LSF_SECTOR512 };
	} else {
		*ret_layout = (struct vmha_lease_layout){ .sector_bytes = 4096,
							  .align_bytes = 8 << 20,
							  .flags = SANLK_LSF_ALIGN8M |
								   SANLK_LSF_SECTOR4K };
	}
	return 0;
}

int64_t vmha_sanlock_align_bytes(const char *path, struct vmha_err **err)
{
	struct vmha_lease_layout layout;
	int r = vmha_lease_layout(path, &layout, err);

	return r < 0 ? r : (int64_t)layout.align_bytes;
}

int vmha_lockspace_format(const struct vmha_lockspace *ls, unsigned int io_timeout_s,
			  struct vmha_err **err)
{
	struct vmha_lease_layout layout;
	struct sanlk_lockspace sl;
	int r = vmha_lease_layout(ls->path, &layout, err);

	if (r < 0) {
		return r;
	}
	lockspace_fill(ls, &sl);
	sl.host_id = 0;
	sl.flags = layout.flags;
	r = sanlock_write_lockspace(&sl, 0, 0, io_timeout_s);
	return r < 0 ? vmha_sanlock_fail(err, r, "cannot format lockspace %s in %s", ls->name,
					 ls->path)
		     : 0;
}

int vmha_lockspace_read(const struct vmha_lockspace *ls, unsigned int *ret_io_timeout_s,
			struct vmha_err **err)
{
	struct sanlk_lockspace sl;
	uint32_t io_timeout = 0;
	int r;

	lockspace_fill(ls, &sl);
	sl.host_id = 0;
	r = sanlock_read_lockspace(&sl, 0, &io_timeout);
	if (r < 0) {
		return vmha_sanlock_fail(err, r, "cannot read lockspace %s in %s", ls->name,
					 ls->path);
	}
	*ret_io_timeout_s = io_timeout;
	return 0;
}

int vmha_lockspace_joined(const struct vmha_lockspace *ls, uint64_t *ret_host_id,
			  struct vmha_err **err)
{
	vmha_autofree struct sanlk_lockspace *all = NULL;
	int count = 0;
	int r = sanlock_get_lockspaces(&all, &count, 0);
	int i;

	if (r < 0 || !all) {
		return r < 0 ? vmha_sanlock_fail(err, r, "cannot list the joined lockspaces") : 0;
	}
	for (i = 0; i < count; i++) {
		const struct sanlk_disk *disk = &all[i].host_id_disk;

		if (strncmp(all[i].name, ls->name, SANLK_NAME_LEN) != 0) {
			continue;
		}
		if (!vmha_str_eq(disk->path, ls->path) || disk->offset != ls->offset) {
			return vmha_err_set(err, -EEXIST,
					    "lockspace %s is joined, but from %s:%llu instead of "
					    "%s:%llu",
					    ls->name, disk->path, (unsigned long long)disk->offset,
					    ls->path, (unsigned long long)ls->offset);
		}
		if (all[i].flags & (SANLK_LSF_ADD | SANLK_LSF_REM)) {
			return vmha_err_set(err, -EBUSY, "lockspace %s is being %s", ls->name,
					    all[i].flags & SANLK_LSF_ADD ? "joined" : "left");
		}
		if (ret_host_id) {
			*ret_host_id = all[i].host_id;
		}
		return 1;
	}
	return 0;
}

int vmha_lockspace_joined_name(const char *name, struct vmha_err **err)
{
	vmha_autofree struct sanlk_lockspace *all = NULL;
	int count = 0;
	int r = sanlock_get_lockspaces(&all, &count, 0);
	int i;

	if (r < 0) {
		return vmha_sanlock_fail(err, r, "cannot list the joined lockspaces");
	}
	for (i = 0; all && i < count; i++) {
		if (strncmp(all[i].name, name, SANLK_NAME_LEN) == 0) {
			return 1;
		}
	}
	return 0;
}

/* Joining and leaving are seen through by waiting for the daemon itself. */
static int lockspace_settle(const struct vmha_lockspace *ls, unsigned int io_timeout_s)
{
	struct vmha_mono deadline =
		vmha_mono_add(vmha_mono_now(), VMHA_SPAN_S(vmha_sanlock_host_dead_s(io_timeout_s) +
							   7 * (int64_t)io_timeout_s));
	uint64_t host_id = 0;
	int r;

	/* no event tells the end of another process's join; sanlock itself polls so (cmd.c) */
	for (;;) {
		r = vmha_lockspace_joined(ls, &host_id, NULL);
		if (r != -EBUSY || vmha_mono_passed(deadline)) {
			return r;
		}
		vmha_mono_pace(VMHA_SPAN_MS(200));
	}
}

static int joined_as(const struct vmha_lockspace *ls, struct vmha_err **err)
{
	uint64_t host_id = 0;
	int r = vmha_lockspace_joined(ls, &host_id, err);

	if (r == 1 && host_id != ls->host_id) {
		return vmha_err_set(err, -EEXIST,
				    "lockspace %s is already joined with host id %llu, not %llu: "
				    "was the corosync nodeid changed? leave it first",
				    ls->name, (unsigned long long)host_id,
				    (unsigned long long)ls->host_id);
	}
	return r;
}

int vmha_lockspace_join(const struct vmha_lockspace *ls, unsigned int io_timeout_s,
			struct vmha_err **err)
{
	struct sanlk_lockspace sl;
	int r;

	(void)lockspace_settle(ls, io_timeout_s);
	r = joined_as(ls, err);
	if (r != 0) {
		return r < 0 ? r : 0;
	}
	lockspace_fill(ls, &sl);
	r = sanlock_add_lockspace_timeout(&sl, 0, io_timeout_s);
	if (r == -EINPROGRESS || r == -EEXIST || r == -EAGAIN) {
		/* somebody else joined at the same moment: what counts is how it ends */
		(void)lockspace_settle(ls, io_timeout_s);
		r = joined_as(ls, err);
		if (r != 0) {
			return r < 0 ? r : 0;
		}
		return vmha_err_set(err, -EAGAIN, "lockspace %s was left while it was joined",
				    ls->name);
	}
	return r < 0 ? vmha_sanlock_fail(err, r, "cannot join lockspace %s with host id %llu",
					 ls->name, (unsigned long long)ls->host_id)
		     : 0;
}

int vmha_lockspace_leave(const struct vmha_lockspace *ls, struct vmha_err **err)
{
	struct sanlk_lockspace sl;
	int r;

	lockspace_fill(ls, &sl);
	/* without UNUSED sanlock would kill every holder */
	r = sanlock_rem_lockspace(&sl, SANLK_REM_UNUSED);
	if (r == -EINPROGRESS) {
		r = lockspace_settle(ls, 1);
		r = r > 0 ? -EBUSY : r;
	}
	if (r == -EBUSY) {
		return vmha_err_set(err, -EBUSY, "lockspace %s is in use: leases are held here",
				    ls->name);
	}
	if (r == -ENOENT && vmha_sanlock_alive()) {
		return 0;
	}
	return r < 0 ? vmha_sanlock_fail(err, r, "cannot leave lockspace %s", ls->name) : 0;
}

static enum vmha_host_state state_from(uint32_t flags)
{
	switch (flags & SANLK_HOST_MASK) {
	case SANLK_HOST_FREE:
		return VMHA_HOST_FREE;
	case SANLK_HOST_LIVE:
		return VMHA_HOST_LIVE;
	case SANLK_HOST_FAIL:
		return VMHA_HOST_FAIL;
	case SANLK_HOST_DEAD:
		return VMHA_HOST_DEAD;
	default:
		return VMHA_HOST_UNKNOWN;
	}
}

const char *vmha_host_state_name(enum vmha_host_state state)
{
	static const char *const names[] = { "unknown", "left", "live", "failing", "dead" };

	return (size_t)state < sizeof(names) / sizeof(names[0]) ? names[state] : "unknown";
}

static struct vmha_host host_from(const struct sanlk_host *h)
{
	return (struct vmha_host){
		.host_id = h->host_id,
		.generation = h->generation,
		.timestamp = h->timestamp,
		.io_timeout_s = h->io_timeout,
		.state = state_from(h->flags),
	};
}

int vmha_lockspace_hosts(const char *name, struct vmha_host **ret_hosts, size_t *ret_count,
			 struct vmha_err **err)
{
	vmha_autofree struct sanlk_host *all = NULL;
	struct vmha_host *hosts;
	int count = 0;
	int r = sanlock_get_hosts(name, 0, &all, &count, 0);
	int i;

	if (r == -ENOENT && vmha_sanlock_alive()) {
		return vmha_err_set(err, r, "this node has not joined lockspace %s", name);
	}
	if (r < 0) {
		return vmha_sanlock_fail(err, r, "cannot list the hosts of lockspace %s", name);
	}
	hosts = calloc((size_t)count + 1, sizeof(*hosts));
	if (!hosts) {
		return vmha_err_set(err, -ENOMEM, "out of memory listing hosts");
	}
	for (i = 0; i < count; i++) {
		hosts[i] = host_from(&all[i]);
	}
	*ret_hosts = hosts;
	*ret_count = (size_t)count;
	return 0;
}

int vmha_lockspace_host(const char *name, uint64_t host_id, struct vmha_host *ret_host,
			struct vmha_err **err)
{
	vmha_autofree struct sanlk_host *one = NULL;
	int count = 0;
	int r = sanlock_get_hosts(name, host_id, &one, &count, 0);

	if (r == -ENOENT && vmha_sanlock_alive()) {
		return vmha_err_set(err, r, "this node has not joined lockspace %s", name);
	}
	if (r < 0) {
		return vmha_sanlock_fail(err, r, "cannot ask for host id %llu in lockspace %s",
					 (unsigned long long)host_id, name);
	}
	if (count < 1 || !one) {
		return vmha_err_set(err, -EINVAL, "lockspace %s has no host id %llu", name,
				    (unsigned long long)host_id);
	}
	*ret_host = host_from(&one[0]);
	return 0;
}
