/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef VMHA_TESTS_FAULT_JUDGE_H
#define VMHA_TESTS_FAULT_JUDGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * What a witness saw of one guest, and what follows from it.  Pure: no clock, no files.
 *
 * A process "runs the guest" while its vCPU threads use processor time.  That is the kernel's own
 * account, so neither QEMU nor libvirt nor sanlock can be wrong about it.
 */
#define WITNESS_PROCESSES_MAX 32

struct run_mark {
	int64_t at_ms;
	uint64_t ran_ns; /* of all vCPU threads, since the process began */
};

struct witness_process {
	int pid;
	uint64_t start_ticks;
	char node[64];
	uint64_t host_id; /* of the node: the number its name ends with */
	bool was_here;	  /* before the witness */
	bool gone;
	int64_t first_ms, last_ms;
	struct run_mark *marks;
	size_t count, room;
};

struct lease_mark {
	int64_t at_ms;
	uint64_t host_id; /* 0: free */
	uint64_t lver;
};

struct disk_mark {
	int64_t at_ms;
	uint64_t boot, seq;
};

struct witness_trace {
	struct witness_process processes[WITNESS_PROCESSES_MAX];
	size_t process_count;
	struct lease_mark *leases;
	size_t lease_count, lease_room;
	struct disk_mark *disks;
	size_t disk_count, disk_room;
	int64_t end_ms, gap_max_ms; /* longest time between two looks */
};

/* A thread that is made, or told something by QEMU, uses that much without running the guest. */
#define JUDGE_NOISE_NS 3000000
#define JUDGE_SLACK_NS 1000000

struct run_interval {
	bool ran;
	int64_t begin_ms, end_ms;
	uint64_t ran_ns;
};

struct judgement {
	struct run_interval runs[WITNESS_PROCESSES_MAX];
	unsigned int processes_max; /* at one time */
	unsigned int runners;	    /* processes that ran the guest at all */
	int64_t overlap_ms;	    /* two ran the guest at one time; or one again after another */
	int64_t unleased_ms;	    /* the guest ran while its node did not own the lease */
	bool end_leased;	    /* whoever runs at the end owns the lease */
	unsigned int boots;	    /* boot ids seen on the disk */
	unsigned int seq_back; /* times the sequence on the disk went back, or a boot returned */
	uint64_t seq_first, seq_last;
	int64_t silence_ms; /* longest time without a new number on the disk */
};

void judge_trace(const struct witness_trace *trace, struct judgement *ret_judgement);

/** One runner at any time, as far as processes and disk tell. */
bool judge_is_clean(const struct judgement *judgement);

#endif
