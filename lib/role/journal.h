/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef VMHA_ROLE_JOURNAL_H
#define VMHA_ROLE_JOURNAL_H

/* What agents and commands tell the journal of events on all nodes (DESIGN.md, I6). */

/** Strings may be NULL. */
struct vmha_journal_note {
	const char *kind;  /* "start", "stop", "refusal", ... */
	const char *level; /* "info" (also NULL), "warning", "error" */
	const char *vm;
	const char *node; /* that it is about; NULL: this one */
	const char *trace;
	const char *cause; /* one word: who or what asked */
	const char *text;  /* one line, for the administrator */
};

/**
 * Tell clusterd.  Best effort: without clusterd nothing happens; takes at most half a second, and
 * some milliseconds as a rule.
 */
void vmha_journal_send(const struct vmha_journal_note *note);

struct vmha_action;

/** Likewise, about an action on a role that Pacemaker asked for. @param kind "start", "stop" */
void vmha_journal_action(const struct vmha_action *act, const char *kind, const char *level,
			 const char *fmt, ...) __attribute__((format(printf, 4, 5)));

#endif
