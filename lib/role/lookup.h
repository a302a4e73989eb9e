/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef VMHA_ROLE_LOOKUP_H
#define VMHA_ROLE_LOOKUP_H

#include "lib/role/role.h"

/**
 * The role's directory was removed: let every node that has the volume look its name up, so that
 * what it has cached of it goes.  By clusterd, best effort, at most half a second.
 *
 * A directory on GFS2 that another node removes:
 *
 *   node 1                           node 2                        node 3
 *   looked up web1/web1.role: the
 *   directory's inode is cached,
 *   its iopen glock held (shared)
 *                                    vm remove: rmdir web1
 *                                    wants the iopen glock
 *                                    exclusive, to free the
 *                                    inode: waits for node 1
 *   nothing ever looks again
 *                                                                  umount: waits for ever in
 *                                                                  gfs2_gl_hash_clear()
 *
 * A lookup of the name finds the entry stale and drops it, and with it the glock (kernel 6.1).
 */
void vmha_role_lookup(const struct vmha_role *role);

#endif
