/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef VMHA_ROLE_PRECHECK_H
#define VMHA_ROLE_PRECHECK_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/port/move_json.h"
#include "lib/role/action.h"

#define VMHA_CHECKS_MAX 64

struct vmha_plan;

/**
 * Can this node take the guest?  To be run where it is to go, before anything moves: its
 * definition, memory, CPU, machine type, networks, disks, and the volume with its lease.
 * @param ways to the source ("address" is the source's); NULL: not checked
 * @param all  false: once something is wrong neither libvirt nor the source is asked
 * @param[out] checks VMHA_CHECKS_MAX of them, good ones too
 * @return how many; negative errno when they could not be made at all
 */
int vmha_precheck(const struct vmha_action *act, const struct vmha_plan *ways, bool all,
		  struct vmha_check *checks, struct vmha_err **err);

/**
 * Is there enough free memory?  @return what is wrong, for the caller to free; NULL: nothing
 * @param meminfo text of /proc/meminfo
 */
char *vmha_precheck_memory(const char *meminfo, uint64_t need_bytes, const char *node,
			   const char *vm);

/** "4", "GiB" of libvirt's <memory> in bytes, 0 where not understood; @param unit NULL: KiB */
uint64_t vmha_precheck_bytes(const char *number, const char *unit);

#endif
