/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef VMHA_CORE_DISKMODE_H
#define VMHA_CORE_DISKMODE_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/base/str.h"

/*
 * May a disk, attached as its XML says, move from node to node?  Asked by `vmha vm add`, `vmha vm
 * edit` and before every move.
 *
 * What counts is the host's page cache.  With cache='none' or 'directsync' QEMU writes past it.
 * With the others
 *   - the target may read what its own page cache still has, not what the source wrote: libvirt 9.0
 *     (qemuMigrationSrcIsSafe()) refuses or relies on QEMU dropping the target's cache;
 *   - a QEMU that sanlock has killed because its lease was lost still has pages in its node's
 * cache, and the kernel writes them when the storage is back, over what the next owner wrote. GFS2
 * has one page cache in the cluster, as it were: DLM lets a node cache pages only while nobody else
 * uses the file, and a node that is out of the cluster writes nothing.  libvirt knows it as a
 * cluster file system and takes every mode for safe.  cache='unsafe' is not: it ignores the guest's
 * flushes, so that a guest whose node is lost comes back on disks that lack what it had made sure
 * of.
 */
enum vmha_disk_mode {
	VMHA_DISK_SAFE,
	VMHA_DISK_NOTED,   /* safe, with something to know */
	VMHA_DISK_UNSAFE,  /* refused, but for a role that was made with --unsafe */
	VMHA_DISK_REFUSED, /* cannot work, whoever insists */
};

/* As in the XML; NULL where it says nothing. */
struct vmha_disk_facts {
	const char *device; /* disk, cdrom, floppy, lun */
	const char *cache;
	const char *io;
	bool medium; /* it has a <source> */
	bool readonly;
	bool transient;
	bool coherent; /* the image is a file of a file system that has one page cache: GFS2 */
};

/** @param why what is wrong and what to write instead, or what to know; nothing where SAFE; may be
 * NULL */
enum vmha_disk_mode vmha_disk_judge(const struct vmha_disk_facts *d, struct vmha_str *why);

/**
 * What an image is, by its first bytes.  Not by qemu-img: what stands at the beginning of a raw
 * disk was written by a guest, and a header may name files for whoever opens it.
 * @return "qcow2", "qed", "vmdk", "vdi", "vhdx", or NULL: anything else, so raw
 */
const char *vmha_image_format(const void *head, size_t len);

#define VMHA_IMAGE_HEAD_BYTES 512

/**
 * Does the format that the XML says (NULL: raw, as libvirt takes it) agree with what is inside?
 * @param inside vmha_image_format()'s
 * @return as vmha_disk_judge()
 */
enum vmha_disk_mode vmha_image_judge(const char *said, const char *inside, struct vmha_str *why);

#endif
