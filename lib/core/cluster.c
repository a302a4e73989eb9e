/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lib/core/cluster.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/str.h"
#include "lib/core/cluster_int.h"

struct vmha_cluster *vmha_cluster_new(void)
{
	struct vmha_cluster *st = calloc(1, sizeof(*st));

	if (st) {
		st->next_id = 1;
	}
	return st;
}

void vmha_cevent_free(struct vmha_cevent *event)
{
	if (event) {
		free(event->owned);
		free(event);
	}
}

/* --- questions ------------------------------------------------------------------------------ */

struct vmha_cnode *cl_node(struct vmha_cluster *st, unsigned int id)
{
	unsigned int i;

	for (i = 0; i < st->nodes_count; i++) {
		if (st->nodes[i].id == id) {
			return &st->nodes[i];
		}
	}
	return NULL;
}

const struct vmha_cnode *vmha_cluster_node(const struct vmha_cluster *state, unsigned int id)
{
	unsigned int i;

	for (i = 0; i < state->nodes_count; i++) {
		if (state->nodes[i].id == id) {
			return &state->nodes[i];
		}
	}
	return NULL;
}

const struct vmha_cnode *vmha_cluster_node_by_name(const struct vmha_cluster *state,
						   const char *name)
{
	unsigned int i;

	for (i = 0; i < state->nodes_count; i++) {
		if (strcmp(state->nodes[i].name, name) == 0) {
			return &state->nodes[i];
		}
	}
	return NULL;
}

const char *vmha_cluster_node_name(const struct vmha_cluster *state, unsigned int id,
				   char buffer[VMHA_NODE_SIZE])
{
	const struct vmha_cnode *node = vmha_cluster_node(state, id);

	if (node && *node->name) {
		return node->name;
	}
	(void)snprintf(buffer, VMHA_NODE_SIZE, "node %u", id);
	return buffer;
}

bool cl_node_ready(const struct vmha_cluster *st, unsigned int id)
{
	const struct vmha_cnode *node = vmha_cluster_node(st, id);

	return node && node->ready;
}

bool cl_node_down(const struct vmha_cluster *st, unsigned int id)
{
	const struct vmha_cnode *node = vmha_cluster_node(st, id);

	return !node || node->host == VMHA_HOST_DOWN;
}

unsigned int vmha_cluster_lowest(const struct vmha_cluster *state)
{
	unsigned int i;

	for (i = 0; i < state->nodes_count; i++) {
		if (state->nodes[i].ready) {
			return state->nodes[i].id;
		}
	}
	return 0;
}

unsigned int vmha_cluster_proto(const struct vmha_cluster *state)
{
	unsigned int lowest = 0;
	unsigned int i;

	for (i = 0; i < state->nodes_count; i++) {
		const struct vmha_cnode *node = &state->nodes[i];

		if (node->member && node->proto && (lowest == 0 || node->proto < lowest)) {
			lowest = node->proto;
		}
	}
	return lowest;
}

bool vmha_cluster_can(const struct vmha_cluster *state, enum vmha_cfeature feature)
{
	static const unsigned int since[VMHA_CFEATURES_COUNT] = {
#define X(name_, since_) [VMHA_CAN_##name_] = (since_),
		VMHA_CFEATURES(X)
#undef X
	};

	return vmha_cluster_proto(state) >= since[feature];
}

bool cl_drain_closed(enum vmha_drain_state state)
{
	static const bool closed[] = {
#define X(name_, closed_, work_) [VMHA_DRAIN_##name_] = (closed_),
		VMHA_DRAIN_STATES(X)
#undef X
	};

	return closed[state];
}

bool cl_drain_works(enum vmha_drain_state state)
{
	static const bool works[] = {
#define X(name_, closed_, work_) [VMHA_DRAIN_##name_] = (work_),
		VMHA_DRAIN_STATES(X)
#undef X
	};

	return works[state];
}

bool vmha_cluster_closed(const struct vmha_cluster *state, unsigned int node)
{
	const struct vmha_cnode *n = vmha_cluster_node(state, node);

	return n && cl_drain_closed(n->drain);
}

