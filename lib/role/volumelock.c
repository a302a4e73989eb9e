/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lib/role/volumelock.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "lib/base/cleanup.h"
#include "lib/base/str.h"
#include "lib/core/lockvalue.h"
#include "lib/core/volumetype.h"
#include "lib/port/lease_sanlock.h"
#include "lib/port/nodes.h"
#include "lib/role/volume.h"

#define POLL_MS 250
#define PEEK_MS 2000

void vmha_volume_dlm_name(const char *volume, char *name)
{
	(void)snprintf(name, VMHA_LOCKSPACE_SIZE, "vmha-%s", volume);
}

int vmha_volume_uses_dlm(const char *volume, struct vmha_err **err)
{
	struct vmha_volume_record record;
	int r = vmha_volume_load(volume, VMHA_VOLUME_RECORD, &record, err);

	if (r == -ENOENT) {
		return vmha_err_set(err, -EHOSTDOWN,
				    "volume %s is not there on this node: is it started here "
				    "('vmha volume list')?",
				    volume);
	}
	return r < 0 ? r : vmha_str_eq(record.lock, vmha_volume_lock_name(VMHA_VOLUME_LOCK_DLM));
}

/* --- who has it ----------------------------------------------------------------------------- */

static int holder_dlm(const char *volume, const char *which, struct vmha_mono deadline,
		      struct vmha_volume_holder *holder, struct vmha_err **err)
{
	struct vmha_lockvalue said = { 0 };
	struct vmha_dlm_value value;
	char lockspace[VMHA_LOCKSPACE_SIZE];
	int r;

	vmha_volume_dlm_name(volume, lockspace);
	r = vmha_dlm_peek(lockspace, which, deadline, &value, &holder->held, err);
	if (r == 0 && vmha_lockvalue_parse(value.bytes, &said)) {
		holder->node = said.node;
		holder->epoch = said.epoch;
	}
	return r;
}

static int lease_of(const char *volume, const char *which, struct vmha_lease *ret_lease,
		    struct vmha_err **err)
{
	struct vmha_lease_index index;
	int r = vmha_volume_leases(volume, &index, err);

	return r < 0 ? r
		     : vmha_lease_find(&index,
				       vmha_str_eq(which, VMHA_LOCK_ADMIN) ? VMHA_ADMIN_LEASE
									   : VMHA_COORDINATOR_LEASE,
				       ret_lease, err);
}

static int holder_sanlock(const char *volume, const char *which, struct vmha_volume_holder *holder,
			  struct vmha_err **err)
{
	struct vmha_lease_owner owner;
	struct vmha_lease lease;
	int r = lease_of(volume, which, &lease, err);

	r = r < 0 ? r : vmha_lease_owner(&lease, &owner, err);
	if (r == 0) {
		holder->held = owner.held && !owner.takeable;
		holder->dead = owner.held && owner.takeable;
		holder->node = owner.held ? owner.host.host_id : 0;
		holder->epoch = owner.lver;
	}
	return r;
}

int vmha_volume_holder(const char *volume, const char *which, struct vmha_mono deadline,
		       struct vmha_volume_holder *ret_holder, struct vmha_err **err)
{
	struct vmha_volume_holder holder = { 0 };
	int r = vmha_volume_uses_dlm(volume, err);

	if (r == 1) {
		r = holder_dlm(volume, which, deadline, &holder, err);
	} else if (r == 0) {
		r = holder_sanlock(volume, which, &holder, err);
	}
	if (r == 0) {
		*ret_holder = holder;
	}
	return r;
}

/* @return false: it cannot be told; @name is "another node" then */
static bool holder_name(const char *volume, char *name)
{
	struct vmha_mono deadline = vmha_mono_add(vmha_mono_now(), VMHA_SPAN_MS(PEEK_MS));
	vmha_autonodes struct vmha_nodes nodes = { 0 };
	struct vmha_volume_holder holder;

	(void)snprintf(name, VMHA_NODE_SIZE, "another node");
	if (vmha_volume_holder(volume, VMHA_LOCK_ADMIN, deadline, &holder, NULL) == 0 &&
	    (holder.held || holder.dead) && holder.node && vmha_nodes_read(&nodes, NULL) == 0) {
		(void)vmha_nodes_name(&nodes, holder.node, name);
		return true;
	}
	return false;
}

/* --- the admin lock ------------------------------------------------------------------------- */

