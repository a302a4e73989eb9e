/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef VMHA_BASE_LOG_H
#define VMHA_BASE_LOG_H

/*
 * Log of the short-lived processes: one line an event, `key=value` where it helps a search.  Goes
 * to standard error, which Pacemaker's executor puts into its own log under the resource's name.
 */
enum vmha_log_level {
	VMHA_LOG_ERROR,
	VMHA_LOG_WARNING,
	VMHA_LOG_INFO,
	VMHA_LOG_DEBUG, /* shown only with VMHA_DEBUG=1 in the environment */
};

void vmha_log(enum vmha_log_level level, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

#endif
