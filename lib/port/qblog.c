/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lib/port/qblog.h"

#include <qb/qblog.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <syslog.h>

#define LINE_BYTES 2048

void vmha_qblog_open(const char *name, bool to_tty, bool debug)
{
	uint8_t level = debug ? LOG_DEBUG : LOG_INFO;
	int32_t target = to_tty ? QB_LOG_STDERR : QB_LOG_SYSLOG;

	qb_log_init(name, LOG_DAEMON, level);
	(void)qb_log_ctl(QB_LOG_SYSLOG, QB_LOG_CONF_ENABLED, !to_tty);
	(void)qb_log_ctl(QB_LOG_STDERR, QB_LOG_CONF_ENABLED, to_tty);
	(void)qb_log_filter_ctl(target, QB_LOG_FILTER_CLEAR_ALL, QB_LOG_FILTER_FILE, "*",
				LOG_TRACE);
	/* ours, named by this file; of the library itself only what is wrong */
	(void)qb_log_filter_ctl(target, QB_LOG_FILTER_ADD, QB_LOG_FILTER_FILE, "vmha", level);
	(void)qb_log_filter_ctl(target, QB_LOG_FILTER_ADD, QB_LOG_FILTER_FILE, "*",
				debug ? LOG_DEBUG : LOG_ERR);
	(void)qb_log_format_set(QB_LOG_STDERR, "%T %p %b");
	(void)qb_log_format_set(QB_LOG_SYSLOG, "%p %b");
}

void vmha_qblog(enum vmha_log_level level, const char *fmt, ...)
{
	static const uint8_t priorities[] = {
		[VMHA_LOG_ERROR] = LOG_ERR,
		[VMHA_LOG_WARNING] = LOG_WARNING,
		[VMHA_LOG_INFO] = LOG_INFO,
		[VMHA_LOG_DEBUG] = LOG_DEBUG,
	};
	char line[LINE_BYTES];
	va_list ap;
	char *p;

	va_start(ap, fmt);
	(void)vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	for (p = line; *p; p++) { /* one event is one line, whatever a message holds */
		if (*p == '\n' || *p == '\r') {
			*p = ' ';
		}
	}
	qb_log_from_external_source("vmha", "vmha", "%s", priorities[level], 0, 0, line);
}

void vmha_qblog_close(void)
{
	qb_log_fini();
}
