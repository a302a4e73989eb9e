/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef VMHA_AGENT_PARAMS_H
#define VMHA_AGENT_PARAMS_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/base/err.h"
#include "lib/core/guest.h"
#include "lib/role/ocf.h"
#include "lib/role/role.h"

/*
 * The parameters, in one table: parser and meta-data.
 * name, type, default, required, unique (see meta.c), minimum, maximum, short and long text
 */
#define VM_PARAMS(X)                                                                               \
	X(name, "string", "", 0, 1, 0, 0, "Name of the role",                                      \
	  "Name of the VM on its volume. Default: the name of the resource.")                      \
	X(volume, "string", "", 1, 0, 0, 0, "Volume it lies on",                                   \
	  "Name of the cluster shared volume that holds the VM: its definition and its lease "     \
	  "are\n"                                                                                  \
	  "at /clusterstorage/VOLUME. 'vmha vm add' puts them there.")                             \
	X(migration_mode, "string", "live", 0, 0, 0, 0, "How it moves: live, quick or auto",       \
	  "live: the running VM is copied to the other node and stands still for a fraction of "   \
	  "a\n"                                                                                    \
	  "second. quick: it is saved onto the volume and continued from there, and stands "       \
	  "still\n"                                                                                \
	  "for some seconds; needs no migration network. auto: live, and quick where the VM\n"     \
	  "changes its memory faster than it can be copied.")                                      \
	X(on_stall, "string", "giveup", 0, 0, 0, 0,                                                \
	  "Live move does not converge: giveup, quick or postcopy",                                \
	  "What becomes of a live move of a VM that changes its memory as fast as it is copied.\n" \
	  "giveup: it stays where it is. quick: it is moved quickly instead, and stands still "    \
	  "for\n"                                                                                  \
	  "some seconds; migration_mode=auto means the same. postcopy: it goes on on the other\n"  \
	  "node at once, and fetches its memory as it needs it. If either node or the network\n"   \
	  "between them fails meanwhile, its memory is lost and it is started again.")             \
	X(graceful_s, "integer", "90", 0, 0, 0, 3600, "Time to power off by itself, seconds",      \
	  "What a VM gets at stop to power off by itself after its power button was pressed, in\n" \
	  "seconds, within the timeout of the stop operation less 15 s; then it is ended by\n"     \
	  "force. 0: at once by force.")                                                           \
	X(on_guest_shutdown, "string", "restart", 0, 0, 0, 0,                                      \
	  "When it shuts itself down: restart or stop",                                            \
	  "What is to be done when the guest's own operating system has shut down, without any\n"  \
	  "order of the cluster. restart: it is started again. stop: it stays off: its\n"          \
	  "target-role becomes Stopped, until 'crm resource start'.")                              \
	X(on_io_error, "string", "keep", 0, 0, 0, 0,                                               \
	  "When an I/O error has paused it: keep or restart",                                      \
	  "What is to be done with a guest that QEMU has paused because its disk failed (in its\n" \
	  "definition: error_policy='stop'). keep: it stands still, reported as degraded, until\n" \
	  "the storage is repaired and it is resumed ('virsh resume'). restart: it counts as\n"    \
	  "failed, and is ended and started again, here or elsewhere.")                            \
	X(on_panic, "string", "restart", 0, 0, 0, 0,                                               \
	  "When its kernel has panicked: restart or keep",                                         \
	  "What is to be done with a guest whose kernel has panicked and which stands still (a\n"  \
	  "pvpanic device and on_crash preserve). restart: it counts as failed. "                  \
	  "keep:\n"                                                                                \
	  "it is kept for inspection, reported as degraded. With on_crash destroy libvirt ends "   \
	  "it,\n"                                                                                  \
	  "and it is restarted.")                                                                  \
	X(on_watchdog, "string", "restart", 0, 0, 0, 0,                                            \
	  "When its watchdog has paused it: restart or keep",                                      \
	  "What is to be done with a guest that its watchdog device has paused (action='pause')\n" \
	  "because its system hangs. restart: it counts as failed. keep: it is kept for\n"         \
	  "inspection, reported as degraded.")

struct vm_params {
	struct vmha_role role;
	const char *migration_mode;
	const char *on_stall;
	uint64_t graceful_s;
	struct vmha_guest_policy policy;
	const char *node;    /* as Pacemaker says; NULL by hand */
	uint64_t timeout_ms; /* of the action, less a margin */
	uint64_t interval_ms;
	const char *target; /* of migrate_to */
};

/** Read parameters from the environment. @return 0; -EINVAL with which and why */
int vm_params_read(struct vm_params *ret_params, struct vmha_err **err);

/** Print the meta-data. */
void vm_meta_data(void);

#endif
