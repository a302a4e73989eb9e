/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "resource-agent/params.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/str.h"

#define TIMEOUT_MS 120000 /* by hand, without Pacemaker */
#define MARGIN_MS  4000	  /* to say what is wrong before Pacemaker kills us */

static int name_read(const char *what, const char *value, char *to, struct vmha_err **err)
{
	if (!value || !vmha_str_is_name(value)) {
		return vmha_err_set(err, -EINVAL,
				    "parameter %s must be a name of 1 to 47 letters, digits, '.', "
				    "'_' or '-', not '%s'",
				    what, value ? value : "");
	}
	memcpy(to, value, strlen(value) + 1);
	return 0;
}

static int times_read(struct vm_params *p, struct vmha_err **err)
{
	const char *graceful = vmha_ocf_text("OCF_RESKEY_graceful_s", "90");
	uint64_t margin_ms;

	if (vmha_str_u64(graceful, 0, 3600, &p->graceful_s) < 0) {
		return vmha_err_set(err, -EINVAL,
				    "parameter graceful_s must be 0 to 3600 seconds, not '%s'",
				    graceful);
	}
	p->interval_ms = vmha_ocf_number("OCF_RESKEY_CRM_meta_interval", 0);
	p->timeout_ms = vmha_ocf_number("OCF_RESKEY_CRM_meta_timeout", TIMEOUT_MS);
	margin_ms = p->timeout_ms / 10 > MARGIN_MS ? MARGIN_MS : p->timeout_ms / 10;
	p->timeout_ms -= margin_ms;
	return 0;
}

static int policy_read(struct vm_params *p, struct vmha_err **err)
{
	int r = 0;

	vmha_guest_policy_default(&p->policy);
#define X(name_, default_, keep_, stop_)                                                           \
	r = r < 0 ? r                                                                              \
		  : vmha_guest_policy_set(&p->policy, #name_, getenv("OCF_RESKEY_" #name_), err);
	VMHA_GUEST_POLICIES(X)
#undef X
	return r;
}

int vm_params_read(struct vm_params *ret_params, struct vmha_err **err)
{
	struct vm_params p = { 0 };
	int r = name_read("volume", getenv("OCF_RESKEY_volume"), p.role.volume, err);

	if (r < 0) {
		return r;
	}
	r = name_read("name", vmha_ocf_text("OCF_RESKEY_name", getenv("OCF_RESOURCE_INSTANCE")),
		      p.role.name, err);
	if (r < 0) {
		return r;
	}
	p.migration_mode = vmha_ocf_text("OCF_RESKEY_migration_mode", "live");
	if (!vmha_str_eq(p.migration_mode, "live") && !vmha_str_eq(p.migration_mode, "quick") &&
	    !vmha_str_eq(p.migration_mode, "auto")) {
		return vmha_err_set(err, -EINVAL,
				    "parameter migration_mode must be live, quick or auto, not "
				    "'%s'",
				    p.migration_mode);
	}
	p.on_stall = vmha_ocf_text("OCF_RESKEY_on_stall", "giveup");
	if (!vmha_str_eq(p.on_stall, "giveup") && !vmha_str_eq(p.on_stall, "quick") &&
	    !vmha_str_eq(p.on_stall, "postcopy")) {
		return vmha_err_set(err, -EINVAL,
				    "parameter on_stall must be giveup, quick or postcopy, not "
				    "'%s'",
				    p.on_stall);
	}
	r = times_read(&p, err);
	r = r < 0 ? r : policy_read(&p, err);
	if (r < 0) {
		return r;
	}
	p.node = vmha_ocf_text("OCF_RESKEY_CRM_meta_on_node", NULL);
	p.target = vmha_ocf_text("OCF_RESKEY_CRM_meta_migrate_target", NULL);
	*ret_params = p;
	return 0;
}
