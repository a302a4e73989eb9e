/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef VMHA_PORT_DEVICE_H
#define VMHA_PORT_DEVICE_H

#include "lib/base/err.h"
#include "lib/core/device.h"

/* Block devices of this node.  They may hang: call it in a child, or under an action's time-out. */

/**
 * Look at a device: size, what is on it, who uses it here.
 * @return 0, also for something that is no block device (then only path and block are filled);
 * -ENOENT it is not there; negative errno: cannot be read
 */
int vmha_device_read(const char *path, struct vmha_device *ret_device, struct vmha_err **err);

/** Erase the signatures that name what is on the device, and what is before a GFS2; refused while
 * it is in use here. */
int vmha_device_wipe(const char *path, struct vmha_err **err);

#endif
