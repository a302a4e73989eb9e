// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Watches one guest of a lab from outside, until SIGTERM or SIGINT, then judges:
 *
 *   witness --uuid UUID [--disk FILE] [--lease FILE:OFFSET] [--interval MS] NODE=PROCS...
 *
 * NODE=PROCS  a file that lists the process ids of a node (its cgroup.procs)
 * --disk      image the guest writes its numbered records to (sector 0 is the newest)
 * --lease     the role's lease on the shared storage, read as sanlock wrote it
 *
 * Three witnesses that know nothing of each other: processor time of the vCPU threads (kernel),
 * the newest record on the disk (guest), the owner of the lease (sanlock).  Prints every change,
 * then figures as key=value, then the verdict.  Exit: 0 one runner at any time, 1 not so, 2 usage.
 */
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "lib/base/cleanup.h"
#include "lib/base/mono.h"
#include "lib/base/proc.h"
#include "tests/fault/judge.h"
#include "tests/fault/ondisk.h"

struct node {
	const char *name; /* not NUL-terminated: name_len */
	int name_len;
	const char *procs;
};

struct witness {
	const char *uuid;
	struct node nodes[8];
	size_t node_count;
	int disk_fd, lease_fd;
	int64_t lease_offset, interval_ms;
	struct vmha_mono start;
	uint8_t *sector; /* 4096 bytes, aligned */
	struct witness_trace trace;
};

static int64_t witness_now_ms(const struct witness *w)
{
	return vmha_span_ms(vmha_mono_diff(w->start, vmha_mono_now()));
}

static void say(int64_t at_ms, const char *text)
{
	printf("+%" PRId64 ".%03d %s\n", at_ms / 1000, (int)(at_ms % 1000), text);
}

/* Room for one more of @size bytes; a witness without memory is no witness. */
static void *grown(void *array, size_t count, size_t *room, size_t size)
{
	if (count < *room) {
		return array;
	}
	*room = *room ? *room * 2 : 256;
	void *bigger = reallocarray(array, *room, size);

	if (!bigger) {
		perror("witness");
		exit(2);
	}
	return bigger;
}

/* --- processes ------------------------------------------------------------------------------- */

static ssize_t slurp(const char *path, char *buf, size_t size)
{
	vmha_autoclose int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0) {
		return -1;
	}
	ssize_t n = read(fd, buf, size - 1);

	buf[n > 0 ? n : 0] = '\0';
	return n;
}

static bool is_guest(int pid, const char *uuid)
{
	char path[64], comm[32], cmdline[65536];

	(void)snprintf(path, sizeof(path), "/proc/%d/comm", pid);
	if (slurp(path, comm, sizeof(comm)) <= 0 || strncmp(comm, "qemu-system", 11) != 0) {
		return false;
	}
	(void)snprintf(path, sizeof(path), "/proc/%d/cmdline", pid);
	ssize_t n = slurp(path, cmdline, sizeof(cmdline));

	for (ssize_t i = 0; i < n; i += (ssize_t)strlen(cmdline + i) + 1) {
		if (strcmp(cmdline + i, uuid) == 0) {
			return true;
		}
	}
	return false;
}

/* PF_EXITING of linux/sched.h, in the ninth field of a thread's stat. */
#define THREAD_EXITING 0x4UL

static bool thread_exits(int pid, const char *tid)
{
	char path[400], stat[1024];
	unsigned long flags = THREAD_EXITING;

	(void)snprintf(path, sizeof(path), "/proc/%d/task/%s/stat", pid, tid);
	if (slurp(path, stat, sizeof(stat)) <= 0) {
		return true;
	}
	const char *p = strrchr(stat, ')');

	return !p || sscanf(p + 1, " %*s %*s %*s %*s %*s %*s %lu", &flags) != 1 ||
	       (flags & THREAD_EXITING);
}

/*
 * Processor time of all vCPU threads.  *ret_ends: one of them ends, and no guest runs in it: the
 * last thread of a process is charged for giving back the guest's memory (seen: 9 ms for 128 MiB).
 */
