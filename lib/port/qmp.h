/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef VMHA_PORT_QMP_H
#define VMHA_PORT_QMP_H

#include "lib/base/err.h"
#include "lib/base/mono.h"

/*
 * QEMU's own monitor socket, for when libvirtd is dead: QEMU serves one client at a time, so with
 * libvirtd alive (or stopped) nobody answers here.  Short conversations only: a libvirtd that comes
 * back waits for the socket.
 */
enum vmha_qmp_status {
	VMHA_QMP_SILENT, /* socket taken or gone, no answer in time */
	VMHA_QMP_RUNNING,
	VMHA_QMP_PAUSED,
	VMHA_QMP_SHUTDOWN, /* the guest has powered off; libvirt has QEMU wait for its word to end
			    */
};

/**
 * Run one command.
 * @param socket_path monitor.sock
 * @param command     its name, without arguments: "cont", "system_powerdown", "query-status"
 * @param[out] ret_reply JSON text of "return", caller frees; may be NULL
 * @return 0; -ECONNREFUSED nobody listens; -ETIMEDOUT; -EIO QEMU's own words in @err
 */
int vmha_qmp_run(const char *socket_path, const char *command, struct vmha_span timeout,
		 char **ret_reply, struct vmha_err **err);

enum vmha_qmp_status vmha_qmp_status(const char *socket_path, struct vmha_span timeout);

#endif
