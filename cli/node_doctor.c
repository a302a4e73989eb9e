/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

#include "cli/cli.h"
#include "cli/node_report.h"
#include "cli/node_setup.h"
#include "cli/output.h"
#include "lib/base/cleanup.h"

static const char *level_name(enum vmha_node_level level)
{
	switch (level) {
	case VMHA_NODE_OK:
		return "ok";
	case VMHA_NODE_WARN:
		return "warn";
	case VMHA_NODE_FAIL:
		return "fail";
	}
	return "fail";
}

void vmha_node_say(struct vmha_node_report *rep, enum vmha_node_level level, const char *check,
		   const char *todo, const char *fmt, ...)
{
	vmha_autofree char *text = NULL;
	va_list ap;

	va_start(ap, fmt);
	if (vasprintf(&text, fmt, ap) < 0) {
		text = NULL;
	}
	va_end(ap);
	rep->warnings += level == VMHA_NODE_WARN;
	rep->failures += level == VMHA_NODE_FAIL;
	(void)json_array_append_new(rep->lines,
				    json_pack("{s:s,s:s,s:s,s:s?}", "check", check, "state",
					      level_name(level), "text",
					      text ? text : "out of memory", "do", todo));
	if (!vmha_output_is_json()) {
		(void)printf("%-4s  %-12s  %s\n", level_name(level), check,
			     text ? text : "out of memory");
		if (todo) {
			(void)printf("%20s-> %s\n", "", todo);
		}
		(void)fflush(stdout);
	}
}

int vmha_node_doctor(int argc, char **argv, struct vmha_err **err)
{
	static const struct vmha_option opts[] = { { NULL, NULL, NULL } };
	struct vmha_node_report rep = { 0 };
	struct vmha_node_facts facts;
	int r = vmha_options_take(&argc, argv, opts, err);

	if (r) {
		return r;
	}
	if (argc > 1) {
		return vmha_usage(err, "'%s' is too much", argv[1]);
	}
	r = vmha_need_root(err);
	r = r < 0 ? r : vmha_node_facts_gather(&facts, err);
	if (r < 0) {
		return r;
	}
	rep.lines = json_array();
	vmha_node_check_host(&rep, &facts);
	vmha_node_check_live(&rep, &facts);
	if (!vmha_output_is_json()) {
		(void)printf("%s: %zu failed, %zu warnings\n", facts.name, rep.failures,
			     rep.warnings);
	}
	r = vmha_output_json(json_pack("{s:s,s:i,s:i,s:o}", "node", facts.name, "failures",
				       (int)rep.failures, "warnings", (int)rep.warnings, "checks",
				       rep.lines));
	return r < 0 ? r : rep.failures ? VMHA_EXIT_WARN : VMHA_EXIT_OK;
}
