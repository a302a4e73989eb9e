/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "clusterd/virtchild.h"

#include <glib.h>

#include "clusterd/linechild.h"

#define SILENT_S 10 /* longer than libvirt's keepalive takes to notice by itself */

struct clusterd_virtchild {
	vmha_virtevent_fn fn;
	void *data;
	struct clusterd_linechild *child;
	bool connected;
};

static void tell(struct clusterd_virtchild *v, const struct vmha_virtevent *e)
{
	if (e->kind == VMHA_VIRTEVENT_LOST && !v->connected) {
		return;
	}
	if (e->kind == VMHA_VIRTEVENT_CONNECTED || e->kind == VMHA_VIRTEVENT_LOST) {
		v->connected = e->kind == VMHA_VIRTEVENT_CONNECTED;
	}
	v->fn(e, v->data);
}

static const char *text_of(const json_t *line, const char *key)
{
	const char *text = json_string_value(json_object_get(line, key));

	return text ? text : "";
}

static void on_line(const json_t *line, void *data)
{
	struct vmha_virtevent e = { .kind = VMHA_VIRTEVENT_LOST,
				    .name = text_of(line, "name"),
				    .uuid = text_of(line, "uuid"),
				    .state = vmha_guest_state_parse(text_of(line, "state")),
				    .end = vmha_guest_end_parse(text_of(line, "end")),
				    .text = line ? text_of(line, "text") : "virtwatch ended" };

	if (!line || vmha_virtevent_parse(text_of(line, "event"), &e.kind) == 0) {
		tell(data, &e);
	}
}

struct clusterd_virtchild *clusterd_virtchild_new(vmha_virtevent_fn fn, void *data)
{
	static const char program[] = VMHA_PKGLIBEXECDIR "/vmha-virtwatch";
	struct clusterd_virtchild *v = g_new0(struct clusterd_virtchild, 1);

	v->fn = fn;
	v->data = data;
	v->child = clusterd_linechild_new(program, SILENT_S, on_line, v);
	return v;
}

void clusterd_virtchild_free(struct clusterd_virtchild *v)
{
	if (v) {
		clusterd_linechild_free(v->child);
		g_free(v);
	}
}
