/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef VMHA_CLI_CLI_H
#define VMHA_CLI_CLI_H

#include <stdbool.h>

#include "lib/base/err.h"

enum vmha_exit {
	VMHA_EXIT_OK = 0,
	VMHA_EXIT_FAILED = 1,
	VMHA_EXIT_USAGE = 2,
	VMHA_EXIT_WARN = 3, /* doctor, status: something is not as it should be */
};

/*
 * One row a command in the tables that main.c searches.  A command prints its result on standard
 * output (as text, or as one JSON value with --output json: see output.h), and returns the exit
 * status, or a negative errno (which main turns into VMHA_EXIT_FAILED).  Whatever it leaves in *err
 * main prints on standard error, one line.  --help, --output and --version never reach a command.
 */
struct vmha_command {
	const char *name;    /* "vm add": words separated by one space */
	const char *args;    /* "NAME --xml FILE --volume VOLUME" */
	const char *summary; /* one line */
	const char *help;    /* the rest of --help: options with units and defaults; may be NULL */
	/* argv[0] is the last word of name */
	int (*run)(int argc, char **argv, struct vmha_err **err);
	bool raw;		 /* gets everything behind its name untouched, --help too */
	bool internal;		 /* for parts of vmha, not for people: not listed */
	void (*help_more)(void); /* more of --help, from a table; may be NULL */
};

/* Each ends with a row whose name is NULL. */
extern const struct vmha_command vmha_commands_node[];
extern const struct vmha_command vmha_commands_volume[];
extern const struct vmha_command vmha_commands_vm[];
extern const struct vmha_command vmha_commands_migrate[];
extern const struct vmha_command vmha_commands_migration[];
extern const struct vmha_command vmha_commands_drain[];
extern const struct vmha_command vmha_commands_cold[];
extern const struct vmha_command vmha_commands_heal[];
extern const struct vmha_command vmha_commands_status[];
extern const struct vmha_command vmha_commands_cluster[];
extern const struct vmha_command vmha_commands_config[]; /* set, config */
extern const struct vmha_command vmha_commands_events[]; /* events, why */
extern const struct vmha_command vmha_commands_network[];
extern const struct vmha_command vmha_commands_lab[];

/** One long option of a command: either a flag or a value. */
struct vmha_option {
	const char *name;   /* without the dashes */
	const char **value; /* "--name VALUE" or "--name=VALUE" */
	bool *flag;	    /* "--name" */
};

/**
 * Take the options out of a command's arguments; "--" ends them.
 * @param opts ends with a row whose name is NULL
 * @param[in,out] argc, argv become argv[0] and the operands
 * @return 0, or VMHA_EXIT_USAGE with *err set
 */
int vmha_options_take(int *argc, char **argv, const struct vmha_option *opts,
		      struct vmha_err **err);

/** Wrong usage: record what is wrong (main adds where the help is). @return VMHA_EXIT_USAGE */
int vmha_usage(struct vmha_err **err, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/** @return 0; -EPERM with *err set when not root */
int vmha_need_root(struct vmha_err **err);

#endif