static bool vcpu_time(int pid, uint64_t *ret_ns, bool *ret_ends)
{
	char path[400], comm[32], stat[128];
	uint64_t sum = 0;
	bool ends = false;

	(void)snprintf(path, sizeof(path), "/proc/%d/task", pid);
	vmha_autodir DIR *dir = opendir(path);

	if (!dir) {
		return false;
	}
	for (struct dirent *d = readdir(dir); d; d = readdir(dir)) {
		if (!isdigit((unsigned char)d->d_name[0])) {
			continue;
		}
		(void)snprintf(path, sizeof(path), "/proc/%d/task/%s/comm", pid, d->d_name);
		if (slurp(path, comm, sizeof(comm)) <= 0 || strncmp(comm, "CPU ", 4) != 0) {
			continue;
		}
		(void)snprintf(path, sizeof(path), "/proc/%d/task/%s/schedstat", pid, d->d_name);
		if (slurp(path, stat, sizeof(stat)) > 0) {
			sum += strtoull(stat, NULL, 10);
		}
		ends = ends || thread_exits(pid, d->d_name); /* asked after its time was read */
	}
	*ret_ns = sum;
	*ret_ends = ends;
	return true;
}

static struct witness_process *process_find(struct witness *w, int pid)
{
	for (size_t i = w->trace.process_count; i > 0; i--) {
		struct witness_process *p = &w->trace.processes[i - 1];

		if (p->pid == pid && !p->gone) {
			return p;
		}
	}
	return NULL;
}

static void process_meet(struct witness *w, const struct node *node, int pid, int64_t at_ms)
{
	if (w->trace.process_count == WITNESS_PROCESSES_MAX) {
		return;
	}
	struct witness_process *p = &w->trace.processes[w->trace.process_count];
	char text[128];

	*p = (struct witness_process){ .pid = pid, .first_ms = at_ms, .last_ms = at_ms };
	if (vmha_proc_start_time(pid, &p->start_ticks) < 0) {
		return;
	}
	(void)snprintf(p->node, sizeof(p->node), "%.*s", node->name_len, node->name);
	p->host_id = strtoull(p->node + strcspn(p->node, "0123456789"), NULL, 10);
	p->was_here = at_ms < 100;
	w->trace.process_count++;
	(void)snprintf(text, sizeof(text), "%s has a process, pid %d", p->node, pid);
	say(at_ms, text);
}

static void processes_look(struct witness *w, int64_t at_ms)
{
	char pids[32768];

	for (size_t i = 0; i < w->node_count; i++) {
		if (slurp(w->nodes[i].procs, pids, sizeof(pids)) <= 0) {
			continue;
		}
		for (char *at = pids, *end; *at; at = end + (*end == '\n')) {
			int pid = (int)strtol(at, &end, 10);

			if (end == at) {
				break;
			}
			if (pid > 0 && !process_find(w, pid) && is_guest(pid, w->uuid)) {
				process_meet(w, &w->nodes[i], pid, at_ms);
			}
		}
	}
}

static void process_gone(struct witness_process *p, int64_t at_ms)
{
	char text[128];

	p->gone = true;
	(void)snprintf(text, sizeof(text), "%s has lost its process, pid %d", p->node, p->pid);
	say(at_ms, text);
}

static void processes_sample(struct witness *w, int64_t at_ms)
{
	for (size_t i = 0; i < w->trace.process_count; i++) {
		struct witness_process *p = &w->trace.processes[i];
		uint64_t ran_ns = 0;
		bool ends = false;

		if (p->gone) {
			continue;
		}
		if (!vcpu_time(p->pid, &ran_ns, &ends) || !vmha_proc_is(p->pid, p->start_ticks)) {
			process_gone(p, at_ms);
			continue;
		}
		p->last_ms = at_ms;
		if (ends) {
			continue;
		}
		if (p->count > 0 && p->marks[p->count - 1].ran_ns >= ran_ns) {
			continue;
		}
		p->marks = grown(p->marks, p->count, &p->room, sizeof(*p->marks));
		p->marks[p->count++] = (struct run_mark){ .at_ms = at_ms, .ran_ns = ran_ns };
	}
}

