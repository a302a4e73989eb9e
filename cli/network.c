/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/daemon.h"
#include "cli/output.h"
#include "lib/base/cleanup.h"
#include "lib/base/str.h"
#include "lib/core/network.h"
#include "lib/core/settings.h"
#include "lib/port/pcmk_settings.h"

#define ASK_SPAN     VMHA_SPAN_S(5)
#define CHANGES_MAX  8
#define ORDER	     "migration-order"
#define DEFAULT_NAME "Cluster Network "

/* --- reading ---------------------------------------------------------------------------------- */

/* @param[out] ret_list array of networks, by number */
static int networks_ask(json_t **ret_list, struct vmha_err **err)
{
	vmha_autojson json_t *reply = NULL;
	json_t *list;
	int r = vmha_daemon_ask(json_pack("{s:s}", "op", "networks"), ASK_SPAN, &reply, err);

	if (r < 0) {
		return r;
	}
	list = json_object_get(reply, "networks");
	if (!json_is_array(list)) {
		return vmha_err_set(err, -EBADMSG, "clusterd's answer has no networks");
	}
	*ret_list = json_incref(list);
	return 0;
}

static const char *text_of(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));

	return text ? text : "";
}

static int64_t number_of(const json_t *object, const char *key)
{
	return (int64_t)json_integer_value(json_object_get(object, key));
}

/* By name, address with prefix, or key. */
static json_t *network_find(const json_t *list, const char *name, struct vmha_err **err)
{
	static const char *const keys[] = { "name", "subnet", "key" };
	size_t i;
	size_t k;

	for (k = 0; k < sizeof(keys) / sizeof(keys[0]); k++) {
		for (i = 0; i < json_array_size(list); i++) {
			json_t *net = json_array_get(list, i);

			if (strcmp(text_of(net, keys[k]), name) == 0) {
				return net;
			}
		}
	}
	(void)vmha_err_set(err, -ENOENT, "there is no network '%s': 'vmha network list' names them",
			   name);
	return NULL;
}

/* "node1, node3" */
static json_t *lost_list(const json_t *net)
{
	json_t *lost = json_array();
	const json_t *a;
	size_t i;

	json_array_foreach(json_object_get(net, "addresses"), i, a)
	{
		if (json_is_true(json_object_get(a, "lost"))) {
			(void)json_array_append(lost, json_object_get(a, "node"));
		}
	}
	return lost;
}

/* What people see beside what clusterd says: "partitioned: node1", what it is used for. */
static void words_add(json_t *net)
{
	vmha_autojson json_t *lost = lost_list(net);
	vmha_autostr struct vmha_str state = { 0 };
	vmha_autostr struct vmha_str uses = { 0 };
	const json_t *node;
	size_t i;

	(void)vmha_str_add(&state, "%s", text_of(net, "state"));
	json_array_foreach(lost, i, node)
	{
		(void)vmha_str_add(&state, "%s%s", i ? ", " : ": ", json_string_value(node));
	}
	if (json_is_true(json_object_get(net, "cluster"))) {
		(void)vmha_str_add(&uses, "corosync");
	}
	if (json_is_true(json_object_get(net, "csv"))) {
		(void)vmha_str_add(&uses, "%svolumes", uses.len ? ", " : "");
	}
	if (number_of(net, "rank")) {
		(void)vmha_str_add(&uses, "%smigrations (place %lld)", uses.len ? ", " : "",
				   (long long)number_of(net, "rank"));
	}
	(void)json_object_set_new(net, "words", json_string(state.text ? state.text : ""));
	(void)json_object_set_new(net, "uses", json_string(uses.text ? uses.text : ""));
}

/* --- list, show ------------------------------------------------------------------------------- */

