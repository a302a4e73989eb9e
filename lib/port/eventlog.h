/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef VMHA_PORT_EVENTLOG_H
#define VMHA_PORT_EVENTLOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "lib/base/err.h"
#include "lib/base/mono.h"

/*
 * The journal of events on disk: a line an event in FILE; when it is large it becomes FILE.1 (that
 * FILE.2, ...) and a new one is begun.  A line is there whole or, when the power or the disk failed
 * in the middle, cut: readers drop such a line, the next writer begins a new one.
 */
#define VMHA_EVENTLOG_FILE     "/var/log/vmha/events.jsonl"
#define VMHA_EVENTLOG_LINE_MAX 8192 /* bytes; longer ones are refused, and dropped by readers */

struct vmha_eventlog;

/**
 * @param path its directory is made when it is missing, mode 0750
 * @param gid  group of files and directory, mode 0640; (gid_t)-1: as it comes
 * @return 0 also when the file cannot be opened now: each append tries again; -ENOMEM
 */
int vmha_eventlog_open(struct vmha_eventlog **ret_log, const char *path, gid_t gid);

/** Rotate at @max_bytes and keep @files old ones (those past that are removed at the next time). */
void vmha_eventlog_limit(struct vmha_eventlog *log, uint64_t max_bytes, unsigned int files);

/**
 * Append a line, in one write.
 * @param line without its end
 * @return 0; -ENOSPC, -EIO, ...: it is lost, what was written before is whole; -EMSGSIZE
 */
int vmha_eventlog_append(struct vmha_eventlog *log, const char *line, struct vmha_err **err);

void vmha_eventlog_close(struct vmha_eventlog *log); /* NULL is fine */

/* Reading: from the oldest line to the newest. */
struct vmha_eventlog_reader;

/** @return 0, also when there is no file yet; -EACCES and the like; -ENOMEM */
int vmha_eventlog_reader_open(struct vmha_eventlog_reader **ret_reader, const char *path,
			      struct vmha_err **err);
/**
 * @param[out] ret_line without its end, valid until the next call; set on 0 only
 * @return 0; -EAGAIN no more at present: after vmha_eventlog_reader_wait() there may be
 */
int vmha_eventlog_reader_next(struct vmha_eventlog_reader *reader, const char **ret_line);
/** Wait until something was written. @return 0 something was; -ETIMEDOUT; -EINTR; negative errno */
int vmha_eventlog_reader_wait(struct vmha_eventlog_reader *reader, struct vmha_span timeout);
void vmha_eventlog_reader_close(struct vmha_eventlog_reader *reader); /* NULL is fine */

#endif
