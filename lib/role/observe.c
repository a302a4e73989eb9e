/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lib/role/observe.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "lib/base/proc.h"
#include "lib/base/str.h"
#include "lib/port/virt.h"
#include "lib/role/process.h"

#define VIRT_PATIENCE VMHA_SPAN_S(5)

static enum vmha_lease_witness lease_ask(const struct vmha_action *act, pid_t pid,
					 uint64_t *ret_lver)
{
	int r = vmha_lease_held_by(&act->lease, pid, ret_lver, NULL);

	switch (r) {
	case 1:
		return VMHA_LEASE_HELD;
	case 0:
	case -EBUSY: /* an acquire or release for it is under way */
		return VMHA_LEASE_REGISTERED;
	case -ESRCH:
		return VMHA_LEASE_NOT_REGISTERED;
	default:
		return VMHA_LEASE_SILENT;
	}
}

static void observe_process(const struct vmha_action *act, struct vmha_observation *obs)
{
	struct vmha_process found = vmha_process_find(act->role.name, act->rec.uuid);

	obs->w.process = found.witness;
	obs->w.lease = VMHA_LEASE_NO_PID;
	if (found.witness != VMHA_PROCESS_ALIVE) {
		return;
	}
	obs->pid = found.pid;
	obs->start_ticks = found.start_ticks;
	obs->w.lease = lease_ask(act, obs->pid, &obs->lver);
	if (obs->w.lease != VMHA_LEASE_HELD && !vmha_proc_is(obs->pid, obs->start_ticks)) {
		/* it ended between the two questions */
		obs->w.process = VMHA_PROCESS_NONE;
		obs->w.lease = VMHA_LEASE_NO_PID;
		obs->pid = 0;
	}
}

void vmha_observe(const struct vmha_action *act, bool ask_virt, struct vmha_observation *ret_obs)
{
	struct vmha_observation obs = { 0 };
	vmha_autostr struct vmha_str text = { 0 };

	/* libvirtd first: a guest that it is just about to create is then seen as a process; the
	 * other way round both could say "no" of a guest that comes between the questions */
	if (ask_virt && vmha_virt_ask(act->rec.uuid, vmha_action_left(act, VIRT_PATIENCE),
				      &obs.w.virt, NULL) < 0) {
		obs.w.virt = VMHA_VIRT_SILENT;
	}
	observe_process(act, &obs);
	obs.verdict = vmha_evidence_judge(&obs.w);
	(void)vmha_evidence_describe(&obs.w, &text);
	(void)snprintf(obs.text, sizeof(obs.text), "%s", text.text ? text.text : "");
	*ret_obs = obs;
}

void vmha_observe_settled(const struct vmha_action *act, struct vmha_span patience,
			  struct vmha_observation *ret_obs)
{
	struct vmha_mono end = vmha_mono_add(vmha_mono_now(), vmha_action_left(act, patience));

	for (;;) {
		vmha_observe(act, true, ret_obs);
		if (ret_obs->verdict.place != VMHA_PLACE_UNKNOWN || vmha_mono_passed(end)) {
			return;
		}
		/* three witnesses, none with an event that a short-lived process could await */
		vmha_mono_pace(VMHA_SPAN_MS(200));
	}
}

int vmha_run_store(const struct vmha_action *act, const struct vmha_observation *obs, uint64_t lver,
		   struct vmha_err **err)
{
	struct vmha_run_record run = { .pid = obs->pid,
				       .start_ticks = obs->start_ticks,
				       .lver = lver };

	memcpy(run.uuid, act->rec.uuid, sizeof(run.uuid));
	memcpy(run.volume, act->role.volume, sizeof(run.volume));
	return vmha_role_store(&act->role, VMHA_RECORD_RUN, &run, err);
}

int vmha_run_lver(const struct vmha_action *act, const struct vmha_observation *obs,
		  uint64_t *ret_lver)
{
	struct vmha_run_record run = { 0 };

	if (vmha_role_load(&act->role, VMHA_RECORD_RUN, &run, NULL) < 0 || run.pid != obs->pid ||
	    run.start_ticks != obs->start_ticks) {
		return -ENOENT;
	}
	*ret_lver = run.lver;
	return 0;
}
