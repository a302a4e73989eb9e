/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lib/port/virtevents.h"

#include <errno.h>
#include <libvirt-glib/libvirt-glib.h>
#include <libvirt/libvirt.h>
#include <libvirt/virterror.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/cleanup.h"
#include "lib/base/str.h"

#define KEEPALIVE_S	2
#define KEEPALIVE_COUNT 3
#define TEXT_MAX	512
#define COUNT(array)	(sizeof(array) / sizeof((array)[0]))

struct vmha_virtevents {
	vmha_virtevent_fn fn;
	void *data;
	virConnectPtr conn;
	bool lost; /* told; what is left of the connection is to be freed */
};

/* --- libvirt's numbers ---------------------------------------------------------------------- */

static enum vmha_guest_state state_paused(int reason)
{
	switch (reason) {
	case VIR_DOMAIN_PAUSED_USER:
		return VMHA_GUEST_PAUSED;
	case VIR_DOMAIN_PAUSED_IOERROR:
		return VMHA_GUEST_IOERROR;
	case VIR_DOMAIN_PAUSED_WATCHDOG:
		return VMHA_GUEST_WATCHDOG;
	case VIR_DOMAIN_PAUSED_CRASHED:
		return VMHA_GUEST_PANICKED;
	case VIR_DOMAIN_PAUSED_SHUTTING_DOWN:
		return VMHA_GUEST_OFF;
	case VIR_DOMAIN_PAUSED_MIGRATION:
	case VIR_DOMAIN_PAUSED_POSTCOPY:
	case VIR_DOMAIN_PAUSED_POSTCOPY_FAILED:
		return VMHA_GUEST_MIGRATING;
	default:
		return VMHA_GUEST_STANDING;
	}
}

static enum vmha_guest_state state_of(int state, int reason)
{
	switch (state) {
	case VIR_DOMAIN_RUNNING:
	case VIR_DOMAIN_BLOCKED:
		return VMHA_GUEST_RUNNING;
	case VIR_DOMAIN_PAUSED:
		return state_paused(reason);
	case VIR_DOMAIN_PMSUSPENDED:
		return VMHA_GUEST_SUSPENDED;
	case VIR_DOMAIN_CRASHED:
		return VMHA_GUEST_PANICKED;
	case VIR_DOMAIN_SHUTDOWN:
		return VMHA_GUEST_STANDING;
	case VIR_DOMAIN_SHUTOFF:
		return VMHA_GUEST_GONE;
	default:
		return VMHA_GUEST_UNKNOWN;
	}
}

static enum vmha_guest_state state_suspended(int detail)
{
	switch (detail) {
	case VIR_DOMAIN_EVENT_SUSPENDED_PAUSED:
		return VMHA_GUEST_PAUSED;
	case VIR_DOMAIN_EVENT_SUSPENDED_IOERROR:
		return VMHA_GUEST_IOERROR;
	case VIR_DOMAIN_EVENT_SUSPENDED_WATCHDOG:
		return VMHA_GUEST_WATCHDOG;
	case VIR_DOMAIN_EVENT_SUSPENDED_MIGRATED:
	case VIR_DOMAIN_EVENT_SUSPENDED_POSTCOPY:
	case VIR_DOMAIN_EVENT_SUSPENDED_POSTCOPY_FAILED:
		return VMHA_GUEST_MIGRATING;
	default:
		return VMHA_GUEST_STANDING;
	}
}

static enum vmha_guest_end end_of(int detail)
{
	switch (detail) {
	case VIR_DOMAIN_EVENT_STOPPED_SHUTDOWN:
		return VMHA_END_SHUTDOWN;
	case VIR_DOMAIN_EVENT_STOPPED_DESTROYED:
		return VMHA_END_DESTROYED;
	case VIR_DOMAIN_EVENT_STOPPED_MIGRATED:
		return VMHA_END_MIGRATED;
	case VIR_DOMAIN_EVENT_STOPPED_SAVED:
		return VMHA_END_SAVED;
	default: /* the process broke off */
		return VMHA_END_CRASH;
	}
}

