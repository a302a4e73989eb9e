/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lib/base/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static const char *const level_names[] = {
	[VMHA_LOG_ERROR] = "error",
	[VMHA_LOG_WARNING] = "warning",
	[VMHA_LOG_INFO] = "info",
	[VMHA_LOG_DEBUG] = "debug",
};

void vmha_log(enum vmha_log_level level, const char *fmt, ...)
{
	char line[2048];
	va_list ap;

	if (level == VMHA_LOG_DEBUG && !getenv("VMHA_DEBUG")) {
		return;
	}
	va_start(ap, fmt);
	(void)vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	(void)dprintf(STDERR_FILENO, "vmha %s: %s\n", level_names[level], line);
}
