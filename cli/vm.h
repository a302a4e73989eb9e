/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef VMHA_CLI_VM_H
#define VMHA_CLI_VM_H

#include "lib/base/err.h"
#include "lib/port/domxml.h"
#include "lib/port/pcmk.h"
#include "lib/role/domcheck.h"
#include "lib/role/role.h"

/* The commands of `vmha vm`, and what they share. */
int vmha_vm_add(int argc, char **argv, struct vmha_err **err);
int vmha_vm_edit(int argc, char **argv, struct vmha_err **err);
int vmha_vm_remove(int argc, char **argv, struct vmha_err **err);

/**
 * Check what only this machine and the cluster can tell: files, bridges and networks, other roles,
 * domains that exist already.
 * @param fresh the role is new: no domain of its name or UUID may run anywhere
 */
void vmha_vm_check(const struct vmha_domxml *dom, const struct vmha_role *role,
		   const struct vmha_pcmk_state *state, bool fresh,
		   const struct vmha_disk_policy *policy, struct vmha_findings *f);

/**
 * Print warnings, then refusals, one line each, on standard error.
 * @return 0; -EINVAL when there are refusals, *err tells how many
 */
int vmha_vm_findings(const struct vmha_findings *f, const char *what, struct vmha_err **err);

/** Replace the domain's CPU by the best one that all nodes can give, asked of each libvirtd.
 * @return 0; -EHOSTDOWN a node is not online */
int vmha_vm_cpu_baseline(struct vmha_domxml *dom, const struct vmha_pcmk_state *state,
			 struct vmha_err **err);

#endif
