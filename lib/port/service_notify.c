/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lib/port/service_notify.h"

#include <systemd/sd-daemon.h>

void vmha_service_ready(const char *status)
{
	(void)sd_notifyf(0, "READY=1\nSTATUS=%s", status);
}

void vmha_service_stopping(void)
{
	(void)sd_notify(0, "STOPPING=1");
}

void vmha_service_alive(void)
{
	(void)sd_notify(0, "WATCHDOG=1");
}

struct vmha_span vmha_service_alive_every(void)
{
	uint64_t usec = 0;

	if (sd_watchdog_enabled(0, &usec) <= 0) {
		return (struct vmha_span){ .ns = 0 };
	}
	return (struct vmha_span){ .ns = (int64_t)(usec / 3) * 1000 };
}
