/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef VMHA_CLI_NODE_UNITS_H
#define VMHA_CLI_NODE_UNITS_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "lib/base/err.h"

/* What systemd has to start at boot on a node, and to run. */
struct vmha_node_units {
	json_t *disabled; /* array of names: is to be enabled */
	json_t *stopped;  /* array of names: ours that do not run */
};

/** @param systemd it is the init here; else there is nothing to do. @return 0; -ENOMEM */
int vmha_node_units_look(bool systemd, struct vmha_node_units *ret_units);

/** @return how much there is to do */
size_t vmha_node_units_count(const struct vmha_node_units *u);

int vmha_node_units_enable(const struct vmha_node_units *u, struct vmha_err **err);
int vmha_node_units_start(const struct vmha_node_units *u, struct vmha_err **err);
void vmha_node_units_free(struct vmha_node_units *u);

/** @param unit NULL: none */
int vmha_node_systemctl(const char *verb, const char *unit, struct vmha_err **err);

#endif
