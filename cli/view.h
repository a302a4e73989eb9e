/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef VMHA_CLI_VIEW_H
#define VMHA_CLI_VIEW_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/core/settings.h"

/*
 * What clusterd's answer to `state` says, in words.  Pure: no clusterd is needed to test it.
 * Whatever the answer lacks (an older clusterd) is "" or -1.
 */

/** One migration; the strings are borrowed from the answer, never NULL. */
struct vmha_view_move {
	int64_t id;
	const char *trace;
	const char *vm;
	const char *from;
	const char *to;
	const char *mode;
	const char *cause;
	const char *phase; /* QUEUED, ADMITTED, RUNNING, ENDING, ENDED */
	const char *state; /* as the agent reports it */
	const char *result;
	const char *reason;
	const char *network;
	const char *address;
	const char *requester;
	int64_t priority;
	int64_t attempts;
	bool cancel;
	bool held;
	int64_t percent; /* -1 unknown, as all below */
	int64_t remaining_bytes;
	int64_t rate_bps;  /* bytes a second */
	int64_t dirty_bps; /* bytes a second */
	int64_t eta_ms;
	int64_t total_ms;
	int64_t blackout_ms;
	int64_t bytes;
	int64_t enqueued_ms; /* wall clock */
	int64_t begun_ms;
	int64_t ended_ms;
};

/** @param state the part "state" of the answer, for the names of nodes; NULL: @migration has them
 */
void vmha_view_move_read(const json_t *state, const json_t *migration,
			 struct vmha_view_move *ret_move);

/** @return its migration of that id, or NULL */
const json_t *vmha_view_find(const json_t *state, int64_t id);
/** The VM's open migration, else the one that ended last, or NULL. */
const json_t *vmha_view_find_vm(const json_t *state, const char *vm);
/** @return true when nothing more will happen to it */
bool vmha_view_ended(const struct vmha_view_move *move);
/** @return true when it has ended with the VM on the target */
bool vmha_view_done(const struct vmha_view_move *move);

/** What it does now: "copying memory", "waiting: node1 is in migration 7 (web2)". Caller frees. */
char *vmha_view_words(const json_t *state, const struct vmha_view_move *move);

/** "over mig, 43 %, 112 MiB/s, dirtied 12 MiB/s, 640 MiB left, 6 s to go"; "" when it copies
 * nothing. Caller frees. */
char *vmha_view_figures(const struct vmha_view_move *move);

/** "[#####.....] 50 %  copying memory ...", at most @width characters. Caller frees. */
char *vmha_view_bar(const struct vmha_view_move *move, const char *words, size_t width);

/** "live, in 3.2 s, blackout 45 ms, 80 MiB over mig (10.0.0.2), 2 attempts". Caller frees. */
char *vmha_view_total(const struct vmha_view_move *move);

/** The migration with "words" and "figures" added. @return caller frees */
json_t *vmha_view_row(const json_t *state, const json_t *migration);

/** The migrations as such rows, open ones first. @param all ended too */
json_t *vmha_view_rows(const json_t *state, bool all);

/** The settings of the state; what a setting does not take is as if it was not set. */
void vmha_view_settings(const json_t *state, struct vmha_settings *ret_settings);

/** A node of the state, or NULL. */
const json_t *vmha_view_node(const json_t *state, const char *name);

enum vmha_view_drain_kind {
	VMHA_VIEW_OPEN,	      /* takes roles */
	VMHA_VIEW_AT_WORK,    /* roles move away, or back */
	VMHA_VIEW_DRAINED,    /* empty and closed */
	VMHA_VIEW_INCOMPLETE, /* closed, but some roles could not move */
};

/** How the drain of a node stands. */
enum vmha_view_drain_kind vmha_view_drain_kind(const json_t *node);

/**
 * {node, state, words, reason, total, moved, roles: [{vm, state, words, figures, mig}]}: the roles
 * that are still there first.
 */
json_t *vmha_view_drain(const json_t *state, const json_t *node);

#endif
