/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lib/port/virt.h"

#include <errno.h>
#include <libvirt/libvirt-qemu.h>
#include <libvirt/libvirt.h>
#include <libvirt/virterror.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/base/cleanup.h"
#include "lib/base/str.h"

#define LOCAL_SOCKET "/run/libvirt/libvirt-sock"
#define TEXT_MAX     8192
#define CONNECTIONS  2 /* parallel ones of a migration: best of those measured */

/* What the child leaves for its parent, in memory that both share. */
struct reply {
	int result; /* set last: 1 while unset */
	char error[TEXT_MAX];
	char text[TEXT_MAX];
	enum vmha_virt_witness witness;
	struct vmha_virt_job job;
};

struct request {
	const char *address;
	const char *uuid;
	const char *xml;
	const char *path;
	const char *command;
	bool flag;
	int (*run)(virConnectPtr conn, const struct request *req, struct reply *reply);
};

struct call {
	pid_t pid;
	int pidfd;
	struct reply *reply;
};

/* --- in the child ------------------------------------------------------------------------- */

static void quiet(void *data, virErrorPtr error)
{
	(void)data;
	(void)error;
}

/* The last libvirt error as errno, its words in the reply. */
static int fail(struct reply *reply)
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

static virDomainPtr lookup(virConnectPtr conn, const struct request *req, struct reply *reply,
			   int *ret_result)
{
	virDomainPtr dom = virDomainLookupByUUIDString(conn, req->uuid);

	if (!dom) {
		*ret_result = fail(reply);
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
	case VIR_DOMAIN_PAUSED_MIGRATION:
	case VIR_DOMAIN_PAUSED_POSTCOPY:
	case VIR_DOMAIN_PAUSED_POSTCOPY_FAILED:
		return VMHA_VIRT_PAUSED_MIGRATION;
	default:
		return VMHA_VIRT_PAUSED_OTHER;
	}
}

static enum vmha_virt_witness witness_of(int state, int reason)
{
	switch (state) {
	case VIR_DOMAIN_RUNNING:
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

static int run_ask(virConnectPtr conn, const struct request *req, struct reply *reply)
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
		r = fail(reply);
		reply->witness = VMHA_VIRT_ABSENT; /* it went between the two questions */
		r = r == -ENOENT ? 0 : r;
	} else {
		reply->witness = witness_of(state, reason);
	}
	virDomainFree(dom);
	return r;
}

static int run_ping(virConnectPtr conn, const struct request *req, struct reply *reply)
{
	unsigned long version = 0;

	(void)req;
	return virConnectGetLibVersion(conn, &version) < 0 ? fail(reply) : 0;
}

static int run_create(virConnectPtr conn, const struct request *req, struct reply *reply)
{
	virDomainPtr dom = virDomainCreateXML(conn, req->xml, 0);

	if (!dom) {
		return fail(reply);
	}
	virDomainFree(dom);
	return 0;
}

static int run_restore(virConnectPtr conn, const struct request *req, struct reply *reply)
{
	unsigned int flags = VIR_DOMAIN_SAVE_PAUSED | VIR_DOMAIN_SAVE_BYPASS_CACHE;

	return virDomainRestoreFlags(conn, req->path, NULL, flags) < 0 ? fail(reply) : 0;
}

static int domain_save(virDomainPtr dom, const struct request *req, struct reply *reply)
{
	unsigned int flags = VIR_DOMAIN_SAVE_PAUSED | VIR_DOMAIN_SAVE_BYPASS_CACHE;

	return virDomainSaveFlags(dom, req->path, NULL, flags) < 0 ? fail(reply) : 0;
}

static int domain_shutdown(virDomainPtr dom, const struct request *req, struct reply *reply)
{
	(void)req;
	return virDomainShutdownFlags(dom, VIR_DOMAIN_SHUTDOWN_ACPI_POWER_BTN) < 0 ? fail(reply)
										   : 0;
}

static int domain_destroy(virDomainPtr dom, const struct request *req, struct reply *reply)
{
	(void)req;
	return virDomainDestroyFlags(dom, 0) < 0 ? fail(reply) : 0;
}

static int domain_qmp(virDomainPtr dom, const struct request *req, struct reply *reply)
{
	char *result = NULL;

	if (virDomainQemuMonitorCommand(dom, req->command, &result, 0) < 0) {
		return fail(reply);
	}
	(void)snprintf(reply->text, sizeof(reply->text), "%s", result);
	free(result);
	return 0;
}

