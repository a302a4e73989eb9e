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
	char path[VMHA_PATH_SIZE]; /* a file, or the device it lies on */
	uint64_t offset;	   /* bytes; of a file: 0 */
	uint64_t host_id;	   /* corosync nodeid */
};

/* Sanlock's index of the leases of a lockspace; the leases follow it. */
struct vmha_lease_index {
	char lockspace[VMHA_NAME_SIZE];
	char path[VMHA_PATH_SIZE];
	uint64_t offset;
	uint64_t max; /* leases it is formatted for; 0: as many as sanlock takes by itself */
};

struct vmha_lease {
	char lockspace[VMHA_NAME_SIZE];
	char name[VMHA_NAME_SIZE]; /* the role's name */
	char path[VMHA_PATH_SIZE]; /* that of its index */
	uint64_t offset;	   /* bytes from the beginning of @path */
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
	bool takeable; /* an acquire may succeed now: free, or its owner's host id was released, is
			  dead or has a newer generation.  Says nothing of the owner record. */
	uint64_t lver; /* raised by every acquire; stays after release */
	/* owner: id and generation of the lease; state of that host id by the lockspace, and
	 * UNKNOWN when not joined; io_timeout_s 0 when not joined */
	struct vmha_host host;
};

/*
 * Times that follow from io_timeout, in seconds: see struct vmha_lease_times.
 */
unsigned int vmha_sanlock_renewal_s(unsigned int io_timeout_s);	     /* 2x: how often it renews */
unsigned int vmha_sanlock_renewal_warn_s(unsigned int io_timeout_s); /* 6x: sanlock itself warns */
unsigned int vmha_sanlock_renewal_fail_s(unsigned int io_timeout_s); /* 8x: holders are killed */
unsigned int vmha_sanlock_host_dead_s(unsigned int io_timeout_s);    /* 8x + 60: others take over */
unsigned int vmha_sanlock_join_s(unsigned int io_timeout_s); /* 2x + 1: our own or a free host id */

/** A code of libsanlock as negative errno: the -2xx by meaning, and -1 (the daemon went away in the
 * middle of its answer) as -ECONNREFUSED. */
int vmha_sanlock_errno(int rv);

/** Record a failed call: "what: sanlock's words (sanlock code -243)". @return
 * vmha_sanlock_errno(rv), -ECONNREFUSED where the daemon is not there at all */
