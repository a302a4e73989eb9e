/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef VMHA_CLUSTERD_DRIVE_ASKS_H
#define VMHA_CLUSTERD_DRIVE_ASKS_H

#include "clusterd/drive.h"

enum ask_kind { ASK_MIGRATE, ASK_CANCEL, ASK_DRAIN, ASK_RESUME, ASK_PRECHECK };

/* A command that waits. */
struct drive_ask {
	struct clusterd *c;
	uint64_t serial;
	enum ask_kind kind;
	struct clusterd_request *req;
	uint64_t mig;	 /* 0: not known yet */
	bool chosen;	 /* the target was, by us */
	bool mode_set;	 /* by the command */
	bool placed;	 /* Pacemaker has the role where it may leave, and lets it go there */
	bool configured; /* its volume, mode and priority are known */
	struct vmha_cevent event;
	char to[VMHA_NODE_SIZE];
	char from[VMHA_NODE_SIZE];
	struct clusterd_worker *worker;
	guint timer;
};

/** @param ms it is answered with an error then */
struct drive_ask *drive_ask_new(struct clusterd *c, struct clusterd_request *req,
				enum ask_kind kind, unsigned int ms);
/** What callbacks are given: the command may have been answered when they come. */
void *drive_ask_data(const struct drive_ask *a);
struct drive_ask *drive_ask_of(struct clusterd *c, void *data);

/* The answer; @a is gone then. */
void drive_ask_error(struct drive_ask *a, int code, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
/** @param body stolen */
void drive_ask_answer(struct drive_ask *a, json_t *body);

/** Multicast its event; on failure it is answered. */
void drive_ask_send(struct drive_ask *a);

/** @return true: @to has it, "" where it is not there; false: not a text, or too long */
bool drive_text_take(const json_t *body, const char *key, char *to, size_t size);

/** The fields of migrate. @return false: one is missing or wrong */
bool drive_migrate_read(struct drive_ask *a, const json_t *body);

/* The state has changed: answer, if the outcome is there (ops_move.c). */
void drive_migrate_look(struct drive_ask *a);
void drive_cancel_look(struct drive_ask *a);

#endif
