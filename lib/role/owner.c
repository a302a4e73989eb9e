/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lib/role/owner.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "lib/base/cleanup.h"
#include "lib/base/file.h"
#include "lib/base/log.h"
#include "lib/base/proc.h"
#include "lib/base/str.h"
#include "lib/core/fencing.h"
#include "lib/port/pcmk.h"
#include "lib/port/virt.h"
#include "lib/role/peers.h"

#define NS_PER_S 1000000000

void vmha_owner_self(const struct vmha_action *act, pid_t pid, uint64_t start_ticks,
		     struct vmha_owner_record *ret_owner)
{
	*ret_owner = (struct vmha_owner_record){
		.host_id = act->host_id,
		.generation = act->generation,
		.pid = pid,
		.start_ticks = start_ticks,
	};
	memcpy(ret_owner->node, act->node, sizeof(ret_owner->node));
	memcpy(ret_owner->trace, act->trace, sizeof(ret_owner->trace));
}

bool vmha_owner_is_self(const struct vmha_action *act, const struct vmha_owner_record *owner)
{
	return vmha_str_eq(owner->node, act->node) && owner->generation == act->generation;
}

static bool owner_equal(const struct vmha_owner_record *a, const struct vmha_owner_record *b)
{
	return vmha_str_eq(a->node, b->node) && a->host_id == b->host_id &&
	       a->generation == b->generation && a->pid == b->pid &&
	       a->start_ticks == b->start_ticks && vmha_str_eq(a->trace, b->trace);
}

int vmha_owner_store(const struct vmha_action *act, const struct vmha_owner_record *owner,
		     struct vmha_err **err)
{
	return vmha_role_store(&act->role, VMHA_RECORD_OWNER, owner, err);
}

/* Take a record away that means nothing any more.
 *
 *   node B                                   node C, judging the same record of dead A
 *   rename owner -> owner.old.B              rename owner -> owner.old.C: ENOENT, judges again
 *   reads owner.old.B: is what it judged
 *   link its own as owner                    (or: finds B's record, waits)
 *
 * Had another node written its record between the judging and the rename, what was taken away is
 * that one: it is linked back, which fails only if a third made its own meanwhile: impossible, for
 * a maker must first see the name free and that lasts from our rename to our link: then the other
 * start is refused by the lease.
 */
static int stale_remove(const struct vmha_action *act, const char *path,
			const struct vmha_owner_record *expected, struct vmha_err **err)
{
	vmha_autofree char *old = vmha_str_printf("%s.old.%s", path, act->node);
	vmha_autofree char *text = NULL;
	struct vmha_owner_record found = { 0 };
	int r;

	if (!old) {
		return vmha_err_set(err, -ENOMEM, "out of memory");
	}
	if (rename(path, old) < 0) {
		return errno == ENOENT ? -EAGAIN
				       : vmha_err_errno(err, -errno, "cannot take away %s", path);
	}
	r = vmha_file_read(old, VMHA_RECORD_MAX_BYTES, &text, NULL, err);
	if (r == 0) {
		r = vmha_record_parse(VMHA_RECORD_OWNER, text, &found, err);
	}
	if (r < 0 || !owner_equal(&found, expected)) {
		if (link(old, path) < 0) {
			vmha_log(VMHA_LOG_ERROR, "vm=%s cannot put %s back: %s", act->role.name,
				 path, strerror(errno));
		}
		(void)unlink(old);
		return -EAGAIN;
	}
	return vmha_file_remove(old, err);
}

int vmha_owner_claim(const struct vmha_action *act, const struct vmha_owner_record *me,
		     const struct vmha_owner_record *expected, struct vmha_err **err)
{
	vmha_autofree char *text = vmha_record_print(VMHA_RECORD_OWNER, me);
	vmha_autofree char *mine = NULL;
	char path[VMHA_PATH_SIZE];
	int r;

	vmha_role_path(&act->role, VMHA_FILE_OWNER, path);
	mine = vmha_str_printf("%s.new.%s", path, act->node);
	if (!text || !mine) {
		return vmha_err_set(err, -ENOMEM, "out of memory");
	}
	if (expected) {
		r = stale_remove(act, path, expected, err);
		if (r < 0) {
			return r;
		}
	}
	r = vmha_file_write(mine, text, strlen(text), 0600, err);
	if (r < 0) {
		return r;
	}
	r = link(mine, path) < 0 ? -errno : 0;
	if (r == -EEXIST) {
		(void)unlink(mine);
		return -EAGAIN;
	}
	if (r < 0) {
		return vmha_err_errno(err, r, "cannot make %s", path);
	}
	return vmha_file_remove(mine, err); /* syncs the directory: both names are settled */
}