static int domain_abort(virDomainPtr dom, const struct request *req, struct reply *reply)
{
	(void)req;
	if (virDomainAbortJob(dom) == 0) {
		return 0;
	}
	/* no job is running */
	return virGetLastErrorCode() == VIR_ERR_OPERATION_INVALID ? 0 : fail(reply);
}

static void job_fill(struct vmha_virt_job *job, virTypedParameterPtr params, int count)
{
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
	if (virTypedParamsGetULLong(params, count, VIR_DOMAIN_JOB_TIME_ELAPSED, &u) > 0) {
		job->elapsed_ms = (int64_t)u;
	}
	if (virTypedParamsGetULLong(params, count, VIR_DOMAIN_JOB_DOWNTIME, &u) > 0) {
		job->downtime_ms = (int64_t)u;
	}
}

/* @req->flag: the last completed one */
static int domain_job(virDomainPtr dom, const struct request *req, struct reply *reply)
{
	unsigned int flags =
		req->flag ? VIR_DOMAIN_JOB_STATS_COMPLETED | VIR_DOMAIN_JOB_STATS_KEEP_COMPLETED
			  : 0;
	virTypedParameterPtr params = NULL;
	int type = VIR_DOMAIN_JOB_NONE;
	int count = 0;

	if (virDomainGetJobStats(dom, &type, &params, &count, flags) < 0) {
		return fail(reply);
	}
	if (type != VIR_DOMAIN_JOB_NONE) {
		job_fill(&reply->job, params, count);
	}
	virTypedParamsFree(params, count);
	return 0;
}

static int domain_migrate(virDomainPtr dom, const struct request *req, struct reply *reply)
{
	vmha_autofree char *dconn = vmha_str_printf("qemu+tls://%s/system", req->address);
	vmha_autofree char *uri = vmha_str_printf("tcp://%s", req->address);
	unsigned int flags = VIR_MIGRATE_LIVE | VIR_MIGRATE_PEER2PEER | VIR_MIGRATE_TLS |
			     VIR_MIGRATE_PARALLEL | VIR_MIGRATE_AUTO_CONVERGE |
			     (req->flag ? VIR_MIGRATE_UNSAFE : 0);
	virTypedParameterPtr params = NULL;
	int count = 0;
	int max = 0;
	int r;

	if (!dconn || !uri ||
	    virTypedParamsAddString(&params, &count, &max, VIR_MIGRATE_PARAM_URI, uri) < 0 ||
	    virTypedParamsAddInt(&params, &count, &max, VIR_MIGRATE_PARAM_PARALLEL_CONNECTIONS,
				 CONNECTIONS) < 0) {
		virTypedParamsFree(params, count);
		return -ENOMEM;
	}
	r = virDomainMigrateToURI3(dom, dconn, params, (unsigned int)count, flags) < 0 ? fail(reply)
										       : 0;
	virTypedParamsFree(params, count);
	return r;
}

#define ON_DOMAIN(name_)                                                                           \
	static int run_##name_(virConnectPtr conn, const struct request *req, struct reply *reply) \
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

static int child_work(const struct request *req, struct reply *reply)
{
	bool local = !req->address || req->run == run_migrate;
	vmha_autofree char *uri = local ? strdup("qemu:///system")
					: vmha_str_printf("qemu+tls://%s/system", req->address);
	virConnectPtr conn;

	virSetErrorFunc(NULL, quiet);
	conn = uri ? virConnectOpen(uri) : NULL;
	if (!conn) {
		(void)fail(reply);
		return -ECONNREFUSED;
	}
	return req->run(conn, req, reply);
	/* the connection ends with this child */
}

static void __attribute__((noreturn)) child_main(const struct request *req, struct reply *reply)
{
	int r;

	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	r = child_work(req, reply);
	reply->result = r;
	_exit(0);
}

/* --- in the parent ------------------------------------------------------------------------ */

static void call_end(struct call *call)
{
	if (call->pid > 0) {
		(void)kill(call->pid, SIGKILL);
		while (waitpid(call->pid, NULL, 0) < 0 && errno == EINTR) {
		}
	}
	vmha_cleanup_fd(&call->pidfd);
	if (call->reply) {
		(void)munmap(call->reply, sizeof(*call->reply));
	}
	*call = (struct call){ .pidfd = -1 };
}

#define autocall __attribute__((cleanup(call_end)))

