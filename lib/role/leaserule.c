/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lib/role/leaserule.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "lib/base/cleanup.h"
#include "lib/base/file.h"
#include "lib/base/log.h"
#include "lib/base/proc.h"
#include "lib/base/str.h"
#include "lib/port/qmp.h"
#include "lib/port/virt.h"
#include "lib/role/moving.h"
#include "lib/role/peers.h"
#include "lib/role/process.h"
#include "lib/role/volume.h"

#define KILL_PATIENCE VMHA_SPAN_S(20)
#define QMP_PATIENCE  VMHA_SPAN_S(2)

const char *vmha_rule_name(enum vmha_rule rule)
{
	switch (rule) {
	case VMHA_RULE_KEPT:
		return "kept";
	case VMHA_RULE_RETAKEN:
		return "retaken";
	case VMHA_RULE_PAUSED:
		return "paused";
	case VMHA_RULE_KILLED:
		return "killed";
	case VMHA_RULE_UNPROTECTED:
		return "unprotected";
	case VMHA_RULE_UNKNOWN:
		break;
	}
	return "unknown";
}

int vmha_monitor_socket(const struct vmha_observation *obs, char *path)
{
	char dir[VMHA_PATH_SIZE];
	int r = vmha_process_dir(obs->pid, dir);

	if (r < 0) {
		return r;
	}
	if (snprintf(path, VMHA_PATH_SIZE, "%s/monitor.sock", dir) >= VMHA_PATH_SIZE) {
		return -ENAMETOOLONG;
	}
	return 0;
}

int vmha_lease_foreign(const struct vmha_action *act, struct vmha_lease_owner *ret_owner,
		       struct vmha_err **err)
{
	int r = vmha_lease_owner(&act->lease, ret_owner, err);

	if (r < 0) {
		return r;
	}
	if (!ret_owner->held) {
		return 0;
	}
	/* An earlier life of this node counts as foreign: its guest was another process. */
	return act->host_id && (ret_owner->host.host_id != act->host_id ||
				ret_owner->host.generation != act->generation);
}

int vmha_stale_kill(const struct vmha_action *act, const struct vmha_observation *obs,
		    const char *why, struct vmha_err **err)
{
	struct vmha_mono deadline = vmha_mono_add(vmha_mono_now(), KILL_PATIENCE);
	int r;

	vmha_log(VMHA_LOG_ERROR, "vm=%s node=%s pid=%d killed: %s", act->role.name, act->node,
		 (int)obs->pid, why);
	/* SIGKILL: a SIGTERM would let QEMU flush old metadata over the disks */
	r = vmha_proc_kill(obs->pid, obs->start_ticks, deadline);
	return r < 0 ? vmha_err_errno(err, r, "QEMU process %d of %s does not end", (int)obs->pid,
				      act->role.name)
		     : 0;
}

static enum vmha_rule rule_unprotected(const struct vmha_action *act,
				       const struct vmha_observation *obs)
{
	vmha_autofree char *text =
		vmha_str_printf("%s pid=%d: %s\n", act->role.name, (int)obs->pid, obs->text);

	vmha_log(VMHA_LOG_ERROR,
		 "vm=%s node=%s pid=%d runs without protection: sanlock does not know its process; "
		 "this node is to be fenced",
		 act->role.name, act->node, (int)obs->pid);
	if (text && vmha_file_mkdirs("/run/vmha", 0755, NULL) == 0) {
		(void)vmha_file_write(VMHA_UNPROTECTED, text, strlen(text), 0644, NULL);
	}
	return VMHA_RULE_UNPROTECTED;
}

static enum vmha_rule rule_kill(const struct vmha_action *act, struct vmha_observation *obs,
				const char *why)
{
	vmha_autoerr struct vmha_err *err = NULL;

	if (vmha_stale_kill(act, obs, why, &err) < 0) {
		vmha_log(VMHA_LOG_ERROR, "%s", vmha_err_text(err));
		return VMHA_RULE_UNKNOWN;
	}
	vmha_observe(act, false, obs);
	return VMHA_RULE_KILLED;
}

