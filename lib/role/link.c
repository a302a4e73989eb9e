/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lib/role/link.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/cleanup.h"
#include "lib/base/log.h"
#include "lib/base/str.h"
#include "lib/port/ipc_client.h"
#include "lib/port/move_json.h"

#define OPEN_PATIENCE	VMHA_SPAN_MS(500)
#define BEGIN_PATIENCE	VMHA_SPAN_S(12)
#define TELL_PATIENCE	VMHA_SPAN_MS(500) /* nobody runs in the switchover: never long */
#define AGAIN		VMHA_SPAN_S(2)	  /* after a failure */
#define ATTACH_PATIENCE VMHA_SPAN_S(10)	  /* nobody waits for it: its answer is looked for */
#define END_PATIENCE	VMHA_SPAN_S(2)

struct vmha_link {
	const struct vmha_action *act;
	struct vmha_ipc *ipc; /* NULL: lost */
	struct vmha_plan *plan;
	uint64_t id;
	char to[VMHA_NODE_SIZE];
	char trace[VMHA_ID_SIZE];
	const struct vmha_moving *followed;
	struct vmha_mono again;	  /* not asked before */
	struct vmha_mono give_up; /* when `attaching` */
	bool attaching;		  /* asked to go on here; nothing else is told until it answers */
	bool lost;		  /* and that was said */
	char *abort;		  /* why */
};

void vmha_link_free(struct vmha_link *link)
{
	if (link) {
		vmha_ipc_close(link->ipc);
		free(link->plan);
		free(link->abort);
		free(link);
	}
}

/*
 * What a death leaves, of this agent or of clusterd, while a move is under way:
 *
 *   agent here        clusterd here       libvirtd     what is left
 *   move-begin        record RUNNING                   agent dies: no job, no record here: KEPT
 *   job started                           copies       agent dies: libvirtd copies on; clusterd
 *                                                      aborts, or a new agent attaches
 *   report ...        dies                copies       agent goes on, attaches again when clusterd
 *                                                      is back: the same record
 *   sees the lease    told "abort":       switches     agent dies: nobody aborts; evidence (lease
 *   gone              too late, not done  over         owner, lver)
 *   move-end DONE     record ended                     dies before move-end: owner record, evidence
 *                                                      on the target
 *   exit 0                                             Pacemaker's migrate_from
 *
 * So a death leaves doubt only between the source's stop and the target's lease; there the lease
 * itself decides, never who died.
 */
static void lose(struct vmha_link *link, const struct vmha_err *err)
{
	if (!link->lost) {
		vmha_log(VMHA_LOG_WARNING, "mig=%s vm=%s the move goes on without clusterd: %s",
			 link->trace, link->act->role.name, vmha_err_text(err));
	}
	link->lost = true;
	link->again = vmha_mono_add(vmha_mono_now(), AGAIN);
}

static void drop(struct vmha_link *link)
{
	vmha_ipc_close(link->ipc);
	link->ipc = NULL;
	link->attaching = false;
}

static void tell(struct vmha_link *link, const char *request)
{
	vmha_autoerr struct vmha_err *err = NULL;
	vmha_autofree char *reply = NULL;
	int r;

	if (!link->ipc || link->attaching || !request || !vmha_mono_passed(link->again)) {
		return;
	}
	r = vmha_ipc_call(link->ipc, request, TELL_PATIENCE, &reply, &err);
	if (r < 0) {
		lose(link, err);
		if (r != -ETIMEDOUT) { /* late answers do no harm */
			drop(link);
		}
		return;
	}
	if (vmha_move_json_ok(reply, &err) < 0) {
		vmha_log(VMHA_LOG_INFO, "mig=%s vm=%s clusterd: %s", link->trace,
			 link->act->role.name, vmha_err_text(err));
	}
}

static char *question(const struct vmha_link *link, bool attach)
{
	const struct vmha_action *act = link->act;
	const struct vmha_move_ask ask = {
		.vm = act->role.name,
		.volume = act->role.volume,
		.from = act->node,
		.to = link->to,
		.trace = link->trace,
		.mode = vmha_move_mode_name(act->mode),
		.timeout_ms = vmha_span_ms(vmha_mono_diff(vmha_mono_now(), act->deadline)),
		.pid = getpid(),
		.attach = attach,
	};

	return vmha_move_json_begin(&ask);
}

