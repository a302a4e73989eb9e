/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef VMHA_PORT_VIRSH_H
#define VMHA_PORT_VIRSH_H

#include <stdbool.h>

#include "lib/base/err.h"

/*
 * Lists of names that administrators' commands compare, asked by virsh: on no path of an agent.
 * @address: NULL for this node's libvirtd, else the migration address of a node.
 * Errors of all: -ETIMEDOUT, -EIO libvirtd does not answer or refuses; -ENOENT no virsh.
 */
enum vmha_virsh_list {
	VMHA_VIRSH_RUNNING_NAMES, /* domains with a process, paused ones too */
	VMHA_VIRSH_RUNNING_UUIDS,
	VMHA_VIRSH_DEFINED_NAMES, /* persistent definitions */
	VMHA_VIRSH_DEFINED_UUIDS,
	VMHA_VIRSH_AUTOSTART_NAMES,
	VMHA_VIRSH_NETWORKS, /* active networks */
};

/** @return 1 @name is in the list; 0 it is not; negative errno */
int vmha_virsh_has(const char *address, enum vmha_virsh_list list, const char *name,
		   struct vmha_err **err);

/** Switch the autostart of a defined domain off. */
int vmha_virsh_autostart_off(const char *address, const char *name, struct vmha_err **err);

#endif
