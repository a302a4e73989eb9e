/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lib/port/quorum.h"

#include <corosync/corotypes.h>
#include <corosync/quorum.h>
#include <errno.h>
#include <stdlib.h>

struct vmha_quorum {
	quorum_handle_t handle;
	vmha_quorum_hook hook;
	void *owner;
	int fd;
};

static void on_notify(quorum_handle_t handle, uint32_t quorate, uint64_t ring_seq, uint32_t count,
		      uint32_t *list)
{
	const void *context = NULL;
	const struct vmha_quorum *q;

	if (quorum_context_get(handle, &context) == CS_OK && context) {
		q = context;
		q->hook(q->owner, quorate != 0, ring_seq, list, count);
	}
}

int vmha_quorum_open(struct vmha_quorum **ret, vmha_quorum_hook hook, void *owner,
		     struct vmha_err **err)
{
	quorum_callbacks_t callbacks = { .quorum_notify_fn = on_notify };
	struct vmha_quorum *q = calloc(1, sizeof(*q));
	uint32_t type = 0;
	cs_error_t cs;

	if (!q) {
		return vmha_err_set(err, -ENOMEM, "no memory for the quorum");
	}
	q->hook = hook;
	q->owner = owner;
	cs = quorum_initialize(&q->handle, &callbacks, &type);
	if (cs != CS_OK) {
		q->handle = 0;
	} else if (type != QUORUM_SET) {
		vmha_quorum_close(q);
		return vmha_err_set(err, -ENOTSUP,
				    "corosync.conf has no quorum provider: set "
				    "quorum.provider to corosync_votequorum");
	}
	cs = cs == CS_OK ? quorum_context_set(q->handle, q) : cs;
	cs = cs == CS_OK ? quorum_fd_get(q->handle, &q->fd) : cs;
	cs = cs == CS_OK ? quorum_trackstart(q->handle, CS_TRACK_CURRENT | CS_TRACK_CHANGES) : cs;
	if (cs != CS_OK) {
		vmha_quorum_close(q);
		return vmha_err_set(err, cs == CS_ERR_TRY_AGAIN ? -EAGAIN : -ENOTCONN,
				    "corosync: cannot follow the quorum: %s", cs_strerror(cs));
	}
	*ret = q;
	return 0;
}

int vmha_quorum_fd(const struct vmha_quorum *q)
{
	return q->fd;
}

int vmha_quorum_dispatch(struct vmha_quorum *q, struct vmha_err **err)
{
	cs_error_t cs = quorum_dispatch(q->handle, CS_DISPATCH_ALL);

	if (cs == CS_OK || cs == CS_ERR_TRY_AGAIN) {
		return 0;
	}
	return vmha_err_set(err, -ENOTCONN, "corosync: the quorum service is lost: %s",
			    cs_strerror(cs));
}

void vmha_quorum_close(struct vmha_quorum *q)
{
	if (!q) {
		return;
	}
	if (q->handle) {
		(void)quorum_finalize(q->handle);
	}
	free(q);
}
