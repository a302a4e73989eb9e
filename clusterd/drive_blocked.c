/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What is looked for after each change of the CIB:
 *
 * - A role that Pacemaker has blocked because a move of it failed, while no move of it is open: its
 *   agent failed before it asked, or this daemon did not run then.  It is healed as any other.
 * - A role that failed, and must be recovered, while others are being copied: Pacemaker would wait
 *   for the copies.  They are broken off; once for each failure, so that a role which cannot run
 *   holds nothing up for ever.  Pacemaker keeps failures long after their recovery: those of the
 *   first look after a start, and those of a role that runs well, are nothing new.
 */
#include <stdio.h>
#include <string.h>

#include "clusterd/drive.h"
#include "clusterd/drive_facts.h"
#include "lib/base/cleanup.h"

#define LOOK_MS	     700 /* a record of its move may be on the way */
#define AGAIN_MS     5000
#define HEAL_S	     "60"
#define HEAL_TIMEOUT VMHA_SPAN_S(90)
#define KNOWN_MAX    1024 /* failures beside those of now: then these are learnt anew */

struct drive_blocked {
	struct clusterd *c;
	guint timer;
	char vm[VMHA_NAME_SIZE]; /* being healed; "" none: one at a time */
	char reason[192];
	struct clusterd_worker *worker;
	GHashTable *failures; /* those that are known already, as failure_key() has them */
	bool looked;	      /* once since the start: `failures` is filled */
};

void drive_blocked_init(struct clusterd_drive *d)
{
	d->blocked = g_new0(struct drive_blocked, 1);
	d->blocked->c = d->c;
	d->blocked->failures = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
}

void drive_blocked_free(struct clusterd_drive *d)
{
	struct drive_blocked *b = vmha_steal_ptr(d->blocked);

	if (b->timer) {
		g_source_remove(b->timer);
	}
	clusterd_worker_cancel(b->worker);
	g_hash_table_unref(b->failures);
	g_free(b);
}

static void heal_done(struct clusterd *c, const struct clusterd_worker_result *res, void *data)
{
	struct drive_blocked *b = data;
	json_t *list = json_loads(res->output, 0, NULL);
	const json_t *one = json_array_get(list, 0);
	const char *node = json_string_value(json_object_get(one, "node"));
	const char *why = json_string_value(json_object_get(one, "problem"));
	bool healed = json_is_true(json_object_get(one, "healed"));

	b->worker = NULL;
	if (healed) {
		drive_journal(c, VMHA_LEVEL_warning, NULL,
			      "a move of %s failed (%s): it %s%s, managed as before", b->vm,
			      b->reason, node ? "runs on " : "is stopped", node ? node : "");
	}
	clusterd_log(healed ? VMHA_LOG_INFO : VMHA_LOG_WARNING, "vm=%s blocked (%s) healed=%d%s%s",
		     b->vm, b->reason, healed, why ? " " : "", why ? why : "");
	*b->vm = '\0';
	json_decref(list);
	drive_blocked_look(c, healed ? LOOK_MS : AGAIN_MS);
}

static void heal_begin(struct drive_blocked *b, const char *vm, const char *reason)
{
	const char *const argv[] = {
		"env", "VMHA_HEAL_OWN=1", drive_vmha, "--output", "json", "heal",
		vm,    "--timeout",	  HEAL_S,     NULL
	};

	(void)snprintf(b->reason, sizeof(b->reason), "%s", reason);
	if (clusterd_worker_run(b->c, argv, NULL, HEAL_TIMEOUT, heal_done, b, &b->worker, NULL) ==
	    0) {
		(void)snprintf(b->vm, sizeof(b->vm), "%s", vm);
	}
}

/* The node whose action failed heals; the lowest one in place of a node that is not there. */
static bool is_ours(const struct clusterd *c, const struct vmha_pcmk_failure *f)
{
	const struct vmha_cnode *node = vmha_cluster_node_by_name(c->cluster, f->node);

	return strcmp(f->node, c->name) == 0 ||
	       ((!node || !node->ready) && vmha_cluster_lowest(c->cluster) == c->self);
}

