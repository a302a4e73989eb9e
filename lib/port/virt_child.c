/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lib/port/virt_child.h"

#include <errno.h>
#include <libvirt/libvirt-qemu.h>
#include <libvirt/libvirt.h>
#include <libvirt/virterror.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "lib/base/cleanup.h"
#include "lib/base/str.h"

static void quiet(void *data, virErrorPtr error)
{
	(void)data;
	(void)error;
}

/* The last libvirt error as errno, its words in the reply. */
int vmha_virt_fail(struct vmha_virt_reply *reply)
{
	virErrorPtr e = virGetLastError();

	(void)snprintf(reply->error, sizeof(reply->error), "%s",
		       e && e->message ? e->message : "libvirt failed without saying why");
	switch (e ? e->code : 0) {
	case VIR_ERR_NO_DOMAIN:
		return -ENOENT;
	case VIR_ERR_OPERATION_ABORTED:
		return -ECANCELED;
	default:
		return -EIO;
	}
}

static virDomainPtr lookup(virConnectPtr conn, const struct vmha_virt_request *req,
			   struct vmha_virt_reply *reply, int *ret_result)
{
	virDomainPtr dom = virDomainLookupByUUIDString(conn, req->uuid);

	if (!dom) {
		*ret_result = vmha_virt_fail(reply);
	}
	return dom;
}

static enum vmha_virt_witness witness_paused(int reason)
{
	switch (reason) {
	case VIR_DOMAIN_PAUSED_USER:
		return VMHA_VIRT_PAUSED;
	case VIR_DOMAIN_PAUSED_IOERROR:
		return VMHA_VIRT_PAUSED_IOERROR;
	case VIR_DOMAIN_PAUSED_WATCHDOG:
		return VMHA_VIRT_PAUSED_WATCHDOG;
	case VIR_DOMAIN_PAUSED_CRASHED:
		return VMHA_VIRT_CRASHED;
	case VIR_DOMAIN_PAUSED_MIGRATION:
		return VMHA_VIRT_PAUSED_MIGRATION;
	case VIR_DOMAIN_PAUSED_POSTCOPY:
	case VIR_DOMAIN_PAUSED_POSTCOPY_FAILED:
		return VMHA_VIRT_POSTCOPY;
	default:
		return VMHA_VIRT_PAUSED_OTHER;
	}
}

static enum vmha_virt_witness witness_running(int reason)
{
	switch (reason) {
	case VIR_DOMAIN_RUNNING_POSTCOPY:
		return VMHA_VIRT_RUNNING_POSTCOPY;
	case VIR_DOMAIN_RUNNING_POSTCOPY_FAILED:
		return VMHA_VIRT_POSTCOPY_BROKEN;
	default:
		return VMHA_VIRT_RUNNING;
	}
}

static enum vmha_virt_witness witness_of(int state, int reason)
{
	switch (state) {
	case VIR_DOMAIN_RUNNING:
		return witness_running(reason);
	case VIR_DOMAIN_BLOCKED:
		return VMHA_VIRT_RUNNING;
	case VIR_DOMAIN_PAUSED:
		return witness_paused(reason);
	case VIR_DOMAIN_SHUTDOWN: /* the guest is on its way out, its vCPUs stand */
	case VIR_DOMAIN_PMSUSPENDED:
		return VMHA_VIRT_PAUSED_OTHER;
	case VIR_DOMAIN_CRASHED:
		return VMHA_VIRT_CRASHED;
	case VIR_DOMAIN_SHUTOFF:
		return VMHA_VIRT_SHUTOFF;
	default:
		return VMHA_VIRT_SILENT;
	}
}

/*
 * A source: libvirt calls a post-copy failed as soon as it has lost the other libvirtd, while the
 * two QEMUs may go on and end it well.  Only QEMU knows.  (On the target libvirt lets nobody ask it
 * meanwhile.)
 */
static enum vmha_virt_witness witness_postcopy(virDomainPtr dom)
{
	static const char *const broken[] = { "\"status\": \"postcopy-paused\"",
					      "\"status\":\"postcopy-paused\"",
					      "\"status\": \"failed\"", "\"status\":\"failed\"" };
	char *text = NULL;
	bool over = false;
	size_t i;

