/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <string.h>

#include "lib/base/str.h"
#include "lib/core/cluster_int.h"

/* Laws of the replicated state. */

#define LAW(holds_, text_)                                                                         \
	do {                                                                                       \
		if (!(holds_)) {                                                                   \
			return text_;                                                              \
		}                                                                                  \
	} while (0)

static const char *check_node(const struct vmha_cluster *st, unsigned int at)
{
	const struct vmha_cnode *n = &st->nodes[at];

	LAW(n->id > 0 && (at == 0 || st->nodes[at - 1].id < n->id), "nodes are in order");
	LAW(!n->ready || (n->member && *n->name && n->proto), "a ready node is a named member");
	LAW(!n->member || n->host == VMHA_HOST_UP, "a member's host is up");
	LAW(n->guests_count <= VMHA_CGUESTS_MAX && (n->member || !n->guests_count),
	    "a node that is away says nothing of guests");
	LAW(n->ifaces_count <= VMHA_IFACES_MAX && n->reaches_count <= VMHA_REACHES_MAX,
	    "addresses are bounded");
	LAW(n->drain_performer == 0 ||
		    (cl_drain_works(n->drain) && cl_node_ready(st, n->drain_performer)),
	    "a drain's performer is ready, and has something to do");
	return NULL;
}

static bool pending_fits(const struct vmha_mig *m)
{
	static const unsigned int fits[VMHA_MIG_PHASES_COUNT] = {
		[VMHA_MIG_QUEUED] = 1U << VMHA_CEFFECT_NONE | 1U << VMHA_CEFFECT_CHECK,
		[VMHA_MIG_CHECKING] = 1U << VMHA_CEFFECT_CHECK,
		[VMHA_MIG_ADMITTED] = 1U << VMHA_CEFFECT_NONE | 1U << VMHA_CEFFECT_HAND_OVER,
		[VMHA_MIG_RUNNING] = 1U << VMHA_CEFFECT_NONE | 1U << VMHA_CEFFECT_ABORT |
				     1U << VMHA_CEFFECT_ADOPT,
		[VMHA_MIG_ENDING] = 1U << VMHA_CEFFECT_SETTLE | 1U << VMHA_CEFFECT_CLEAR,
		[VMHA_MIG_ENDED] = 1U << VMHA_CEFFECT_NONE,
	};

	if (!(fits[m->phase] & 1U << m->pending)) {
		return false;
	}
	switch (m->phase) {
	case VMHA_MIG_QUEUED:
		return m->checked == (m->pending == VMHA_CEFFECT_NONE);
	case VMHA_MIG_ADMITTED:
		return m->handed || m->pending == VMHA_CEFFECT_HAND_OVER;
	case VMHA_MIG_RUNNING:
		return (m->agent == 0) == (m->pending == VMHA_CEFFECT_ADOPT);
	case VMHA_MIG_CHECKING:
	case VMHA_MIG_ENDING:
	case VMHA_MIG_ENDED:
	case VMHA_MIG_PHASES_COUNT:
	default:
		return true;
	}
}

static const char *check_phase(const struct vmha_cluster *st, const struct vmha_mig *m)
{
	bool ended = m->phase == VMHA_MIG_ENDED;
	bool final = m->result == VMHA_RESULT_DONE || m->result == VMHA_RESULT_KEPT ||
		     m->result == VMHA_RESULT_LOST;

	LAW(pending_fits(m), "what is awaited fits the phase");
	LAW(m->phase == VMHA_MIG_ENDING || m->slot == (m->phase != VMHA_MIG_QUEUED && !ended),
	    "slots are held from admission to the end");
	LAW(m->performer == 0 ||
		    (m->pending != VMHA_CEFFECT_NONE && cl_node_ready(st, m->performer)),
	    "a performer is ready and has something to do");
	LAW(ended ? final : m->result == VMHA_RESULT_NONE, "a result comes with the end");
	LAW(m->agent == 0 || m->phase == VMHA_MIG_QUEUED || m->phase == VMHA_MIG_RUNNING,
	    "an agent waits or works");
	LAW(!m->held || (m->phase == VMHA_MIG_QUEUED && st->disturbance),
	    "only a recovery holds what is queued");
	LAW(!m->requeue || m->phase == VMHA_MIG_ENDING, "what ends is queued again, nothing else");
	LAW(!m->again || m->phase == VMHA_MIG_RUNNING || m->phase == VMHA_MIG_ENDING,
	    "only what ends is settled again");
	LAW(!m->stuck || (m->phase == VMHA_MIG_ENDING && !m->slot),
	    "only what is settled can be stuck, and holds no slot then");
	LAW(!m->fresh, "freshness does not last");
	return NULL;
}

static const char *check_mig(const struct vmha_cluster *st, unsigned int at)
{
	const struct vmha_mig *m = &st->migs[at];
	unsigned int i;

	LAW(m->id > 0 && m->id < st->next_id && (at == 0 || st->migs[at - 1].id < m->id),
	    "moves are in order");
	LAW(vmha_str_is_name(m->vm) && *m->trace && m->from != m->to, "a move has its facts");
	LAW(m->networks_count <= VMHA_ATTEMPTS_MAX, "attempts are bounded");
	if (cl_mig_open(m)) {
		LAW(vmha_cluster_node(st, m->from) && vmha_cluster_node(st, m->to),
		    "a move is between known nodes");
		for (i = 0; i < at; i++) {
			LAW(!cl_mig_open(&st->migs[i]) || strcmp(st->migs[i].vm, m->vm) != 0,
			    "a role has one open move");
		}
	}
	return check_phase(st, m);
}

static const char *check_roles(const struct vmha_cluster *st)
{
	unsigned int i;

	for (i = 0; i < st->roles_count; i++) {
		const struct vmha_drain_role *role = &st->roles[i];
		const struct vmha_mig *m = vmha_cluster_mig(st, role->mig);

		LAW(vmha_str_is_name(role->vm) && vmha_cluster_node(st, role->node),
		    "a role away has a home");
		LAW(role->state != VMHA_DROLE_GONE, "a role that is gone is forgotten");
		LAW(role->state != VMHA_DROLE_MOVING || (m && cl_mig_open(m)),
		    "a role on its way has an open move");
	}
	return NULL;
}

const char *vmha_cluster_check(const struct vmha_cluster *state)
{
	const char *law = NULL;
	unsigned int open = 0;
	unsigned int i;

	LAW(state->nodes_count <= VMHA_CLUSTER_NODES_MAX &&
		    state->migs_count <= VMHA_CLUSTER_MIGS_MAX &&
		    state->settings_count <= VMHA_CLUSTER_SETTINGS_MAX &&
		    state->roles_count <= VMHA_CLUSTER_ROLES_MAX && state->next_id > 0,
	    "everything is bounded");
	LAW(state->watcher == 0 || (state->disturbance && cl_node_ready(state, state->watcher)),
	    "the watcher is ready and has something to watch");
	for (i = 0; i < state->nodes_count && !law; i++) {
		law = check_node(state, i);
	}
	for (i = 0; i < state->migs_count && !law; i++) {
		open += cl_mig_open(&state->migs[i]);
		law = check_mig(state, i);
	}
	if (law) {
		return law;
	}
	LAW(open <= VMHA_CLUSTER_OPEN_MAX, "open moves are bounded");
	LAW(state->migs_count - open <= VMHA_CLUSTER_ENDED_MAX, "ended moves are bounded");
	return check_roles(state);
}
