// SPDX-License-Identifier: GPL-2.0-or-later
#include "tests/fault/judge.h"

#include <string.h>

/*
 * From the marks to one interval a process.  Both ends are taken inwards by what a thread may use
 * without running the guest; so an overlap that is reported is one, and one shorter than the time
 * in which a guest uses JUDGE_NOISE_NS + JUDGE_SLACK_NS is not seen here (but by the disk).
 */
static struct run_interval run_interval_of(const struct witness_process *p)
{
	struct run_interval run = { 0 };

	if (p->count == 0) {
		return run;
	}
	uint64_t base = p->was_here ? p->marks[0].ran_ns : 0;
	uint64_t final = p->marks[p->count - 1].ran_ns;

	run.ran_ns = final - base;
	if (run.ran_ns <= JUDGE_NOISE_NS + JUDGE_SLACK_NS) {
		return run;
	}
	for (size_t i = 0; i < p->count; i++) {
		if (p->marks[i].ran_ns - base > JUDGE_NOISE_NS) {
			run.begin_ms = p->marks[i].at_ms;
			break;
		}
	}
	for (size_t i = p->count; i > 0; i--) {
		if (final - p->marks[i - 1].ran_ns > JUDGE_SLACK_NS) {
			run.end_ms = p->marks[i - 1].at_ms;
			break;
		}
	}
	run.ran = run.end_ms >= run.begin_ms;
	return run;
}

static const struct lease_mark *lease_at(const struct witness_trace *trace, int64_t at_ms)
{
	const struct lease_mark *found = NULL;

	for (size_t i = 0; i < trace->lease_count && trace->leases[i].at_ms <= at_ms; i++) {
		found = &trace->leases[i];
	}
	return found;
}

static bool owns_at(const struct witness_trace *trace, uint64_t host_id, int64_t at_ms)
{
	const struct lease_mark *lease = lease_at(trace, at_ms);

	return !lease || lease->host_id == host_id;
}

/* Only while it ran the guest: before and after, a thread may be told something. */
static int64_t unleased_ms_of(const struct witness_trace *trace, const struct witness_process *p,
			      const struct run_interval *run)
{
	int64_t sum_ms = 0;

	for (size_t i = 1; i < p->count; i++) {
		const struct run_mark *a = &p->marks[i - 1], *b = &p->marks[i];

		if (!run->ran || a->at_ms < run->begin_ms || b->at_ms > run->end_ms) {
			continue;
		}
		if (b->ran_ns - a->ran_ns > 50000 && b->at_ms - a->at_ms < 500 &&
		    !owns_at(trace, p->host_id, a->at_ms) &&
		    !owns_at(trace, p->host_id, b->at_ms)) {
			sum_ms += b->at_ms - a->at_ms;
		}
	}
	return sum_ms;
}

static void judge_overlaps(const struct witness_trace *trace, struct judgement *j)
{
	for (size_t a = 0; a < trace->process_count; a++) {
		for (size_t b = a + 1; b < trace->process_count; b++) {
			const struct run_interval *x = &j->runs[a], *y = &j->runs[b];

			if (!x->ran || !y->ran) {
				continue;
			}
			int64_t from = x->begin_ms > y->begin_ms ? x->begin_ms : y->begin_ms;
			int64_t to = x->end_ms < y->end_ms ? x->end_ms : y->end_ms;

			if (to > from) {
				j->overlap_ms += to - from;
			}
		}
	}
}

static unsigned int processes_max_of(const struct witness_trace *trace)
{
	unsigned int most = 0;

	for (size_t a = 0; a < trace->process_count; a++) {
		unsigned int n = 0;
		int64_t at = trace->processes[a].first_ms;

		for (size_t b = 0; b < trace->process_count; b++) {
			const struct witness_process *p = &trace->processes[b];

			n += p->first_ms <= at && at <= p->last_ms;
		}
		most = n > most ? n : most;
	}
	return most;
}

static bool boot_seen_before(const struct witness_trace *trace, size_t i)
{
	for (size_t k = 0; k + 1 < i; k++) {
		if (trace->disks[k].boot == trace->disks[i].boot) {
			return true;
		}
	}
	return false;
}

static void judge_disk(const struct witness_trace *trace, struct judgement *j)
{
	if (trace->disk_count == 0) {
		return;
	}
	j->boots = 1;
	j->seq_first = trace->disks[0].seq;
	j->seq_last = trace->disks[trace->disk_count - 1].seq;
	for (size_t i = 1; i < trace->disk_count; i++) {
		const struct disk_mark *a = &trace->disks[i - 1], *b = &trace->disks[i];

		if (b->at_ms - a->at_ms > j->silence_ms) {
			j->silence_ms = b->at_ms - a->at_ms;
		}
		j->seq_back += b->seq < a->seq;
		if (b->boot != a->boot) {
			j->boots++;
			j->seq_back += boot_seen_before(trace, i);
		}
	}
	if (trace->end_ms - trace->disks[trace->disk_count - 1].at_ms > j->silence_ms) {
		j->silence_ms = trace->end_ms - trace->disks[trace->disk_count - 1].at_ms;
	}
}

static void judge_end(const struct witness_trace *trace, struct judgement *j)
{
	j->end_leased = true;
	for (size_t i = 0; i < trace->process_count; i++) {
		const struct witness_process *p = &trace->processes[i];

		if (!p->gone && j->runs[i].ran && trace->end_ms - j->runs[i].end_ms < 1500 &&
		    !owns_at(trace, p->host_id, trace->end_ms)) {
			j->end_leased = false;
		}
	}
}

void judge_trace(const struct witness_trace *trace, struct judgement *ret_judgement)
{
	struct judgement j = { 0 };

	for (size_t i = 0; i < trace->process_count; i++) {
		j.runs[i] = run_interval_of(&trace->processes[i]);
		j.runners += j.runs[i].ran;
		j.unleased_ms += unleased_ms_of(trace, &trace->processes[i], &j.runs[i]);
	}
	j.processes_max = processes_max_of(trace);
	judge_overlaps(trace, &j);
	judge_disk(trace, &j);
	judge_end(trace, &j);
	*ret_judgement = j;
}

bool judge_is_clean(const struct judgement *judgement)
{
	return judgement->overlap_ms == 0 && judgement->seq_back == 0;
}
