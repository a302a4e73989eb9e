/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef VMHA_CLUSTERD_VOLUMES_H
#define VMHA_CLUSTERD_VOLUMES_H

#include <glib.h>
#include <stdbool.h>

#include "clusterd/clusterd.h"
#include "clusterd/linechild.h"

/*
 * @internal of volumes*.c: the volumes that are started on this node, a vmha-coordinator for each.
 * Which those are is told by what ocf:vmha:csv leaves in VMHA_CSV_RUN_DIR.
 */
struct clusterd_volumes {
	struct clusterd *c;
	int inotify;
	guint watch;
	GHashTable *here; /* name -> struct clusterd_volume */
	GPtrArray *asks;  /* struct volumes_ask: commands that wait for a move */
};

struct clusterd_volume {
	struct clusterd *c;
	char name[VMHA_NAME_SIZE];
	struct clusterd_linechild *child;
	bool owner;
	uint64_t epoch;
};

/** @return NULL: not started on this node */
struct clusterd_volume *volumes_find(const struct clusterd *c, const char *name);
/** Tell all nodes. @return as clusterd_send(); -EOPNOTSUPP a member is of an older release */
int volumes_say(struct clusterd *c, const struct vmha_cvolume *word);
/** Tell this node's coordinator. */
void volumes_tell(struct clusterd_volume *v, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/* volumes_ops.c */
void volumes_op_move(struct clusterd *c, struct clusterd_request *req, const json_t *body);
void volumes_op_lookup(struct clusterd *c, struct clusterd_request *req, const json_t *body);
/** Is what a command waits for there? */
void volumes_asks_look(struct clusterd *c, const struct vmha_cevent *e);
void volumes_ask_free(void *ask);

#endif
