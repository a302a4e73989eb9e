/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The part of the sanlock port that the thin monitor links: it needs libsanlock_client only. */
#include "lib/port/lease_sanlock.h"

#include <errno.h>
#include <sanlock.h>
#include <sanlock_admin.h>
#include <sanlock_resource.h>
#include <sanlock_rv.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/cleanup.h"
#include "lib/base/mono.h"
#include "lib/core/renewal.h"

unsigned int vmha_sanlock_renewal_s(unsigned int io_timeout_s)
{
	return vmha_lease_times(io_timeout_s).renewal_s;
}

unsigned int vmha_sanlock_renewal_warn_s(unsigned int io_timeout_s)
{
	return vmha_lease_times(io_timeout_s).warn_s;
}

unsigned int vmha_sanlock_renewal_fail_s(unsigned int io_timeout_s)
{
	return vmha_lease_times(io_timeout_s).fail_s;
}

unsigned int vmha_sanlock_host_dead_s(unsigned int io_timeout_s)
{
	return vmha_lease_times(io_timeout_s).host_dead_s;
}

unsigned int vmha_sanlock_join_s(unsigned int io_timeout_s)
{
	return vmha_lease_times(io_timeout_s).join_s;
}

static const struct {
	int rv;
	int code;
} code_map[] = {
	{ -1, -ECONNREFUSED },		/* short answer: the daemon died in the middle of it */
	{ -ECONNRESET, -ECONNREFUSED }, /* it died with our connection still in its queue */
	{ -EPIPE, -ECONNREFUSED },
	{ -ENOTCONN, -ECONNREFUSED },
	{ SANLK_AIO_TIMEOUT, -ETIMEDOUT },
	{ SANLK_DBLOCK_LVER, -EBUSY }, /* ballots lost to another host */
	{ SANLK_DBLOCK_MBAL, -EBUSY },
	{ SANLK_LEADER_MAGIC, -EBADMSG },
	{ SANLK_LEADER_VERSION, -EBADMSG },
	{ SANLK_LEADER_SECTORSIZE, -EBADMSG },
	{ SANLK_LEADER_LOCKSPACE, -EBADMSG },
	{ SANLK_LEADER_RESOURCE, -EBADMSG },
	{ SANLK_LEADER_NUMHOSTS, -EBADMSG },
	{ SANLK_LEADER_CHECKSUM, -EBADMSG },
	{ SANLK_ADDLS_INVALID_HOSTID, -EINVAL },
	{ SANLK_ACQUIRE_LVER, -EPERM },
	{ SANLK_ACQUIRE_LOCKSPACE, -ENOSPC },
	{ SANLK_ACQUIRE_IDLIVE, -EBUSY },
	{ SANLK_ACQUIRE_OWNED, -EBUSY },
	{ SANLK_ACQUIRE_OTHER, -EBUSY },
	{ SANLK_ACQUIRE_SHRETRY, -EBUSY },
	{ SANLK_ACQUIRE_OWNED_RETRY, -EBUSY },
	{ SANLK_HOSTID_BUSY, -EADDRINUSE },
	{ SANLK_RINDEX_MAGIC, -EBADMSG },
	{ SANLK_RINDEX_VERSION, -EBADMSG },
	{ SANLK_RINDEX_LOCKSPACE, -EBADMSG },
};

int vmha_sanlock_errno(int rv)
{
	size_t i;

	for (i = 0; i < sizeof(code_map) / sizeof(code_map[0]); i++) {
		if (code_map[i].rv == rv) {
			return code_map[i].code;
		}
	}
	return rv > SANLK_ERROR ? rv : -EIO;
}

bool vmha_sanlock_alive(void)
{
	uint32_t version = 0;
	uint32_t proto = 0;

	return sanlock_version(0, &version, &proto) >= 0;
}

int vmha_sanlock_fail(struct vmha_err **err, int rv, const char *fmt, ...)
{
	vmha_autofree char *what = NULL;
	int code = vmha_sanlock_errno(rv);
	va_list ap;

	va_start(ap, fmt);
	if (vasprintf(&what, fmt, ap) < 0) {
		what = NULL;
	}
	va_end(ap);
	/* -ENOENT is both "no such lockspace" and "no socket": only the daemon can tell */
	if (code == -ECONNREFUSED || (code == -ENOENT && !vmha_sanlock_alive())) {
		return vmha_err_set(err, -ECONNREFUSED,
				    "%s: the sanlock daemon of this node does not answer",
				    what ? what : "?");
	}
	if (rv == SANLK_ACQUIRE_LVER) { /* sanlock has no words for it */
		return vmha_err_set(err, code, "%s: its generation is another (sanlock code %d)",
				    what ? what : "?", rv);
	}
	/* the daemon is not root; where it can open nothing it says "no such device" */
	if (code == -EACCES || code == -ENODEV) {
		return vmha_err_set(err, code,
				    "%s: sanlock cannot open it: is it there, and may user sanlock "
				    "read and write it (a device: by its group disk; a file: as "
				    "its owner)?",
				    what ? what : "?");
	}
	if (rv <= SANLK_ERROR) {
		return vmha_err_set(err, code, "%s: %s (sanlock code %d)", what ? what : "?",
				    sanlock_strerror(rv), rv);
	}
	return vmha_err_errno(err, code, "%s", what ? what : "?");
}

/* sanlock refuses an inquiry while another command for that pid is under way (libvirt acquiring or
 * releasing): that passes within moments, and the daemon tells nobody when. */
static int inquire_patiently(pid_t pid, int *ret_count, char **ret_state)
{
	struct vmha_mono deadline = vmha_mono_add(vmha_mono_now(), VMHA_SPAN_S(3));
	int rv;

	for (;;) {
		rv = sanlock_inquire(-1, pid, 0, ret_count, ret_state);
		if (rv != -EBUSY || vmha_mono_passed(deadline)) {
			return rv;
		}
		vmha_mono_pace(VMHA_SPAN_MS(50));
	}
}

static bool resource_is(const struct sanlk_resource *res, const struct vmha_lease *lease)
{
	return strncmp(res->lockspace_name, lease->lockspace, SANLK_NAME_LEN) == 0 &&
	       strncmp(res->name, lease->name, SANLK_NAME_LEN) == 0;
}

static void resources_free(struct sanlk_resource **res, int count)
{
	int i;

	for (i = 0; i < count; i++) {
		free(res[i]);
	}
	free(res);
}

int vmha_lease_held_by(const struct vmha_lease *lease, pid_t pid, uint64_t *ret_lver,
		       struct vmha_err **err)
{
	vmha_autofree char *state = NULL;
	struct sanlk_resource **res = NULL;
	int count = 0;
	int held = 0;
	int rv;
	int i;

	rv = inquire_patiently(pid, &count, &state);
	if (rv == -ESTALE) {
		rv = -ESRCH; /* sanlock has seen it die */
	}
	if (rv < 0) {
		return vmha_sanlock_fail(err, rv, "cannot ask sanlock for the leases of pid %d",
					 (int)pid);
	}
	if (!state || !*state) {
		return 0;
	}
	rv = sanlock_state_to_args(state, &count, &res);
	if (rv < 0) {
		return vmha_sanlock_fail(err, rv, "cannot read the leases of pid %d", (int)pid);
	}
	for (i = 0; i < count && !held; i++) {
		held = resource_is(res[i], lease) ? 1 : 0;
		if (held && ret_lver) {
			*ret_lver = res[i]->lver;
		}
	}
	resources_free(res, count);
	return held;
}
