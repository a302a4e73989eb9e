/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef VMHA_CORE_DEVICE_H
#define VMHA_CORE_DEVICE_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/base/err.h"
#include "lib/core/record.h"

/* What a node sees of a block device, and what follows for a volume to be made on it; pure. */
struct vmha_device {
	char path[VMHA_PATH_SIZE]; /* as it was given */
	bool block;
	bool read_only;
	uint64_t size_bytes;
	unsigned int sector_bytes; /* logical */
	char type[64];		   /* of what is on it, as libblkid calls it; "" nothing */
	char label[128];	   /* of a GFS2: CLUSTER:NAME */
	char uuid[64];		   /* of its file system, or "" */
	char used[256];		   /* who uses it on this node, in words: "mounted at /x"; or "" */
};

/* How a GFS2 lies on a device; all sizes follow from the device's. */
struct vmha_gfs2_plan {
	unsigned int journals;
	unsigned int journal_mib;
	char table[64]; /* CLUSTER:VOLUME */
	/* behind the file system: lockspace, index, leases; bytes from the device's beginning */
	uint64_t lockspace_offset; /* the file system ends here */
	uint64_t index_offset;
	uint64_t leases_max;
};

#define VMHA_GFS2_CLUSTER_MAX  32 /* mkfs.gfs2(8) */
#define VMHA_GFS2_NAME_MAX     30
#define VMHA_GFS2_JOURNALS_MAX 64

/** What is on the device, for people: "a GFS2 file system (lab:vol1)"; or "nothing". */
const char *vmha_device_found(const struct vmha_device *d, char *text, size_t size);

/**
 * May a file system be made on it?
 * @param force what is on it may be lost; what uses it may not
 * @return 0; -ENOTBLK, -EROFS, -EBUSY in use; -EEXIST it holds something, named in @err
 */
int vmha_device_check(const struct vmha_device *d, bool force, struct vmha_err **err);

/**
 * Journals and their size; and how much of the device's end is kept for leases, which must not wait
 * for the file system: it stands still on all nodes while one of them is lost.
 * @param nodes of corosync's list
 * @param journals wanted; 0: one for each node, two at least
 * @return 0; -EINVAL names that GFS2 cannot take, or too few journals; -ENOSPC the device is too
 * small
 */
int vmha_gfs2_plan(const struct vmha_device *d, const char *cluster, const char *volume,
		   unsigned int nodes, unsigned int journals, struct vmha_gfs2_plan *ret_plan,
		   struct vmha_err **err);

/**
 * Is it this very volume's GFS2?
 * @param id its UUID; NULL: not checked
 * @return 0; -ENOTBLK; -EBADMSG other content, named in @err
 */
int vmha_gfs2_is(const struct vmha_device *d, const char *cluster, const char *volume,
		 const char *id, struct vmha_err **err);

#define VMHA_GFS2_HEADER_BYTES 4096

/** Where the header of the leases has its copy at the end of a device of that size: behind the 2000
 * hosts of the lockspace. @return bytes from its beginning; 0: it is too small */
uint64_t vmha_gfs2_header_copy_at(const struct vmha_device *d);

/**
 * Are the leases that its header names on this device as this node sees it?  They lie at its end.
 * @return 0; -ENOSPC it is smaller here; -EINVAL its sectors have another size here
 */
int vmha_gfs2_leases_fit(const struct vmha_device *d, const struct vmha_leases_record *leases,
			 struct vmha_err **err);

/** Is it large enough for a volume that was made on @made_bytes? @param made_bytes 0: not known.
 * @return 0; -ENOSPC */
int vmha_device_size_check(const struct vmha_device *d, uint64_t made_bytes, struct vmha_err **err);

#endif
