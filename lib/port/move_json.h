/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef VMHA_PORT_MOVE_JSON_H
#define VMHA_PORT_MOVE_JSON_H

#include "lib/base/err.h"
#include "lib/core/plan.h"

/*
 * What an agent and clusterd say to each other about a move, as JSON text (jansson).  Texts are for
 * the caller to free, NULL when memory ran out.  Replies are checked: bounded, every network with a
 * numeric address.
 */
struct vmha_move_ask {
	const char *vm;
	const char *volume;
	const char *from;
	const char *to;
	const char *trace;
	const char *mode;
	int64_t timeout_ms;
	int64_t pid;
	bool attach; /* its libvirt job is under way: never to be refused */
};
char *vmha_move_json_begin(const struct vmha_move_ask *ask);

/** @param progress NULL: nothing is copied now */
char *vmha_move_json_report(uint64_t id, const char *vm, const char *trace, const char *state,
			    const char *network, const char *address,
			    const struct vmha_move_progress *progress);

/** @param error why @network could not be used; NULL: it is used */
char *vmha_move_json_network(uint64_t id, const char *vm, const char *network, const char *address,
			     const char *error);

struct vmha_move_end {
	const char *result; /* DONE, KEPT, UNSURE, SAVED */
	const char *reason;
	const char *network;
	int64_t total_ms;    /* -1 unknown */
	int64_t blackout_ms; /* -1 unknown */
	int64_t bytes;	     /* -1 unknown */
	const char *address;
	bool aborted; /* clusterd had asked for it */
};
/** @param id 0: the target's agent, which knows the move by @trace only */
char *vmha_move_json_end(uint64_t id, const char *vm, const char *trace,
			 const struct vmha_move_end *end);

/** How long ago is each, as this node heard of it? ms by one clock, -1: it has not. */
struct vmha_move_age {
	int64_t begun_ms;
	int64_t stopped_ms; /* the guest, for a quick move */
};
char *vmha_move_json_age(const char *trace);
/** @return 0; -ECANCELED clusterd knows of no such move; -EBADMSG */
int vmha_move_json_age_read(const char *reply, struct vmha_move_age *ret_age,
			    struct vmha_err **err);

char *vmha_move_json_journal(const char *vm, const char *node, const char *trace, const char *text);

/** A reply that only says yes or no. @return 0; -ECANCELED no, with clusterd's words; -EBADMSG */
int vmha_move_json_ok(const char *reply, struct vmha_err **err);

/** The answer to vmha_move_json_begin(). @return 0; -ECANCELED refused, with clusterd's words;
 * -EBADMSG not understood; -ENOMEM */
int vmha_move_json_plan(const char *reply, struct vmha_plan **ret_plan, struct vmha_err **err);

/**
 * The ways between the source and the node that checks itself, as clusterd gives them to
 * `vm-action precheck`: "networks" as in a plan, "address" the source's, "local" this node's.
 * @return 0; -EBADMSG; -ENOMEM
 */
int vmha_move_json_ways(const char *text, struct vmha_plan **ret_plan, struct vmha_err **err);

/** @return 1 @event asks to abort the move @id, *ret_why (caller frees) says why; 0 it does not */
int vmha_move_json_abort(const char *event, uint64_t id, char **ret_why);

/* The answer of `vm-action precheck`. */
struct vmha_check {
	const char *check;
	bool ok;
	char text[400];
};
char *vmha_checks_json(const struct vmha_check *checks, size_t count);

#endif