static int call_start(const struct request *req, struct call *ret_call, struct vmha_err **err)
{
	autocall struct call call = { .pidfd = -1 };

	call.reply = mmap(NULL, sizeof(*call.reply), PROT_READ | PROT_WRITE,
			  MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (call.reply == MAP_FAILED) {
		call.reply = NULL;
		return vmha_err_errno(err, -errno, "cannot ask libvirtd");
	}
	call.reply->result = 1;
	call.pid = fork();
	if (call.pid == 0) {
		child_main(req, call.reply);
	}
	call.pidfd = call.pid > 0 ? pidfd_open(call.pid, 0) : -1;
	if (call.pidfd < 0) {
		return vmha_err_errno(err, -errno, "cannot ask libvirtd");
	}
	*ret_call = call;
	call = (struct call){ .pidfd = -1 };
	return 0;
}

/* @return 1 ended; 0 not within @timeout */
static int call_wait(const struct call *call, struct vmha_span timeout)
{
	struct vmha_mono deadline = vmha_mono_add(vmha_mono_now(), timeout);
	struct pollfd p = { .fd = call->pidfd, .events = POLLIN };
	int n;

	do {
		n = poll(&p, 1, vmha_mono_left_ms(deadline));
	} while (n < 0 && errno == EINTR);
	return n != 0;
}

static const char *where(const struct request *req)
{
	return req->address ? req->address : "this node";
}

static int call_result(const struct call *call, const struct request *req, struct vmha_err **err)
{
	int r = call->reply->result;

	if (r == 1) {
		return vmha_err_set(err, -EIO, "the process asking libvirtd of %s died",
				    where(req));
	}
	return r < 0 ? vmha_err_set(err, r, "libvirtd of %s: %s", where(req), call->reply->error)
		     : 0;
}

/* @param[out] ret_reply may be NULL; copied on 0 only */
static int call_run(const struct request *req, struct vmha_span timeout, struct reply *ret_reply,
		    struct vmha_err **err)
{
	autocall struct call call = { .pidfd = -1 };
	int r = call_start(req, &call, err);

	if (r < 0) {
		return r;
	}
	if (!call_wait(&call, timeout)) {
		return vmha_err_set(err, -ETIMEDOUT, "libvirtd of %s did not answer within %lld s",
				    where(req), (long long)(vmha_span_ms(timeout) + 999) / 1000);
	}
	r = call_result(&call, req, err);
	if (r == 0 && ret_reply) {
		*ret_reply = *call.reply;
	}
	return r;
}

int vmha_virt_ask_at(const char *address, const char *uuid, struct vmha_span timeout,
		     enum vmha_virt_witness *ret_witness, struct vmha_err **err)
{
	struct request req = { .address = address, .uuid = uuid, .run = run_ask };
	vmha_autofree struct reply *reply = calloc(1, sizeof(*reply));
	int r;

	if (!reply) {
		return vmha_err_set(err, -ENOMEM, "out of memory asking libvirtd");
	}
	r = call_run(&req, timeout, reply, err);
	if (r == -ENOMEM) {
		return r;
	}
	*ret_witness = r < 0 ? VMHA_VIRT_SILENT : reply->witness;
	return 0;
}

int vmha_virt_ask(const char *uuid, struct vmha_span timeout, enum vmha_virt_witness *ret_witness,
		  struct vmha_err **err)
{
	return vmha_virt_ask_at(NULL, uuid, timeout, ret_witness, err);
}

int vmha_virt_ping(const char *address, struct vmha_span timeout, struct vmha_err **err)
{
	struct request req = { .address = address, .run = run_ping };

	return call_run(&req, timeout, NULL, err);
}

bool vmha_virt_gone(void)
{
	struct sockaddr_un to = { .sun_family = AF_UNIX, .sun_path = LOCAL_SOCKET };
	/* not blocking: a stopped daemon with a full backlog would hold us */
	vmha_autoclose int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0 || connect(fd, (struct sockaddr *)&to, sizeof(to)) == 0) {
		return false;
	}
	return errno == ECONNREFUSED || errno == ENOENT;
}

int vmha_virt_create(const char *xml, struct vmha_span timeout, struct vmha_err **err)
{
	struct request req = { .xml = xml, .run = run_create };

	return call_run(&req, timeout, NULL, err);
}

int vmha_virt_shutdown(const char *uuid, struct vmha_span timeout, struct vmha_err **err)
{
	struct request req = { .uuid = uuid, .run = run_shutdown };

	return call_run(&req, timeout, NULL, err);
}

