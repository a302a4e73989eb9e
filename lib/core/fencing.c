/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lib/core/fencing.h"

/*
 * Pacemaker's history tells when a node was fenced, not which of its lives that ended; and a node
 * whose clock is behind dates its record before a fencing that it has long survived:
 *
 *   node A, an hour behind                   this node
 *                                            12:00 fences A: in the history from now on
 *   is up again, joins: generation 8
 *   12:30 starts the role, writes its
 *         record: dated 11:30
 *   13:00 hangs, and its lease runs out      13:03 sees A dead; the record is older than the
 *                                                  fencing: A proven off?  It may yet wake up.
 *
 * So the record's date alone proves nothing.  What sanlock of this node saw of that generation is
 * told by this node's own clock.  A renewal after the fencing: the node has survived it.  As
 * sanlock looks only once a renewal, a true last one may be found when its node is off already:
 *
 *   node A                    fencer              sanlock of this node
 *   12:00:00 renews
 *                             12:00:05 A is off
 *                                                 12:00:20 finds A's renewal of 12:00:00
 *
 * A date in the future is of another clock, or this one was set back: it proves nothing.
 *
 * For that long (and its read) the two cannot be told apart by it.  A node that is back so soon is
 * given away by its uptime, which its renewals carry: it has booted after the fencing.
 */
bool vmha_fencing_ended(int64_t fenced_s, const struct vmha_life *life)
{
	struct vmha_lease_times t = vmha_lease_times(life->seen.io_timeout_s);
	int64_t live_s = life->now_s - (int64_t)life->mono_s + (int64_t)life->seen.live_s;
	int64_t unseen_s = (int64_t)t.renewal_s + t.io_timeout_s;

	return fenced_s <= life->now_s && fenced_s >= life->record_s &&
	       fenced_s + unseen_s >= live_s && fenced_s >= live_s - (int64_t)life->seen.up_s;
}