/* @return true: Pacemaker waits for some copy now */
static bool copies_run(const struct vmha_cluster *s)
{
	unsigned int i;

	for (i = 0; i < s->migs_count; i++) {
		if (s->migs[i].phase == VMHA_MIG_RUNNING) {
			return true;
		}
	}
	return false;
}

/* A role may have failed on several nodes, and in several ways: each is one of its own. */
static char *failure_key(const struct vmha_pcmk_failure *f)
{
	return g_strdup_printf("%s %s %s %s", f->role, f->op, f->node, f->when);
}

/* @return true: the role must be recovered, and nobody has looked at this failure of it */
static bool failure_calls(const struct drive_blocked *b, const struct vmha_pcmk_state *s,
			  const struct vmha_pcmk_failure *f, bool is_new)
{
	const struct vmha_pcmk_resource *x = vmha_pcmk_resource_find(s, f->role);

	return is_new && b->looked && x && strcmp(x->agent, "ocf:vmha:vm") == 0 &&
	       strncmp(f->op, "migrate_", strlen("migrate_")) != 0 && drive_role_recovers(x) &&
	       vmha_cluster_lowest(b->c->cluster) == b->c->self && copies_run(b->c->cluster);
}

static void failures_look(struct drive_blocked *b, const struct vmha_pcmk_state *s)
{
	struct vmha_cevent e;
	size_t i;

	if (g_hash_table_size(b->failures) > KNOWN_MAX + s->failures_count) {
		g_hash_table_remove_all(b->failures);
		b->looked = false;
	}
	for (i = 0; i < s->failures_count; i++) {
		const struct vmha_pcmk_failure *f = &s->failures[i];
		bool is_new = g_hash_table_add(b->failures, failure_key(f));

		if (failure_calls(b, s, f, is_new)) {
			drive_event(b->c, VMHA_CEVENT_DISTURBED, &e);
			(void)snprintf(e.mig.reason, sizeof(e.mig.reason), "%s of %s failed on %s",
				       f->op, f->role, f->node);
			(void)drive_send(b->c, &e);
		}
	}
	b->looked = b->looked || s->dc_present; /* without one it may not have them all yet */
}

static void state_answer(struct clusterd *c, int r, const struct vmha_pcmk_state *s,
			 const char *why, void *data)
{
	struct drive_blocked *b = c->drive ? c->drive->blocked : NULL;
	size_t i;

	(void)why;
	(void)data;
	if (b && r == 0 && c->synced) {
		failures_look(b, s);
	}
	if (!b || *b->vm || !c->synced || !c->quorate) {
		return; /* looks again when it has healed, or is in sync */
	}
	if (r < 0 || c->cluster->disturbance) {
		drive_blocked_look(c, AGAIN_MS);
		return;
	}
	for (i = 0; i < s->resources_count && !*b->vm; i++) {
		const struct vmha_pcmk_resource *x = &s->resources[i];
		const struct vmha_pcmk_failure *f =
			x->blocked && strcmp(x->agent, "ocf:vmha:vm") == 0
				? vmha_pcmk_failure_find(s, x->id)
				: NULL;

		if (f && strcmp(f->op, "migrate_to") == 0 && is_ours(c, f) &&
		    !vmha_cluster_mig_of(c->cluster, x->id)) {
			heal_begin(b, x->id, *f->reason ? f->reason : f->status);
		}
	}
}

static gboolean look(void *data)
{
	struct drive_blocked *b = data;

	b->timer = 0;
	if (b->c->synced) {
		drive_pcmk_state(b->c->drive->pcmk, state_answer, NULL);
	}
	return G_SOURCE_REMOVE;
}

void drive_blocked_look(struct clusterd *c, unsigned int ms)
{
	struct drive_blocked *b = c->drive ? c->drive->blocked : NULL;

	if (b && !b->timer) {
		b->timer = g_timeout_add(ms ? ms : LOOK_MS, look, b);
	}
}
