/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef VMHA_CORE_NETWORK_PAIR_H
#define VMHA_CORE_NETWORK_PAIR_H

#include "lib/core/network.h"

/* Between the files of networks: who reaches whom. */

/** State of a network and its addresses' `lost`, from what the members have reported. */
void vmha_network_judge(const struct vmha_network_input *in, struct vmha_network *net);

#endif
