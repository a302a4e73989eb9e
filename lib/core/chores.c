/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lib/core/chores.h"

#include <stdio.h>
#include <string.h>

#define LOW	 900
#define VERY_LOW 950
#define BACK	 20

bool vmha_chore_lease_is_stray(const struct vmha_index *index, const struct vmha_index_entry *e)
{
	return index->configuration_known && e->leases && !e->configured &&
	       !vmha_index_reserved(e->name) && e->xml == VMHA_PART_ABSENT &&
	       e->record == VMHA_PART_ABSENT && e->owner == VMHA_PART_ABSENT &&
	       e->state == VMHA_PART_ABSENT && e->intent == VMHA_PART_ABSENT && !e->unended;
}

void vmha_chore_sights_begin(struct vmha_chore_sights *s)
{
	size_t i;

	for (i = 0; i < s->count; i++) {
		s->items[i].now = false;
	}
}

bool vmha_chore_sights_note(struct vmha_chore_sights *s, const char *name, int64_t now_ms)
{
	size_t i;

	for (i = 0; i < s->count; i++) {
		if (strcmp(s->items[i].name, name) == 0) {
			s->items[i].now = true;
			return now_ms - s->items[i].first_ms >= VMHA_CHORE_STRAY_MS;
		}
	}
	if (s->count < VMHA_CHORE_SIGHTS) {
		(void)snprintf(s->items[s->count].name, VMHA_NAME_SIZE, "%s", name);
		s->items[s->count].first_ms = now_ms;
		s->items[s->count].now = true;
		s->count++;
	}
	return false;
}

void vmha_chore_sights_end(struct vmha_chore_sights *s)
{
	size_t to = 0;
	size_t i;

	for (i = 0; i < s->count; i++) {
		if (s->items[i].now) {
			s->items[to++] = s->items[i];
		}
	}
	s->count = to;
}

enum vmha_chore_verdict vmha_chore_memory_judge(const struct vmha_chore_memory *m)
{
	if (!m->known || m->begun || m->held || m->owned) {
		return VMHA_CHORE_KEEP;
	}
	if (!m->role) {
		return VMHA_CHORE_ASIDE_GONE;
	}
	return m->lver != m->stored ? VMHA_CHORE_ASIDE_OLDER : VMHA_CHORE_KEEP;
}

enum vmha_chore_space vmha_chore_space_judge(enum vmha_chore_space before, unsigned int used)
{
	if (used >= VERY_LOW || (before == VMHA_SPACE_VERY_LOW && used >= VERY_LOW - BACK)) {
		return VMHA_SPACE_VERY_LOW;
	}
	if (used >= LOW || (before != VMHA_SPACE_OK && used >= LOW - BACK)) {
		return VMHA_SPACE_LOW;
	}
	return VMHA_SPACE_OK;
}

unsigned int vmha_chore_journals(unsigned int journals, unsigned int nodes)
{
	return journals && nodes > journals ? nodes - journals : 0;
}
