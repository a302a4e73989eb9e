/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef VMHA_PORT_VIRTEVENT_H
#define VMHA_PORT_VIRTEVENT_H

#include "lib/core/guest.h"

/* What libvirt tells of a domain, without libvirt: for those who only hear of it. */
enum vmha_virtevent_kind {
	VMHA_VIRTEVENT_CONNECTED, /* a list of all domains follows */
	VMHA_VIRTEVENT_DOMAIN,	  /* one of that list */
	VMHA_VIRTEVENT_LISTED,	  /* its end: what was not in it is not there */
	VMHA_VIRTEVENT_LOST,	  /* the connection */
	VMHA_VIRTEVENT_CHANGED,	  /* a domain has the new @state now; GONE: see @end */
	VMHA_VIRTEVENT_IOERROR,	  /* a device met one; a pause is told as CHANGED too */
	VMHA_VIRTEVENT_WATCHDOG,  /* the guest's watchdog fired; likewise */
	VMHA_VIRTEVENT_REBOOTED,
};

struct vmha_virtevent {
	enum vmha_virtevent_kind kind;
	const char *name; /* these two of the domain, "" without one */
	const char *uuid;
	enum vmha_guest_state state;
	enum vmha_guest_end end;
	const char *text; /* more words: the device, the watchdog's action, why lost */
};

/** The word of a kind: "connected", "domain", ... */
const char *vmha_virtevent_name(enum vmha_virtevent_kind kind);
/** @return 0; -EINVAL no such word */
int vmha_virtevent_parse(const char *word, enum vmha_virtevent_kind *ret_kind);

typedef void (*vmha_virtevent_fn)(const struct vmha_virtevent *event, void *data);

#endif
