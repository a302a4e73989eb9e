/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef VMHA_PORT_CIB_H
#define VMHA_PORT_CIB_H

#include "lib/base/err.h"

/*
 * Pacemaker's configuration, with notifications, by libcib on GLib's default main context.  Signing
 * on and asking wait for pacemaker-based's answer: for a process of its own (vmha-cibwatch) only.
 */

struct vmha_cib_calls {
	void (*changed)(void *data); /* the configuration may have */
	void (*status)(void *data);  /* something else, mostly results of actions */
	void (*lost)(void *data);    /* the connection is gone: close, not from in here */
};

/**
 * Sign on.  libcib's callbacks carry no data of ours: one connection a process at a time.
 * @return 0; -ENOTCONN Pacemaker does not run; -EBUSY one is open; other negative errno
 */
int vmha_cib_open(const struct vmha_cib_calls *calls, void *data, struct vmha_err **err);

/**
 * The configuration: <cib> with its version, and <configuration> in it.
 * @param[out] ret_xml caller frees
 */
int vmha_cib_query(char **ret_xml, struct vmha_err **err);

/** Not open is fine. */
void vmha_cib_close(void);

#endif
