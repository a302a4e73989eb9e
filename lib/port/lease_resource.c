/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Leases of a lockspace and their index. */
#include "lib/port/lease_sanlock.h"

#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <sanlock.h>
#include <sanlock_admin.h>
#include <sanlock_resource.h>
#include <sanlock_rv.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/cleanup.h"
#include "lib/base/mono.h"
#include "lib/core/lockspace.h"
#include "lib/port/lease_layout.h"

/* struct sanlk_resource ends with a flexible array; ours has exactly one disk */
union resource {
	struct sanlk_resource res;
	char bytes[sizeof(struct sanlk_resource) + sizeof(struct sanlk_disk)];
};

static void resource_fill(const struct vmha_lease *lease, union resource *to)
{
	memset(to, 0, sizeof(*to));
	(void)snprintf(to->res.lockspace_name, sizeof(to->res.lockspace_name), "%s",
		       lease->lockspace);
	(void)snprintf(to->res.name, sizeof(to->res.name), "%s", lease->name);
	to->res.num_disks = 1;
	(void)snprintf(to->res.disks[0].path, sizeof(to->res.disks[0].path), "%s", lease->path);
	to->res.disks[0].offset = lease->offset;
}

static void lease_fill(const struct vmha_lease_index *index, const char *name, uint64_t offset,
		       struct vmha_lease *to)
{
	*to = (struct vmha_lease){ .offset = offset };
	memcpy(to->lockspace, index->lockspace, sizeof(to->lockspace));
	(void)snprintf(to->name, sizeof(to->name), "%s", name);
	memcpy(to->path, index->path, sizeof(to->path));
}

static void index_fill(const struct vmha_lease_index *index, struct sanlk_rindex *to)
{
	*to = (struct sanlk_rindex){ .max_resources = (uint32_t)index->max };
	(void)snprintf(to->lockspace_name, sizeof(to->lockspace_name), "%s", index->lockspace);
	(void)snprintf(to->disk.path, sizeof(to->disk.path), "%s", index->path);
	to->disk.offset = index->offset;
}

/* The first lease is written and entered by hand: sanlock's create wants the lockspace joined,
 * which nobody can have done yet. */
static int admin_format(const struct vmha_lease_index *index,
			const struct vmha_lease_layout *layout, struct sanlk_rindex *rx,
			struct vmha_err **err)
{
	struct sanlk_rentry re = { .offset = index->offset + 2ULL * layout->align_bytes };
	struct vmha_lease lease;
	union resource res;
	int r;

	lease_fill(index, VMHA_ADMIN_LEASE, re.offset, &lease);
	resource_fill(&lease, &res);
	res.res.flags = layout->flags;
	r = sanlock_write_resource(&res.res, 0, 0, 0);
	if (r == 0) {
		(void)snprintf(re.name, sizeof(re.name), "%s", VMHA_ADMIN_LEASE);
		r = sanlock_update_rindex(rx, SANLK_RX_NO_LOCKSPACE | SANLK_RXUP_ADD, &re);
	}
	return r < 0 ? vmha_sanlock_fail(err, r, "cannot format lease %s in %s", VMHA_ADMIN_LEASE,
					 index->path)
		     : 0;
}

int vmha_leases_format(const struct vmha_lease_index *index, struct vmha_err **err)
{
	struct vmha_lease_layout layout;
	struct sanlk_rindex rx;
	int r = vmha_lease_layout(index->path, &layout, err);

	if (r < 0) {
		return r;
	}
	index_fill(index, &rx);
	rx.flags = layout.flags;
	r = sanlock_format_rindex(&rx, SANLK_RX_NO_LOCKSPACE);
	if (r < 0) {
		return vmha_sanlock_fail(err, r, "cannot format the lease index in %s",
					 index->path);
	}
	return admin_format(index, &layout, &rx, err);
}

