/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef VMHA_PORT_TCPPROBE_H
#define VMHA_PORT_TCPPROBE_H

#include <stddef.h>
#include <stdint.h>

#include "lib/base/mono.h"

/* One address to be connected to. */
struct vmha_probe {
	const char *address; /* numeric, v4 or v6 */
	const char *local;   /* own address the connection must come from; NULL or "": any */
	uint16_t port;
	int result; /* -EINPROGRESS not known yet; 0 connected; -ETIMEDOUT; -EADDRNOTAVAIL the way
		     * there leads over another network; other negative errno */
	int64_t waited_ms; /* when -ETIMEDOUT */
};

/**
 * Connect to all at once, until the best is known: the first in order that connects, once all
 * before it have failed or had their @patience.  Those already known (result not -EINPROGRESS) are
 * left alone, later ones may stay unknown.
 * @param patience for those in order before one that has connected; longer than a round trip
 * @param timeout while none has connected: the kernel asks again after 1, 3 and 7 s what a network
 *                that is full lost
 * @return index of the first that connects; -1: none does
 */
int vmha_probe_first(struct vmha_probe *probes, size_t count, struct vmha_span patience,
		     struct vmha_span timeout);

#endif
