/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef VMHA_CLI_OUTPUT_H
#define VMHA_CLI_OUTPUT_H

#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>

/*
 * What commands print.  A command builds one JSON value and hands it over; with --output json it is
 * printed as it is, else as a table (of an array of objects) or as "Title: value" lines (of an
 * object), so that both always say the same.
 */

/** One column of a table, or one line of an object's text. */
struct vmha_column {
	const char *title;
	const char *key; /* in the objects; "a.b" for b in object a; missing or null prints "-" */
};

/** @return true with --output json (set by main.c) */
bool vmha_output_is_json(void);

/**
 * Print a list of objects.
 * @param list    array of objects; freed
 * @param columns ends with a row whose title is NULL
 * @param empty   text when the list is empty, e.g. "no roles"
 * @return 0; -ENOMEM (also when @list is NULL); -EIO standard output failed
 */
int vmha_output_list(json_t *list, const struct vmha_column *columns, const char *empty);

/** Print one object; a key it does not have gives no line. @param object freed. @return as
 * vmha_output_list() */
int vmha_output_object(json_t *object, const struct vmha_column *lines);

/** With --output json print @value; else nothing. @param value freed. @return as above */
int vmha_output_json(json_t *value);

/** The table alone, as text, for commands that print several. @param list borrowed */
int vmha_output_table(FILE *to, const json_t *list, const struct vmha_column *columns,
		      const char *indent);

/** One line of progress: standard output, or standard error with --output json. */
void vmha_output_step(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/** One warning on standard error: "vmha: warning: ...". */
void vmha_output_warn(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

#endif
