/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "clusterd/drive_facts.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "clusterd/drive.h"
#include "lib/base/cleanup.h"

/* The questions of one round, one after the other. */
struct gather {
	char node[VMHA_NODE_SIZE];
	struct drive_facts *facts;
	drive_facts_done done;
	void *data;
};

static void gather_end(struct clusterd *c, struct gather *g, int r, const char *why)
{
	drive_facts_done done = g->done;
	void *data = g->data;

	g_free(g);
	done(c, r, why, data);
}

static void scores_answer(struct clusterd *c, int r, const char *text, const char *why, void *data)
{
	struct gather *g = data;

	if (r == 0) {
		g->facts->scores = strdup(text);
		r = g->facts->scores ? 0 : -ENOMEM;
	}
	gather_end(c, g, r, why);
}

static void constraints_answer(struct clusterd *c, int r, const char *text, const char *why,
			       void *data)
{
	vmha_autoerr struct vmha_err *err = NULL;
	vmha_autofree char **bans = NULL;
	struct gather *g = data;
	size_t count = 0;

	if (r == 0) {
		r = vmha_pcmk_bans_parse(text, g->node, &bans, &count, &err);
		why = r < 0 ? vmha_err_text(err) : NULL;
	} else if (r == -ENOENT) {
		r = 0; /* no constraint at all */
	}
	if (r < 0) {
		gather_end(c, g, r, why);
		return;
	}
	drive_facts_bans(g->facts, bans, count);
	drive_pcmk_scores(c->drive->pcmk, scores_answer, g);
}

static void state_answer(struct clusterd *c, int r, const struct vmha_pcmk_state *s,
			 const char *why, void *data)
{
	struct gather *g = data;

	if (r == 0 && (!s->dc_present || !s->quorum)) {
		r = -EAGAIN;
		why = "Pacemaker has no coordinator or no quorum";
	}
	if (r < 0) {
		gather_end(c, g, r, why);
		return;
	}
	drive_facts_places(g->facts, s, g->node);
	drive_pcmk_constraints(c->drive->pcmk, constraints_answer, g);
}

static void roles_answer(struct clusterd *c, int r, const struct vmha_pcmk_primitives *roles,
			 const char *why, void *data)
{
	struct gather *g = data;

	if (r == 0) {
		r = drive_facts_roles(g->facts, roles);
		why = "out of memory";
	}
	if (r < 0) {
		gather_end(c, g, r, why);
		return;
	}
	drive_pcmk_state(c->drive->pcmk, state_answer, g);
}

void drive_facts_gather(struct clusterd *c, const char *node, struct drive_facts *f,
			drive_facts_done done, void *data)
{
	struct gather *g = g_new0(struct gather, 1);

	(void)snprintf(g->node, sizeof(g->node), "%s", node);
	g->facts = f;
	g->done = done;
	g->data = data;
	drive_pcmk_roles(c->drive->pcmk, roles_answer, g);
}
