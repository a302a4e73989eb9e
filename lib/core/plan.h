/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef VMHA_CORE_PLAN_H
#define VMHA_CORE_PLAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/core/iface.h"
#include "lib/core/record.h"

/*
 * What clusterd answers to an agent that asks to begin a move: who it is and how it is to be done.
 */
#define VMHA_PLAN_NETWORKS_MAX 16
#define VMHA_PLAN_NAME_SIZE    64

struct vmha_plan_network {
	char name[VMHA_PLAN_NAME_SIZE];
	char address[VMHA_ADDRESS_SIZE]; /* of the target */
	char local[VMHA_ADDRESS_SIZE];	 /* of the source on that network; "": not known */
};

struct vmha_plan {
	uint64_t id; /* of the record in the cluster */
	char trace[VMHA_ID_SIZE];
	char mode[8];	   /* "live", "quick", "auto"; "": the role's own */
	char on_stall[16]; /* "quick", "postcopy", "giveup"; "": the role's own */
	unsigned int networks_count;
	struct vmha_plan_network networks[VMHA_PLAN_NETWORKS_MAX]; /* in order of use */
	char excluded[512];   /* for people: networks that cannot be used, and why; "" none */
	unsigned int lost;    /* how many of these for a card that is down */
	unsigned int streams; /* parallel connections, 1 to 16 */
	char compression[8];  /* "none", "zlib", "zstd" */
	bool tls;	      /* of the memory; control is always encrypted */
	bool autoconverge;
	uint64_t bandwidth_mib; /* a second; 0: no limit */
	unsigned int stall_s;	/* without progress before it is given up */
};

/** How far a copy has come. */
struct vmha_move_progress {
	int percent; /* of memory; -1 unknown */
	uint64_t processed_bytes;
	uint64_t remaining_bytes;
	uint64_t rate_bps;  /* bytes a second */
	uint64_t dirty_bps; /* likewise, that the guest changes */
	int64_t eta_ms;	    /* -1 unknown: it changes memory as fast as it is copied */
	uint64_t iteration;
};

#endif
