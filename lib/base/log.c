/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lib/base/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *const level_names[] = {
	[VMHA_LOG_ERROR] = "error",
	[VMHA_LOG_WARNING] = "warning",
	[VMHA_LOG_INFO] = "info",
	[VMHA_LOG_DEBUG] = "debug",
};

/* One event is one line, whatever a library's message holds. */
static void line_flatten(char *line)
{
	size_t len = strlen(line);

	while (len && line[len - 1] == '\n') {
		line[--len] = '\0';
	}
	for (; *line; line++) {
		if (*line == '\n' || *line == '\r') {
			*line = ' ';
		}
	}
}

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
	line_flatten(line);
	(void)dprintf(STDERR_FILENO, "vmha %s: %s\n", level_names[level], line);
}
