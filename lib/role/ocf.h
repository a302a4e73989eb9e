/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef VMHA_ROLE_OCF_H
#define VMHA_ROLE_OCF_H

#include <stdint.h>

/* What both resource agents have of the OCF resource agent API 1.1. */
enum vmha_ocf {
	OCF_SUCCESS = 0,
	OCF_ERR_GENERIC = 1,
	OCF_ERR_ARGS = 2,
	OCF_ERR_UNIMPLEMENTED = 3,
	OCF_ERR_PERM = 4,
	OCF_ERR_INSTALLED = 5,
	OCF_ERR_CONFIGURED = 6,
	OCF_NOT_RUNNING = 7,
	OCF_DEGRADED = 190,
};

/** @return variable @name of the environment; @otherwise when it is not set or empty */
const char *vmha_ocf_text(const char *name, const char *otherwise);
/** @return variable @name, a number up to INT32_MAX; @otherwise when it is none */
uint64_t vmha_ocf_number(const char *name, uint64_t otherwise);

/**
 * Say why, in the agent's log and in Pacemaker's status, which shows the first 128 characters (exit
 * reason): the main thing first.
 * @return code
 */
int vmha_ocf_fail(enum vmha_ocf code, const char *text);

#endif
