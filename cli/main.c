/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/output.h"
#include "lib/base/cleanup.h"
#include "lib/base/str.h"

static bool json_wanted;

bool vmha_output_is_json(void)
{
	return json_wanted;
}

static const struct vmha_command *const tables[] = {
	vmha_commands_status,	 vmha_commands_vm,     vmha_commands_migrate,
	vmha_commands_migration, vmha_commands_drain,  vmha_commands_cold,
	vmha_commands_heal,	 vmha_commands_volume, vmha_commands_node,
	vmha_commands_cluster,	 vmha_commands_config, vmha_commands_events,
	vmha_commands_network,	 vmha_commands_lab,
};

#define TABLES (sizeof(tables) / sizeof(tables[0]))

/* How many of the words are @name's words; 0 unless all of them match. */
static int name_match(const char *name, int argc, char **argv)
{
	int used = 0;

	while (*name) {
		size_t len = strcspn(name, " ");

		if (used == argc || strlen(argv[used]) != len ||
		    strncmp(argv[used], name, len) != 0) {
			return 0;
		}
		used++;
		name += len + (name[len] == ' ');
	}
	return used;
}

static const struct vmha_command *command_find(int argc, char **argv, int *ret_words)
{
	const struct vmha_command *best = NULL;
	const struct vmha_command *c;
	size_t t;

	*ret_words = 0;
	for (t = 0; t < TABLES; t++) {
		for (c = tables[t]; c->name; c++) {
			int words = name_match(c->name, argc, argv);

			if (words > *ret_words) {
				*ret_words = words;
				best = c;
			}
		}
	}
	return best;
}

/* Print the commands that begin with the word @group (NULL: all). @return how many */
static int commands_list(FILE *to, const char *group)
{
	const struct vmha_command *c;
	size_t len = group ? strlen(group) : 0;
	int count = 0;
	size_t t;

	for (t = 0; t < TABLES; t++) {
		for (c = tables[t]; c->name; c++) {
			if (c->internal) {
				continue;
			}
			if (group && (strncmp(c->name, group, len) != 0 || c->name[len] != ' ')) {
				continue;
			}
			(void)fprintf(to, "  %-17s %s\n", c->name, c->summary);
			count++;
		}
	}
	return count;
}

static bool group_exists(const char *group)
{
	size_t len = strlen(group);
	const struct vmha_command *c;
	size_t t;

	for (t = 0; t < TABLES; t++) {
		for (c = tables[t]; c->name; c++) {
			if (strncmp(c->name, group, len) == 0 && c->name[len] == ' ') {
				return true;
			}
		}
	}
	return false;
}

static int help_overview(FILE *to, const char *group)
{
	(void)fprintf(to,
		      "Usage: vmha %s ...\n\n"
		      "Virtual machines as highly available roles of a Pacemaker cluster.\n\n"
		      "Commands:\n",
		      group ? group : "COMMAND");
	(void)commands_list(to, group);
	(void)fputs(
		"\nOptions of every command:\n"
		"  --help                what it does, its options\n"
		"  --output text|json    how to print the result (default: text)\n"
		"  --version             print the version\n"
		"\nExit status: 0 done, 1 failed, 2 wrong usage, 3 (status, doctor) something is "
		"not as it should be.\n",
		to);
	return VMHA_EXIT_OK;
}

static int help_command(const struct vmha_command *c)
{
	(void)printf("Usage: vmha %s%s%s\n\n%s.\n", c->name, *c->args ? " " : "", c->args,
		     c->summary);
	if (c->help) {
		(void)printf("\n%s", c->help);
	}
	if (c->help_more) {
		c->help_more();
	}
	return VMHA_EXIT_OK;
}

struct globals {
	bool help;
	bool version;
	const char *output;
};

/*
 * Take the options that every command has out of @argv, wherever they stand before "--".  A raw
 * command keeps all that follows its name.
 */
