/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef VMHA_ROLE_VOLUME_H
#define VMHA_ROLE_VOLUME_H

#include <stddef.h>
#include <sys/types.h>

#include "lib/base/err.h"
#include "lib/core/record.h"
#include "lib/port/lease_sanlock.h"

/*
 * A volume: where its files are, its records, its roles, and who uses it on this node.
 *
 *   /clusterstorage/<volume>/.vmha/volume       struct vmha_volume_record
 *   /clusterstorage/<volume>/.vmha/lockspace    sanlock lockspace, named as the volume; and
 *   /clusterstorage/<volume>/.vmha/leases       sanlock resource index and leases: not of gfs2
 *   /clusterstorage/<volume>/.vmha/health/NODE  written and read by each node's health check
 *   /clusterstorage/<volume>/.vmha/health/HOST.ask  written by commands, to ask the storage
 *   /clusterstorage/<volume>/.vmha/coordinator  struct vmha_coordinator_record
 *   /run/vmha/csv/<volume>.joined, .health      this node's records
 *   /run/vmha/csv/<volume>.leases, .device      of gfs2: where the leases lie on which device
 *   /run/vmha/csv/<volume>.coordinator          "PID START-TICKS" of this node's vmha-coordinator
 *   /run/vmha/csv/<volume>.leaving              there while ocf:vmha:csv leaves: none is to run
 *   /run/vmha/csv/<volume>.ask                  locked by whoever asks the storage
 */
#define VMHA_VOLUME_META ".vmha"
#define VMHA_UNPROTECTED "/run/vmha/unprotected" /* a VM of this node runs without protection */
/* Prefix of a node attribute, then the volume: "ID BYTES BYTES-OF-DEVICE" as the node sees it. */
#define VMHA_VOLUME_FACTS   "vmha-volume-"
#define VMHA_HOST_ID_MAX    2000 /* sanlock's; corosync allows larger node ids */
#define VMHA_IO_TIMEOUT_MIN 1
#define VMHA_IO_TIMEOUT_MAX 60

enum vmha_volume_file {
	VMHA_VOLUME_DIR,
	VMHA_VOLUME_META_DIR,
	VMHA_VOLUME_RECORD,
	VMHA_VOLUME_LOCKSPACE,
	VMHA_VOLUME_LEASES,
	VMHA_VOLUME_HEALTH_DIR,
	VMHA_VOLUME_JOINED,
	VMHA_VOLUME_HEALTH,
	VMHA_VOLUME_RENEWALS,
	VMHA_VOLUME_COORDINATOR, /* the record on the volume */
	VMHA_VOLUME_COORDINATOR_PID,
	VMHA_VOLUME_LEAVING,
	VMHA_VOLUME_LEASES_RECORD,
	VMHA_VOLUME_DEVICE, /* a symbolic link, so that its path is the same in every cluster */
	VMHA_VOLUME_ASK,
};

/** Path of a volume's file. @param[out] path VMHA_PATH_SIZE bytes */
void vmha_volume_path(const char *volume, enum vmha_volume_file file, char *path);

/**
 * The lockspace as sanlock wants it: in files of the volume, or where this node's record of its
 * device says.
 * @return 0; -EBADMSG that record is damaged
 */
int vmha_volume_lockspace(const char *volume, uint64_t host_id, struct vmha_lockspace *ret_ls,
			  struct vmha_err **err);
/** The index of its leases. @return as vmha_volume_lockspace() */
int vmha_volume_leases(const char *volume, struct vmha_lease_index *ret_index,
		       struct vmha_err **err);

/**
 * Read a record of the volume's.
 * @param file VMHA_VOLUME_RECORD, _JOINED, _HEALTH, _RENEWALS, _LEASES_RECORD or _COORDINATOR
 * @return 0; -ENOENT there is none; -EBADMSG damaged; negative errno
 */
int vmha_volume_load(const char *volume, enum vmha_volume_file file, void *ret_record,
		     struct vmha_err **err);
int vmha_volume_store(const char *volume, enum vmha_volume_file file, const void *record,
		      struct vmha_err **err);
/** The volume's own record, below any directory. @return as vmha_volume_load() */
int vmha_volume_load_at(const char *dir, struct vmha_volume_record *ret_record,
			struct vmha_err **err);
int vmha_volume_store_at(const char *dir, const struct vmha_volume_record *record,
			 struct vmha_err **err);

struct vmha_names {
	char (*names)[VMHA_NAME_SIZE];
	size_t count;
};
void vmha_names_free(struct vmha_names *names);
#define vmha_autonames __attribute__((cleanup(vmha_names_free)))

/** Names of the roles on the volume, sorted. */
int vmha_volume_roles(const char *volume, struct vmha_names *ret_names, struct vmha_err **err);
/** Names of all directories below /clusterstorage that could be volumes, sorted.  None of them is
 * touched: the storage of one may hang. */
int vmha_volumes_list(struct vmha_names *ret_names, struct vmha_err **err);

/** A QEMU process of this node that has something of the volume open or on its command line. */
struct vmha_user {
	pid_t pid;
	uint64_t start_ticks;
	char vm[256]; /* its guest's name, "pid N" when it has none */
};

/**
 * Search /proc for QEMU processes that use the volume; never touches the volume itself.
 * @param volume NULL: any volume
 * @return 0, caller frees *ret_users; negative errno: not to be taken for "none" (I4)
 */
int vmha_volume_users(const char *volume, struct vmha_user **ret_users, size_t *ret_count,
		      struct vmha_err **err);

/**
 * As vmha_volume_users(), but every process that has something of the volume open, runs from it or
 * stands in it, under its program's name.
 */
int vmha_volume_holders(const char *volume, struct vmha_user **ret_users, size_t *ret_count,
			struct vmha_err **err);

#endif
