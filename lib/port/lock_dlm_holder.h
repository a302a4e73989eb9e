/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef VMHA_PORT_LOCK_DLM_HOLDER_H
#define VMHA_PORT_LOCK_DLM_HOLDER_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/port/lock_dlm.h"

/* @internal of lock_dlm*.c: what caller and holder send each other, a packet each. */
struct vmha_dlm_order {
	enum vmha_dlm_mode mode;
	bool nowait;
	bool has_value;
	unsigned char value[VMHA_DLM_VALUE_BYTES];
};

struct vmha_dlm_answer {
	int code; /* 0 or negative errno */
	struct vmha_dlm_value value;
};

/** The holder, in its own process: returns when the caller's end of @sock is closed. */
void vmha_dlm_hold(const char *lockspace, const char *resource, int sock);

/** In a process of their own: they may sleep in the kernel. @return 0 or negative errno */
int vmha_dlm_join_now(const char *lockspace);
int vmha_dlm_leave_now(const char *lockspace);

/** Is the kernel's part here, and this lockspace joined? Of sysfs: never blocks. */
bool vmha_dlm_in_kernel(const char *lockspace);

#endif
