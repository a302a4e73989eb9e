/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef VMHA_CORE_VOLUMEMOUNT_H
#define VMHA_CORE_VOLUMEMOUNT_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/base/err.h"
#include "lib/core/record.h"
#include "lib/core/volumetype.h"

/* What is decided about the mount of a volume; pure, on texts that others have read. */

/**
 * May a volume be mounted so?  Refused is what lies about written data, or keeps locks or names to
 * this node alone.
 * @param options as of mount(8) -o; NULL or "": none
 * @return 0; -EINVAL with the option and the reason in @err
 */
int vmha_mount_options_check(enum vmha_volume_type type, const char *options,
			     struct vmha_err **err);

/** Options for mount(8): ours of that type, then @options. @return caller frees; NULL when memory
 * ran out */
char *vmha_mount_options(enum vmha_volume_type type, const char *options);

/** May this be mounted by that name? "/dev/..." of gfs2, "SERVER:/EXPORT" of nfs. @return 0;
 * -EINVAL */
int vmha_mount_device_check(enum vmha_volume_type type, const char *device, struct vmha_err **err);

struct vmha_mount {
	char fstype[32];
	char source[VMHA_PATH_SIZE]; /* as it was mounted: a device may have other names */
	unsigned int major;
	unsigned int minor;
};

/**
 * What is mounted at @place, the topmost of several.
 * @param mountinfo text of /proc/PID/mountinfo
 * @return true: *ret_mount is filled
 */
bool vmha_mount_find(const char *mountinfo, const char *place, struct vmha_mount *ret_mount);
/** As vmha_mount_find(), by the device. @param[out] place VMHA_PATH_SIZE bytes */
bool vmha_mount_find_device(const char *mountinfo, unsigned int major, unsigned int minor,
			    char *place);

/** What DLM waits for before it goes on with a lockspace whose members have changed. */
enum vmha_dlm_wait {
	VMHA_DLM_NOTHING,  /* it works */
	VMHA_DLM_FENCING,  /* a member is lost and must be fenced */
	VMHA_DLM_QUORUM,   /* this part of the cluster has no quorum */
	VMHA_DLM_RECOVERY, /* members agree on the change */
	VMHA_DLM_ABSENT,   /* this node is no member */
};

/** @param text what `dlm_tool ls` printed */
enum vmha_dlm_wait vmha_dlm_wait_parse(const char *text, const char *lockspace);
/** For people: "DLM waits until a lost node is fenced" */
const char *vmha_dlm_wait_text(enum vmha_dlm_wait wait);

/** @param text what `dlm_tool status` printed. @return true when dlm_controld answered it */
bool vmha_dlm_status_alive(const char *text);

#endif