/* One operation on the index at a time and lockspace is all that sanlock takes: -EBUSY passes. */
static int index_call(int (*call)(struct sanlk_rindex *rx, struct sanlk_rentry *re),
		      struct sanlk_rindex *rx, struct sanlk_rentry *re)
{
	struct vmha_mono deadline = vmha_mono_add(vmha_mono_now(), VMHA_SPAN_S(30));
	int r;

	for (;;) {
		r = call(rx, re);
		if ((r != -EBUSY && r != -EAGAIN) || vmha_mono_passed(deadline)) {
			return r;
		}
		vmha_mono_pace(VMHA_SPAN_MS(100));
	}
}

static int call_lookup(struct sanlk_rindex *rx, struct sanlk_rentry *re)
{
	return sanlock_lookup_rindex(rx, 0, re);
}

static int call_lookup_unjoined(struct sanlk_rindex *rx, struct sanlk_rentry *re)
{
	return sanlock_lookup_rindex(rx, SANLK_RX_NO_LOCKSPACE, re);
}

static int call_create(struct sanlk_rindex *rx, struct sanlk_rentry *re)
{
	return sanlock_create_resource(rx, 0, re, 0, 0);
}

static int call_delete(struct sanlk_rindex *rx, struct sanlk_rentry *re)
{
	return sanlock_delete_resource(rx, 0, re);
}

/* @return raw code of libsanlock; -ENOENT: no such lease */
static int index_lookup(const struct vmha_lease_index *index, const char *name,
			uint64_t *ret_offset)
{
	int joined = vmha_lockspace_joined_name(index->lockspace, NULL);
	struct sanlk_rentry re = { 0 };
	struct sanlk_rindex rx;
	int r;

	if (joined < 0) {
		return joined;
	}
	index_fill(index, &rx);
	(void)snprintf(re.name, sizeof(re.name), "%s", name);
	r = index_call(joined ? call_lookup : call_lookup_unjoined, &rx, &re);
	if (r == 0) {
		*ret_offset = re.offset;
	}
	return r;
}

int vmha_lease_find(const struct vmha_lease_index *index, const char *name,
		    struct vmha_lease *ret_lease, struct vmha_err **err)
{
	uint64_t offset = 0;
	int r = index_lookup(index, name, &offset);

	if (r == -ENOENT && vmha_sanlock_alive()) {
		return vmha_err_set(err, -ENOENT, "volume %s has no lease named %s",
				    index->lockspace, name);
	}
	if (r < 0) {
		return vmha_sanlock_fail(err, r, "cannot look up lease %s in %s", name,
					 index->path);
	}
	lease_fill(index, name, offset, ret_lease);
	return 0;
}

int vmha_lease_create(const struct vmha_lease_index *index, const char *name,
		      struct vmha_lease *ret_lease, struct vmha_err **err)
{
	struct sanlk_rentry re = { 0 };
	struct sanlk_rindex rx;
	uint64_t offset = 0;
	int r = index_lookup(index, name, &offset);

	/* sanlock's index would take the same name twice */
	if (r == 0) {
		return vmha_err_set(err, -EEXIST, "volume %s already has a lease named %s",
				    index->lockspace, name);
	}
	if (r != -ENOENT) {
		return vmha_sanlock_fail(err, r, "cannot look up lease %s in %s", name,
					 index->path);
	}
	index_fill(index, &rx);
	(void)snprintf(re.name, sizeof(re.name), "%s", name);
	r = index_call(call_create, &rx, &re);
	if (r == -ENOENT && vmha_sanlock_alive()) {
		return vmha_err_set(
			err, -ENOSPC,
			"cannot create lease %s: this node has not joined volume %s, or "
			"its index is full",
			name, index->lockspace);
	}
	if (r < 0) {
		return vmha_sanlock_fail(err, r, "cannot create lease %s in %s", name, index->path);
	}
	lease_fill(index, name, re.offset, ret_lease);
	return 0;
}

int vmha_lease_delete(const struct vmha_lease_index *index, const struct vmha_lease *lease,
		      struct vmha_err **err)
{
	struct sanlk_rentry re = { 0 };
	struct sanlk_rindex rx;
	int r;

