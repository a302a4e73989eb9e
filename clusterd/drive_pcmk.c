/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "clusterd/drive_pcmk.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clusterd/worker.h"
#include "lib/base/cleanup.h"
#include "lib/base/str.h"

#define TOOL_TIMEOUT	  VMHA_SPAN_S(30)
#define SETTLE_MS	  200
#define CHANGES_AT_ONCE	  128
#define GATHER_CHANGES_MS 20 /* effects of one event come together */

/* Exit codes of Pacemaker's tools (crm_exit_t). */
enum {
	CRM_ERROR = 1,
	CRM_NOSUCH = 105,
	CRM_TIMEOUT = 124,
};

/* One who waits for an answer; the kind of @done is the queue's. */
struct asker {
	void (*done)(void);
	void *data;
};

struct question {
	GArray *waiting; /* for the next child */
	GArray *running; /* whom the child that runs answers; NULL: none runs */
};

struct change {
	enum drive_change change;
	char role[VMHA_NAME_SIZE];
	char node[VMHA_NODE_SIZE];
	drive_text_done done;
	void *data;
};

struct drive_pcmk {
	struct clusterd *c;
	struct question state;
	struct question roles;
	GQueue changes; /* of struct change */
	GQueue writing; /* those that the child writes */
	guint gather;
	GHashTable *tools; /* struct tool that run */
};

struct tool {
	struct drive_pcmk *p;
	struct clusterd_worker *worker;
	drive_text_done done;
	void *data;
	char name[32];
	bool lenient;  /* what it prints counts, also when it ends with CRM_ERROR */
	char *refusal; /* why no child could be started; told from the loop */
	guint idle;
};

/* --- one tool ------------------------------------------------------------------------------- */

static void tool_free(void *data)
{
	struct tool *t = data;

	clusterd_worker_cancel(t->worker);
	if (t->idle) {
		g_source_remove(t->idle);
	}
	g_free(t->refusal);
	g_free(t);
}

static int tool_code(int status)
{
	switch (status) {
	case 0:
		return 0;
	case -ETIMEDOUT:
	case CRM_TIMEOUT:
		return -ETIMEDOUT;
	case CRM_NOSUCH:
		return -ENOENT;
	default:
		return -EIO;
	}
}

/* Gone before its caller is told, who may ask again or close everything. */
static void tool_tell(struct tool *t, int r, const char *text, const char *why)
{
	drive_text_done done = t->done;
	struct clusterd *c = t->p->c;
	void *data = t->data;

	g_hash_table_remove(t->p->tools, t);
	if (done) {
		done(c, r, r == 0 ? text : NULL, r < 0 ? why : NULL, data);
	}
}

static void tool_ended(struct clusterd *c, const struct clusterd_worker_result *res, void *data)
{
	const char *said = *res->errors ? res->errors : res->output;
	vmha_autofree char *why = NULL;
	struct tool *t = data;

	(void)c;
	t->worker = NULL;
	why = vmha_str_printf("%s failed (%d): %.*s", t->name, res->status,
			      (int)strcspn(said, "\n"), said);
	tool_tell(t, t->lenient && res->status == CRM_ERROR ? 0 : tool_code(res->status),
		  res->output, why ? why : "out of memory");
}

static gboolean tool_refused(void *data)
{
	struct tool *t = data;
	vmha_autofree char *why = strdup(t->refusal);

	t->idle = 0;
	tool_tell(t, -EIO, NULL, why ? why : "out of memory");
	return G_SOURCE_REMOVE;
}

static struct tool *tool_run(struct drive_pcmk *p, const char *const argv[], const char *input,
			     struct vmha_span timeout, drive_text_done done, void *data)
{
	vmha_autoerr struct vmha_err *err = NULL;
	struct tool *t = g_new0(struct tool, 1);

	t->p = p;
	t->done = done;
	t->data = data;
	(void)snprintf(t->name, sizeof(t->name), "%s", argv[0]);
	g_hash_table_add(p->tools, t);
	if (clusterd_worker_run(p->c, argv, input, timeout, tool_ended, t, &t->worker, &err) < 0) {
		t->worker = NULL;
		t->refusal = g_strdup(vmha_err_text(err));
		t->idle = g_idle_add(tool_refused, t);
	}
	return t;
}

