/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef VMHA_ROLE_DOMCHECK_H
#define VMHA_ROLE_DOMCHECK_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/base/str.h"
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

void vmha_findings_free(struct vmha_findings *f);
#define vmha_autofindings __attribute__((cleanup(vmha_findings_free)))

void vmha_findings_refuse(struct vmha_findings *f, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
void vmha_findings_warn(struct vmha_findings *f, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/** @return 0; -EINVAL with all refusals in @err; -ENOMEM */
int vmha_findings_result(const struct vmha_findings *f, const char *what, struct vmha_err **err);

/** @return true when @path lies under @dir, by its spelling: no "..", not @dir itself */
bool vmha_path_is_under(const char *path, const char *dir);

/** A MAC address in one spelling. @return 0; -EINVAL it is none */
int vmha_mac_normalise(const char *mac, char ret_mac[18]);

/**
 * Check all that the XML alone tells (no file is looked at).
 * @param volume_dir /clusterstorage/<volume>
 * @param name       the role's name
 */
void vmha_domain_check(const struct vmha_domxml *dom, const char *name, const char *volume_dir,
		       struct vmha_findings *f);

/** What of two roles must differ: name, UUID, MACs, writable images (looked at on this node). */
void vmha_domain_check_pair(const struct vmha_domxml *dom, const struct vmha_domxml *other,
			    const char *other_name, struct vmha_findings *f);

#endif
