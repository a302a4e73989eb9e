/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef VMHA_ROLE_MOUNTED_H
#define VMHA_ROLE_MOUNTED_H

#include <stdbool.h>

#include "lib/base/err.h"
#include "lib/base/mono.h"
#include "lib/core/volumemount.h"
#include "lib/role/volume.h"

/* How a volume is mounted on this node, and what its cluster file system says of itself.  None of
 * it touches the volume: its storage may hang. */

/** @return 1 something is mounted at the volume's place; 0 nothing; negative errno */
int vmha_volume_mount_read(const char *volume, struct vmha_mount *ret_mount, struct vmha_err **err);

/** Is that the volume's device? Another name of the same one is. @return 0; -ENODEV it is gone;
 * -EBADMSG, in words */
int vmha_volume_mount_check(const char *volume, enum vmha_volume_type type, const char *device,
			    const struct vmha_mount *mount, struct vmha_err **err);

/** Does GFS2 have the volume on this node, wherever it is mounted, in other namespaces too? */
bool vmha_volume_gfs2_active(const char *volume);

/** Has the volume's GFS2 given itself up on this node, after an I/O error or damage? */
bool vmha_volume_withdrawn(const char *volume);

/** Does dlm_controld run here? Asks its tool, which may take up to @limit. */
bool vmha_controld_alive(struct vmha_span limit);
/** What GFS2's lockspace of the volume waits for. @return 0; negative errno: not known */
int vmha_volume_dlm_wait(const char *volume, struct vmha_span limit, enum vmha_dlm_wait *ret_wait);

/** What is wrong with a mounted volume of type gfs2 by these two, in words; "" nothing.
 * @return @text */
const char *vmha_volume_gfs2_trouble(const char *volume, struct vmha_span limit, char *text,
				     size_t size);

/**
 * Mount with mount(8), at a directory that must exist.
 * @param options as mount(8) takes them
 * @return 0; -EUSERS a GFS2 without a journal for this node; -ETIMEDOUT; -EIO mount's own words
 */
int vmha_mount_run(enum vmha_volume_type type, const char *options, const char *device,
		   const char *place, struct vmha_span limit, struct vmha_err **err);

#endif
