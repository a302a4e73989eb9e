/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lib/role/ocf.h"

#include <stdio.h>
#include <stdlib.h>

#include "lib/base/log.h"
#include "lib/base/str.h"

const char *vmha_ocf_text(const char *name, const char *otherwise)
{
	const char *value = getenv(name);

	return value && *value ? value : otherwise;
}

uint64_t vmha_ocf_number(const char *name, uint64_t otherwise)
{
	const char *value = getenv(name);
	uint64_t n = 0;

	return value && vmha_str_u64(value, 0, INT32_MAX, &n) == 0 ? n : otherwise;
}

int vmha_ocf_fail(enum vmha_ocf code, const char *text)
{
	vmha_log(code == OCF_DEGRADED ? VMHA_LOG_WARNING : VMHA_LOG_ERROR, "%s", text);
	(void)fprintf(stderr, "ocf-exit-reason:%s\n", text);
	return (int)code;
}
