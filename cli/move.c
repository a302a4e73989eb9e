/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cli/cli.h"

const struct vmha_command vmha_commands_move[] = {
	{ 0 },
};
