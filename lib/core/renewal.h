/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef VMHA_CORE_RENEWAL_H
#define VMHA_CORE_RENEWAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Arithmetic of sanlock's renewals: what follows from io_timeout, which io_timeout fits a storage,
 * and whether renewals come in time.  Pure.
 */

/**
 * Times that follow from io_timeout, in seconds, as sanlock 3.8.5 has them (src/timeouts.c,
 * src/lockspace.c; watchdog_fire_timeout of 60 s is compiled in, kill_grace_seconds of 40 s is its
 * default, option -g).  All but renewal_s, join and acquire count from the last good renewal.
 */
struct vmha_lease_times {
	unsigned int io_timeout_s;
	unsigned int renewal_s;	  /* 2x: how often a host renews */
	unsigned int late_s;	  /* a third of fail_s, rounded up: told as an event */
	unsigned int warn_s;	  /* 6x: sanlock itself warns */
	unsigned int fail_s;	  /* 8x: holders of leases are told to end */
	unsigned int kill_s;	  /* 8x + 40: they are killed */
	unsigned int watchdog_s;  /* 8x + 60: an armed watchdog has reset the host */
	unsigned int host_dead_s; /* 8x + 60: others may take its leases */
	unsigned int join_s;	  /* 2x + 1: of a free host id or one's own */
	unsigned int join_max_s;  /* 14x + 60: of a host id that another name has left held */
	unsigned int acquire_free_max_s; /* 6x: of a free lease, storage at its slowest */
	unsigned int acquire_held_max_s; /* 15x + 60: of a lease of a dead host */
};

struct vmha_lease_times vmha_lease_times(unsigned int io_timeout_s);

/** What one renewal (a read and a write) took on a storage. */
struct vmha_latency {
	uint64_t count; /* 0: not measured */
	uint64_t p50_us;
	uint64_t p99_us;
	uint64_t max_us;
};

/** @param samples_us is sorted by this. @param count 0: nothing was measured */
struct vmha_latency vmha_latency_of(uint64_t *samples_us, size_t count);

/*
 * A storage that is measured while it is idle answers some ten times slower when it is busy; and
 * however fast it is, a path that fails over keeps it silent for half a minute or more: 8 x the
 * floor is what VMs must be able to wait.
 */
#define VMHA_IO_TIMEOUT_MARGIN 10
#define VMHA_IO_TIMEOUT_FLOOR  10 /* s; also sanlock's own default */
#define VMHA_IO_TIMEOUT_CEIL   60 /* s */

struct vmha_io_choice {
	unsigned int io_timeout_s;
	uint64_t wanted_us; /* slowest x margin */
	bool floor;	    /* the floor is higher than that */
	bool ceil;	    /* too slow a storage: what it would want is more than may be */
};

struct vmha_io_choice vmha_io_timeout_choose(const struct vmha_latency *latency);

/** "measured 40 renewals: p50 1.2 ms, p99 3.4 ms, max 5.0 ms" @return @text */
const char *vmha_latency_text(const struct vmha_latency *latency, char *text, size_t size);
/** "slowest x 10 = 0.1 s -> io_timeout 10 s (the least ...)" @return @text */
const char *vmha_io_choice_text(const struct vmha_io_choice *choice, char *text, size_t size);

/** One renewal of this host's, as `sanlock client renewal` tells it. */
struct vmha_renewal {
	uint64_t at_s; /* this host's monotonic clock */
	unsigned int read_ms;
	unsigned int write_ms;
	unsigned int timeouts; /* of tries after it, before the next one */
	unsigned int errors;
};

/** The last @max of them, oldest first. @param text of the command. @return how many */
size_t vmha_renewals_parse(const char *text, struct vmha_renewal *ret_renewals, size_t max);

/** What sanlock of this node last saw of a host of a lockspace. */
struct vmha_host_seen {
	uint64_t live_s; /* when it found a renewal of it, up to renewal_s after that was made (this
			    node's monotonic clock); or when it began to look */
	uint64_t up_s;	 /* that renewal by the host's own monotonic clock: how long it was up;
			    0: it has left */
	uint64_t generation;
	unsigned int io_timeout_s;
};

/**
 * No call of libsanlock tells when; its tool does.
 * @param text of `sanlock client host_status -D`
 * @return 0; -ENOENT nothing of that host, or not all
 */
int vmha_host_seen_parse(const char *text, uint64_t host_id, struct vmha_host_seen *ret_seen);

enum vmha_renewal_state {
	VMHA_RENEWAL_OK,
	VMHA_RENEWAL_LATE,    /* longer than a third of the limit */
	VMHA_RENEWAL_FAILING, /* so long that sanlock itself warns: three quarters of it */
};

struct vmha_renewal_view {
	enum vmha_renewal_state state;
	uint64_t last_s; /* the last renewal; 0: there is none */
	uint64_t gap_s;	 /* what made it late: the longest, or since the last */
	bool over;	 /* it was late, and came */
	uint64_t act_s;	 /* when sanlock acts, or would have, unless one comes (monotonic clock) */
	unsigned int last_ms;
	unsigned int max_ms; /* the slowest read and write of those that were looked at */
};

/**
 * Judge renewals from @since_s on (0: all).  sanlock counts in whole seconds: a gap may look one
 * second longer than it was, which is allowed for.
 */
struct vmha_renewal_view vmha_renewals_judge(const struct vmha_renewal *renewals, size_t count,
					     uint64_t since_s, uint64_t now_s,
					     unsigned int io_timeout_s);

#endif
