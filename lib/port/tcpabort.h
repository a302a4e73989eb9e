/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef VMHA_PORT_TCPABORT_H
#define VMHA_PORT_TCPABORT_H

#include <stdint.h>
#include <sys/types.h>

#include "lib/base/err.h"
#include "lib/base/mono.h"

/**
 * Abort the TCP connections of a process to one peer, as the kernel would after its last
 * retransmission: a QEMU that sends the end of its memory to a node that has vanished is deaf until
 * then, for a quarter of an hour.
 * @param address of the peer, numeric
 * @return how many; negative errno
 * @source sock_diag(7), SOCK_DESTROY
 */
int vmha_tcp_abort(pid_t pid, const char *address, struct vmha_err **err);

/**
 * Likewise of any process to one port of the peer, but only where the peer has sent nothing for
 * that long (since the connection was made, where it never has).
 */
int vmha_tcp_abort_silent(const char *address, uint16_t port, struct vmha_span silent,
			  struct vmha_err **err);

#endif
