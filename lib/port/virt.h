/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef VMHA_PORT_VIRT_H
#define VMHA_PORT_VIRT_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "lib/base/err.h"
#include "lib/base/mono.h"
#include "lib/core/evidence.h"

/*
 * libvirt behind one interface.  Every call has a deadline: it runs in a forked child that is
 * killed and abandoned when libvirtd does not answer in time (-ETIMEDOUT; -ECONNREFUSED: no daemon
 * there).
 */

/** What libvirtd says of a domain. @return 0 with the witness (SILENT when it does not answer);
 * negative errno only for our own failures */
int vmha_virt_ask(const char *uuid, struct vmha_span timeout, enum vmha_virt_witness *ret_witness,
		  struct vmha_err **err);

#endif