static int list_run(int argc, char **argv, struct vmha_err **err)
{
	static const struct vmha_column columns[] = {
		{ "NAME", "name" },
		{ "STATE", "words" },
		{ "METRIC", "metric" },
		{ "AUTOMETRIC", "autometric" },
		{ "ROLE", "role" },
		{ "ADDRESS", "subnet" },
		{ 0 },
	};
	static const struct vmha_option opts[] = { { 0 } };
	vmha_autojson json_t *list = NULL;
	size_t i;
	int r = vmha_options_take(&argc, argv, opts, err);

	if (r == 0 && argc != 1) {
		r = vmha_usage(err, "'%s' is too much: 'vmha network show %s' shows one", argv[1],
			       argv[1]);
	}
	r = r ? r : networks_ask(&list, err);
	if (r != 0) {
		return r;
	}
	for (i = 0; i < json_array_size(list); i++) {
		words_add(json_array_get(list, i));
	}
	return vmha_output_list(vmha_steal_ptr(list), columns, "no networks yet");
}

static int show_run(int argc, char **argv, struct vmha_err **err)
{
	static const struct vmha_column lines[] = {
		{ "Network", "name" },
		{ "Address", "subnet" },
		{ "State", "words" },
		{ "Metric", "metric" },
		{ "AutoMetric", "autometric" },
		{ "Role", "role" },
		{ "Used for", "uses" },
		{ "Excluded from migrations", "exclude" },
		{ "Default gateway", "gateway" },
		{ "Speed (Mbit/s)", "speed_mbps" },
		{ 0 },
	};
	static const struct vmha_column columns[] = {
		{ "NODE", "node" },
		{ "ADDRESS", "address" },
		{ "INTERFACE", "interface" },
		{ "UP", "up" },
		{ "IN CLUSTER", "member" },
		{ "LOST", "lost" },
		{ 0 },
	};
	static const struct vmha_option opts[] = { { 0 } };
	vmha_autojson json_t *list = NULL;
	json_t *net;
	int r = vmha_options_take(&argc, argv, opts, err);

	if (r == 0 && argc != 2) {
		r = vmha_usage(err, "one network is needed: its name or its address");
	}
	r = r ? r : networks_ask(&list, err);
	if (r != 0) {
		return r;
	}
	net = network_find(list, argv[1], err);
	if (!net) {
		return -ENOENT;
	}
	words_add(net);
	r = vmha_output_object(json_incref(net), lines);
	if (r == 0 && !vmha_output_is_json()) {
		(void)printf("Nodes:\n");
		r = vmha_output_table(stdout, json_object_get(net, "addresses"), columns, "  ");
	}
	return r;
}

/* --- set -------------------------------------------------------------------------------------- */

/* The changes of one command: names are owned, values are borrowed. */
struct changes {
	struct vmha_pcmk_setting_change items[CHANGES_MAX];
	char names[CHANGES_MAX][VMHA_SETTING_NAME_SIZE];
	size_t count;
};

/* @param value NULL: back to the default */
static void change_add(struct changes *c, const json_t *net, const char *field, const char *value)
{
	struct vmha_pcmk_setting_change *item = &c->items[c->count];
	char *name = c->names[c->count++];

	(void)snprintf(name, VMHA_SETTING_NAME_SIZE, "net.%s.%s", text_of(net, "key"), field);
	*item = (struct vmha_pcmk_setting_change){ .name = name, .value = value };
}

static int changes_write(const struct changes *c, struct vmha_err **err)
{
	static struct vmha_network_settings scratch;
	size_t i;
	int r = 0;

	for (i = 0; i < c->count && r == 0; i++) {
		if (c->items[i].value) {
			r = vmha_network_settings_take(&scratch, c->items[i].name,
						       c->items[i].value, err);
		}
	}
	return r < 0 ? r : vmha_pcmk_settings_change(c->items, c->count, err);
}

/* "Cluster Network 7" would be the default name of another one some day. */
static bool name_is_default(const char *name)
{
	const char *number = name + strlen(DEFAULT_NAME);

	return vmha_str_starts(name, DEFAULT_NAME) && *number &&
	       strspn(number, "0123456789") == strlen(number);
}

static int name_check(const json_t *list, const json_t *net, const char *name,
		      struct vmha_err **err)
{
	const json_t *other;

