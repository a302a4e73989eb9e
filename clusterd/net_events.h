/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef VMHA_CLUSTERD_NET_EVENTS_H
#define VMHA_CLUSTERD_NET_EVENTS_H

#include "clusterd/clusterd.h"

/* Networks that break and come back are events of the journal: told once, by the lowest node. */
struct net_events;

struct net_events *net_events_new(struct clusterd *c);
void net_events_free(struct net_events *e); /* NULL is fine */

/** Something was applied that states of networks may follow from. */
void net_events_look(struct net_events *e);

#endif
