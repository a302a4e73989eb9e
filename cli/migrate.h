/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef VMHA_CLI_MIGRATE_H
#define VMHA_CLI_MIGRATE_H

/** Who asks, for records: the user behind sudo. @return text for the caller to free, or NULL */
char *vmha_migrate_requester(void);

#endif
