/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef VMHA_CSV_CSV_H
#define VMHA_CSV_CSV_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/base/err.h"
#include "lib/base/mono.h"
#include "lib/core/volumetype.h"
#include "lib/role/ocf.h"
#include "lib/role/volume.h"

/* ocf:vmha:csv: joins and leaves a volume's lockspace, watches its health. */

struct csv_params {
	const char *volume;
	enum vmha_volume_type type;
	enum vmha_volume_lock lock;
	const char *path;
	const char *device;	   /* of gfs2 and nfs, else NULL */
	const char *options;	   /* of its mount, or "" */
	const char *id;		   /* NULL: not checked */
	unsigned int io_timeout_s; /* 0: as the volume's record has it */
	bool probe;
	uint64_t epoch;		   /* vmha-coordinator only: the one asked for */
	const char *vm;		   /* likewise: to be looked up */
	struct vmha_mono deadline; /* a moment before Pacemaker's own time-out of this action */
};

/** vmha_ocf_fail() of a formatted text. @return rc */
enum vmha_ocf csv_fail(enum vmha_ocf rc, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

enum vmha_ocf csv_start(const struct csv_params *p);
enum vmha_ocf csv_stop(const struct csv_params *p);
enum vmha_ocf csv_monitor(const struct csv_params *p);
void csv_meta_data(void);

/* What a question to something that may hang brings back. */
struct csv_answer {
	int code;
	uint64_t value[4];
	char text[1024]; /* of the error */
};

/**
 * Run @fn in a child until @deadline: sanlock and storage may never answer, and an action that
 * waits for them is killed by Pacemaker without having said anything.
 * @param[out] ret_hung pid of a child that did not end even when killed, else 0; may be NULL
 * @return answer->code; -ETIMEDOUT
 */
int csv_ask(int (*fn)(const struct csv_params *p, struct csv_answer *answer, struct vmha_err **err),
	    const struct csv_params *p, struct vmha_mono deadline, struct csv_answer *answer,
	    pid_t *ret_hung);

/** "VMs web1, web2" (or "VM web1"). @param[out] text of @size bytes */
const char *csv_users_text(const struct vmha_user *users, size_t count, char *text, size_t size);

/** Mount or find the volume at its place. @param[out] ret_mounted whether the mount is ours */
int csv_mount(const struct csv_params *p, bool *ret_mounted, struct vmha_err **err);
int csv_umount(const struct csv_params *p, struct vmha_err **err);

/* Types that this agent mounts itself: gfs2 and nfs. */
/** Mount at @place, or find it mounted there already. Waits for a journal of GFS2 until the
 * action's deadline. */
int csv_mount_own(const struct csv_params *p, const char *place, struct vmha_err **err);
/** Is the device of this node as large as the one that the volume was made on? */
int csv_size_check(const struct csv_params *p, const struct vmha_volume_record *record,
		   struct vmha_err **err);
/** Make known on this node where the volume's leases lie. @return 0; -EBADMSG they are another
 * volume's, or their header is damaged; -ETIMEDOUT */
int csv_leases_find(const struct csv_params *p, const struct vmha_volume_record *record,
		    struct vmha_err **err);
/** When it has been left. */
void csv_leases_forget(const char *volume);
/** Unmount, bounded by the action's deadline; other processes than VMs that use the volume are
 * ended. @return -EBUSY who uses it is said; -ETIMEDOUT storage hangs */
int csv_umount_own(const struct csv_params *p, struct vmha_err **err);
/** Is anything mounted there, or is that unknown? */
bool csv_mounted_own(const struct csv_params *p);
/** Still mounted, of the right device, and not given up by GFS2? Never touches the volume. */
int csv_mount_check(const struct csv_params *p, struct vmha_err **err);
/** What a cluster file system that hangs waits for: " (words)" or "". @return @text */
const char *csv_mount_trouble(const struct csv_params *p, char *text, size_t size);

/**
 * The volume's locks, once it is mounted: joins its DLM lockspace where it has one.
 * @return 0; -EHOSTDOWN no DLM; -ETIMEDOUT
 */
int csv_locks_begin(const struct csv_params *p, struct vmha_err **err);
/** Before it is unmounted: ends its coordinator on this node, leaves the lockspace. */
int csv_locks_end(const struct csv_params *p, struct vmha_err **err);

/** Tell the cluster what this node sees as the volume, or that it does not any more. */
void csv_facts_publish(const struct csv_params *p);
void csv_facts_withdraw(const struct csv_params *p);

/** The volume's record, checked against the parameters: this very volume. */
int csv_record_check(const struct csv_params *p, struct vmha_volume_record *ret_record,
		     struct vmha_err **err);

/**
 * Direct write and read of this node's health file, bounded in time.
 * @param[out] ret_silent_s seconds since the last good check
 * @return 0; -ETIMEDOUT storage hangs; negative errno
 */
int csv_health_check(const struct csv_params *p, struct vmha_mono deadline, int64_t *ret_silent_s,
		     struct vmha_err **err);

/** Tell the journal of events when this node's renewals are late, and when they are in time again;
 * bounded, changes nothing. */
void csv_renewals_watch(const struct csv_params *p, const struct vmha_joined_record *joined);

/**
 * Direct read of a gfs2 volume's device, past the file system and its locks; bounded in time.
 * @return 0 it answers; 1 it fails; -ETIMEDOUT it hangs, for now; negative errno: it could not be
 * asked, which is neither
 */
int csv_device_lost(const struct csv_params *p, struct vmha_mono deadline);

/** Seconds since all was last found well here. */
int64_t csv_health_silent_s(const struct csv_params *p);

/** Run by csv_ask(): value[0] is 1 joined, 0 not; [1] host id; [2] age of the last renewal that was
 * seen, s; [3] io_timeout, s. */
int csv_ask_lockspace(const struct csv_params *p, struct csv_answer *answer, struct vmha_err **err);
/** Run by csv_ask() on a node that has not joined: does another host use its host id? Takes a
 * renewal's interval where this node's former life has not left it. @return 0 no; -EADDRINUSE who
 */
int csv_ask_clash(const struct csv_params *p, struct csv_answer *answer, struct vmha_err **err);
/** Run by csv_ask(): joins with this node's id, or finds it joined; value[0] is the host id. */
int csv_ask_join(const struct csv_params *p, struct csv_answer *answer, struct vmha_err **err);
/** Run by csv_ask(). */
int csv_ask_leave(const struct csv_params *p, struct csv_answer *answer, struct vmha_err **err);

#endif
