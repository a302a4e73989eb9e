/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef VMHA_CLUSTERD_DRIVE_AGENT_H
#define VMHA_CLUSTERD_DRIVE_AGENT_H

#include "clusterd/drive.h"

/* Between drive_agents.c and drive_reports.c only. */

struct drive_agent {
	struct clusterd *c;
	uint64_t token;
	uint64_t client;		/* 0: its connection is closed */
	uint64_t mig;			/* 0: not known yet */
	struct clusterd_request *begin; /* not answered yet */
	guint timer;	  /* until it has waited long enough, for networks, or the grace */
	int pidfd;	  /* -1 */
	guint exit_watch; /* its process, in the grace */
	bool attach;	  /* its job is under way: it needs no networks */
	unsigned int rounds;
	char vm[VMHA_NAME_SIZE];
};

/** @return NULL: that connection has begun no move */
struct drive_agent *drive_agent_by_client(struct clusterd *c, uint64_t client);

/* Fields of requests. */
/** @return false: missing, no text, or too long */
bool drive_text_get(const json_t *body, const char *key, char *to, size_t size);
/** Words for people: cut, never refused. */
void drive_words_get(const json_t *body, const char *key, char *to, size_t size);

#endif
