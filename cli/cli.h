/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef VMHA_CLI_CLI_H
#define VMHA_CLI_CLI_H

#include <stdbool.h>

#include "lib/base/err.h"

/*
 * One row a command in the table of main.c.  A command prints its result on standard output (as
 * text, or as one JSON value with --output json), its one error on standard error, and returns the
 * exit status: 0, 1 failed, 2 wrong usage, 3 (doctor, status) something is not as it should be.
 */
struct vmha_command {
	const char *name;    /* "vm add": words separated by one space */
	const char *args;    /* "NAME --xml FILE --volume VOLUME" */
	const char *summary; /* one line */
	const char *help;    /* the rest of --help: options with units and defaults */
	int (*run)(int argc, char **argv,
		   struct vmha_err **err); /* argv[0] is the last word of name;
					      <0: errno, main prints *err */
};

extern const struct vmha_command vmha_commands_node[];
extern const struct vmha_command vmha_commands_volume[];
extern const struct vmha_command vmha_commands_vm[];
extern const struct vmha_command vmha_commands_move[]; /* migrate, heal */
extern const struct vmha_command vmha_commands_status[];
extern const struct vmha_command vmha_commands_lab[];

#endif
