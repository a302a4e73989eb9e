/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cli/cli.h"
#include "cli/output.h"
#include "cli/since.h"
#include "lib/base/cleanup.h"
#include "lib/base/str.h"
#include "lib/port/eventlog.h"

#define WAIT	   VMHA_SPAN_S(60) /* of one wait for more; then again */
#define WHY_GROUPS 10
#define WHY_LINES  12 /* of one group */
#define TRACE_SHOW 8

/* Of an entry; "" when it has none. */
static const char *text_of(const json_t *entry, const char *key)
{
	const char *text = json_string_value(json_object_get(entry, key));

	return text ? text : "";
}

static int64_t ms_of(const json_t *entry)
{
	return json_integer_value(json_object_get(entry, "ms"));
}

static void time_local(int64_t ms, bool with_date, char *buf, size_t size)
{
	time_t t = (time_t)(ms / 1000);
	struct tm tm;

	(void)localtime_r(&t, &tm);
	(void)strftime(buf, size, with_date ? "%Y-%m-%d %H:%M:%S" : "%H:%M:%S", &tm);
}

/* An entry of a line; NULL: it is cut or none (a newer release may write other fields). */
static json_t *entry_parse(const char *line)
{
	json_t *o = json_loads(line, 0, NULL);

	if (!json_is_object(o) || !json_is_integer(json_object_get(o, "ms")) ||
	    !*text_of(o, "text")) {
		json_decref(o);
		return NULL;
	}
	return o;
}

/* --- events --------------------------------------------------------------------------------- */

struct events {
	struct vmha_eventlog_reader *reader;
	const char *vm;
	const char *node;
	int64_t since_ms;
	bool follow;
	json_t *all; /* with --output json and without --follow: one array at the end */
	size_t shown;
};

static bool is_wanted(const struct events *e, const json_t *entry)
{
	return ms_of(entry) >= e->since_ms &&
	       (!e->vm || strcmp(text_of(entry, "vm"), e->vm) == 0) &&
	       (!e->node || strcmp(text_of(entry, "node"), e->node) == 0);
}

static int entry_show(struct events *e, json_t *entry)
{
	const char *level = text_of(entry, "level");
	const char *cause = text_of(entry, "cause");
	const char *trace = text_of(entry, "trace");
	char when[32];

	e->shown++;
	if (e->all) {
		return json_array_append(e->all, entry);
	}
	if (vmha_output_is_json()) { /* they never end: a line each */
		return json_dumpf(entry, stdout, JSON_COMPACT) < 0 || putchar('\n') == EOF ||
				       fflush(stdout) == EOF
			       ? -EIO
			       : 0;
	}
	time_local(ms_of(entry), true, when, sizeof(when));
	(void)printf("%s  %-8s %-10s %s%s%s", when,
		     *text_of(entry, "node") ? text_of(entry, "node") : "-", text_of(entry, "kind"),
		     *level && strcmp(level, "info") != 0 ? level : "",
		     *level && strcmp(level, "info") != 0 ? ": " : "", text_of(entry, "text"));
	if (*cause || *trace) {
		(void)printf(" [%s%s%.*s]", cause, *cause && *trace ? " " : "", TRACE_SHOW, trace);
	}
	return putchar('\n') == EOF || fflush(stdout) == EOF ? -EIO : 0;
}

/* All that is there now. */
static int entries_show(struct events *e)
{
	const char *line = NULL;
	int r = 0;

	while (r == 0 && vmha_eventlog_reader_next(e->reader, &line) == 0) {
		json_t *entry = entry_parse(line);

		if (entry && is_wanted(e, entry)) {
			r = entry_show(e, entry);
		}
		json_decref(entry);
	}
	return r;
}

static int events_show(struct events *e, struct vmha_err **err)
{
	int r = vmha_eventlog_reader_open(&e->reader, VMHA_EVENTLOG_FILE, err);

	if (r < 0) {
		return r;
	}
	if (vmha_output_is_json() && !e->follow) {
		e->all = json_array();
	}
	r = entries_show(e);
	while (r == 0 && e->follow) {
		r = vmha_eventlog_reader_wait(e->reader, WAIT);
		r = r == -ETIMEDOUT ? 0 : r;
		r = r < 0 ? r : entries_show(e);
	}
	if (r == 0 && e->all) {
		r = vmha_output_json(vmha_steal_ptr(e->all));
	} else if (r == 0 && !e->shown) {
		(void)printf("no events\n");
	}
	json_decref(e->all);
	vmha_eventlog_reader_close(e->reader);
	return r == -EINTR ? 0 : r;
}

