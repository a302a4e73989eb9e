/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Questions to sanlock; each runs in a child of its own, see csv_ask(). */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "csv/csv.h"
#include "lib/base/cleanup.h"
#include "lib/base/str.h"
#include "lib/port/lease_sanlock.h"
#include "lib/port/nodes.h"

#define NS_PER_S 1000000000

int csv_ask_lockspace(const struct csv_params *p, struct csv_answer *answer, struct vmha_err **err)
{
	struct vmha_lockspace ls;
	struct vmha_host host;
	uint64_t host_id = 0;
	int64_t now_s;
	int r;

	r = vmha_volume_lockspace(p->volume, 0, &ls, err);
	r = r < 0 ? r : vmha_lockspace_joined(&ls, &host_id, err);
	if (r <= 0) {
		return r;
	}
	answer->value[0] = 1;
	answer->value[1] = host_id;
	r = vmha_lockspace_host(ls.name, host_id, &host, err);
	if (r == -EAGAIN) {
		return 0; /* joined this moment */
	}
	if (r < 0) {
		return r;
	}
	/* sanlock's timestamps are CLOCK_MONOTONIC in seconds (src/monotime.c) */
	now_s = vmha_mono_now().ns / NS_PER_S;
	answer->value[2] = now_s > (int64_t)host.timestamp && host.timestamp
				   ? (uint64_t)now_s - host.timestamp
				   : 0;
	answer->value[3] = host.io_timeout_s;
	return 0;
}

int csv_ask_join(const struct csv_params *p, struct csv_answer *answer, struct vmha_err **err)
{
	struct vmha_volume_record record;
	struct vmha_lockspace ls;
	unsigned int io_timeout_s;
	uint64_t self = 0;
	int r = csv_record_check(p, &record, err);

	if (r == 0) {
		r = vmha_nodes_self(&self, err);
	}
	if (r < 0) {
		return r;
	}
	if (self < 1 || self > VMHA_HOST_ID_MAX) {
		return vmha_err_set(
			err, -ERANGE,
			"this node's corosync nodeid is %llu, but it must be 1 to %d to "
			"serve as sanlock host id: change nodeid in corosync.conf",
			(unsigned long long)self, VMHA_HOST_ID_MAX);
	}
	r = vmha_volume_lockspace(p->volume, self, &ls, err);
	if (r < 0) {
		return r;
	}
	io_timeout_s = p->io_timeout_s ? p->io_timeout_s : (unsigned int)record.io_timeout_s;
	answer->value[0] = self;
	answer->value[3] = io_timeout_s;
	return vmha_lockspace_join(&ls, io_timeout_s, err);
}

/* Leases that this node holds, for the message. */
static void held_names(const char *volume, uint64_t host_id, struct vmha_str *names)
{
	vmha_autofree struct vmha_lease *leases = NULL;
	struct vmha_lease_index index;
	size_t count = 0;
	size_t i;

	if (vmha_volume_leases(volume, &index, NULL) < 0 ||
	    vmha_leases_list(&index, &leases, &count, NULL) < 0) {
		return;
	}
	for (i = 0; i < count; i++) {
		struct vmha_lease_owner owner;

		if (vmha_lease_owner(&leases[i], &owner, NULL) == 0 && owner.held &&
		    owner.host.host_id == host_id) {
			(void)vmha_str_add(names, "%s%s", names->len ? ", " : "", leases[i].name);
		}
	}
}

int csv_ask_leave(const struct csv_params *p, struct csv_answer *answer, struct vmha_err **err)
{
	/* an administrator's command holds its lease for seconds at most */
	struct vmha_mono deadline = vmha_mono_add(vmha_mono_now(), VMHA_SPAN_S(10));
	vmha_autostr struct vmha_str names = { 0 };
	struct vmha_lockspace ls;
	uint64_t host_id = 0;
	bool leaving;
	int r;

	(void)answer;
	r = vmha_volume_lockspace(p->volume, 0, &ls, err);
	r = r < 0 ? r : vmha_lockspace_joined(&ls, &host_id, err);
	if (r == -EEXIST) {
		/* one of this name from another place: never joined by us, and no VM here uses the
		 * volume; a failed stop would have the node fenced for it */
		return 0;
	}
	if (r == 0 || (r < 0 && r != -EBUSY)) {
		return r;
	}
	leaving = r == -EBUSY;
	ls.host_id = host_id;
	for (;;) {
		r = vmha_lockspace_leave(&ls, err);
		if (r != -EBUSY || vmha_mono_passed(deadline)) {
			break;
		}
		vmha_mono_pace(VMHA_SPAN_MS(500));
	}
	if (r != -EBUSY) {
		return r;
	}
	if (leaving) {
		return vmha_err_set(err, -ETIMEDOUT, "sanlock is still leaving volume %s",
				    p->volume);
	}
	held_names(p->volume, host_id, &names);
	return vmha_err_set(
		err, r,
		"leases of volume %s are held on this node (%s): stop or move their VMs "
		"first",
		p->volume, names.len ? names.text : "sanlock does not say which");
}
