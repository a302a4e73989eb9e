/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef VMHA_CLI_WATCH_H
#define VMHA_CLI_WATCH_H

#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>

#include "lib/base/err.h"
#include "lib/base/mono.h"
#include "lib/port/ipc_client.h"

/* Following what clusterd does: its state at every change, and one line of progress. */
struct vmha_watch {
	struct vmha_ipc *ipc;	/* NULL while clusterd is away */
	struct vmha_mono again; /* when the state is read even without an event */
	struct vmha_mono limit; /* when a clusterd that is away is given up */
	char *shown;		/* the last line */
	bool drawn;		/* a bar stands on the terminal */
};

/** Connect and subscribe. @param w zeroed */
int vmha_watch_open(struct vmha_watch *w, struct vmha_err **err);
void vmha_watch_close(struct vmha_watch *w);
#define vmha_autowatch __attribute__((cleanup(vmha_watch_close)))

/**
 * Wait for the next state: a change, or a second later.  A clusterd that is restarted is awaited
 * for a minute.
 * @param[out] ret_state  caller frees; set on 0 only
 * @return 0; -EINTR a signal that vmha_interrupt_hold() holds has come; negative errno
 */
int vmha_watch_next(struct vmha_watch *w, json_t **ret_state, struct vmha_err **err);

/** @return columns of the terminal that progress goes to; 0: it is none */
size_t vmha_watch_width(void);
/** Draw @line over the one before it on a terminal; elsewhere print it, when it is another one. */
void vmha_watch_show(struct vmha_watch *w, const char *line);
/** Take the drawn line away, before something else is printed. */
void vmha_watch_clear(struct vmha_watch *w);

#endif