static int events_run(int argc, char **argv, struct vmha_err **err)
{
	struct events e = { 0 };
	const char *since = NULL;
	const struct vmha_option opts[] = {
		{ .name = "follow", .flag = &e.follow },
		{ .name = "since", .value = &since },
		{ .name = "vm", .value = &e.vm },
		{ .name = "node", .value = &e.node },
		{ 0 },
	};
	int64_t now = (int64_t)time(NULL) * 1000;
	int r = vmha_options_take(&argc, argv, opts, err);

	if (r != 0) {
		return r;
	}
	if (argc != 1) {
		return vmha_usage(err, "'%s' is too much: --vm VM shows those of a VM", argv[1]);
	}
	e.since_ms = e.follow ? now : 0;
	if (since && vmha_since_parse(since, now, &e.since_ms) < 0) {
		return vmha_usage(err,
				  "--since is a duration (30s, 10m, 2h, 7d) or a time (12:30, "
				  "2026-11-22, '2026-11-22 12:30'), not '%s'",
				  since);
	}
	return events_show(&e, err);
}

/* --- why ------------------------------------------------------------------------------------ */

/* Entries of one move, start, stop ...: those with the same trace. */
struct group {
	char trace[64]; /* "": one entry that has none */
	json_t *entries;
};

struct why {
	const char *vm;
	struct group groups[WHY_GROUPS]; /* the last ones, oldest first */
	size_t count;
};

static void why_free(struct why *w)
{
	size_t i;

	for (i = 0; i < w->count; i++) {
		json_decref(w->groups[i].entries);
	}
}

static struct group *group_of(struct why *w, const char *trace)
{
	struct group *g;
	size_t i;

	for (i = 0; *trace && i < w->count; i++) {
		if (strcmp(w->groups[i].trace, trace) == 0) {
			return &w->groups[i];
		}
	}
	if (w->count == WHY_GROUPS) {
		json_decref(w->groups[0].entries);
		memmove(&w->groups[0], &w->groups[1], (WHY_GROUPS - 1) * sizeof(w->groups[0]));
		w->count--;
	}
	g = &w->groups[w->count++];
	(void)snprintf(g->trace, sizeof(g->trace), "%s", trace);
	g->entries = json_array();
	return g;
}

static int why_read(struct why *w, struct vmha_err **err)
{
	struct vmha_eventlog_reader *reader = NULL;
	const char *line = NULL;
	int r = vmha_eventlog_reader_open(&reader, VMHA_EVENTLOG_FILE, err);

	if (r < 0) {
		return r;
	}
	while (vmha_eventlog_reader_next(reader, &line) == 0) {
		json_t *entry = strstr(line, w->vm) ? entry_parse(line) : NULL;

		if (entry && strcmp(text_of(entry, "vm"), w->vm) == 0) {
			(void)json_array_append(group_of(w, text_of(entry, "trace"))->entries,
						entry);
		}
		json_decref(entry);
	}
	vmha_eventlog_reader_close(reader);
	return 0;
}

static const char *cause_words(const char *cause)
{
	static const char *const words[][2] = {
		{ "USER", "asked for by an administrator" },
		{ "PACEMAKER",
		  "Pacemaker asked for it (a command, a constraint, standby, a recovery)" },
		{ "DRAIN", "its node was drained" },
		{ "FAILBACK", "back to its node after a drain" },
	};
	size_t i;

	for (i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (strcmp(words[i][0], cause) == 0) {
			return words[i][1];
		}
	}
	return cause;
}

static void ago_text(int64_t ms, char *buf, size_t size)
{
	int64_t s = ms / 1000;

	if (s < 120) {
		(void)snprintf(buf, size, "%d s ago", (int)s);
	} else if (s < 7200) {
		(void)snprintf(buf, size, "%d min ago", (int)(s / 60));
	} else if (s < 172800) {
		(void)snprintf(buf, size, "%d h ago", (int)(s / 3600));
	} else {
		(void)snprintf(buf, size, "%d days ago", (int)(s / 86400));
	}
}

