/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lib/port/pcmk.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/cleanup.h"
#include "lib/base/proc.h"
#include "lib/base/str.h"
#include "lib/port/pcmk_change.h"

/* Exit codes of Pacemaker's tools (crm_exit_t). */
enum {
	CRM_OK = 0,
	CRM_ERROR = 1,
	CRM_INSUFFICIENT_PRIV = 4,
	CRM_DISCONNECT = 102,
	CRM_NOSUCH = 105,
	CRM_TIMEOUT = 124,
};

#define TOOL_TIMEOUT VMHA_SPAN_S(30)
#define SETTLE_PACE  VMHA_SPAN_MS(150)

static int exit_error(const struct vmha_proc_result *res, const char *tool, struct vmha_err **err)
{
	const char *said = *res->errors ? res->errors : "no message";

	switch (res->status) {
	case CRM_DISCONNECT:
		return vmha_err_set(err, -ENOTCONN,
				    "the cluster does not run on this node (%s gets no answer from "
				    "Pacemaker): start it with: systemctl start corosync pacemaker",
				    tool);
	case CRM_INSUFFICIENT_PRIV:
		return vmha_err_set(err, -EACCES, "%s: not allowed: run as root", tool);
	case CRM_NOSUCH:
		return vmha_err_set(err, -ENOENT, "%s: no such thing in the cluster", tool);
	case CRM_TIMEOUT:
		return vmha_err_set(err, -ETIMEDOUT, "%s: the cluster did not settle in time",
				    tool);
	default:
		return vmha_err_set(err, -EIO, "%s failed (exit %d): %.*s", tool, res->status,
				    (int)strcspn(said, "\n"), said);
	}
}

/* @param[out] ret_output what it printed, may be NULL */
static int tool_run(const char *const argv[], const char *input, struct vmha_span timeout,
		    char **ret_output, struct vmha_err **err)
{
	vmha_autoresult struct vmha_proc_result res = { 0 };
	int r = vmha_proc_run(argv, input, timeout, &res, err);

	if (r < 0) {
		return r;
	}
	if (res.status != CRM_OK) {
		return exit_error(&res, argv[0], err);
	}
	if (ret_output) {
		*ret_output = vmha_steal_ptr(res.output);
	}
	return 0;
}

int vmha_pcmk_state_read(struct vmha_pcmk_state **ret_state, struct vmha_err **err)
{
	static const char *const argv[] = { "crm_mon", "-1", "--output-as=xml", NULL };
	vmha_autofree char *xml = NULL;
	int r = tool_run(argv, NULL, TOOL_TIMEOUT, &xml, err);

	return r < 0 ? r : vmha_pcmk_state_parse(xml, ret_state, err);
}

int vmha_pcmk_primitives_read(const char *type, struct vmha_pcmk_primitives **ret_list,
			      struct vmha_err **err)
{
	static const char *const argv[] = { "cibadmin", "--query", "--scope", "resources", NULL };
	vmha_autofree char *xml = NULL;
	int r = tool_run(argv, NULL, TOOL_TIMEOUT, &xml, err);

	return r < 0 ? r : vmha_pcmk_primitives_parse(xml, type, ret_list, err);
}

int vmha_pcmk_controld_read(char **ret_clone, struct vmha_err **err)
{
	static const char *const argv[] = { "cibadmin", "--query", "--scope", "resources", NULL };
	vmha_autofree char *xml = NULL;
	int r = tool_run(argv, NULL, TOOL_TIMEOUT, &xml, err);

	return r < 0 ? r : vmha_pcmk_controld_parse(xml, ret_clone, err);
}