bool cl_mig_open(const struct vmha_mig *m)
{
	return m->phase != VMHA_MIG_ENDED;
}

struct vmha_mig *cl_mig(struct vmha_cluster *st, uint64_t id)
{
	unsigned int i;

	for (i = 0; i < st->migs_count; i++) {
		if (st->migs[i].id == id) {
			return &st->migs[i];
		}
	}
	return NULL;
}

const struct vmha_mig *vmha_cluster_mig(const struct vmha_cluster *state, uint64_t id)
{
	unsigned int i;

	for (i = 0; i < state->migs_count; i++) {
		if (state->migs[i].id == id) {
			return &state->migs[i];
		}
	}
	return NULL;
}

const struct vmha_mig *vmha_cluster_mig_of(const struct vmha_cluster *state, const char *vm)
{
	unsigned int i;

	for (i = 0; i < state->migs_count; i++) {
		if (cl_mig_open(&state->migs[i]) && strcmp(state->migs[i].vm, vm) == 0) {
			return &state->migs[i];
		}
	}
	return NULL;
}

const struct vmha_mig *vmha_cluster_mig_by_trace(const struct vmha_cluster *state,
						 const char *trace)
{
	unsigned int i;

	for (i = state->migs_count; i-- > 0;) {
		if (strcmp(state->migs[i].trace, trace) == 0) {
			return &state->migs[i];
		}
	}
	return NULL;
}

bool vmha_mig_may_cancel(const struct vmha_mig *mig)
{
	return mig->phase == VMHA_MIG_QUEUED || mig->phase == VMHA_MIG_CHECKING ||
	       mig->phase == VMHA_MIG_ADMITTED ||
	       (mig->phase == VMHA_MIG_RUNNING &&
		vmha_move_runner(mig->state) == VMHA_PARTY_SOURCE);
}

int64_t vmha_cluster_setting(const struct vmha_cluster *state, unsigned int node,
			     enum vmha_setting_id id)
{
	const struct vmha_cnode *n = vmha_cluster_node(state, node);

	return vmha_setting_number(state->settings, state->settings_count, id, n ? n->name : NULL);
}

/* --- events --------------------------------------------------------------------------------- */

void cl_copy(char *to, size_t size, const char *from)
{
	size_t len = strnlen(from, size - 1);

	if (to != from) {
		memmove(to, from, len);
	}
	/* what is behind the text must be the same on every node, too */
	memset(to + len, 0, size - len);
}

int cl_refuse(struct cl_turn *t, int code, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	(void)vsnprintf(t->fx->error, sizeof(t->fx->error), fmt, args);
	va_end(args);
	return code;
}

static int event_journal(struct cl_turn *t)
{
	struct vmha_ceffect *effect = cl_effect(t, VMHA_CEFFECT_JOURNAL, 0);

	effect->journal = t->ev->journal;
	if (!effect->journal.wall_ms) {
		effect->journal.wall_ms = t->ev->wall_ms;
	}
	return 0;
}

static int event_volume(struct cl_turn *t)
{
	if (!*t->ev->volume.volume) {
		return cl_refuse(t, -EINVAL, "which volume?");
	}
	return 0;
}

typedef int (*handler)(struct cl_turn *t);