/* The cause is that of the first entry that names one. */
static const char *group_cause(const struct group *g)
{
	const json_t *entry;
	size_t i;

	json_array_foreach(g->entries, i, entry)
	{
		if (*text_of(entry, "cause")) {
			return text_of(entry, "cause");
		}
	}
	return "";
}

static void group_print(const struct group *g, int64_t now)
{
	size_t count = json_array_size(g->entries);
	const json_t *last = json_array_get(g->entries, count - 1);
	const char *cause = group_cause(g);
	const json_t *entry;
	char when[32];
	char ago[32];
	size_t i;

	ago_text(now - ms_of(last), ago, sizeof(ago));
	time_local(ms_of(last), true, when, sizeof(when));
	(void)printf("\n%s (%s): %s\n", ago, when, text_of(last, "text"));
	if (*cause) {
		(void)printf("  cause: %s\n", cause_words(cause));
	}
	if (*g->trace) {
		(void)printf("  trace: %s\n", g->trace);
	}
	json_array_foreach(g->entries, i, entry)
	{
		if (count == 1 || i + WHY_LINES < count) {
			continue; /* said already; too long ago */
		}
		time_local(ms_of(entry), false, when, sizeof(when));
		(void)printf("  %s  %s%s%s\n", when, text_of(entry, "node"),
			     *text_of(entry, "node") ? ": " : "", text_of(entry, "text"));
	}
}

static int why_print(const struct why *w)
{
	int64_t now = (int64_t)time(NULL) * 1000;
	json_t *all = json_array();
	size_t i;

	if (!vmha_output_is_json()) {
		(void)printf(w->count
				     ? "What happened to %s, the last first:\n"
				     : "nothing is known of %s here: this node's journal of events "
				       "has no entry of it\n",
			     w->vm);
	}
	for (i = w->count; i > 0; i--) {
		const struct group *g = &w->groups[i - 1];

		if (!vmha_output_is_json()) {
			group_print(g, now);
		}
		(void)json_array_append_new(all, json_pack("{s:s?, s:s, s:O}", "trace",
							   *g->trace ? g->trace : NULL, "cause",
							   group_cause(g), "events", g->entries));
	}
	return vmha_output_json(all);
}

static int why_run(int argc, char **argv, struct vmha_err **err)
{
	static const struct vmha_option opts[] = { { 0 } };
	__attribute__((cleanup(why_free))) struct why w = { 0 };
	int r = vmha_options_take(&argc, argv, opts, err);

	if (r != 0) {
		return r;
	}
	if (argc != 2) {
		return vmha_usage(err, argc < 2 ? "which VM?" : "one VM at a time");
	}
	w.vm = argv[1];
	if (!vmha_str_is_name(w.vm)) {
		return vmha_usage(err, "'%s' is no name of a role", w.vm);
	}
	r = why_read(&w, err);
	return r < 0 ? r : why_print(&w);
}

const struct vmha_command vmha_commands_events[] = {
	{
		.name = "events",
		.args = "[--follow] [--since TIME] [--vm VM] [--node NODE]",
		.summary = "Show what happened in the cluster, and why",
		.help = "  --follow      go on with what happens (then only that, without "
			"--since)\n"
			"  --since TIME  how long ago (30s, 10m, 2h, 7d), or when (12:30, "
			"2026-11-22,\n"
			"                '2026-11-22 12:30', local time)\n"
			"  --vm VM       of that VM only\n"
			"  --node NODE   about that node only\n\n"
			"Every node has all events of the time that it was there: they are read "
			"from\n"
			"this node's files, also when vmha-clusterd does not run. With --output "
			"json one\n"
			"array, or with --follow an object a line.\n",
		.run = events_run,
	},
	{
		.name = "why",
		.args = "VM",
		.summary = "Tell why a VM was moved, not moved, started or stopped",
		.help = "The last ten things that happened to it, with their causes, from this "
			"node's\n"
			"files of events.\n",
		.run = why_run,
	},
	{ 0 },
};
