/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef VMHA_CORE_LISTED_H
#define VMHA_CORE_LISTED_H

#include "lib/core/record.h"

#define VMHA_LISTED_MAX 64

/** A node that corosync's nodelist or Pacemaker's configuration names. */
struct vmha_listed {
	unsigned int id;	   /* corosync's */
	char name[VMHA_NODE_SIZE]; /* "" not given */
};

#endif
