/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef VMHA_CORE_RECORD_H
#define VMHA_CORE_RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/err.h"

/*
 * Records of a role and of its volume, on the volume or in /run, as text: `key=value` lines, first
 * line `vmha-record=KIND/1`, last line `sum=FNV-1a-64 of all before`.  Unknown keys are ignored by
 * readers (a newer release may write them); a wrong sum, a missing key (but those that older
 * releases did not write) or a NUL is -EBADMSG.  Pure codecs.
 */
#define VMHA_NAME_SIZE	      48 /* with NUL: sanlock's limit */
#define VMHA_UUID_SIZE	      37 /* with NUL */
#define VMHA_ID_SIZE	      37
#define VMHA_NODE_SIZE	      256
#define VMHA_RECORD_MAX_BYTES 65536
#define VMHA_RECORD_MAGIC     "vmha-record="
#define VMHA_IMAGES_MAX	      32
#define VMHA_PATH_SIZE	      1024

/** Identity of a role: <vol>/<vm>/<vm>.role, written once by `vmha vm add`. */
struct vmha_role_record {
	char name[VMHA_NAME_SIZE];
	char uuid[VMHA_UUID_SIZE];
	char volume[VMHA_NAME_SIZE];
	char lease_id[VMHA_ID_SIZE]; /* random, made with the lease: tells a re-created one apart */
	char lease_path[VMHA_PATH_SIZE];
	uint64_t lease_offset; /* bytes */
	uint64_t unsafe;       /* 1: made with --unsafe; a record without it: 0 */
};

/** Who has a QEMU process for the role, paused ones too: <vol>/<vm>/<vm>.owner. */
struct vmha_owner_record {
	char node[VMHA_NODE_SIZE];
	uint64_t host_id;
	uint64_t generation;  /* of the host id in the volume's lockspace */
	int64_t pid;	      /* 0: a start or hand-off is under way */
	uint64_t start_ticks; /* of pid */
	char trace[VMHA_ID_SIZE];
};

#define VMHA_RUN_DIR "/run/vmha/vm"

/** What this node knows of its own process: /run/vmha/vm/<vm>.run. */
struct vmha_run_record {
	char uuid[VMHA_UUID_SIZE];
	char volume[VMHA_NAME_SIZE];
	int64_t pid;
	uint64_t start_ticks;
	uint64_t lver; /* at the last moment at which the lease was seen held */
};

struct vmha_image {
	char path[VMHA_PATH_SIZE];
	uint64_t size_bytes;
	int64_t mtime_ns; /* 0 for a block device */
};

/** Saved memory: <vol>/<vm>/<vm>.state.rec beside <vm>.state. */
struct vmha_state_record {
	char uuid[VMHA_UUID_SIZE];
	char lease_id[VMHA_ID_SIZE];
	uint64_t lver; /* while it last ran */
	char node[VMHA_NODE_SIZE];
	int64_t saved_at_s; /* wall clock, for people */
	uint64_t state_bytes;
	char xml_sum[17]; /* FNV-1a-64 of the stored domain XML, hex */
	char trace[VMHA_ID_SIZE];
	unsigned int images_count;
	struct vmha_image images[VMHA_IMAGES_MAX];
};

/** A move under way or just ended: <vol>/<vm>/<vm>.move (state names of DESIGN.md, section 4). */
struct vmha_move_record {
	char trace[VMHA_ID_SIZE];
	char from[VMHA_NODE_SIZE];
	char to[VMHA_NODE_SIZE];
	char mode[8];
	char state[16];
	uint64_t lver;	     /* the source's, before */
	int64_t begun_ms;    /* wall clock, of the source */
	int64_t stopped_ms;  /* wall clock: the guest stood still for a quick move; 0: it has not */
	int64_t total_ms;    /* -1 unknown */
	int64_t blackout_ms; /* -1 unknown */
	int64_t bytes;	     /* -1 unknown */
	char address[256]; /* of the target, that control and memory went to; "" in a quick move */
	char reason[512];  /* of KEPT or UNSURE */
};

/** What is being done with a role: <vol>/.vmha/intents/<vm>, from before the first write of `vmha
 * vm add` or remove until after the last. */
