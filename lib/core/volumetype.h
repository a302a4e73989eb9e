/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef VMHA_CORE_VOLUMETYPE_H
#define VMHA_CORE_VOLUMETYPE_H

/** What a volume's storage is, and so who mounts it. */
enum vmha_volume_type {
	VMHA_VOLUME_TYPE_DIR,  /* a directory, mounted by somebody else */
	VMHA_VOLUME_TYPE_NFS,  /* an export, mounted by ocf:vmha:csv */
	VMHA_VOLUME_TYPE_GFS2, /* a shared block device, mounted by ocf:vmha:csv */
};

/** What keeps changes of a volume's metadata apart, and elects its coordinator. */
enum vmha_volume_lock {
	VMHA_VOLUME_LOCK_SANLOCK, /* leases on the volume itself */
	VMHA_VOLUME_LOCK_DLM,	  /* the lockspace vmha-VOLUME */
};

/** "dir", "nfs", "gfs2" */
const char *vmha_volume_type_name(enum vmha_volume_type type);
/** @param name NULL or "": the default, dir. @return 0; -EINVAL no type of this release */
int vmha_volume_type_parse(const char *name, enum vmha_volume_type *ret_type);

/** "sanlock", "dlm" */
const char *vmha_volume_lock_name(enum vmha_volume_lock lock);
/** @param name NULL or "": the default, sanlock. @return 0; -EINVAL no lock of this release */
int vmha_volume_lock_parse(const char *name, enum vmha_volume_lock *ret_lock);
/** The lock that goes with a type: GFS2 needs DLM itself, the others have nothing but storage. */
enum vmha_volume_lock vmha_volume_type_lock(enum vmha_volume_type type);

#endif