int vmha_sanlock_fail(struct vmha_err **err, int rv, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/** Does the daemon answer? */
bool vmha_sanlock_alive(void);

/** Bytes that one lockspace or one lease takes at @path: 1 MiB, on storage with 4 KiB sectors 8
 * MiB.
 * @path is a file on the volume, or its directory. @return bytes; negative errno: no O_DIRECT there
 */
int64_t vmha_sanlock_align_bytes(const char *path, struct vmha_err **err);

/** Write an empty lockspace (2000 hosts) at @ls->path, which must exist (a file of at least
 * vmha_sanlock_align_bytes()). */
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
/** @param[out] ret_host_id ours, when 1; may be NULL. @return 1 joined; 0 not; -EEXIST joined, but
 * from another place; -EBUSY joining or leaving; -ECONNREFUSED daemon silent */
int vmha_lockspace_joined(const struct vmha_lockspace *ls, uint64_t *ret_host_id,
			  struct vmha_err **err);
/** As vmha_lockspace_joined(), wherever it lies. @return 1, also while joining or leaving; 0;
 * -ECONNREFUSED */
int vmha_lockspace_joined_name(const char *name, struct vmha_err **err);
/** "live", "left" (released its host id), ... for people */
const char *vmha_host_state_name(enum vmha_host_state state);
/** All hosts ever seen. @return 0, caller frees; -ENOENT not joined; -EAGAIN joined this moment,
 * ask again */
int vmha_lockspace_hosts(const char *name, struct vmha_host **ret_hosts, size_t *ret_count,
			 struct vmha_err **err);
/** One host. @return 0; -ENOENT not joined */
int vmha_lockspace_host(const char *name, uint64_t host_id, struct vmha_host *ret_host,
			struct vmha_err **err);

#define VMHA_ADMIN_LEASE       "volume-admin"
#define VMHA_COORDINATOR_LEASE "volume-coordinator"

/**
 * Write an empty index of leases, with VMHA_ADMIN_LEASE as its first.  Index and leases lie in one
 * file, which must exist and grows by vmha_sanlock_align_bytes() a lease, or on one device.  Works
 * without having joined the lockspace; creating further leases does not, and wants the admin lock
 * held: sanlock's index takes a name twice.
 */
int vmha_leases_format(const struct vmha_lease_index *index, struct vmha_err **err);
/** @return 0; -EEXIST; -ENOSPC not joined, or index full */
int vmha_lease_create(const struct vmha_lease_index *index, const char *name,
		      struct vmha_lease *ret_lease, struct vmha_err **err);
/** @return 0, also when it is not there */
int vmha_lease_delete(const struct vmha_lease_index *index, const struct vmha_lease *lease,
		      struct vmha_err **err);
/** @return 0; -ENOENT no lease of that name */
int vmha_lease_find(const struct vmha_lease_index *index, const char *name,
		    struct vmha_lease *ret_lease, struct vmha_err **err);
/** All leases, VMHA_ADMIN_LEASE too, read from storage: needs no daemon. @return 0, caller frees */
int vmha_leases_list(const struct vmha_lease_index *index, struct vmha_lease **ret_leases,
		     size_t *ret_count, struct vmha_err **err);

/** Who holds the lease, read from storage. */
int vmha_lease_owner(const struct vmha_lease *lease, struct vmha_lease_owner *ret_owner,
		     struct vmha_err **err);

/**
 * Has another host held the lease at a generation above @lver?  The lease itself does not tell once
 * this host has taken and released it again; each host's own block of its last acquire does.
 * @param except_host_id this host's
 * @return 1 yes (*ret_host_id which); 0 no; negative errno: cannot be told
 */
int vmha_lease_taken_since(const struct vmha_lease *lease, uint64_t lver, uint64_t except_host_id,
			   uint64_t *ret_host_id, struct vmha_err **err);

/**
 * Take the lease for a process that is registered with sanlock.
 * @param lver 0: at any generation; else only if the lease's lver is exactly this (it is then one
 *             higher)
 * @return 0, also when @pid holds it already; -EPERM wrong lver (-240); -EBUSY held by another host
 * or within its grace (-243, -244, -245); -ESRCH @pid is not registered; -ENOSPC not joined;
 * negative errno
 */
int vmha_lease_acquire(const struct vmha_lease *lease, pid_t pid, uint64_t lver,
		       struct vmha_err **err);

/**
 * Free a lease that the storage says this node has while no process of it does: storage failed when
 * it was released.  sanlock lets only its own host do so, and only when none of its processes has
 * it.
 * @return 0 free; -EBUSY or -EEXIST somebody has it; negative errno
 */
int vmha_lease_reclaim(const struct vmha_lease *lease, struct vmha_err **err);

/**
 * Does @pid hold the lease?
 * @param[out] ret_lver while held
 * @return 1 held; 0 registered, not held; -ESRCH not registered; -ECONNREFUSED sanlock silent;
 * negative errno
 */
int vmha_lease_held_by(const struct vmha_lease *lease, pid_t pid, uint64_t *ret_lver,
		       struct vmha_err **err);

/**
 * Take a lease for this process, at once or not at all; it ends with the process too.
 * @param[out] ret_sock no child may inherit it
 * @return 0; -EBUSY held elsewhere, or its dead holder's time is not over;
 * negative errno
 */
int vmha_lease_take(const struct vmha_lease *lease, int *ret_sock, struct vmha_err **err);
/** Give back what vmha_lease_take() took; *sock is -1 then. */
void vmha_lease_give(int *sock);

#endif
