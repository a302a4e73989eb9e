/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "clusterd/journal.h"

#include <errno.h>
#include <grp.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <syslog.h>
#include <time.h>

#include "clusterd/clusterd.h"
#include "clusterd/config.h"
#include "lib/base/cleanup.h"
#include "lib/base/str.h"
#include "lib/port/eventlog.h"
#include "lib/port/sdjournal.h"

#define FENCES_KEPT 32

struct clusterd_journal {
	struct vmha_eventlog *log;
	char fences[FENCES_KEPT][VMHA_ID_SIZE]; /* traces of the last that were told */
	unsigned int fences_next;
	uint64_t lost; /* entries, since the file could be written last */
};

/* 2026-11-22T01:02:03.456Z */
static void time_text(int64_t wall_ms, char *buf, size_t size)
{
	time_t t = (time_t)(wall_ms / 1000);
	struct tm tm;
	size_t used;

	(void)gmtime_r(&t, &tm);
	used = strftime(buf, size, "%Y-%m-%dT%H:%M:%S", &tm);
	(void)snprintf(buf + used, size - used, ".%03dZ", (int)(wall_ms % 1000));
}

/* @return the text, with what is no UTF-8 (cut in a character) replaced */
static json_t *text_json(const char *text)
{
	json_t *t = json_string(text);
	gchar *valid;

	if (!t) {
		valid = g_utf8_make_valid(text, -1);
		t = json_string(valid);
		g_free(valid);
	}
	return t;
}

static void field_set(json_t *o, const char *key, const char *value)
{
	if (*value) {
		(void)json_object_set_new(o, key, text_json(value));
	}
}

static json_t *entry_json(const struct clusterd *c, const struct vmha_cjournal *e)
{
	json_t *o = json_object();
	char when[40];

	time_text(e->wall_ms, when, sizeof(when));
	field_set(o, "time", when);
	(void)json_object_set_new(o, "ms", json_integer((json_int_t)e->wall_ms));
	(void)json_object_set_new(o, "seq", json_integer((json_int_t)c->seq));
	field_set(o, "level", vmha_level_name(e->level));
	field_set(o, "kind", e->kind);
	field_set(o, "node", e->node);
	field_set(o, "vm", e->vm);
	if (e->mig) {
		(void)json_object_set_new(o, "migration", json_integer((json_int_t)e->mig));
	}
	field_set(o, "trace", e->trace);
	field_set(o, "cause", e->cause);
	(void)json_object_set_new(o, "text", text_json(e->text));
	return o;
}

static int syslog_priority(enum vmha_level level)
{
	if (level == VMHA_LEVEL_error) {
		return LOG_ERR;
	}
	return level == VMHA_LEVEL_warning ? LOG_WARNING : LOG_INFO;
}

static void systemd_tell(const struct vmha_cjournal *e)
{
	vmha_autofree char *message =
		vmha_str_printf("MESSAGE=%s%s%s", e->vm, *e->vm ? ": " : "", e->text);
	char fields[6][sizeof(e->node) + 16];
	const char *all[9] = { message, "SYSLOG_IDENTIFIER=vmha" };
	size_t i;

	(void)snprintf(fields[0], sizeof(fields[0]), "PRIORITY=%d", syslog_priority(e->level));
	(void)snprintf(fields[1], sizeof(fields[1]), "VMHA_KIND=%s", e->kind);
	(void)snprintf(fields[2], sizeof(fields[2]), "VMHA_VM=%s", e->vm);
	(void)snprintf(fields[3], sizeof(fields[3]), "VMHA_NODE=%s", e->node);
	(void)snprintf(fields[4], sizeof(fields[4]), "VMHA_TRACE=%s", e->trace);
	(void)snprintf(fields[5], sizeof(fields[5]), "VMHA_CAUSE=%s", e->cause);
	for (i = 0; i < 6; i++) {
		all[i + 2] = fields[i];
	}
	if (message) {
		vmha_sdjournal_send(all, 8);
	}
}

static void file_append(struct clusterd_journal *j, const json_t *entry)
{
	vmha_autoerr struct vmha_err *err = NULL;
	vmha_autofree char *line = json_dumps(entry, JSON_COMPACT);

	if (line && vmha_eventlog_append(j->log, line, &err) == 0) {
		if (j->lost) {
			clusterd_log(VMHA_LOG_WARNING, "events are written again; lost=%" PRIu64,
				     j->lost);
			j->lost = 0;
		}
		return;
	}
	if (!j->lost) {
		clusterd_log(VMHA_LOG_ERROR, "events are not written: %s",
			     line ? vmha_err_text(err) : "out of memory");
	}
	j->lost++;
}

void clusterd_journal_append(struct clusterd *c, const struct vmha_cjournal *entry)
{
	struct vmha_cjournal e = *entry;
	json_t *o;

	if (!e.wall_ms) {
		e.wall_ms = g_get_real_time() / 1000;
	}
	o = entry_json(c, &e);
	if (c->journal && o) {
		file_append(c->journal, o);
		systemd_tell(&e);
		clusterd_push_subscribers(c,
					  json_pack("{s:s, s:O}", "event", "journal", "entry", o));
	}
	json_decref(o);
}

