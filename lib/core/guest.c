/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lib/core/guest.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>

static const struct {
	const char *word;
	const char *text;
	bool well;
} states[] = {
#define X(name_, word_, well_, text_) { .word = (word_), .text = (text_), .well = (well_) },
	VMHA_GUEST_STATES(X)
#undef X
};

static const struct {
	const char *word;
	const char *text;
} ends[] = {
#define X(name_, word_, text_) { .word = (word_), .text = (text_) },
	VMHA_GUEST_ENDS(X)
#undef X
};

static const struct {
	const char *name;
	size_t offset;
	enum vmha_guest_wish otherwise;
	bool keep;
	bool stop;
} policies[] = {
#define X(name_, default_, keep_, stop_)                                                           \
	{ .name = #name_,                                                                          \
	  .offset = offsetof(struct vmha_guest_policy, name_),                                     \
	  .otherwise = VMHA_WISH_##default_,                                                       \
	  .keep = (keep_),                                                                         \
	  .stop = (stop_) },
	VMHA_GUEST_POLICIES(X)
#undef X
};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

const char *vmha_guest_state_name(enum vmha_guest_state state)
{
	return states[state].word;
}

const char *vmha_guest_end_name(enum vmha_guest_end end)
{
	return ends[end].word;
}

const char *vmha_guest_state_text(enum vmha_guest_state state)
{
	return states[state].text;
}

const char *vmha_guest_end_text(enum vmha_guest_end end)
{
	return ends[end].text;
}

enum vmha_guest_state vmha_guest_state_parse(const char *word)
{
	size_t i;

	for (i = 0; word && i < COUNT(states); i++) {
		if (strcmp(word, states[i].word) == 0) {
			return (enum vmha_guest_state)i;
		}
	}
	return VMHA_GUEST_UNKNOWN;
}

enum vmha_guest_end vmha_guest_end_parse(const char *word)
{
	size_t i;

	for (i = 0; word && i < COUNT(ends); i++) {
		if (strcmp(word, ends[i].word) == 0) {
			return (enum vmha_guest_end)i;
		}
	}
	return VMHA_END_UNKNOWN;
}

bool vmha_guest_is_well(enum vmha_guest_state state)
{
	return states[state].well;
}

bool vmha_guest_is_stuck(enum vmha_guest_state state)
{
	return state == VMHA_GUEST_IOERROR || state == VMHA_GUEST_WATCHDOG ||
	       state == VMHA_GUEST_PANICKED;
}

enum vmha_guest_end vmha_guest_end_judge(enum vmha_guest_state last, enum vmha_guest_end told)
{
	switch (last) {
	case VMHA_GUEST_OFF: /* libvirt ends the process after the guest has powered off */
		return VMHA_END_SHUTDOWN;
	case VMHA_GUEST_PANICKED: /* on_crash=destroy: libvirt ends it */
		return VMHA_END_PANIC;
	case VMHA_GUEST_UNKNOWN:
	case VMHA_GUEST_RUNNING:
	case VMHA_GUEST_SUSPENDED:
	case VMHA_GUEST_PAUSED:
	case VMHA_GUEST_IOERROR:
	case VMHA_GUEST_WATCHDOG:
	case VMHA_GUEST_MIGRATING:
	case VMHA_GUEST_STANDING:
	case VMHA_GUEST_GONE:
		break;
	}
	/* a QEMU that was told to end (SIGTERM) also "shuts down"; its guest did not */
	return told == VMHA_END_SHUTDOWN || told == VMHA_END_UNKNOWN ? VMHA_END_CRASH : told;
}

void vmha_guest_policy_default(struct vmha_guest_policy *ret_policy)
{
	size_t i;

	for (i = 0; i < COUNT(policies); i++) {
		memcpy((char *)ret_policy + policies[i].offset, &policies[i].otherwise,
		       sizeof(policies[i].otherwise));
	}
}

int vmha_guest_policy_set(struct vmha_guest_policy *policy, const char *name, const char *value,
			  struct vmha_err **err)
{
	enum vmha_guest_wish wish;
	size_t i;

	for (i = 0; i < COUNT(policies) && strcmp(policies[i].name, name) != 0; i++) {
	}
	if (i == COUNT(policies)) {
		return vmha_err_set(err, -ENOENT, "there is no parameter %s", name);
	}
	if (!value || !*value) {
		wish = policies[i].otherwise;
	} else if (strcmp(value, "restart") == 0) {
		wish = VMHA_WISH_RESTART;
	} else if (policies[i].keep && strcmp(value, "keep") == 0) {
		wish = VMHA_WISH_KEEP;
	} else if (policies[i].stop && strcmp(value, "stop") == 0) {
		wish = VMHA_WISH_STOP;
	} else {
		return vmha_err_set(err, -EINVAL, "parameter %s must be restart or %s, not '%s'",
				    name, policies[i].keep ? "keep" : "stop", value);
	}
	memcpy((char *)policy + policies[i].offset, &wish, sizeof(wish));
	return 0;
}

enum vmha_guest_wish vmha_guest_wish_ended(const struct vmha_guest_policy *policy,
					   enum vmha_guest_end end)
{
	return end == VMHA_END_SHUTDOWN ? policy->on_guest_shutdown : VMHA_WISH_RESTART;
}

enum vmha_guest_wish vmha_guest_wish_still(const struct vmha_guest_policy *policy,
					   enum vmha_guest_state state)
{
	switch (state) {
	case VMHA_GUEST_IOERROR:
		return policy->on_io_error;
	case VMHA_GUEST_WATCHDOG:
		return policy->on_watchdog;
	case VMHA_GUEST_PANICKED:
		return policy->on_panic;
	case VMHA_GUEST_UNKNOWN:
	case VMHA_GUEST_RUNNING:
	case VMHA_GUEST_SUSPENDED:
	case VMHA_GUEST_PAUSED:
	case VMHA_GUEST_MIGRATING:
	case VMHA_GUEST_STANDING:
	case VMHA_GUEST_OFF:
	case VMHA_GUEST_GONE:
		break;
	}
	return VMHA_WISH_KEEP;
}