/* --- lease and disk -------------------------------------------------------------------------- */

static void lease_sample(struct witness *w, int64_t at_ms)
{
	struct lease_mark now = { .at_ms = at_ms };
	struct witness_trace *t = &w->trace;
	char text[128];

	if (w->lease_fd < 0 || ondisk_lease_read(w->lease_fd, w->lease_offset, w->sector,
						 &now.host_id, &now.lver) < 0) {
		return;
	}
	if (t->lease_count > 0 && t->leases[t->lease_count - 1].host_id == now.host_id &&
	    t->leases[t->lease_count - 1].lver == now.lver) {
		return;
	}
	t->leases = grown(t->leases, t->lease_count, &t->lease_room, sizeof(*t->leases));
	t->leases[t->lease_count++] = now;
	if (now.host_id == 0) {
		(void)snprintf(text, sizeof(text), "lease is free, lver %" PRIu64, now.lver);
	} else {
		(void)snprintf(text, sizeof(text), "lease owned by host %" PRIu64 ", lver %" PRIu64,
			       now.host_id, now.lver);
	}
	say(at_ms, text);
}

static void disk_sample(struct witness *w, int64_t at_ms)
{
	struct disk_mark now = { .at_ms = at_ms };
	struct witness_trace *t = &w->trace;
	char text[160];

	if (w->disk_fd < 0 || ondisk_record_read(w->disk_fd, w->sector, &now.boot, &now.seq) < 0) {
		return;
	}
	const struct disk_mark *last = t->disk_count ? &t->disks[t->disk_count - 1] : NULL;

	if (last && last->boot == now.boot && last->seq == now.seq) {
		return;
	}
	if (!last || last->boot != now.boot || now.seq < last->seq) {
		(void)snprintf(text, sizeof(text),
			       "disk: boot %016" PRIx64 " sequence %" PRIu64 "%s", now.boot,
			       now.seq, last && now.seq < last->seq ? " WENT BACK" : "");
		say(at_ms, text);
	}
	t->disks = grown(t->disks, t->disk_count, &t->disk_room, sizeof(*t->disks));
	t->disks[t->disk_count++] = now;
}

/* --- the run --------------------------------------------------------------------------------- */

static volatile sig_atomic_t stop_asked;

static void on_stop(int sig)
{
	(void)sig;
	stop_asked = 1;
}

static void witness_watch(struct witness *w)
{
	int64_t looked_ms = -1000, last_ms = 0;

	while (!stop_asked) {
		int64_t at_ms = witness_now_ms(w);

		if (at_ms - last_ms > w->trace.gap_max_ms) {
			w->trace.gap_max_ms = at_ms - last_ms;
		}
		last_ms = at_ms;
		if (at_ms - looked_ms >= 20) {
			looked_ms = at_ms;
			processes_look(w, at_ms);
		}
		processes_sample(w, at_ms);
		lease_sample(w, at_ms);
		disk_sample(w, at_ms);
		/* Processor time has no events: it is sampled. */
		vmha_mono_pace(VMHA_SPAN_MS(w->interval_ms));
	}
	w->trace.end_ms = witness_now_ms(w);
}

