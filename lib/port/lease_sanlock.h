/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef VMHA_PORT_LEASE_SANLOCK_H
#define VMHA_PORT_LEASE_SANLOCK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "lib/base/err.h"
#include "lib/core/record.h"

/*
 * sanlock behind one interface: lockspaces, resource index, leases.  Every call asks the local
 * daemon over its socket and may block for as long as the storage does: call it under an action's
 * time-out. -ECONNREFUSED (or -ENOENT): the daemon does not answer.  Sanlock's own codes (-2xx) are
 * turned into errno with words: see vmha_sanlock_errno().
 */
struct vmha_lockspace {		   /* one volume's */
	char name[VMHA_NAME_SIZE]; /* the volume's name */
	char path[VMHA_PATH_SIZE]; /* <mount>/.vmha/lockspace */
	uint64_t host_id;	   /* corosync nodeid */
};

struct vmha_lease {
	char lockspace[VMHA_NAME_SIZE];
	char name[VMHA_NAME_SIZE]; /* the role's name */
	char path[VMHA_PATH_SIZE]; /* <mount>/.vmha/leases */
	uint64_t offset;	   /* bytes */
};

enum vmha_host_state {
	VMHA_HOST_UNKNOWN,
	VMHA_HOST_FREE,
	VMHA_HOST_LIVE,
	VMHA_HOST_FAIL,
	VMHA_HOST_DEAD
};

struct vmha_host {
	uint64_t host_id;
	uint64_t generation;
	uint64_t timestamp; /* of its last renewal, its own monotonic seconds; 0: released */
	unsigned int io_timeout_s;
	enum vmha_host_state state;
};

struct vmha_lease_owner {
	bool held;     /* a released block counts as free */
	uint64_t lver; /* raised by every acquire; stays after release */
	struct vmha_host
		host; /* owner: id, generation of the lease; state by the lockspace, if joined */
};

/** Times that follow from io_timeout (sanlock src/timeouts.c, watchdog_fire_timeout 60 s compiled
 * in). */
unsigned int vmha_sanlock_renewal_s(unsigned int io_timeout_s); /* 2 x io_timeout */
unsigned int vmha_sanlock_renewal_fail_s(
	unsigned int io_timeout_s); /* 8 x io_timeout: holders are killed */
unsigned int vmha_sanlock_host_dead_s(unsigned int io_timeout_s); /* 8 x io_timeout + 60 */

/** 1 daemon answers; 0 it does not. */
bool vmha_sanlock_alive(void);

/** Write an empty lockspace (2000 hosts) at @ls->path, which must exist and be large enough (1
 * MiB). */
int vmha_lockspace_format(const struct vmha_lockspace *ls, unsigned int io_timeout_s,
			  struct vmha_err **err);
/** io_timeout written on storage. */
int vmha_lockspace_read(const struct vmha_lockspace *ls, unsigned int *ret_io_timeout_s,
			struct vmha_err **err);
/** Join; blocks for 2 x io_timeout + 1 s, or up to host_dead. @return 0, also when already joined
 * with that host id */
int vmha_lockspace_join(const struct vmha_lockspace *ls, unsigned int io_timeout_s,
			struct vmha_err **err);
/** Leave. @return -EBUSY while leases are held here (nothing is killed) */
int vmha_lockspace_leave(const struct vmha_lockspace *ls, struct vmha_err **err);
/** @return 1 joined with ls->host_id; 0 not; -EBUSY joining or leaving; -EEXIST with another host
 * id (ret_host_id) */
int vmha_lockspace_joined(const char *name, const char *path, uint64_t *ret_host_id,
			  struct vmha_err **err);
/** All hosts ever seen. @return 0; caller frees */
int vmha_lockspace_hosts(const char *name, struct vmha_host **ret_hosts, size_t *ret_count,
			 struct vmha_err **err);
/** One host, also without being joined is -ENOENT. */
int vmha_lockspace_host(const char *name, uint64_t host_id, struct vmha_host *ret_host,
			struct vmha_err **err);

/** Resource index and leases, one file. */
int vmha_leases_format(const char *lockspace, const char *path, struct vmha_err **err);
int vmha_lease_create(const char *lockspace, const char *path, const char *name,
		      struct vmha_lease *ret_lease, struct vmha_err **err);
int vmha_lease_delete(const struct vmha_lease *lease, struct vmha_err **err);
int vmha_lease_find(const char *lockspace, const char *path, const char *name,
		    struct vmha_lease *ret_lease, struct vmha_err **err);

/** Who holds the lease, read from storage. */
int vmha_lease_owner(const struct vmha_lease *lease, struct vmha_lease_owner *ret_owner,
		     struct vmha_err **err);

/**
 * Take the lease for a process that is registered with sanlock.
 * @param lver 0: at any generation; else only if the lease's lver is exactly this
 * @return 0; -EPERM wrong lver (-240); -EBUSY held by another host or within its grace (-243, -244,
 * -245); -ESRCH @pid is not registered; -ENOSPC not joined; negative errno
 */
int vmha_lease_acquire(const struct vmha_lease *lease, pid_t pid, uint64_t lver,
		       struct vmha_err **err);

/**
 * Does @pid hold the lease?
 * @param[out] ret_lver while held
 * @return 1 held; 0 registered, not held; -ESRCH not registered; -ECONNREFUSED sanlock silent;
 * negative errno
 */
int vmha_lease_held_by(const struct vmha_lease *lease, pid_t pid, uint64_t *ret_lver,
		       struct vmha_err **err);

/** Run @fn while this process holds the volume's admin lease ("volume-admin"). */
int vmha_admin_lock(const char *lockspace, const char *leases_path, int *ret_lock,
		    struct vmha_err **err);
void vmha_admin_unlock(int *lock);

#endif
