/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/output.h"
#include "lib/base/cleanup.h"
#include "lib/base/str.h"
#include "lib/core/settings.h"
#include "lib/port/pcmk_settings.h"

#define CHANGES_MAX 64

/* The settings as one table, for --help of both commands. */
static void settings_help(void)
{
	int i;

	(void)printf("Settings:\n");
	for (i = 0; i < VMHA_SETTINGS_COUNT; i++) {
		enum vmha_setting_id id = (enum vmha_setting_id)i;
		const struct vmha_setting *t = vmha_setting_info(id);
		char range[128];
		char standard[64];

		vmha_setting_range(id, range, sizeof(range));
		vmha_setting_format(id, t->fallback, standard, sizeof(standard));
		(void)printf("  %s: %s, default %s%s\n      %s\n", t->name, range, standard,
			     t->per_node ? ", per node too" : "", t->text);
	}
}

/* --- set ------------------------------------------------------------------------------------ */

struct set {
	const char *node; /* NULL: the whole cluster */
	bool reset;
	struct vmha_settings checked; /* where values are tried */
	struct vmha_pcmk_setting_change changes[CHANGES_MAX];
	size_t count;
};

/* "NAME=VALUE", or "NAME" to be reset; cuts it in place. */
static int operand_take(struct set *s, char *operand, struct vmha_err **err)
{
	char *value = strchr(operand, '=');
	size_t i;
	int r;

	if (s->reset == (value != NULL)) {
		return vmha_usage(err,
				  s->reset ? "'%s': --reset takes names without a value"
					   : "'%s' is not NAME=VALUE",
				  operand);
	}
	if (value) {
		*value++ = '\0';
	}
	r = s->reset ? vmha_settings_reset(&s->checked, s->node, operand, err)
		     : vmha_settings_put(&s->checked, s->node, operand, value, err);
	if (r < 0) {
		return r;
	}
	for (i = 0; i < s->count; i++) {
		if (strcmp(s->changes[i].name, operand) == 0) {
			return vmha_usage(err, "'%s' is given twice", operand);
		}
	}
	if (s->count == CHANGES_MAX) {
		return vmha_usage(err, "at most %d settings at once", CHANGES_MAX);
	}
	s->changes[s->count++] = (struct vmha_pcmk_setting_change){ .node = s->node,
								    .name = operand,
								    .value = value };
	return 0;
}

static int set_report(const struct set *s)
{
	json_t *all = json_array();
	size_t i;

	for (i = 0; i < s->count; i++) {
		const struct vmha_pcmk_setting_change *c = &s->changes[i];
		enum vmha_setting_id id = VMHA_SETTING_MIGRATION_SLOTS;
		char value[VMHA_SETTING_VALUE_SIZE];

		(void)vmha_setting_find(c->name, &id);
		vmha_setting_format(id, vmha_settings_get(&s->checked, id, s->node), value,
				    sizeof(value));
		vmha_output_step("%s%s%s: %s", c->name, s->node ? " on " : "",
				 s->node ? s->node : "", c->value ? value : "reset");
		(void)json_array_append_new(all, json_pack("{s:s, s:s?, s:s?}", "name", c->name,
							   "node", s->node, "value", c->value));
	}
	return vmha_output_json(all);
}

static int set_run(int argc, char **argv, struct vmha_err **err)
{
	vmha_autofree struct set *s = calloc(1, sizeof(*s));
	struct vmha_option opts[] = { { .name = "node" }, { .name = "reset" }, { 0 } };
	int r;
	int i;

	if (!s) {
		return vmha_err_set(err, -ENOMEM, "out of memory");
	}
	opts[0].value = &s->node;
	opts[1].flag = &s->reset;
	r = vmha_options_take(&argc, argv, opts, err);
	if (r != 0) {
		return r;
	}
	if (argc < 2) {
		return vmha_usage(err, "which setting? 'vmha config' lists them");
	}
	vmha_settings_default(&s->checked);
	for (i = 1; i < argc; i++) {
		r = operand_take(s, argv[i], err);
		if (r != 0) {
			return r;
		}
	}
	r = vmha_need_root(err);
	r = r < 0 ? r : vmha_pcmk_settings_change(s->changes, s->count, err);
	return r < 0 ? r : set_report(s);
}

