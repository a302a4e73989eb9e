/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef VMHA_CLUSTERD_LINECHILD_H
#define VMHA_CLUSTERD_LINECHILD_H

#include <jansson.h>

/*
 * A helper process that says JSON objects, a line each, on its standard output for as long as
 * clusterd lives (its standard input ends with clusterd).  When it ends it is started anew.
 */
struct clusterd_linechild;

/** @param line borrowed; NULL: the process ended, another will be started */
typedef void (*clusterd_linechild_fn)(const json_t *line, void *data);

/**
 * @param program   absolute path, borrowed for ever
 * @param silence_s killed when it says nothing for so long: it hangs; 0: it may be silent
 */
struct clusterd_linechild *clusterd_linechild_new(const char *program, unsigned int silence_s,
						  clusterd_linechild_fn fn, void *data);
/**
 * Likewise with one argument, copied.  Where it ends soon again it is restarted ever later, after a
 * minute at most.
 */
struct clusterd_linechild *clusterd_linechild_new_for(const char *program, const char *argument,
						      clusterd_linechild_fn fn, void *data);
/** A line on its standard input; lost where it does not run now, or reads nothing. */
void clusterd_linechild_tell(struct clusterd_linechild *l, const char *line);
/** The process is killed, too. NULL is fine. */
void clusterd_linechild_free(struct clusterd_linechild *l);

#endif
