/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef VMHA_ROLE_PROCESS_H
#define VMHA_ROLE_PROCESS_H

#include <stdint.h>
#include <sys/types.h>

#include "lib/core/evidence.h"

/*
 * The QEMU process of a role, found in /proc by what libvirt writes into its command line:
 * `-name guest=NAME,...` and `-uuid UUID`.  Needs neither libvirt nor the volume.
 */
struct vmha_process {
	enum vmha_process_witness witness;
	pid_t pid;	      /* when ALIVE */
	uint64_t start_ticks; /* when ALIVE */
};

/**
 * Search the whole of /proc.
 * @param uuid "" or NULL: the name alone decides (the volume cannot be read)
 */
struct vmha_process vmha_process_find(const char *name, const char *uuid);

/**
 * Directory of libvirt's files of that QEMU ("/var/lib/libvirt/qemu/domain-3-web1"): its QMP socket
 * lies there.
 * @param[out] dir VMHA_PATH_SIZE bytes
 * @return 0; -ENOENT its command line does not tell; negative errno
 */
int vmha_process_dir(pid_t pid, char *dir);

#endif
