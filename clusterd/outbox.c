/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <endian.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "clusterd/clusterd.h"
#include "clusterd/group.h"
#include "lib/base/cleanup.h"
#include "lib/port/codec.h"

#define RESEND_MS 10 /* corosync's flow control */

static void out_free(void *data)
{
	struct clusterd_out *out = data;

	free(out->text);
	g_free(out);
}

static void control_free(void *data)
{
	struct clusterd_control *ctl = data;

	free(ctl->body);
	g_free(ctl);
}

static struct clusterd_frame frame_make(enum clusterd_frame_kind kind, uint64_t epoch,
					uint64_t number, uint32_t part, uint32_t parts)
{
	return (struct clusterd_frame){ .magic = { 'V', 'M', 'H', 'A' },
					.version = htobe16(CLUSTERD_FRAME),
					.kind = htobe16((uint16_t)kind),
					.epoch = htobe64(epoch),
					.number = htobe64(number),
					.part = htobe32(part),
					.parts = htobe32(parts) };
}

static gboolean on_send_timer(gpointer data)
{
	struct clusterd_group *g = data;

	g->send_timer = 0;
	clusterd_group_pump(g);
	return G_SOURCE_REMOVE;
}

/* @return false: stop for now */
static bool send_one(struct clusterd_group *g, const struct clusterd_frame *frame, const char *body,
		     size_t len)
{
	int r = vmha_cpg_send(g->cpg, frame, sizeof(*frame), body, len);

	if (r == -EAGAIN) {
		g->send_timer = g_timeout_add(RESEND_MS, on_send_timer, g);
	} else if (r < 0 && r != -ENOTCONN) { /* that one is noticed by the dispatcher */
		clusterd_log(VMHA_LOG_ERROR, "group message of %zu bytes not sent: %s", len,
			     strerror(-r));
		return r == -EMSGSIZE;
	}
	return r == 0;
}

void clusterd_group_pump(struct clusterd_group *g)
{
	struct clusterd_control *ctl;
	struct clusterd_frame frame;
	GList *link;

	if (!g->cpg || g->send_timer) {
		return;
	}
	while ((ctl = g_queue_peek_head(&g->controls)) != NULL) {
		if (!send_one(g, &ctl->frame, ctl->body, ctl->len)) {
			return;
		}
		control_free(g_queue_pop_head(&g->controls));
	}
	for (link = g->outbox.head; g->phase == CLUSTERD_LIVE && link; link = link->next) {
		struct clusterd_out *out = link->data;

		if (out->sent) {
			continue;
		}
		frame = frame_make(CLUSTERD_FRAME_EVENT, g->epoch, out->number, 0, 1);
		if (!send_one(g, &frame, out->text, strlen(out->text))) {
			return;
		}
		out->sent = true;
		out->epoch = g->epoch;
	}
}

void clusterd_group_control(struct clusterd_group *g, enum clusterd_frame_kind kind, uint32_t part,
			    uint32_t parts, char *body, size_t len)
{
	struct clusterd_control *ctl = g_new0(struct clusterd_control, 1);

	ctl->frame = frame_make(kind, 0, 0, part, parts);
	ctl->body = body;
	ctl->len = body ? len : 0;
	g_queue_push_tail(&g->controls, ctl);
	clusterd_group_pump(g);
}

int clusterd_outbox_add(struct clusterd_group *g, const struct vmha_cevent *event, bool once)
{
	struct vmha_cevent e = *event;
	vmha_autoerr struct vmha_err *err = NULL;
	struct clusterd_out *out;
	char *text;
	int r;

	if (!g->cpg) {
		return -ENOTCONN;
	}
	if (g->outbox.length >= CLUSTERD_OUTBOX_MAX) {
		return -ENOBUFS;
	}
	e.from = g->c->self;
	if (!e.wall_ms) {
		e.wall_ms = g_get_real_time() / 1000;
	}
	r = vmha_codec_event_print(&e, &text, &err);
	if (r < 0) {
		clusterd_log(VMHA_LOG_ERROR, "event=%s not sent: %s", vmha_cevent_type_name(e.type),
			     vmha_err_text(err));
		return r;
	}
	if (strlen(text) > VMHA_CODEC_EVENT_MAX) {
		free(text);
		return -EMSGSIZE;
	}
	out = g_new0(struct clusterd_out, 1);
	out->number = ++g->last_number;
	out->text = text;
	out->once = once;
	g_queue_push_tail(&g->outbox, out);
	return 0;
}

int clusterd_send(struct clusterd *c, const struct vmha_cevent *e)
{
	int r = c->group ? clusterd_outbox_add(c->group, e, false) : -ENOTCONN;

	if (r == 0) {
		clusterd_group_pump(c->group);
	}
	return r;
}

void clusterd_outbox_done(struct clusterd_group *g, uint64_t number)
{
	GList *link;

	for (link = g->outbox.head; link; link = link->next) {
		struct clusterd_out *out = link->data;

		if (out->number == number) {
			g_queue_delete_link(&g->outbox, link);
			out_free(out);
			return;
		}
	}
}

void clusterd_outbox_again(struct clusterd_group *g, GQueue *waiting)
{
	struct clusterd_out *out;

	while ((out = g_queue_pop_head(waiting)) != NULL) {
		if (out->once) {
			out_free(out);
			continue;
		}
		/* what a module said while the new state was taken is under way already */
		out->sent = out->sent && out->epoch == g->epoch;
		g_queue_push_tail(&g->outbox, out);
	}
}

void clusterd_outbox_clear(struct clusterd_group *g)
{
	g_queue_clear_full(&g->controls, control_free);
	g_queue_clear_full(&g->outbox, out_free);
}
