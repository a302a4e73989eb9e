/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lib/core/renewal.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WATCHDOG_FIRE_S	 60 /* sanlock's default; not settable in 3.8.5 */
#define KILL_GRACE_S	 40
#define CLOCK_RESOLUTION 1 /* s, of sanlock's time stamps */

struct vmha_lease_times vmha_lease_times(unsigned int io)
{
	unsigned int dead = 8 * io + WATCHDOG_FIRE_S;

	return (struct vmha_lease_times){
		.io_timeout_s = io,
		.renewal_s = 2 * io,
		.late_s = (8 * io + 2) / 3,
		.warn_s = 6 * io,
		.fail_s = 8 * io,
		.kill_s = 8 * io + KILL_GRACE_S,
		.watchdog_s = dead,
		.host_dead_s = dead,
		.join_s = 2 * io + 1,
		.join_max_s = dead + 6 * io,
		.acquire_free_max_s = 6 * io,
		.acquire_held_max_s = dead + 7 * io,
	};
}

static int us_compare(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a;
	uint64_t y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

/* The smallest sample that @percent of all are not above. */
static uint64_t percentile(const uint64_t *sorted, size_t count, size_t percent)
{
	size_t rank = (count * percent + 99) / 100;

	return sorted[rank ? rank - 1 : 0];
}

struct vmha_latency vmha_latency_of(uint64_t *samples_us, size_t count)
{
	if (!count) {
		return (struct vmha_latency){ 0 };
	}
	qsort(samples_us, count, sizeof(*samples_us), us_compare);
	return (struct vmha_latency){
		.count = count,
		.p50_us = percentile(samples_us, count, 50),
		.p99_us = percentile(samples_us, count, 99),
		.max_us = samples_us[count - 1],
	};
}

struct vmha_io_choice vmha_io_timeout_choose(const struct vmha_latency *latency)
{
	const uint64_t most_us = (uint64_t)VMHA_IO_TIMEOUT_CEIL * 1000000;
	struct vmha_io_choice c = { .io_timeout_s = VMHA_IO_TIMEOUT_FLOOR };
	uint64_t slowest_us = latency->max_us;

	c.wanted_us = slowest_us > UINT64_MAX / VMHA_IO_TIMEOUT_MARGIN
			      ? UINT64_MAX
			      : slowest_us * VMHA_IO_TIMEOUT_MARGIN;
	if (c.wanted_us > most_us) {
		c.ceil = true;
		c.io_timeout_s = VMHA_IO_TIMEOUT_CEIL;
	} else if (c.wanted_us > (uint64_t)VMHA_IO_TIMEOUT_FLOOR * 1000000) {
		c.io_timeout_s = (unsigned int)((c.wanted_us + 999999) / 1000000);
	} else {
		c.floor = true;
	}
	return c;
}

static double ms_of(uint64_t us)
{
	return (double)us / 1000;
}

const char *vmha_latency_text(const struct vmha_latency *l, char *text, size_t size)
{
	if (!l->count) {
		(void)snprintf(text, size, "not measured");
		return text;
	}
	(void)snprintf(
		text, size, "measured %llu renewals: p50 %.1f ms, p99 %.1f ms, slowest %.1f ms",
		(unsigned long long)l->count, ms_of(l->p50_us), ms_of(l->p99_us), ms_of(l->max_us));
	return text;
}

const char *vmha_io_choice_text(const struct vmha_io_choice *c, char *text, size_t size)
{
	char why[160] = "";

	if (c->floor) {
		(void)snprintf(why, sizeof(why),
			       " (never less by measurement: storage whose path fails over is "
			       "silent for long, and VMs outlast %u s of that)",
			       8 * c->io_timeout_s);
	} else if (c->ceil) {
		(void)snprintf(why, sizeof(why),
			       " (the most that is allowed: this storage is too slow for leases)");
	}
	(void)snprintf(text, size, "slowest x %d = %.2f s -> io_timeout %u s%s",
		       VMHA_IO_TIMEOUT_MARGIN, (double)c->wanted_us / 1000000, c->io_timeout_s,
		       why);
	return text;
}

size_t vmha_renewals_parse(const char *text, struct vmha_renewal *ret_renewals, size_t max)
{
	const char *line = text;
	size_t count = 0;

	while (line && *line && max) {
		struct vmha_renewal r = { 0 };
		unsigned long long at = 0;

		if (sscanf(line,
			   "timestamp=%llu read_ms=%u write_ms=%u next_timeouts=%u next_errors=%u",
			   &at, &r.read_ms, &r.write_ms, &r.timeouts, &r.errors) == 5 &&
		    at) {
			r.at_s = at;
			if (count == max) {
				memmove(ret_renewals, ret_renewals + 1,
					(max - 1) * sizeof(*ret_renewals));
				count--;
			}
			ret_renewals[count++] = r;
		}
		line = strchr(line, '\n');
		line = line ? line + 1 : NULL;
	}
	return count;
}

int vmha_host_seen_parse(const char *text, uint64_t host_id, struct vmha_host_seen *ret_seen)
{
	struct vmha_host_seen seen = { 0 };
	unsigned int fields = 0;
	bool ours = false;
	const char *line = text;

	/* "1 timestamp 2397", then what is known of that host, indented, a line each */
	while (line && *line) {
		unsigned long long n = 0;

		if (*line != ' ') {
			ours = sscanf(line, "%llu timestamp", &n) == 1 && n == host_id;
		} else if (ours && sscanf(line, " last_live=%llu", &n) == 1) {
			seen.live_s = n;
			fields++;
		} else if (ours && sscanf(line, " owner_generation=%llu", &n) == 1) {
			seen.generation = n;
			fields++;
		} else if (ours && sscanf(line, " timestamp=%llu", &n) == 1) {
			seen.up_s = n;
			fields++;
		} else if (ours && sscanf(line, " io_timeout=%llu", &n) == 1) {
			seen.io_timeout_s = (unsigned int)n;
			fields++;
		}
		line = strchr(line, '\n');
		line = line ? line + 1 : NULL;
	}
	if (fields != 4) {
		return -ENOENT;
	}
	*ret_seen = seen;
	return 0;
}

static bool is_late(uint64_t gap_s, unsigned int late_s)
{
	return gap_s > (uint64_t)late_s + CLOCK_RESOLUTION;
}

static void gap_note(struct vmha_renewal_view *v, uint64_t from_s, uint64_t to_s, bool over,
		     const struct vmha_lease_times *t)
{
	uint64_t gap_s = to_s - from_s;

	if (gap_s < v->gap_s) {
		return;
	}
	v->gap_s = gap_s;
	v->over = over;
	v->act_s = from_s + t->fail_s;
	v->state = !is_late(gap_s, t->late_s)		  ? VMHA_RENEWAL_OK
		   : gap_s > t->warn_s + CLOCK_RESOLUTION ? VMHA_RENEWAL_FAILING
							  : VMHA_RENEWAL_LATE;
}

struct vmha_renewal_view vmha_renewals_judge(const struct vmha_renewal *renewals, size_t count,
					     uint64_t since_s, uint64_t now_s,
					     unsigned int io_timeout_s)
{
	const struct vmha_lease_times t = vmha_lease_times(io_timeout_s);
	struct vmha_renewal_view v = { 0 };
	size_t i;

	for (i = 0; i < count; i++) {
		const struct vmha_renewal *r = &renewals[i];

		v.last_s = r->at_s;
		if (r->at_s <= since_s) {
			continue; /* judged before */
		}
		v.last_ms = r->read_ms + r->write_ms;
		v.max_ms = v.last_ms > v.max_ms ? v.last_ms : v.max_ms;
		if (i && r->at_s > renewals[i - 1].at_s) {
			gap_note(&v, renewals[i - 1].at_s, r->at_s, true, &t);
		}
	}
	if (v.last_s && now_s > v.last_s && is_late(now_s - v.last_s, t.late_s)) {
		v.gap_s = 0; /* what lasts counts more than what is over */
		gap_note(&v, v.last_s, now_s, false, &t);
	}
	if (v.state == VMHA_RENEWAL_OK) {
		v.over = false;
		v.act_s = v.last_s ? v.last_s + t.fail_s : 0;
	}
	return v;
}
