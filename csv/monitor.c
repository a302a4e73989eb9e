/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A failed monitor fences this node (op monitor on-fail=fence).  So it fails only while VMs run
 * here whose protection is lost or about to be; without any, the volume is repaired if that is
 * possible and called degraded if not.  A GFS2 that is lost here fails without VMs too.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "csv/csv.h"
#include "lib/base/cleanup.h"
#include "lib/base/file.h"
#include "lib/base/log.h"
#include "lib/base/str.h"
#include "lib/port/lease_sanlock.h"
#include "lib/role/mounted.h"

#define ASK_S	  5
#define ASK_MIN_S 1 /* what a healthy sanlock needs at most */

struct view {
	const struct csv_params *p;
	struct vmha_joined_record joined;
	struct vmha_user *users;
	size_t count;
	bool users_unknown; /* /proc could not be searched: taken for "some" */
	bool blocks_others; /* a GFS2 whose locks and journal here nobody else can have */
};

static void view_free(struct view *v)
{
	free(v->users);
}

static enum vmha_ocf __attribute__((format(printf, 2, 3)))
judge(const struct view *v, const char *fmt, ...)
{
	char what[1024];
	char vms[512];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(what, sizeof(what), fmt, ap);
	va_end(ap);
	if (v->users_unknown) {
		return csv_fail(OCF_ERR_GENERIC, "node %s: %s; cannot tell which VMs run here",
				v->joined.node, what);
	}
	if (v->count) {
		return csv_fail(OCF_ERR_GENERIC, "node %s: %s; to be fenced for %s", v->joined.node,
				what, csv_users_text(v->users, v->count, vms, sizeof(vms)));
	}
	if (v->blocks_others) {
		return csv_fail(OCF_ERR_GENERIC,
				"node %s: %s; to be fenced, for other nodes wait for its locks on "
				"the GFS2",
				v->joined.node, what);
	}
	return csv_fail(OCF_DEGRADED, "node %s: %s; no VM runs here", v->joined.node, what);
}

static struct vmha_mono soon(const struct csv_params *p, int64_t s)
{
	struct vmha_mono t = vmha_mono_add(vmha_mono_now(), VMHA_SPAN_S(s));

	return t.ns < p->deadline.ns ? t : p->deadline;
}

/*
 * Is the device lost to this node?  One that is slow once, while a path fails over, is not:
 *
 *   this node, healthy, without VMs            another node
 *                                              lost; its fence takes longer than 8 x io_timeout
 *   GFS2 stands still: silent for that long
 *   the storage changes path: a read takes 6 s
 *   lost? its lease on that very device is
 *   renewed: no
 */
static bool device_lost(const struct view *v)
{
	struct csv_answer now;
	int r = csv_device_lost(v->p, soon(v->p, ASK_S));

	unsigned int io;

	if (r != -ETIMEDOUT) {
		return r == 1;
	}
	if (vmha_mono_left_ms(v->p->deadline) < ASK_MIN_S * 1000) {
		return false; /* no time to ask: the next monitor does */
	}
	r = csv_ask(csv_ask_lockspace, v->p, soon(v->p, ASK_S), &now, NULL);
	io = (unsigned int)(now.value[3] ? now.value[3] : v->joined.io_timeout_s);
	return r < 0 || !now.value[0] ||
	       now.value[2] > vmha_sanlock_renewal_fail_s(io) + vmha_sanlock_renewal_s(io);
}

/*
 * A node that lost its way to a GFS2 keeps locks that the others want, until it is fenced, VMs or
 * not. The device itself is asked: the file system is silent on every node while it waits for one
 * of them, and the others must not be fenced for that.
 */
static bool blocks_others(const struct view *v)
{
	int64_t limit_s = vmha_sanlock_renewal_fail_s((unsigned int)v->joined.io_timeout_s);

	if (v->p->type != VMHA_VOLUME_TYPE_GFS2) {
		return false;
	}
	return vmha_volume_withdrawn(v->p->volume) ||
	       (csv_health_silent_s(v->p) >= limit_s && device_lost(v));
}

/* Does the marker ("VM pid=N: why") mean a process that is still here? */
static bool marker_holds(const char *text)
{
	vmha_autofree struct vmha_user *any = NULL;
	const char *pid = strstr(text, "pid=");
	size_t count = 0;
	size_t i;

	if (vmha_volume_users(NULL, &any, &count, NULL) < 0) {
		return true; /* unknown is not "gone" */
	}
	for (i = 0; i < count; i++) {
		if (!pid || strtol(pid + strlen("pid="), NULL, 10) == any[i].pid) {
			return true;
		}
	}
	return false;
}