	index_fill(index, &rx);
	(void)snprintf(re.name, sizeof(re.name), "%s", lease->name);
	r = index_call(call_delete, &rx, &re);
	if (r == -ENOENT && vmha_lockspace_joined_name(index->lockspace, NULL) == 1) {
		return 0;
	}
	return r < 0 ? vmha_sanlock_fail(err, r, "cannot delete lease %s in %s", lease->name,
					 index->path)
		     : 0;
}

/* The area of a lease, or the first of an index. */
static int area_read(const char *path, uint64_t offset, struct vmha_lease_layout *layout,
		     void **ret_area, struct vmha_err **err)
{
	vmha_autoclose int fd = open(path, O_RDONLY | O_DIRECT | O_CLOEXEC);
	vmha_autofree void *buf = NULL;
	ssize_t n;
	int r;

	if (fd < 0) {
		return vmha_err_errno(err, -errno, "cannot open %s", path);
	}
	r = vmha_lease_layout(path, layout, err);
	if (r < 0) {
		return r;
	}
	if (posix_memalign(&buf, 4096, layout->align_bytes) != 0) {
		return vmha_err_set(err, -ENOMEM, "out of memory reading %s", path);
	}
	n = pread(fd, buf, layout->align_bytes, (off_t)offset);
	if (n != (ssize_t)layout->align_bytes) {
		return vmha_err_errno(err, n < 0 ? -errno : -EIO, "cannot read %s", path);
	}
	*ret_area = vmha_steal_ptr(buf);
	return 0;
}

int vmha_leases_list(const struct vmha_lease_index *index, struct vmha_lease **ret_leases,
		     size_t *ret_count, struct vmha_err **err)
{
	vmha_autofree struct vmha_lease *list = NULL;
	struct vmha_lease_layout layout;
	vmha_autofree void *area = NULL;
	char name[VMHA_NAME_SIZE];
	uint64_t offset;
	size_t count = 0;
	size_t at;
	int r = area_read(index->path, index->offset, &layout, &area, err);

	if (r < 0) {
		return r;
	}
	for (at = 0; (r = vmha_lease_index_next(area, layout.align_bytes, index->lockspace, &at,
						name, &offset)) > 0;) {
		count++;
	}
	if (r < 0) {
		return vmha_err_set(err, r, "there is no lease index of volume %s in %s",
				    index->lockspace, index->path);
	}
	list = calloc(count + 1, sizeof(*list));
	if (!list) {
		return vmha_err_set(err, -ENOMEM, "out of memory listing leases");
	}
	*ret_count = count;
	for (at = 0, count = 0; vmha_lease_index_next(area, layout.align_bytes, index->lockspace,
						      &at, name, &offset) > 0;) {
		lease_fill(index, name, offset, &list[count++]);
	}
	*ret_leases = vmha_steal_ptr(list);
	return 0;
}

/* A host's own block in the area of a lease (sanlock src/paxos_dblock.h): little endian. */
struct dblock {
	uint64_t mbal;
	uint64_t bal;
	uint64_t owner_id;
	uint64_t owner_generation;
	uint64_t timestamp;
	uint64_t lver;
	uint32_t checksum;
	uint32_t flags;
};

#define DBLOCK_RELEASED 1U

/*
 * Did the owner that the leader record names release the lease?
 *
 *   owner A                        host B, in the same ballot
 *   acquire, write leader (A)
 *   release: own block RELEASED
 *   release: write leader (free)
 *                                  write leader (A), a moment late
 *
 * The leader then says A for ever; A's own block is right, and sanlock's acquire looks at it too
 * (src/paxos_lease.c).  The block must be of the same acquire, by lver and generation.
 */