static const handler handlers[VMHA_CEVENTS_COUNT] = {
	[VMHA_CEVENT_JOINED] = cl_event_joined,
	[VMHA_CEVENT_LEFT] = cl_event_left,
	[VMHA_CEVENT_HELLO] = cl_event_hello,
	[VMHA_CEVENT_QUORUM] = cl_event_quorum,
	[VMHA_CEVENT_SETTINGS] = cl_event_settings,
	[VMHA_CEVENT_INTERFACES] = cl_event_interfaces,
	[VMHA_CEVENT_REACH] = cl_event_reach,
	[VMHA_CEVENT_GUESTS] = cl_event_guests,
	[VMHA_CEVENT_ENQUEUE] = cl_event_enqueue,
	[VMHA_CEVENT_CHECKED] = cl_event_checked,
	[VMHA_CEVENT_HANDED] = cl_event_handed,
	[VMHA_CEVENT_BEGUN] = cl_event_begun,
	[VMHA_CEVENT_EXPIRED] = cl_event_agent,
	[VMHA_CEVENT_REPORT] = cl_event_agent,
	[VMHA_CEVENT_ATTEMPT] = cl_event_agent,
	[VMHA_CEVENT_AGENT_END] = cl_event_agent,
	[VMHA_CEVENT_AGENT_LOST] = cl_event_agent,
	[VMHA_CEVENT_SETTLED] = cl_event_settled,
	[VMHA_CEVENT_CANCEL] = cl_event_cancel,
	[VMHA_CEVENT_DISTURBED] = cl_event_disturbed,
	[VMHA_CEVENT_RELEASE] = cl_event_release,
	[VMHA_CEVENT_DRAIN] = cl_event_drain,
	[VMHA_CEVENT_DRAIN_ROLE] = cl_event_drain_role,
	[VMHA_CEVENT_DRAIN_STATE] = cl_event_drain_state,
	[VMHA_CEVENT_RESUME] = cl_event_resume,
	[VMHA_CEVENT_FORGET] = cl_event_forget,
	[VMHA_CEVENT_VOLUME] = event_volume,
	[VMHA_CEVENT_JOURNAL] = event_journal,
};

/* What an older member drops as garbage: it does not count there either. */
static bool is_readable(const struct vmha_cluster *st, const struct vmha_cevent *ev)
{
	if (ev->type == VMHA_CEVENT_GUESTS) {
		return vmha_cluster_can(st, VMHA_CAN_GUESTS);
	}
	if (ev->type == VMHA_CEVENT_VOLUME) {
		return vmha_cluster_can(st, VMHA_CAN_VOLUME);
	}
	return ev->type != VMHA_CEVENT_REPORT || ev->report.state != VMHA_MOVE_POSTCOPY ||
	       vmha_cluster_can(st, VMHA_CAN_POSTCOPY);
}

int vmha_cluster_apply(struct vmha_cluster *state, const struct vmha_cevent *event,
		       struct vmha_ceffects *effects)
{
	struct cl_turn t = { .st = state, .ev = event, .fx = effects };
	const struct vmha_cnode *sender = vmha_cluster_node(state, event->from);
	int r;

	vmha_ceffects_clear(effects);
	if (!is_readable(state, event)) {
		return cl_refuse(&t, -EOPNOTSUPP, "a member of an older release cannot read it");
	}
	state->seq++;
	if (event->type != VMHA_CEVENT_JOINED && !(sender && sender->member)) {
		r = cl_refuse(&t, -EPERM, "node %u is not a member", event->from);
		return r;
	}
	if (event->wall_ms > 0) {
		state->wall_ms = event->wall_ms;
	}
	r = handlers[event->type](&t);
	if (r == 0) {
		cl_hosts_follow(&t);
		cl_pending_assign(&t);
		cl_admit(&t);
	}
	return effects->failed ? -ENOMEM : r;
}

static bool wants_all(const struct cl_turn *t, const struct vmha_mig *m)
{
	(void)t;
	(void)m;
	return true;
}

void vmha_cluster_restart(struct vmha_cluster *state)
{
	static const struct vmha_cevent nothing;
	struct vmha_ceffects effects = { 0 };
	struct cl_turn t = { .st = state, .ev = &nothing, .fx = &effects };
	unsigned int i;

	for (i = 0; i < state->nodes_count; i++) {
		struct vmha_cnode *node = &state->nodes[i];

		node->member = false;
		node->ready = false;
		node->host = VMHA_HOST_UNKNOWN;
		node->drain_performer = 0;
		cl_node_silent(node);
	}
	state->quorate = false;
	state->ring_seq = 0;
	state->ring_over = false;
	state->watcher = 0;
	cl_mig_step_all(&t, CL_EV_SOURCE_AWAY, wants_all);
	cl_mig_step_all(&t, CL_EV_TARGET_AWAY, wants_all);
	for (i = 0; i < state->migs_count; i++) {
		state->migs[i].performer = 0;
	}
	vmha_ceffects_clear(&effects);
}
