/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef VMHA_CLUSTERD_LOOP_H
#define VMHA_CLUSTERD_LOOP_H

#include "lib/port/ipc_server.h"

/** How libqb's IPC watches its descriptors on GLib's default loop. */
struct qb_ipcs_poll_handlers clusterd_loop_handlers(void);

#endif
