/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "cli/cli.h"
#include "lib/base/cleanup.h"
#include "lib/base/str.h"

static int lab_run(int argc, char **argv, struct vmha_err **err)
{
	const char *dir = getenv("VMHA_LIBEXECDIR"); /* an uninstalled build names its own */
	vmha_autofree char *path = vmha_str_printf("%s/vmha-lab", dir ? dir : VMHA_PKGLIBEXECDIR);

	(void)argc;
	if (!path) {
		return vmha_err_set(err, -ENOMEM, "out of memory");
	}
	argv[0] = path;
	(void)execv(path, argv);
	return vmha_err_errno(err, -errno, "cannot run %s (is the lab installed?)", path);
}

const struct vmha_command vmha_commands_lab[] = {
	{
		.name = "lab",
		.args = "up|down|status|exec|power|cut|heal|... [ARGUMENTS]",
		.summary =
			"A real cluster on this one machine, to try and to test (vmha lab --help)",
		.run = lab_run,
		.raw = true,
	},
	{ 0 },
};