static int owner_released(const struct vmha_lease *lease, uint64_t lver,
			  const struct sanlk_host *owner, struct vmha_err **err)
{
	vmha_autoclose int fd = open(lease->path, O_RDONLY | O_DIRECT | O_CLOEXEC);
	struct vmha_lease_layout layout;
	vmha_autofree void *buf = NULL;
	const struct dblock *block;
	uint64_t offset;
	ssize_t n;
	int r;

	if (fd < 0) {
		return vmha_err_errno(err, -errno, "cannot open %s", lease->path);
	}
	r = vmha_lease_layout(lease->path, &layout, err);
	if (r < 0) {
		return r;
	}
	if (posix_memalign(&buf, 4096, layout.sector_bytes) != 0) {
		return vmha_err_set(err, -ENOMEM, "out of memory reading %s", lease->path);
	}
	/* leader record, request record, then one block a host id from 1 on */
	offset = lease->offset + (1 + owner->host_id) * layout.sector_bytes;
	n = pread(fd, buf, layout.sector_bytes, (off_t)offset);
	if (n != (ssize_t)layout.sector_bytes) {
		return vmha_err_errno(err, n < 0 ? -errno : -EIO, "cannot read %s", lease->path);
	}
	block = buf;
	return (le32toh(block->flags) & DBLOCK_RELEASED) &&
	       le64toh(block->owner_id) == owner->host_id &&
	       le64toh(block->owner_generation) == owner->generation &&
	       le64toh(block->lver) == lver;
}

int vmha_lease_taken_since(const struct vmha_lease *lease, uint64_t lver, uint64_t except_host_id,
			   uint64_t *ret_host_id, struct vmha_err **err)
{
	struct vmha_lease_layout layout;
	vmha_autofree void *area = NULL;
	uint64_t id;
	int r = area_read(lease->path, lease->offset, &layout, &area, err);

	if (r < 0) {
		return r;
	}
	for (id = 1; (id + 2) * layout.sector_bytes <= layout.align_bytes; id++) {
		const void *at = (const char *)area + (1 + id) * layout.sector_bytes;
		struct dblock block;

		memcpy(&block, at, sizeof(block));
		/* a ballot that another host won names that host */
		if (id != except_host_id && le64toh(block.owner_id) == id &&
		    le64toh(block.lver) > lver) {
			*ret_host_id = id;
			return 1;
		}
	}
	return 0;
}

/* The host as the lockspace sees it now against the generation that the lease names. */
static void owner_judge(struct vmha_lease_owner *owner, const struct vmha_lease *lease)
{
	struct vmha_host now;

	if (vmha_lockspace_host(lease->lockspace, owner->host.host_id, &now, NULL) < 0) {
		owner->host.state = VMHA_HOST_UNKNOWN;
		return;
	}
	owner->host.state = now.state;
	owner->host.io_timeout_s = now.io_timeout_s;
	owner->takeable = now.generation > owner->host.generation || now.state == VMHA_HOST_FREE ||
			  now.state == VMHA_HOST_DEAD;
}

int vmha_lease_owner(const struct vmha_lease *lease, struct vmha_lease_owner *ret_owner,
		     struct vmha_err **err)
{
	vmha_autofree struct sanlk_host *hosts = NULL;
	struct vmha_lease_owner owner = { 0 };
	union resource res;
	int count = 0;
	int r;

	resource_fill(lease, &res);
	r = sanlock_read_resource_owners(&res.res, 0, &hosts, &count);
	if (r < 0) {
		return vmha_sanlock_fail(err, r, "cannot read lease %s of volume %s", lease->name,
					 lease->lockspace);
	}
	owner.lver = res.res.lver;
	owner.takeable = true;
	if (count > 0 && hosts) {
		r = owner_released(lease, owner.lver, &hosts[0], err);
		if (r < 0) {
			return r;
		}
		owner.held = !r;
	}
	if (owner.held) {
		owner.takeable = false;
		owner.host.host_id = hosts[0].host_id;
		owner.host.generation = hosts[0].generation;
		owner.host.timestamp = hosts[0].timestamp;
		owner_judge(&owner, lease);
	}
	*ret_owner = owner;
	return 0;
}