int vmha_pcmk_id_used(const char *id, struct vmha_err **err)
{
	vmha_autofree char *expr = vmha_str_printf("//configuration//*[@id='%s']", id);
	const char *const argv[] = { "cibadmin", "--query", "--xpath", expr, NULL };
	vmha_autoerr struct vmha_err *why = NULL;
	int r = expr ? tool_run(argv, NULL, TOOL_TIMEOUT, NULL, &why) : -ENOMEM;

	if (r == 0 || r == -ENOENT) {
		return r == 0;
	}
	return vmha_err_set(err, r, "%s", vmha_err_text(why));
}

int vmha_pcmk_cib_read(char **ret_xml, struct vmha_err **err)
{
	static const char *const argv[] = { "cibadmin", "--query", NULL };

	return tool_run(argv, NULL, TOOL_TIMEOUT, ret_xml, err);
}

int vmha_pcmk_patch(const char *xml, struct vmha_err **err)
{
	static const char *const argv[] = { "cibadmin", "--patch", "--xml-pipe", NULL };

	return tool_run(argv, xml, TOOL_TIMEOUT, NULL, err);
}

int vmha_pcmk_configure(const char *xml, struct vmha_err **err)
{
	static const char *const argv[] = { "cibadmin", "--modify", "--allow-create", "--xml-pipe",
					    NULL };

	return tool_run(argv, xml, TOOL_TIMEOUT, NULL, err);
}

int vmha_pcmk_unconfigure(const char *expr, struct vmha_err **err)
{
	const char *const argv[] = { "cibadmin", "--delete-all", "--force", "--xpath", expr, NULL };
	vmha_autoerr struct vmha_err *why = NULL;
	int r = tool_run(argv, NULL, TOOL_TIMEOUT, NULL, &why);

	if (r == 0 || r == -ENOENT) {
		return 0;
	}
	return vmha_err_set(err, r, "%s", vmha_err_text(why));
}

static int parameter_set(const char *role, bool meta, const char *name, const char *value,
			 struct vmha_err **err)
{
	const char *set[] = { "crm_resource",
			      "--resource",
			      role,
			      "--set-parameter",
			      name,
			      "--parameter-value",
			      value,
			      meta ? "--meta" : NULL,
			      NULL };
	const char *del[] = { "crm_resource", "--resource",	      role, "--delete-parameter",
			      name,	      meta ? "--meta" : NULL, NULL };

	return tool_run(value ? set : del, NULL, TOOL_TIMEOUT, NULL, err);
}

int vmha_pcmk_meta_set(const char *role, const char *name, const char *value, struct vmha_err **err)
{
	return parameter_set(role, true, name, value, err);
}

int vmha_pcmk_param_set(const char *role, const char *name, const char *value,
			struct vmha_err **err)
{
	return parameter_set(role, false, name, value, err);
}

int vmha_pcmk_move(const char *role, const char *node, struct vmha_err **err)
{
	const char *const argv[] = { "crm_resource", "--resource", role, "--move",
				     "--node",	     node,	   NULL };

	return tool_run(argv, NULL, TOOL_TIMEOUT, NULL, err);
}

int vmha_pcmk_fail(const char *role, const char *node, struct vmha_err **err)
{
	const char *const argv[] = { "crm_resource", "--resource", role, "--fail",
				     "--node",	     node,	   NULL };

	return tool_run(argv, NULL, TOOL_TIMEOUT, NULL, err);
}

int vmha_pcmk_clear(const char *role, const char *from, struct vmha_err **err)
{
	vmha_autofree char *expr = NULL;
	int r = vmha_pcmk_move_expr(role, from, &expr, err);

	return r < 0 ? r : vmha_pcmk_unconfigure(expr, err);
}

int vmha_pcmk_cleanup(const char *resource, const char *node, struct vmha_err **err)
{
	const char *const argv[] = { "crm_resource",	     "--resource", resource, "--cleanup",
				     node ? "--node" : NULL, node,	   NULL };

	return tool_run(argv, NULL, TOOL_TIMEOUT, NULL, err);
}

