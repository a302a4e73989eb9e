/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Empties a node, and brings roles back to it.  Works in rounds: looks at what Pacemaker and the
 * replicated state say now, does what is missing, and looks again when a move has ended or some
 * seconds are over.  So nothing is lost with a restart, or when another node goes on with it.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "clusterd/drive_drain.h"
#include "lib/base/cleanup.h"
#include "lib/base/str.h"

#define ROUND_MS     3000
#define QUEUED_AHEAD 3 /* moves that wait beside those that run: the others stay unasked */

static void drain_free(void *data)
{
	struct drive_drain *n = data;

	if (n->timer) {
		g_source_remove(n->timer);
	}
	drive_facts_clear(&n->facts);
	g_hash_table_unref(n->tries);
	g_hash_table_unref(n->waits);
	g_free(n);
}

void drive_drain_init(struct clusterd_drive *d)
{
	d->drains = g_hash_table_new_full(NULL, NULL, NULL, drain_free);
}

void drive_drain_free(struct clusterd_drive *d)
{
	g_hash_table_unref(d->drains);
}

static void *drain_key(unsigned int node)
{
	return GUINT_TO_POINTER(node);
}

static struct drive_drain *drain_of(struct clusterd *c, void *data)
{
	return c->drive ? g_hash_table_lookup(c->drive->drains, data) : NULL;
}

/* --- what is told --------------------------------------------------------------------------- */

void drive_drain_role_tell(struct drive_drain *n, const char *vm, long priority,
			   enum vmha_drain_role_state state, const char *why)
{
	struct vmha_cevent e;

	drive_event(n->c, VMHA_CEVENT_DRAIN_ROLE, &e);
	e.drain.node = n->node;
	e.drain.role.node = n->node;
	e.drain.role.priority = (int)priority;
	e.drain.role.state = state;
	(void)snprintf(e.drain.role.vm, sizeof(e.drain.role.vm), "%s", vm);
	(void)snprintf(e.drain.role.reason, sizeof(e.drain.role.reason), "%s", why);
	(void)drive_send(n->c, &e);
}

static void state_tell(struct drive_drain *n, enum vmha_drain_state state, const char *why)
{
	struct vmha_cevent e;

	drive_event(n->c, VMHA_CEVENT_DRAIN_STATE, &e);
	e.drain.node = n->node;
	e.drain.state = state;
	(void)snprintf(e.drain.reason, sizeof(e.drain.reason), "%s", why);
	(void)drive_send(n->c, &e);
	clusterd_log(VMHA_LOG_INFO, "drain node=%s %s%s%s", n->name, vmha_drain_state_name(state),
		     *why ? ": " : "", why);
}

const struct vmha_drain_role *drive_drain_role(const struct drive_drain *n, const char *vm)
{
	const struct vmha_cluster *s = n->c->cluster;
	unsigned int i;

	for (i = 0; i < s->roles_count; i++) {
		if (s->roles[i].node == n->node && strcmp(s->roles[i].vm, vm) == 0) {
			return &s->roles[i];
		}
	}
	return NULL;
}

/* --- a round of a drain --------------------------------------------------------------------- */

static bool role_arrives(const struct drive_drain *n, const struct drive_fact *f)
{
	return drive_drain_arrives(n->c->cluster, n->node, n->seq, f);
}

/*
 * A role gets its ban as soon as it is not here.  Not while a move still brings it: to break that
 * off is too late once the guest is switched over (running_target_closed()).
 *
 *   the move of a role to this node       the drain of this node
 *   -------------------------------       ----------------------
 *   RUNNING, SWITCHOVER
 *                                         CLOSING: the move goes on
 *   guest runs here, agent says DONE
 *                                         look: Pacemaker has the role on the source only
 *   migrate_from not begun, or open       a ban now, and Pacemaker would stop the role on both
 *                                         nodes and start it on a third: the guest is rebooted.
 *                                         So: no ban; and the drain is not over
 *   migrate_from done, CLEAR, SETTLED
 *                                         a round that looked before this, and ends after it: as
 *                                         above (ended_seq > seq)
 *                                         next round: the role is here, and leaves as any other;
 *                                         not here, the move was undone: it gets its ban
 *
 *   a move of a role from this node
 *   -------------------------------
 *   it failed, and is settled: heal has
 *   Pacemaker forget the role's history
 *                                         look: Pacemaker has the role nowhere
 *   its probe finds the role here         a ban now, and Pacemaker would move it by itself, where
 *                                         it likes, again and again, against the record of the
 *                                         move that is settled.  So: no ban while it is open
 */
