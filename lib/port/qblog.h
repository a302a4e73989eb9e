/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef VMHA_PORT_QBLOG_H
#define VMHA_PORT_QBLOG_H

#include <stdbool.h>

#include "lib/base/log.h"

/* The daemons' log, by libqb: one line an event. */

/**
 * @param name    of the daemon in syslog
 * @param to_tty  on standard error instead of syslog
 * @param debug   VMHA_LOG_DEBUG too
 */
void vmha_qblog_open(const char *name, bool to_tty, bool debug);

void vmha_qblog(enum vmha_log_level level, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

void vmha_qblog_close(void);

#endif