static int busy(const char *volume, unsigned int wait_s, struct vmha_err **err)
{
	char name[VMHA_NODE_SIZE];

	bool known = holder_name(volume, name);

	return vmha_err_set(
		err, -EBUSY,
		"volume %s is locked by a command on %s for over %u s%s: try again when "
		"that has ended",
		volume, name, wait_s, known ? "" : ", or the cluster waits for a fencing");
}

static void waits_tell(const char *volume, struct vmha_volume_guard *guard, bool *told)
{
	char name[VMHA_NODE_SIZE];

	if (guard->waits && !*told) {
		(void)holder_name(volume, name);
		guard->waits(name, guard->data);
	}
	*told = true;
}

static int take_sanlock(const char *volume, struct vmha_mono deadline,
			struct vmha_volume_guard *guard, struct vmha_err **err)
{
	struct vmha_lease lease;
	bool told = false;
	int r = lease_of(volume, VMHA_LOCK_ADMIN, &lease, err);

	/* a lease on storage gives no event when it becomes free */
	while (r == 0) {
		r = vmha_lease_take(&lease, &guard->lease, err);
		if (r != -EBUSY || vmha_mono_passed(deadline)) {
			break;
		}
		waits_tell(volume, guard, &told);
		vmha_mono_pace(VMHA_SPAN_MS(POLL_MS));
		r = 0;
	}
	return r;
}

/* Those who wait read from the value whom they wait for. */
static int name_leave(struct vmha_dlm *dlm, const char *volume, struct vmha_mono deadline,
		      struct vmha_err **err)
{
	struct vmha_joined_record joined = { 0 };
	struct vmha_lockvalue me = { 0 };
	struct vmha_dlm_value value = { 0 };

	if (vmha_volume_load(volume, VMHA_VOLUME_JOINED, &joined, NULL) == 0) {
		me.node = (uint32_t)joined.host_id;
	}
	vmha_lockvalue_print(&me, value.bytes);
	return vmha_dlm_convert(dlm, VMHA_DLM_EXCLUSIVE, false, deadline, &value, NULL, err);
}

static int take_dlm(const char *volume, struct vmha_mono deadline, struct vmha_volume_guard *guard,
		    struct vmha_err **err)
{
	struct vmha_mono soon = vmha_mono_add(vmha_mono_now(), VMHA_SPAN_MS(POLL_MS));
	char lockspace[VMHA_LOCKSPACE_SIZE];
	bool told = false;
	int r;

	vmha_volume_dlm_name(volume, lockspace);
	r = vmha_dlm_open(lockspace, VMHA_LOCK_ADMIN, &guard->dlm, err);
	r = r < 0 ? r : vmha_dlm_request(guard->dlm, VMHA_DLM_EXCLUSIVE, false, NULL, err);
	if (r == 0) {
		r = vmha_dlm_wait(guard->dlm, soon.ns < deadline.ns ? soon : deadline, NULL, err);
	}
	if (r == -ETIMEDOUT && !vmha_mono_passed(deadline)) {
		waits_tell(volume, guard, &told);
		r = vmha_dlm_wait(guard->dlm, deadline, NULL, err);
	}
	r = r < 0 ? r : name_leave(guard->dlm, volume, deadline, err);
	if (r < 0) {
		vmha_dlm_close(vmha_steal_ptr(guard->dlm));
	}
	return r == -ETIMEDOUT ? -EBUSY : r;
}

int vmha_volume_lock(const char *volume, unsigned int wait_s, struct vmha_volume_guard *guard,
		     struct vmha_err **err)
{
	struct vmha_mono deadline = vmha_mono_add(vmha_mono_now(), VMHA_SPAN_S(wait_s));
	vmha_autoerr struct vmha_err *last = NULL; /* of a try, which a later one may make good */
	int r = vmha_volume_uses_dlm(volume, &last);

	guard->lease = -1;
	guard->dlm = NULL;
	if (r >= 0) {
		r = r ? take_dlm(volume, deadline, guard, &last)
		      : take_sanlock(volume, deadline, guard, &last);
	}
	guard->held = r == 0;
	if (r == -EBUSY) {
		return busy(volume, wait_s, err);
	}
	if (r < 0 && err) {
		*err = vmha_steal_ptr(last);
	}
	return r;
}

void vmha_volume_unlock(struct vmha_volume_guard *guard)
{
	if (!guard->held) {
		return;
	}
	guard->held = false;
	vmha_lease_give(&guard->lease);
	vmha_dlm_close(vmha_steal_ptr(guard->dlm));
}