/* libvirtd says it, or, where it is dead, QEMU itself. */
static bool surely_paused(const struct vmha_observation *obs)
{
	char socket_path[VMHA_PATH_SIZE];

	if (!obs->verdict.lease_missing) {
		return true;
	}
	return obs->w.virt == VMHA_VIRT_SILENT && vmha_virt_gone() &&
	       vmha_monitor_socket(obs, socket_path) == 0 &&
	       vmha_qmp_status(socket_path, QMP_PATIENCE) >= VMHA_QMP_PAUSED;
}

/*
 * What is on the volume may be higher than what was recorded for this process for two reasons:
 * libvirt on this node took the lease for it and let it go again (a suspend and resume; a resume
 * after a failed migration that QEMU refused), which is harmless; or another host's QEMU had it.
 */
int vmha_lease_stale(const struct vmha_action *act, const struct vmha_observation *obs,
		     uint64_t *ret_lver, struct vmha_err **err)
{
	struct vmha_lease_owner owner = { 0 };
	uint64_t recorded = 0;
	uint64_t host_id = 0;
	int r = vmha_run_lver(act, obs, &recorded);

	if (r < 0) {
		return vmha_err_set(err, -ENOENT, "%s was never seen to hold its lease on %s",
				    act->role.name, act->node);
	}
	r = vmha_lease_owner(&act->lease, &owner, err);
	if (r < 0) {
		return r;
	}
	*ret_lver = owner.lver;
	return owner.lver > recorded
		       ? vmha_lease_taken_since(&act->lease, recorded, act->host_id, &host_id, err)
		       : 0;
}

/* A guest that libvirt resumes takes its lease by itself a moment later. */
static bool held_after_all(const struct vmha_action *act, struct vmha_observation *obs)
{
	vmha_observe(act, true, obs);
	return obs->w.lease == VMHA_LEASE_HELD || obs->w.process != VMHA_PROCESS_ALIVE;
}

/*
 *   source (here)                             target, or a start elsewhere
 *   QEMU stops the guest, lease released      incoming, paused
 *   switchover fails, QEMU resumes itself:    (a) Finish never came: it will end by itself
 *   runs WITHOUT lease                        (b) Finish came: acquires (lver+1), runs
 *   acquire exactly at the recorded lver:
 *     0       (a): protected again; a late Finish fails to acquire and ends the target
 *     EPERM   (b) and it released again: our memory is stale -> SIGKILL
 *     EBUSY   (b) and it runs there now: two runners -> SIGKILL here, at once
 */
static enum vmha_rule rule_retake(const struct vmha_action *act, struct vmha_observation *obs,
				  uint64_t lver)
{
	vmha_autoerr struct vmha_err *err = NULL;
	int r = vmha_lease_acquire(&act->lease, obs->pid, lver, &err);

	if (r == 0) {
		vmha_observe(act, false, obs);
		(void)vmha_run_store(act, obs, obs->lver ? obs->lver : lver + 1, NULL);
		vmha_log(
			VMHA_LOG_WARNING,
			"vm=%s node=%s pid=%d ran without its lease; it has it again (lver %" PRIu64
			")",
			act->role.name, act->node, (int)obs->pid, lver + 1);
		return VMHA_RULE_RETAKEN;
	}
	if (held_after_all(act, obs)) {
		return VMHA_RULE_KEPT;
	}
	switch (r) {
	case -EPERM:
	case -EBUSY:
		return rule_kill(act, obs,
				 "it ran without its lease, and another host had or has the lease "
				 "meanwhile: its memory is stale");
	case -ESRCH:
	case -ECONNREFUSED:
	case -ENOSPC: /* lockspace lost: sanlock would not watch over it */
		return rule_unprotected(act, obs);
	default:
		vmha_log(VMHA_LOG_ERROR, "vm=%s cannot retake its lease: %s", act->role.name,
			 vmha_err_text(err));
		return VMHA_RULE_UNKNOWN;
	}
}