	if (virDomainQemuMonitorCommand(dom, "{\"execute\":\"query-migrate\"}", &text, 0) < 0) {
		return VMHA_VIRT_POSTCOPY;
	}
	for (i = 0; text && i < sizeof(broken) / sizeof(broken[0]); i++) {
		over = over || strstr(text, broken[i]);
	}
	free(text);
	return over ? VMHA_VIRT_POSTCOPY_BROKEN : VMHA_VIRT_POSTCOPY;
}

static int run_ask(virConnectPtr conn, const struct vmha_virt_request *req,
		   struct vmha_virt_reply *reply)
{
	int r = 0;
	virDomainPtr dom = lookup(conn, req, reply, &r);
	int state = 0;
	int reason = 0;

	if (!dom) {
		reply->witness = VMHA_VIRT_ABSENT;
		return r == -ENOENT ? 0 : r;
	}
	if (virDomainGetState(dom, &state, &reason, 0) < 0) {
		r = vmha_virt_fail(reply);
		reply->witness = VMHA_VIRT_ABSENT; /* it went between the two questions */
		r = r == -ENOENT ? 0 : r;
	} else {
		reply->witness = witness_of(state, reason);
		if (reply->witness == VMHA_VIRT_POSTCOPY) {
			reply->witness = witness_postcopy(dom);
		}
	}
	virDomainFree(dom);
	return r;
}

static int run_ping(virConnectPtr conn, const struct vmha_virt_request *req,
		    struct vmha_virt_reply *reply)
{
	unsigned long version = 0;

	(void)req;
	return virConnectGetLibVersion(conn, &version) < 0 ? vmha_virt_fail(reply) : 0;
}

static int run_create(virConnectPtr conn, const struct vmha_virt_request *req,
		      struct vmha_virt_reply *reply)
{
	virDomainPtr dom = virDomainCreateXML(conn, req->xml, 0);

	if (!dom) {
		return vmha_virt_fail(reply);
	}
	virDomainFree(dom);
	return 0;
}

static int run_restore(virConnectPtr conn, const struct vmha_virt_request *req,
		       struct vmha_virt_reply *reply)
{
	unsigned int flags = VIR_DOMAIN_SAVE_PAUSED | VIR_DOMAIN_SAVE_BYPASS_CACHE;

	return virDomainRestoreFlags(conn, req->path, NULL, flags) < 0 ? vmha_virt_fail(reply) : 0;
}

static int domain_save(virDomainPtr dom, const struct vmha_virt_request *req,
		       struct vmha_virt_reply *reply)
{
	unsigned int flags = VIR_DOMAIN_SAVE_PAUSED | VIR_DOMAIN_SAVE_BYPASS_CACHE;

	return virDomainSaveFlags(dom, req->path, NULL, flags) < 0 ? vmha_virt_fail(reply) : 0;
}

static int domain_shutdown(virDomainPtr dom, const struct vmha_virt_request *req,
			   struct vmha_virt_reply *reply)
{
	(void)req;
	return virDomainShutdownFlags(dom, VIR_DOMAIN_SHUTDOWN_ACPI_POWER_BTN) < 0
		       ? vmha_virt_fail(reply)
		       : 0;
}

static int domain_destroy(virDomainPtr dom, const struct vmha_virt_request *req,
			  struct vmha_virt_reply *reply)
{
	(void)req;
	return virDomainDestroyFlags(dom, 0) < 0 ? vmha_virt_fail(reply) : 0;
}

static int domain_qmp(virDomainPtr dom, const struct vmha_virt_request *req,
		      struct vmha_virt_reply *reply)
{
	char *result = NULL;

	if (virDomainQemuMonitorCommand(dom, req->command, &result, 0) < 0) {
		return vmha_virt_fail(reply);
	}
	(void)snprintf(reply->text, sizeof(reply->text), "%s", result);
	free(result);
	return 0;
}

static bool job_is_left(virDomainPtr dom)
{
	virTypedParameterPtr params = NULL;
	int type = VIR_DOMAIN_JOB_NONE;
	int count = 0;

	if (virDomainGetJobStats(dom, &type, &params, &count, 0) < 0) {
		return false;
	}
	virTypedParamsFree(params, count);
	return type != VIR_DOMAIN_JOB_NONE;
}

