/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lib/port/virt.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/base/cleanup.h"
#include "lib/base/str.h"
#include "lib/port/virt_child.h"

#define LOCAL_SOCKET "/run/libvirt/libvirt-sock"

struct call {
	pid_t pid;
	int pidfd;
	struct vmha_virt_reply *reply;
};

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

static int call_start(const struct vmha_virt_request *req, struct call *ret_call,
		      struct vmha_err **err)
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
		vmha_virt_child(req, call.reply);
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

static const char *where(const struct vmha_virt_request *req)
{
	return req->address ? req->address : "this node";
}

static int call_result(const struct call *call, const struct vmha_virt_request *req,
		       struct vmha_err **err)
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
static int call_run(const struct vmha_virt_request *req, struct vmha_span timeout,
		    struct vmha_virt_reply *ret_reply, struct vmha_err **err)
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
	struct vmha_virt_request req = { .address = address,
					 .uuid = uuid,
					 .verb = VMHA_VIRT_DO_ASK };
	vmha_autofree struct vmha_virt_reply *reply = calloc(1, sizeof(*reply));
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
	struct vmha_virt_request req = { .address = address, .verb = VMHA_VIRT_DO_PING };

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
	struct vmha_virt_request req = { .xml = xml, .verb = VMHA_VIRT_DO_CREATE };

	return call_run(&req, timeout, NULL, err);
}

int vmha_virt_shutdown(const char *uuid, struct vmha_span timeout, struct vmha_err **err)
{
	struct vmha_virt_request req = { .uuid = uuid, .verb = VMHA_VIRT_DO_SHUTDOWN };

	return call_run(&req, timeout, NULL, err);
}

int vmha_virt_destroy(const char *uuid, struct vmha_span timeout, struct vmha_err **err)
{
	struct vmha_virt_request req = { .uuid = uuid, .verb = VMHA_VIRT_DO_DESTROY };
	int r = call_run(&req, timeout, NULL, err);

	return r == -ENOENT ? 0 : r;
}

int vmha_virt_save(const char *uuid, const char *path, struct vmha_span timeout,
		   struct vmha_err **err)
{
	struct vmha_virt_request req = { .uuid = uuid, .path = path, .verb = VMHA_VIRT_DO_SAVE };

	return call_run(&req, timeout, NULL, err);
}

int vmha_virt_restore(const char *path, struct vmha_span timeout, struct vmha_err **err)
{
	struct vmha_virt_request req = { .path = path, .verb = VMHA_VIRT_DO_RESTORE };

	return call_run(&req, timeout, NULL, err);
}

/* A request whose answer is a text. */
static int text_ask(const struct vmha_virt_request *req, struct vmha_span timeout, char **ret_text,
		    struct vmha_err **err)
{
	vmha_autofree struct vmha_virt_reply *reply = calloc(1, sizeof(*reply));
	vmha_autofree char *text = NULL;
	int r;

	if (!reply) {
		return vmha_err_set(err, -ENOMEM, "out of memory asking libvirtd");
	}
	r = call_run(req, timeout, reply, err);
	if (r < 0 || !ret_text) {
		return r;
	}
	text = strdup(reply->text);
	if (!text) {
		return vmha_err_set(err, -ENOMEM, "out of memory asking libvirtd");
	}
	*ret_text = vmha_steal_ptr(text);
	return 0;
}

int vmha_virt_qmp(const char *uuid, const char *command, struct vmha_span timeout, char **ret_reply,
		  struct vmha_err **err)
{
	struct vmha_virt_request req = { .uuid = uuid,
					 .command = command,
					 .verb = VMHA_VIRT_DO_QMP };

	return text_ask(&req, timeout, ret_reply, err);
}

int vmha_virt_cpu(const char *address, const char *uuid, struct vmha_span timeout, char **ret_xml,
		  struct vmha_err **err)
{
	struct vmha_virt_request req = { .address = address,
					 .uuid = uuid,
					 .verb = VMHA_VIRT_DO_CPU };

	return text_ask(&req, timeout, ret_xml, err);
}

