/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef VMHA_PORT_LEASE_HEADER_H
#define VMHA_PORT_LEASE_HEADER_H

#include "lib/base/err.h"
#include "lib/core/device.h"
#include "lib/core/record.h"

/*
 * The header of a device on which a volume's leases lie outside of its file system: its record in
 * text, in the first 64 KiB, which GFS2 leaves alone, and once more there, so that a write that was
 * torn loses nothing.  fsck.gfs2 erases all of that room: a third copy lies behind the hosts of the
 * lockspace.  Read past the page cache, which holds what this node saw last.  The device may hang:
 * call it in a child, or under an action's time-out.
 */
#define VMHA_LEASE_HEADER_ROOM (64U << 10) /* bytes: GFS2's super block is behind them */

/**
 * The third copy is looked for by the device's size, and counts only for the GFS2 that is there.
 * @return 0; 1 by the third copy alone: to be written again; -ENOENT there is none; -EBADMSG
 * damaged; negative errno
 */
int vmha_lease_header_read(const struct vmha_device *d, struct vmha_leases_record *ret_record,
			   struct vmha_err **err);
int vmha_lease_header_write(const char *device, const struct vmha_leases_record *record,
			    struct vmha_err **err);

#endif
