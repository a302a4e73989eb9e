/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cli/node_units.h"

#include <errno.h>

#include "lib/base/cleanup.h"
#include "lib/base/proc.h"

#define ASK_SPAN       VMHA_SPAN_S(10)
#define SYSTEMCTL_SPAN VMHA_SPAN_S(120)

static const struct {
	const char *unit;
	bool ours; /* it is started too: whoever installed the others decides that for them */
} units[] = {
	{ "libvirtd.service", false },	   { "libvirtd-tls.socket", false },
	{ "sanlock.service", false },	   { "vmha-clusterd.service", true },
	{ "vmha-shutdown.service", true },
};

/* @return true when systemd says no to is-enabled or is-active; false yes, or it is silent */
static bool unit_is_not(const char *what, const char *unit)
{
	const char *const argv[] = { "systemctl", "--quiet", what, unit, NULL };
	vmha_autoresult struct vmha_proc_result res = { 0 };

	return vmha_proc_run(argv, NULL, ASK_SPAN, &res, NULL) == 0 && res.status;
}

int vmha_node_units_look(bool systemd, struct vmha_node_units *ret_units)
{
	size_t i;

	ret_units->disabled = json_array();
	ret_units->stopped = json_array();
	for (i = 0; systemd && i < sizeof(units) / sizeof(units[0]); i++) {
		const char *unit = units[i].unit;

		if (unit_is_not("is-enabled", unit)) {
			(void)json_array_append_new(ret_units->disabled, json_string(unit));
		}
		if (units[i].ours && unit_is_not("is-active", unit)) {
			(void)json_array_append_new(ret_units->stopped, json_string(unit));
		}
	}
	return ret_units->disabled && ret_units->stopped ? 0 : -ENOMEM;
}

size_t vmha_node_units_count(const struct vmha_node_units *u)
{
	return json_array_size(u->disabled) + json_array_size(u->stopped);
}

void vmha_node_units_free(struct vmha_node_units *u)
{
	json_decref(u->disabled);
	json_decref(u->stopped);
}

int vmha_node_systemctl(const char *verb, const char *unit, struct vmha_err **err)
{
	const char *const argv[] = { "systemctl", verb, unit, NULL };
	vmha_autoresult struct vmha_proc_result res = { 0 };

	return vmha_proc_check(argv, NULL, SYSTEMCTL_SPAN, &res, err);
}

static int each(const char *verb, const json_t *list, struct vmha_err **err)
{
	size_t i;
	int r = 0;

	for (i = 0; i < json_array_size(list) && r == 0; i++) {
		r = vmha_node_systemctl(verb, json_string_value(json_array_get(list, i)), err);
	}
	return r;
}

int vmha_node_units_enable(const struct vmha_node_units *u, struct vmha_err **err)
{
	return each("enable", u->disabled, err);
}

int vmha_node_units_start(const struct vmha_node_units *u, struct vmha_err **err)
{
	return each("start", u->stopped, err);
}
