/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef VMHA_PORT_LEASE_LAYOUT_H
#define VMHA_PORT_LEASE_LAYOUT_H

#include <stdint.h>

#include "lib/base/err.h"

/* Internal to the sanlock port: how leases lie on this storage. */
struct vmha_lease_layout {
	unsigned int sector_bytes;
	unsigned int align_bytes; /* of one lockspace, of one lease */
	uint32_t flags;		  /* SANLK_LSF_*, the same numbers as SANLK_RES_* and SANLK_RIF_* */
};

int vmha_lease_layout(const char *path, struct vmha_lease_layout *ret_layout,
		      struct vmha_err **err);

#endif