static void bans_add(struct drive_drain *n)
{
	size_t i;

	for (i = 0; i < n->facts.count; i++) {
		const struct drive_fact *f = &n->facts.items[i];

		if (!f->banned && !f->here && !role_arrives(n, f)) {
			drive_pcmk_change(n->c->drive->pcmk, DRIVE_BAN, f->vm, n->name, NULL, NULL);
		}
	}
}

/* Its last move ended after the look: where it is will be seen in the next round. */
static bool ended_since(const struct drive_drain *n, const struct vmha_drain_role *role)
{
	const struct vmha_mig *m = vmha_cluster_mig(n->c->cluster, role->mig);

	return m && m->ended_seq > n->seq;
}

/* Bring the replicated list of this node's roles up to what is true. */
static void roles_update(struct drive_drain *n, enum vmha_drain_state state)
{
	size_t i;

	for (i = 0; i < n->facts.count; i++) {
		const struct drive_fact *f = &n->facts.items[i];
		const struct vmha_drain_role *role = drive_drain_role(n, f->vm);
		bool open = vmha_cluster_mig_of(n->c->cluster, f->vm) != NULL;

		if (role && ended_since(n, role)) {
			continue;
		}
		if (f->here &&
		    (!role || (role->state == VMHA_DROLE_MOVED && !open) ||
		     (role->state == VMHA_DROLE_FAILED && state == VMHA_DRAIN_CLOSING && !open))) {
			drive_drain_role_tell(n, f->vm, f->priority, VMHA_DROLE_WAITING, "");
			(void)g_hash_table_remove(n->tries, f->vm);
		} else if (role && *f->place && !f->here && !open &&
			   role->state != VMHA_DROLE_MOVED) {
			drive_drain_role_tell(n, f->vm, f->priority, VMHA_DROLE_MOVED, "");
		}
	}
}

/* A move of it was called off by an administrator: it is not asked for again. */
static bool role_called_off(const struct drive_drain *n, const struct vmha_drain_role *role)
{
	const struct vmha_mig *m = role->mig ? vmha_cluster_mig(n->c->cluster, role->mig) : NULL;

	return m && m->phase == VMHA_MIG_ENDED && m->cancel && m->result == VMHA_RESULT_KEPT;
}

static void roles_leave(struct drive_drain *n)
{
	unsigned int limit = vmha_cluster_slots(n->c->cluster, n->node) + QUEUED_AHEAD;
	unsigned int open = drive_drain_moves_open(n, VMHA_CAUSE_DRAIN);
	size_t i;

	drive_drain_plan(n);
	for (i = 0; i < n->facts.count && open < limit; i++) {
		const struct drive_fact *f = &n->facts.items[i];
		const struct vmha_drain_role *role = drive_drain_role(n, f->vm);

		if (!f->here || !role || role->state != VMHA_DROLE_WAITING ||
		    vmha_cluster_mig_of(n->c->cluster, f->vm)) {
			continue;
		}
		if (role_called_off(n, role)) {
			drive_drain_role_tell(n, f->vm, f->priority, VMHA_DROLE_FAILED,
					      role->reason);
		} else if (f->stuck) {
			drive_drain_role_tell(n, f->vm, f->priority, VMHA_DROLE_FAILED, f->why);
		} else if (f->blocked) {
			drive_drain_wait(n, f, f->why);
		} else if (f->steady) {
			open += drive_drain_leave(n, f);
		}
	}
}

/* @return true: some role is on its way, here or away, or still to be asked */
static bool roles_open(const struct drive_drain *n, struct vmha_str *failed)
{
	bool open = drive_drain_moves_open(n, VMHA_CAUSE_DRAIN) > 0;
	size_t i;

	for (i = 0; i < n->facts.count; i++) {
		const struct drive_fact *f = &n->facts.items[i];
		const struct vmha_drain_role *role = drive_drain_role(n, f->vm);

		if (!f->here && !(role && drive_drain_stuck(n->c->cluster, role))) {
			open = open || role_arrives(n, f);
			continue;
		}
		if (role && role->state == VMHA_DROLE_FAILED) {
			(void)vmha_str_add(failed, "%s%s: %s", failed->len ? "; " : "", f->vm,
					   role->reason);
		} else {
			open = true;
		}
	}
	return open;
}