/* --- config --------------------------------------------------------------------------------- */

static json_t *setting_json(const struct vmha_settings *s, enum vmha_setting_id id,
			    const char *node)
{
	const struct vmha_setting *t = vmha_setting_info(id);
	char standard[64];
	char value[64];
	char range[128];

	vmha_setting_format(id, vmha_settings_get(s, id, node), value, sizeof(value));
	vmha_setting_format(id, t->fallback, standard, sizeof(standard));
	vmha_setting_range(id, range, sizeof(range));
	return json_pack("{s:s, s:s?, s:s, s:s, s:s, s:s, s:s, s:b, s:s}", "name", t->name, "node",
			 node, "value", value, "default", standard, "unit", t->unit, "range", range,
			 "set", vmha_settings_origin(s, id, node), "per_node", t->per_node, "text",
			 t->text);
}

/* A row a setting, and one more for each node that has its own. */
static json_t *config_json(const struct vmha_settings *s)
{
	json_t *all = json_array();
	uint32_t n;
	int i;

	for (i = 0; i < VMHA_SETTINGS_COUNT; i++) {
		enum vmha_setting_id id = (enum vmha_setting_id)i;

		(void)json_array_append_new(all, setting_json(s, id, NULL));
		for (n = 0; n < s->nodes_count; n++) {
			if (s->nodes[n].set[id]) {
				(void)json_array_append_new(all,
							    setting_json(s, id, s->nodes[n].name));
			}
		}
	}
	return all;
}

/* What is there and cannot hold is said, and its default shown. */
static int config_read(struct vmha_settings *s, struct vmha_err **err)
{
	vmha_autosettings struct vmha_pcmk_settings *list = NULL;
	int r = vmha_pcmk_settings_read(&list, err);
	size_t i;

	vmha_settings_default(s);
	for (i = 0; r == 0 && i < list->count; i++) {
		const struct vmha_setting_pair *p = &list->items[i];
		vmha_autoerr struct vmha_err *why = NULL;

		if (!vmha_setting_is_network(p->name) &&
		    vmha_settings_put(s, p->node, p->name, p->value, &why) < 0) {
			vmha_output_warn("in Pacemaker's configuration, not used: %s",
					 vmha_err_text(why));
		}
	}
	return r;
}

static int config_run(int argc, char **argv, struct vmha_err **err)
{
	static const struct vmha_column columns[] = {
		{ "NAME", "name" },   { "NODE", "node" },
		{ "VALUE", "value" }, { "DEFAULT", "default" },
		{ "UNIT", "unit" },   { "RANGE", "range" },
		{ "SET", "set" },     { 0 }
	};
	static const struct vmha_option opts[] = { { 0 } };
	vmha_autofree struct vmha_settings *s = calloc(1, sizeof(*s));
	int r = s ? vmha_options_take(&argc, argv, opts, err) : -ENOMEM;

	if (r != 0) {
		return r;
	}
	if (argc != 1) {
		return vmha_usage(err, "'%s' is too much", argv[1]);
	}
	r = config_read(s, err);
	return r < 0 ? r : vmha_output_list(config_json(s), columns, "no settings");
}

const struct vmha_command vmha_commands_config[] = {
	{
		.name = "set",
		.args = "NAME=VALUE... [--node NODE] | --reset NAME... [--node NODE]",
		.summary = "Change settings of the cluster, on all nodes at once",
		.help = "  --node NODE  for that node alone, where the setting allows it\n"
			"  --reset      back to what holds otherwise\n\n"
			"All of them are one change of Pacemaker's configuration, or none is.\n\n",
		.help_more = settings_help,
		.run = set_run,
	},
	{
		.name = "config",
		.args = "",
		.summary = "Show the settings: values, defaults, ranges, where they are set",
		.help_more = settings_help,
		.run = config_run,
	},
	{ 0 },
};
