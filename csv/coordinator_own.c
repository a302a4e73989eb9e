/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Getting, keeping and handing over the volume's coordinator lock. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "csv/coordinator.h"
#include "lib/base/cleanup.h"
#include "lib/base/log.h"
#include "lib/core/lockvalue.h"
#include "lib/role/volumelock.h"

#define PREPARE_S    90 /* others make the lease at the same moment */
#define STORAGE_S    10
#define DLM_S	     10
#define TRY_MS	     2000 /* a lease on storage gives no event when it becomes free */
#define APART_S	     10
#define GIVE_MS	     1000 /* until the others have heard that they are to stand back */
#define ASKED_S	     30
#define LEASE_WAIT_S 60

static struct vmha_mono in(struct vmha_span span)
{
	return vmha_mono_add(vmha_mono_now(), span);
}

/* --- the lock ------------------------------------------------------------------------------- */

/* Volumes of earlier releases have none; two nodes may find that at once. */
static int lease_make(const char *volume, const struct vmha_lease_index *index,
		      struct vmha_lease *lease, struct vmha_err **err)
{
	vmha_autolock struct vmha_volume_guard guard = { 0 };
	int r = vmha_volume_lock(volume, LEASE_WAIT_S, &guard, err);

	r = r < 0 ? r : vmha_lease_find(index, VMHA_COORDINATOR_LEASE, lease, err);
	return r == -ENOENT ? vmha_lease_create(index, VMHA_COORDINATOR_LEASE, lease, err) : r;
}

static int ask_prepare(const struct csv_params *p, struct csv_answer *answer, struct vmha_err **err)
{
	struct vmha_coordinator_record record = { 0 };
	struct vmha_lease_index index;
	struct vmha_lease lease = { 0 };
	int r = vmha_volume_uses_dlm(p->volume, err);

	if (r < 0) {
		return r;
	}
	answer->value[0] = (uint64_t)r;
	if (!r) {
		r = vmha_volume_leases(p->volume, &index, err);
		r = r < 0 ? r : vmha_lease_find(&index, VMHA_COORDINATOR_LEASE, &lease, err);
		r = r == -ENOENT ? lease_make(p->volume, &index, &lease, err) : r;
		answer->value[1] = lease.offset;
		(void)snprintf(answer->text, sizeof(answer->text), "%s", lease.path);
	}
	if (vmha_volume_load(p->volume, VMHA_VOLUME_COORDINATOR, &record, NULL) == 0) {
		answer->value[2] = record.epoch;
	}
	return r < 0 ? r : 0;
}

int coordinator_prepare(struct coordinator *c, struct vmha_err **err)
{
	struct csv_answer answer;
	int r = csv_ask(ask_prepare, &c->params, in(VMHA_SPAN_S(PREPARE_S)), &answer, NULL);

	if (r < 0) {
		return vmha_err_set(err, r, "%s", answer.text);
	}
	c->uses_dlm = answer.value[0] != 0;
	c->epoch = answer.value[2];
	(void)snprintf(c->lease.lockspace, sizeof(c->lease.lockspace), "%s", c->params.volume);
	(void)snprintf(c->lease.name, sizeof(c->lease.name), "%s", VMHA_COORDINATOR_LEASE);
	c->lease.offset = answer.value[1];
	(void)snprintf(c->lease.path, sizeof(c->lease.path), "%s", answer.text);
	return 0;
}

/* --- beginning to own ----------------------------------------------------------------------- */

/* Under the lock: nobody else writes the record.  value[0] is the epoch that is asked for. */
static int ask_begin(const struct csv_params *p, struct csv_answer *answer, struct vmha_err **err)
{
	struct vmha_coordinator_record record = { 0 };
	struct vmha_joined_record joined = { 0 };
	int r = vmha_volume_load(p->volume, VMHA_VOLUME_JOINED, &joined, err);

	if (r < 0) {
		return r;
	}
	/* a damaged one is replaced: what counts is the lock */
	if (vmha_volume_load(p->volume, VMHA_VOLUME_COORDINATOR, &record, NULL) == 0) {
		answer->value[1] = record.host_id;
	}
	answer->value[0] = p->epoch > record.epoch ? p->epoch : record.epoch + 1;
	memcpy(record.node, joined.node, sizeof(record.node));
	record.host_id = joined.host_id;
	record.epoch = answer->value[0];
	record.since_s = (int64_t)time(NULL);
	return vmha_volume_store(p->volume, VMHA_VOLUME_COORDINATOR, &record, err);
}

