/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef VMHA_PORT_LOCK_DLM_H
#define VMHA_PORT_LOCK_DLM_H

#include <stdbool.h>

#include "lib/base/err.h"
#include "lib/base/mono.h"

/*
 * The kernel's distributed lock manager behind one interface: lockspaces and locks with a value.
 *
 * While a lockspace recovers from the loss of a node (which waits for fencing), each call into it,
 * a close() too, sleeps in the kernel where no signal reaches it.  So no call of libdlm is made in
 * the caller's process: each lock is held by a small process of its own, the holder, that does what
 * the caller sends it and ends with the caller's end of their socket.  The kernel then frees the
 * lock, whatever state it was in: nothing is left behind by a kill -9, and a caller never hangs.
 */
struct vmha_dlm;

#define VMHA_DLM_VALUE_BYTES 32

enum vmha_dlm_mode {
	VMHA_DLM_NULL, /* no lock at all: reads the value, keeps it alive while its owner dies */
	VMHA_DLM_READ, /* excludes EXCLUSIVE */
	VMHA_DLM_EXCLUSIVE,
};

struct vmha_dlm_value {
	unsigned char bytes[VMHA_DLM_VALUE_BYTES];
	bool lost; /* the owner that might have changed it died: an older one, or zeros */
};

/**
 * Join a lockspace: it is made on the first node.  It outlives this process.
 * @return 0, also when joined; -EHOSTDOWN the DLM is not there on this node, the error says what is
 * missing; -ETIMEDOUT the cluster recovers: the kernel goes on, a second call finds it joined
 */
int vmha_dlm_join(const char *lockspace, struct vmha_mono deadline, struct vmha_err **err);
/** Leave it; locks of this node in it are gone. @return 0, also when not joined; -ETIMEDOUT */
int vmha_dlm_leave(const char *lockspace, struct vmha_mono deadline, struct vmha_err **err);
/** Never blocks. */
bool vmha_dlm_joined(const char *lockspace);

/** Start a holder; nothing is locked yet. @return 0; -EHOSTDOWN not joined; negative errno */
int vmha_dlm_open(const char *lockspace, const char *resource, struct vmha_dlm **ret_lock,
		  struct vmha_err **err);

/**
 * Ask for a mode; vmha_dlm_wait() has the answer.  One request at a time.
 * @param nowait refused at once where another's lock is in the way
 * @param value  written, when the lock was EXCLUSIVE before; NULL: as it is
 */
int vmha_dlm_request(struct vmha_dlm *lock, enum vmha_dlm_mode mode, bool nowait,
		     const struct vmha_dlm_value *value, struct vmha_err **err);

/**
 * The answer to the request.
 * @param[out] ret_value as it was when the lock was got; may be NULL
 * @return 0; -EAGAIN nowait, and another has it; -ETIMEDOUT still asked for: wait again, or close;
 * -EPIPE the holder is gone, and with it the lock
 */
int vmha_dlm_wait(struct vmha_dlm *lock, struct vmha_mono deadline,
		  struct vmha_dlm_value *ret_value, struct vmha_err **err);

/** vmha_dlm_request() and vmha_dlm_wait(). */
int vmha_dlm_convert(struct vmha_dlm *lock, enum vmha_dlm_mode mode, bool nowait,
		     struct vmha_mono deadline, const struct vmha_dlm_value *value,
		     struct vmha_dlm_value *ret_value, struct vmha_err **err);

/** Readable when an answer is there, or when the holder is gone. */
int vmha_dlm_fd(const struct vmha_dlm *lock);

/** Is the holder there?  Else the lock is lost. */
bool vmha_dlm_lock_alive(const struct vmha_dlm *lock);

/** Give the lock, or the request, up.  Does not wait for a kernel that recovers. NULL is fine. */
void vmha_dlm_close(struct vmha_dlm *lock);

/**
 * Read the value without disturbing anybody, and whether somebody has the lock EXCLUSIVE now.
 * @return 0; -EHOSTDOWN not joined; -ETIMEDOUT
 */
int vmha_dlm_peek(const char *lockspace, const char *resource, struct vmha_mono deadline,
		  struct vmha_dlm_value *ret_value, bool *ret_held, struct vmha_err **err);

#endif