static int globals_take(int *argc, char **argv, struct globals *g, struct vmha_err **err)
{
	int kept = 1;
	int i;

	for (i = 1; i < *argc && strcmp(argv[i], "--") != 0; i++) {
		int words = 0;
		const struct vmha_command *c = command_find(kept - 1, argv + 1, &words);

		if (c && c->raw && words == kept - 1) {
			break;
		}
		if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) {
			g->help = true;
		} else if (strcmp(argv[i], "--version") == 0) {
			g->version = true;
		} else if (vmha_str_starts(argv[i], "--output=")) {
			g->output = argv[i] + strlen("--output=");
		} else if (strcmp(argv[i], "--output") == 0) {
			if (i + 1 == *argc) {
				return vmha_usage(err,
						  "option --output needs a value: text or json");
			}
			g->output = argv[++i];
		} else {
			argv[kept++] = argv[i];
		}
	}
	for (; i < *argc; i++) {
		argv[kept++] = argv[i];
	}
	*argc = kept;
	argv[kept] = NULL;
	if (strcmp(g->output, "text") != 0 && strcmp(g->output, "json") != 0) {
		return vmha_usage(err, "--output is text or json, not '%s'", g->output);
	}
	return 0;
}

static int command_run(const struct vmha_command *c, int words, int argc, char **argv)
{
	vmha_autoerr struct vmha_err *err = NULL;
	int r = c->run(argc - words + 1, argv + words - 1, &err);

	(void)fflush(stdout);
	if (err) {
		(void)fprintf(stderr, "vmha: %s\n", vmha_err_text(err));
	} else if (r < 0) {
		(void)fprintf(stderr, "vmha: %s: %s\n", c->name, strerror(-r));
	}
	if (r == VMHA_EXIT_USAGE) {
		(void)fprintf(stderr, "Usage: vmha %s%s%s\nMore: vmha %s --help\n", c->name,
			      *c->args ? " " : "", c->args, c->name);
	}
	return r < 0 ? VMHA_EXIT_FAILED : r;
}

static int command_unknown(int argc, char **argv)
{
	if (argc > 0 && group_exists(argv[0])) {
		if (argc > 1) {
			(void)fprintf(stderr, "vmha: unknown command '%s %s'\nCommands:\n", argv[0],
				      argv[1]);
		} else {
			(void)fprintf(stderr, "vmha: '%s' needs one more word\nCommands:\n",
				      argv[0]);
		}
		(void)commands_list(stderr, argv[0]);
		return VMHA_EXIT_USAGE;
	}
	if (argc > 0) {
		(void)fprintf(stderr, "vmha: unknown command '%s'\nMore: vmha --help\n", argv[0]);
		return VMHA_EXIT_USAGE;
	}
	(void)help_overview(stderr, NULL);
	return VMHA_EXIT_USAGE;
}

int main(int argc, char **argv)
{
	vmha_autoerr struct vmha_err *err = NULL;
	struct globals g = { .output = "text" };
	const struct vmha_command *c;
	int words = 0;

	if (globals_take(&argc, argv, &g, &err) != 0) {
		(void)fprintf(stderr, "vmha: %s\n", vmha_err_text(err));
		return VMHA_EXIT_USAGE;
	}
	argc--;
	argv++;
	json_wanted = strcmp(g.output, "json") == 0;
	if (g.version) {
		(void)printf("vmha %s\n", PACKAGE_VERSION);
		return VMHA_EXIT_OK;
	}
	if (argc > 0 && strcmp(argv[0], "help") == 0) {
		g.help = true;
		argc--;
		argv++;
	}
	c = command_find(argc, argv, &words);
	if (g.help && (c || argc == 0 || group_exists(argv[0]))) {
		return c ? help_command(c) : help_overview(stdout, argc ? argv[0] : NULL);
	}
	return c ? command_run(c, words, argc, argv) : command_unknown(argc, argv);
}
