/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lib/port/cpg.h"

#include <corosync/cpg.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct vmha_cpg {
	cpg_handle_t handle;
	const struct vmha_cpg_hooks *hooks;
	void *owner;
	int fd;
	unsigned int self;
};

static int code_of(cs_error_t cs)
{
	if (cs == CS_OK) {
		return 0;
	}
	if (cs == CS_ERR_TRY_AGAIN || cs == CS_ERR_QUEUE_FULL || cs == CS_ERR_BUSY ||
	    cs == CS_ERR_INTERRUPT) {
		return -EAGAIN;
	}
	if (cs == CS_ERR_TOO_BIG || cs == CS_ERR_INVALID_PARAM) {
		return -EMSGSIZE;
	}
	return cs == CS_ERR_NO_MEMORY ? -ENOMEM : -ENOTCONN;
}

static struct vmha_cpg *cpg_of(cpg_handle_t handle)
{
	void *context = NULL;

	return cpg_context_get(handle, &context) == CS_OK ? context : NULL;
}

static void on_deliver(cpg_handle_t handle, const struct cpg_name *group, uint32_t node,
		       uint32_t pid, void *data, size_t len)
{
	const struct vmha_cpg *cpg = cpg_of(handle);

	(void)group;
	if (cpg) {
		cpg->hooks->deliver(cpg->owner, node, pid, data, len);
	}
}

static enum vmha_cpg_reason reason_of(uint32_t reason)
{
	switch (reason) {
	case CPG_REASON_LEAVE:
		return VMHA_CPG_LEFT;
	case CPG_REASON_PROCDOWN:
		return VMHA_CPG_PROCDOWN;
	case CPG_REASON_NODEDOWN:
		return VMHA_CPG_NODEDOWN;
	default:
		return VMHA_CPG_HERE;
	}
}

static size_t list_copy(struct vmha_cpg_member *to, const struct cpg_address *from, size_t count)
{
	size_t i;

	count = count > VMHA_CPG_MEMBERS_MAX ? VMHA_CPG_MEMBERS_MAX : count;
	for (i = 0; i < count; i++) {
		to[i] = (struct vmha_cpg_member){ .node = from[i].nodeid,
						  .pid = from[i].pid,
						  .reason = reason_of(from[i].reason) };
	}
	return count;
}

static void on_confchg(cpg_handle_t handle, const struct cpg_name *group,
		       const struct cpg_address *member_list, size_t member_list_entries,
		       const struct cpg_address *left_list, size_t left_list_entries,
		       const struct cpg_address *joined_list, size_t joined_list_entries)
{
	const struct vmha_cpg *cpg = cpg_of(handle);
	struct vmha_cpg_member members[VMHA_CPG_MEMBERS_MAX];
	struct vmha_cpg_member left[VMHA_CPG_MEMBERS_MAX];
	struct vmha_cpg_member joined[VMHA_CPG_MEMBERS_MAX];
	size_t members_count = list_copy(members, member_list, member_list_entries);
	size_t left_count = list_copy(left, left_list, left_list_entries);
	size_t joined_count = list_copy(joined, joined_list, joined_list_entries);

	(void)group;
	if (cpg) {
		cpg->hooks->members(cpg->owner, members, members_count, left, left_count, joined,
				    joined_count);
	}
}

static int fail(struct vmha_cpg *cpg, cs_error_t cs, const char *what, struct vmha_err **err)
{
	int code = cs == CS_ERR_LIBRARY ? -ECONNREFUSED : code_of(cs);

	vmha_cpg_close(cpg);
	return vmha_err_set(err, code == 0 ? -ENOTCONN : code, "corosync: %s: %s", what,
			    cs_strerror(cs));
}

int vmha_cpg_open(struct vmha_cpg **ret, const char *group, const struct vmha_cpg_hooks *hooks,
		  void *owner, struct vmha_err **err)
{
	cpg_model_v1_data_t callbacks = { .model = CPG_MODEL_V1,
					  .cpg_deliver_fn = on_deliver,
					  .cpg_confchg_fn = on_confchg };
	struct cpg_name name = { .length = (uint32_t)strlen(group) };
	struct vmha_cpg *cpg = calloc(1, sizeof(*cpg));
	cs_error_t cs;

	if (!cpg || name.length >= sizeof(name.value)) {
		free(cpg);
		return vmha_err_set(err, -ENOMEM, "no memory for the process group");
	}
	(void)memcpy(name.value, group, name.length);
	cpg->hooks = hooks;
	cpg->owner = owner;
	cs = cpg_model_initialize(&cpg->handle, CPG_MODEL_V1, (cpg_model_data_t *)&callbacks, cpg);
	if (cs != CS_OK) {
		cpg->handle = 0;
		return fail(cpg, cs, "cannot connect to process groups", err);
	}
	cs = cpg_fd_get(cpg->handle, &cpg->fd);
	cs = cs == CS_OK ? cpg_local_get(cpg->handle, &cpg->self) : cs;
	cs = cs == CS_OK ? cpg_join(cpg->handle, &name) : cs;
	if (cs != CS_OK) {
		return fail(cpg, cs, "cannot join the process group", err);
	}
	*ret = cpg;
	return 0;
}

int vmha_cpg_fd(const struct vmha_cpg *cpg)
{
	return cpg->fd;
}

uint32_t vmha_cpg_self(const struct vmha_cpg *cpg)
{
	return cpg->self;
}

int vmha_cpg_dispatch(struct vmha_cpg *cpg, struct vmha_err **err)
{
	cs_error_t cs = cpg_dispatch(cpg->handle, CS_DISPATCH_ALL);

	if (cs == CS_OK || cs == CS_ERR_TRY_AGAIN) {
		return 0;
	}
	return vmha_err_set(err, -ENOTCONN, "corosync: the process group is lost: %s",
			    cs_strerror(cs));
}

int vmha_cpg_send(struct vmha_cpg *cpg, const void *head, size_t head_len, const void *body,
		  size_t body_len)
{
	struct iovec iov[] = {
		{ .iov_base = (void *)(uintptr_t)head, .iov_len = head_len },
		{ .iov_base = (void *)(uintptr_t)body, .iov_len = body_len },
	};

	return code_of(cpg_mcast_joined(cpg->handle, CPG_TYPE_AGREED, iov, body_len ? 2 : 1));
}

void vmha_cpg_close(struct vmha_cpg *cpg)
{
	if (!cpg) {
		return;
	}
	if (cpg->handle) {
		(void)cpg_finalize(cpg->handle);
	}
	free(cpg);
}
