/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lib/port/virtevent.h"

#include <errno.h>
#include <string.h>

static const char *const kinds[] = {
	[VMHA_VIRTEVENT_CONNECTED] = "connected", [VMHA_VIRTEVENT_DOMAIN] = "domain",
	[VMHA_VIRTEVENT_LISTED] = "listed",	  [VMHA_VIRTEVENT_LOST] = "lost",
	[VMHA_VIRTEVENT_CHANGED] = "changed",	  [VMHA_VIRTEVENT_IOERROR] = "ioerror",
	[VMHA_VIRTEVENT_WATCHDOG] = "watchdog",	  [VMHA_VIRTEVENT_REBOOTED] = "rebooted",
};

const char *vmha_virtevent_name(enum vmha_virtevent_kind kind)
{
	return kinds[kind];
}

int vmha_virtevent_parse(const char *word, enum vmha_virtevent_kind *ret_kind)
{
	size_t i;

	for (i = 0; word && i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		if (strcmp(word, kinds[i]) == 0) {
			*ret_kind = (enum vmha_virtevent_kind)i;
			return 0;
		}
	}
	return -EINVAL;
}