/* Left by the VM's agent when sanlock does not know its process any more. */
static enum vmha_ocf check_marker(struct view *v)
{
	vmha_autofree char *text = NULL;

	if (vmha_file_read(VMHA_UNPROTECTED, VMHA_RECORD_MAX_BYTES, &text, NULL, NULL) < 0) {
		return OCF_SUCCESS;
	}
	if (!marker_holds(text)) {
		(void)vmha_file_remove(VMHA_UNPROTECTED, NULL);
		return OCF_SUCCESS;
	}
	text[strcspn(text, ":\n")] = '\0';
	return judge(v, "VM %s runs without protection", text);
}

static enum vmha_ocf rejoin(struct view *v)
{
	struct csv_answer answer;
	int r = csv_ask(csv_ask_join, v->p, v->p->deadline, &answer, NULL);

	if (r == -ETIMEDOUT) {
		return judge(v, "volume %s is being joined again", v->p->volume);
	}
	if (r < 0) {
		return judge(v, "volume %s cannot be joined again: %s", v->p->volume, answer.text);
	}
	vmha_log(VMHA_LOG_WARNING,
		 "volume=%s node=%s joined again after its lockspace was lost (sanlock restarted?)",
		 v->p->volume, v->joined.node);
	return OCF_SUCCESS;
}

/* The lockspace is not joined though it was: sanlock died, or gave it up when renewals failed. */
static enum vmha_ocf lost(struct view *v)
{
	if (v->count || v->users_unknown || v->blocks_others) {
		return judge(v, "lockspace of volume %s lost", v->p->volume);
	}
	return rejoin(v);
}

static enum vmha_ocf check_renewals(struct view *v, const struct csv_answer *now)
{
	unsigned int io = (unsigned int)(now->value[3] ? now->value[3] : v->joined.io_timeout_s);
	/* sanlock shows a renewal only with the one after it: what is seen is one interval old */
	uint64_t lag = vmha_sanlock_renewal_s(io);

	if (now->value[2] > vmha_sanlock_renewal_fail_s(io) + lag) {
		return judge(v, "no renewal in volume %s for %llu s (limit %u s)", v->p->volume,
			     (unsigned long long)now->value[2], vmha_sanlock_renewal_fail_s(io));
	}
	if (now->value[2] > vmha_sanlock_renewal_warn_s(io) + lag) {
		return csv_fail(
			OCF_DEGRADED,
			"node %s: renewals of volume %s are late: %llu s; VMs are killed at "
			"%u s",
			v->joined.node, v->p->volume, (unsigned long long)now->value[2],
			vmha_sanlock_renewal_fail_s(io));
	}
	return OCF_SUCCESS;
}

/* A daemon that hangs may be renewing still; when it is not, the leases are good for that long. */
static enum vmha_ocf hangs(struct view *v)
{
	unsigned int limit_s = vmha_sanlock_renewal_fail_s((unsigned int)v->joined.io_timeout_s);
	int64_t silent_s = csv_health_silent_s(v->p);

	if (silent_s >= limit_s) {
		return judge(v, "sanlock does not answer for %lld s (limit %u s)",
			     (long long)silent_s, limit_s);
	}
	return csv_fail(OCF_DEGRADED, "node %s: sanlock does not answer for %lld s; lost at %u s",
			v->joined.node, (long long)silent_s, limit_s);
}

static enum vmha_ocf check_lockspace(struct view *v)
{
	struct csv_answer now;
	int r = csv_ask(csv_ask_lockspace, v->p, soon(v->p, ASK_S), &now, NULL);

	if (r == -ECONNREFUSED) {
		return judge(v, "sanlock is down (started, it joins volume %s again by itself)",
			     v->p->volume);
	}
	if (r == -ETIMEDOUT) {
		return hangs(v);
	}
	if (r == -EBUSY) {
		/* sanlock ends a lockspace whose renewals failed, or joins it on a former order */
		return judge(v, "volume %s is being given up or joined by sanlock", v->p->volume);
	}
	if (r < 0) {
		return judge(v, "%s", now.text);
	}
	if (!now.value[0]) {
		return lost(v);
	}
	if (now.value[1] != v->joined.host_id) {
		return judge(v, "volume %s is joined with host id %llu instead of %llu",
			     v->p->volume, (unsigned long long)now.value[1],
			     (unsigned long long)v->joined.host_id);
	}
	return check_renewals(v, &now);
}

