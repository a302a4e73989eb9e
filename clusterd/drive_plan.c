/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What an agent is told of how it is to move a role. */
#include <string.h>

#include "clusterd/config.h"
#include "clusterd/drive.h"
#include "clusterd/net.h"
#include "lib/base/cleanup.h"
#include "lib/core/settings.h"

json_t *drive_plan_settings(const struct clusterd *c)
{
	const struct vmha_settings *s = clusterd_config_settings(c);
	char compression[16] = "";
	json_int_t value[VMHA_SETTINGS_COUNT];
	size_t i;

	for (i = 0; i < VMHA_SETTINGS_COUNT; i++) {
		value[i] = vmha_settings_get(s, (enum vmha_setting_id)i, c->name);
	}
	vmha_setting_format(VMHA_SETTING_MIGRATION_COMPRESSION,
			    value[VMHA_SETTING_MIGRATION_COMPRESSION], compression,
			    sizeof(compression));
	return json_pack("{s:I, s:s, s:b, s:b, s:I, s:I}", "streams",
			 value[VMHA_SETTING_MIGRATION_STREAMS], "compression", compression, "tls",
			 (int)value[VMHA_SETTING_MIGRATION_TLS], "autoconverge",
			 (int)value[VMHA_SETTING_MIGRATION_AUTOCONVERGE], "bandwidth_mib",
			 value[VMHA_SETTING_MIGRATION_BANDWIDTH], "stall_s",
			 value[VMHA_SETTING_MIGRATION_STALL]);
}

/* "NAME: why; NAME: why" as the list of one that it is shown as again. */
json_t *drive_plan_skipped(const char *text)
{
	const char *colon = strstr(text, ": ");

	return json_pack("[{s:s%, s:s}]", "name", text,
			 colon ? (size_t)(colon - text) : strlen(text), "why",
			 colon ? colon + 2 : "");
}

int drive_plan_networks(struct clusterd *c, const struct vmha_mig *mig, json_t *plan,
			struct vmha_err **err)
{
	vmha_autopaths struct vmha_network_paths paths = { 0 };
	json_t *excluded;
	json_t *list;
	size_t i;
	int r;

	if (mig->mode == VMHA_MODE_quick) {
		return 0; /* by way of the volume */
	}
	r = net_paths(c, mig->from, mig->to, &paths, err);
	if (r < 0) {
		return r;
	}
	list = json_array();
	excluded = paths.skipped.len ? drive_plan_skipped(paths.skipped.text) : json_array();
	for (i = 0; i < paths.count; i++) {
		const struct vmha_network_path *p = &paths.items[i];

		(void)json_array_append_new(list,
					    json_pack("{s:s, s:s, s:s, s:I}", "name", p->name,
						      "address", p->address, "local", p->local,
						      "metric", (json_int_t)p->metric));
		if (!p->reachable) { /* tried last all the same */
			paths.lost++;
			(void)json_array_append_new(
				excluded, json_pack("{s:s, s:s}", "name", p->name, "why",
						    "the nodes do not answer each other there"));
		}
	}
	(void)json_object_set_new(plan, "networks", list);
	(void)json_object_set_new(plan, "excluded", excluded);
	(void)json_object_set_new(plan, "lost", json_integer((json_int_t)paths.lost));
	return 0;
}
