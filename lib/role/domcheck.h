/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef VMHA_ROLE_DOMCHECK_H
#define VMHA_ROLE_DOMCHECK_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/base/str.h"
#include "lib/core/diskmode.h"
#include "lib/core/record.h"
#include "lib/port/domxml.h"

/*
 * What a domain must be to become a role: able to run on every node and to move.  All findings are
 * collected, so that an administrator sees them at once, not one a try.
 */
struct vmha_findings {
	struct vmha_str refusals; /* one line each, "\n" between */
	struct vmha_str warnings;
	size_t refusals_count;
	size_t warnings_count;
};

/* What disks of a role may be. */
struct vmha_disk_policy {
	bool coherent; /* its volume's file system has one page cache: GFS2 */
	bool unsafe;   /* --unsafe: what is refused for being unsafe to move is only warned of */
};

void vmha_findings_free(struct vmha_findings *f);
#define vmha_autofindings __attribute__((cleanup(vmha_findings_free)))

void vmha_findings_refuse(struct vmha_findings *f, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
void vmha_findings_warn(struct vmha_findings *f, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/** A disk's answer as a finding: warned of, or refused; with --unsafe only what can never work is.
 */
void vmha_findings_disk(struct vmha_findings *f, const char *disk, enum vmha_disk_mode mode,
			const struct vmha_disk_policy *policy, const char *why);

/** @return 0; -EINVAL with all refusals in @err; -ENOMEM */
int vmha_findings_result(const struct vmha_findings *f, const char *what, struct vmha_err **err);

/** @return true when @path lies under @dir, by its spelling: no "..", not @dir itself */
bool vmha_path_is_under(const char *path, const char *dir);

/** One image, by one name or by two: a link and what it leads to. */
bool vmha_image_is_same(const char *a, const char *b);

/** A MAC address in one spelling. @return 0; -EINVAL it is none */
int vmha_mac_normalise(const char *mac, char ret_mac[18]);

/** What the volume's type makes of it. */
struct vmha_disk_policy vmha_disk_policy_of(const struct vmha_volume_record *volume, bool unsafe);

/** vmha_disk_judge() of a disk in the XML. */
enum vmha_disk_mode vmha_disk_check(const struct vmha_domxml_disk *disk,
				    const struct vmha_disk_policy *policy, struct vmha_str *why);

/**
 * Check all that the XML alone tells (no file is looked at).
 * @param volume_dir /clusterstorage/<volume>
 * @param name       the role's name
 */
void vmha_domain_check(const struct vmha_domxml *dom, const char *name, const char *volume_dir,
		       const struct vmha_disk_policy *policy, struct vmha_findings *f);

/** What of two roles must differ: name, UUID, MACs, writable images (looked at on this node). */
void vmha_domain_check_pair(const struct vmha_domxml *dom, const struct vmha_domxml *other,
			    const char *other_name, struct vmha_findings *f);

#endif