/*
 * Post-copy (libvirt 9.0, QEMU 7.2; src/qemu/qemu_migration.c):
 *
 *   source (here)                          target
 *   move record: POSTCOPY, durable         incoming, paused (-S)
 *   migrate-start-postcopy
 *   QEMU stops the guest, makes its
 *   images inactive; STOP: libvirt
 *   releases the lease (lver L)            has device state, still paused
 *   "postcopy-active": libvirtd asks
 *   the target to finish                   acquires (L+1), or ends; then "cont": runs
 *   paused, sends pages                    fetches what it touches
 *   all sent: ends                         all there: ends nothing
 *
 * So two never run, and the lease passes as ever.  But between the last two lines the lease is
 * foreign, and the process here is not stale: no QEMU in "postcopy-active" resumes by itself
 * ("cont" is refused: migration is not finalized).  Without the lease rule's usual SIGKILL:
 *
 *   target's host lost, or its QEMU dead   broken, or the target is offline: killed as stale
 *   the network broke                      both "postcopy-paused": broken, killed as stale
 *   post-copy never began, the copy
 *   failed and QEMU resumed here           libvirt says it runs: the usual rule
 *   libvirtd here is silent                the record tells; nothing is retaken (the target
 *                                          could not acquire) and nothing killed
 */
bool vmha_source_feeds(const struct vmha_action *act, const struct vmha_observation *obs)
{
	struct vmha_peer peer = { .online = true };
	struct vmha_moving m = { 0 };
	bool told = vmha_moving_postcopy(act, &m);

	if (obs->w.process != VMHA_PROCESS_ALIVE || obs->w.lease == VMHA_LEASE_HELD) {
		return false;
	}
	if (obs->w.virt != VMHA_VIRT_POSTCOPY &&
	    !(told && (obs->w.virt == VMHA_VIRT_SILENT || obs->w.virt == VMHA_VIRT_ABSENT))) {
		return false;
	}
	return !told || vmha_peer_find(m.rec.to, &peer, NULL) < 0 || peer.online;
}

static enum vmha_rule rule_registered(const struct vmha_action *act, struct vmha_observation *obs)
{
	vmha_autoerr struct vmha_err *err = NULL;
	struct vmha_lease_owner owner = { 0 };
	char why[VMHA_NODE_SIZE + 100];
	char name[VMHA_NODE_SIZE];
	uint64_t lver = 0;
	int stale;
	int foreign = vmha_lease_foreign(act, &owner, &err);

	if (foreign < 0) {
		vmha_log(VMHA_LOG_ERROR, "%s", vmha_err_text(err));
		return VMHA_RULE_UNKNOWN;
	}
	if (vmha_run_lver(act, obs, &lver) < 0 && !obs->verdict.lease_missing) {
		/* never held it: an incoming skeleton, or libvirt starts or restores it just now */
		return VMHA_RULE_PAUSED;
	}
	if (vmha_source_feeds(act, obs)) {
		return VMHA_RULE_PAUSED;
	}
	if (foreign) {
		vmha_peer_name(owner.host.host_id, name);
		(void)snprintf(why, sizeof(why), "%s holds the lease: the memory here is stale",
			       name);
		return rule_kill(act, obs, why);
	}
	stale = vmha_lease_stale(act, obs, &lver, &err);
	if (stale == 1) {
		return rule_kill(act, obs,
				 "another host had its lease since: the memory here is stale");
	}
	if (surely_paused(obs)) {
		return VMHA_RULE_PAUSED;
	}
	if (stale == -ENOENT) {
		/* nothing says that this memory is the latest */
		return held_after_all(act, obs)
			       ? VMHA_RULE_KEPT
			       : rule_kill(act, obs,
					   "it runs and was never seen to hold its lease");
	}
	if (stale < 0) {
		vmha_log(VMHA_LOG_ERROR, "%s", vmha_err_text(err));
		return VMHA_RULE_UNKNOWN;
	}
	return rule_retake(act, obs, lver);
}

enum vmha_rule vmha_lease_rule(const struct vmha_action *act, struct vmha_observation *obs)
{
	if (obs->w.process != VMHA_PROCESS_ALIVE || obs->w.lease == VMHA_LEASE_HELD) {
		return VMHA_RULE_KEPT;
	}
	if (obs->w.lease == VMHA_LEASE_REGISTERED) {
		return rule_registered(act, obs);
	}
	return rule_unprotected(act, obs);
}
