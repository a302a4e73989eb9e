/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef VMHA_PORT_FENCEWATCH_H
#define VMHA_PORT_FENCEWATCH_H

#include <stdbool.h>

#include "lib/base/err.h"

/*
 * What Pacemaker's fencer did in the whole cluster, as it happens, by libstonithd on GLib's default
 * main context.  Connecting waits for pacemaker-fenced: for vmha-cibwatch only, as lib/port/cib.h.
 */

/** Strings are never NULL. */
struct vmha_fenced {
	const char *id; /* of the operation, the same on every node */
	const char *target;
	const char *action; /* "off", "reboot", "on" */
	const char *by;	    /* the node that did it */
	const char *client; /* who asked for it: "pacemaker-controld.123", "stonith_admin.45" */
	bool ok;
};

struct vmha_fencewatch_calls {
	void (*fenced)(const struct vmha_fenced *fenced, void *data);
	void (*lost)(void *data); /* the connection is gone: close, not from in here */
};

/** One connection a process at a time. @return 0; -ENOTCONN; -EBUSY; other negative errno */
int vmha_fencewatch_open(const struct vmha_fencewatch_calls *calls, void *data,
			 struct vmha_err **err);
void vmha_fencewatch_close(void); /* not open is fine */

#endif