static void standby_done(struct clusterd *c, int r, const char *text, const char *why, void *data)
{
	struct drive_drain *n = drain_of(c, data);

	(void)text;
	if (!n) {
		return;
	}
	if (r < 0) {
		clusterd_log(VMHA_LOG_WARNING, "drain node=%s no standby: %s", n->name, why);
		return; /* the next round tries again */
	}
	state_tell(n, VMHA_DRAIN_DRAINED, "");
}

static void standby_set(struct drive_drain *n)
{
	const char *const argv[] = { "crm_attribute", "--node", n->name,      "--name",	 "standby",
				     "--update",      "on",	"--lifetime", "forever", NULL };

	drive_pcmk_tool(n->c->drive->pcmk, argv, standby_done, drain_key(n->node));
}

static void drain_round(struct drive_drain *n, enum vmha_drain_state state)
{
	vmha_autostr struct vmha_str failed = { 0 };

	bans_add(n);
	roles_update(n, state);
	if (state == VMHA_DRAIN_CLOSING) {
		state_tell(n, VMHA_DRAIN_DRAINING, "");
		n->again = true;
		return; /* in the order of the group: roles first, then this; the next round moves
			 */
	}
	drive_drain_targets_look(n);
	roles_leave(n);
	drive_drain_waits_end(n);
	if (roles_open(n, &failed)) {
		return;
	}
	if (failed.len) {
		state_tell(n, VMHA_DRAIN_INCOMPLETE, failed.text);
	} else {
		standby_set(n);
	}
}

/* --- a round of a resume -------------------------------------------------------------------- */

static void standby_unset(struct clusterd *c, int r, const char *text, const char *why, void *data)
{
	struct drive_drain *n = drain_of(c, data);
	const struct vmha_cnode *node = n ? vmha_cluster_node(c->cluster, n->node) : NULL;

	(void)text;
	if (!node || node->drain != VMHA_DRAIN_RESUMING) {
		return;
	}
	if (r < 0 && r != -ENOENT) {
		clusterd_log(VMHA_LOG_WARNING, "resume node=%s standby not ended: %s", n->name,
			     why);
		return;
	}
	g_hash_table_remove_all(n->tries);
	state_tell(n, node->failback == VMHA_FAILBACK_no ? VMHA_DRAIN_OPEN : VMHA_DRAIN_FAILBACK,
		   "");
}

static void unbanned(struct clusterd *c, int r, const char *text, const char *why, void *data)
{
	struct drive_drain *n = drain_of(c, data);

	(void)text;
	if (!n) {
		return;
	}
	if (r < 0) {
		clusterd_log(VMHA_LOG_WARNING, "resume node=%s bans not removed: %s", n->name, why);
		return;
	}
	{
		const char *const argv[] = { "crm_attribute", "--node",	 n->name,
					     "--name",	      "standby", "--delete",
					     "--lifetime",    "forever", NULL };

		drive_pcmk_tool(c->drive->pcmk, argv, standby_unset, data);
	}
}

/* @return false: it is not the time of day for it */
static bool window_open(const struct clusterd *c, const struct vmha_cnode *node)
{
	int64_t window = vmha_cluster_setting(c->cluster, 0, VMHA_SETTING_FAILBACK_WINDOW);
	time_t now = time(NULL);
	struct tm tm;

	return node->failback != VMHA_FAILBACK_window || !localtime_r(&now, &tm) ||
	       drive_window_open(window, tm.tm_hour * 60 + tm.tm_min);
}

static void failback_round(struct drive_drain *n, const struct vmha_cnode *node)
{
	unsigned int limit = vmha_cluster_slots(n->c->cluster, n->node) + QUEUED_AHEAD;
	unsigned int open = drive_drain_moves_open(n, VMHA_CAUSE_FAILBACK);
	size_t i;

	if (!node->ready || !window_open(n->c, node)) {
		return;
	}
	for (i = 0; i < n->facts.count && open < limit; i++) {
		const struct drive_fact *f = &n->facts.items[i];
		const struct vmha_drain_role *role = drive_drain_role(n, f->vm);
		const struct vmha_cnode *from = vmha_cluster_node_by_name(n->c->cluster, f->place);

		if (!role || vmha_cluster_mig_of(n->c->cluster, f->vm)) {
			continue;
		}
		if (f->here || f->stuck || !*f->place) {
			drive_drain_role_tell(n, f->vm, f->priority, VMHA_DROLE_GONE, "");
		} else if (f->steady && from && n->facts.node_ready) {
			drive_drain_move(n, f, from->id, n->node, f->mode, VMHA_CAUSE_FAILBACK);
			open++;
		}
	}
}

