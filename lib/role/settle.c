/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lib/role/settle.h"

#include <errno.h>

#include "lib/base/cleanup.h"
#include "lib/base/log.h"
#include "lib/role/leaserule.h"
#include "lib/role/moving.h"
#include "lib/role/peers.h"
#include "lib/role/present.h"

#define SETTLE_MS 30000

static bool target_has_it(const struct vmha_action *act, const char *target)
{
	struct vmha_lease_owner owner = { 0 };
	struct vmha_peer peer = { 0 };

	return vmha_lease_foreign(act, &owner, NULL) == 1 &&
	       vmha_peer_find(target, &peer, NULL) == 0 && owner.host.host_id == peer.host_id;
}

/* Nothing is left here.  The lease tells whether the target was the guest: it may have died. */
static int settle_gone(const struct vmha_action *act, uint64_t lver)
{
	uint64_t host_id = 0;
	int r = vmha_lease_taken_since(&act->lease, lver, act->host_id, &host_id, NULL);

	if (r < 0) {
		return -EAGAIN;
	}
	return r == 1 ? VMHA_SETTLED_TARGET : VMHA_SETTLED_GONE;
}

static int settle_paused(const struct vmha_action *act, struct vmha_observation *obs)
{
	vmha_autoerr struct vmha_err *err = NULL;

	if (obs->w.virt == VMHA_VIRT_PAUSED || obs->w.virt == VMHA_VIRT_PAUSED_IOERROR ||
	    obs->w.virt == VMHA_VIRT_PAUSED_WATCHDOG) {
		return VMHA_SETTLED_HERE; /* but not by the migration */
	}
	if (vmha_source_resume(act, obs, &err) == 0) {
		return VMHA_SETTLED_HERE;
	}
	vmha_log(VMHA_LOG_WARNING, "vm=%s %s", act->role.name, vmha_err_text(err));
	return -EAGAIN;
}

/*
 *   source (here)                          target
 *   paused at the end, lver L              Finish: takes the lease (L+1), runs, writes
 *   the reply is lost                      its QEMU dies: the lease is free at once
 *   libvirtd resumes the guest; its
 *   plugin takes the lease at any
 *   generation (L+2): old memory runs
 * The lease is held, so only the blocks of the other hosts tell.
 */
static bool resumed_stale(const struct vmha_action *act, uint64_t lver,
			  const struct vmha_observation *obs)
{
	uint64_t host_id = 0;

	return obs->lver > lver + 1 &&
	       vmha_lease_taken_since(&act->lease, lver, act->host_id, &host_id, NULL) == 1 &&
	       vmha_stale_kill(act, obs,
			       "libvirt resumed it after the target had been the guest: its memory "
			       "is stale",
			       NULL) == 0;
}

/*
 * Neither QEMU can use that memory any more:
 *
 *   source (here)                          target
 *   post-copy begins, lease released       paused, device state there
 *   both lose the network                  Finish never comes: it will end by itself
 *   paused; nobody had the lease since,
 *   so it may have been retaken ("cont"
 *   is refused all the same)
 *
 * With its lease that must last, and its record must say so: a guest that has once arrived by a
 * post-copy with trouble holds its lease here, too, and is well.
 */
static bool postcopy_dead(const struct vmha_action *act, const struct vmha_observation *obs,
			  bool late)
{
	bool broken = obs->w.virt == VMHA_VIRT_POSTCOPY_BROKEN;
	struct vmha_moving m = { 0 };

	if (obs->w.process != VMHA_PROCESS_ALIVE ||
	    (!broken && obs->w.virt != VMHA_VIRT_POSTCOPY)) {
		return false;
	}
	if (obs->w.lease != VMHA_LEASE_HELD) {
		return broken;
	}
	return late && vmha_moving_postcopy(act, &m);
}

/* @return of enum vmha_settled; -EAGAIN look again */
static int settle_once(const struct vmha_action *act, const char *target, uint64_t lver, bool late,
		       struct vmha_observation *obs)
{
	vmha_observe(act, true, obs);
	if (vmha_source_feeds(act, obs)) {
		return -EAGAIN;
	}
	if (postcopy_dead(act, obs, late)) {
		(void)vmha_stale_kill(act, obs, "its post-copy broke off: no guest can use it",
				      NULL);
		return -EAGAIN;
	}
	if (target_has_it(act, target)) {
		if (obs->w.process == VMHA_PROCESS_ALIVE &&
		    vmha_stale_kill(act, obs, "the target has its lease and runs", NULL) < 0) {
			return -EAGAIN;
		}
		return VMHA_SETTLED_TARGET;
	}
	if (obs->verdict.place == VMHA_PLACE_NOT_RUNNING) {
		return settle_gone(act, lver);
	}
	if (obs->verdict.healthy) {
		return resumed_stale(act, lver, obs) ? -EAGAIN : VMHA_SETTLED_HERE;
	}
	switch (vmha_lease_rule(act, obs)) {
	case VMHA_RULE_RETAKEN:
		return VMHA_SETTLED_HERE;
	case VMHA_RULE_KEPT:
		return obs->verdict.healthy			   ? VMHA_SETTLED_HERE
		       : obs->w.virt == VMHA_VIRT_PAUSED_MIGRATION ? settle_paused(act, obs)
								   : -EAGAIN;
	case VMHA_RULE_PAUSED:
		return settle_paused(act, obs);
	case VMHA_RULE_KILLED:
	case VMHA_RULE_UNPROTECTED:
	case VMHA_RULE_UNKNOWN:
		break;
	}
	return -EAGAIN;
}

int vmha_settle(const struct vmha_action *act, const char *target, uint64_t lver,
		struct vmha_observation *ret_obs, struct vmha_err **err)
{
	struct vmha_mono end =
		vmha_mono_add(vmha_mono_now(), vmha_action_left(act, VMHA_SPAN_MS(SETTLE_MS)));
	/* libvirt cleans up after its own failure first: it resumes the source, with its lease */
	struct vmha_mono patient = vmha_mono_add(vmha_mono_now(), VMHA_SPAN_S(2));
	struct vmha_mono late = vmha_mono_add(vmha_mono_now(), VMHA_SPAN_S(10));

	for (;;) {
		int r;

		if (!vmha_mono_passed(patient)) {
			vmha_observe(act, true, ret_obs);
			if (ret_obs->w.virt == VMHA_VIRT_PAUSED_MIGRATION) {
				vmha_mono_pace(VMHA_SPAN_MS(200));
				continue;
			}
		}
		r = settle_once(act, target, lver, vmha_mono_passed(late), ret_obs);
		if (r >= 0) {
			return r;
		}
		if (vmha_mono_passed(end)) {
			return vmha_err_set(err, -EIO,
					    "neither %s (%s) nor %s confirms to run %s with its "
					    "lease",
					    act->node, ret_obs->text, target, act->role.name);
		}
		vmha_mono_pace(VMHA_SPAN_MS(500));
	}
}