int vmha_owner_drop(const struct vmha_action *act, struct vmha_err **err)
{
	struct vmha_owner_record owner = { 0 };
	int r = vmha_role_load(&act->role, VMHA_RECORD_OWNER, &owner, err);

	if (r == -ENOENT) {
		return 0;
	}
	if (r < 0) {
		return r;
	}
	if (!vmha_str_eq(owner.node, act->node)) {
		return 0;
	}
	return vmha_role_forget(&act->role, VMHA_RECORD_OWNER, err);
}

bool vmha_owner_start_open(const struct vmha_action *act)
{
	struct vmha_owner_record owner = { 0 };

	return vmha_role_load(&act->role, VMHA_RECORD_OWNER, &owner, NULL) == 0 &&
	       vmha_owner_is_self(act, &owner) && owner.pid == 0;
}

/* --- may a start go on? ------------------------------------------------------------------- */

static unsigned int wait_most_s(const struct vmha_host *host)
{
	return host->io_timeout_s ? vmha_sanlock_host_dead_s(host->io_timeout_s) : 0;
}

/* Of this very life of this node: start has seen that no process here has it. */
static bool lease_is_left_over(const struct vmha_action *act, const struct vmha_lease_owner *owner)
{
	return owner->held && act->host_id && owner->host.host_id == act->host_id &&
	       owner->host.generation == act->generation;
}

/*
 *   QEMU (this node)          sanlock (this node)              start (this node)
 *   ends
 *                             still releases: on storage       held by this life of us: looks again
 *                             the lease is held                (begun now, libvirt's acquire would
 *                                                              fail with EAGAIN, and so the start)
 *                             released                         free: goes on
 *
 *   ends
 *                             storage failed: never released   held after some looks: sanlock gives
 *                                                              it to this node again
 */
enum vmha_clear vmha_owner_judge_lease(const struct vmha_action *act,
				       const struct vmha_lease_owner *owner, unsigned int looks)
{
	if (!owner->held) {
		return VMHA_CLEAR_YES;
	}
	if (lease_is_left_over(act, owner)) {
		return looks >= VMHA_OWNER_LOOKS ? VMHA_CLEAR_YES : VMHA_CLEAR_WAIT;
	}
	return owner->takeable ? VMHA_CLEAR_YES : VMHA_CLEAR_WAIT;
}

static void judge_lease(const struct vmha_action *act, unsigned int looks, struct vmha_clearance *c)
{
	unsigned int most_s = wait_most_s(&c->lease_owner.host);
	char name[VMHA_NODE_SIZE];
	size_t len = strlen(c->why);

	c->lease = vmha_owner_judge_lease(act, &c->lease_owner, looks);
	c->left_over = lease_is_left_over(act, &c->lease_owner);
	if (c->lease == VMHA_CLEAR_YES) {
		return;
	}
	if (c->left_over) {
		(void)snprintf(c->why + len, sizeof(c->why) - len,
			       "sanlock of %s may still be releasing the lease of %s", act->node,
			       act->role.name);
		return;
	}
	vmha_peer_name(c->lease_owner.host.host_id, name);
	len += (size_t)snprintf(c->why + len, sizeof(c->why) - len, "%s holds the lease of %s",
				name, act->role.name);
	if (most_s && len < sizeof(c->why)) {
		(void)snprintf(c->why + len, sizeof(c->why) - len,
			       " (if it is dead, for at most %u s after its last renewal)", most_s);
	}
}

/* A node that is up and in the cluster can be asked itself. */
static enum vmha_clear ask_owner_node(const struct vmha_action *act, struct vmha_clearance *c)
{
	enum vmha_virt_witness virt = VMHA_VIRT_SILENT;
	char address[VMHA_NODE_SIZE];

	if (vmha_peer_address(c->record.node, address, NULL) == 0) {
		(void)vmha_virt_ask_at(address, act->rec.uuid,
				       vmha_action_left(act, VMHA_SPAN_S(5)), &virt, NULL);
	}
	if (virt == VMHA_VIRT_ABSENT) {
		return VMHA_CLEAR_YES;
	}
	(void)snprintf(c->why, sizeof(c->why),
		       virt == VMHA_VIRT_SILENT
			       ? "%s is recorded as having a QEMU process of %s, and its libvirtd "
				 "does not say otherwise; "
			       : "%s still has a QEMU process of %s; ",
		       c->record.node, act->role.name);
	return VMHA_CLEAR_WAIT;
}

/* Seconds since the epoch at which the record was written; now when that cannot be told. */
static int64_t record_time_s(const struct vmha_action *act)
{
	char path[VMHA_PATH_SIZE];
	struct stat st;

	vmha_role_path(&act->role, VMHA_FILE_OWNER, path);
	return stat(path, &st) < 0 ? (int64_t)time(NULL) : (int64_t)st.st_mtim.tv_sec;
}