	if (name_is_default(name)) {
		return vmha_err_set(err, -EINVAL,
				    "'%s' is a name that networks get by themselves: give another "
				    "one, or '' for this network's own",
				    name);
	}
	other = network_find(list, name, NULL);
	if (other && other != net) {
		return vmha_err_set(err, -EEXIST, "network %s (%s) is called '%s' already",
				    text_of(other, "name"), text_of(other, "subnet"), name);
	}
	return 0;
}

struct wishes {
	const char *metric;
	const char *auto_metric;
	const char *role;
	const char *name;
	const char *exclude;
};

static int switch_check(const char *option, const char *value, const char *yes, const char *no,
			struct vmha_err **err)
{
	if (!value || strcmp(value, yes) == 0 || strcmp(value, no) == 0) {
		return 0;
	}
	return vmha_usage(err, "--%s is %s or %s, not '%s'", option, yes, no, value);
}

static int wishes_check(const struct wishes *w, struct vmha_err **err)
{
	int r = switch_check("auto-metric", w->auto_metric, "on", "off", err);

	r = r ? r : switch_check("exclude", w->exclude, "yes", "no", err);
	if (r == 0 && w->metric && w->auto_metric && strcmp(w->auto_metric, "on") == 0) {
		r = vmha_usage(err, "a metric that is set by hand turns AutoMetric off: give "
				    "--metric or --auto-metric on");
	}
	if (r == 0 && !w->metric && !w->auto_metric && !w->role && !w->name && !w->exclude) {
		r = vmha_usage(err, "what is to be set? --metric, --auto-metric, --role, --name or "
				    "--exclude");
	}
	return r;
}

static int wishes_write(const json_t *list, const json_t *net, const struct wishes *w,
			struct vmha_err **err)
{
	struct changes c = { .count = 0 };
	char metric[24];
	int r = w->name && *w->name ? name_check(list, net, w->name, err) : 0;

	if (r < 0) {
		return r;
	}
	(void)snprintf(metric, sizeof(metric), "%lld", (long long)number_of(net, "metric"));
	if (w->metric) {
		change_add(&c, net, "metric", w->metric);
	} else if (w->auto_metric) {
		change_add(&c, net, "metric", strcmp(w->auto_metric, "on") == 0 ? NULL : metric);
	}
	if (w->role) {
		change_add(&c, net, "role", strcmp(w->role, "default") == 0 ? NULL : w->role);
	}
	if (w->name) {
		change_add(&c, net, "name", *w->name ? w->name : NULL);
	}
	if (w->exclude) {
		change_add(&c, net, "exclude", *w->exclude == 'y' ? "yes" : NULL);
	}
	return changes_write(&c, err);
}

static int set_run(int argc, char **argv, struct vmha_err **err)
{
	struct wishes w = { 0 };
	const struct vmha_option opts[] = {
		{ .name = "metric", .value = &w.metric },
		{ .name = "auto-metric", .value = &w.auto_metric },
		{ .name = "role", .value = &w.role },
		{ .name = "name", .value = &w.name },
		{ .name = "exclude", .value = &w.exclude },
		{ 0 },
	};
	vmha_autojson json_t *list = NULL;
	const json_t *net;
	int r = vmha_options_take(&argc, argv, opts, err);

	if (r == 0 && argc != 2) {
		r = vmha_usage(err, "one network is needed: its name or its address");
	}
	r = r ? r : wishes_check(&w, err);
	r = r ? r : networks_ask(&list, err);
	if (r != 0) {
		return r;
	}
	net = network_find(list, argv[1], err);
	return net ? wishes_write(list, net, &w, err) : -ENOENT;
}

/* --- order ------------------------------------------------------------------------------------ */

static int order_show(json_t *list)
{
	static const struct vmha_column columns[] = {
		{ "PLACE", "rank" },	 { "NAME", "name" },   { "METRIC", "metric" },
		{ "ADDRESS", "subnet" }, { "STATE", "words" }, { 0 },
	};
	json_t *rows = json_array();
	int64_t rank;
	json_t *net;
	size_t i;

	for (rank = 1; rank <= (int64_t)json_array_size(list); rank++) {
		json_array_foreach(list, i, net)
		{
			if (number_of(net, "rank") == rank) {
				words_add(net);
				(void)json_array_append(rows, net);
			}
		}
	}
	return vmha_output_list(rows, columns, "no network may be used for migrations");
}

