/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lib/port/sdjournal.h"

#include <stdint.h>
#include <string.h>
#include <sys/uio.h>
#include <systemd/sd-journal.h>

#define FIELDS_MAX 16

void vmha_sdjournal_send(const char *const fields[], size_t count)
{
	struct iovec iov[FIELDS_MAX];
	size_t i;

	for (i = 0; i < count && i < FIELDS_MAX; i++) {
		iov[i].iov_base = (void *)(uintptr_t)fields[i];
		iov[i].iov_len = strlen(fields[i]);
	}
	(void)sd_journal_sendv(iov, (int)i);
}