/* @return false: it says nothing of what the guest does */
static bool lifecycle_read(int event, int detail, struct vmha_virtevent *e)
{
	switch (event) {
	case VIR_DOMAIN_EVENT_STARTED: /* one that is to arrive by migration stands until then */
		e->state = detail == VIR_DOMAIN_EVENT_STARTED_MIGRATED ? VMHA_GUEST_MIGRATING
								       : VMHA_GUEST_RUNNING;
		return true;
	case VIR_DOMAIN_EVENT_RESUMED:
		e->state = VMHA_GUEST_RUNNING;
		return true;
	case VIR_DOMAIN_EVENT_SUSPENDED:
		e->state = state_suspended(detail);
		return true;
	case VIR_DOMAIN_EVENT_SHUTDOWN:
		e->state = detail == VIR_DOMAIN_EVENT_SHUTDOWN_GUEST ? VMHA_GUEST_OFF
								     : VMHA_GUEST_STANDING;
		return true;
	case VIR_DOMAIN_EVENT_PMSUSPENDED:
		e->state = VMHA_GUEST_SUSPENDED;
		return true;
	case VIR_DOMAIN_EVENT_CRASHED:
		e->state = detail == VIR_DOMAIN_EVENT_CRASHED_PANICKED ? VMHA_GUEST_PANICKED
								       : VMHA_GUEST_RUNNING;
		return true;
	case VIR_DOMAIN_EVENT_STOPPED:
		e->state = VMHA_GUEST_GONE;
		e->end = end_of(detail);
		return true;
	default: /* defined, undefined */
		return false;
	}
}

/* --- telling -------------------------------------------------------------------------------- */

static void tell(struct vmha_virtevents *v, struct vmha_virtevent *e, virDomainPtr dom)
{
	char uuid[VIR_UUID_STRING_BUFLEN] = "";
	const char *name = dom ? virDomainGetName(dom) : NULL;

	if (dom && virDomainGetUUIDString(dom, uuid) < 0) {
		return;
	}
	e->name = name ? name : "";
	e->uuid = uuid;
	e->text = e->text ? e->text : "";
	v->fn(e, v->data);
}

static int on_lifecycle(virConnectPtr conn, virDomainPtr dom, int event, int detail, void *data)
{
	struct vmha_virtevent e = { .kind = VMHA_VIRTEVENT_CHANGED };

	(void)conn;
	if (lifecycle_read(event, detail, &e)) {
		tell(data, &e, dom);
	}
	return 0;
}

static void on_ioerror(virConnectPtr conn, virDomainPtr dom, const char *path, const char *alias,
		       int action, const char *reason, void *data)
{
	static const char *const actions[] = { "ignored", "guest paused", "told to the guest" };
	struct vmha_virtevent e = { .kind = VMHA_VIRTEVENT_IOERROR };
	char text[TEXT_MAX];

	(void)conn;
	(void)snprintf(text, sizeof(text), "%s%s%s: %s", path && *path ? path : alias,
		       reason && *reason ? " " : "", reason ? reason : "",
		       action >= 0 && (size_t)action < COUNT(actions) ? actions[action] : "?");
	e.text = text;
	tell(data, &e, dom);
}

static void on_watchdog(virConnectPtr conn, virDomainPtr dom, int action, void *data)
{
	static const char *const actions[] = { "none",	   "pause", "reset",	 "poweroff",
					       "shutdown", "debug", "inject-nmi" };
	struct vmha_virtevent e = { .kind = VMHA_VIRTEVENT_WATCHDOG };

	(void)conn;
	e.text = action >= 0 && (size_t)action < COUNT(actions) ? actions[action] : "?";
	tell(data, &e, dom);
}

static void on_reboot(virConnectPtr conn, virDomainPtr dom, void *data)
{
	struct vmha_virtevent e = { .kind = VMHA_VIRTEVENT_REBOOTED };

	(void)conn;
	tell(data, &e, dom);
}

static void on_close(virConnectPtr conn, int reason, void *data)
{
	static const char *const reasons[] = { "its socket broke", "it closed the connection",
					       "it did not answer for 6 s", "closed by us" };
	struct vmha_virtevents *v = data;
	struct vmha_virtevent e = { .kind = VMHA_VIRTEVENT_LOST };

	(void)conn;
	v->lost = true;
	e.text = reason >= 0 && (size_t)reason < COUNT(reasons) ? reasons[reason] : "";
	tell(v, &e, NULL);
}

static void quiet(void *data, virErrorPtr error)
{
	(void)data;
	(void)error;
}

/* --- the connection ------------------------------------------------------------------------- */

