/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lib/core/cluster.h"

#include <string.h>

/* Names of the enumerations in cluster.h. */

static const char *name_of(const char *const *names, size_t count, unsigned int value)
{
	return value < count ? names[value] : "?";
}

static bool value_of(const char *const *names, size_t count, const char *name,
		     unsigned int *ret_value)
{
	unsigned int i;

	for (i = 0; i < count; i++) {
		if (strcmp(names[i], name) == 0) {
			*ret_value = i;
			return true;
		}
	}
	return false;
}

#define FIRST(name_, ...) #name_,

static const char *const vmha_mig_phase_names[] = { VMHA_MIG_PHASES(FIRST) };
static const char *const vmha_mig_cause_names[] = { VMHA_MIG_CAUSES(FIRST) };
static const char *const vmha_mig_mode_names[] = { VMHA_MIG_MODES(FIRST) };
static const char *const vmha_mig_result_names[] = { VMHA_MIG_RESULTS(FIRST) };
static const char *const vmha_ceffect_kind_names[] = { VMHA_CEFFECTS(FIRST) };
static const char *const vmha_host_names[] = { VMHA_HOSTS(FIRST) };
static const char *const vmha_drain_state_names[] = { VMHA_DRAIN_STATES(FIRST) };
static const char *const vmha_failback_names[] = { VMHA_FAILBACKS(FIRST) };
static const char *const vmha_drain_policy_names[] = { VMHA_DRAIN_POLICIES(FIRST) };
static const char *const vmha_drain_role_state_names[] = { VMHA_DRAIN_ROLES(FIRST) };
static const char *const vmha_cevent_type_names[] = { VMHA_CEVENTS(FIRST) };
static const char *const vmha_leave_names[] = { VMHA_LEAVES(FIRST) };
static const char *const vmha_volume_word_names[] = { VMHA_VOLUME_WORDS(FIRST) };
static const char *const vmha_level_names[] = { VMHA_LEVELS(FIRST) };

/* NOLINTBEGIN(bugprone-macro-parentheses): a type's name takes none */
#define X(enum_)                                                                                   \
	const char *enum_##_name(enum enum_ value)                                                 \
	{                                                                                          \
		return name_of(enum_##_names, sizeof(enum_##_names) / sizeof(char *),              \
			       (unsigned int)value);                                               \
	}                                                                                          \
	bool enum_##_parse(const char *name, enum enum_ *ret_value)                                \
	{                                                                                          \
		unsigned int value;                                                                \
                                                                                                   \
		if (!value_of(enum_##_names, sizeof(enum_##_names) / sizeof(char *), name,         \
			      &value)) {                                                           \
			return false;                                                              \
		}                                                                                  \
		*ret_value = (enum enum_)value;                                                    \
		return true;                                                                       \
	}
VMHA_ENUM_NAMES(X)
#undef X
/* NOLINTEND(bugprone-macro-parentheses) */
