/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef VMHA_PORT_SERVICE_NOTIFY_H
#define VMHA_PORT_SERVICE_NOTIFY_H

#include "lib/base/mono.h"

/* What the supervisor (systemd) is told; nothing happens without one. */

void vmha_service_ready(const char *status);
void vmha_service_stopping(void);
/** To be called from the main loop only, so that a stuck loop is noticed. */
void vmha_service_alive(void);
/** @return how often vmha_service_alive() is to be called; 0: nobody watches */
struct vmha_span vmha_service_alive_every(void);

#endif