void drive_pcmk_tool(struct drive_pcmk *p, const char *const argv[], drive_text_done done,
		     void *data)
{
	tool_run(p, argv, NULL, TOOL_TIMEOUT, done, data);
}

void drive_pcmk_scores(struct drive_pcmk *p, drive_text_done done, void *data)
{
	static const char *const argv[] = { "crm_simulate", "-Ls", "--output-as=xml", NULL };

	tool_run(p, argv, NULL, TOOL_TIMEOUT, done, data);
}

void drive_pcmk_constraints(struct drive_pcmk *p, drive_text_done done, void *data)
{
	static const char *const argv[] = { "cibadmin", "--query", "--scope", "constraints", NULL };

	tool_run(p, argv, NULL, TOOL_TIMEOUT, done, data);
}

struct settle {
	struct drive_pcmk *p;
	struct vmha_mono asked;
	struct vmha_mono deadline;
	drive_text_done done;
	void *data;
};

static void settle_ask(struct settle *s);

static gboolean settle_again(void *data)
{
	settle_ask(data);
	return G_SOURCE_REMOVE;
}

static void settle_answer(struct clusterd *c, int r, const char *text, const char *why, void *data)
{
	vmha_autoerr struct vmha_err *err = NULL;
	struct settle *s = data;
	struct settle mine = *s;
	size_t pending = 0;
	int64_t ms;

	if (r == 0) {
		r = vmha_pcmk_pending_parse(text, &pending, &err);
		why = r < 0 ? vmha_err_text(err) : NULL;
	}
	if (r == 0 && pending > 0) {
		if (!vmha_mono_passed(s->deadline)) {
			/* half of the time is left to others */
			ms = vmha_span_ms(vmha_mono_diff(s->asked, vmha_mono_now()));
			(void)g_timeout_add((guint)(ms + SETTLE_MS), settle_again, s);
			return;
		}
		r = -ETIMEDOUT;
		why = "the cluster did not settle in time";
	}
	g_free(s);
	mine.done(c, r, r == 0 ? "" : NULL, why, mine.data);
}

static void settle_ask(struct settle *s)
{
	static const char *const argv[] = { VMHA_PCMK_PENDING_ARGV, NULL };

	s->asked = vmha_mono_now();
	/* a blocked role beside a node to be fenced: what is to be done cannot be brought to an end
	 */
	tool_run(s->p, argv, NULL, TOOL_TIMEOUT, settle_answer, s)->lenient = true;
}

void drive_pcmk_settled(struct drive_pcmk *p, unsigned int timeout_s, drive_text_done done,
			void *data)
{
	struct settle *s = g_new0(struct settle, 1);

	s->p = p;
	s->done = done;
	s->data = data;
	s->deadline = vmha_mono_add(vmha_mono_now(), VMHA_SPAN_S(timeout_s));
	settle_ask(s);
}

/* --- questions ------------------------------------------------------------------------------ */

/* @return true: a child is to be started for those that wait */
static bool question_ask(struct question *q, void (*done)(void), void *data)
{
	struct asker a = { .done = done, .data = data };

	if (!q->waiting) {
		q->waiting = g_array_new(FALSE, TRUE, sizeof(struct asker));
	}
	g_array_append_val(q->waiting, a);
	return !q->running;
}

static void question_next(struct question *q)
{
	q->running = vmha_steal_ptr(q->waiting);
}

static void question_free(struct question *q)
{
	if (q->waiting) {
		g_array_unref(q->waiting);
	}
	if (q->running) {
		g_array_unref(q->running);
	}
}

static void state_start(struct drive_pcmk *p);