static int witness_report(const struct witness *w)
{
	struct judgement j;

	judge_trace(&w->trace, &j);
	for (size_t i = 0; i < w->trace.process_count; i++) {
		const struct witness_process *p = &w->trace.processes[i];
		const struct run_interval *r = &j.runs[i];

		printf("process node=%s pid=%d first_ms=%" PRId64 " last_ms=%" PRId64
		       " ran_ms=%" PRIu64 " run_begin_ms=%" PRId64 " run_end_ms=%" PRId64
		       " gone=%d ran=%d\n",
		       p->node, p->pid, p->first_ms, p->last_ms, r->ran_ns / 1000000, r->begin_ms,
		       r->end_ms, p->gone, r->ran);
	}
	printf("figures processes_max=%u runners=%u overlap_ms=%" PRId64 " unleased_ms=%" PRId64
	       " end_leased=%d boots=%u seq=%" PRIu64 "..%" PRIu64
	       " seq_back=%u silence_ms=%" PRId64 " watched_ms=%" PRId64 " gap_max_ms=%" PRId64
	       "\n",
	       j.processes_max, j.runners, j.overlap_ms, j.unleased_ms, j.end_leased, j.boots,
	       j.seq_first, j.seq_last, j.seq_back, j.silence_ms, w->trace.end_ms,
	       w->trace.gap_max_ms);
	bool clean = judge_is_clean(&j);

	printf("verdict: %s\n", clean ? "at most one runner at any time" : "TWO RUNNERS");
	return clean ? 0 : 1;
}

static int witness_usage(void)
{
	(void)fputs("usage: witness --uuid UUID [--disk FILE] [--lease FILE:OFFSET] [--interval MS]"
		    " NODE=PROCS...\n",
		    stderr);
	return 2;
}

static bool witness_lease_open(struct witness *w, char *text)
{
	char *colon = strrchr(text, ':');

	if (!colon) {
		return false;
	}
	*colon = '\0';
	w->lease_offset = strtoll(colon + 1, NULL, 0);
	w->lease_fd = open(text, O_RDONLY | O_DIRECT | O_CLOEXEC);
	if (w->lease_fd < 0) {
		perror(text);
	}
	return w->lease_fd >= 0;
}

static bool witness_options(struct witness *w, int argc, char **argv)
{
	static const struct option options[] = {
		{ "uuid", required_argument, NULL, 'u' },
		{ "disk", required_argument, NULL, 'd' },
		{ "lease", required_argument, NULL, 'l' },
		{ "interval", required_argument, NULL, 'i' },
		{ 0 },
	};
	bool ok = true;

	for (int c; ok && (c = getopt_long(argc, argv, "", options, NULL)) != -1;) {
		switch (c) {
		case 'u':
			w->uuid = optarg;
			break;
		case 'd':
			w->disk_fd = open(optarg, O_RDONLY | O_DIRECT | O_CLOEXEC);
			ok = w->disk_fd >= 0;
			break;
		case 'l':
			ok = witness_lease_open(w, optarg);
			break;
		case 'i':
			w->interval_ms = strtol(optarg, NULL, 10);
			break;
		default:
			return false;
		}
	}
	for (int i = optind; ok && i < argc && w->node_count < 8; i++) {
		const char *equals = strchr(argv[i], '=');

		ok = equals != NULL;
		if (ok) {
			w->nodes[w->node_count++] = (struct node){
				.name = argv[i],
				.name_len = (int)(equals - argv[i]),
				.procs = equals + 1,
			};
		}
	}
	return ok && w->uuid && w->node_count > 0;
}

static void witness_free(struct witness *w)
{
	for (size_t i = 0; i < w->trace.process_count; i++) {
		free(w->trace.processes[i].marks);
	}
	free(w->trace.leases);
	free(w->trace.disks);
	free(w->sector);
}

int main(int argc, char **argv)
{
	struct witness w = { .disk_fd = -1, .lease_fd = -1, .interval_ms = 5 };
	struct sigaction stop = { .sa_handler = on_stop };
	int status;

	(void)setvbuf(stdout, NULL, _IOLBF, 0);
	w.start = vmha_mono_now();
	w.sector = aligned_alloc(4096, 4096);
	if (!w.sector || !witness_options(&w, argc, argv)) {
		return witness_usage();
	}
	(void)sigaction(SIGTERM, &stop, NULL);
	(void)sigaction(SIGINT, &stop, NULL);
	witness_watch(&w);
	status = witness_report(&w);
	witness_free(&w);
	return status;
}
