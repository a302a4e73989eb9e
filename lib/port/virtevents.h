/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef VMHA_PORT_VIRTEVENTS_H
#define VMHA_PORT_VIRTEVENTS_H

#include "lib/base/err.h"
#include "lib/port/virtevent.h"

/*
 * What this node's libvirtd tells of its domains, in the GLib main loop of a process that does
 * nothing else: a libvirtd that hangs may hold every call here for ever.
 */
struct vmha_virtevents;

/** Bind libvirt to the GLib main loop: once in a process, before any other libvirt call. */
int vmha_virtevents_new(vmha_virtevent_fn fn, void *data, struct vmha_virtevents **ret_events,
			struct vmha_err **err);
/**
 * Connect if there is no connection, and tell the list.  May block for ever.
 * @return 0 connected; -ECONNREFUSED libvirtd does not take us, its words in @err
 */
int vmha_virtevents_connect(struct vmha_virtevents *events, struct vmha_err **err);
void vmha_virtevents_free(struct vmha_virtevents *events);

#endif
