/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "clusterd/group.h"

static int compare(uint64_t a, uint64_t b)
{
	return a < b ? -1 : a > b;
}

int clusterd_worth_compare(const struct clusterd_worth *a, const struct clusterd_worth *b)
{
	int r = compare(a->quorate_ring, b->quorate_ring);

	/* A minority goes on counting events: `seq` alone would let it win. */
	r = r ? r : compare(a->quorate_seq, b->quorate_seq);
	r = r ? r : compare(a->live, b->live);
	return r ? r : compare(a->seq, b->seq);
}

void clusterd_worth_update(struct clusterd_worth *worth, const struct vmha_cluster *state)
{
	worth->seq = state->seq;
	if (state->quorate) {
		worth->quorate_ring = state->ring_seq;
		worth->quorate_seq = state->seq;
	}
}