/* @return -EBUSY: its guest runs on the target, and nothing may be ended any more */
static int feeds_target(virDomainPtr dom, struct vmha_virt_reply *reply)
{
	int state = 0;
	int reason = 0;

	if (virDomainGetState(dom, &state, &reason, 0) == 0 && state == VIR_DOMAIN_PAUSED &&
	    (reason == VIR_DOMAIN_PAUSED_POSTCOPY || reason == VIR_DOMAIN_PAUSED_POSTCOPY_FAILED)) {
		(void)snprintf(reply->error, sizeof(reply->error),
			       "its guest runs on the target and fetches its memory from here");
		return -EBUSY;
	}
	return 0;
}

/*
 * QEMU 7.2 may stay in "cancelling" for as long as TCP waits for a peer that has vanished: the
 * threads of a parallel migration hang in their sends.  A yank shuts those connections down.
 */
static int domain_abort(virDomainPtr dom, const struct vmha_virt_request *req,
			struct vmha_virt_reply *reply)
{
	static const char yank[] = "{\"execute\":\"yank\",\"arguments\":{\"instances\":"
				   "[{\"type\":\"migration\"}]}}";
	struct vmha_mono patience = vmha_mono_add(vmha_mono_now(), VMHA_SPAN_S(3));
	char *result = NULL;

	(void)req;
	if (feeds_target(dom, reply) < 0) {
		return -EBUSY;
	}
	if (virDomainAbortJob(dom) < 0 && virGetLastErrorCode() != VIR_ERR_OPERATION_INVALID) {
		return vmha_virt_fail(reply);
	}
	while (job_is_left(dom)) {
		if (vmha_mono_passed(patience)) {
			if (feeds_target(dom, reply) < 0) { /* it has begun just then */
				return -EBUSY;
			}
			(void)virDomainQemuMonitorCommand(dom, yank, &result, 0);
			free(result);
			return 0;
		}
		vmha_mono_pace(VMHA_SPAN_MS(100)); /* libvirt has events only for a main loop */
	}
	return 0;
}

static void job_fill(struct vmha_virt_job *job, virTypedParameterPtr params, int count)
{
	unsigned long long page = 0;
	unsigned long long u = 0;
	int operation = VIR_DOMAIN_JOB_OPERATION_UNKNOWN;

	job->downtime_ms = -1;
	job->kind = VMHA_VIRT_JOB_OTHER;
	if (virTypedParamsGetInt(params, count, VIR_DOMAIN_JOB_OPERATION, &operation) > 0) {
		if (operation == VIR_DOMAIN_JOB_OPERATION_MIGRATION_OUT) {
			job->kind = VMHA_VIRT_JOB_OUT;
		} else if (operation == VIR_DOMAIN_JOB_OPERATION_MIGRATION_IN) {
			job->kind = VMHA_VIRT_JOB_IN;
		}
	}
	if (virTypedParamsGetULLong(params, count, VIR_DOMAIN_JOB_DATA_PROCESSED, &u) > 0) {
		job->processed_bytes = u;
		job->has_stats = true;
	}
	if (virTypedParamsGetULLong(params, count, VIR_DOMAIN_JOB_DATA_REMAINING, &u) > 0) {
		job->remaining_bytes = u;
	}
	if (virTypedParamsGetULLong(params, count, VIR_DOMAIN_JOB_MEMORY_TOTAL, &u) > 0) {
		job->total_bytes = u;
	}
	if (virTypedParamsGetULLong(params, count, VIR_DOMAIN_JOB_MEMORY_BPS, &u) > 0) {
		job->rate_bps = u;
	}
	if (virTypedParamsGetULLong(params, count, VIR_DOMAIN_JOB_MEMORY_PAGE_SIZE, &page) > 0 &&
	    virTypedParamsGetULLong(params, count, VIR_DOMAIN_JOB_MEMORY_DIRTY_RATE, &u) > 0) {
		job->dirty_bps = u * page;
	}
	if (virTypedParamsGetULLong(params, count, VIR_DOMAIN_JOB_MEMORY_ITERATION, &u) > 0) {
		job->iteration = u;
	}
	if (virTypedParamsGetULLong(params, count, VIR_DOMAIN_JOB_TIME_ELAPSED, &u) > 0) {
		job->elapsed_ms = (int64_t)u;
	}
	if (virTypedParamsGetULLong(params, count, VIR_DOMAIN_JOB_DOWNTIME, &u) > 0) {
		job->downtime_ms = (int64_t)u;
	}
}