static int ask(struct vmha_link *link, bool attach, struct vmha_span patience,
	       struct vmha_plan **ret_plan, struct vmha_err **err)
{
	vmha_autofree char *request = question(link, attach);
	vmha_autofree char *reply = NULL;
	int r = request ? vmha_ipc_call(link->ipc, request, patience, &reply, err) : -ENOMEM;

	return r < 0 ? r : vmha_move_json_plan(reply, ret_plan, err);
}

static struct vmha_link *link_new(const struct vmha_action *act, const char *to, const char *trace)
{
	struct vmha_link *link = calloc(1, sizeof(*link));

	if (link) {
		link->act = act;
		(void)snprintf(link->to, sizeof(link->to), "%s", to);
		(void)snprintf(link->trace, sizeof(link->trace), "%s", trace);
	}
	return link;
}

int vmha_link_begin(const struct vmha_action *act, const char *to, bool attach,
		    struct vmha_link **ret_link, struct vmha_err **err)
{
	vmha_autolink struct vmha_link *link = link_new(act, to, act->trace);
	int r;

	if (!link) {
		return vmha_err_set(err, -ENOMEM, "out of memory");
	}
	r = vmha_ipc_open(&link->ipc, vmha_action_left(act, VMHA_SPAN_S(2)), err);
	r = r < 0 ? r : ask(link, attach, vmha_action_left(act, BEGIN_PATIENCE), &link->plan, err);
	if (r < 0) {
		return r;
	}
	link->id = link->plan->id;
	if (*link->plan->trace) {
		memcpy(link->trace, link->plan->trace, sizeof(link->trace));
	}
	*ret_link = vmha_steal_ptr(link);
	return 0;
}

struct vmha_link *vmha_link_join(const struct vmha_action *act, const char *trace)
{
	vmha_autolink struct vmha_link *link = link_new(act, act->node, trace);

	if (!link || vmha_ipc_open(&link->ipc, OPEN_PATIENCE, NULL) < 0) {
		return NULL;
	}
	return vmha_steal_ptr(link);
}

const struct vmha_plan *vmha_link_plan(const struct vmha_link *link)
{
	return link->plan;
}

static void report(struct vmha_link *link, const struct vmha_moving *m,
		   const struct vmha_move_progress *progress)
{
	vmha_autofree char *request = vmha_move_json_report(
		link->id, link->act->role.name, link->trace, vmha_move_state_name(m->state),
		m->network, m->rec.address, progress);

	tell(link, request);
}

/*
 * clusterd may have been started again meanwhile: this move is told to it as under way.  It answers
 * when it is in touch with the cluster; the move is watched meanwhile.
 */
static void attach_begin(struct vmha_link *link)
{
	vmha_autoerr struct vmha_err *err = NULL;
	vmha_autofree char *request = NULL;
	int r;

	if (link->ipc || !link->plan || !vmha_mono_passed(link->again)) {
		return;
	}
	request = question(link, true);
	r = request ? vmha_ipc_open(&link->ipc, OPEN_PATIENCE, &err) : -ENOMEM;
	r = r < 0 ? r : vmha_ipc_send(link->ipc, request, TELL_PATIENCE, &err);
	if (r < 0) {
		drop(link);
		lose(link, err);
		return;
	}
	link->attaching = true;
	link->give_up = vmha_mono_add(vmha_mono_now(), ATTACH_PATIENCE);
}

static void attach_look(struct vmha_link *link, struct vmha_span wait)
{
	vmha_autofree struct vmha_plan *plan = NULL;
	vmha_autoerr struct vmha_err *err = NULL;
	vmha_autofree char *reply = NULL;
	int r;

	if (!link->attaching) {
		return;
	}
	r = vmha_ipc_answer(link->ipc, wait, &reply, &err);
	if (r == -EAGAIN && !vmha_mono_passed(link->give_up)) {
		return;
	}
	if (r == -EAGAIN) {
		(void)vmha_err_set(&err, r, "clusterd does not answer");
	}
	r = r < 0 ? r : vmha_move_json_plan(reply, &plan, &err);
	if (r < 0) {
		drop(link);
		lose(link, err);
		return;
	}
	link->attaching = false;
	link->id = plan->id;
	link->lost = false;
	vmha_log(VMHA_LOG_INFO, "mig=%s vm=%s clusterd is told of the move again", link->trace,
		 link->act->role.name);
	if (link->followed) {
		report(link, link->followed, NULL); /* its steps were not told meanwhile */
	}
}

static void step_told(const struct vmha_moving *m)
{
	report(m->link, m, NULL);
}

void vmha_link_follow(struct vmha_link *link, struct vmha_moving *m)
{
	if (link) {
		m->link = link;
		m->told = step_told;
		link->followed = m;
		report(link, m, NULL);
	}
}