int vmha_virt_destroy(const char *uuid, struct vmha_span timeout, struct vmha_err **err)
{
	struct request req = { .uuid = uuid, .run = run_destroy };
	int r = call_run(&req, timeout, NULL, err);

	return r == -ENOENT ? 0 : r;
}

int vmha_virt_save(const char *uuid, const char *path, struct vmha_span timeout,
		   struct vmha_err **err)
{
	struct request req = { .uuid = uuid, .path = path, .run = run_save };

	return call_run(&req, timeout, NULL, err);
}

int vmha_virt_restore(const char *path, struct vmha_span timeout, struct vmha_err **err)
{
	struct request req = { .path = path, .run = run_restore };

	return call_run(&req, timeout, NULL, err);
}

int vmha_virt_qmp(const char *uuid, const char *command, struct vmha_span timeout, char **ret_reply,
		  struct vmha_err **err)
{
	struct request req = { .uuid = uuid, .command = command, .run = run_qmp };
	vmha_autofree struct reply *reply = calloc(1, sizeof(*reply));
	vmha_autofree char *text = NULL;
	int r;

	if (!reply) {
		return vmha_err_set(err, -ENOMEM, "out of memory asking libvirtd");
	}
	r = call_run(&req, timeout, reply, err);
	if (r < 0 || !ret_reply) {
		return r;
	}
	text = strdup(reply->text);
	if (!text) {
		return vmha_err_set(err, -ENOMEM, "out of memory asking libvirtd");
	}
	*ret_reply = vmha_steal_ptr(text);
	return 0;
}

static int job_ask(const struct request *req, struct vmha_span timeout,
		   struct vmha_virt_job *ret_job, struct vmha_err **err)
{
	vmha_autofree struct reply *reply = calloc(1, sizeof(*reply));
	int r;

	if (!reply) {
		return vmha_err_set(err, -ENOMEM, "out of memory asking libvirtd");
	}
	r = call_run(req, timeout, reply, err);
	if (r == 0) {
		*ret_job = reply->job;
	}
	return r;
}

int vmha_virt_job(const char *address, const char *uuid, struct vmha_span timeout,
		  struct vmha_virt_job *ret_job, struct vmha_err **err)
{
	struct request req = { .address = address, .uuid = uuid, .run = run_job };

	return job_ask(&req, timeout, ret_job, err);
}

int vmha_virt_job_completed(const char *address, const char *uuid, struct vmha_span timeout,
			    struct vmha_virt_job *ret_job, struct vmha_err **err)
{
	struct request req = { .address = address, .uuid = uuid, .flag = true, .run = run_job };

	return job_ask(&req, timeout, ret_job, err);
}

int vmha_virt_job_abort(const char *address, const char *uuid, struct vmha_span timeout,
			struct vmha_err **err)
{
	struct request req = { .address = address, .uuid = uuid, .run = run_abort };

	return call_run(&req, timeout, NULL, err);
}

struct vmha_virt_migration {
	struct call call;
	char *uuid;
	char *address;
};

int vmha_virt_migrate_start(const char *uuid, const char *address, bool shared_unsafe,
			    struct vmha_virt_migration **ret_migration, struct vmha_err **err)
{
	struct vmha_virt_migration *m = calloc(1, sizeof(*m));
	struct request req = {
		.uuid = uuid, .address = address, .flag = shared_unsafe, .run = run_migrate
	};
	int r;

	if (!m) {
		return vmha_err_set(err, -ENOMEM, "out of memory starting a migration");
	}
	m->call.pidfd = -1;
	m->uuid = strdup(uuid);
	m->address = strdup(address);
	r = m->uuid && m->address ? call_start(&req, &m->call, err)
				  : vmha_err_set(err, -ENOMEM, "out of memory");
	if (r < 0) {
		vmha_virt_migrate_free(m);
		return r;
	}
	*ret_migration = m;
	return 0;
}

int vmha_virt_migrate_wait(struct vmha_virt_migration *migration, struct vmha_span timeout,
			   struct vmha_err **err)
{
	struct request req = { 0 }; /* the error is the source's libvirtd's: this node's */

	if (!call_wait(&migration->call, timeout)) {
		return -EAGAIN;
	}
	return call_result(&migration->call, &req, err);
}

void vmha_virt_migrate_free(struct vmha_virt_migration *migration)
{
	if (migration) {
		call_end(&migration->call);
		free(migration->uuid);
		free(migration->address);
		free(migration);
	}
}
