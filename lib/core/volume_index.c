/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lib/core/volume_index.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const verdict_names[VMHA_INDEX_VERDICTS] = {
	[VMHA_INDEX_WHOLE] = "whole",		[VMHA_INDEX_NOTHING] = "nothing",
	[VMHA_INDEX_SETTLED] = "settled",	[VMHA_INDEX_UNDO] = "to be undone",
	[VMHA_INDEX_FINISH] = "to be finished", [VMHA_INDEX_STRAY] = "stray",
	[VMHA_INDEX_BROKEN] = "broken",		[VMHA_INDEX_UNKNOWN] = "unknown",
};

bool vmha_index_reserved(const char *name)
{
	return vmha_str_eq(name, "volume-admin") || vmha_str_eq(name, "volume-coordinator");
}

/* @return where @name is, or would be */
static size_t place_find(const struct vmha_index *index, const char *name)
{
	size_t low = 0;
	size_t high = index->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (strcmp(index->entries[middle].name, name) < 0) {
			low = middle + 1;
		} else {
			high = middle;
		}
	}
	return low;
}

struct vmha_index_entry *vmha_index_entry(struct vmha_index *index, const char *name)
{
	size_t at = place_find(index, name);
	struct vmha_index_entry *bigger;

	if (at < index->count && strcmp(index->entries[at].name, name) == 0) {
		return &index->entries[at];
	}
	bigger = vmha_str_is_name(name)
			 ? realloc(index->entries, (index->count + 1) * sizeof(*bigger))
			 : NULL;
	if (!bigger) {
		return NULL;
	}
	index->entries = bigger;
	memmove(&bigger[at + 1], &bigger[at], (index->count - at) * sizeof(*bigger));
	index->count++;
	bigger[at] = (struct vmha_index_entry){ 0 };
	(void)snprintf(bigger[at].name, sizeof(bigger[at].name), "%s", name);
	return &bigger[at];
}

void vmha_index_free(struct vmha_index *index)
{
	free(index->entries);
	*index = (struct vmha_index){ 0 };
}

struct judging {
	struct vmha_str *problems;
	size_t count;
};

static void __attribute__((format(printf, 2, 3))) say(struct judging *j, const char *fmt, ...)
{
	char text[256];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (j->problems) {
		(void)vmha_str_add(j->problems, "%s%s", j->count ? "; " : "", text);
	}
	j->count++;
}

static void lease_judge(struct judging *j, const struct vmha_index_entry *e)
{
	if (e->leases == 0) {
		say(j, "it has no lease");
		return;
	}
	if (e->leases > 1) {
		say(j, "it has %u leases", e->leases);
	}
	if (e->xml == VMHA_PART_THERE && !e->xml_leased) {
		say(j, "its XML has not its <lease>");
	} else if (e->xml == VMHA_PART_THERE && e->xml_offset != e->lease_offset) {
		say(j, "its XML has its lease at %" PRIu64 ", the index at %" PRIu64, e->xml_offset,
		    e->lease_offset);
	}
	if (e->record == VMHA_PART_THERE && e->record_offset != e->lease_offset) {
		say(j, "its record has its lease at %" PRIu64 ", the index at %" PRIu64,
		    e->record_offset, e->lease_offset);
	}
}

static void part_judge(struct judging *j, enum vmha_part part, const char *what, bool needed)
{
	if (part == VMHA_PART_DAMAGED) {
		say(j, "its %s cannot be read", what);
	} else if (part == VMHA_PART_ABSENT && needed) {
		say(j, "it has no %s", what);
	}
}

/* Anything that only a role has; a directory is anybody's. */
static bool is_role(const struct vmha_index_entry *e)
{
	return e->leases || e->xml != VMHA_PART_ABSENT || e->record != VMHA_PART_ABSENT ||
	       e->owner != VMHA_PART_ABSENT || e->state != VMHA_PART_ABSENT || e->unended;
}

static enum vmha_index_verdict intent_judge(struct judging *j, const struct vmha_index_entry *e)
{
	if (e->removing) {
		say(j, "its removal was cut short %s",
		    e->configured ? "before it changed the cluster: it stays a role"
				  : "behind its change of the cluster: the rest is to go");
	} else {
		say(j, "its making was cut short %s",
		    e->configured ? "behind its change of the cluster: it is a role"
				  : "before it changed the cluster: what was made is to go");
	}
	if (e->configured || (!is_role(e) && !e->directory)) {
		return VMHA_INDEX_SETTLED;
	}
	return e->removing ? VMHA_INDEX_FINISH : VMHA_INDEX_UNDO;
}

enum vmha_index_verdict vmha_index_judge(const struct vmha_index *index,
					 const struct vmha_index_entry *e,
					 struct vmha_str *problems)
{
	struct judging j = { .problems = problems };
	enum vmha_index_verdict v;

	if (!index->configuration_known) {
		say(&j, "whether it is in the cluster is not known");
		return VMHA_INDEX_UNKNOWN;
	}
	if (e->intent == VMHA_PART_DAMAGED) {
		say(&j, "the record of what was begun with it cannot be read");
		return VMHA_INDEX_UNKNOWN;
	}
	if (!e->configured) {
		if (e->intent == VMHA_PART_THERE) {
			return intent_judge(&j, e);
		}
		if (!is_role(e)) {
			return VMHA_INDEX_NOTHING;
		}
		say(&j, "it is on the volume, but not in the cluster");
		return VMHA_INDEX_STRAY;
	}
	lease_judge(&j, e);
	part_judge(&j, e->xml, "XML", true);
	part_judge(&j, e->record, "record", true);
	part_judge(&j, e->owner, "owner record", false);
	part_judge(&j, e->state, "record of saved memory", false);
	v = j.count ? VMHA_INDEX_BROKEN : VMHA_INDEX_WHOLE;
	if (e->intent == VMHA_PART_THERE) {
		enum vmha_index_verdict with = intent_judge(&j, e);

		return v == VMHA_INDEX_WHOLE ? with : v;
	}
	return v;
}

const char *vmha_index_verdict_name(enum vmha_index_verdict verdict)
{
	return verdict_names[verdict];
}

bool vmha_index_is_consistent(const struct vmha_index *index)
{
	size_t i;

	for (i = 0; i < index->count; i++) {
		enum vmha_index_verdict v = vmha_index_judge(index, &index->entries[i], NULL);

		if (v != VMHA_INDEX_WHOLE && v != VMHA_INDEX_NOTHING) {
			return false;
		}
	}
	return true;
}
