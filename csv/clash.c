/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Does another host use this node's host id?  sanlock finds that out for itself only where the
 * other one has another name: a host of the same name it takes for this node's own former life, and
 * writes over its record, at which the other one loses its VMs.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "csv/csv.h"
#include "lib/base/cleanup.h"
#include "lib/base/proc.h"
#include "lib/base/str.h"
#include "lib/core/renewal.h"
#include "lib/port/lease_sanlock.h"
#include "lib/port/nodes.h"

#define READ_LIMIT VMHA_SPAN_S(60)

/* What storage says of a host id. */
struct holder {
	char name[VMHA_NAME_SIZE + 1];
	unsigned long long generation;
	unsigned long long timestamp; /* 0: free */
	unsigned int io_timeout_s;
};

/* No call of libsanlock tells the name; its tool does. */
static int holder_read(const struct vmha_lockspace *ls, struct holder *ret, struct vmha_err **err)
{
	vmha_autofree char *place =
		vmha_str_printf("%s:%llu:%s:%llu", ls->name, (unsigned long long)ls->host_id,
				ls->path, (unsigned long long)ls->offset);
	const char *const argv[] = { "sanlock", "direct", "read_leader", "-s", place, NULL };
	vmha_autoresult struct vmha_proc_result res = { 0 };
	struct holder h = { 0 };
	char *save = NULL;
	char *line;
	int r = place ? vmha_proc_check(argv, NULL, READ_LIMIT, &res, err) : -ENOMEM;

	if (r < 0) {
		return r;
	}
	for (line = strtok_r(res.output, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		(void)sscanf(line, "resource_name %48s", h.name);
		(void)sscanf(line, "owner_generation %llu", &h.generation);
		(void)sscanf(line, "timestamp %llu", &h.timestamp);
		(void)sscanf(line, "io_timeout %u", &h.io_timeout_s);
	}
	*ret = h;
	return 0;
}

static int clash(const struct vmha_lockspace *ls, const struct holder *h, struct vmha_err **err)
{
	return vmha_err_set(
		err, -EADDRINUSE,
		"host id %llu of volume %s is in use: a host that calls itself %s renews it, and "
		"it is not this node, which has not joined; either two nodes have the same nodeid "
		"in corosync.conf, or another cluster uses this volume (sanlock's our_host_name "
		"says who it is)",
		(unsigned long long)ls->host_id, ls->name, *h->name ? h->name : "nothing");
}

int csv_ask_clash(const struct csv_params *p, struct csv_answer *answer, struct vmha_err **err)
{
	struct holder first = { 0 };
	struct holder now = { 0 };
	struct vmha_lockspace ls;
	struct vmha_mono until;
	uint64_t self = 0;
	int r = vmha_nodes_self(&self, err);

	(void)answer;
	if (r < 0 || self < 1 || self > VMHA_HOST_ID_MAX) {
		return r; /* joining says what is wrong with it */
	}
	r = vmha_volume_lockspace(p->volume, self, &ls, err);
	r = r < 0 ? r : holder_read(&ls, &first, err);
	if (r < 0 || !first.timestamp) {
		return r;
	}
	/* this node's own former life renews no more; whoever lives is not as late as that */
	until = vmha_mono_add(vmha_mono_now(),
			      VMHA_SPAN_S(vmha_lease_times(first.io_timeout_s).late_s));
	now = first;
	while (r == 0 && !vmha_mono_passed(until)) {
		vmha_mono_pace(VMHA_SPAN_S(1));
		r = holder_read(&ls, &now, err);
		if (r == 0 && now.timestamp &&
		    (now.timestamp != first.timestamp || now.generation != first.generation)) {
			return clash(&ls, &now, err);
		}
	}
	return r;
}
