/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef VMHA_CLI_NODE_SETUP_H
#define VMHA_CLI_NODE_SETUP_H

#include "cli/node_facts.h"
#include "cli/node_plan.h"

/** One `--set FILE:KEY=VALUE`. */
struct vmha_node_extra {
	const char *path; /* of the file that FILE stands for */
	enum vmha_conf_style style;
	unsigned int daemon;
	char *key;
	const char *value;
};

/** What setup was asked for, each pointer NULL if not. */
struct vmha_node_request {
	const char *address;
	const char *host_uuid; /* "auto", "keep" or a UUID */
	const char *sanlock_name;
	const char *ca_cert, *ca_key, *cert, *key;
	struct vmha_node_extra *extras;
	size_t extras_count;
	bool dry_run, yes, restart;
};

/**
 * Parse FILE:KEY=VALUE.
 * @param[out] ret_extra  set on 0 only; key is to be freed
 * @return 0; -EINVAL malformed, no such file, or a setting that setup itself decides
 */
int vmha_node_extra_parse(const char *arg, struct vmha_node_extra *ret_extra,
			  struct vmha_err **err);

/** Plan the settings of libvirt, sanlock and vmha. */
int vmha_node_settings_plan(struct vmha_node_plan *plan, const struct vmha_node_request *req,
			    const struct vmha_node_facts *facts, const char *address,
			    struct vmha_err **err);

/** Plan what systemd has to know: order of the daemons, libvirt's TLS socket. */
int vmha_node_systemd_plan(struct vmha_node_plan *plan, struct vmha_err **err);

/** The commands of cli/node.c. */
int vmha_node_setup(int argc, char **argv, struct vmha_err **err);
int vmha_node_doctor(int argc, char **argv, struct vmha_err **err);

#endif
