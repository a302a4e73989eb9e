/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef VMHA_ROLE_CONNECT_H
#define VMHA_ROLE_CONNECT_H

#include "lib/base/str.h"
#include "lib/core/plan.h"
#include "lib/port/tcpprobe.h"
#include "lib/role/moving.h"

/* Which network a move goes over: the first in order over which the target's libvirtd answers. */
struct vmha_connect {
	const struct vmha_plan *plan;
	struct vmha_probe probes[VMHA_PLAN_NETWORKS_MAX];
	struct vmha_mono deadline; /* of all attempts together, until memory flows */
	unsigned int tried;
	struct vmha_str failures; /* "NAME (ADDRESS): why; ..." for people */
};

void vmha_connect_begin(struct vmha_connect *c, const struct vmha_plan *plan);
void vmha_connect_free(struct vmha_connect *c);
#define vmha_autoconnect __attribute__((cleanup(vmha_connect_free)))

/**
 * Find the next network that works; @m's network and address are set, each attempt that failed is
 * told.
 * @return 0; -ENETUNREACH none is left: @err names each with its error
 */
int vmha_connect_next(const struct vmha_action *act, struct vmha_connect *c, struct vmha_moving *m,
		      struct vmha_err **err);

/** The one that vmha_connect_next() found has failed before memory flowed. */
void vmha_connect_failed(struct vmha_connect *c, struct vmha_moving *m, const char *why);

/** Does @node answer this one over any of @plan's networks, within four seconds?
 * @return 0; -ENETUNREACH: @err names each network with its error */
int vmha_connect_any(const struct vmha_action *act, const struct vmha_plan *plan, const char *node,
		     struct vmha_err **err);

#endif