static void state_answered(struct clusterd *c, int r, const char *text, const char *why, void *data)
{
	vmha_autopcmk struct vmha_pcmk_state *s = NULL;
	vmha_autoerr struct vmha_err *err = NULL;
	struct drive_pcmk *p = data;
	GArray *askers = vmha_steal_ptr(p->state.running);
	guint i;

	if (r == 0) {
		r = vmha_pcmk_state_parse(text, &s, &err);
		why = r < 0 ? vmha_err_text(err) : NULL;
	}
	if (p->state.waiting) {
		state_start(p);
	}
	for (i = 0; i < askers->len; i++) {
		const struct asker *a = &g_array_index(askers, struct asker, i);

		((drive_state_done)a->done)(c, r, s, why, a->data);
	}
	g_array_unref(askers);
}

static void state_start(struct drive_pcmk *p)
{
	static const char *const argv[] = { "crm_mon", "-1", "--output-as=xml", NULL };

	question_next(&p->state);
	tool_run(p, argv, NULL, TOOL_TIMEOUT, state_answered, p);
}

void drive_pcmk_state(struct drive_pcmk *p, drive_state_done done, void *data)
{
	if (question_ask(&p->state, (void (*)(void))done, data)) {
		state_start(p);
	}
}

static void roles_start(struct drive_pcmk *p);

static void roles_answered(struct clusterd *c, int r, const char *text, const char *why, void *data)
{
	vmha_autoprimitives struct vmha_pcmk_primitives *list = NULL;
	vmha_autoerr struct vmha_err *err = NULL;
	struct drive_pcmk *p = data;
	GArray *askers = vmha_steal_ptr(p->roles.running);
	guint i;

	if (r == 0) {
		r = vmha_pcmk_primitives_parse(text, "vm", &list, &err);
		why = r < 0 ? vmha_err_text(err) : NULL;
	}
	if (p->roles.waiting) {
		roles_start(p);
	}
	for (i = 0; i < askers->len; i++) {
		const struct asker *a = &g_array_index(askers, struct asker, i);

		((drive_roles_done)a->done)(c, r, list, why, a->data);
	}
	g_array_unref(askers);
}

static void roles_start(struct drive_pcmk *p)
{
	static const char *const argv[] = { "cibadmin", "--query", "--scope", "resources", NULL };

	question_next(&p->roles);
	tool_run(p, argv, NULL, TOOL_TIMEOUT, roles_answered, p);
}

void drive_pcmk_roles(struct drive_pcmk *p, drive_roles_done done, void *data)
{
	if (question_ask(&p->roles, (void (*)(void))done, data)) {
		roles_start(p);
	}
}

/* --- changes -------------------------------------------------------------------------------- */

static bool change_adds(enum drive_change change)
{
	return change == DRIVE_PREFER || change == DRIVE_BAN;
}

/* Those at the head of the queue that one write can make. */
static void changes_take(struct drive_pcmk *p)
{
	const struct change *first = g_queue_peek_head(&p->changes);
	const struct change *next = first;
	guint n;

	for (n = 0; next && n < CHANGES_AT_ONCE; n++) {
		if (change_adds(first->change) != change_adds(next->change) ||
		    (!change_adds(first->change) && first->change != next->change) ||
		    (first->change == DRIVE_UNBAN && n > 0)) {
			break;
		}
		g_queue_push_tail(&p->writing, g_queue_pop_head(&p->changes));
		next = g_queue_peek_head(&p->changes);
	}
}

static int added_xml(struct drive_pcmk *p, char **ret_xml, struct vmha_err **err)
{
	struct vmha_pcmk_place moves[CHANGES_AT_ONCE];
	struct vmha_pcmk_place bans[CHANGES_AT_ONCE];
	size_t moves_count = 0;
	size_t bans_count = 0;
	GList *l;

	for (l = p->writing.head; l; l = l->next) {
		const struct change *ch = l->data;
		struct vmha_pcmk_place place = { .role = ch->role, .node = ch->node };

		if (ch->change == DRIVE_PREFER) {
			moves[moves_count++] = place;
		} else {
			bans[bans_count++] = place;
		}
	}
	return vmha_pcmk_places_xml(moves, moves_count, bans, bans_count, ret_xml, err);
}

