/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef VMHA_CLUSTERD_CLUSTERD_H
#define VMHA_CLUSTERD_CLUSTERD_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#include "clusterd/service.h"
#include "lib/base/err.h"
#include "lib/core/cluster.h"
#include "lib/port/qblog.h"

struct vmha_cluster; /* the replicated state: lib/core/cluster.h */
struct vmha_cevent;  /* an event that changes it */
struct vmha_ceffect; /* what is to be done because of one */
struct clusterd_group;

/*
 * The daemon.  One thread, one GLib loop (the default context); nothing that can block runs in it:
 * see worker.h for children.  Modules read these fields; only the file named writes them.
 */
struct clusterd {
	GMainLoop *loop;
	uint32_t self;		      /* corosync node id (group.c); 0 until corosync answered */
	char name[VMHA_NODE_SIZE];    /* this node's name, of corosync's nodelist (group.c) */
	struct vmha_cluster *cluster; /* the replicated state, never NULL in hooks (group.c) */
	bool started;		      /* the modules are: node id and name are known (modules.c) */
	bool synced;  /* the state is the group's: effects and ops that need it may run (group.c) */
	bool quorate; /* the state's quorum holds, of the current ring (group.c) */
	uint64_t seq; /* of the event applied last (group.c) */
	const char *state_file; /* options of main.c */
	struct clusterd_group *group;
	struct clusterd_service *service;
	/* One a module, its own business; NULL until its start(). */
	struct clusterd_ops *ops;
	struct clusterd_drive *drive;
	struct clusterd_moveage *moveage;
	struct clusterd_net *net;
	struct clusterd_config *config;
	struct clusterd_journal *journal;
	struct clusterd_guests *guests;
	struct clusterd_forget *forget;
	struct clusterd_fence *fence;
	struct clusterd_volumes *volumes;
};

/*
 * A part of the daemon.  Every hook may be NULL, runs in the loop and must not block.  To hook one
 * in: define it, declare it below and add it to the table in modules.c, which is the order of
 * calls.
 */
struct clusterd_module {
	const char *name;
	/* Once, before the state is the group's: node id and name are known. */
	int (*start)(struct clusterd *c, struct vmha_err **err);
	/* Once, at the orderly end, in reverse order. */
	void (*stop)(struct clusterd *c);
	/* The state became the group's: after the start and after each time it had to be taken from
	 * others (a partition ended).  Publish what only this node knows. */
	void (*synced)(struct clusterd *c);
	/* An event was applied, on every node the same ones in the same order; c->cluster has it.
	 */
	void (*applied)(struct clusterd *c, const struct vmha_cevent *e);
	/* An event that this very process sent was refused by the state machine. */
	void (*refused)(struct clusterd *c, const struct vmha_cevent *e, int r, const char *why);
	/* An effect of that event that is for this node, or for every node. */
	void (*effect)(struct clusterd *c, const struct vmha_ceffect *effect);
	/* The state changed: once for all events applied in one turn of the loop. */
	void (*changed)(struct clusterd *c);
	/* An IPC connection ended: its agent or command is gone. */
	void (*closed)(struct clusterd *c, uint64_t client);
	/* IPC operations, the last row has no name; NULL: none. */
	const struct clusterd_op *ops;
};

extern const struct clusterd_module clusterd_module_config;
extern const struct clusterd_module clusterd_module_journal;
extern const struct clusterd_module clusterd_module_ops; /* state, subscribe, hello */
extern const struct clusterd_module clusterd_module_drive;
extern const struct clusterd_module clusterd_module_moveage;
extern const struct clusterd_module clusterd_module_net;
extern const struct clusterd_module clusterd_module_guests;
extern const struct clusterd_module clusterd_module_forget;
extern const struct clusterd_module clusterd_module_fence;
extern const struct clusterd_module clusterd_module_volumes;

/** Start them all; once. */
int clusterd_modules_start(struct clusterd *c, struct vmha_err **err);
void clusterd_modules_stop(struct clusterd *c);

/** All modules, in the order of their calls; ends with NULL. */
extern const struct clusterd_module *const clusterd_modules[];

/**
 * Multicast an event: it is applied on every node, this one too, at the same place in the total
 * order, some time later (from the loop, never from inside this call).  Members
 * that come to one state meanwhile do not lose it; the loss of corosync does: see synced().
 * @param e borrowed; encoded before this returns; `from` and, where 0, `wall_ms` are filled in
 * @return 0 queued; -ENOTCONN not a member of the group now; -ENOBUFS too many wait; -EMSGSIZE;
 * -ENOMEM
 */
int clusterd_send(struct clusterd *c, const struct vmha_cevent *e);

/** One log line (libqb): `key=value`, the module's words. */
#define clusterd_log(level_, ...) vmha_qblog(level_, __VA_ARGS__)

#endif
