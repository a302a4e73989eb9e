/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef VMHA_CLUSTERD_FORGET_H
#define VMHA_CLUSTERD_FORGET_H

struct clusterd;

/** The nodes in Pacemaker's configuration may have changed: is one to be forgotten? */
void clusterd_forget_look(struct clusterd *c);

#endif
