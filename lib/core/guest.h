/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef VMHA_CORE_GUEST_H
#define VMHA_CORE_GUEST_H

#include <stdbool.h>

#include "lib/base/err.h"

/*
 * What a guest on this node does, how it ended, and what its role wants done then.  Pure.
 */

/* name, its word, may a monitor call it well, words for people */
#define VMHA_GUEST_STATES(X)                                                                       \
	X(UNKNOWN, "unknown", false, "in a state that libvirt has not told")                       \
	X(RUNNING, "running", true, "running")                                                     \
	X(SUSPENDED, "suspended", true, "suspended by its own operating system")                   \
	X(PAUSED, "paused", false, "paused by an administrator")                                   \
	X(IOERROR, "paused-ioerror", false, "paused by an I/O error of its disk")                  \
	X(WATCHDOG, "paused-watchdog", false, "paused by its watchdog: its system hangs")          \
	X(PANICKED, "panicked", false, "standing still after a panic of its kernel")               \
	X(MIGRATING, "paused-migration", false, "paused for a migration")                          \
	X(STANDING, "standing", false, "standing still")                                           \
	X(OFF, "powered-off", false, "powered off by its own operating system")                    \
	X(GONE, "gone", false, "gone")

enum vmha_guest_state {
#define X(name_, word_, well_, text_) VMHA_GUEST_##name_,
	VMHA_GUEST_STATES(X)
#undef X
};

#define VMHA_GUEST_ENDS(X)                                                                         \
	X(UNKNOWN, "unknown", "its QEMU process ended")                                            \
	X(SHUTDOWN, "shutdown", "its operating system shut down")                                  \
	X(DESTROYED, "destroyed", "it was destroyed through libvirt")                              \
	X(PANIC, "panic", "its kernel panicked")                                                   \
	X(CRASH, "crash", "its QEMU process was killed or crashed")                                \
	X(MIGRATED, "migrated", "it was migrated away by hand")                                    \
	X(SAVED, "saved", "it was saved by hand")

enum vmha_guest_end {
#define X(name_, word_, text_) VMHA_END_##name_,
	VMHA_GUEST_ENDS(X)
#undef X
};

/** The word of a state or end, for messages between processes. */
const char *vmha_guest_state_name(enum vmha_guest_state state);
const char *vmha_guest_end_name(enum vmha_guest_end end);
/** Words for people, after "web1 is " and "web1: ". */
const char *vmha_guest_state_text(enum vmha_guest_state state);
const char *vmha_guest_end_text(enum vmha_guest_end end);
/** @return the state or end of that word, UNKNOWN for any other; NULL is one */
enum vmha_guest_state vmha_guest_state_parse(const char *word);
enum vmha_guest_end vmha_guest_end_parse(const char *word);

/** @return true when a guest in that state, with its lease, serves */
bool vmha_guest_is_well(enum vmha_guest_state state);
/** @return true when it stands still for trouble of its own: what vmha_guest_wish_still() judges */
bool vmha_guest_is_stuck(enum vmha_guest_state state);

/** How it ended, from its last state and what libvirt said of the end, if it did. */
enum vmha_guest_end vmha_guest_end_judge(enum vmha_guest_state last, enum vmha_guest_end told);

/* What a role may want: words of its parameters. */
enum vmha_guest_wish {
	VMHA_WISH_RESTART,
	VMHA_WISH_KEEP,
	VMHA_WISH_STOP,
};

/** Parameters of a role: parameter, its default, may it be "keep", may it be "stop" */
#define VMHA_GUEST_POLICIES(X)                                                                     \
	X(on_guest_shutdown, RESTART, false, true)                                                 \
	X(on_io_error, KEEP, true, false)                                                          \
	X(on_panic, RESTART, true, false)                                                          \
	X(on_watchdog, RESTART, true, false)

struct vmha_guest_policy {
#define X(name_, default_, keep_, stop_) enum vmha_guest_wish name_;
	VMHA_GUEST_POLICIES(X)
#undef X
};

void vmha_guest_policy_default(struct vmha_guest_policy *ret_policy);

/**
 * Set one parameter.
 * @param value NULL or "": the default
 * @return 0; -ENOENT no such parameter; -EINVAL not one of its words, with those in @err
 */
int vmha_guest_policy_set(struct vmha_guest_policy *policy, const char *name, const char *value,
			  struct vmha_err **err);

/** What the role wants for a guest whose process ended; never KEEP. */
enum vmha_guest_wish vmha_guest_wish_ended(const struct vmha_guest_policy *policy,
					   enum vmha_guest_end end);
/** What it wants for one that stands still; KEEP where an administrator or a move is at work. */
enum vmha_guest_wish vmha_guest_wish_still(const struct vmha_guest_policy *policy,
					   enum vmha_guest_state state);

#endif
