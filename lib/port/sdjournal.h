/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef VMHA_PORT_SDJOURNAL_H
#define VMHA_PORT_SDJOURNAL_H

#include <stddef.h>

/* systemd's journal. */

/**
 * Send one entry.  Without systemd nothing happens.
 * @param fields "NAME=value" each: MESSAGE=, PRIORITY=, VMHA_VM= ...
 */
void vmha_sdjournal_send(const char *const fields[], size_t count);

#endif
