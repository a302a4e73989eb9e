/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef VMHA_CLUSTERD_DRIVE_PCMK_H
#define VMHA_CLUSTERD_DRIVE_PCMK_H

#include "clusterd/clusterd.h"
#include "lib/port/pcmk.h"
#include "lib/port/pcmk_change.h"

/*
 * Pacemaker asked and told without blocking: its tools run as children.  Questions that come
 * together share one child, changes that come together are one write of the CIB, in the order in
 * which they were asked for: each write aborts the transition that runs.
 *
 * Every call is answered exactly once, later, from the loop; unless the conversation is closed.
 */
struct drive_pcmk;

struct drive_pcmk *drive_pcmk_new(struct clusterd *c);
void drive_pcmk_free(struct drive_pcmk *p);

/**
 * @param r     0; negative errno, then @state is NULL
 * @param state borrowed for the call
 * @param why   words for people when @r < 0
 */
typedef void (*drive_state_done)(struct clusterd *c, int r, const struct vmha_pcmk_state *state,
				 const char *why, void *data);
/** The cluster's state, read after this call. */
void drive_pcmk_state(struct drive_pcmk *p, drive_state_done done, void *data);

/** Likewise the roles that are configured. */
typedef void (*drive_roles_done)(struct clusterd *c, int r,
				 const struct vmha_pcmk_primitives *roles, const char *why,
				 void *data);
void drive_pcmk_roles(struct drive_pcmk *p, drive_roles_done done, void *data);

/** @param text NULL unless @r is 0; borrowed */
typedef void (*drive_text_done)(struct clusterd *c, int r, const char *text, const char *why,
				void *data);

/** What crm_simulate -Ls prints: for vmha_pcmk_scores_choose(). */
void drive_pcmk_scores(struct drive_pcmk *p, drive_text_done done, void *data);
/** The constraints: for vmha_pcmk_bans_parse(). */
void drive_pcmk_constraints(struct drive_pcmk *p, drive_text_done done, void *data);
/** Wait until nothing is pending in the cluster; -ETIMEDOUT. */
void drive_pcmk_settled(struct drive_pcmk *p, unsigned int timeout_s, drive_text_done done,
			void *data);
/** Run one of Pacemaker's tools. @param argv NULL-terminated, copied */
void drive_pcmk_tool(struct drive_pcmk *p, const char *const argv[], drive_text_done done,
		     void *data);

enum drive_change {
	DRIVE_PREFER,	/* role prefers node: how a move is handed over */
	DRIVE_BAN,	/* role may not go to node: a drain */
	DRIVE_UNPREFER, /* no move of the role is wanted any more */
	DRIVE_UNBAN,	/* the drain of node is over */
};

/**
 * Change the CIB.  What is there already is fine, so is what is gone already.
 * @param role "" for DRIVE_UNBAN
 * @param node "" for DRIVE_UNPREFER
 * @param done may be NULL
 */
void drive_pcmk_change(struct drive_pcmk *p, enum drive_change change, const char *role,
		       const char *node, drive_text_done done, void *data);

/** Drop the changes asked for with @data that are not being written yet; they are not answered. */
void drive_pcmk_forget(struct drive_pcmk *p, const void *data);

#endif