/* Roles that are not configured any more. */
static void roles_removed(struct drive_drain *n)
{
	const struct vmha_cluster *s = n->c->cluster;
	unsigned int i;

	for (i = 0; i < s->roles_count; i++) {
		if (s->roles[i].node == n->node && !drive_facts_find(&n->facts, s->roles[i].vm)) {
			drive_drain_role_tell(n, s->roles[i].vm, 0, VMHA_DROLE_GONE, "");
		}
	}
}

/* --- rounds --------------------------------------------------------------------------------- */

static void round_begin(struct drive_drain *n);

static gboolean round_timer(void *data)
{
	struct drive_drain *n = data;

	n->timer = 0;
	round_begin(n);
	return G_SOURCE_REMOVE;
}

static void round_end(struct drive_drain *n)
{
	n->busy = false;
	drive_facts_clear(&n->facts);
	if (!n->timer) {
		n->timer = g_timeout_add(n->again ? 50 : ROUND_MS, round_timer, n);
	}
	n->again = false;
}

static void round_do(struct clusterd *c, int r, const char *why, void *data)
{
	struct drive_drain *n = drain_of(c, data);
	const struct vmha_cnode *node = n ? vmha_cluster_node(c->cluster, n->node) : NULL;

	if (!n || !n->busy) {
		return;
	}
	if (r < 0 || !node) {
		clusterd_log(VMHA_LOG_WARNING, "drain node=%s waits: %s", n->name, why ? why : "");
		round_end(n);
		return;
	}
	if (node->drain == VMHA_DRAIN_CLOSING || node->drain == VMHA_DRAIN_DRAINING) {
		roles_removed(n);
		drain_round(n, node->drain);
	} else if (node->drain == VMHA_DRAIN_RESUMING) {
		drive_pcmk_change(c->drive->pcmk, DRIVE_UNBAN, "", n->name, unbanned,
				  drain_key(n->node));
	} else if (node->drain == VMHA_DRAIN_FAILBACK) {
		roles_removed(n);
		failback_round(n, node);
	}
	round_end(n);
}

/* While the cluster recovers nothing new is asked for. */
static void round_begin(struct drive_drain *n)
{
	const struct vmha_cnode *node = vmha_cluster_node(n->c->cluster, n->node);

	if (n->busy) {
		n->again = true;
		return;
	}
	if (!node || node->drain_performer != n->c->self) {
		g_hash_table_remove(n->c->drive->drains, drain_key(n->node));
		return;
	}
	n->busy = true;
	if (!n->c->synced || !n->c->quorate || n->c->cluster->disturbance) {
		round_end(n);
		return;
	}
	(void)snprintf(n->name, sizeof(n->name), "%s", node->name);
	n->seq = n->c->cluster->seq;
	drive_facts_gather(n->c, n->name, &n->facts, round_do, drain_key(n->node));
}

/* The cluster did not take a move: that was no try. */
void drive_drain_refused(struct clusterd *c, const struct vmha_cevent *e)
{
	struct drive_drain *n =
		e->type == VMHA_CEVENT_ENQUEUE && e->enqueue.cause == VMHA_CAUSE_DRAIN
			? g_hash_table_lookup(c->drive->drains, drain_key(e->enqueue.from))
			: NULL;

	if (n) {
		drive_drain_no_try(n, e->enqueue.vm);
	}
}

void drive_drain_effect(struct clusterd *c, unsigned int node)
{
	struct drive_drain *n = g_hash_table_lookup(c->drive->drains, drain_key(node));

	if (!n) {
		n = g_new0(struct drive_drain, 1);
		n->c = c;
		n->node = node;
		n->tries = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
		n->waits = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
		g_hash_table_insert(c->drive->drains, drain_key(node), n);
	}
	if (n->timer) {
		g_source_remove(n->timer);
		n->timer = 0;
	}
	round_begin(n);
}