/* @req->flag: the last completed one */
static int domain_job(virDomainPtr dom, const struct vmha_virt_request *req,
		      struct vmha_virt_reply *reply)
{
	unsigned int flags =
		req->flag ? VIR_DOMAIN_JOB_STATS_COMPLETED | VIR_DOMAIN_JOB_STATS_KEEP_COMPLETED
			  : 0;
	virTypedParameterPtr params = NULL;
	int type = VIR_DOMAIN_JOB_NONE;
	int count = 0;

	if (virDomainGetJobStats(dom, &type, &params, &count, flags) < 0) {
		return vmha_virt_fail(reply);
	}
	if (type != VIR_DOMAIN_JOB_NONE) {
		job_fill(&reply->job, params, count);
		reply->job.ended =
			type == VIR_DOMAIN_JOB_FAILED || type == VIR_DOMAIN_JOB_CANCELLED;
	}
	virTypedParamsFree(params, count);
	return 0;
}

/* An option that this libvirt or QEMU does not know can be left out. */
static int migrate_fail(struct vmha_virt_reply *reply)
{
	int code = virGetLastErrorCode();
	int r = vmha_virt_fail(reply);

	switch (code) {
	case VIR_ERR_INVALID_ARG:
	case VIR_ERR_ARGUMENT_UNSUPPORTED:
	case VIR_ERR_OPERATION_UNSUPPORTED:
	case VIR_ERR_CONFIG_UNSUPPORTED:
		return -ENOTSUP;
	default:
		return r;
	}
}

struct migrate_params {
	virTypedParameterPtr params;
	int count;
	int size;
};

static int params_fill(const struct vmha_virt_migrate_options *o, const char *uri,
		       struct migrate_params *p)
{
	bool parallel = o->streams > 1;

	if (virTypedParamsAddString(&p->params, &p->count, &p->size, VIR_MIGRATE_PARAM_URI, uri) <
		    0 ||
	    virTypedParamsAddString(&p->params, &p->count, &p->size,
				    VIR_MIGRATE_PARAM_LISTEN_ADDRESS, o->address) < 0) {
		return -ENOMEM;
	}
	if (parallel &&
	    virTypedParamsAddInt(&p->params, &p->count, &p->size,
				 VIR_MIGRATE_PARAM_PARALLEL_CONNECTIONS, (int)o->streams) < 0) {
		return -ENOMEM;
	}
	if (parallel && o->compression && strcmp(o->compression, "none") != 0 &&
	    virTypedParamsAddString(&p->params, &p->count, &p->size, VIR_MIGRATE_PARAM_COMPRESSION,
				    o->compression) < 0) {
		return -ENOMEM;
	}
	if (o->bandwidth_mib &&
	    virTypedParamsAddULLong(&p->params, &p->count, &p->size, VIR_MIGRATE_PARAM_BANDWIDTH,
				    o->bandwidth_mib) < 0) {
		return -ENOMEM;
	}
	return 0;
}

/* An IPv6 address stands in brackets in a URI. */
static char *uri_make(const char *scheme, const char *address, const char *path)
{
	bool v6 = strchr(address, ':');

	return vmha_str_printf("%s://%s%s%s%s", scheme, v6 ? "[" : "", address, v6 ? "]" : "",
			       path);
}

static int domain_migrate(virDomainPtr dom, const struct vmha_virt_request *req,
			  struct vmha_virt_reply *reply)
{
	const struct vmha_virt_migrate_options *o = req->migrate;
	vmha_autofree char *dconn = uri_make("qemu+tls", o->address, "/system");
	vmha_autofree char *uri = uri_make("tcp", o->address, "");
	struct migrate_params p = { 0 };
	unsigned int flags = VIR_MIGRATE_LIVE | VIR_MIGRATE_PEER2PEER;
	int r = -ENOMEM;

	flags |= o->tls ? VIR_MIGRATE_TLS : 0;
	flags |= o->streams > 1 ? VIR_MIGRATE_PARALLEL : 0;
	flags |= o->postcopy ? VIR_MIGRATE_POSTCOPY : 0;
	flags |= o->autoconverge ? VIR_MIGRATE_AUTO_CONVERGE : 0;
	flags |= o->shared_unsafe ? VIR_MIGRATE_UNSAFE : 0;
	if (dconn && uri && params_fill(o, uri, &p) == 0) {
		r = virDomainMigrateToURI3(dom, dconn, p.params, (unsigned int)p.count, flags) < 0
			    ? migrate_fail(reply)
			    : 0;
	}
	virTypedParamsFree(p.params, p.count);
	return r;
}