/* For a look at storage that may hang: leaves time to ask the device, then sanlock, whose fault it
 * is. */
static struct vmha_mono before_asking(const struct csv_params *p, int64_t s)
{
	struct vmha_mono latest = vmha_mono_add(p->deadline, VMHA_SPAN_S(-(2 * ASK_S + 2)));
	struct vmha_mono t = soon(p, s);

	return t.ns < latest.ns ? t : latest;
}

/* Mounted by us, and not given up by its file system? */
static enum vmha_ocf check_mount(struct view *v)
{
	vmha_autoerr struct vmha_err *err = NULL;

	return csv_mount_check(v->p, &err) < 0 ? judge(v, "%s", vmha_err_text(err)) : OCF_SUCCESS;
}

static enum vmha_ocf check_storage(struct view *v)
{
	vmha_autoerr struct vmha_err *err = NULL;
	unsigned int limit_s = vmha_sanlock_renewal_fail_s((unsigned int)v->joined.io_timeout_s);
	int64_t silent_s = 0;
	char trouble[300];
	int r = csv_health_check(v->p, before_asking(v->p, limit_s), &silent_s, &err);

	if (r == 0) {
		return OCF_SUCCESS;
	}
	(void)csv_mount_trouble(v->p, trouble, sizeof(trouble));
	if (silent_s >= limit_s && v->p->type == VMHA_VOLUME_TYPE_GFS2 && !v->blocks_others &&
	    !device_lost(v)) {
		/* the lease is renewed, the device is not known to be lost: another node is waited
		 * for
		 */
		return csv_fail(
			OCF_DEGRADED,
			"node %s: %s for %lld s, though the device does not fail: GFS2 waits for "
			"another node%s",
			v->joined.node, vmha_err_text(err), (long long)silent_s, trouble);
	}
	if (silent_s >= limit_s) {
		v->blocks_others = v->p->type == VMHA_VOLUME_TYPE_GFS2;
		return judge(v, "%s for %lld s (limit %u s)%s", vmha_err_text(err),
			     (long long)silent_s, limit_s, trouble);
	}
	return csv_fail(OCF_DEGRADED, "node %s: %s for %lld s; lost at %u s%s", v->joined.node,
			vmha_err_text(err), (long long)silent_s, limit_s, trouble);
}

/* Active here?  Asked when Pacemaker does not know. */
static enum vmha_ocf probe(const struct csv_params *p)
{
	struct csv_answer now;
	int r;

	if (csv_mounted_own(p)) {
		return OCF_SUCCESS; /* a stop must unmount it before DLM may end */
	}
	r = csv_ask(csv_ask_lockspace, p, p->deadline, &now, NULL);
	if (r == -EBUSY) {
		return OCF_SUCCESS; /* joining or leaving: something is here that a stop must end */
	}
	if (r == -ECONNREFUSED || r == -EEXIST) {
		/* no daemon that could have joined, or a lockspace of this name from another place,
		 * which a stop leaves alone: start sees to the rest */
		return OCF_NOT_RUNNING;
	}
	if (r < 0) {
		return csv_fail(OCF_ERR_GENERIC, "whether volume %s is joined is unknown: %s",
				p->volume, r == -ETIMEDOUT ? "sanlock does not answer" : now.text);
	}
	return now.value[0] ? OCF_SUCCESS : OCF_NOT_RUNNING;
}

enum vmha_ocf csv_monitor(const struct csv_params *p)
{
	__attribute__((cleanup(view_free))) struct view v = { .p = p };
	enum vmha_ocf rc;

	if (p->probe) {
		return probe(p);
	}
	if (vmha_volume_load(p->volume, VMHA_VOLUME_JOINED, &v.joined, NULL) < 0) {
		/* never started here, or stopped */
		rc = probe(p);
		return rc == OCF_SUCCESS
			       ? csv_fail(OCF_ERR_GENERIC,
					  "volume %s is joined on this node, but not by this agent",
					  p->volume)
			       : rc;
	}
	csv_renewals_watch(p, &v.joined);
	v.users_unknown = vmha_volume_users(p->volume, &v.users, &v.count, NULL) < 0;
	v.blocks_others = blocks_others(&v);
	rc = check_marker(&v);
	if (rc == OCF_SUCCESS) {
		rc = check_mount(&v);
	}
	if (rc == OCF_SUCCESS) {
		rc = check_lockspace(&v);
	}
	return rc == OCF_SUCCESS ? check_storage(&v) : rc;
}