/* What sanlock of this node last saw of the recorded life. @return false: it cannot tell */
static bool life_read(const struct vmha_action *act, const struct vmha_owner_record *record,
		      struct vmha_life *ret_life)
{
	const char *const argv[] = { "sanlock", "client",	  "host_status", "-D",
				     "-s",	act->role.volume, NULL };
	vmha_autoresult struct vmha_proc_result res = { 0 };
	struct vmha_life life = { 0 };

	if (vmha_proc_check(argv, NULL, vmha_action_left(act, VMHA_SPAN_S(5)), &res, NULL) < 0 ||
	    vmha_host_seen_parse(res.output, record->host_id, &life.seen) < 0 ||
	    life.seen.generation != record->generation) {
		return false;
	}
	life.record_s = record_time_s(act);
	life.mono_s = (uint64_t)(vmha_mono_now().ns / NS_PER_S);
	life.now_s = (int64_t)time(NULL);
	*ret_life = life;
	return true;
}

/* sanlock sees the recorded life of that host id end: Pacemaker is to confirm it (I5: where no
 * watchdog is armed the arithmetic of leases alone proves nothing). */
static enum vmha_clear judge_dead_host(const struct vmha_action *act, struct vmha_clearance *c)
{
	struct vmha_peer peer = { 0 };
	struct vmha_life life;

	if (life_read(act, &c->record, &life) && vmha_peer_fenced(c->record.node, &life)) {
		return VMHA_CLEAR_YES; /* it may be back by now, but not yet on the volume */
	}
	if (vmha_peer_find(c->record.node, &peer, NULL) == 0) {
		if (peer.online) {
			/* back, and this node joined too late to see when it died; or without its
			 * storage */
			return ask_owner_node(act, c);
		}
		if (!peer.unclean) {
			return VMHA_CLEAR_YES;
		}
	}
	(void)snprintf(c->why, sizeof(c->why),
		       "%s had a QEMU process of %s and is not confirmed off by Pacemaker; ",
		       c->record.node, act->role.name);
	return VMHA_CLEAR_WAIT;
}

enum vmha_host_life vmha_owner_judge_host(const struct vmha_owner_record *owner,
					  const struct vmha_host *host)
{
	/* It joined anew: csv joins only after proving that no orphan of an earlier life is left.
	 */
	if (host->generation > owner->generation) {
		return VMHA_HOST_LIFE_OVER;
	}
	switch (host->state) {
	case VMHA_HOST_FREE:
		/* It left, or was released by a fence: csv leaves only with nothing running.  Of an
		 * earlier life that says nothing: sanlock here has not seen the recorded one yet.
		 */
		return host->generation == owner->generation ? VMHA_HOST_LIFE_OVER
							     : VMHA_HOST_LIFE_DEAD;
	case VMHA_HOST_DEAD:
	case VMHA_HOST_FAIL:
		return VMHA_HOST_LIFE_DEAD;
	case VMHA_HOST_UNKNOWN:
	case VMHA_HOST_LIVE:
		break;
	}
	return VMHA_HOST_LIFE_OPEN;
}

static enum vmha_clear judge_record(const struct vmha_action *act, struct vmha_clearance *c)
{
	struct vmha_host host = { 0 };

	if (vmha_str_eq(c->record.node, act->node)) {
		/* ours, of this life or an earlier one: the local witnesses have the word, and
		 * start asks them before us */
		return VMHA_CLEAR_YES;
	}
	if (vmha_lockspace_host(act->role.volume, c->record.host_id, &host, NULL) < 0) {
		return judge_dead_host(act, c);
	}
	switch (vmha_owner_judge_host(&c->record, &host)) {
	case VMHA_HOST_LIFE_OVER:
		return VMHA_CLEAR_YES;
	case VMHA_HOST_LIFE_DEAD:
		return judge_dead_host(act, c);
	case VMHA_HOST_LIFE_OPEN:
		break;
	}
	return ask_owner_node(act, c);
}

int vmha_clearance_read(const struct vmha_action *act, unsigned int looks,
			struct vmha_clearance *ret_clearance, struct vmha_err **err)
{
	vmha_autofree struct vmha_clearance *c = calloc(1, sizeof(*c));
	int r;

	if (!c) {
		return vmha_err_set(err, -ENOMEM, "out of memory");
	}
	r = vmha_role_load(&act->role, VMHA_RECORD_OWNER, &c->record, err);
	if (r < 0 && r != -ENOENT) {
		return r;
	}
	c->has_record = r == 0;
	c->owner = c->has_record ? judge_record(act, c) : VMHA_CLEAR_YES;
	if (c->owner == VMHA_CLEAR_YES) {
		c->why[0] = '\0';
	}
	/* the lease last: a hand-off writes the record while the lease is still held */
	r = vmha_lease_owner(&act->lease, &c->lease_owner, err);
	if (r < 0) {
		return r;
	}
	judge_lease(act, looks, c);
	*ret_clearance = *c;
	return 0;
}