static int removed_expr(struct drive_pcmk *p, char **ret_expr, struct vmha_err **err)
{
	const struct change *first = g_queue_peek_head(&p->writing);
	const char *roles[CHANGES_AT_ONCE];
	size_t count = 0;
	GList *l;

	if (first->change == DRIVE_UNBAN) {
		return vmha_pcmk_bans_expr(first->node, ret_expr, err);
	}
	for (l = p->writing.head; l; l = l->next) {
		roles[count++] = ((const struct change *)l->data)->role;
	}
	return vmha_pcmk_moves_expr(roles, count, ret_expr, err);
}

static void changes_write(struct drive_pcmk *p);

static void changes_written(struct clusterd *c, int r, const char *text, const char *why,
			    void *data)
{
	struct drive_pcmk *p = data;
	GQueue done = p->writing;
	struct change *ch;

	(void)text;
	g_queue_init(&p->writing);
	if (r == -ENOENT) {
		r = 0; /* what was to be removed is not there */
	}
	changes_write(p);
	for (ch = g_queue_pop_head(&done); ch; ch = g_queue_pop_head(&done)) {
		if (ch->done) {
			ch->done(c, r, r == 0 ? "" : NULL, r < 0 ? why : NULL, ch->data);
		}
		g_free(ch);
	}
}

static void changes_write(struct drive_pcmk *p)
{
	static const char *const add[] = { "cibadmin", "--modify", "--allow-create", "--xml-pipe",
					   NULL };
	vmha_autoerr struct vmha_err *err = NULL;
	vmha_autofree char *text = NULL;
	bool adds;

	if (!g_queue_is_empty(&p->writing) || g_queue_is_empty(&p->changes)) {
		return;
	}
	changes_take(p);
	adds = change_adds(((const struct change *)g_queue_peek_head(&p->writing))->change);
	if ((adds ? added_xml(p, &text, &err) : removed_expr(p, &text, &err)) < 0) {
		changes_written(p->c, -EINVAL, NULL, vmha_err_text(err), p);
	} else if (adds) {
		tool_run(p, add, text, TOOL_TIMEOUT, changes_written, p);
	} else {
		const char *const del[] = { "cibadmin", "--delete-all", "--force",
					    "--xpath",	text,		NULL };

		tool_run(p, del, NULL, TOOL_TIMEOUT, changes_written, p);
	}
}

static gboolean changes_gathered(void *data)
{
	struct drive_pcmk *p = data;

	p->gather = 0;
	changes_write(p);
	return G_SOURCE_REMOVE;
}

void drive_pcmk_change(struct drive_pcmk *p, enum drive_change change, const char *role,
		       const char *node, drive_text_done done, void *data)
{
	struct change *ch = g_new0(struct change, 1);

	ch->change = change;
	(void)snprintf(ch->role, sizeof(ch->role), "%s", role);
	(void)snprintf(ch->node, sizeof(ch->node), "%s", node);
	ch->done = done;
	ch->data = data;
	g_queue_push_tail(&p->changes, ch);
	if (!p->gather) {
		p->gather = g_timeout_add(GATHER_CHANGES_MS, changes_gathered, p);
	}
}

void drive_pcmk_forget(struct drive_pcmk *p, const void *data)
{
	GList *next;
	GList *l;

	for (l = p->changes.head; l; l = next) {
		struct change *ch = l->data;

		next = l->next;
		if (ch->data == data) {
			g_queue_delete_link(&p->changes, l);
			g_free(ch);
		}
	}
}

/* --- all ------------------------------------------------------------------------------------ */

struct drive_pcmk *drive_pcmk_new(struct clusterd *c)
{
	struct drive_pcmk *p = g_new0(struct drive_pcmk, 1);

	p->c = c;
	g_queue_init(&p->changes);
	g_queue_init(&p->writing);
	p->tools = g_hash_table_new_full(NULL, NULL, tool_free, NULL);
	return p;
}

void drive_pcmk_free(struct drive_pcmk *p)
{
	if (!p) {
		return;
	}
	if (p->gather) {
		g_source_remove(p->gather);
	}
	g_hash_table_unref(p->tools);
	question_free(&p->state);
	question_free(&p->roles);
	g_queue_clear_full(&p->changes, g_free);
	g_queue_clear_full(&p->writing, g_free);
	g_free(p);
}