/* -EEXIST: some process of this node has it already, perhaps the very one. */
static int acquire_exists(const struct vmha_lease *lease, pid_t pid, uint64_t lver,
			  struct vmha_err **err)
{
	uint64_t now = 0;
	int r = vmha_lease_held_by(lease, pid, &now, err);

	if (r < 0) {
		return r;
	}
	if (r == 0) {
		return vmha_err_set(err, -EBUSY, "lease %s is held by another process of this node",
				    lease->name);
	}
	if (lver && now != lver + 1) {
		return vmha_err_set(err, -EPERM,
				    "lease %s is held by pid %d already, at generation %llu "
				    "where %llu was expected",
				    lease->name, (int)pid, (unsigned long long)now,
				    (unsigned long long)(lver + 1));
	}
	return 0;
}

int vmha_lease_acquire(const struct vmha_lease *lease, pid_t pid, uint64_t lver,
		       struct vmha_err **err)
{
	struct sanlk_resource *list[1];
	union resource res;
	int r;

	resource_fill(lease, &res);
	list[0] = &res.res;
	if (lver) {
		res.res.flags |= SANLK_RES_LVER;
		res.res.lver = lver;
	}
	r = sanlock_acquire(-1, pid, 0, 1, list, NULL);
	if (r == -EEXIST) {
		return acquire_exists(lease, pid, lver, err);
	}
	if (r == -ESRCH) {
		return vmha_err_set(err, -ESRCH, "pid %d is not registered with sanlock", (int)pid);
	}
	return r < 0 ? vmha_sanlock_fail(err, r, "cannot take lease %s of volume %s for pid %d",
					 lease->name, lease->lockspace, (int)pid)
		     : 0;
}

int vmha_lease_reclaim(const struct vmha_lease *lease, struct vmha_err **err)
{
	struct sanlk_resource *list[1];
	vmha_autoclose int sock = sanlock_register();
	union resource res;
	int r;

	if (sock < 0) {
		return vmha_sanlock_fail(err, sock, "cannot register with sanlock");
	}
	(void)fcntl(sock, F_SETFD, FD_CLOEXEC);
	resource_fill(lease, &res);
	list[0] = &res.res;
	r = sanlock_acquire(sock, -1, SANLK_ACQUIRE_OWNER_NOWAIT, 1, list, NULL);
	r = r < 0 ? r : sanlock_release(sock, -1, SANLK_REL_ALL, 0, NULL);
	return r < 0 ? vmha_sanlock_fail(err, r, "cannot free lease %s of volume %s", lease->name,
					 lease->lockspace)
		     : 0;
}

static bool contended(int code)
{
	return code == -EBUSY || code == -EEXIST || code == -EAGAIN;
}

int vmha_lease_take(const struct vmha_lease *lease, int *ret_sock, struct vmha_err **err)
{
	struct sanlk_resource *list[1];
	vmha_autoclose int sock = sanlock_register();
	union resource res;
	int r;

	if (sock < 0) {
		return vmha_sanlock_fail(err, sock, "cannot register with sanlock");
	}
	(void)fcntl(sock, F_SETFD, FD_CLOEXEC);
	resource_fill(lease, &res);
	list[0] = &res.res;
	r = sanlock_acquire(sock, -1, SANLK_ACQUIRE_OWNER_NOWAIT, 1, list, NULL);
	if (contended(vmha_sanlock_errno(r))) {
		return vmha_err_set(err, -EBUSY, "lease %s of volume %s is held", lease->name,
				    lease->lockspace);
	}
	if (r < 0) {
		return vmha_sanlock_fail(err, r, "cannot take lease %s of volume %s", lease->name,
					 lease->lockspace);
	}
	*ret_sock = vmha_steal_fd(&sock);
	return 0;
}

void vmha_lease_give(int *sock)
{
	if (*sock >= 0) {
		(void)sanlock_release(*sock, -1, SANLK_REL_ALL, 0, NULL);
		vmha_cleanup_fd(sock);
		*sock = -1;
	}
}