static int fail(struct vmha_err **err, const char *what)
{
	virErrorPtr e = virGetLastError();

	return vmha_err_set(err, -ECONNREFUSED, "libvirtd: %s: %s", what,
			    e && e->message ? e->message : "no reason given");
}

static int callbacks_register(struct vmha_virtevents *v, struct vmha_err **err)
{
	const struct {
		int id;
		virConnectDomainEventGenericCallback fn;
	} rows[] = {
		{ VIR_DOMAIN_EVENT_ID_LIFECYCLE, VIR_DOMAIN_EVENT_CALLBACK(on_lifecycle) },
		{ VIR_DOMAIN_EVENT_ID_IO_ERROR_REASON, VIR_DOMAIN_EVENT_CALLBACK(on_ioerror) },
		{ VIR_DOMAIN_EVENT_ID_WATCHDOG, VIR_DOMAIN_EVENT_CALLBACK(on_watchdog) },
		{ VIR_DOMAIN_EVENT_ID_REBOOT, VIR_DOMAIN_EVENT_CALLBACK(on_reboot) },
	};
	size_t i;

	if (virConnectRegisterCloseCallback(v->conn, on_close, v, NULL) < 0 ||
	    virConnectSetKeepAlive(v->conn, KEEPALIVE_S, KEEPALIVE_COUNT) < 0) {
		return fail(err, "cannot watch the connection");
	}
	for (i = 0; i < COUNT(rows); i++) {
		if (virConnectDomainEventRegisterAny(v->conn, NULL, rows[i].id, rows[i].fn, v,
						     NULL) < 0) {
			return fail(err, "cannot ask for events");
		}
	}
	return 0;
}

/* After the events are asked for: what changes while the list is read is told after it. */
static int domains_list(struct vmha_virtevents *v, struct vmha_err **err)
{
	struct vmha_virtevent e = { .kind = VMHA_VIRTEVENT_CONNECTED };
	virDomainPtr *doms = NULL;
	int n = virConnectListAllDomains(v->conn, &doms, VIR_CONNECT_LIST_DOMAINS_ACTIVE);
	int i;

	if (n < 0) {
		return fail(err, "cannot list the domains");
	}
	tell(v, &e, NULL);
	for (i = 0; i < n; i++) {
		struct vmha_virtevent d = { .kind = VMHA_VIRTEVENT_DOMAIN };
		int state = 0;
		int reason = 0;

		if (virDomainGetState(doms[i], &state, &reason, 0) == 0) {
			d.state = state_of(state, reason);
			tell(v, &d, doms[i]);
		}
		virDomainFree(doms[i]);
	}
	free(doms); /* libvirt's own array, by malloc */
	e = (struct vmha_virtevent){ .kind = VMHA_VIRTEVENT_LISTED };
	tell(v, &e, NULL);
	return 0;
}

static void disconnect(struct vmha_virtevents *v)
{
	if (v->conn) {
		(void)virConnectUnregisterCloseCallback(v->conn, on_close);
		(void)virConnectClose(v->conn);
	}
	v->conn = NULL;
	v->lost = false;
}

int vmha_virtevents_connect(struct vmha_virtevents *events, struct vmha_err **err)
{
	int r;

	if (events->conn && !events->lost) {
		return 0;
	}
	disconnect(events);
	events->conn = virConnectOpen("qemu:///system");
	if (!events->conn) {
		return fail(err, "no connection");
	}
	r = callbacks_register(events, err);
	if (r == 0) {
		r = domains_list(events, err);
	}
	if (r < 0) {
		disconnect(events);
	}
	return r;
}

int vmha_virtevents_new(vmha_virtevent_fn fn, void *data, struct vmha_virtevents **ret_events,
			struct vmha_err **err)
{
	vmha_autofree struct vmha_virtevents *v = calloc(1, sizeof(*v));

	if (!v) {
		return vmha_err_set(err, -ENOMEM, "out of memory");
	}
	v->fn = fn;
	v->data = data;
	virSetErrorFunc(NULL, quiet);
	gvir_event_register();
	if (virInitialize() < 0) {
		return vmha_err_set(err, -EIO, "libvirt does not initialise");
	}
	*ret_events = vmha_steal_ptr(v);
	return 0;
}

void vmha_virtevents_free(struct vmha_virtevents *events)
{
	if (events) {
		disconnect(events);
		free(events);
	}
}
