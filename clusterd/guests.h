/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef VMHA_CLUSTERD_GUESTS_H
#define VMHA_CLUSTERD_GUESTS_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "clusterd/clusterd.h"
#include "clusterd/virtchild.h"
#include "lib/core/guest.h"
#include "lib/core/record.h"

/* The guests of this node: see guests.c.  Private to guest*.c. */

/** A role's QEMU process here, of its run record. */
struct clusterd_guest {
	struct clusterd *c;
	char name[VMHA_NAME_SIZE];
	struct vmha_run_record run;
	int pidfd;	  /* -1: it has ended */
	guint exit_watch; /* sources of the loop; 0: none */
	guint timer;
	unsigned int tries;
	bool ended;
	bool judged;		     /* its end was: not once more when libvirt speaks late */
	enum vmha_guest_state still; /* what the journal was told it stands still for */
};

/** A domain as libvirt tells it. */
struct clusterd_domain {
	enum vmha_guest_state state;
	enum vmha_guest_state last; /* before it was GONE */
	enum vmha_guest_end end;
	char detail[256]; /* of its last I/O error or watchdog */
};

struct clusterd_guests {
	GHashTable *guests;  /* name -> struct clusterd_guest */
	GHashTable *domains; /* uuid -> struct clusterd_domain */
	GHashTable *actions; /* client -> name of the role it works at */
	GHashTable *rested;  /* name -> when its last action ended, g_get_monotonic_time() */
	bool connected;	     /* libvirtd answers: the domains are as it says */
	struct clusterd_virtchild *virt;
	int inotify; /* on the run records */
	guint inotify_watch;
	GQueue *looks; /* names of guests to look at */
	struct clusterd_worker *look;
	char *look_name;
	guint look_timer;
	guint tell_timer;
	struct vmha_cguest told[VMHA_CGUESTS_MAX]; /* the cluster knows */
	size_t told_count;
	bool told_once; /* since the state became the group's */
};

/* --- guestproc.c: run records and processes ------------------------------------------------- */

int clusterd_guestproc_open(struct clusterd *c, struct vmha_err **err);
void clusterd_guestproc_close(struct clusterd *c);
/** For the table. */
void clusterd_guest_free(gpointer guest);

/* --- guestlook.c: the thorough monitor after what may have cost a guest its lease ------------ */

void clusterd_guest_look(struct clusterd *c, const char *name);
void clusterd_guest_look_all(struct clusterd *c);
void clusterd_guest_look_close(struct clusterd *c);

/* --- guestend.c: ends and standstills, and telling Pacemaker -------------------------------- */

/** Its process has ended; judged a moment later, when libvirt has said how. */
void clusterd_guest_ended(struct clusterd_guest *g);
/** What libvirt says of it has changed. */
void clusterd_guest_changed(struct clusterd_guest *g);

/* --- guests.c ------------------------------------------------------------------------------- */

/** An agent works at the role here, or did a moment ago. */
bool clusterd_guest_in_action(const struct clusterd *c, const char *name);
/** Something may have changed that the other nodes show (`vmha status`). */
void clusterd_guests_tell(struct clusterd *c);
/** @return what libvirt says of it; NULL nothing */
const struct clusterd_domain *clusterd_guest_domain(const struct clusterd_guest *g);

#endif