static int domain_postcopy(virDomainPtr dom, const struct vmha_virt_request *req,
			   struct vmha_virt_reply *reply)
{
	(void)req;
	return virDomainMigrateStartPostCopy(dom, 0) < 0 ? vmha_virt_fail(reply) : 0;
}

static int domain_cpu(virDomainPtr dom, const struct vmha_virt_request *req,
		      struct vmha_virt_reply *reply)
{
	(void)req;
	return vmha_virt_child_cpu(dom, reply);
}

static int run_host(virConnectPtr conn, const struct vmha_virt_request *req,
		    struct vmha_virt_reply *reply)
{
	return vmha_virt_child_host(conn, req->needs, reply);
}

static int run_host_cpu(virConnectPtr conn, const struct vmha_virt_request *req,
			struct vmha_virt_reply *reply)
{
	return vmha_virt_child_host_cpu(conn, req->needs, reply);
}

static int run_baseline(virConnectPtr conn, const struct vmha_virt_request *req,
			struct vmha_virt_reply *reply)
{
	return vmha_virt_child_baseline(conn, req->needs, req->cpus, reply);
}

#define ON_DOMAIN(name_)                                                                           \
	static int run_##name_(virConnectPtr conn, const struct vmha_virt_request *req,            \
			       struct vmha_virt_reply *reply)                                      \
	{                                                                                          \
		int r = 0;                                                                         \
		virDomainPtr dom = lookup(conn, req, reply, &r);                                   \
                                                                                                   \
		if (dom) {                                                                         \
			r = domain_##name_(dom, req, reply);                                       \
			virDomainFree(dom);                                                        \
		}                                                                                  \
		return r;                                                                          \
	}

ON_DOMAIN(save)
ON_DOMAIN(shutdown)
ON_DOMAIN(destroy)
ON_DOMAIN(qmp)
ON_DOMAIN(abort)
ON_DOMAIN(job)
ON_DOMAIN(migrate)
ON_DOMAIN(postcopy)
ON_DOMAIN(cpu)

static int (*const runs[])(virConnectPtr conn, const struct vmha_virt_request *req,
			   struct vmha_virt_reply *reply) = {
	[VMHA_VIRT_DO_ASK] = run_ask,		[VMHA_VIRT_DO_PING] = run_ping,
	[VMHA_VIRT_DO_CREATE] = run_create,	[VMHA_VIRT_DO_RESTORE] = run_restore,
	[VMHA_VIRT_DO_SAVE] = run_save,		[VMHA_VIRT_DO_SHUTDOWN] = run_shutdown,
	[VMHA_VIRT_DO_DESTROY] = run_destroy,	[VMHA_VIRT_DO_QMP] = run_qmp,
	[VMHA_VIRT_DO_ABORT] = run_abort,	[VMHA_VIRT_DO_JOB] = run_job,
	[VMHA_VIRT_DO_MIGRATE] = run_migrate,	[VMHA_VIRT_DO_CPU] = run_cpu,
	[VMHA_VIRT_DO_HOST] = run_host,		[VMHA_VIRT_DO_HOST_CPU] = run_host_cpu,
	[VMHA_VIRT_DO_BASELINE] = run_baseline, [VMHA_VIRT_DO_POSTCOPY] = run_postcopy,
};

static int child_work(const struct vmha_virt_request *req, struct vmha_virt_reply *reply)
{
	bool local = !req->address || req->verb == VMHA_VIRT_DO_MIGRATE;
	vmha_autofree char *uri =
		local ? strdup("qemu:///system") : uri_make("qemu+tls", req->address, "/system");
	virConnectPtr conn;

	virSetErrorFunc(NULL, quiet);
	conn = uri ? virConnectOpen(uri) : NULL;
	if (!conn) {
		(void)vmha_virt_fail(reply);
		return -ECONNREFUSED;
	}
	return runs[req->verb](conn, req, reply);
	/* the connection ends with this child */
}

void vmha_virt_child(const struct vmha_virt_request *req, struct vmha_virt_reply *reply)
{
	int r;

	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	r = child_work(req, reply);
	reply->result = r;
	_exit(0);
}
