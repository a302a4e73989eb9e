/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef VMHA_PORT_IPC_WIRE_H
#define VMHA_PORT_IPC_WIRE_H

/*
 * What both ends of the IPC agree on.  A message is libqb's header and JSON text without NUL.
 * Request: header.id is the client's number of the call, 0..VMHA_IPC_SEQ_MAX.  Answer: the same id;
 * VMHA_IPC_MORE set in all but the last of its parts.  Pushed event: id 0, likewise in parts.
 */
#define VMHA_IPC_SERVICE	 "vmha"
#define VMHA_IPC_MAX_BYTES	 (128 * 1024) /* a request; a part of an answer is smaller */
#define VMHA_IPC_PART_BYTES	 (48 * 1024)
#define VMHA_IPC_MORE		 (1 << 30)
#define VMHA_IPC_SEQ_MAX	 (VMHA_IPC_MORE - 1)
#define VMHA_IPC_REPLY_MAX_BYTES (8 * 1024 * 1024) /* all parts */

#endif
