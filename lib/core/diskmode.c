/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lib/core/diskmode.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const char *const caches[] = { "none",	   "directsync",   "default",
				      "writeback", "writethrough", "unsafe" };

static bool cache_is_known(const char *cache)
{
	size_t i;

	for (i = 0; i < sizeof(caches) / sizeof(caches[0]); i++) {
		if (strcmp(caches[i], cache) == 0) {
			return true;
		}
	}
	return false;
}

static enum vmha_disk_mode __attribute__((format(printf, 3, 4)))
answer(struct vmha_str *why, enum vmha_disk_mode mode, const char *fmt, ...)
{
	char text[512];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (why) {
		(void)vmha_str_add(why, "%s", text);
	}
	return mode;
}

/* What the page cache does to a disk that is written through it. */
static enum vmha_disk_mode cached_judge(const struct vmha_disk_facts *d, const char *cache,
					struct vmha_str *why)
{
	if (strcmp(cache, "unsafe") == 0) {
		return answer(why, VMHA_DISK_UNSAFE,
			      "has cache mode '%s', which ignores the guest's flushes: what it had "
			      "made sure of is lost with its node: set <driver cache='none'/>",
			      cache);
	}
	if (d->coherent) {
		return answer(
			why, VMHA_DISK_NOTED,
			"has cache mode '%s': GFS2 keeps it safe, but a write that fails is "
			"told late or never, and its pages are cached twice: 'none' is better",
			cache);
	}
	return answer(why, VMHA_DISK_UNSAFE,
		      "has cache mode '%s': another node could read stale data after a move, and a "
		      "node that lost the VM could write old data later: set <driver "
		      "cache='none'/>",
		      cache);
}

enum vmha_disk_mode vmha_disk_judge(const struct vmha_disk_facts *d, struct vmha_str *why)
{
	const char *cache = d->cache ? d->cache : "default (writeback)";
	bool direct = vmha_str_eq(d->cache, "none") || vmha_str_eq(d->cache, "directsync");

	if (vmha_str_eq(d->device, "lun")) {
		return answer(why, VMHA_DISK_REFUSED,
			      "device='%s' passes the host's SCSI through: use 'disk'", d->device);
	}
	if (d->transient) {
		return answer(why, VMHA_DISK_REFUSED,
			      "is <transient/>: its changes are on one node, so such a VM cannot "
			      "move");
	}
	if (d->cache && !cache_is_known(d->cache)) {
		return answer(why, VMHA_DISK_REFUSED,
			      "has cache mode '%s', which is none of libvirt's: set <driver "
			      "cache='none'/>",
			      cache);
	}
	if (vmha_str_eq(d->io, "native") && !direct) {
		return answer(
			why, VMHA_DISK_REFUSED,
			"has io='native', which QEMU refuses with cache mode '%s': set <driver "
			"cache='none'/>, or io='threads'",
			cache);
	}
	if (!d->medium || d->readonly || direct) {
		return VMHA_DISK_SAFE; /* what nobody writes cannot be stale */
	}
	return cached_judge(d, cache, why);
}

static const struct {
	const char *format;
	size_t offset;
	const char *magic;
	size_t len;
} magics[] = {
	{ "qcow2", 0, "QFI\xfb", 4 }, { "qed", 0, "QED\0", 4 },
	{ "vmdk", 0, "KDMV", 4 },     { "vmdk", 0, "# Disk DescriptorFile", 21 },
	{ "vhdx", 0, "vhdxfile", 8 }, { "vdi", 64, "\x7f\x10\xda\xbe", 4 },
};

const char *vmha_image_format(const void *head, size_t len)
{
	const char *p = head;
	size_t i;

	for (i = 0; i < sizeof(magics) / sizeof(magics[0]); i++) {
		if (len >= magics[i].offset + magics[i].len &&
		    memcmp(p + magics[i].offset, magics[i].magic, magics[i].len) == 0) {
			return magics[i].format;
		}
	}
	return NULL;
}

enum vmha_disk_mode vmha_image_judge(const char *said, const char *inside, struct vmha_str *why)
{
	const char *format = said ? said : "raw";

	if (strcmp(format, "raw") == 0 && inside) {
		return answer(why, VMHA_DISK_UNSAFE,
			      "is raw by the XML, but is %s inside: the guest would see the "
			      "container, not the disk: correct <driver type='...'/>",
			      inside);
	}
	if (strcmp(format, "raw") != 0 && strcmp(format, "qcow2") != 0) {
		return answer(why, VMHA_DISK_REFUSED,
			      "has format '%s': only raw and qcow2 are known to move: convert it "
			      "(qemu-img convert -O qcow2)",
			      format);
	}
	if (strcmp(format, "raw") == 0 || vmha_str_eq(format, inside)) {
		return VMHA_DISK_SAFE;
	}
	return answer(why, VMHA_DISK_REFUSED,
		      "is qcow2 by the XML, but %s inside: correct <driver type='...'/>",
		      inside ? inside : "raw");
}
