/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef VMHA_CLUSTERD_NET_VIEW_H
#define VMHA_CLUSTERD_NET_VIEW_H

#include "clusterd/clusterd.h"
#include "lib/core/cluster.h"
#include "lib/core/network.h"

/** What lib/core/network.h wants of the replicated state; borrows from it. */
struct net_view {
	struct vmha_network_node nodes[VMHA_CLUSTER_NODES_MAX];
	struct vmha_network_settings settings;
	struct vmha_network_input in;
};

/** @return 0; -EAGAIN there is no state yet */
int net_view_fill(const struct clusterd *c, struct net_view *view, struct vmha_err **err);

#endif
