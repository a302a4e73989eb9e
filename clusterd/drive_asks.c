/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Commands that wait for an outcome. */
#include "clusterd/drive_asks.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static void ask_free(void *data)
{
	struct drive_ask *a = data;

	clusterd_worker_cancel(a->worker);
	if (a->timer) {
		g_source_remove(a->timer);
	}
	g_free(a);
}

void drive_asks_init(struct clusterd_drive *d)
{
	d->asks = g_ptr_array_new_with_free_func(ask_free);
}

void drive_asks_free(struct clusterd_drive *d)
{
	g_ptr_array_unref(d->asks);
}

void drive_ask_error(struct drive_ask *a, int code, const char *fmt, ...)
{
	char text[VMHA_REASON_SIZE];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	clusterd_answer_error(a->req, code, "%s", text);
	(void)g_ptr_array_remove_fast(a->c->drive->asks, a);
}

/* @param body stolen */
void drive_ask_answer(struct drive_ask *a, json_t *body)
{
	clusterd_answer(a->req, body);
	(void)g_ptr_array_remove_fast(a->c->drive->asks, a);
}

static void cancel_send(struct clusterd *c, uint64_t mig, const char *who)
{
	struct vmha_cevent e;

	drive_event(c, VMHA_CEVENT_CANCEL, &e);
	e.mig.id = mig;
	(void)snprintf(e.mig.reason, sizeof(e.mig.reason), "%s", who);
	(void)drive_send(c, &e);
}

static gboolean ask_late(void *data)
{
	struct drive_ask *a = data;

	a->timer = 0;
	if (a->kind == ASK_MIGRATE && a->mig) {
		cancel_send(a->c, a->mig, "the target did not answer");
		drive_ask_error(a, -ETIMEDOUT,
				"%s has not said whether it can take %s: it stays on %s", a->to,
				a->event.enqueue.vm, a->from);
	} else if (a->kind == ASK_CANCEL) {
		drive_ask_error(
			a, -ETIMEDOUT,
			"the move is asked to stop, but has not ended yet: see 'vmha migration "
			"list'");
	} else {
		drive_ask_error(a, -ETIMEDOUT, "the cluster does not answer: try again");
	}
	return G_SOURCE_REMOVE;
}

struct drive_ask *drive_ask_new(struct clusterd *c, struct clusterd_request *req,
				enum ask_kind kind, unsigned int ms)
{
	struct drive_ask *a = g_new0(struct drive_ask, 1);

	a->c = c;
	a->serial = ++c->drive->next_serial;
	a->kind = kind;
	a->req = req;
	a->timer = g_timeout_add(ms, ask_late, a);
	g_ptr_array_add(c->drive->asks, a);
	return a;
}

void *drive_ask_data(const struct drive_ask *a)
{
	return (void *)(uintptr_t)a->serial;
}

struct drive_ask *drive_ask_of(struct clusterd *c, void *data)
{
	guint i;

	for (i = 0; c->drive && i < c->drive->asks->len; i++) {
		struct drive_ask *a = g_ptr_array_index(c->drive->asks, i);

		if (a->serial == (uint64_t)(uintptr_t)data) {
			return a;
		}
	}
	return NULL;
}

/* @return true: @to has it, "" where it is not there; false: not a text, or too long */
bool drive_text_take(const json_t *body, const char *key, char *to, size_t size)
{
	const json_t *value = json_object_get(body, key);
	const char *text = json_string_value(value);

	*to = '\0';
	if (!value || json_is_null(value)) {
		return true;
	}
	if (!text || strlen(text) >= size) {
		return false;
	}
	memcpy(to, text, strlen(text) + 1);
	return true;
}

void drive_ask_send(struct drive_ask *a)
{
	int r = clusterd_send(a->c, &a->event);

	if (r < 0) {
		drive_ask_error(a, r, "this node is not in touch with the cluster now: %s",
				strerror(-r));
	}
}

/* --- outcomes ------------------------------------------------------------------------------- */

static void ask_look(struct drive_ask *a)
{
	switch (a->kind) {
	case ASK_MIGRATE:
		drive_migrate_look(a);
		break;
	case ASK_CANCEL:
		drive_cancel_look(a);
		break;
	case ASK_DRAIN:
	case ASK_RESUME:
	case ASK_PRECHECK:
		break;
	}
}

void drive_asks_look(struct clusterd *c)
{
	guint i;

	/* from the end: an ask that is answered leaves, and the last one takes its place */
	for (i = c->drive->asks->len; i-- > 0;) {
		ask_look(g_ptr_array_index(c->drive->asks, i));
	}
}

static struct drive_ask *ask_of_event(struct clusterd *c, const struct vmha_cevent *e)
{
	guint i;

	for (i = 0; i < c->drive->asks->len; i++) {
		struct drive_ask *a = g_ptr_array_index(c->drive->asks, i);

		if (a->event.type != e->type) {
			continue;
		}
		if ((e->type == VMHA_CEVENT_ENQUEUE &&
		     strcmp(a->event.enqueue.trace, e->enqueue.trace) == 0) ||
		    (e->type == VMHA_CEVENT_CANCEL && a->mig == e->mig.id) ||
		    ((e->type == VMHA_CEVENT_DRAIN || e->type == VMHA_CEVENT_RESUME) &&
		     a->event.drain.node == e->drain.node)) {
			return a;
		}
	}
	return NULL;
}

void drive_asks_refused(struct clusterd *c, const struct vmha_cevent *e, int r, const char *why)
{
	struct drive_ask *a = ask_of_event(c, e);

	if (a) {
		drive_ask_error(a, r, "%s", why);
	}
}

void drive_asks_applied(struct clusterd *c, const struct vmha_cevent *e)
{
	struct drive_ask *a = e->from == c->self ? ask_of_event(c, e) : NULL;

	if (a && (a->kind == ASK_DRAIN || a->kind == ASK_RESUME)) {
		drive_ask_answer(a, NULL);
	}
}