/* "A,B" -> their keys */
static int order_keys(const json_t *list, const char *names, struct vmha_str *keys,
		      struct vmha_err **err)
{
	vmha_autofree char *copy = strdup(names);
	char *save = NULL;
	char *name;

	for (name = copy ? strtok_r(copy, ",", &save) : NULL; name;
	     name = strtok_r(NULL, ",", &save)) {
		json_t *net;

		name += strspn(name, " ");
		net = network_find(list, name, err);
		if (!net) {
			return -ENOENT;
		}
		if (!number_of(net, "rank")) {
			return vmha_err_set(
				err, -EINVAL, "%s is not used for migrations: it is %s", name,
				json_is_true(json_object_get(net, "exclude")) ? "excluded"
									      : "of role none");
		}
		if (json_is_true(json_object_get(net, "named"))) {
			return vmha_err_set(err, -EINVAL, "%s is there twice", name);
		}
		(void)json_object_set_new(net, "named", json_true());
		(void)vmha_str_add(keys, "%s%s", keys->len ? "," : "", text_of(net, "key"));
	}
	if (!copy || keys->failed) {
		return vmha_err_set(err, -ENOMEM, "out of memory");
	}
	if (keys->len >= VMHA_SETTING_VALUE_SIZE) {
		return vmha_err_set(err, -ENOSPC,
				    "so many networks are too long a setting: name those that come "
				    "first, the others follow by themselves");
	}
	return keys->len ? 0 : vmha_err_set(err, -EINVAL, "the order names no network");
}

static int order_run(int argc, char **argv, struct vmha_err **err)
{
	bool reset = false;
	const struct vmha_option opts[] = { { .name = "reset", .flag = &reset }, { 0 } };
	struct vmha_pcmk_setting_change change = { .name = ORDER };
	vmha_autostr struct vmha_str keys = { 0 };
	vmha_autojson json_t *list = NULL;
	int r = vmha_options_take(&argc, argv, opts, err);

	if (r == 0 && (argc > 2 || (reset && argc == 2))) {
		r = vmha_usage(err, "give the names in one word, separated by commas%s",
			       reset ? ", or --reset" : "");
	}
	if (r == 0 && reset) {
		return vmha_pcmk_settings_change(&change, 1, err);
	}
	r = r ? r : networks_ask(&list, err);
	if (r == 0 && argc == 1) {
		return order_show(list);
	}
	r = r ? r : order_keys(list, argv[1], &keys, err);
	if (r != 0) {
		return r;
	}
	change.value = keys.text;
	return vmha_pcmk_settings_change(&change, 1, err);
}

const struct vmha_command vmha_commands_network[] = {
	{ .name = "network list",
	  .args = "",
	  .summary = "Networks of the cluster with state, metric and role",
	  .run = list_run },
	{ .name = "network show",
	  .args = "NAME",
	  .summary = "One network, with the address of each node",
	  .run = show_run },
	{ .name = "network set",
	  .args = "NAME [--metric N | --auto-metric on|off] [--role R] [--name NEW] [--exclude "
		  "yes|no]",
	  .summary = "Change a network's metric, role or name, or keep migrations off it",
	  .help = "  --metric N          1 to 1000000, lower is preferred; turns AutoMetric off\n"
		  "  --auto-metric on    back to the metric that follows from gateway, speed and "
		  "address;\n"
		  "                      off: the one it has now becomes one set by hand\n"
		  "  --role R            none, cluster, cluster-and-client, or default\n"
		  "  --name NEW          up to 47 characters without comma; '' for the network's "
		  "own\n"
		  "  --exclude yes       no migration uses it; default: no\n",
	  .run = set_run },
	{ .name = "network order",
	  .args = "[NAME,NAME... | --reset]",
	  .summary = "Show or set the order in which migrations try networks",
	  .help = "  --reset             back to the order that follows from gateway, use and "
		  "metric\n"
		  "Networks that are not named come after those that are.\n",
	  .run = order_run },
	{ 0 },
};
