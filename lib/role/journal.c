/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lib/role/journal.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>

#include "lib/base/cleanup.h"
#include "lib/base/str.h"
#include "lib/port/ipc_client.h"
#include "lib/role/action.h"

#define TIMEOUT VMHA_SPAN_MS(250) /* of each of two steps */

/* Length of the UTF-8 character at @p, 0 when it is none. */
static size_t utf8_len(const unsigned char *p)
{
	size_t len = *p < 0x80 ? 1 : *p >= 0xf0 ? 4 : *p >= 0xe0 ? 3 : 2;
	size_t i;

	if ((*p >= 0x80 && *p < 0xc2) || *p > 0xf4) {
		return 0;
	}
	for (i = 1; i < len; i++) {
		if ((p[i] & 0xc0) != 0x80) {
			return 0;
		}
	}
	/* too long a form, or half of a surrogate pair, or past the last one */
	if ((*p == 0xe0 && p[1] < 0xa0) || (*p == 0xed && p[1] > 0x9f) ||
	    (*p == 0xf0 && p[1] < 0x90) || (*p == 0xf4 && p[1] > 0x8f)) {
		return 0;
	}
	return len;
}

static void quoted_add(struct vmha_str *s, const char *text)
{
	const unsigned char *p = (const unsigned char *)text;

	while (*p) {
		size_t len = utf8_len(p);

		if (*p == '"' || *p == '\\') {
			(void)vmha_str_add(s, "\\%c", *p);
		} else if (*p < ' ' || !len) {
			(void)vmha_str_add(s, "%s", len ? " " : "?");
			len = 1;
		} else {
			(void)vmha_str_add_bytes(s, p, len);
		}
		p += len;
	}
}

static void field_add(struct vmha_str *s, const char *name, const char *value)
{
	if (value && *value) {
		(void)vmha_str_add(s, ",\"%s\":\"", name);
		quoted_add(s, value);
		(void)vmha_str_add(s, "\"");
	}
}

void vmha_journal_send(const struct vmha_journal_note *note)
{
	vmha_autostr struct vmha_str s = { 0 };
	struct vmha_ipc *ipc = NULL;

	(void)vmha_str_add(&s, "{\"v\":1,\"op\":\"journal\"");
	field_add(&s, "kind", note->kind);
	field_add(&s, "level", note->level);
	field_add(&s, "vm", note->vm);
	field_add(&s, "node", note->node);
	field_add(&s, "trace", note->trace);
	field_add(&s, "cause", note->cause);
	field_add(&s, "text", note->text);
	(void)vmha_str_add(&s, "}");
	if (s.failed || vmha_ipc_open(&ipc, TIMEOUT, NULL) < 0) {
		return;
	}
	(void)vmha_ipc_call(ipc, s.text, TIMEOUT, NULL, NULL);
	vmha_ipc_close(ipc);
}

void vmha_journal_action(const struct vmha_action *act, const char *kind, const char *level,
			 const char *fmt, ...)
{
	struct vmha_journal_note note = { .kind = kind,
					  .level = level,
					  .vm = act->role.name,
					  .node = act->node,
					  .trace = act->trace,
					  .cause = "PACEMAKER" };
	char text[512]; /* of the journal: longer ones are cut */
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	note.text = text;
	vmha_journal_send(&note);
}
