/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef VMHA_ROLE_MONITOR_H
#define VMHA_ROLE_MONITOR_H

#include "lib/role/action.h"

enum vmha_monitor {
	VMHA_MONITOR_UNKNOWN, /* why in @err */
	VMHA_MONITOR_RUNNING,
	VMHA_MONITOR_DEGRADED, /* present, but it does not serve: why in @err */
	VMHA_MONITOR_FAILED,   /* it stands still, and its role wants it restarted: why in @err */
	VMHA_MONITOR_NOT_RUNNING,
};

/**
 * The thorough look: all witnesses, lease rule, records put right.
 * @return the answer; never fails otherwise
 */
enum vmha_monitor vmha_monitor(const struct vmha_action *act, struct vmha_err **err);

#endif
