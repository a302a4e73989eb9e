/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef VMHA_ROLE_ROLE_H
#define VMHA_ROLE_ROLE_H

#include "lib/base/err.h"
#include "lib/core/record.h"
#include "lib/port/lease_sanlock.h"

/*
 * A role on its volume: where its files are, and reading and writing its records.
 *
 *   /clusterstorage/<volume>/<vm>/<vm>.xml     domain XML with its <lease>
 *   /clusterstorage/<volume>/<vm>/<vm>.role    struct vmha_role_record
 *   /clusterstorage/<volume>/<vm>/<vm>.owner   struct vmha_owner_record; absent: no process
 *   /clusterstorage/<volume>/<vm>/<vm>.state   saved memory, .state.rec its record
 *   /clusterstorage/<volume>/<vm>/<vm>.move    last or running move
 *   /run/vmha/vm/<vm>.run                      struct vmha_run_record of the local process
 */
#define VMHA_STORAGE_ROOT "/clusterstorage"

enum vmha_role_file {
	VMHA_FILE_DIR,
	VMHA_FILE_XML,
	VMHA_FILE_ROLE,
	VMHA_FILE_OWNER,
	VMHA_FILE_STATE,
	VMHA_FILE_STATE_RECORD,
	VMHA_FILE_MOVE,
	VMHA_FILE_RUN,
};

struct vmha_role {
	char name[VMHA_NAME_SIZE];
	char volume[VMHA_NAME_SIZE];
};

/** Path of a role's file. @param[out] path VMHA_PATH_SIZE bytes */
void vmha_role_path(const struct vmha_role *role, enum vmha_role_file file, char *path);

/** Records: @return 0; -ENOENT there is none; -EBADMSG damaged (UNKNOWN, not "none"); negative
 * errno */
int vmha_role_load(const struct vmha_role *role, enum vmha_record_kind kind, void *ret_record,
		   struct vmha_err **err);
int vmha_role_store(const struct vmha_role *role, enum vmha_record_kind kind, const void *record,
		    struct vmha_err **err);
int vmha_role_forget(const struct vmha_role *role, enum vmha_record_kind kind,
		     struct vmha_err **err);

/** The role's lease as sanlock wants it, from its role record. */
void vmha_role_lease(const struct vmha_role_record *rec, struct vmha_lease *ret_lease);

#endif