int vmha_virt_host_cpu(const char *address, const struct vmha_virt_needs *needs,
		       struct vmha_span timeout, char **ret_xml, struct vmha_err **err)
{
	struct vmha_virt_request req = { .address = address,
					 .needs = needs,
					 .verb = VMHA_VIRT_DO_HOST_CPU };

	return text_ask(&req, timeout, ret_xml, err);
}

int vmha_virt_baseline(const struct vmha_virt_needs *needs, const char *const *cpus,
		       struct vmha_span timeout, char **ret_xml, struct vmha_err **err)
{
	struct vmha_virt_request req = { .needs = needs,
					 .cpus = cpus,
					 .verb = VMHA_VIRT_DO_BASELINE };

	return text_ask(&req, timeout, ret_xml, err);
}

int vmha_virt_host(const struct vmha_virt_needs *needs, struct vmha_span timeout,
		   struct vmha_virt_host *ret_host, struct vmha_err **err)
{
	struct vmha_virt_request req = { .needs = needs, .verb = VMHA_VIRT_DO_HOST };
	vmha_autofree struct vmha_virt_reply *reply = calloc(1, sizeof(*reply));
	int r;

	if (!reply) {
		return vmha_err_set(err, -ENOMEM, "out of memory asking libvirtd");
	}
	r = call_run(&req, timeout, reply, err);
	if (r == 0) {
		*ret_host = reply->host;
	}
	return r;
}

static int job_ask(const struct vmha_virt_request *req, struct vmha_span timeout,
		   struct vmha_virt_job *ret_job, struct vmha_err **err)
{
	vmha_autofree struct vmha_virt_reply *reply = calloc(1, sizeof(*reply));
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
	struct vmha_virt_request req = { .address = address,
					 .uuid = uuid,
					 .verb = VMHA_VIRT_DO_JOB };

	return job_ask(&req, timeout, ret_job, err);
}

int vmha_virt_job_completed(const char *address, const char *uuid, struct vmha_span timeout,
			    struct vmha_virt_job *ret_job, struct vmha_err **err)
{
	struct vmha_virt_request req = {
		.address = address, .uuid = uuid, .flag = true, .verb = VMHA_VIRT_DO_JOB
	};

	return job_ask(&req, timeout, ret_job, err);
}

int vmha_virt_job_abort(const char *address, const char *uuid, struct vmha_span timeout,
			struct vmha_err **err)
{
	struct vmha_virt_request req = { .address = address,
					 .uuid = uuid,
					 .verb = VMHA_VIRT_DO_ABORT };

	return call_run(&req, timeout, NULL, err);
}

int vmha_virt_postcopy(const char *uuid, struct vmha_span timeout, struct vmha_err **err)
{
	struct vmha_virt_request req = { .uuid = uuid, .verb = VMHA_VIRT_DO_POSTCOPY };

	return call_run(&req, timeout, NULL, err);
}

struct vmha_virt_migration {
	struct call call;
};

int vmha_virt_migrate_start(const char *uuid, const struct vmha_virt_migrate_options *options,
			    struct vmha_virt_migration **ret_migration, struct vmha_err **err)
{
	struct vmha_virt_migration *m = calloc(1, sizeof(*m));
	struct vmha_virt_request req = { .uuid = uuid,
					 .address = options->address,
					 .migrate = options,
					 .verb = VMHA_VIRT_DO_MIGRATE };
	int r;

	if (!m) {
		return vmha_err_set(err, -ENOMEM, "out of memory starting a migration");
	}
	m->call.pidfd = -1;
	r = call_start(&req, &m->call, err); /* the child has its own copy of all that */
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
	struct vmha_virt_request req = {
		0
	}; /* the error is the source's libvirtd's: this node's */

	if (!call_wait(&migration->call, timeout)) {
		return -EAGAIN;
	}
	return call_result(&migration->call, &req, err);
}

void vmha_virt_migrate_free(struct vmha_virt_migration *migration)
{
	if (migration) {
		call_end(&migration->call);
		free(migration);
	}
}
