/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Whom the monitor of a GFS2 has fenced when the file system is silent: storage and sanlock are
 * fakes. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "csv/csv.h"
#include "lib/role/mounted.h"
#include "tests/unit/unit.h"

#define MONITOR_MS 7500 /* of the action, 30 s in the product */

static unsigned int io_timeout_s;
static int64_t silent_before_s; /* when the action begins */
static int device;		/* what csv_device_lost() says */
static uint64_t renewed_s;	/* so long ago was the last renewal */

/* --- fakes ---------------------------------------------------------------------------------- */

enum vmha_ocf csv_fail(enum vmha_ocf rc, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	(void)printf("# ");
	(void)vprintf(fmt, ap);
	(void)printf("\n");
	va_end(ap);
	return rc;
}

/* Hangs until its deadline. */
int csv_health_check(const struct csv_params *p, struct vmha_mono deadline, int64_t *ret_silent_s,
		     struct vmha_err **err)
{
	struct vmha_mono begin = vmha_mono_now();

	(void)p;
	while (!vmha_mono_passed(deadline)) {
		vmha_mono_pace(VMHA_SPAN_MS(20));
	}
	*ret_silent_s =
		silent_before_s + vmha_span_ms(vmha_mono_diff(begin, vmha_mono_now())) / 1000;
	return vmha_err_set(err, -ETIMEDOUT, "storage does not answer");
}

int64_t csv_health_silent_s(const struct csv_params *p)
{
	(void)p;
	return silent_before_s;
}

int csv_device_lost(const struct csv_params *p, struct vmha_mono deadline)
{
	(void)p;
	if (vmha_mono_left_ms(deadline) < 1000) {
		return -EAGAIN;
	}
	return device;
}

int csv_ask_lockspace(const struct csv_params *p, struct csv_answer *answer, struct vmha_err **err)
{
	(void)p;
	(void)err;
	answer->value[0] = 1;
	answer->value[1] = 1;
	answer->value[2] = renewed_s;
	return 0;
}

int csv_ask_join(const struct csv_params *p, struct csv_answer *answer, struct vmha_err **err)
{
	(void)p;
	(void)answer;
	(void)err;
	return 0;
}

int csv_mount_check(const struct csv_params *p, struct vmha_err **err)
{
	(void)p;
	(void)err;
	return 0;
}

const char *csv_mount_trouble(const struct csv_params *p, char *text, size_t size)
{
	(void)p;
	(void)snprintf(text, size, "%s", "");
	return text;
}

bool csv_mounted_own(const struct csv_params *p)
{
	(void)p;
	return true;
}

void csv_renewals_watch(const struct csv_params *p, const struct vmha_joined_record *joined)
{
	(void)p;
	(void)joined;
}

const char *csv_users_text(const struct vmha_user *users, size_t count, char *text, size_t size)
{
	(void)users;
	(void)snprintf(text, size, "%zu VMs", count);
	return text;
}

int vmha_volume_load(const char *volume, enum vmha_volume_file file, void *ret_record,
		     struct vmha_err **err)
{
	struct vmha_joined_record *joined = ret_record;

	(void)volume;
	(void)file;
	(void)err;
	*joined = (struct vmha_joined_record){
		.node = "node1",
		.host_id = 1,
		.io_timeout_s = (int)io_timeout_s,
	};
	return 0;
}

int vmha_volume_users(const char *volume, struct vmha_user **ret_users, size_t *ret_count,
		      struct vmha_err **err)
{
	(void)volume;
	(void)err;
	*ret_users = NULL;
	*ret_count = 0;
	return 0;
}

bool vmha_volume_withdrawn(const char *volume)
{
	(void)volume;
	return false;
}

/* --- tests ---------------------------------------------------------------------------------- */

static enum vmha_ocf monitor(unsigned int io, int64_t silent_s, int device_says)
{
	struct csv_params p = {
		.volume = "vol1",
		.type = VMHA_VOLUME_TYPE_GFS2,
		.device = "/dev/null",
		.deadline = vmha_mono_add(vmha_mono_now(), VMHA_SPAN_MS(MONITOR_MS)),
	};

	io_timeout_s = io;
	silent_before_s = silent_s;
	device = device_says;
	return csv_monitor(&p);
}

/* All the time of the action goes into a look that hangs, and the limit passes in it: the device
 * has to be asked with time left, else all nodes that wait for one are fenced with it. */
static void waiting_for_another_node_is_no_reason_to_be_fenced(void)
{
	CHECK_INT(monitor(1, 7, 0), OCF_DEGRADED);
	CHECK_INT(monitor(1, 20, 0), OCF_DEGRADED);
	CHECK_INT(monitor(10, 20, 0), OCF_DEGRADED);
}

static void a_node_that_lost_the_device_is_fenced_after_the_limit(void)
{
	CHECK_INT(monitor(1, 20, 1), OCF_ERR_GENERIC);
	CHECK_INT(monitor(10, 20, 1), OCF_DEGRADED);
}

static void a_device_that_cannot_be_asked_is_not_lost(void)
{
	CHECK_INT(monitor(1, 20, -EAGAIN), OCF_DEGRADED);
}

/* A path fails over while GFS2 waits for another node. */
static void a_device_that_is_slow_once_is_not_lost_while_leases_are_renewed(void)
{
	CHECK_INT(monitor(1, 20, -ETIMEDOUT), OCF_DEGRADED);
	renewed_s = 11;
	CHECK_INT(monitor(1, 20, -ETIMEDOUT), OCF_ERR_GENERIC);
	renewed_s = 0;
}

static const struct unit_test tests[] = {
	UNIT_TEST(waiting_for_another_node_is_no_reason_to_be_fenced),
	UNIT_TEST(a_node_that_lost_the_device_is_fenced_after_the_limit),
	UNIT_TEST(a_device_that_cannot_be_asked_is_not_lost),
	UNIT_TEST(a_device_that_is_slow_once_is_not_lost_while_leases_are_renewed),
};
UNIT_MAIN(tests)