static void owner_say(const struct coordinator *c)
{
	(void)printf("{\"event\":\"owner\",\"epoch\":%llu,\"before\":%llu,\"asked\":%s}\n",
		     (unsigned long long)c->epoch, (unsigned long long)c->before,
		     vmha_mono_passed(c->asked) ? "false" : "true");
	(void)fflush(stdout);
}

/* @param epoch to be had at least */
static int begin(struct coordinator *c, uint64_t epoch, struct vmha_err **err)
{
	struct csv_params p = c->params;
	struct csv_answer answer;
	int r;

	p.epoch = epoch;
	r = csv_ask(ask_begin, &p, in(VMHA_SPAN_S(STORAGE_S)), &answer, NULL);
	if (r < 0) {
		vmha_log(VMHA_LOG_WARNING,
			 "volume=%s this node does not coordinate it, though it could: its storage "
			 "does not take a write: %s",
			 c->params.volume, answer.text);
		coordinator_give_up(c);
		return 0;
	}
	c->epoch = answer.value[0];
	c->before = answer.value[1];
	(void)err;
	return 1;
}

static void own(struct coordinator *c)
{
	c->state = COORDINATOR_OWNER;
	c->give = (struct vmha_mono){ 0 };
	c->chores = vmha_mono_now();
	owner_say(c);
	c->asked = (struct vmha_mono){ 0 };
}

/* --- DLM ------------------------------------------------------------------------------------ */

static int dlm_begin(struct coordinator *c, struct vmha_err **err)
{
	char lockspace[VMHA_LOCKSPACE_SIZE];
	int r;

	vmha_volume_dlm_name(c->params.volume, lockspace);
	r = vmha_dlm_open(lockspace, VMHA_LOCK_COORDINATOR, &c->dlm, err);
	r = r < 0 ? r : vmha_dlm_request(c->dlm, VMHA_DLM_NULL, false, NULL, err);
	c->state = COORDINATOR_READING;
	return r;
}

static int dlm_want(struct coordinator *c, struct vmha_err **err)
{
	c->state = COORDINATOR_WAITING;
	return vmha_dlm_request(c->dlm, VMHA_DLM_EXCLUSIVE, false, NULL, err);
}

/*
 * The lock is ours; its value says so to whoever looks.  The epoch has two sources besides: the
 * value is lost with the last node of the lockspace, and what a node that waits has kept of it
 * may be older; the record on the volume outlives both.
 */
static int dlm_got(struct coordinator *c, const struct vmha_dlm_value *value, struct vmha_err **err)
{
	struct vmha_lockvalue said = { 0 };
	struct vmha_dlm_value mine = { 0 };
	int r;

	if (vmha_lockvalue_parse(value->bytes, &said) && said.epoch > c->epoch) {
		c->epoch = said.epoch;
	}
	r = begin(c, c->epoch + 1, err);
	if (r <= 0) {
		return r;
	}
	said = (struct vmha_lockvalue){ .node = (uint32_t)c->joined.host_id, .epoch = c->epoch };
	vmha_lockvalue_print(&said, mine.bytes);
	r = vmha_dlm_convert(c->dlm, VMHA_DLM_EXCLUSIVE, false, in(VMHA_SPAN_S(DLM_S)), &mine, NULL,
			     err);
	if (r == 0) {
		own(c);
	}
	return r;
}