void vmha_link_progress(struct vmha_link *link, const struct vmha_moving *m,
			const struct vmha_move_progress *progress)
{
	if (link) {
		attach_begin(link);
		attach_look(link, VMHA_SPAN_MS(0));
		report(link, m, progress);
	}
}

void vmha_link_network(struct vmha_link *link, const char *network, const char *address,
		       const char *error)
{
	vmha_autofree char *request = link ? vmha_move_json_network(link->id, link->act->role.name,
								    network, address, error)
					   : NULL;

	if (link) {
		tell(link, request);
	}
}

void vmha_link_say(struct vmha_link *link, const struct vmha_moving *m, const char *fmt, ...)
{
	vmha_autofree char *request = NULL;
	char text[400];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	vmha_log(VMHA_LOG_WARNING, "mig=%s %s", m->rec.trace, text);
	if (link) {
		request = vmha_move_json_journal(link->act->role.name, link->act->node, link->trace,
						 text);
		tell(link, request);
	}
}

const char *vmha_link_abort(struct vmha_link *link)
{
	vmha_autoerr struct vmha_err *err = NULL;
	int r = 0;

	if (link) {
		attach_look(link, VMHA_SPAN_MS(0));
	}
	while (link && link->ipc && !link->abort && r == 0) {
		vmha_autofree char *event = NULL;

		r = vmha_ipc_event(link->ipc, VMHA_SPAN_MS(0), &event, &err);
		if (r == 0) {
			(void)vmha_move_json_abort(event, link->id, &link->abort);
		} else if (r != -EAGAIN) {
			lose(link, err);
			drop(link);
		}
	}
	return link ? link->abort : NULL;
}

static const char *result_of(enum vmha_move_state state)
{
	if (state == VMHA_MOVE_DONE) {
		return "DONE";
	}
	if (state == VMHA_MOVE_SAVED) {
		return "SAVED";
	}
	return state <= VMHA_MOVE_CONNECTING || state == VMHA_MOVE_KEPT ? "KEPT" : "UNSURE";
}

void vmha_link_times(struct vmha_link *link, struct vmha_moving *m)
{
	vmha_autofree char *request = link && link->ipc ? vmha_move_json_age(link->trace) : NULL;
	vmha_autofree char *reply = NULL;
	struct vmha_move_age age;

	m->rec.total_ms = vmha_move_span_ms(m->rec.begun_ms, vmha_wall_ms());
	m->rec.blackout_ms = vmha_move_span_ms(m->rec.stopped_ms, vmha_wall_ms());
	if (request && vmha_ipc_call(link->ipc, request, TELL_PATIENCE, &reply, NULL) == 0 &&
	    vmha_move_json_age_read(reply, &age, NULL) == 0) {
		m->rec.total_ms = age.begun_ms >= 0 ? age.begun_ms : m->rec.total_ms;
		m->rec.blackout_ms = age.stopped_ms >= 0 ? age.stopped_ms : m->rec.blackout_ms;
	}
}

void vmha_link_end(struct vmha_link *link, const struct vmha_moving *m)
{
	const struct vmha_move_end end = {
		.result = result_of(m->state),
		.reason = m->rec.reason,
		.network = m->network,
		.address = m->rec.address,
		.total_ms = m->rec.total_ms,
		.blackout_ms = m->rec.blackout_ms,
		.bytes = m->rec.bytes,
		.aborted = link && link->abort,
	};
	vmha_autofree char *request = NULL;

	if (!link) {
		return;
	}
	link->again.ns = 0;
	attach_begin(link);
	attach_look(link, END_PATIENCE);
	if (link->attaching) {
		vmha_log(VMHA_LOG_WARNING,
			 "mig=%s vm=%s clusterd does not answer: it takes evidence of how it ended",
			 link->trace, link->act->role.name);
	}
	request = vmha_move_json_end(link->id, link->act->role.name, link->trace, &end);
	tell(link, request);
}

void vmha_link_refuse(const struct vmha_action *act, const char *why)
{
	vmha_autolink struct vmha_link *link = vmha_link_join(act, act->trace);
	const struct vmha_move_end end = {
		.result = "KEPT", .reason = why, .total_ms = -1, .blackout_ms = -1, .bytes = -1
	};
	vmha_autofree char *request =
		link ? vmha_move_json_end(0, act->role.name, act->trace, &end) : NULL;

	if (link) {
		tell(link, request);
	}
}