int vmha_pcmk_refresh(const char *role, const char *node, struct vmha_err **err)
{
	const char *const argv[] = { "crm_resource", "--resource", role, "--refresh",
				     "--node",	     node,	   NULL };

	return tool_run(argv, NULL, TOOL_TIMEOUT, NULL, err);
}

/* crm_resource --wait asks the same, but never takes less than two seconds. */
int vmha_pcmk_settle(unsigned int timeout_s, struct vmha_err **err)
{
	static const char *const argv[] = { VMHA_PCMK_PENDING_ARGV, NULL };
	struct vmha_mono deadline = vmha_mono_add(vmha_mono_now(), VMHA_SPAN_S(timeout_s));

	for (;;) {
		struct vmha_mono asked = vmha_mono_now();
		vmha_autoresult struct vmha_proc_result res = { 0 };
		size_t pending = 0;
		int r = vmha_proc_run(argv, NULL, TOOL_TIMEOUT, &res, err);

		if (r == 0 && res.status != CRM_OK && res.status != CRM_ERROR) {
			r = exit_error(&res, argv[0], err);
		}
		/* CRM_ERROR: what is to be done cannot be brought to an end (a blocked role beside
		 * a node to be fenced); it is printed all the same */
		r = r < 0 ? r : vmha_pcmk_pending_parse(res.output, &pending, err);
		if (r < 0 || (pending == 0 && res.status == CRM_OK)) {
			return r;
		}
		if (vmha_mono_passed(deadline)) {
			return vmha_err_set(err, -ETIMEDOUT, "the cluster did not settle in time");
		}
		/* in a big cluster one question takes long: half of the time is left to others */
		vmha_mono_pace(vmha_mono_diff(asked, vmha_mono_now()));
		vmha_mono_pace(SETTLE_PACE);
	}
}

int vmha_pcmk_choose_target(const char *role, const char *from, char **ret_node,
			    struct vmha_err **err)
{
	static const char *const argv[] = { "crm_simulate", "-Ls", "--output-as=xml", NULL };
	vmha_autofree char *xml = NULL;
	int r = tool_run(argv, NULL, TOOL_TIMEOUT, &xml, err);

	return r < 0 ? r : vmha_pcmk_scores_parse(xml, role, from, ret_node, err);
}

static char *line_first(const char *text)
{
	return strndup(text, strcspn(text, "\n"));
}

int vmha_pcmk_attribute_get(const char *node, const char *name, char **ret_value,
			    struct vmha_err **err)
{
	const char *const argv[] = { "attrd_updater", "--query", "--name",	    name,
				     "--node",	      node,	 "--output-as=xml", NULL };
	vmha_autofree char *xml = NULL;
	int r = tool_run(argv, NULL, TOOL_TIMEOUT, &xml, err);

	if (r < 0) {
		return r;
	}
	r = vmha_pcmk_attribute_parse(xml, ret_value);
	return r < 0 ? vmha_err_set(err, r, "node %s has no attribute %s", node, name) : 0;
}

int vmha_pcmk_property_get(const char *name, char **ret_value, struct vmha_err **err)
{
	const char *const argv[] = { "crm_attribute", "--type",	 "crm_config", "--name", name,
				     "--query",	      "--quiet", NULL };
	vmha_autofree char *text = NULL;
	int r = tool_run(argv, NULL, TOOL_TIMEOUT, &text, err);

	if (r < 0) {
		return r;
	}
	*ret_value = line_first(text);
	return *ret_value ? 0 : vmha_err_set(err, -ENOMEM, "out of memory");
}

int vmha_pcmk_self(char **ret_name, struct vmha_err **err)
{
	static const char *const argv[] = { "crm_node", "--name", NULL };
	vmha_autofree char *text = NULL;
	int r = tool_run(argv, NULL, TOOL_TIMEOUT, &text, err);

	if (r < 0) {
		return r;
	}
	*ret_name = line_first(text);
	return *ret_name ? 0 : vmha_err_set(err, -ENOMEM, "out of memory");
}