struct vmha_intent_record {
	char name[VMHA_NAME_SIZE];
	char volume[VMHA_NAME_SIZE];
	char op[8];		   /* add, remove */
	uint64_t disks;		   /* 1: a remove takes the disks too */
	char node[VMHA_NODE_SIZE]; /* for people: who, and when by the wall clock */
	int64_t begun_s;
};

/** Identity of a volume: <vol>/.vmha/volume, written last by `vmha volume create`. */
struct vmha_volume_record {
	char name[VMHA_NAME_SIZE];
	char id[VMHA_ID_SIZE];
	char type[8]; /* enum vmha_volume_type; a record without it: dir */
	char lock[8]; /* enum vmha_volume_lock; a record without it: sanlock */
	uint64_t io_timeout_s;
	uint64_t latency_count; /* struct vmha_latency when it was made; 0: none */
	uint64_t latency_p50_us;
	uint64_t latency_p99_us;
	uint64_t latency_max_us;
	uint64_t size_bytes; /* of the device it was made on; 0: not known, or none */
};

/** Where lockspace and leases of a volume lie on its device, outside of its file system: the header
 * of the device (lib/port/lease_header.h), and a copy of it in /run/vmha/csv/<volume>.leases,
 * written by ocf:vmha:csv. Offsets are bytes from the beginning of the device. */
struct vmha_leases_record {
	char name[VMHA_NAME_SIZE]; /* of the volume */
	char id[VMHA_ID_SIZE];
	uint64_t io_timeout_s;
	uint64_t lockspace_offset;
	uint64_t index_offset;
	uint64_t leases_max; /* that the index takes */
};

#define VMHA_CSV_RUN_DIR "/run/vmha/csv"

/** A volume in use on this node: /run/vmha/csv/<volume>.joined, written by ocf:vmha:csv. */
struct vmha_joined_record {
	char name[VMHA_NAME_SIZE];
	char id[VMHA_ID_SIZE];
	char node[VMHA_NODE_SIZE];
	uint64_t host_id;
	uint64_t io_timeout_s;
	uint64_t mounted; /* 1: the bind mount is ours */
};

/** What was told of a volume's renewals: /run/vmha/csv/<volume>.renewals; times monotonic. */
struct vmha_renewal_record {
	uint64_t last_s; /* the last renewal that was judged */
	uint64_t state;	 /* enum vmha_renewal_state, as told */
	uint64_t told_s; /* when lateness was told last */
	uint64_t suppressed;
	uint64_t last_ms; /* what that renewal took */
	uint64_t max_ms;  /* the slowest since the look before */
};

/** Health of a volume's storage as seen here: /run/vmha/csv/<volume>.health. */
struct vmha_health_record {
	int64_t last_ok_ms; /* CLOCK_MONOTONIC */
	int64_t pid;	    /* of a check that hangs; 0: none */
	uint64_t start_ticks;
};

/** Who coordinates a volume: <vol>/.vmha/coordinator, written when it begins to. */
struct vmha_coordinator_record {
	char node[VMHA_NODE_SIZE];
	uint64_t host_id;
	uint64_t epoch;	 /* how often the coordinator has changed */
	int64_t since_s; /* wall clock, for people */
};

enum vmha_record_kind {
	VMHA_RECORD_ROLE,
	VMHA_RECORD_OWNER,
	VMHA_RECORD_RUN,
	VMHA_RECORD_STATE,
	VMHA_RECORD_MOVE,
	VMHA_RECORD_VOLUME,
	VMHA_RECORD_JOINED,
	VMHA_RECORD_HEALTH,
	VMHA_RECORD_RENEWALS,
	VMHA_RECORD_COORDINATOR,
	VMHA_RECORD_INTENT,
	VMHA_RECORD_LEASES,
};

/** @param record the struct of @kind. @return text for the caller to free; NULL when memory ran out
 */
char *vmha_record_print(enum vmha_record_kind kind, const void *record);

/**
 * @param[out] ret_record the struct of @kind; filled on 0 only
 * @return 0; -EBADMSG malformed, with what is wrong in @err
 */
int vmha_record_parse(enum vmha_record_kind kind, const char *text, void *ret_record,
		      struct vmha_err **err);

/** FNV-1a, 64 bits. */
uint64_t vmha_fnv64(const void *data, size_t len);

#endif
