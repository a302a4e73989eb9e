/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef VMHA_PORT_VIRT_CHILD_H
#define VMHA_PORT_VIRT_CHILD_H

#include <stdbool.h>

#include "lib/port/virt.h"

/*
 * The half of virt.c that speaks with libvirt: always in a child that can be killed, because a
 * libvirtd that hangs holds its callers for ever.
 */
#define VMHA_VIRT_TEXT_MAX 8192

enum vmha_virt_verb {
	VMHA_VIRT_DO_ASK,
	VMHA_VIRT_DO_PING,
	VMHA_VIRT_DO_CREATE,
	VMHA_VIRT_DO_RESTORE,
	VMHA_VIRT_DO_SAVE,
	VMHA_VIRT_DO_SHUTDOWN,
	VMHA_VIRT_DO_DESTROY,
	VMHA_VIRT_DO_QMP,
	VMHA_VIRT_DO_ABORT,
	VMHA_VIRT_DO_JOB,
	VMHA_VIRT_DO_MIGRATE,
	VMHA_VIRT_DO_POSTCOPY,
	VMHA_VIRT_DO_CPU,
	VMHA_VIRT_DO_HOST,
	VMHA_VIRT_DO_HOST_CPU,
	VMHA_VIRT_DO_BASELINE,
};

/** What the child leaves for its parent, in memory that both share. */
struct vmha_virt_reply {
	int result; /* set last: 1 while unset */
	char error[VMHA_VIRT_TEXT_MAX];
	char text[VMHA_VIRT_TEXT_MAX];
	enum vmha_virt_witness witness;
	struct vmha_virt_job job;
	struct vmha_virt_host host;
};

struct vmha_virt_request {
	enum vmha_virt_verb verb;
	const char *address;
	const char *uuid;
	const char *xml;
	const char *path;
	const char *command;
	const struct vmha_virt_migrate_options *migrate;
	const struct vmha_virt_needs *needs;
	const char *const *cpus; /* NULL ends */
	bool flag;
};

/** Does the one thing, fills @reply and ends the process. */
void vmha_virt_child(const struct vmha_virt_request *req, struct vmha_virt_reply *reply)
	__attribute__((noreturn));

/** For the parts of the child: the last libvirt error as errno, its words in @reply. */
int vmha_virt_fail(struct vmha_virt_reply *reply);
/** A domain's <cpu> (lib/port/virt_host.c). @param dom a virDomainPtr */
int vmha_virt_child_cpu(void *dom, struct vmha_virt_reply *reply);
/** What this host lacks (lib/port/virt_host.c). @param conn a virConnectPtr */
int vmha_virt_child_host(void *conn, const struct vmha_virt_needs *needs,
			 struct vmha_virt_reply *reply);
/** The CPU this host can give (lib/port/virt_host.c). @param conn a virConnectPtr */
int vmha_virt_child_host_cpu(void *conn, const struct vmha_virt_needs *needs,
			     struct vmha_virt_reply *reply);
/** The best of several (lib/port/virt_host.c). @param conn a virConnectPtr */
int vmha_virt_child_baseline(void *conn, const struct vmha_virt_needs *needs,
			     const char *const *cpus, struct vmha_virt_reply *reply);

#endif
