/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef VMHA_CLUSTERD_JOURNAL_H
#define VMHA_CLUSTERD_JOURNAL_H

#include "lib/core/cluster.h"

struct clusterd;

/** Append to this node's journal only; `wall_ms` 0 is now.  Never fails for the caller. */
void clusterd_journal_append(struct clusterd *c, const struct vmha_cjournal *entry);

/** Append on every node; on this one alone when the group cannot be reached. */
void clusterd_journal_send(struct clusterd *c, const struct vmha_cjournal *entry);

/** Is an entry about that fencing among the last? @param trace "" is in none */
bool clusterd_journal_has(const struct clusterd *c, const char *trace);

#endif
