/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef VMHA_CLI_VOLUME_H
#define VMHA_CLI_VOLUME_H

#include <jansson.h>
#include <stdbool.h>

#include "lib/base/err.h"
#include "lib/core/renewal.h"
#include "lib/core/volumetype.h"
#include "lib/port/nodes.h"
#include "lib/role/volume.h"
#include "lib/role/volumelock.h"

int vmha_volume_create(int argc, char **argv, struct vmha_err **err);
int vmha_volume_list(int argc, char **argv, struct vmha_err **err);
int vmha_volume_show(int argc, char **argv, struct vmha_err **err);
int vmha_volume_measure(int argc, char **argv, struct vmha_err **err);
int vmha_volume_move(int argc, char **argv, struct vmha_err **err);

/** Who coordinates it: lock (its kind), node, epoch, state. @param lock "dlm" or "sanlock" */
json_t *vmha_volume_owner_json(const char *volume, const char *lock,
			       const struct vmha_nodes *nodes);

/** Take the volume's admin lock as a command does: bounded, and it says whom it waits for. */
int vmha_volume_command_lock(const char *volume, struct vmha_volume_guard *guard,
			     struct vmha_err **err);

/** The storage of a volume to be: an existing directory that takes direct I/O. */
struct volume_new {
	char name[VMHA_NAME_SIZE];
	char id[VMHA_ID_SIZE];
	char path[VMHA_PATH_SIZE]; /* canonical */
	enum vmha_volume_type type;
	unsigned int io_timeout_s;   /* 0: to be chosen by measurement */
	struct vmha_latency latency; /* by which it was */
	bool force;		     /* take over what an interrupted create left */
	bool files_made;
	bool adopted; /* the files were there */
	bool configured;
};

/** @return 0; negative errno with the reason; -EEXIST: it is a volume already */
int vmha_volume_storage_check(struct volume_new *v, struct vmha_err **err);
/** Where io_timeout was not given, measure renewals in @v->path and choose it; both are told.
 * @return 0; -ETIMEDOUT storage hangs; negative errno */
int vmha_volume_io_choose(struct volume_new *v, struct vmha_err **err);

/** What follows from io_timeout, for programs and for people. */
json_t *vmha_volume_times_json(const struct vmha_volume_record *rec);
void vmha_volume_times_print(const struct vmha_volume_record *rec);
/** What was measured when the volume was made; null where io_timeout was given. */
json_t *vmha_volume_latency_json(const struct vmha_volume_record *rec);

/** Make all files; the record comes last.  On failure nothing stays. */
int vmha_volume_storage_make(struct volume_new *v, struct vmha_err **err);
/** Remove what vmha_volume_storage_make() made. */
void vmha_volume_storage_remove(const char *path);

#endif
