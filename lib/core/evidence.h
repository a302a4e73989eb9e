/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef VMHA_CORE_EVIDENCE_H
#define VMHA_CORE_EVIDENCE_H

#include <stdbool.h>

#include "lib/base/str.h"

/*
 * What the witnesses say of one role on this node, and the one verdict that follows (DESIGN.md,
 * sections 1 and 3).  Pure: the observing is done by lib/role/observe.c and by the thin monitor.
 */
enum vmha_place { /* I4: three answers, never two */
		  VMHA_PLACE_UNKNOWN,
		  VMHA_PLACE_RUNNING, /* a process is here: see enum vmha_guest for what the guest
					 does */
		  VMHA_PLACE_NOT_RUNNING,
};

enum vmha_lease_witness {
	VMHA_LEASE_UNASKED,
	VMHA_LEASE_SILENT,	   /* sanlock does not answer */
	VMHA_LEASE_HELD,	   /* sanlock: that pid, alive, holds the role's lease */
	VMHA_LEASE_REGISTERED,	   /* pid registered with sanlock, lease not held */
	VMHA_LEASE_NOT_REGISTERED, /* sanlock does not know the pid */
	VMHA_LEASE_NO_PID,	   /* there is no pid to ask for */
};

enum vmha_process_witness {
	VMHA_PROCESS_UNASKED,
	VMHA_PROCESS_ALIVE,
	VMHA_PROCESS_NONE, /* /proc searched to the end: no QEMU of this role */
	VMHA_PROCESS_UNREADABLE,
	VMHA_PROCESS_SEVERAL,
};

enum vmha_virt_witness {
	VMHA_VIRT_UNASKED,
	VMHA_VIRT_SILENT, /* libvirtd dead, hung, or out of time */
	VMHA_VIRT_ABSENT, /* libvirtd knows no such domain */
	VMHA_VIRT_RUNNING,
	VMHA_VIRT_RUNNING_POSTCOPY, /* target, a part of its memory has still to come */
	VMHA_VIRT_PAUSED,	    /* by a user */
	VMHA_VIRT_PAUSED_IOERROR,
	VMHA_VIRT_PAUSED_WATCHDOG,
	VMHA_VIRT_PAUSED_MIGRATION, /* source in or after switchover, or incoming */
	VMHA_VIRT_POSTCOPY,	    /* source, the target fetches its memory from it */
	VMHA_VIRT_POSTCOPY_BROKEN,  /* source or target: the rest of the memory will not come */
	VMHA_VIRT_PAUSED_OTHER,
	VMHA_VIRT_CRASHED,
	VMHA_VIRT_SHUTOFF,
};

struct vmha_witnesses {
	enum vmha_process_witness process;
	enum vmha_lease_witness lease;
	enum vmha_virt_witness virt;
};

struct vmha_verdict {
	enum vmha_place place;
	bool healthy;	    /* runs, and holds its lease */
	bool lease_missing; /* a process is here that may be running without its lease: apply the
			       rule */
	bool unprotected;   /* sanlock does not know the process any more: this node is to be fenced
			     */
};

/** The verdict; total over all combinations. */
struct vmha_verdict vmha_evidence_judge(const struct vmha_witnesses *w);

/** "process=alive lease=held libvirt=silent" for messages. @return 0 or -ENOMEM */
int vmha_evidence_describe(const struct vmha_witnesses *w, struct vmha_str *to);

const char *vmha_place_name(enum vmha_place place);

#endif