static int dlm_answer(struct coordinator *c, struct vmha_err **err)
{
	struct vmha_dlm_value value;
	struct vmha_lockvalue said = { 0 };
	int r = vmha_dlm_wait(c->dlm, vmha_mono_now(), &value, err);

	if (r < 0) {
		return r;
	}
	if (c->state == COORDINATOR_READING) {
		c->state = COORDINATOR_WATCHING;
		if (vmha_lockvalue_parse(value.bytes, &said) && said.epoch > c->epoch) {
			c->epoch = said.epoch;
		}
		return 0;
	}
	return dlm_got(c, &value, err);
}

static int dlm_step(struct coordinator *c, struct vmha_err **err)
{
	vmha_autoerr struct vmha_err *none = NULL;
	int r = 0;

	if (c->state == COORDINATOR_READING || c->state == COORDINATOR_WAITING) {
		r = dlm_answer(c, &none);
		if (r < 0 && r != -ETIMEDOUT) {
			return vmha_err_set(err, r, "%s", vmha_err_text(none));
		}
	} else if (c->dlm && !vmha_dlm_lock_alive(c->dlm)) {
		return vmha_err_set(err, -EPIPE, "the lock is lost: its process is gone");
	}
	if (c->state == COORDINATOR_NONE) {
		return dlm_begin(c, err);
	}
	if (c->state == COORDINATOR_WATCHING && vmha_mono_passed(c->apart)) {
		return dlm_want(c, err);
	}
	return 0;
}

/* --- sanlock -------------------------------------------------------------------------------- */

static int lease_step(struct coordinator *c, struct vmha_err **err)
{
	vmha_autoerr struct vmha_err *why = NULL;
	uint64_t lver = 0;
	int r;

	if (c->state == COORDINATOR_OWNER || !vmha_mono_passed(c->apart) ||
	    !vmha_mono_passed(c->next)) {
		return 0;
	}
	c->state = COORDINATOR_WAITING;
	c->next = in(VMHA_SPAN_MS(TRY_MS));
	r = vmha_lease_take(&c->lease, &c->lease_sock, &why);
	if (r == -EBUSY) {
		return 0;
	}
	r = r < 0 ? r : vmha_lease_held_by(&c->lease, getpid(), &lver, &why);
	if (r < 0 || (r == 0 && !lver)) {
		return vmha_err_set(err, r < 0 ? r : -EIO, "%s", vmha_err_text(why));
	}
	r = begin(c, lver, err);
	if (r > 0) {
		own(c);
	}
	return r < 0 ? r : 0;
}

/* --- both ----------------------------------------------------------------------------------- */

void coordinator_give_up(struct coordinator *c)
{
	if (c->state == COORDINATOR_OWNER) {
		(void)printf("{\"event\":\"free\"}\n");
		(void)fflush(stdout);
	}
	vmha_dlm_close(vmha_steal_ptr(c->dlm));
	vmha_lease_give(&c->lease_sock);
	c->state = COORDINATOR_NONE;
	c->give = (struct vmha_mono){ 0 };
	c->apart = in(VMHA_SPAN_S(APART_S));
}

/*
 *   this node, owner            node 2, to become it         node 3
 *   hears of the move           hears of it                  hears of it: withdraws its request
 *   ... GIVE_MS ...             (has asked for the lock)
 *   gives the lock up
 *                               gets it, says so
 *   asks again after APART_S                                 asks again after APART_S
 *
 * If node 2 dies meanwhile, any of the others gets it then.
 */
void coordinator_move(struct coordinator *c, uint64_t node)
{
	if (node == c->joined.host_id) {
		c->asked = in(VMHA_SPAN_S(ASKED_S));
		c->apart = (struct vmha_mono){ 0 };
	} else if (c->state == COORDINATOR_OWNER) {
		c->give = in(VMHA_SPAN_MS(GIVE_MS));
	} else {
		coordinator_give_up(c);
	}
}

int coordinator_fd(const struct coordinator *c)
{
	return c->dlm ? vmha_dlm_fd(c->dlm) : -1;
}

int coordinator_step(struct coordinator *c, struct vmha_err **err)
{
	if (c->state == COORDINATOR_OWNER && c->give.ns && vmha_mono_passed(c->give)) {
		coordinator_give_up(c);
	}
	return c->uses_dlm ? dlm_step(c, err) : lease_step(c, err);
}