void clusterd_journal_send(struct clusterd *c, const struct vmha_cjournal *entry)
{
	struct vmha_cevent *e = g_new0(struct vmha_cevent, 1);

	e->type = VMHA_CEVENT_JOURNAL;
	e->wall_ms = g_get_real_time() / 1000;
	e->journal = *entry;
	if (!e->journal.wall_ms) {
		e->journal.wall_ms = e->wall_ms;
	}
	if (!c->synced || clusterd_send(c, e) < 0) {
		clusterd_journal_append(c, &e->journal);
	}
	g_free(e);
}

/* A text field of a request. @return false: there, and no text, too long, or more than a line */
static bool text_take(const json_t *body, const char *key, char *buf, size_t size)
{
	const json_t *value = json_object_get(body, key);
	const char *text = json_string_value(value);
	const char *p;

	if (!value || json_is_null(value)) {
		return true;
	}
	if (!text || json_string_length(value) != strlen(text) || strlen(text) >= size) {
		return false;
	}
	for (p = text; *p; p++) {
		if ((unsigned char)*p < ' ' || *p == 0x7f) {
			return false;
		}
	}
	(void)snprintf(buf, size, "%s", text);
	return true;
}

static void op_journal(struct clusterd *c, struct clusterd_request *req, const json_t *body)
{
	struct vmha_cjournal e = { .level = VMHA_LEVEL_info };
	char level[16] = "info";

	(void)snprintf(e.node, sizeof(e.node), "%s", c->name);
	if (!text_take(body, "kind", e.kind, sizeof(e.kind)) || !*e.kind ||
	    !text_take(body, "level", level, sizeof(level)) || !vmha_level_parse(level, &e.level) ||
	    !text_take(body, "vm", e.vm, sizeof(e.vm)) || (*e.vm && !vmha_str_is_name(e.vm)) ||
	    !text_take(body, "node", e.node, sizeof(e.node)) ||
	    !text_take(body, "trace", e.trace, sizeof(e.trace)) ||
	    !text_take(body, "cause", e.cause, sizeof(e.cause)) ||
	    !text_take(body, "text", e.text, sizeof(e.text)) || !*e.text) {
		clusterd_answer_error(req, -EINVAL,
				      "journal: kind and text are wanted, all of them short texts "
				      "of one line");
		return;
	}
	clusterd_journal_send(c, &e);
	clusterd_answer(req, NULL);
}

bool clusterd_journal_has(const struct clusterd *c, const char *trace)
{
	size_t i;

	for (i = 0; *trace && c->journal && i < FENCES_KEPT; i++) {
		if (strcmp(c->journal->fences[i], trace) == 0) {
			return true;
		}
	}
	return false;
}

/* Two nodes may have told of the same fencing: each drops the later one. */
static bool is_told(struct clusterd *c, const struct vmha_cjournal *e)
{
	struct clusterd_journal *j = c->journal;

	if (!j || strcmp(e->kind, "fence") != 0 || !*e->trace) {
		return false;
	}
	if (clusterd_journal_has(c, e->trace)) {
		return true;
	}
	(void)snprintf(j->fences[j->fences_next], VMHA_ID_SIZE, "%s", e->trace);
	j->fences_next = (j->fences_next + 1) % FENCES_KEPT;
	return false;
}

static void on_effect(struct clusterd *c, const struct vmha_ceffect *effect)
{
	if (effect->kind == VMHA_CEFFECT_JOURNAL && !is_told(c, &effect->journal)) {
		clusterd_journal_append(c, &effect->journal);
	}
}

static void on_changed(struct clusterd *c)
{
	const struct vmha_settings *s = clusterd_config_settings(c);

	if (!c->journal) {
		return;
	}
	vmha_eventlog_limit(c->journal->log,
			    (uint64_t)vmha_settings_get(s, VMHA_SETTING_EVENT_SIZE, c->name) << 20,
			    (unsigned int)vmha_settings_get(s, VMHA_SETTING_EVENT_FILES, c->name));
}

static int on_start(struct clusterd *c, struct vmha_err **err)
{
	const struct group *g = getgrnam("haclient");
	struct clusterd_journal *j = g_new0(struct clusterd_journal, 1);

	if (vmha_eventlog_open(&j->log, VMHA_EVENTLOG_FILE, g ? g->gr_gid : (gid_t)-1) < 0) {
		g_free(j);
		return vmha_err_set(err, -ENOMEM, "out of memory");
	}
	c->journal = j;
	return 0;
}

static void on_stop(struct clusterd *c)
{
	if (c->journal) {
		vmha_eventlog_close(c->journal->log);
		g_free(c->journal);
		c->journal = NULL;
	}
}

static const struct clusterd_op ops[] = {
	{ .name = "journal", .handle = op_journal },
	{ 0 },
};

const struct clusterd_module clusterd_module_journal = {
	.name = "journal",
	.start = on_start,
	.stop = on_stop,
	.effect = on_effect,
	.changed = on_changed,
	.ops = ops,
};
