/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef VMHA_CLI_NODE_REPORT_H
#define VMHA_CLI_NODE_REPORT_H

#include <jansson.h>
#include <stddef.h>

#include "cli/node_facts.h"

/* What `vmha node doctor` finds, line by line. */
enum vmha_node_level {
	VMHA_NODE_OK,
	VMHA_NODE_WARN, /* works, but the administrator should know */
	VMHA_NODE_FAIL, /* VMs cannot run, move or be protected here as they should */
};

struct vmha_node_report {
	json_t *lines; /* [{"check","state","text","do"}] */
	size_t warnings;
	size_t failures;
};

/** @param todo what to do about it; NULL when it is fine. */
void vmha_node_say(struct vmha_node_report *rep, enum vmha_node_level level, const char *check,
		   const char *todo, const char *fmt, ...) __attribute__((format(printf, 5, 6)));

/** What lies on this host: programs, agents, settings, certificates, devices. */
void vmha_node_check_host(struct vmha_node_report *rep, const struct vmha_node_facts *facts);

/** What answers: sanlock, libvirtd (also over TLS), Pacemaker, the other nodes' libvirtd. */
void vmha_node_check_live(struct vmha_node_report *rep, const struct vmha_node_facts *facts);

#endif
